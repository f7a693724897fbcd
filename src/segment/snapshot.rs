//! What a stream's viewers can know at one instant: everything that playlists, manifests and media requests are answered from.

mod answers;
mod selected;
mod times;

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::media::{Epoch, Rung, Span, Timestamp, Track, TrackId, WallClock};

use super::body::{Body, Place};
use super::cue::Cue;
use super::events::Event;
use super::iframes::IFrames;
use super::slots::Slots;
use super::steady::Regular;

pub use times::Named;

/// A segment's number: common to all tracks, rising by one, beginning at the Unix second of the presentation's epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
pub struct MediaSequence(pub u64);

impl MediaSequence {
    /// The number of the following segment.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A part's running number within its track, never reused in a presentation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct PartNumber(pub u64);

/// An init segment of one track, in force until its configuration changes.
#[derive(Clone, PartialEq, Debug)]
pub struct Init {
    /// The track with its configuration.
    pub track: Arc<Track>,
    /// Which configuration of this track, from 1.
    pub generation: u32,
    /// The file: `ftyp` and `moov`.
    pub bytes: Bytes,
}

/// A partial segment: a CMAF chunk, `prft`, `moof` and `mdat`, or several where pictures in it can be shown by themselves; then only the
/// first has the `prft`.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Its running number within the track.
    pub number: PartNumber,
    /// Its length in ticks of the track's timescale: the sum of its samples' durations.
    pub duration: i64,
    /// Whether decoding can start at its first sample.
    pub independent: bool,
    /// The file: for the first part of a segment with `styp` in front.
    pub bytes: Bytes,
}

/// One track's share of a [`Slot`]: a whole CMAF segment.
#[derive(Clone, PartialEq, Debug)]
pub struct Segment {
    /// The init segment that it needs.
    pub init: Arc<Init>,
    /// Its earliest presentation time.
    pub start: Timestamp,
    /// When its first sample arrived from the publisher.
    pub arrived: WallClock,
    /// Its length in ticks of the track's timescale, up to the start of the track's next segment where one follows directly.
    pub duration: i64,
    /// Whether decoding can start at its first sample.
    pub independent: bool,
    /// Its parts, in order. None once it is too old for players to ask for them.
    pub parts: Box<[Part]>,
    /// The pictures in it that can be shown by themselves.
    pub iframes: IFrames,
    /// The file: the bytes of its parts, one behind the other. In memory those of each are a piece of it, also when the parts are gone.
    pub body: Body,
}

impl Segment {
    /// Which track it belongs to.
    pub fn track(&self) -> TrackId {
        self.init.track.id
    }

    /// Its length.
    pub fn span(&self) -> Span {
        Span::from_ticks(self.duration, self.start.scale())
    }

    /// The same with its bytes elsewhere, and without parts.
    fn moved(&self, body: Body) -> Arc<Self> {
        let (init, iframes) = (Arc::clone(&self.init), self.iframes.clone());
        Arc::new(Self { init, parts: Box::default(), iframes, body, ..*self })
    }
}

/// A run of slots without a gap or a change: an MPEG-DASH Period, and what lies between two discontinuities in HLS.
#[derive(Clone, PartialEq, Debug)]
pub struct Period {
    /// Counts the periods of the presentation, from 0.
    pub index: u64,
    /// The media time of its beginning.
    pub start: Timestamp,
    /// The wall-clock time of its beginning.
    pub wall: WallClock,
    /// When what is shown at its beginning arrived from the publisher.
    pub arrived: WallClock,
    /// The init segments of its tracks, one each, video first.
    pub inits: Vec<Arc<Init>>,
    /// What tells of its segments without a list, where they are equally long and that is wanted.
    pub regular: Option<Regular>,
}

/// One number of the presentation: the stretch of time between two cuts, with a segment of each track that has media in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Slot {
    /// Its number.
    pub msn: MediaSequence,
    /// The media time of the cut at its beginning. A slot without media repeats the time at which media stopped.
    pub start: Timestamp,
    /// The wall-clock time of its beginning. Never earlier than the end of the slot before; not before its media had arrived when it began.
    pub wall: WallClock,
    /// The time to the next cut.
    pub duration: Span,
    /// Whether the timeline, the track set or a configuration breaks at its beginning.
    pub discontinuity: bool,
    /// The period it belongs to; `None` where a track has no media in it.
    pub period: Option<Arc<Period>>,
    /// The segments of the tracks that have media in it, video first. A track that is missing here has a gap.
    pub segments: Vec<Arc<Segment>>,
}

impl Slot {
    /// The segment of that track, or `None` where it has a gap.
    pub fn segment(&self, track: TrackId) -> Option<&Arc<Segment>> {
        self.segments.iter().find(|segment| segment.track() == track)
    }

    /// The wall-clock time of its end.
    pub fn wall_end(&self) -> WallClock {
        self.wall.plus(self.duration)
    }

    /// The wall-clock time at which that track's segment begins. A rung's is told to begin with its slot, for a gap takes its place, with the
    /// same date, where it is listed in part already and then not finished.
    pub fn wall_of(&self, track: TrackId) -> WallClock {
        let own = self.segment(track).filter(|_| !track.is_rung());
        own.map_or(self.wall, |segment| self.wall.plus(segment.start.since(self.start)))
    }

    /// Bytes of its segments that are in memory.
    pub fn in_memory(&self) -> u64 {
        self.segments.iter().filter_map(|segment| segment.body.in_memory()).map(|pieces| pieces.len() as u64).sum()
    }

    /// Whether a segment of it lies in the spool.
    pub fn is_spooled(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment.body, Body::Spooled(_)))
    }

    /// The same without parts.
    pub(super) fn without_parts(&self) -> Self {
        let segments = self.segments.iter().map(|segment| segment.moved(segment.body.clone()));
        Self { segments: segments.collect(), ..self.clone() }
    }

    /// The same with its segments at `places`, and without parts.
    pub(super) fn spooled(&self, places: &[Place]) -> Self {
        let segments = self.segments.iter().zip(places).map(|(segment, place)| segment.moved(Body::Spooled(place.clone())));
        Self { segments: segments.collect(), ..self.clone() }
    }
}

/// One track's share of a slot that not all tracks have finished.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenSegment {
    /// The number of the slot.
    pub msn: MediaSequence,
    /// The init segment that it needs.
    pub init: Arc<Init>,
    /// Its earliest presentation time, once it has a part; before, that of the slot.
    pub start: Timestamp,
    /// The wall-clock time of that; `None` while there is nothing to list.
    pub wall: Option<WallClock>,
    /// Whether the timeline breaks at its beginning.
    pub discontinuity: bool,
    /// How far the track has come in it.
    pub progress: Progress,
}

/// How far one track has come in a slot.
#[derive(Clone, PartialEq, Debug)]
pub enum Progress {
    /// There are these parts so far.
    Filling(Vec<Part>),
    /// The segment is whole; other tracks still work on theirs.
    Whole(Arc<Segment>),
    /// The track has passed the slot, this long, without media in it.
    Gap(Span),
}

impl OpenSegment {
    /// The track it belongs to.
    pub fn track(&self) -> TrackId {
        self.init.track.id
    }

    /// Whether a decoder can begin with it, as far as it has come.
    pub fn is_independent(&self) -> bool {
        match &self.progress {
            Progress::Filling(parts) => parts.first().is_none_or(|part| part.independent),
            Progress::Whole(segment) => segment.independent,
            Progress::Gap(_) => true,
        }
    }

    /// Its parts so far.
    pub fn parts(&self) -> &[Part] {
        match &self.progress {
            Progress::Filling(parts) => parts,
            Progress::Whole(segment) => &segment.parts,
            Progress::Gap(_) => &[],
        }
    }
}

/// Bits per second of a track, including the container.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Rate {
    /// The highest of any run of segments about as long as the target duration; until half a minute was seen, what the publisher declares,
    /// with a margin.
    pub peak: u64,
    /// Over the segments that are listed, at least the last minute; until half a minute was seen, what the publisher declares.
    pub average: u64,
}

/// A track of the current program, with what was measured of it.
#[derive(Clone, PartialEq, Debug)]
pub struct TrackStatus {
    /// The track with its configuration.
    pub track: Arc<Track>,
    /// Its bit rate.
    pub rate: Rate,
    /// The bit rate of its pictures that can be shown by themselves; of no meaning for sound.
    pub iframe_rate: Rate,
    /// By how much the numbers of its I-frame playlist run ahead of the media sequence, behind its newest segment.
    pub iframes_ahead: u64,
    /// Frames per second of a video track: as declared by the bitstream, else as measured.
    pub frame_rate: Option<f64>,
    /// The init segment that its next part needs.
    pub init: Arc<Init>,
    /// The number of its next part; none while nothing comes of it, as happens to rungs.
    pub next_part: Option<PartNumber>,
    /// The part that was hinted at when a rung stopped. It never comes; none while others do.
    pub lost_part: Option<PartNumber>,
}

/// Whether more media is to be expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The publisher sends.
    Live,
    /// The publisher is away and may return; gaps are appended on time.
    Away,
    /// The stream has truly ended: nothing will be appended.
    Ended,
}

/// What went wrong or had to be bent, since the presentation began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counters {
    /// Cuts where no decoder can start, because the GOP was longer than the target duration or the segment too large.
    pub forced_cuts: u64,
    /// Times that a track had no media in a slot while the publisher was there.
    pub track_gaps: u64,
    /// Video tracks that left the adaptive set, because their sync samples miss those of the leading track.
    pub misaligned_tracks: u64,
    /// Slots appended without media while the publisher was away.
    pub gap_slots: u64,
    /// Samples that could not be placed: before the first keyframe, out of order, of no known track, or too far from the leading track.
    pub dropped_samples: u64,
    /// Parts longer than the part target, each a single sample.
    pub long_parts: u64,
    /// Segments forgotten before their time, because a memory limit was reached.
    pub evicted_segments: u64,
    /// Segments forgotten before their time, because the spool's limit was reached.
    pub overflowed_segments: u64,
    /// Cues that were left out or forgotten before their time, because there were too many, or too long ones.
    pub dropped_cues: u64,
}

/// What a stream's segments take up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Usage {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes of files in the spool: each stays until all of its segments are gone.
    pub spooled: u64,
    /// Numbers of the presentation whose segments lie in the spool.
    pub spooled_segments: usize,
}

/// Everything viewers can know of a stream at one instant. Shared behind an [`Arc`]; never changes.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The presentation.
    pub epoch: Epoch,
    /// Rises with every change, a new part included.
    pub state: u64,
    /// Rises with every change of the listed slots, the tracks or the phase: what playlists without parts and manifests depend on.
    pub revision: u64,
    /// When [`Snapshot::revision`] last rose; strictly increasing with it.
    pub changed: WallClock,
    /// Whether more media is to be expected.
    pub phase: Phase,
    /// `EXT-X-TARGETDURATION` in seconds: no segment's duration rounds to more. Fixed for the presentation's life.
    pub target_duration: u32,
    /// No part is longer, except by a single sample that is longer by itself; `None` where a single frame commonly is, so that parts are of
    /// no use. Fixed for the presentation's life.
    pub part_target: Option<Span>,
    /// How long segments mean to be.
    pub segment_target: Span,
    /// How much of the stream is listed at least, once it is that old. Fixed for the presentation's life.
    pub window: Span,
    /// The tracks of the current program, video first; only tracks that are cut into segments.
    pub tracks: Vec<TrackStatus>,
    /// Rungs that have had no segment yet, in order of their tracks.
    pub expected: Vec<Arc<Rung>>,
    /// The listed slots, numbered without holes. Never empty.
    pub slots: Slots,
    /// What follows the listed slots: those in progress, at most a few for each track, in order of track and number.
    pub open: Vec<OpenSegment>,
    /// The cuts that were made from the beginning of the first slot in progress on, up to a discontinuity.
    pub cuts: Vec<Timestamp>,
    /// Whether a discontinuity follows the listed slots, also where nothing that comes after it is in progress yet.
    pub broken: bool,
    /// The period that the first of those begin, once each track has a part in it; it stays as it is when they are whole.
    pub coming: Option<Arc<Period>>,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`: discontinuities that are no longer listed.
    pub discontinuity_sequence: u64,
    /// Whether every segment of the current tracks so far, listed or not, could be decoded from its start.
    pub independent: bool,
    /// Whether the sound is offered alone, too: [`Options::audio_only`](super::options::Options::audio_only).
    pub audio_only: bool,
    /// The slots before those, which are no longer listed but can still be fetched.
    pub retained: Slots,
    /// The newest slot that belongs to a period, even where it is no longer listed.
    pub last_media: Option<Arc<Slot>>,
    /// The init segments of every slot above and of the current program.
    pub inits: Vec<Arc<Init>>,
    /// Moments that the publisher has marked, as far as playlists list their time, in order of arrival.
    pub cues: Vec<Arc<Cue>>,
    /// What no part carries of them, because it came when that was written already, in order of arrival.
    pub late_events: Vec<Arc<Event>>,
    /// The tracks of the listed slots.
    pub listed_tracks: Vec<TrackId>,
    /// What went wrong or had to be bent.
    pub counters: Counters,
    /// What the segments above take up.
    pub usage: Usage,
}

impl Snapshot {
    /// What there is to tell of a track of the current program.
    pub fn status(&self, track: TrackId) -> Option<&TrackStatus> {
        self.tracks.iter().find(|status| status.track.id == track)
    }

    /// Whether that track is in the current program, a rung's, or in a listed slot.
    pub fn has_track(&self, track: TrackId) -> bool {
        self.is_current(track) || self.listed_tracks.contains(&track)
    }

    /// Whether that track is in the current program, or a rung's.
    pub fn is_current(&self, track: TrackId) -> bool {
        self.tracks.iter().any(|status| status.track.id == track) || self.expected.iter().any(|rung| rung.track == track)
    }

    /// The number of the first listed slot.
    pub fn first(&self) -> MediaSequence {
        self.slots.first().map_or(MediaSequence(0), |slot| slot.msn)
    }
}
