//! What one publication may do to the gateway and its viewers, and how it is told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::media::Span;

/// Events within [`Meter::WINDOW`] that are too many: one a second.
const TOO_MANY: usize = 10;

/// Counts events that cost viewers something, and says when they come too often.
#[derive(Debug, Default)]
pub(super) struct Meter(VecDeque<Instant>);

impl Meter {
    /// Over how long events are counted.
    const WINDOW: Duration = Duration::from_secs(10);

    /// Counts an event. True when there were more than one a second for ten seconds.
    pub(super) fn exceeds(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|first| now.saturating_duration_since(*first) >= Self::WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        if self.0.len() > TOO_MANY {
            self.0.pop_front();
            return true;
        }
        false
    }
}

/// Tells at most once a second what was dropped.
#[derive(Debug, Default)]
pub(super) struct Report {
    told: Option<Instant>,
    dropped: u64,
    last: String,
}

impl Report {
    /// Between two lines of the log.
    const INTERVAL: Duration = Duration::from_secs(1);

    /// Counts something dropped, and what was wrong with it.
    pub(super) fn dropped(&mut self, why: impl std::fmt::Display) {
        self.dropped += 1;
        self.last = why.to_string();
    }

    /// Writes the line if there is something to say and the last one is long enough ago.
    pub(super) fn tell(&mut self, now: Instant) {
        if self.dropped == 0 || self.told.is_some_and(|told| now.saturating_duration_since(told) < Self::INTERVAL) {
            return;
        }
        tracing::warn!(dropped = self.dropped, last = %self.last, "messages dropped");
        self.told = Some(now);
        self.dropped = 0;
    }

    /// What was wrong last, if anything ever was.
    pub(super) fn last(&self) -> Option<&str> {
        (!self.last.is_empty()).then_some(self.last.as_str())
    }
}

/// Measures how far media runs ahead of real time: a bucket that media fills and time drains.
#[derive(Debug)]
pub(super) struct Pacer {
    most: Span,
    /// How much media is ahead; below zero after a stall.
    level: Span,
    seen: Option<(i64, Instant)>,
}

impl Pacer {
    /// How fast the bucket drains: media time over real time, in percent. More than as fast, so that an encoder whose clock is a little fast
    /// never collects a delay in the socket's buffers.
    const DRAIN: u32 = 105;

    /// After a stall this much may be made up at any speed.
    const CREDIT: Span = Span::from_secs(10);

    /// Reading is not held back for longer at a time, so that the connection's other business goes on.
    const LONGEST: Duration = Duration::from_millis(500);

    pub(super) fn new(most: Duration) -> Self {
        Self { most: most.into(), level: Span::ZERO, seen: None }
    }

    /// Notes that media time `millis` has come.
    pub(super) fn advance(&mut self, millis: i64, now: Instant) {
        if let Some((seen, at)) = self.seen {
            let drained = Span::from(now.saturating_duration_since(at).saturating_mul(Self::DRAIN) / 100);
            let come = Span::from_millis(millis.saturating_sub(seen).max(0));
            self.level = (self.level + come - drained).max(Span::ZERO - Self::CREDIT);
        }
        self.seen = Some((millis.max(self.seen.map_or(millis, |(seen, _)| seen)), now));
    }

    /// Lets time pass without media.
    pub(super) fn pass(&mut self, now: Instant) {
        if let Some((seen, _)) = self.seen {
            self.advance(seen, now);
        }
    }

    /// How long to wait before more is read.
    pub(super) fn hold_back(&self) -> Option<Duration> {
        let over = self.level - self.most;
        (over > Span::ZERO).then(|| (over.to_duration().saturating_mul(100) / Self::DRAIN).min(Self::LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_may_go_on_for_ever_and_more_may_not() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        assert!((0..100).all(|n| !meter.exceeds(start + Duration::from_secs(n))));
        let mut meter = Meter::default();
        let first = (0..100).position(|n| meter.exceeds(start + Duration::from_millis(n * 500)));
        assert_eq!(first, Some(10));
    }

    #[test]
    fn a_publisher_that_keeps_real_time_is_never_held_back() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Duration::from_secs(1));
        for n in 0..100_000 {
            // A clock that is a thousandth too fast.
            pacer.advance(n * 40, start + Duration::from_micros(n as u64 * 39_960));
            assert_eq!(pacer.hold_back(), None);
        }
    }

    #[test]
    fn a_publisher_that_sends_a_file_at_once_is_held_to_real_time() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Duration::from_secs(1));
        let mut waited = Duration::ZERO;
        for n in 0..1_500 {
            pacer.advance(n * 40, start + waited);
            while let Some(wait) = pacer.hold_back() {
                waited += wait + Duration::from_millis(1);
                pacer.pass(start + waited);
            }
        }
        let seconds = waited.as_secs_f64();
        assert!((54.0..58.0).contains(&seconds), "a minute of media took {seconds} s");
    }
}
