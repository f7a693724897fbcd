//! Slots as they are finished, and gaps: when viewers are told of them, and how each follows the last one.

use std::sync::Arc;

use super::Presentation;
use super::terms::{Seen, Terms};
use crate::media::{Span, Timestamp, WallClock};
use crate::segment::snapshot::{Init, MediaSequence, Period, Segment, Slot};
use crate::segment::steady::Regular;
use crate::segment::window::Window;

/// The longest stretch of gaps appended at once; if the clock ran further ahead, the rest is left out.
const MAX_CATCH_UP: Span = Span::from_secs(120);
/// A publisher that returns sooner after the last slot leaves no gap, which players would have to find a way around: what it sends is in
/// time all the same, as a segment may come half a target duration later than it is long (RFC 8216bis §6.2.2).
const SHORTEST_GAP: Span = Span::from_millis(500);

/// A slot as it was cut.
#[derive(Debug)]
pub(in crate::segment) struct Cut {
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

/// How a slot follows the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::segment) enum Turn {
    /// In the same period.
    GoesOn,
    /// In another, with segments of one duration if it is told.
    Begins(Option<Regular>),
    /// In another, as it is not where its number would have it.
    Deviates,
}

impl Turn {
    /// What tells of the segments of the period that begins.
    pub fn regular(self) -> Option<Regular> {
        if let Self::Begins(regular) = self { regular } else { None }
    }
}

impl Presentation {
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
        let (Some(terms), Some(mut wall)) = (self.terms, self.places.end) else { return };
        let duration = terms.target();
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
        let Some(wall) = self.places.end.filter(|end| self.terms.is_some() && now.since(*end) >= SHORTEST_GAP) else { return };
        self.append_gap(next, at, wall, now.since(wall), now);
    }

    fn append_gap(&mut self, next: &mut MediaSequence, at: Timestamp, wall: WallClock, duration: Span, now: WallClock) {
        self.counters.gap_slots += 1;
        let slot = Slot { msn: *next, start: at, wall, duration, discontinuity: false, period: None, segments: Vec::new() };
        *next = next.next();
        self.period = None;
        self.keep(slot, now);
    }

    /// How a slot with these tracks, at which time breaks or does not, follows the last one.
    pub fn turn(&self, msn: MediaSequence, start: Timestamp, breaks: bool, inits: &[Arc<Init>]) -> Turn {
        let Some(period) = self.period.as_ref().filter(|period| !breaks && !self.is_holed && same_inits(&period.inits, inits)) else {
            return Turn::Begins(None);
        };
        // No segment may then be half as long again (ISO/IEC 23009-1 §5.3.9.6.1).
        let is_safe = |regular: &Regular| self.options.dash_duration && self.limit().nanos() / 3 <= regular.duration.nanos() / 2;
        match (period.regular, self.steadiness.expects(msn).filter(is_safe)) {
            (Some(regular), _) if regular.holds(period, msn, start) => Turn::GoesOn,
            (Some(_), _) => Turn::Deviates,
            (None, None) => Turn::GoesOn,
            (None, regular) => Turn::Begins(regular),
        }
    }

    fn fix_terms(&mut self, seen: Seen) {
        let spans = self.waiting.iter().flat_map(|cut| cut.segments.iter().map(|s| s.span()).chain([cut.duration]));
        let terms = Terms::fix(&self.options, spans.max().unwrap_or_default(), seen);
        if terms.part_target.is_none() {
            self.counters.long_parts = 0;
        }
        self.window = Window::new(terms.window, terms.target(), self.limits);
        self.terms = Some(terms);
    }

    /// Slots that belong to one stretch of time: their place on the wall clock is decided at once.
    fn append_run(&mut self, run: Vec<Cut>, now: WallClock) {
        let Some(first) = run.first() else { return };
        if first.anchored_anew || self.places.anchor.is_none() {
            // As late as the latest of them arrived, so that every segment exists by the time the manifest says it does.
            let begun = |cut: &Cut| cut.done.plus(first.start.since(cut.start) - cut.duration);
            let by_arrival = || run.iter().map(begun).max().unwrap_or(now);
            if first.wall.is_none() {
                self.places.anchor = Some((first.start, self.places.not_before_end(by_arrival())));
            }
            self.period = None;
        }
        for cut in run {
            self.append_one(cut, now);
        }
    }

    fn append_one(&mut self, cut: Cut, now: WallClock) {
        let Some(anchored) = cut.wall.or_else(|| self.places.by_anchor(cut.start)) else { return };
        let inits: Vec<_> = cut.segments.iter().map(|segment| Arc::clone(&segment.init)).collect();
        let coming = self.coming.take();
        let is_told = coming.is_some();
        // What was told of a period stays true of it, also where a rung that was to take part fails, or another comes before its first slot is whole.
        let told = coming.filter(|coming| cut.wall == Some(coming.wall) && are_kept(&coming.inits, &inits));
        let turn = self.turn(cut.msn, cut.start, cut.discontinuity, told.as_ref().map_or(&inits, |told| &told.inits));
        if turn == Turn::Deviates {
            self.steadiness.disappoint();
        }
        let (wall, period) = match (self.period.as_ref().filter(|_| turn == Turn::GoesOn), cut.segments.first()) {
            (Some(period), Some(_)) => (anchored, Some(Arc::clone(period))),
            (None, Some(first)) => {
                let wall = self.places.not_before_end(anchored);
                let arrived = first.arrived.plus(cut.start.since(first.start));
                // Another period has another number.
                let index = self.periods + u64::from(is_told);
                let inits = inits.clone();
                let new = || Arc::new(Period { index, start: cut.start, wall, arrived, inits, regular: turn.regular() });
                let period = told.filter(|told| (told.wall, told.regular) == (wall, turn.regular())).unwrap_or_else(new);
                self.periods = period.index + 1;
                (wall, Some(period))
            }
            (_, None) => (self.places.not_before_end(anchored), None),
        };
        self.is_holed = period.as_ref().is_some_and(|period| !period.inits.iter().all(|init| has(&inits, init)));
        if cut.wall.is_none() {
            self.places.anchor = Some(period.as_ref().map_or((cut.start, wall), |period| (period.start, period.wall)));
        }
        self.period = period.clone();
        if let Some(terms) = self.terms {
            cut.segments.iter().for_each(|segment| self.accounts.measure(terms.target_duration, cut.msn, segment));
        }
        let Cut { msn, start, duration, discontinuity, segments, done, .. } = cut;
        let slot = Slot { msn, start, wall, duration, discontinuity, period, segments };
        self.places.watch_drift(&slot, done);
        self.steadiness.note(&slot);
        self.keep(slot, now);
    }

    fn keep(&mut self, slot: Slot, now: WallClock) {
        self.places.end = Some(slot.wall_end());
        self.window.append(Arc::new(slot), now, &mut self.counters);
        self.begin_lists();
        self.revise(now);
    }
}

/// A track of which something else is told has the same init segment all the same.
fn same_inits(some: &[Arc<Init>], others: &[Arc<Init>]) -> bool {
    some.len() == others.len() && some.iter().all(|init| has(others, init))
}

fn has(inits: &[Arc<Init>], init: &Init) -> bool {
    inits.iter().any(|other| (other.track.id, other.generation) == (init.track.id, init.generation))
}

/// Whether a period that was told of with these tracks has them, apart from rungs: what those lack is a gap.
fn are_kept(told: &[Arc<Init>], inits: &[Arc<Init>]) -> bool {
    told.iter().all(|init| init.track.id.is_rung() || has(inits, init))
}
