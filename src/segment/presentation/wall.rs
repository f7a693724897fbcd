//! Where on the wall clock slots belong.

use std::collections::VecDeque;

use crate::media::{Span, Timestamp, WallClock};
use crate::segment::snapshot::Slot;

/// How far media may arrive from the wall-clock times given to it: later than those, slot after slot, or earlier than it used to be.
const DRIFT: Span = Span::from_millis(1_000);
/// So many slots in a row must be that far away, lest a hiccup of the network be taken for a clock.
const DRIFTED_SLOTS: usize = 5;
/// No clock gains a fourth of the time that passes. Who sends so much faster sends a file, and all of that is wanted.
const FASTEST: i64 = 4;

/// A slot in progress that gets its place.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// The media time of its beginning.
    pub start: Timestamp,
    /// Whether a discontinuity is before it.
    pub breaks: bool,
    /// Whether media time and the wall clock have moved apart there.
    pub anchored_anew: bool,
    /// How much of it has come by now.
    pub reached: Span,
    /// Where the slot before ends: it does not begin earlier.
    pub before: Option<WallClock>,
}

/// The places that were given, as far as the next ones follow from them.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// A media time and the wall-clock time that it was given.
    pub anchor: Option<(Timestamp, WallClock)>,
    /// Where the last slot ends.
    pub end: Option<WallClock>,
    /// By how much the last slots were there before their ends.
    early: VecDeque<Span>,
    /// What was usual of that at first, at most, and until when: media that begins with a burst stays ahead of its place.
    usual: Option<(Span, WallClock)>,
    /// Where the last slot with media ends.
    reached: Option<WallClock>,
    /// The next slot gets a place by its arrival.
    drifted: bool,
}

impl Places {
    /// Where a slot in progress begins, and whether it is anchored anew. To be asked once for each slot, in order.
    pub fn give(&mut self, slot: Beginning, now: WallClock) -> (WallClock, bool) {
        let Beginning { start, breaks, anchored_anew, reached, before } = slot;
        if anchored_anew {
            self.forget_drift();
        }
        let anchored_anew = std::mem::take(&mut self.drifted) || anchored_anew;
        let by_arrival = now.plus(Span::ZERO - reached);
        let wall = match self.by_anchor(start).filter(|_| !anchored_anew) {
            Some(wall) if !breaks => return (wall, false),
            Some(wall) => wall,
            None => by_arrival,
        };
        let wall = before.map_or(wall, |before| wall.max(before));
        self.anchor = Some((start, wall));
        (wall, anchored_anew)
    }

    /// Where a media time belongs as long as time goes on.
    pub fn by_anchor(&self, at: Timestamp) -> Option<WallClock> {
        self.anchor.map(|(from, wall)| wall.plus(at.since(from)))
    }

    /// A place is not before the end of the last slot.
    pub fn not_before_end(&self, wall: WallClock) -> WallClock {
        self.end.map_or(wall, |end| wall.max(end))
    }

    /// A slot that was `done` now has its place. A publisher whose clock is slower than ours falls behind the places that were given; then
    /// the next period gets later ones. HLS tells of them by `EXT-X-PROGRAM-DATE-TIME` alone: media time runs on, and only a step in that
    /// is a discontinuity (RFC 8216bis §4.4.4.3).
    pub fn watch_drift(&mut self, slot: &Slot, done: WallClock) {
        let end = slot.wall_end();
        self.reached = Some(end);
        self.early.push_back(end.since(done));
        if self.early.len() > DRIFTED_SLOTS {
            self.early.pop_front();
        }
        let most = self.early.iter().copied().max().filter(|_| self.early.len() == DRIFTED_SLOTS);
        self.usual = self.usual.or(most.map(|most| (most, end)));
        if most.is_some_and(|most| Span::ZERO - most > DRIFT) {
            self.forget_drift();
            self.drifted = true;
        }
    }

    /// How far media is ahead of its places by now, where that is too far, as from a publisher whose clock is faster than ours. Earlier
    /// places would lie in a period that was told of already, so some of it has to be left out.
    pub fn excess(&self) -> Option<Span> {
        let least = self.early.iter().copied().min().filter(|_| self.early.len() == DRIFTED_SLOTS)?;
        let (usual, from) = self.usual?;
        let (excess, gained, passed) = (least - usual, *self.early.back()? - usual, self.reached?.since(from));
        (excess > DRIFT && gained.nanos() < passed.nanos() / FASTEST).then_some(excess)
    }

    /// Media is left out, and what follows gets a place by its arrival.
    pub fn catch_up(&mut self) {
        self.early.clear();
        self.drifted = true;
    }

    fn forget_drift(&mut self) {
        self.early.clear();
        self.usual = None;
    }
}
