//! The segmenter: decides where a stream is cut, for all its tracks at once.
//!
//! The leading track, video where there is any, decides. A cut falls at its first sync sample that is at least a segment's length after
//! the cut before; other video tracks are cut at their sync sample within a frame of the same presentation time, and where they have none,
//! like sound, at their first sample at or after it. Because a later sample of the leading track may still bring a cut, a following track's
//! samples wait until the leading track has passed them.
//!
//! A video track that has no sync sample at three cuts running leaves the adaptive set until the stream is published anew: nobody could
//! change to it.

mod finish;
mod following;
mod holding;
mod marks;
mod rungs;
mod tracks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::fmp4;
use crate::media::{Kind, Program, Sample, Span, Timestamp, TrackId, WallClock};

use super::lane::{Lane, Memory, Waiting};
use super::options::Options;
use super::presentation::Presentation;
use super::snapshot::{MediaSequence, Phase, Segment, Snapshot};

/// A keyframe this much early still ends a segment: publishers round their times to milliseconds.
const TOLERANCE: Span = Span::from_millis(50);
/// How far tracks may be apart in arrival. A track that is further behind is not waited for; if it is the leading one, it leads no more.
const MAX_SKEW: Span = Span::from_secs(3);
/// Bytes that may wait for the leading track; reached only by a second video track whose leader has stopped.
const MAX_QUEUED_BYTES: usize = 32 << 20;
/// Bytes of one track's segment, at which it is cut wherever it is: ten seconds at 38 Mb/s.
const MAX_SEGMENT_BYTES: usize = 48 << 20;

/// What lies between the samples before a program and those that follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Boundary {
    /// Nothing is missing and time runs on; at most the tracks or their configurations change.
    Config,
    /// Samples are missing; the times of those that follow are right all the same.
    Loss,
    /// The publisher's times jumped and were anchored anew. Media time runs on without a hole, while the wall clock has moved.
    Jump,
    /// Publishing was broken off and taken up again, and time with it as for a jump. Tracks that had left are given another chance.
    Break,
}

/// Cuts one stream into segments and keeps them for its viewers.
#[derive(Debug)]
pub struct Segmenter {
    options: Options,
    program: Arc<Program>,
    lanes: Vec<Lane>,
    /// Position of the leading track among the lanes.
    leader: usize,
    known: BTreeMap<TrackId, Memory>,
    /// Tracks that have left the adaptive set.
    misaligned: BTreeSet<TrackId>,
    /// The rungs of the ladder, in order of their tracks.
    rungs: Vec<rungs::State>,
    /// Slots that some track has not finished, oldest first.
    pending: VecDeque<Pending>,
    next: MediaSequence,
    discontinuity: bool,
    anchored_anew: bool,
    /// Where the leading track's last sync sample was, and how far apart two have been at most.
    last_sync: Option<Timestamp>,
    longest_gop: Span,
    /// Whether the segment in progress began where no decoder can start.
    off_keyframes: bool,
    /// Media is left out up to the leading track's first sync sample from there on.
    left_out: Option<Timestamp>,
    /// Where media has come to.
    at: Timestamp,
    presentation: Presentation,
    cached: Option<Arc<Snapshot>>,
}

#[derive(Debug)]
struct Pending {
    msn: MediaSequence,
    start: Timestamp,
    /// Where it begins on the wall clock, once there is something to list.
    wall: Option<WallClock>,
    /// The cut at its end, once known.
    end: Option<Timestamp>,
    /// Whether a sync sample of a leading video track made that cut.
    ends_on_keyframe: bool,
    /// Whether it began where no decoder can start.
    is_forced: bool,
    discontinuity: bool,
    anchored_anew: bool,
    segments: Vec<Arc<Segment>>,
    /// Tracks that have not finished it.
    unfinished: usize,
}

impl Segmenter {
    /// A segmenter for the presentation that this program opens, and the tracks that cannot be carried in CMAF with the reason.
    ///
    /// Media sequence numbers begin at the Unix second of the program's epoch, so that they rise across restarts.
    pub fn new(options: Options, program: Arc<Program>) -> (Self, Vec<(TrackId, fmp4::Error)>) {
        let mut segmenter = Self {
            presentation: Presentation::new(options.clone(), program.epoch),
            options,
            lanes: Vec::new(),
            leader: 0,
            known: BTreeMap::new(),
            misaligned: BTreeSet::new(),
            rungs: Vec::new(),
            pending: VecDeque::new(),
            next: MediaSequence(program.epoch.0 / 1_000),
            discontinuity: false,
            anchored_anew: true,
            last_sync: None,
            longest_gop: Span::ZERO,
            off_keyframes: false,
            left_out: None,
            at: Timestamp::from_millis(0),
            cached: None,
            program: Arc::clone(&program),
        };
        let refused = segmenter.set_tracks(&program);
        (segmenter, refused)
    }

    /// A program comes into force. Returns the tracks that cannot be carried in CMAF with the reason.
    ///
    /// With [`Boundary::Config`], equal tracks change nothing, and following tracks come and go without the others noticing. Otherwise the
    /// segment in progress ends here, a discontinuity follows, and tracks whose configuration changed get a new init segment. The epoch
    /// stays that of the first program.
    pub fn head(&mut self, program: Arc<Program>, boundary: Boundary, now: WallClock) -> Vec<(TrackId, fmp4::Error)> {
        let same = program.tracks == self.program.tracks;
        self.program = Arc::clone(&program);
        // What is told of tracks stands in playlists and manifests, whether or not a segment follows soon.
        self.presentation.revise(now);
        if same && boundary == Boundary::Config {
            return Vec::new();
        }
        if boundary == Boundary::Config && self.goes_on_in(&program) {
            return self.exchange_tracks(&program);
        }
        self.settle(now);
        if matches!(boundary, Boundary::Break | Boundary::Jump) {
            self.break_off();
        }
        if boundary == Boundary::Break {
            self.misaligned.clear();
        }
        self.set_tracks(&program)
    }

    /// Takes a sample. Of script data the cues are kept; samples of other tracks that are not cut are ignored, and what cannot be placed is
    /// counted.
    pub fn push(&mut self, sample: Sample, now: WallClock) {
        if sample.track.kind == Kind::Data {
            return self.take_script(&sample, now);
        }
        if sample.track.is_rung() {
            return self.push_rung(sample, now);
        }
        let Some(at) = self.lanes.iter().position(|lane| lane.id() == sample.track) else { return };
        if self.presentation.phase() == Phase::Away {
            self.presentation.close_gap(&mut self.next, self.at, now);
            self.presentation.set_phase(Phase::Live, now);
        }
        if at < self.leader && sample.is_sync {
            // The track that should lead is back.
            self.settle(now);
            self.leader = at;
        }
        let waiting = Waiting { sample, arrived: now };
        if at == self.leader {
            self.push_leading(waiting, now);
        } else if at < self.leader || !self.lanes[at].enqueue(waiting) {
            self.presentation.counters.dropped_samples += 1;
        } else if self.is_too_far_ahead(at) {
            self.lead_with(self.successor(at), now);
        }
        self.advance(now);
    }

    /// The publisher is gone, for now: everything received is brought to viewers. Gaps follow with [`Segmenter::tick`].
    pub fn away(&mut self, now: WallClock) {
        self.settle(now);
        self.break_off();
        self.presentation.set_phase(Phase::Away, now);
    }

    /// Time passes: gaps are appended while the publisher is away, and what no player may ask for any more is forgotten.
    pub fn tick(&mut self, now: WallClock) {
        if self.presentation.phase() == Phase::Away {
            self.presentation.append_gaps(&mut self.next, self.at, now);
        }
        self.presentation.expire(now);
    }

    /// The stream has truly ended: everything received is brought to viewers, however little it is, and nothing will follow.
    pub fn end(&mut self, now: WallClock) {
        self.settle(now);
        self.presentation.announce(now, self.seen());
        self.presentation.set_phase(Phase::Ended, now);
    }

    /// What follows has another place on the wall clock than media time tells.
    fn break_off(&mut self) {
        self.anchored_anew = true;
        self.presentation.cues.forget_waiting();
    }

    /// Video tracks that have left the adaptive set, because their sync samples miss those of the leading track.
    pub fn misaligned(&self) -> &BTreeSet<TrackId> {
        &self.misaligned
    }

    /// Tracks of the program that are not cut: misaligned ones and those that cannot be carried.
    pub fn left_out(&self) -> impl Iterator<Item = TrackId> {
        let media = self.program.tracks.iter().map(|track| track.id).filter(|id| id.kind != Kind::Data);
        media.filter(|id| self.lanes.iter().all(|lane| lane.id() != *id))
    }

    /// Rises with every change of what [`Segmenter::snapshot`] gives.
    pub fn state(&self) -> u64 {
        self.presentation.state()
    }

    /// What viewers can know now; `None` before the first few segments exist.
    pub fn snapshot(&mut self) -> Option<Arc<Snapshot>> {
        if self.cached.as_ref().is_none_or(|cached| cached.state != self.state()) {
            let (inits, rungs) = (self.inits(), self.expected_rungs());
            let snapshot = self.presentation.snapshot(&self.program, &inits, &self.progress(), self.ahead(), &rungs)?;
            self.cached = Some(Arc::new(snapshot));
        }
        self.cached.clone()
    }

    fn push_leading(&mut self, waiting: Waiting, now: WallClock) {
        let sample = &waiting.sample;
        let limit = self.presentation.limit();
        let Some(start) = self.leading_start() else {
            let lane = &mut self.lanes[self.leader];
            let at = lane.start_of(sample);
            // What is left out is still held, one after another, for following tracks go by it.
            self.presentation.counters.dropped_samples += lane.queue.pop().map_or(0, |_| 1);
            let is_left_out = self.left_out.is_some_and(|until| at < until || !sample.is_sync);
            if is_left_out && lane.enqueue(waiting.clone()) {
                return;
            }
            if sample.is_sync && !is_left_out && lane.enqueue(waiting) {
                self.left_out = None;
                self.last_sync = Some(at);
                self.off_keyframes = false;
                self.open_slot(at);
            } else {
                self.presentation.counters.dropped_samples += 1;
            }
            return;
        };
        let lane = &mut self.lanes[self.leader];
        let Some(held) = lane.front() else { return };
        if sample.dts.since(held.dts) >= limit {
            // A hole longer than a segment may be: time goes on, the sequence does not.
            self.settle(now);
            return self.push_leading(waiting, now);
        }
        let (is_sync, at) = (sample.is_sync, lane.start_of(sample));
        if !lane.enqueue(waiting) {
            self.presentation.counters.dropped_samples += 1;
            return;
        }
        self.place_leading(start, limit);
        let start = self.leading_start().unwrap_or(at);
        if is_sync && self.is_time_to_cut(at, at.since(start), limit) {
            match self.presentation.excess().filter(|excess| *excess >= self.longest_gop) {
                Some(excess) => self.leave_out(at, excess),
                None => self.cut(at, true),
            }
        } else if self.lanes[self.leader].bytes() >= MAX_SEGMENT_BYTES {
            self.force_cut(at);
        }
    }

    /// Whether a sync sample that comes `length` after the last cut ends the segment: when that is as long as it should be; when waiting for
    /// another, as far away as they have been, would make it too long; or when the last cut was forced, to return to the keyframes.
    fn is_time_to_cut(&mut self, at: Timestamp, length: Span, limit: Span) -> bool {
        let gop = self.last_sync.replace(at).map_or(Span::ZERO, |last| at.since(last));
        self.longest_gop = self.longest_gop.max(gop);
        let target = self.options.segment();
        let half = Span::from_nanos(target.nanos() / 2);
        let last_chance = length >= half && self.longest_gop < limit && length + self.longest_gop >= limit;
        length + TOLERANCE >= target || last_chance || self.off_keyframes
    }

    /// Places the leading track's oldest waiting sample, behind a forced cut where it would make the segment too long.
    fn place_leading(&mut self, start: Timestamp, limit: Span) {
        let lane = &self.lanes[self.leader];
        let Some(front) = lane.front() else { return };
        let duration = lane.front_duration(limit).unwrap_or(1);
        let at = lane.start_of(front);
        if !lane.is_empty() && at.plus_ticks(i64::from(duration)).since(start) >= limit {
            self.force_cut(at);
        }
        self.place(self.leader, duration);
    }

    fn place(&mut self, at: usize, duration: u32) {
        let target = self.presentation.part_limit(self.lanes[self.leader].told_frame());
        if self.lanes[at].place(duration, target, &mut self.presentation.counters) {
            self.presentation.touch();
        }
    }

    /// Where the slot that the leading track is filling begins.
    fn leading_start(&self) -> Option<Timestamp> {
        let msn = self.lanes.get(self.leader)?.msn;
        self.pending.back().filter(|slot| slot.msn == msn).map(|slot| slot.start)
    }

    fn open_slot(&mut self, start: Timestamp) {
        self.pending.push_back(Pending {
            msn: self.next,
            start,
            wall: None,
            end: None,
            ends_on_keyframe: false,
            is_forced: self.off_keyframes,
            discontinuity: std::mem::take(&mut self.discontinuity),
            anchored_anew: std::mem::take(&mut self.anchored_anew),
            segments: Vec::new(),
            unfinished: self.lanes.len(),
        });
        if self.pending.len() == 1 {
            for lane in &mut self.lanes {
                lane.msn = self.next;
            }
        }
        self.next = self.next.next();
    }

    fn cut(&mut self, at: Timestamp, on_keyframe: bool) {
        self.end_slot(at, on_keyframe);
        self.open_slot(at);
    }

    fn end_slot(&mut self, at: Timestamp, on_keyframe: bool) {
        self.off_keyframes = !on_keyframe;
        let leads_with_pictures = self.lanes[self.leader].id().kind == Kind::Video;
        if let Some(slot) = self.pending.back_mut() {
            slot.end = Some(at);
            slot.ends_on_keyframe = on_keyframe && leads_with_pictures;
        }
        self.close(self.leader, Some(at));
    }

    fn force_cut(&mut self, at: Timestamp) {
        self.presentation.counters.forced_cuts += 1;
        self.cut(at, false);
    }

    fn close(&mut self, at: usize, next: Option<Timestamp>) {
        let lane = &mut self.lanes[at];
        let msn = lane.msn;
        let segment = lane.close(next, &mut self.presentation.counters);
        let Some(slot) = self.pending.iter_mut().find(|slot| slot.msn == msn) else { return };
        slot.unfinished = slot.unfinished.saturating_sub(1);
        self.presentation.touch();
        match segment {
            Some(segment) => slot.segments.push(Arc::new(segment)),
            None => self.presentation.counters.track_gaps += 1,
        }
    }
}
