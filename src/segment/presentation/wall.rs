//! Where on the wall clock slots belong.

use crate::media::{Span, Timestamp, WallClock};
use crate::segment::snapshot::Slot;

/// Media that arrives this much later than the wall-clock times given to it, slot after slot, gets new ones.
const DRIFT: Span = Span::from_millis(1_000);
/// So many slots in a row must be late, lest a hiccup of the network be taken for a slow clock.
const DRIFTED_SLOTS: u32 = 5;

/// The places that were given, as far as the next ones follow from them.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// A media time and the wall-clock time that it was given.
    pub anchor: Option<(Timestamp, WallClock)>,
    /// Where the last slot ends.
    pub end: Option<WallClock>,
    late_slots: u32,
    /// The next slot gets a place by its arrival.
    drifted: bool,
}

impl Places {
    /// Where a slot in progress begins, of which `reached` has come by now; not before the end of the slot `before`. Returns as well whether
    /// it is anchored anew. To be asked once for each slot, in order.
    pub fn give(
        &mut self,
        start: Timestamp,
        breaks: bool,
        anchored_anew: bool,
        reached: Span,
        before: Option<WallClock>,
        now: WallClock,
    ) -> (WallClock, bool) {
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
    ///
    /// One whose clock is faster than ours stays ahead of his: earlier times would lie in a period that was told of already.
    pub fn watch_drift(&mut self, slot: &Slot, done: WallClock) {
        let late = done.since(slot.wall_end()) > DRIFT;
        self.late_slots = if late { self.late_slots + 1 } else { 0 };
        if self.late_slots >= DRIFTED_SLOTS {
            self.late_slots = 0;
            self.drifted = true;
        }
    }
}
