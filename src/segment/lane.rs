//! One track on its way into segments: samples that wait, the part being gathered, the segment being filled.

mod queue;

use std::sync::Arc;

use crate::fmp4::{Fragmenter, ReorderDelay, SequenceNumber, TimedSample};
use crate::media::{Kind, Sample, Span, Timescale, Timestamp, TrackId, WallClock};

use super::alignment::{self, Alignment, Side};
use super::chunks;
use super::events::Outbox;
use super::iframes::IFrames;
use super::pieces::Pieces;
use super::snapshot::{Counters, Init, MediaSequence, Part, PartNumber, Segment};

use queue::Queue;
pub(super) use queue::Waiting;

/// Most samples of one part: a third of a second of any real track is far below it, timestamps one tick apart are not.
const MAX_PART_SAMPLES: usize = 4_096;

/// Percent of the part target that a part lasts at least, with few exceptions.
pub const SHORTEST_PART: i64 = 85;

/// A picture lasts this long where nothing tells.
const USUAL_FRAME: Span = Span::from_millis(40);

/// What a track keeps when it comes back with a new configuration or after a break.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    pub init: Arc<Init>,
    /// The composition time of the newest sync sample: an encoder that comes back may have another.
    pub delay: Option<ReorderDelay>,
    pub sequence: SequenceNumber,
    pub next_part: u64,
    /// The longest part of several samples so far.
    pub longest_part: Span,
    /// By how much the numbers of the I-frame playlist run ahead of the media sequence.
    pub iframes_ahead: u64,
    /// Events that its parts are to carry.
    pub events: Outbox,
}

/// One track of the current program.
#[derive(Debug)]
pub(super) struct Lane {
    pub memory: Memory,
    /// The slot that its next sample goes to, unless a cut says otherwise.
    pub msn: MediaSequence,
    /// Samples that wait for the next one to tell their duration, or for the leading track to pass them.
    pub queue: Queue,
    /// Whether it had nothing to say when its slot had to be closed, so that the next one need not wait for it.
    pub stalled: bool,
    /// How its sync samples have met the cuts so far.
    pub alignment: Alignment,
    placed: Placed,
    filling: Filling,
    gathered: Gathered,
}

/// What was placed since the track began or was configured.
#[derive(Debug, Default)]
struct Placed {
    samples: i64,
    ticks: i64,
    last: Option<Last>,
}

/// The last sample placed.
#[derive(Clone, Copy, Debug)]
struct Last {
    dts: Timestamp,
    end: Timestamp,
    duration: u32,
}

/// The segment in progress.
#[derive(Debug, Default)]
struct Filling {
    /// None while it has no sample.
    first: Option<First>,
    ticks: i64,
    bytes: usize,
    parts: Vec<Part>,
    /// The pictures in it that can be shown by themselves.
    iframes: IFrames,
}

/// What a segment begins with.
#[derive(Clone, Copy, Debug)]
struct First {
    start: Timestamp,
    arrived: WallClock,
    is_sync: bool,
}

/// The part that is made next.
#[derive(Debug, Default)]
struct Gathered {
    samples: Vec<TimedSample>,
    /// When each of them arrived.
    arrivals: Vec<WallClock>,
    ticks: i64,
}

impl Lane {
    pub fn new(memory: Memory, msn: MediaSequence) -> Self {
        Self {
            memory,
            msn,
            queue: Queue::default(),
            stalled: false,
            alignment: Alignment::default(),
            placed: Placed::default(),
            filling: Filling::default(),
            gathered: Gathered::default(),
        }
    }

    pub fn id(&self) -> TrackId {
        self.memory.init.track.id
    }

    pub fn scale(&self) -> Timescale {
        self.memory.init.track.timescale
    }

    /// Where a segment that begins with this sample begins: a sync sample's presentation time; for any other its decoding time moved by
    /// D, because pictures decoded after it may be shown before it.
    pub fn start_of(&self, sample: &Sample) -> Timestamp {
        let delay = self.memory.delay.map_or(0, |delay| delay.0);
        if sample.is_sync { sample.pts() } else { sample.dts.plus_ticks(i64::from(delay)) }
    }

    /// The earliest moment at which a later cut can fall, while this sample is not placed.
    pub fn lower_bound(&self, sample: &Sample) -> Timestamp {
        self.start_of(sample).min(sample.dts)
    }

    /// How long the last sample placed lasts; before any, what the publisher says of a frame, or a usual one.
    pub fn frame(&self) -> Span {
        self.last_frame().or_else(|| self.told_frame()).unwrap_or(USUAL_FRAME)
    }

    /// How long a frame is said to last: by the publisher for pictures; sound says so by its first one.
    pub fn told_frame(&self) -> Option<Span> {
        match self.id().kind {
            Kind::Video => self.memory.init.track.frame_rate.filter(|rate| *rate >= 1.0).map(|rate| Span::from_nanos((1e9 / rate) as i64)),
            Kind::Audio | Kind::Data => self.last_frame(),
        }
    }

    /// How long a sample lasted on average; before any, what is known of it otherwise.
    pub fn average_frame(&self) -> Span {
        match self.placed {
            Placed { samples: 0, .. } => self.frame(),
            Placed { samples, ticks, .. } => Span::from_nanos(Span::from_ticks(ticks, self.scale()).nanos() / samples),
        }
    }

    /// Samples per second, as placed so far.
    pub fn frame_rate(&self) -> Option<f64> {
        let Placed { samples, ticks, .. } = self.placed;
        (ticks > 0).then(|| samples as f64 * f64::from(self.scale().hz()) / ticks as f64)
    }

    fn last_frame(&self) -> Option<Span> {
        self.placed.last.map(|last| Span::from_ticks(i64::from(last.duration), self.scale()))
    }

    /// Whether a sample begins where the last one that was placed ends.
    fn follows(&self, sample: &Sample) -> bool {
        self.placed.last.is_some_and(|last| last.end == sample.dts)
    }

    /// On which side of a cut the oldest waiting sample is; `whole` says that no sample will follow those that wait.
    pub fn side(&self, cut: Timestamp, tolerance: Span, whole: bool) -> Side {
        let samples = self.queue.samples().map(|sample| (self.start_of(sample), sample.is_sync));
        if self.id().kind == Kind::Video {
            return alignment::side(samples, cut, tolerance, whole);
        }
        match samples.map(|(start, _)| start).next() {
            Some(start) if start >= cut => Side::Behind { hit: true },
            _ => Side::Before,
        }
    }

    /// Whether the oldest waiting sample can begin a rung's segment at that cut: it is the sync sample there, or, where the cut was forced,
    /// what follows directly. Sound begins with the frame that comes first behind the cut.
    pub fn begins_at(&self, cut: Timestamp, is_forced: bool) -> bool {
        let Some(front) = self.front() else { return false };
        if self.id().kind == Kind::Audio {
            return self.memory.init.track.codec.audio().is_some_and(|shape| self.start_of(front).since(cut) <= shape.frame());
        }
        is_forced && self.follows(front) || front.is_sync && self.start_of(front) == cut
    }

    /// Whether the segment in progress has no sample.
    pub fn is_empty(&self) -> bool {
        self.filling.first.is_none()
    }

    /// Whether it has placed nothing since it began or was configured.
    pub fn is_fresh(&self) -> bool {
        self.placed.last.is_none()
    }

    /// Whether the oldest waiting sample does not follow on what the segment in progress has. It has no place there: playlists could not tell of
    /// the hole, as a segment's parts are together as long as the segment (RFC 8216bis §3.2).
    pub fn is_torn(&self) -> bool {
        !self.is_empty() && self.front().is_some_and(|front| !self.follows(front))
    }

    /// Bytes of media in the segment in progress.
    pub fn bytes(&self) -> usize {
        self.filling.bytes
    }

    /// Where the part that is written next begins, as far as is known.
    pub fn next_part_start(&self) -> Option<Timestamp> {
        let first = self.gathered.samples.first().map(|timed| &timed.sample).or_else(|| self.front());
        first.map(|sample| self.start_of(sample)).or(self.placed.last.map(|last| last.end))
    }

    /// Where the segment in progress begins.
    pub fn start(&self) -> Option<Timestamp> {
        self.filling.first.map(|first| first.start)
    }

    /// When the first sample of the segment in progress arrived.
    pub fn arrived(&self) -> Option<WallClock> {
        self.filling.first.map(|first| first.arrived)
    }

    /// Where the samples placed in the segment in progress end.
    pub fn end(&self) -> Option<Timestamp> {
        self.start().map(|start| start.plus_ticks(self.filling.ticks))
    }

    /// The parts of the segment in progress.
    pub fn parts(&self) -> &[Part] {
        &self.filling.parts
    }

    /// The oldest waiting sample.
    pub fn front(&self) -> Option<&Sample> {
        self.queue.samples().next()
    }

    /// The newest waiting sample.
    pub fn back(&self) -> Option<&Sample> {
        self.queue.samples().next_back()
    }

    /// Lets a sample wait. False where it cannot follow the last one.
    pub fn enqueue(&mut self, waiting: Waiting) -> bool {
        let sample = &waiting.sample;
        let last = self.back().map(|last| last.dts).or(self.placed.last.map(|last| last.dts));
        if sample.data.is_empty() || sample.dts.scale() != self.scale() || last.is_some_and(|last| sample.dts <= last) {
            return false;
        }
        self.queue.push(waiting);
        true
    }

    /// How long the oldest waiting sample lasts: up to the next one where that follows within `hole`, else an estimate.
    pub fn front_duration(&self, hole: Span) -> Option<u32> {
        let sample = self.front()?;
        let known = self.queue.samples().nth(1).map(|next| next.dts.ticks().saturating_sub(sample.dts.ticks()));
        match known.and_then(|ticks| u32::try_from(ticks).ok()).filter(|ticks| Span::from_ticks(i64::from(*ticks), self.scale()) <= hole) {
            Some(ticks) => Some(ticks),
            None => Some(self.placed.last.map_or_else(|| self.lone_duration(sample), |last| last.duration)),
        }
    }

    /// Places the oldest waiting sample in the segment in progress. Returns whether that completed a part.
    pub fn place(&mut self, duration: u32, part_target: Span, counters: &mut Counters) -> bool {
        let Some(Waiting { sample, arrived }) = self.queue.pop() else { return false };
        if sample.is_sync {
            self.memory.delay = Some(ReorderDelay(sample.cts));
        }
        if self.is_empty() {
            self.filling.first = Some(First { start: self.start_of(&sample), arrived, is_sync: sample.is_sync });
        }
        let ticks = i64::from(duration);
        let target = part_target.ticks(self.scale());
        let keyframe = sample.is_sync && sample.track.kind == Kind::Video && self.may_end_early(target);
        let full = self.gathered.ticks + ticks > target || self.gathered.samples.len() >= MAX_PART_SAMPLES;
        let apart = !self.is_fresh() && !self.follows(&sample);
        let mut done = (keyframe || full || apart) && self.finish_part(counters);

        self.placed.last = Some(Last { dts: sample.dts, end: sample.dts.plus_ticks(ticks), duration });
        self.placed.samples += 1;
        self.placed.ticks += ticks;
        self.filling.ticks += ticks;
        self.filling.bytes += sample.data.len();
        self.gathered.ticks += ticks;
        self.gathered.samples.push(TimedSample { sample, duration });
        self.gathered.arrivals.push(arrived);
        counters.long_parts += u64::from(ticks > target);
        // Another like this would not fit: the part need not wait to see it.
        done |= self.gathered.ticks + ticks > target && self.finish_part(counters);
        done
    }

    /// Whether the part may end where a keyframe comes: players can begin at one that begins a part. Only parts that begin so themselves may
    /// be shorter than 85 % of the target (RFC 8216bis §4.4.4.9); and where every picture is a keyframe, any of them may begin a part.
    fn may_end_early(&self, target: i64) -> bool {
        let is_sync = |timed: Option<&TimedSample>| timed.is_some_and(|timed| timed.sample.is_sync);
        let Gathered { samples, ticks, .. } = &self.gathered;
        let is_long = ticks.saturating_mul(100) >= target.saturating_mul(SHORTEST_PART);
        (is_long || is_sync(samples.first())) && !is_sync(samples.last())
    }

    /// Closes the segment in progress and goes on to the next slot; `None` where there was no sample. `next` is where the track goes on.
    pub fn close(&mut self, next: Option<Timestamp>, counters: &mut Counters) -> Option<Segment> {
        self.finish_part(counters);
        self.msn = self.msn.next();
        let Filling { first, ticks, parts, iframes, .. } = std::mem::take(&mut self.filling);
        let First { start, arrived, is_sync: independent } = first.filter(|_| !parts.is_empty())?;
        let follows = self.front().is_some_and(|front| self.follows(front));
        let to_next = next.filter(|_| follows).map(|next| next.rescale(self.scale()) - start.ticks()).filter(|to_next| *to_next > 0);
        // The bytes stay where they are: this is the moment at which viewers ask for the keyframe that comes next.
        let body: Pieces = parts.iter().map(|part| part.bytes.clone()).collect();
        let init = Arc::clone(&self.memory.init);
        let iframes = IFrames { ahead: self.memory.iframes_ahead, ..iframes };
        self.memory.iframes_ahead = iframes.ahead_after(independent);
        let (duration, parts) = (to_next.unwrap_or(ticks), parts.into());
        Some(Segment { init, start, arrived, duration, independent, parts, iframes, body: body.into() })
    }

    /// Writes what was gathered as a part. False where nothing was, or it could not be written and is lost (and counted).
    fn finish_part(&mut self, counters: &mut Counters) -> bool {
        let Gathered { samples, arrivals, ticks } = std::mem::take(&mut self.gathered);
        let Some(first) = samples.first() else { return false };
        if samples.len() > 1 {
            self.memory.longest_part = self.memory.longest_part.max(Span::from_ticks(ticks, self.scale()));
        }
        let independent = first.sample.is_sync;
        let at = self.filling.parts.iter().map(|part| part.bytes.len()).sum();
        let events = self.memory.events.boxes(self.start_of(&first.sample), self.filling.parts.is_empty());
        let heading = chunks::Heading { arrivals: &arrivals, events };
        match chunks::write(&samples, heading, &mut self.memory.sequence, at, &mut self.filling.iframes) {
            Ok(bytes) => {
                let number = PartNumber(self.memory.next_part);
                self.filling.parts.push(Part { number, duration: ticks, independent, bytes });
                self.memory.next_part += 1;
                true
            }
            Err(_) => {
                counters.dropped_samples += samples.len() as u64;
                false
            }
        }
    }

    fn lone_duration(&self, sample: &Sample) -> u32 {
        let mut fragmenter = Fragmenter::new(&self.memory.init.track).with_delay(ReorderDelay::default());
        let taken = fragmenter.push(sample.clone()).is_ok();
        fragmenter.flush(None).filter(|_| taken).map_or(1, |timed| timed.duration)
    }
}
