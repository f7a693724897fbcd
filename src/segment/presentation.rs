//! Finished slots on their way to viewers: numbered, set on the wall clock, gathered into periods, measured and kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::media::{Epoch, Kind, Program, Span, Timestamp, TrackId, WallClock};

use super::cues::Cues;
use super::lane::SHORTEST_PART;
use super::meter::Account;
use super::options::Options;
use super::snapshot::{Counters, Init, MediaSequence, OpenSegment, PartNumber, Period, Phase, Segment, Slot, Snapshot, TrackStatus};
use super::window::{Change, Limits, Window};

/// What the target duration leaves above the longest segment seen, as GOPs of one encoder differ by a few frames.
const HEADROOM: Span = Span::from_millis(250);
/// How far a segment may exceed the target duration: `EXTINF` rounded to the nearest second may not (RFC 8216bis §4.4.3.1), and a sound
/// segment may be a frame longer than its slot.
pub(super) const ROUNDING: Span = Span::from_millis(400);
/// Media that arrives this much later than the wall-clock times given to it, slot after slot, gets new ones.
const DRIFT: Span = Span::from_millis(1_000);
/// So many slots in a row must be late, lest a hiccup of the network be taken for a slow clock.
const DRIFTED_SLOTS: u32 = 5;
/// The longest stretch of gaps appended at once; if the clock ran further ahead, the rest is left out.
const MAX_CATCH_UP: Span = Span::from_secs(120);
/// What the part target leaves above whole frames, as publishers round their times to milliseconds.
const PART_HEADROOM: Span = Span::from_millis(1);
/// A publisher that returns sooner after the last slot leaves no gap.
const SHORTEST_GAP: Span = Span::from_millis(100);

/// A slot as it was cut.
#[derive(Debug)]
pub(super) struct Cut {
    pub msn: MediaSequence,
    pub start: Timestamp,
    /// Where it begins on the wall clock, if parts of it were listed already.
    pub wall: Option<WallClock>,
    pub duration: Span,
    pub discontinuity: bool,
    /// Whether time was broken off before it, so that its place on the wall clock follows from its arrival alone.
    pub anchored_anew: bool,
    pub segments: Vec<Arc<Segment>>,
    pub done: WallClock,
}

/// What was measured of what is still in progress: it bounds what may be promised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The longest segment.
    pub segment: Span,
    /// How long a frame of the leading track lasts, on average, and how long it is said to.
    pub frame: Span,
    pub told_frame: Option<Span>,
    /// The longest part of several samples.
    pub part: Span,
}

/// What the presentation does not know of a track by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub frame_rate: Option<f64>,
    pub next_part: PartNumber,
}

/// What can never change once the stream was announced.
#[derive(Clone, Copy, Debug)]
struct Terms {
    target_duration: u32,
    part_target: Option<Span>,
    window: Span,
}

/// The presentation as viewers see it.
#[derive(Debug)]
pub(super) struct Presentation {
    options: Options,
    epoch: Epoch,
    terms: Option<Terms>,
    waiting: Vec<Cut>,
    window: Window,
    limits: Limits,
    phase: Phase,
    period: Option<Arc<Period>>,
    periods: u64,
    /// A media time and the wall-clock time that it was given.
    anchor: Option<(Timestamp, WallClock)>,
    wall_end: Option<WallClock>,
    late_slots: u32,
    /// The next slot gets a place on the wall clock by its arrival.
    drifted: bool,
    /// The period that the slot in progress will begin, as manifests tell of it.
    coming: Option<Arc<Period>>,
    accounts: BTreeMap<TrackId, Account>,
    state: u64,
    revision: u64,
    changed: WallClock,
    pub cues: Cues,
    pub counters: Counters,
}

impl Presentation {
    pub fn new(options: Options, epoch: Epoch) -> Self {
        Self {
            window: Window::new(options.window(), options.longest_segment(), options.limits()),
            limits: options.limits(),
            options,
            epoch,
            terms: None,
            waiting: Vec::new(),
            phase: Phase::Live,
            period: None,
            periods: 0,
            anchor: None,
            wall_end: None,
            late_slots: 0,
            drifted: false,
            coming: None,
            accounts: BTreeMap::new(),
            state: 0,
            revision: 0,
            changed: WallClock::from_unix_millis(0),
            cues: Cues::default(),
            counters: Counters::default(),
        }
    }

    pub fn state(&self) -> u64 {
        self.state
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How long a slot may be.
    pub fn limit(&self) -> Span {
        match self.terms {
            Some(terms) => Span::from_secs(i64::from(terms.target_duration)) + ROUNDING,
            None => self.options.longest_segment(),
        }
    }

    /// How long a part may be. Before that is promised, it goes by how long a frame of the leading track is said to last.
    pub fn part_limit(&self, frame: Option<Span>) -> Span {
        let wanted = self.options.part();
        match self.terms {
            Some(terms) => terms.part_target.unwrap_or(self.options.longest_segment()),
            None => frame.and_then(|frame| part_target(wanted, frame)).unwrap_or(wanted),
        }
    }

    /// Where on the wall clock a slot in progress begins, of which `reached` has come by now; not before the end of the slot before, and
    /// `None` until the stream is announced. Returns as well whether it is anchored anew. To be asked once for each slot, in order.
    pub fn place(
        &mut self,
        start: Timestamp,
        breaks: bool,
        anchored_anew: bool,
        reached: Span,
        before: Option<WallClock>,
        now: WallClock,
    ) -> Option<(WallClock, bool)> {
        self.terms?;
        let anchored_anew = std::mem::take(&mut self.drifted) || anchored_anew;
        let by_arrival = now.plus(Span::ZERO - reached);
        let wall = match self.anchor.filter(|_| !anchored_anew) {
            Some((from, at)) if !breaks => return Some((at.plus(start.since(from)), false)),
            Some((from, at)) => at.plus(start.since(from)),
            None => by_arrival,
        };
        let wall = before.map_or(wall, |before| wall.max(before));
        self.anchor = Some((start, wall));
        Some((wall, anchored_anew))
    }

    /// The slot in progress will begin a period, of which all tracks have something to show; `inits` are theirs, and `arrived` is when what is
    /// shown first came.
    pub fn foresee(&mut self, start: Timestamp, wall: WallClock, arrived: WallClock, inits: Vec<Arc<Init>>, now: WallClock) {
        if self.coming.is_none() {
            self.coming = Some(Arc::new(Period { index: self.periods, start, wall, arrived, inits }));
            self.revise(now);
        }
    }

    /// Whether a slot with these tracks, at which time breaks or does not, goes on in the period of the last one.
    pub fn goes_on(&self, breaks: bool, inits: &[Arc<Init>]) -> bool {
        self.period.as_ref().is_some_and(|period| !breaks && same_inits(&period.inits, inits))
    }

    /// A media time of the last slot and its place on the wall clock; `None` where that has no media.
    pub fn clock(&self) -> Option<(Timestamp, WallClock)> {
        self.window.listed().last().filter(|slot| slot.period.is_some()).map(|slot| (slot.start, slot.wall))
    }

    /// Where the last slot ends on the wall clock.
    pub fn wall_end(&self) -> Option<WallClock> {
        self.wall_end
    }

    pub fn set_phase(&mut self, phase: Phase, now: WallClock) {
        if self.phase != phase {
            self.phase = phase;
            self.revise(now);
        }
    }

    /// A part was made or the program changed.
    pub fn touch(&mut self) {
        self.state += 1;
    }

    /// What manifests tell has changed.
    pub fn revise(&mut self, now: WallClock) {
        self.state += 1;
        self.revision += 1;
        self.changed = now.max(self.changed.plus(Span::from_millis(1)));
    }

    /// Takes a finished slot. The stream is announced with the first few of them, with one that is as long as they might be, or with what
    /// there is when it ends.
    pub fn append(&mut self, cut: Cut, seen: Seen) {
        let now = cut.done;
        self.waiting.push(cut);
        let waiting = self.waiting.iter().fold(Span::ZERO, |sum, cut| sum + cut.duration);
        if self.terms.is_some() || self.waiting.len() >= self.options.first_segments || waiting >= self.options.first_media() {
            self.announce(now, seen);
        }
    }

    /// Announces the slots that wait.
    pub fn announce(&mut self, now: WallClock, seen: Seen) {
        if self.waiting.is_empty() {
            return;
        }
        if self.terms.is_none() {
            self.fix_terms(seen);
        }
        let mut waiting = std::mem::take(&mut self.waiting).into_iter().peekable();
        let mut run = Vec::new();
        while let Some(cut) = waiting.next() {
            run.push(cut);
            if waiting.peek().is_none_or(|next| next.anchored_anew) {
                self.append_run(std::mem::take(&mut run), now);
            }
        }
    }

    /// Appends gaps for the time that has passed without a publisher.
    pub fn append_gaps(&mut self, next: &mut MediaSequence, at: Timestamp, now: WallClock) {
        let (Some(terms), Some(mut wall)) = (self.terms, self.wall_end) else { return };
        let duration = Span::from_secs(i64::from(terms.target_duration));
        if now.since(wall) > MAX_CATCH_UP {
            wall = now.plus(Span::ZERO - duration);
        }
        while now.since(wall) >= duration {
            self.append_gap(next, at, wall, duration, now);
            wall = wall.plus(duration);
        }
    }

    /// The publisher is back: the time since the last slot is a gap of its own, so that the next slot is not overdue from the start.
    pub fn close_gap(&mut self, next: &mut MediaSequence, at: Timestamp, now: WallClock) {
        self.append_gaps(next, at, now);
        let Some(wall) = self.wall_end.filter(|end| self.terms.is_some() && now.since(*end) >= SHORTEST_GAP) else { return };
        self.append_gap(next, at, wall, now.since(wall), now);
    }

    fn append_gap(&mut self, next: &mut MediaSequence, at: Timestamp, wall: WallClock, duration: Span, now: WallClock) {
        self.counters.gap_slots += 1;
        let slot = Slot { msn: *next, start: at, wall, duration, discontinuity: false, period: None, segments: Vec::new() };
        *next = next.next();
        self.period = None;
        self.keep(slot, now);
    }

    /// Changes what may be held.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.window.set_limits(limits);
    }

    /// Forgets what no player may ask for any more, and what is beyond the limits.
    pub fn expire(&mut self, now: WallClock) {
        match self.window.pass(now, &mut self.counters) {
            Change::None => {}
            Change::Kept => self.touch(),
            Change::Listed => {
                self.begin_lists();
                self.revise(now);
            }
        }
    }

    /// Bytes of slots in memory.
    pub fn held(&self) -> u64 {
        let waiting = self.waiting.iter().flat_map(|cut| &cut.segments).map(|segment| segment.body.len() as u64);
        self.window.usage().memory + waiting.sum::<u64>()
    }

    /// The window, to move slots to the spool. Viewers learn of it with the next change.
    pub fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    pub fn snapshot(
        &self,
        program: &Program,
        inits: &[Arc<Init>],
        progress: &BTreeMap<TrackId, Progress>,
        open: Vec<OpenSegment>,
    ) -> Option<Snapshot> {
        let terms = self.terms?;
        let last_media = self.window.last_media().cloned();
        let former = last_media.iter().flat_map(|slot| &slot.segments).map(|segment| &segment.init).chain(self.window.inits());
        let mut kept: Vec<Arc<Init>> = inits.to_vec();
        for init in former {
            if !kept.iter().any(|known| Arc::ptr_eq(known, init)) {
                kept.push(Arc::clone(init));
            }
        }
        let tracks = inits.iter().filter(|init| self.accounts.contains_key(&init.track.id));
        Some(Snapshot {
            epoch: self.epoch,
            state: self.state,
            revision: self.revision,
            changed: self.changed,
            phase: self.phase,
            target_duration: terms.target_duration,
            part_target: terms.part_target,
            segment_target: self.options.segment(),
            window: terms.window,
            tracks: tracks.map(|init| self.status(program, init, progress)).collect(),
            slots: self.window.listed().clone(),
            open,
            coming: self.coming.clone(),
            discontinuity_sequence: self.window.discontinuity_sequence(),
            independent: !inits.iter().filter_map(|init| self.accounts.get(&init.track.id)).any(|account| account.dependent),
            retained: self.window.retained().clone(),
            last_media,
            inits: kept,
            cues: self.cues.listed(),
            late_events: self.cues.late(),
            listed_tracks: self.window.listed_tracks(),
            counters: self.counters,
            usage: self.window.usage(),
        })
    }

    fn status(&self, program: &Program, init: &Arc<Init>, progress: &BTreeMap<TrackId, Progress>) -> TrackStatus {
        // What was told of the track since it got its init segment counts.
        let track = Arc::clone(program.tracks.get(init.track.id).unwrap_or(&init.track));
        // What the publisher declares is for the default tracks.
        let declared = match (track.id.kind, track.id.index) {
            (Kind::Video, 0) => program.metadata.video_bit_rate,
            (Kind::Audio, 0) => program.metadata.audio_bit_rate,
            _ => None,
        };
        let account = self.accounts.get(&track.id);
        let rate = account.map(|account| account.rate(declared)).unwrap_or_default();
        let iframe_rate = account.map(Account::iframe_rate).unwrap_or_default();
        let iframes_ahead = account.map_or(0, |account| account.iframes_ahead);
        let progress = progress.get(&track.id);
        let measured = || progress.and_then(|progress| progress.frame_rate);
        let frame_rate = track.frame_rate.or_else(measured).filter(|_| track.id.kind == Kind::Video);
        let next_part = progress.map_or(PartNumber(0), |progress| progress.next_part);
        TrackStatus { track, rate, iframe_rate, iframes_ahead, frame_rate, init: Arc::clone(init), next_part }
    }

    fn fix_terms(&mut self, seen: Seen) {
        let spans = self.waiting.iter().flat_map(|cut| cut.segments.iter().map(|s| s.span()).chain([cut.duration]));
        let longest = spans.max().unwrap_or_default().max(seen.segment);
        let rounded = |span: Span| (span.millis() + 500) / 1_000;
        let seconds = rounded(longest + HEADROOM).max(rounded(self.options.segment())).clamp(1, i64::from(u32::MAX));
        let limit = self.part_limit(seen.told_frame);
        let part_target = part_target(self.options.part(), seen.frame).map(|target| kept_target(target, limit, seen.frame).max(seen.part));
        let window = self.options.window().max(Span::from_secs(seconds.saturating_mul(6)));
        self.terms = Some(Terms { target_duration: seconds as u32, part_target, window });
        if part_target.is_none() {
            self.counters.long_parts = 0;
        }
        self.window = Window::new(window, Span::from_secs(seconds), self.limits);
    }

    /// Slots that belong to one stretch of time: their place on the wall clock is decided at once.
    fn append_run(&mut self, run: Vec<Cut>, now: WallClock) {
        let Some(first) = run.first() else { return };
        if first.anchored_anew || self.anchor.is_none() {
            // As late as the latest of them arrived, so that every segment exists by the time the manifest says it does.
            let begun = |cut: &Cut| cut.done.plus(first.start.since(cut.start) - cut.duration);
            let by_arrival = || run.iter().map(begun).max().unwrap_or(now);
            if first.wall.is_none() {
                let wall = by_arrival();
                self.anchor = Some((first.start, self.wall_end.map_or(wall, |end| wall.max(end))));
            }
            self.period = None;
        }
        for cut in run {
            self.append_one(cut, now);
        }
    }

    fn append_one(&mut self, cut: Cut, now: WallClock) {
        let Some((from, at)) = self.anchor else { return };
        let inits: Vec<_> = cut.segments.iter().map(|segment| Arc::clone(&segment.init)).collect();
        let goes_on = self.goes_on(cut.discontinuity, &inits);
        let coming = self.coming.take();
        let anchored = cut.wall.unwrap_or_else(|| at.plus(cut.start.since(from)));
        let (wall, period) = match (self.period.as_ref().filter(|_| goes_on), cut.segments.first()) {
            (Some(period), Some(_)) => (anchored, Some(Arc::clone(period))),
            (None, Some(first)) => {
                let wall = self.wall_end.map_or(anchored, |end| anchored.max(end));
                let arrived = first.arrived.plus(cut.start.since(first.start));
                let is_told = coming.is_some();
                let told = coming.filter(|coming| coming.wall == wall && same_inits(&coming.inits, &inits));
                // What was told of a period stays true of it; another has another number.
                let index = self.periods + u64::from(is_told);
                let new = || Arc::new(Period { index, start: cut.start, wall, arrived, inits });
                let period = told.unwrap_or_else(new);
                self.periods = period.index + 1;
                (wall, Some(period))
            }
            (_, None) => (self.wall_end.map_or(anchored, |end| anchored.max(end)), None),
        };
        if cut.wall.is_none() {
            self.anchor = Some(period.as_ref().map_or((cut.start, wall), |period| (period.start, period.wall)));
        }
        self.period = period.clone();
        for segment in &cut.segments {
            self.measure(cut.msn, segment);
        }
        let Cut { msn, start, duration, discontinuity, segments, done, .. } = cut;
        let slot = Slot { msn, start, wall, duration, discontinuity, period, segments };
        self.watch_drift(&slot, done);
        self.keep(slot, now);
    }

    fn keep(&mut self, slot: Slot, now: WallClock) {
        self.wall_end = Some(slot.wall_end());
        self.window.append(Arc::new(slot), now, &mut self.counters);
        self.begin_lists();
        self.revise(now);
    }

    /// Forgets what lies before the first slot that is listed.
    fn begin_lists(&mut self) {
        if let Some(first) = self.window.listed().first() {
            self.cues.expire(first.wall);
            self.accounts.values_mut().for_each(|account| account.begin_with(first.msn));
        }
    }

    /// A publisher whose clock is slower than ours falls behind the wall-clock times that were given to it; then the next period gets
    /// later ones.
    fn watch_drift(&mut self, slot: &Slot, done: WallClock) {
        let late = done.since(slot.wall_end()) > DRIFT;
        self.late_slots = if late { self.late_slots + 1 } else { 0 };
        if self.late_slots >= DRIFTED_SLOTS {
            self.late_slots = 0;
            self.drifted = true;
        }
    }

    fn measure(&mut self, msn: MediaSequence, segment: &Segment) {
        let Some(terms) = self.terms else { return };
        let account = || Account::new(terms.target_duration);
        self.accounts.entry(segment.track()).or_insert_with(account).add(msn, segment);
    }
}

/// A track of which something else is told has the same init segment all the same.
fn same_inits(some: &[Arc<Init>], others: &[Arc<Init>]) -> bool {
    let name = |init: &Arc<Init>| (init.track.id, init.generation);
    some.iter().map(name).eq(others.iter().map(name))
}

/// The part target for a source whose frames last so long: the smallest whole number of them that reaches what is `wanted`, so that every
/// part is that long. `None` where a single frame is longer.
fn part_target(wanted: Span, frame: Span) -> Option<Span> {
    let frame = frame.nanos().max(1);
    let frames = ((wanted - PART_HEADROOM).nanos() + frame - 1) / frame;
    (frame <= wanted.nanos()).then(|| Span::from_nanos(frame.saturating_mul(frames)) + PART_HEADROOM)
}

/// The part target where parts have been cut by `limit`: as `target` would have it, or lower where they would be less than 85 % of that
/// (RFC 8216bis §4.4.4.9), which happens to few frames a second that nobody told of.
fn kept_target(target: Span, limit: Span, frame: Span) -> Span {
    let frame = frame.nanos().max(1);
    let made = limit.nanos() / frame * frame;
    let too_short = made.saturating_mul(100) < target.nanos().saturating_mul(SHORTEST_PART);
    if too_short && made > 0 { Span::from_nanos(made) + PART_HEADROOM } else { target }
}
