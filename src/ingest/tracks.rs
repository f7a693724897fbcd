//! The tracks of one publication: what is known of each, and which of them a viewer can be told of.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::held::{self, Unit};
use super::limits::Meter;
use super::notes::Notes;
use super::words::Words;
use crate::media::{Codec, Hdr, Kind, Metadata, Span, Timestamp, Track, TrackId, TrackSet};

/// A video track that has been silent for so long while another goes on is taken out of the program: viewers who join would wait for its
/// pictures.
const SILENCE: Span = Span::from_secs(10);

/// A track whose newest sample is no older than this goes on.
const GOES_ON: Span = Span::from_secs(1);

/// All tracks, by kind and index. There are at most [`crate::flv::MAX_TRACKS`] of each kind.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    known: BTreeMap<TrackId, Known>,
    /// What was told of tracks, some of it before their configuration.
    notes: BTreeMap<TrackId, Notes>,
}

/// What a packet beside the media comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// Nothing that viewers do not know, or need not know yet.
    Nothing,
    /// They have to be told.
    News,
    /// They would have to be told more than once a second.
    TooOften,
}

#[derive(Debug)]
struct Known {
    codec: Codec,
    /// Pictures are passed over until one can be decoded.
    awaits_sync: bool,
    /// It has been silent, and is not in the program.
    is_silent: bool,
    /// Frames per second, as seen while the tracks settled.
    measured: Option<f64>,
    /// Its newest sample, or when it was first waited for.
    newest: Option<Timestamp>,
    /// Changes of its configuration.
    changes: Meter,
}

impl Tracks {
    /// Whether that track was configured before.
    pub(super) fn knows(&self, id: TrackId) -> bool {
        self.known.contains_key(&id)
    }

    /// Whether there is a track of that kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.known.keys().any(|id| id.kind == kind)
    }

    /// The video track that decides where the stream starts and can be joined: the one of lowest index.
    pub(super) fn leading(&self) -> Option<TrackId> {
        self.known.iter().find(|(id, known)| id.kind == Kind::Video && !known.is_silent).map(|(id, _)| *id)
    }

    /// Takes a new configuration; its next picture has to be one that can be decoded. False when changes come too often.
    pub(super) fn configure(&mut self, id: TrackId, codec: Codec, now: Instant) -> bool {
        self.notes.entry(id).or_default().key_frame = Hdr::default();
        match self.known.get_mut(&id) {
            Some(known) => {
                (known.codec, known.awaits_sync, known.is_silent, known.newest) = (codec, true, false, None);
                !known.changes.exceeds(now)
            }
            None => {
                let changes = Meter::default();
                let known = Known { codec, awaits_sync: true, is_silent: false, measured: None, newest: None, changes };
                self.known.insert(id, known);
                true
            }
        }
    }

    /// Takes down what was told of a track. What decoders must know ahead of the pictures holds from the next key frame on.
    pub(super) fn take_down(&mut self, id: TrackId, now: Instant, is_live: bool, write: impl FnOnce(&mut Notes)) -> Told {
        if !is_live {
            write(self.notes.entry(id).or_default());
            return Told::Nothing;
        }
        let before = self.affected_by(id);
        write(self.notes.entry(id).or_default());
        let after = self.affected_by(id);
        let mut told = Told::Nothing;
        for (before, after) in before.iter().zip(&after).filter(|(before, after)| before != after) {
            let Some(known) = self.known.get_mut(&after.id) else { continue };
            known.awaits_sync |= (before.color, before.hdr) != (after.color, after.hdr);
            if known.changes.exceeds(now) {
                return Told::TooOften;
            }
            told = Told::News;
        }
        told
    }

    /// Measures how fast the pictures of each track come.
    pub(super) fn measure(&mut self, units: &VecDeque<Unit>) {
        for (id, known) in self.known.iter_mut().filter(|(id, _)| id.kind == Kind::Video) {
            known.measured = held::measured_rate(units, *id);
        }
    }

    /// From here on every video track needs a picture that can be decoded.
    pub(super) fn await_sync(&mut self) {
        self.known.values_mut().for_each(|known| known.awaits_sync = true);
    }

    /// Whether a sample can be used: sound always can, a picture when it can be decoded.
    pub(super) fn admits(&mut self, id: TrackId, is_sync: bool) -> bool {
        let Some(known) = self.known.get_mut(&id).filter(|_| id.kind == Kind::Video) else { return true };
        known.awaits_sync &= !is_sync;
        !known.awaits_sync
    }

    /// Notes a sample on its way to viewers. True when its track had been silent and has to be in the program again.
    pub(super) fn note(&mut self, id: TrackId, dts: Timestamp) -> bool {
        let Some(known) = self.known.get_mut(&id) else { return false };
        known.newest = Some(dts);
        std::mem::take(&mut known.is_silent)
    }

    /// Finds video tracks that have fallen silent while another goes on, and takes them out. `newest` is the newest sample of any track.
    pub(super) fn leave_silent(&mut self, newest: Timestamp) -> Vec<TrackId> {
        for known in self.known.values_mut() {
            // One that has sent nothing yet is waited for from now on.
            known.newest.get_or_insert(newest);
        }
        let age = |known: &Known| known.newest.map_or(Span::ZERO, |own| newest.since(own));
        let video = || self.known.iter().filter(|(id, known)| id.kind == Kind::Video && !known.is_silent);
        if !video().any(|(_, known)| age(known) <= GOES_ON) {
            return Vec::new();
        }
        let silent: Vec<TrackId> = video().filter(|(_, known)| age(known) > SILENCE).map(|(id, _)| *id).collect();
        self.silence(&silent);
        silent
    }

    /// Takes the video tracks out that have sent nothing to start with, where another has.
    pub(super) fn leave_empty(&mut self, units: &VecDeque<Unit>) {
        let starts = |id: TrackId| units.iter().any(|unit| unit.track == id && unit.is_sync);
        let (with, without): (Vec<_>, Vec<_>) = self.known.keys().filter(|id| id.kind == Kind::Video).partition(|id| starts(**id));
        if !with.is_empty() {
            self.silence(&without);
        }
    }

    /// The tracks as viewers are told of them, and the data track. The bitstream tells best how fast pictures come, then the metadata,
    /// then what was seen of them.
    pub(super) fn set(&self, metadata: &Metadata, words: &Words) -> TrackSet {
        let media = self.known.iter().filter(|(_, known)| !known.is_silent).map(|(&id, known)| {
            let mut track = Track::new(id, known.codec.clone());
            let told = words.of(id);
            if id.kind == Kind::Video {
                let top = metadata.frame_rate.filter(|_| id.index == 0);
                track.frame_rate = track.frame_rate.or(told.and_then(|told| told.frame_rate)).or(top).or(known.measured);
            }
            if let Some(told) = told {
                (track.language, track.name) = (told.language.clone(), told.name.clone());
            }
            self.complete(track)
        });
        TrackSet::new(media.chain([Track::new(TrackId::DATA, Codec::Script)]))
    }

    /// The configured tracks that what is told of one may be about, complete.
    fn affected_by(&self, id: TrackId) -> Vec<Track> {
        let affected = self.known.iter().filter(|(other, _)| **other == id || (id == TrackId::VIDEO && other.kind == Kind::Video));
        affected.map(|(&other, known)| self.complete(Track::new(other, known.codec.clone()))).collect()
    }

    /// A track with all that is known of it. FFmpeg tells colours without the number of the track that they are of: they hold for the default
    /// track, and for further ones in the same codec of which nothing else tells any.
    fn complete(&self, track: Track) -> Track {
        let notes = self.notes.get(&track.id).cloned().unwrap_or_default();
        let whole = notes.complete(track.clone());
        let tells = whole.color.is_specified() || !whole.hdr.is_empty();
        let is_further = track.id.kind == Kind::Video && track.id != TrackId::VIDEO;
        let default = self.known.get(&TrackId::VIDEO).filter(|default| default.codec.name() == track.codec.name());
        match (default, self.notes.get(&TrackId::VIDEO)) {
            (Some(_), Some(of_default)) if is_further && !tells => Notes { told: of_default.told, ..notes }.complete(track),
            _ => whole,
        }
    }

    fn silence(&mut self, tracks: &[TrackId]) {
        for id in tracks {
            if let Some(known) = self.known.get_mut(id) {
                (known.is_silent, known.awaits_sync) = (true, true);
            }
        }
    }
}
