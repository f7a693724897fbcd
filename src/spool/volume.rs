//! A file of the spool, from the first slot in it to its removal.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::health::Health;
use crate::segment::body::{Place, Volume};
use crate::segment::budget::Share;
use crate::segment::pieces::Pieces;

/// A file that is being filled.
#[derive(Debug)]
pub(super) struct Filling {
    file: Arc<File>,
    volume: Arc<Volume>,
    length: Arc<AtomicU64>,
    slots: usize,
}

/// A file to be removed.
#[derive(Debug)]
pub(super) struct Removal {
    path: PathBuf,
    /// Whose it is, and how long.
    share: Arc<Share>,
    length: u64,
}

/// Held by a [`Volume`]: asks for the file's removal when nobody holds a place in it.
struct Hold {
    path: PathBuf,
    share: Arc<Share>,
    length: Arc<AtomicU64>,
    removals: mpsc::UnboundedSender<Removal>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (path, share) = (std::mem::take(&mut self.path), Arc::clone(&self.share));
        // Nobody takes it when the gateway stops; then all files go at once.
        let _ = self.removals.send(Removal { path, share, length: self.length.load(Ordering::Relaxed) });
    }
}

impl Filling {
    /// A file that was just made.
    pub fn new(file: File, number: u64, path: PathBuf, share: Arc<Share>, removals: mpsc::UnboundedSender<Removal>) -> Self {
        let length = Arc::new(AtomicU64::new(0));
        let volume = Volume::new(number, Hold { path, share, length: Arc::clone(&length), removals });
        Self { file: Arc::new(file), volume, length, slots: 0 }
    }

    /// Writes bodies behind what is there. Blocks.
    ///
    /// # Errors
    /// What the system says; the file is then as if nothing had been written.
    pub fn append(&mut self, bodies: &[Pieces]) -> io::Result<Vec<Place>> {
        let mut offset = self.length();
        let mut places = Vec::with_capacity(bodies.len());
        for body in bodies {
            places.push(Place { volume: Arc::clone(&self.volume), offset, length: body.len() });
            for piece in body.as_slice() {
                self.file.write_all_at(piece, offset)?;
                offset += piece.len() as u64;
            }
        }
        self.slots += 1;
        self.length.store(offset, Ordering::Relaxed);
        Ok(places)
    }

    pub fn length(&self) -> u64 {
        self.length.load(Ordering::Relaxed)
    }

    pub fn slots(&self) -> usize {
        self.slots
    }
}

/// Removes files, one after another, until nothing can ask for it any more or the spool is closed, when the directory may be another's.
pub(super) async fn remove_all(mut removals: mpsc::UnboundedReceiver<Removal>, is_closed: Arc<AtomicBool>, health: Arc<Health>) {
    while let Some(Removal { path, share, length }) = removals.recv().await {
        if is_closed.load(Ordering::Acquire) {
            return;
        }
        let removed = tokio::task::spawn_blocking(move || fs::remove_file(path)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => health.remove_failed(&error),
            _ => share.give_back(length),
        }
    }
}
