//! The bit-rate ceiling of one publisher, and how often a player may ask.

use std::time::{Duration, Instant};

use crate::media::Span;

/// A bucket that bits fill, and that empties at the rate allowed. What is in it is told as the time that it takes to empty.
#[derive(Debug)]
pub(super) struct Ceiling {
    /// Bits per second; 0 for no limit.
    most: u64,
    /// How much more than the rate may come at once.
    head_start: Span,
    /// Below zero after a silence: what was missed may be made up.
    level: Span,
    seen: Instant,
    warned: bool,
}

/// What is to be done about a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// Its first: it shall be told of.
    Warn,
    /// It goes on: the publisher must go.
    End,
}

impl Ceiling {
    /// So much above the ceiling is told of: two seconds' worth, more than the largest keyframe that a steady encoder makes.
    const WARN: Span = Span::from_secs(2);
    /// So much above it is the end. Twice the rate allowed gets there in five seconds.
    const END: Span = Span::from_secs(5);
    /// A line that was stuck may catch up on this much.
    const CREDIT: Span = Span::from_secs(10);

    /// Of a publisher that begins now and may send `ahead` of real time.
    pub(super) fn new(bits_per_second: u64, ahead: Duration, now: Instant) -> Self {
        Self { most: bits_per_second, head_start: ahead.into(), level: Span::ZERO, seen: now, warned: false }
    }

    /// Notes bytes that have come.
    pub(super) fn note(&mut self, bytes: usize, now: Instant) -> Option<Excess> {
        if self.most == 0 {
            return None;
        }
        let passed = Span::from(now.saturating_duration_since(self.seen));
        self.seen = now;
        let added = bytes as u128 * 8 * 1_000_000_000 / u128::from(self.most);
        let added = Span::from_nanos(i64::try_from(added).unwrap_or(i64::MAX));
        self.level = (self.level - passed).max(Span::ZERO - Self::CREDIT) + added;
        let over = self.level - self.head_start;
        if over > Self::END {
            Some(Excess::End)
        } else if over > Self::WARN && !self.warned {
            self.warned = true;
            Some(Excess::Warn)
        } else {
            None
        }
    }
}

/// How often a player may ask for its stream anew. Each time it gets the newest group of pictures, as fast as its line takes it.
#[derive(Debug)]
pub(super) struct Wishes {
    /// When as much time has passed as all that it asked for takes.
    granted: Instant,
}

impl Wishes {
    /// One wish takes so long, so that what is sent anew stays below what a player gets anyway.
    const EACH: Duration = Duration::from_secs(1);
    /// So many may come at once: more than somebody has fingers for.
    const AT_ONCE: u32 = 10;
    /// What a player is told that asks too often.
    pub const EXCESS: &'static str = "The stream was asked for anew, or halted, more than once a second.";

    /// Of a player that has not asked for anything.
    pub fn new(now: Instant) -> Self {
        Self { granted: now }
    }

    /// Notes one. False when it is too much.
    pub fn note(&mut self, now: Instant) -> bool {
        self.granted = self.granted.max(now) + Self::EACH;
        self.granted.saturating_duration_since(now) <= Self::EACH * Self::AT_ONCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGABIT: usize = 125_000;

    /// Sends for a minute at a rate, from a second after the start on, and says when what happened.
    fn send(ceiling: &mut Ceiling, start: Instant, bytes_per_second: usize) -> Vec<(u64, Excess)> {
        let mut happened = Vec::new();
        for tenth in 1..600_u64 {
            if let Some(excess) = ceiling.note(bytes_per_second / 10, start + Duration::from_millis(100 * tenth)) {
                happened.push((tenth / 10, excess));
                if excess == Excess::End {
                    break;
                }
            }
        }
        happened
    }

    #[test]
    fn a_runaway_encoder_is_warned_about_and_then_cut() {
        let start = Instant::now();
        let mut ceiling = Ceiling::new(1_000_000, Duration::ZERO, start);
        assert_eq!(send(&mut ceiling, start, 2 * MEGABIT), [(2, Excess::Warn), (5, Excess::End)]);
    }

    #[test]
    fn what_keeps_to_the_rate_may_burst_and_catch_up() {
        let start = Instant::now();
        let mut ceiling = Ceiling::new(1_000_000, Duration::from_secs(5), start);
        assert_eq!(ceiling.note(5 * MEGABIT, start), None, "what may run ahead");
        assert_eq!(send(&mut ceiling, start, MEGABIT), []);
        let later = start + Duration::from_secs(120);
        assert_eq!(ceiling.note(10 * MEGABIT, later), None, "what waited while the line was stuck");
        assert_eq!(ceiling.note(15 * MEGABIT, later), Some(Excess::End));
    }

    #[test]
    fn a_player_may_ask_ten_times_at_once_and_then_once_a_second() {
        let start = Instant::now();
        let mut wishes = Wishes::new(start);
        assert_eq!((0..20).take_while(|_| wishes.note(start)).count(), 10);
        let mut wishes = Wishes::new(start);
        assert!((0..100).all(|second| wishes.note(start + Duration::from_secs(second))));
        assert!((0..10).all(|_| wishes.note(start + Duration::from_secs(1_000))), "all is forgiven");
        assert!(!wishes.note(start + Duration::from_secs(1_000)));
    }

    #[test]
    fn no_ceiling_is_none() {
        let start = Instant::now();
        assert_eq!(Ceiling::new(0, Duration::ZERO, start).note(usize::MAX / 16, start), None);
    }
}
