//! The wall clock that the gateway goes by: the system's as it was once, and what has passed since by the clock that nobody sets.
//!
//! What was told of a presentation lies on it (`Period@start`, `EXT-X-PROGRAM-DATE-TIME`, `prft`), and players of DASH take their time from it
//! (`UTCTiming`). Were it set in mid-stream, those who play could not find the live edge any more: set back, it would lie in their future. So the
//! system's clock is followed only while nobody would notice.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime};

use crate::media::{Span, WallClock};

use super::stream::State;

/// What the time is.
pub fn now() -> WallClock {
    hands().at(Instant::now())
}

/// How far the system's clock is ahead of this one (behind, where that is negative); as far as the `streams` allow it, this one is set right
/// before. Set ahead it may be while no publisher sends, as the next period begins with the arrival of what is sent then; set back only when
/// all is over.
pub fn set_right(streams: impl IntoIterator<Item = State>) -> Span {
    hands().set_right(Freedom::of(streams), Instant::now(), SystemTime::now())
}

fn hands() -> &'static Hands {
    static HANDS: OnceLock<Hands> = OnceLock::new();
    HANDS.get_or_init(|| Hands::new(Instant::now(), SystemTime::now()))
}

/// Where a clock may be set to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Freedom {
    Nowhere,
    Ahead,
    Anywhere,
}

impl Freedom {
    fn of(streams: impl IntoIterator<Item = State>) -> Self {
        let of = |state| match state {
            State::Live => Self::Nowhere,
            State::Waiting { .. } => Self::Ahead,
            State::Ended { .. } => Self::Anywhere,
        };
        streams.into_iter().map(of).fold(Self::Anywhere, |all, one| match (all, one) {
            (Self::Nowhere, _) | (_, Self::Nowhere) => Self::Nowhere,
            (Self::Ahead, _) | (_, Self::Ahead) => Self::Ahead,
            (Self::Anywhere, Self::Anywhere) => Self::Anywhere,
        })
    }

    fn allows(self, ahead: Span) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Ahead => ahead > Span::ZERO,
            Self::Anywhere => true,
        }
    }
}

#[derive(Debug)]
struct Hands {
    origin: Instant,
    /// What the time was there, in milliseconds since the Unix epoch.
    then: AtomicI64,
}

impl Hands {
    fn new(now: Instant, system: SystemTime) -> Self {
        Self { origin: now, then: AtomicI64::new(WallClock::from(system).unix_millis()) }
    }

    fn at(&self, now: Instant) -> WallClock {
        let then = WallClock::from_unix_millis(self.then.load(Ordering::Relaxed));
        then.plus(Span::from(now.saturating_duration_since(self.origin)))
    }

    fn set_right(&self, freedom: Freedom, now: Instant, system: SystemTime) -> Span {
        let ahead = WallClock::from(system).since(self.at(now));
        if !freedom.allows(ahead) {
            return ahead;
        }
        self.then.fetch_add(ahead.millis(), Ordering::Relaxed);
        Span::ZERO
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bus::window::End;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn whatever_the_system_says_time_passes_for_those_who_are_live() {
        let (start, system) = (Instant::now(), SystemTime::UNIX_EPOCH + 1_000 * HOUR);
        let hands = Hands::new(start, system);
        let begun = hands.at(start);
        let told = [system + HOUR, system - HOUR].map(|says| hands.set_right(Freedom::Nowhere, start + SECOND, says + SECOND));
        assert_eq!(told, [Span::from(HOUR), Span::ZERO - Span::from(HOUR)]);
        assert_eq!(hands.at(start + 2 * SECOND).since(begun), Span::from_secs(2));
    }

    #[test]
    fn it_is_set_right_when_nobody_would_notice() {
        let (start, system) = (Instant::now(), SystemTime::UNIX_EPOCH + 1_000 * HOUR);
        let hands = Hands::new(start, system);
        assert_eq!(hands.set_right(Freedom::Ahead, start, system - HOUR), Span::ZERO - Span::from(HOUR), "not back into what was told");
        assert_eq!(hands.set_right(Freedom::Ahead, start, system + HOUR), Span::ZERO);
        assert_eq!(hands.at(start), WallClock::from(system + HOUR));
        assert_eq!(hands.set_right(Freedom::Anywhere, start, system - HOUR), Span::ZERO);
        assert_eq!(hands.at(start + SECOND), WallClock::from(system - HOUR + SECOND));
    }

    #[test]
    fn one_who_is_live_is_enough_to_keep_it() {
        let now = Instant::now();
        let (waiting, ended) = (State::Waiting { since: now, until: now }, State::Ended { until: now, why: End::Unpublished });
        assert_eq!(Freedom::of([]), Freedom::Anywhere);
        assert_eq!(Freedom::of([ended]), Freedom::Anywhere);
        assert_eq!(Freedom::of([waiting, ended]), Freedom::Ahead);
        assert_eq!(Freedom::of([ended, State::Live, waiting]), Freedom::Nowhere);
    }
}
