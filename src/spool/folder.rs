//! The folder of the spool: made, locked, cleaned.
//!
//! The operator names a directory; ours is a folder inside it with a marker, so that no mistyped name can cost anybody a file.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The folder in the operator's directory.
const FOLDER: &str = "sluicegate-spool";
/// The file that says whose folder it is, and is locked while a gateway uses it.
const MARKER: &str = "SPOOL";
const MARKED: &str =
    "Segments of live streams, kept here by Sluicegate while it runs ([segments] spool).\nAll of it may be deleted when it does not.\n";
/// What names of our files end with; before it stands a number.
const VOLUME: &str = ".segments";
/// Nobody else has any business with what viewers may need a token for.
const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// Why a directory cannot serve as spool.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something that was to be done there was refused.
    #[error("{path} cannot be {what}: {error}", path = .path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        error: io::Error,
    },
    /// It is not a directory.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Its folder has files in it and lacks our marker.
    #[error("{} holds files but no {MARKER} that says they are a gateway's; move them away, or choose another directory", .0.display())]
    NotOurs(PathBuf),
    /// Another gateway runs with it.
    #[error("{} is used by another gateway that is running; give each a directory of its own", .0.display())]
    InUse(PathBuf),
}

/// Our folder, locked.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder in `directory`, and `directory` itself where only that is missing; removes what an earlier gateway left.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        make(directory, "made (its parent must be there)")?;
        if !directory.is_dir() {
            return Err(OpenError::NotADirectory(directory.to_owned()));
        }
        let path = directory.join(FOLDER);
        make(&path, "made")?;
        // A link could lead to anything.
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        if !is_folder {
            return Err(OpenError::NotADirectory(path));
        }
        let refused = |what| move |error| OpenError::Refused { path: path_of(directory), what, error };
        let marker = path.join(MARKER);
        match fs::symlink_metadata(&marker) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(OpenError::NotOurs(path)),
            Err(_) if fs::read_dir(&path).map_err(refused("read"))?.next().is_some() => return Err(OpenError::NotOurs(path)),
            Err(_) => {}
        }
        let mut options = OpenOptions::new();
        let lock = options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE).open(&marker).map_err(refused("used"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(refused("locked")(error)),
        }
        let mut says = Vec::new();
        (&lock).take(MARKED.len() as u64 + 1).read_to_end(&mut says).map_err(refused("read"))?;
        match says.as_slice() {
            // Or as far as it was written when a gateway was killed.
            said if MARKED.as_bytes().starts_with(said) => lock.write_all_at(MARKED.as_bytes(), 0).map_err(refused("written"))?,
            _ => return Err(OpenError::NotOurs(path)),
        }
        fs::set_permissions(&path, Permissions::from_mode(PRIVATE_FOLDER)).map_err(refused("made private"))?;
        let folder = Self { path, lock };
        folder.clean().map_err(refused("cleaned"))?;
        Ok(folder)
    }

    /// Where the volume of that number is.
    pub fn volume(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number}{VOLUME}"))
    }

    /// Removes all volumes and lets another gateway use the folder.
    pub fn close(&self) {
        if let Err(error) = self.clean().and_then(|()| self.lock.unlock()) {
            tracing::warn!(folder = %self.path.display(), %error, "segments were left in the spool; the next start removes them");
        }
    }

    /// Removes the files that are named like ours, and tells of those that are not.
    fn clean(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_volume(&name.to_string_lossy()) && entry.file_type()?.is_file() {
                match fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            } else if name != MARKER {
                tracing::warn!(file = %entry.path().display(), "this is not of the spool and is left alone; better move it away");
            }
        }
        Ok(())
    }
}

fn path_of(directory: &Path) -> PathBuf {
    directory.join(FOLDER)
}

/// Makes a directory for ourselves alone, where there is none.
fn make(path: &Path, what: &'static str) -> Result<(), OpenError> {
    match DirBuilder::new().mode(PRIVATE_FOLDER).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(OpenError::Refused { path: path.to_owned(), what, error }),
        _ => Ok(()),
    }
}

/// Makes a volume, which must not be there yet.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(path)
}

fn is_volume(name: &str) -> bool {
    name.strip_suffix(VOLUME).is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_is_made_for_us_alone_in_a_directory_that_may_be_missing() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("spool");
        let folder = Folder::open(&directory).unwrap();
        assert_eq!(names(&directory), [FOLDER]);
        assert_eq!(names(&folder.path), [MARKER]);
        assert_eq!(fs::read_to_string(folder.path.join(MARKER)).unwrap(), MARKED);
        for path in [&directory, &folder.path] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, PRIVATE_FOLDER);
        }
        let error = Folder::open(&root.path().join("no/such")).unwrap_err().to_string();
        assert!(error.contains("no/such cannot be made (its parent must be there)"), "{error}");
    }

    #[test]
    fn what_an_earlier_gateway_left_is_removed_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let path = folder.path.clone();
        drop(create(&folder.volume(7)).unwrap());
        for other in ["notes.txt", ".segments", "-1.segments", "7.segments.bak"] {
            fs::write(path.join(other), "of somebody").unwrap();
        }
        fs::create_dir(path.join("8.segments")).unwrap();
        symlink(root.path(), path.join("9.segments")).unwrap();
        fs::write(root.path().join("10.segments"), "outside").unwrap();
        drop(folder);
        let folder = Folder::open(root.path()).unwrap();
        let left = ["-1.segments", ".segments", "7.segments.bak", "8.segments", "9.segments", "SPOOL", "notes.txt"];
        assert_eq!(names(&path), left);
        assert_eq!(names(root.path()), ["10.segments", FOLDER]);
        drop(create(&folder.volume(1)).unwrap());
        folder.close();
        assert_eq!(names(&path), left);
    }

    #[test]
    fn a_second_gateway_is_refused_until_the_first_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::open(root.path()).unwrap();
        let error = Folder::open(root.path()).unwrap_err();
        assert!(matches!(error, OpenError::InUse(_)) && error.to_string().contains("used by another gateway"), "{error}");
        first.close();
        let second = Folder::open(root.path()).unwrap();
        drop((first, second));
        Folder::open(root.path()).unwrap();
    }

    #[test]
    fn a_directory_that_is_none_of_ours_is_refused_and_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let open = || Folder::open(root.path()).unwrap_err();
        let path = root.path().join(FOLDER);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("1.segments"), "precious").unwrap();
        assert!(matches!(open(), OpenError::NotOurs(_)));
        fs::write(path.join(MARKER), "of something else").unwrap();
        assert!(matches!(open(), OpenError::NotOurs(_)));
        assert_eq!(fs::read_to_string(path.join("1.segments")).unwrap(), "precious");
        // A marker that was cut off in the middle of a crash is still one.
        fs::write(path.join(MARKER), &MARKED[..20]).unwrap();
        drop(Folder::open(root.path()).unwrap());
        fs::remove_dir_all(&path).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), &path).unwrap();
        assert!(matches!(open(), OpenError::NotADirectory(_)));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert!(matches!(open(), OpenError::NotADirectory(_)));
        let error = Folder::open(&path).unwrap_err();
        assert!(error.to_string().ends_with("is not a directory"), "{error}");
    }
}
