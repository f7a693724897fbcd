//! The ingest clock: a publisher's timestamps repaired once, so that every exit shares one timeline.
//!
//! Publishers send milliseconds modulo 2^32 (some modulo 2^31 or 2^24), from any start, with steps back, duplicates and jumps. The clock
//! unwraps them per track and lays them on the stream's timeline by an *anchor*: a source time and the place it maps to. Tracks share
//! anchors, so the offset between sound and picture stays as it was sent. Only a jump beyond repair makes a new anchor, directly behind
//! the newest sample of any track: **the timeline is collapsed**, it has no hole for time that was never sent. Players of endless
//! streams (FLV, MSE) cross such a place like any other; HLS and DASH tell the wall clock's jump by PROGRAM-DATE-TIME and Period@start.
//!
//! Video keeps the milliseconds sent, in ticks of 90 kHz. Audio is counted in samples from its anchor, so that rounding to milliseconds
//! vanishes, and follows the timestamps only when they disagree with the count by more than [`Options::audio_drift`] allows. The same
//! timestamp again says nothing: the count goes on.

use super::time::{Span, Timescale, Timestamp};
use super::track::{Kind, TrackId};

#[cfg(test)]
mod tests;

/// What the clock still takes for one continuous timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Longest step forward on a track, and longest distance between tracks. Beyond it the timestamps are anchored anew.
    pub forward: Span,
    /// Longest step backward on a track that is repaired by waiting for the timestamps to catch up; beyond it they are anchored anew.
    pub backward: Span,
    /// Most that counted audio may differ from its timestamps, whatever the length of its frames.
    pub audio_drift: Span,
}

impl Default for Options {
    fn default() -> Self {
        Self { forward: Span::from_secs(10), backward: Span::from_secs(1), audio_drift: Span::from_millis(50) }
    }
}

/// How a track's time advances.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// By its timestamps, in ticks of this scale: video and data.
    Stamped(Timescale),
    /// By counting samples.
    Counted {
        /// Samples per second; also the track's timescale.
        rate: Timescale,
        /// Samples of one access unit.
        frame: u32,
    },
}

/// Where the clock put a sample.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Placed {
    /// Its decoding time, in ticks of the track's timescale. Never negative, strictly increasing within the track.
    pub dts: Timestamp,
    /// The timestamp could not be taken as sent.
    pub is_repaired: bool,
    /// The timestamps were anchored anew at this sample. Told once per jump, however many tracks follow it.
    pub is_discontinuity: bool,
}

/// The clock of one publisher's connection.
#[derive(Debug)]
pub struct Clock {
    options: Options,
    tracks: Vec<(TrackId, State)>,
    /// The mapping new tracks and those that jump are tried with first.
    anchor: Option<Anchor>,
    /// Source time last seen on any audio or video track, to unwrap what a track says first.
    latest: Option<Source>,
    /// Behind the newest sample of any track.
    end: Timestamp,
}

/// How source time maps to the stream's: `stream = source + offset`, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Anchor {
    offset: i64,
    /// Nothing of this anchor is placed before it.
    floor: i64,
}

/// A timestamp as sent, and unwrapped.
#[derive(Clone, Copy, Debug)]
struct Source {
    raw: u32,
    millis: i64,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Set with the first sample.
    place: Option<Place>,
    /// The newest sample, kept across connections.
    last: Option<Timestamp>,
    /// How long the newest sample lasts, as far as is known.
    duration: Span,
    /// The last sample's timestamp was not believed; if the next is as far off, it was a jump.
    is_doubted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    source: Source,
    anchor: Anchor,
    /// Where the next access unit falls by counting, in ticks of the track.
    counted: i64,
}

/// Counters that some encoders use instead of 32 bits: FLV's lower three bytes (absolute timestamps without the extended field), and its
/// signed 32-bit field.
const SHORT_COUNTERS: [i64; 2] = [1 << 24, 1 << 31];

/// How near the end of a short counter its wrap is recognised, in milliseconds.
const WRAP_SLACK: i64 = 10_000;

/// Least distance of two samples of a track, in milliseconds: FLV can tell no less.
const LEAST_STEP: i64 = 1;

/// A gap between two pictures says nothing about how long the next one stays.
const LONGEST_FRAME: Span = Span::from_millis(200);

impl Clock {
    /// A clock whose first sample falls on the stream's zero.
    pub fn new(options: Options) -> Self {
        Self { options, tracks: Vec::new(), anchor: None, latest: None, end: Timestamp::from_millis(0) }
    }

    /// A clock that goes on behind `end`, the end of all samples of the connection before.
    pub fn resume(options: Options, end: Timestamp) -> Self {
        Self { end, ..Self::new(options) }
    }

    /// Declares a track, or changes its pace. `last` is the newest sample that the connection before placed on it.
    pub fn set_track(&mut self, id: TrackId, pace: Pace, last: Option<Timestamp>) {
        match self.tracks.iter_mut().find(|(known, _)| *known == id) {
            Some((_, state)) if state.pace != pace => {
                state.pace = pace;
                if let (Some(place), Some(last)) = (&mut state.place, state.last) {
                    place.counted = last.plus(state.duration).rescale(pace.scale());
                }
            }
            Some(_) => {}
            None => {
                let state = State { pace, place: None, last, duration: Span::ZERO, is_doubted: false };
                self.tracks.push((id, state));
            }
        }
    }

    /// Lets source time `timestamp` fall behind all samples so far, `lead` earlier where the samples before leave room. For the first
    /// sample of a connection, when it is not the first to be placed: audio may start a little before the picture it belongs to.
    pub fn anchor(&mut self, timestamp: u32, lead: Span) {
        let newest = self.tracks.iter().filter_map(|(_, state)| state.last).max();
        let floor = newest.map_or(0, |newest| ceil_millis(newest) + LEAST_STEP);
        let at = (ceil_millis(self.end) - lead.millis()).max(floor).max(0);
        let source = Source { raw: timestamp, millis: i64::from(timestamp) };
        self.latest = Some(source);
        self.anchor = Some(Anchor { offset: at - source.millis, floor: at });
    }

    /// Places a sample by its timestamp. `None` for one before the first anchor, where nothing can be played: it is left out.
    ///
    /// `is_start` says that decoding can start here. A jump is believed at once from such a video sample; elsewhere a single wild
    /// timestamp is taken for dirt, and only a second one for a jump. Tracks that were not declared are placed by milliseconds.
    pub fn place(&mut self, id: TrackId, timestamp: u32, is_start: bool) -> Option<Placed> {
        if self.anchor.is_none() {
            self.anchor(timestamp, Span::ZERO);
        }
        let at = self.position(id);
        let before = self.tracks[at].1.place.map(|place| place.source).or(self.latest);
        let source = unwrap(before, timestamp);
        if id.kind == Kind::Data {
            return Some(self.place_data(at, source));
        }
        let verdict = self.judge(at, source, id.kind == Kind::Video && is_start);
        let (anchor, source, is_discontinuity) = match verdict {
            Verdict::Continues(anchor) => (anchor, source, false),
            Verdict::Doubted => return Some(self.place_doubted(at)),
            // A track that begins on a clock of its own breaks nothing for those that play.
            Verdict::Jump => (self.anchor_anew(source), source, self.tracks[at].1.place.is_some() || !self.is_running()),
        };
        self.tracks[at].1.is_doubted = false;
        if source.millis + anchor.offset < anchor.floor
            && self.tracks[at].1.last.is_none_or(|last| last < Timestamp::from_millis(anchor.floor))
        {
            return None;
        }
        self.latest = Some(source);
        let (dts, is_repaired) = self.tracks[at].1.advance(source, anchor, self.options.audio_drift);
        self.extend(at);
        Some(Placed { dts, is_repaired, is_discontinuity })
    }

    /// Where the next sample falls if the timestamps are anchored anew: behind the newest sample of any track.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Tells that the newest sample of a track is presented at `pts`, which may be later than all decoding times so far.
    pub fn present(&mut self, id: TrackId, pts: Timestamp) {
        if let Some((_, state)) = self.tracks.iter().find(|(known, _)| *known == id) {
            self.end = self.end.max(pts.plus(state.duration.max(Span::from_millis(LEAST_STEP))));
        }
    }

    fn position(&mut self, id: TrackId) -> usize {
        if let Some(at) = self.tracks.iter().position(|(known, _)| *known == id) {
            return at;
        }
        self.set_track(id, Pace::Stamped(if id.kind == Kind::Video { Timescale::VIDEO } else { Timescale::MILLIS }), None);
        self.tracks.len() - 1
    }

    fn judge(&self, at: usize, source: Source, is_start: bool) -> Verdict {
        let state = &self.tracks[at].1;
        if let Some(place) = state.place
            && self.is_step(source.millis - place.source.millis)
        {
            return Verdict::Continues(place.anchor);
        }
        // Another track may have jumped there before, or never have left.
        let others = self.tracks.iter().enumerate().filter(|(other, (id, _))| *other != at && id.kind != Kind::Data);
        let near = others.filter_map(|(_, (_, other))| other.place).filter(|place| {
            let distance = Span::from_millis(source.millis - place.source.millis).abs();
            distance <= self.options.forward && state.last.is_none_or(|last| self.follows(last, source, place.anchor))
        });
        if let Some(place) = near.min_by_key(|place| (source.millis - place.source.millis).abs()) {
            return Verdict::Continues(place.anchor);
        }
        if let (None, Some(anchor), Some(latest)) = (state.place, self.anchor, self.latest)
            && Span::from_millis(source.millis - latest.millis).abs() <= self.options.forward
        {
            return Verdict::Continues(anchor);
        }
        if is_start || state.is_doubted || state.place.is_none() { Verdict::Jump } else { Verdict::Doubted }
    }

    fn is_running(&self) -> bool {
        self.tracks.iter().any(|(id, state)| id.kind != Kind::Data && state.place.is_some())
    }

    fn is_step(&self, millis: i64) -> bool {
        let step = Span::from_millis(millis);
        step <= self.options.forward && step.nanos() >= -self.options.backward.nanos()
    }

    /// Whether `source` by `anchor` falls where a track whose newest sample is `last` can go on.
    fn follows(&self, last: Timestamp, source: Source, anchor: Anchor) -> bool {
        Timestamp::from_millis(source.millis + anchor.offset).since(last).nanos() >= -self.options.backward.nanos()
    }

    fn anchor_anew(&mut self, source: Source) -> Anchor {
        let at = ceil_millis(self.end);
        let anchor = Anchor { offset: at - source.millis, floor: 0 };
        self.anchor = Some(anchor);
        anchor
    }

    /// One wild timestamp: the sample follows the one before it.
    fn place_doubted(&mut self, at: usize) -> Placed {
        let state = &mut self.tracks[at].1;
        state.is_doubted = true;
        let scale = state.pace.scale();
        let step = state.duration.ticks(scale).max(least_step(scale));
        // The track may have changed its timescale since.
        let dts = Timestamp::new(state.last.map_or(0, |last| last.rescale(scale).saturating_add(step)), scale);
        state.last = Some(dts);
        if let Some(place) = &mut state.place {
            place.counted = dts.ticks().saturating_add(step);
        }
        self.extend(at);
        Placed { dts, is_repaired: true, is_discontinuity: false }
    }

    /// Script data goes along with the media: its own timestamps are often zero, and never worth a discontinuity.
    fn place_data(&mut self, at: usize, source: Source) -> Placed {
        let media = self.tracks.iter().filter(|(id, _)| id.kind != Kind::Data).filter_map(|(_, state)| state.place);
        let near = media.filter(|place| Span::from_millis(source.millis - place.source.millis).abs() <= self.options.forward);
        let anchor = near.max_by_key(|place| place.source.millis).map(|place| place.anchor);
        let newest = self.tracks.iter().filter_map(|(_, state)| state.last).max().unwrap_or(self.end);
        let wanted = anchor.map_or(newest.millis(), |anchor| (source.millis + anchor.offset).max(anchor.floor));
        let state = &mut self.tracks[at].1;
        let least = state.last.map_or(0, |last| last.millis() + LEAST_STEP);
        let dts = Timestamp::from_millis(wanted.max(least));
        state.last = Some(dts);
        self.end = self.end.max(dts);
        Placed { dts, is_repaired: anchor.is_none() || wanted < least, is_discontinuity: false }
    }

    fn extend(&mut self, at: usize) {
        let state = &self.tracks[at].1;
        if let Some(last) = state.last {
            self.end = self.end.max(last.plus(state.duration.max(Span::from_millis(LEAST_STEP))));
        }
    }
}

#[derive(Debug)]
enum Verdict {
    Continues(Anchor),
    Doubted,
    Jump,
}

impl Pace {
    fn scale(self) -> Timescale {
        match self {
            Self::Stamped(scale) | Self::Counted { rate: scale, .. } => scale,
        }
    }
}

impl State {
    /// Moves the track on to `source`. True where the place is not the one that was sent.
    fn advance(&mut self, source: Source, anchor: Anchor, drift: Span) -> (Timestamp, bool) {
        let scale = self.pace.scale();
        let stamped = Timestamp::from_millis(source.millis + anchor.offset).rescale(scale).max(0);
        let goes_on = self.place.filter(|place| place.anchor == anchor);
        let (wanted, is_off) = match (self.pace, goes_on) {
            // Several units in one go, or an encoder that stamps none of them: the count alone tells.
            (Pace::Counted { .. }, Some(place)) if source.raw == place.source.raw => (place.counted, false),
            (Pace::Counted { rate, frame }, Some(place)) => {
                let most = (i64::from(frame) * 3 / 2).min(drift.ticks(rate));
                if (stamped - place.counted).abs() <= most { (place.counted, false) } else { (stamped, true) }
            }
            _ => (stamped, false),
        };
        let least = self.last.map_or(0, |last| last.rescale(scale).saturating_add(least_step(scale)));
        let ticks = wanted.max(least);
        let dts = Timestamp::new(ticks, scale);
        self.duration = match self.pace {
            Pace::Counted { rate, frame } => Span::from_ticks(i64::from(frame), rate),
            Pace::Stamped(_) => match self.last.map(|last| dts.since(last)) {
                Some(step) if step <= LONGEST_FRAME && goes_on.is_some() => step,
                _ => self.duration,
            },
        };
        self.last = Some(dts);
        let frame = if let Pace::Counted { frame, .. } = self.pace { i64::from(frame) } else { 0 };
        self.place = Some(Place { source, anchor, counted: ticks.saturating_add(frame) });
        (dts, is_off || wanted < least)
    }
}

/// Unwraps `raw` next to the timestamp before it.
fn unwrap(before: Option<Source>, raw: u32) -> Source {
    let millis = before.map_or(i64::from(raw), |before| before.millis + step(before.raw, raw));
    Source { raw, millis }
}

/// The signed distance between two timestamps, across the wrap of whichever counter explains it best.
fn step(from: u32, to: u32) -> i64 {
    let plain = i64::from(to.wrapping_sub(from) as i32);
    let mut folded =
        SHORT_COUNTERS.iter().filter(|&&counter| i64::from(from.max(to)) < counter).map(|counter| plain - counter * plain.signum());
    folded.find(|step| step.abs() <= WRAP_SLACK).unwrap_or(plain)
}

fn least_step(scale: Timescale) -> i64 {
    i64::from(scale.hz().div_ceil(1_000)) * LEAST_STEP
}

/// Milliseconds since the stream's zero, rounded up: nothing placed there overlaps what ends here.
fn ceil_millis(time: Timestamp) -> i64 {
    let millis = time.millis();
    if Timestamp::from_millis(millis) < time { millis + 1 } else { millis }
}
