//! What all viewers know together: playlists read once, files with what they must be, and when the parts in them were complete.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;

use super::playlist::{self, Media, Multivariant};
use crate::check::{Fault, TRACKS, Track};
use crate::delays::Delays;
use crate::fmp4::Fmp4;
use crate::publish::Sent;
use crate::stamp::now;

/// Texts of one playlist that are known again: viewers are not all at the same one.
const TEXTS: usize = 8;

/// A file, by its place in the library.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FileId(u32);

/// A media playlist with its addresses looked up.
#[derive(Debug)]
pub struct Listed {
    /// Oldest first.
    pub parts: Vec<ListedPart>,
    pub init: Option<FileId>,
    pub hint: Option<FileId>,
    /// The request for the playlist that comes next.
    pub reload: Bytes,
}

#[derive(Clone, Copy, Debug)]
pub struct ListedPart {
    pub file: FileId,
    pub independent: bool,
    place: (u64, u64),
}

/// A moment at which there was more to fetch.
#[derive(Clone, Debug)]
pub struct Step {
    /// Nanoseconds since recording began.
    pub at: u64,
    pub track: Track,
    /// The playlist that told so, then the parts new in it.
    pub files: Vec<FileId>,
}

/// Files, texts and the recording.
#[derive(Debug)]
pub struct Library {
    host: String,
    whole_playlists: bool,
    playlists: Vec<Playlist>,
    files: Vec<File>,
    ids: HashMap<String, FileId>,
    recording: Option<Recording>,
}

#[derive(Debug)]
struct Playlist {
    path: String,
    /// Newest first.
    texts: VecDeque<(Bytes, Rc<Listed>)>,
}

#[derive(Debug)]
struct File {
    path: String,
    request: Bytes,
    track: Track,
    role: Role,
    length: Option<u64>,
    body: Option<Bytes>,
    /// When each viewer had it whole.
    arrivals: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Init,
    /// A part that was hinted at.
    Hinted,
    /// A part with its place in the playlist.
    Part((u64, u64)),
    /// A playlist as it was at some moment.
    Text,
}

#[derive(Debug)]
struct Recording {
    began: u64,
    steps: Vec<Step>,
    /// The place of the last part of each playlist.
    reached: [Option<(u64, u64)>; TRACKS.len()],
}

impl Library {
    /// An empty one, for files of that host.
    pub fn new(host: &str, whole_playlists: bool) -> Self {
        let host = host.to_owned();
        Self { host, whole_playlists, playlists: Vec::new(), files: Vec::new(), ids: HashMap::new(), recording: None }
    }

    /// What a viewer asks for first.
    pub fn request(&self, path: &str) -> Bytes {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: fanout\r\nAccept: */*\r\n\r\n", self.host).into()
    }

    /// Reads the multivariant playlist at `path`; how many media playlists a viewer of it follows.
    pub fn multivariant(&mut self, path: &str, text: &[u8]) -> Result<usize, Fault> {
        let Multivariant { playlists } = playlist::multivariant(utf8(text)?)?;
        if self.playlists.is_empty() {
            let paths = playlists.iter().map(|uri| resolve(path, uri)).collect::<Result<Vec<_>, _>>()?;
            self.playlists = paths.into_iter().map(|path| Playlist { path, texts: VecDeque::new() }).collect();
        }
        Ok(self.playlists.len())
    }

    /// The request for a media playlist as it is now.
    pub fn first_request(&self, track: Track) -> Option<Bytes> {
        self.playlists.get(track as usize).map(|playlist| self.request(&playlist.path))
    }

    /// Reads a media playlist, unless another viewer had the same.
    pub fn listed(&mut self, track: Track, text: &[u8]) -> Result<Rc<Listed>, Fault> {
        let playlist = self.playlists.get(track as usize).ok_or(Fault::Playlist("of no known track"))?;
        if let Some((_, listed)) = playlist.texts.iter().find(|(known, _)| known == text) {
            return Ok(Rc::clone(listed));
        }
        let path = playlist.path.clone();
        let Media { parts, map, hint, can_skip, next: (msn, part) } = playlist::media(utf8(text)?)?;
        let parts = parts.into_iter().map(|part| {
            let file = self.file(track, resolve(&path, &part.uri)?, Role::Part(part.place));
            Ok(ListedPart { file, independent: part.independent, place: part.place })
        });
        let parts = parts.collect::<Result<Vec<_>, Fault>>()?;
        let skip = if can_skip && !self.whole_playlists { "&_HLS_skip=YES" } else { "" };
        let listed = Rc::new(Listed {
            parts,
            init: map.map(|uri| Ok(self.file(track, resolve(&path, &uri)?, Role::Init))).transpose()?,
            hint: hint.map(|uri| Ok(self.file(track, resolve(&path, &uri)?, Role::Hinted))).transpose()?,
            reload: self.request(&format!("{path}?_HLS_msn={msn}&_HLS_part={part}{skip}")),
        });
        let text = Bytes::copy_from_slice(text);
        self.note(track, &text, &listed);
        let texts = &mut self.playlists[track as usize].texts;
        texts.push_front((text, Rc::clone(&listed)));
        texts.truncate(TEXTS);
        Ok(listed)
    }

    /// The request for a file.
    pub fn request_for(&self, file: FileId) -> Bytes {
        self.files[file.0 as usize].request.clone()
    }

    /// Whether a file is a part, rather than an init segment or a playlist.
    pub fn is_part(&self, file: FileId) -> bool {
        matches!(self.files[file.0 as usize].role, Role::Hinted | Role::Part(_))
    }

    /// A viewer has a file whole: it must be what the others got. Only some bring its bytes.
    pub fn received(&mut self, file: FileId, length: u64, body: Option<&[u8]>, at: u64) -> Result<(), Fault> {
        let file = &mut self.files[file.0 as usize];
        file.arrivals.push(at);
        if *file.length.get_or_insert(length) != length {
            return Err(Fault::OtherBytes);
        }
        match (&file.body, body) {
            (Some(known), Some(body)) if known != body => Err(Fault::OtherBytes),
            (None, Some(body)) => {
                file.body = Some(Bytes::copy_from_slice(body));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// From now on what is new is recorded, and arrivals count.
    pub fn begin(&mut self) {
        let newest = |playlist: &Playlist| Some(playlist.texts.front()?.1.parts.last()?.place);
        let reached = TRACKS.map(|track| self.playlists.get(track as usize).and_then(newest));
        self.recording = Some(Recording { began: now(), steps: Vec::new(), reached });
        self.forget_arrivals();
    }

    /// The recording ends.
    pub fn end(&mut self) -> Vec<Step> {
        let steps = self.recording.take().map_or_else(Vec::new, |recording| recording.steps);
        let is_whole = |step: &Step| step.files.iter().all(|file| self.files[file.0 as usize].body.is_some());
        steps.into_iter().filter(is_whole).collect()
    }

    /// Arrivals count anew.
    pub fn forget_arrivals(&mut self) {
        self.files.iter_mut().for_each(|file| file.arrivals.clear());
    }

    /// A file's path and its bytes.
    pub fn contents(&self, file: FileId) -> Option<(&str, Bytes)> {
        let file = &self.files[file.0 as usize];
        Some((&file.path, file.body.clone()?))
    }

    /// Reads every part that came whole, follows its frames from part to part, and tells when each was complete: when the publisher had
    /// sent the frame that follows its last one, for only that tells how long the last one lasts.
    pub fn completed(&self, sent: &Sent) -> Result<HashMap<FileId, u64>, Fault> {
        let mut completed = HashMap::new();
        for track in TRACKS {
            let of_track = || self.files.iter().enumerate().filter(move |(_, file)| file.track == track);
            let init = of_track().find_map(|(_, file)| file.body.clone().filter(|_| file.role == Role::Init)).unwrap_or_default();
            let mut parts: Vec<_> = of_track().filter_map(|(id, file)| Some((file.place()?, id, file.body.as_deref()))).collect();
            parts.sort_unstable();
            let mut before = None;
            for (_, id, body) in parts {
                let frames = body.map(|body| frames(&init, body, track)).transpose()?;
                if before.zip(frames).is_some_and(|(before, (first, _))| before + 1 != first) {
                    return Err(Fault::PartsMissing);
                }
                before = frames.map(|(_, last)| last);
                completed.extend(before.and_then(|last| Some((FileId(id as u32), sent.at(track, last + 1)?))));
            }
        }
        Ok(completed)
    }

    /// How long the parts that were complete within an interval took to each of so many viewers.
    pub fn delays(&self, completed: &HashMap<FileId, u64>, interval: (u64, u64), viewers: usize) -> Delays {
        let mut delays = Delays::default();
        for (id, &complete) in completed {
            let file = &self.files[id.0 as usize];
            delays.add(file.track, complete, &file.arrivals, interval, viewers);
        }
        delays
    }

    fn file(&mut self, track: Track, path: String, role: Role) -> FileId {
        if let Some(known) = self.ids.get(&path).copied() {
            let file = &mut self.files[known.0 as usize];
            if file.role == Role::Hinted {
                file.role = role;
            }
            return known;
        }
        let id = FileId(self.files.len() as u32);
        let request = self.request(&path);
        self.ids.insert(path.clone(), id);
        self.files.push(File { path, request, track, role, length: None, body: None, arrivals: Vec::new() });
        id
    }

    /// Records what a text brings. One that only repeats known parts is that of a viewer who asked a moment later.
    fn note(&mut self, track: Track, text: &Bytes, listed: &Listed) {
        let Some(Recording { began, steps, reached }) = &mut self.recording else { return };
        let reached = &mut reached[track as usize];
        let new: Vec<_> = listed.parts.iter().filter(|part| reached.is_none_or(|reached| part.place > reached)).collect();
        let Some(last) = new.last() else { return };
        *reached = Some(last.place);
        let (at, number) = (now() - *began, steps.len());
        let parts: Vec<_> = new.iter().map(|part| part.file).collect();
        let folder = self.playlists[track as usize].path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let playlist = self.file(track, format!("{folder}/text-{number}.m3u8"), Role::Text);
        self.files[playlist.0 as usize].body = Some(text.clone());
        let step = Step { at, track, files: [playlist].into_iter().chain(parts).collect() };
        self.recording.iter_mut().for_each(|recording| recording.steps.push(step.clone()));
    }
}

impl File {
    fn place(&self) -> Option<(u64, u64)> {
        match self.role {
            Role::Part(place) => Some(place),
            Role::Init | Role::Hinted | Role::Text => None,
        }
    }
}

impl Listed {
    /// What is new behind `last`; from the newest independent part on for who has none yet.
    pub fn behind(&self, last: Option<FileId>) -> Result<&[ListedPart], Fault> {
        let from = match last {
            None => self.parts.iter().rposition(|part| part.independent),
            Some(last) if self.hint == Some(last) => Some(self.parts.len()),
            Some(last) => Some(self.parts.iter().rposition(|part| part.file == last).ok_or(Fault::PartsMissing)? + 1),
        };
        Ok(from.and_then(|from| self.parts.get(from..)).unwrap_or_default())
    }
}

/// The numbers of the first and the last frame in a part whose boxes are whole and whose frames follow one another.
fn frames(init: &[u8], part: &[u8], track: Track) -> Result<(u64, u64), Fault> {
    let mut reader = Fmp4::default();
    reader.take(&mut &*init)?;
    let (mut rest, mut frames) = (part, Vec::new());
    while let Some(unit) = reader.take(&mut rest)? {
        if unit.track != track {
            return Err(Fault::Playlist("a part of another track"));
        }
        frames.push(unit.stamp.ok_or(Fault::NoStamp)?.frame);
    }
    if !reader.is_between_boxes() {
        return Err(Fault::Fragment("the part ends within a box"));
    }
    match (frames.first(), frames.last()) {
        (Some(first), Some(last)) if frames.windows(2).all(|pair| pair[0] + 1 == pair[1]) => Ok((*first, *last)),
        _ => Err(Fault::Order),
    }
}

/// An address in a playlist, as a path on the same host.
fn resolve(playlist: &str, uri: &str) -> Result<String, Fault> {
    if uri.contains("://") {
        return Err(Fault::Playlist("an address on another host"));
    }
    let folder = playlist.split('?').next().and_then(|path| path.rsplit_once('/')).map_or("", |(folder, _)| folder);
    Ok(if uri.starts_with('/') { uri.to_owned() } else { format!("{folder}/{uri}") })
}

fn utf8(text: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(text).map_err(|_| Fault::Playlist("not UTF-8"))
}
