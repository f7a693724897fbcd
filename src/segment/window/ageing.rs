//! When slots may lose their parts.

use std::collections::VecDeque;

use crate::media::{Span, WallClock};
use crate::segment::snapshot::{MediaSequence, Slot};

/// How many target durations before its end a playlist lists no parts any more: three (RFC 8216bis §4.4.4.9), and one more, as tracks do not
/// end together.
const LISTED: i64 = 4;
/// How many target durations parts stay after that, for players that have an older playlist.
const FETCHABLE: i64 = 3;

/// Which slots still have their parts.
#[derive(Debug)]
pub(super) struct Ageing {
    target: Span,
    /// The first slot whose parts may be listed.
    listed: MediaSequence,
    /// Slots before it, with the time at which they lose their parts.
    passed: VecDeque<(MediaSequence, WallClock)>,
}

impl Ageing {
    pub fn new(target: Span) -> Self {
        Self { target, listed: MediaSequence(0), passed: VecDeque::new() }
    }

    /// The first slot whose parts may be listed, where `first` is the oldest that there is.
    pub fn next(&mut self, first: Option<MediaSequence>) -> Option<MediaSequence> {
        self.listed = self.listed.max(first?);
        Some(self.listed)
    }

    /// Passes that slot, if it is too long before the `end` of the list for its parts to be listed.
    pub fn pass(&mut self, slot: &Slot, end: WallClock, now: WallClock) -> bool {
        let passes = slot.wall_end().plus(self.times(LISTED)) <= end;
        if passes {
            self.passed.push_back((slot.msn, now.plus(self.times(FETCHABLE))));
            self.listed = slot.msn.next();
        }
        passes
    }

    /// The next slot that can lose its parts now.
    pub fn due(&mut self, now: WallClock) -> Option<MediaSequence> {
        self.passed.pop_front_if(|(_, until)| *until <= now).map(|(msn, _)| msn)
    }

    /// The oldest slot that has not lost its parts.
    pub fn first_with_parts(&self) -> MediaSequence {
        self.passed.front().map_or(self.listed, |(msn, _)| *msn)
    }

    fn times(&self, count: i64) -> Span {
        Span::from_nanos(self.target.nanos().saturating_mul(count))
    }
}
