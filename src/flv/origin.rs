//! Which moment of a stream is zero on the wire: tags and messages hold 31 bits of milliseconds, and streams get older than that.

use super::tag::TIMESTAMP_SPAN;
use crate::media::Timestamp;

/// A new origin is due at this age of the stream, 24.8 days, and as long again after each: an hour before the 31 bits are used up, so that a
/// sync sample comes in time.
pub const REBASE_MS: i64 = TIMESTAMP_SPAN as i64 - 3_600_000;

/// How far before the sample that it begins with an origin lies, in milliseconds, so that what comes behind that sample and is
/// decoded before it still has a time.
const LEAD_MS: i64 = 10_000;

/// The moment that stands as zero, in milliseconds of the stream. Everybody who begins at the same sample has the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin(i64);

impl Origin {
    /// That of viewers who begin at this moment.
    pub fn of(begin: Timestamp) -> Self {
        let age = begin.millis() / REBASE_MS;
        Self(if age > 0 { age * REBASE_MS - LEAD_MS } else { 0 })
    }

    /// A stamp of the stream's own time, as [`timestamp`](super::mux::timestamp) tells it, counted from here.
    pub fn stamp(self, timestamp_ms: u32) -> u32 {
        (i64::from(timestamp_ms) - self.0).rem_euclid(i64::from(TIMESTAMP_SPAN)) as u32
    }

    /// Whether this moment still has a stamp.
    pub fn reaches(self, moment: Timestamp) -> bool {
        moment.millis() - self.0 < i64::from(TIMESTAMP_SPAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flv::mux;

    const DAY_MS: i64 = 86_400_000;

    fn stamped(begin: i64, moment: i64) -> u32 {
        Origin::of(Timestamp::from_millis(begin)).stamp(mux::timestamp(Timestamp::from_millis(moment)))
    }

    #[test]
    fn a_stream_keeps_its_own_time_for_more_than_24_days() {
        for age in [0, 3_600_000, 24 * DAY_MS, REBASE_MS - 1] {
            assert_eq!(stamped(age, age + 40), age as u32 + 40);
        }
    }

    #[test]
    fn who_begins_later_begins_small_and_counts_on_through_the_next_31_bits() {
        for periods in [1, 2, 40] {
            let begin = periods * REBASE_MS + 1_234;
            assert_eq!(stamped(begin, begin), LEAD_MS as u32 + 1_234);
            assert_eq!(stamped(begin, begin - 5_000), LEAD_MS as u32 - 3_766, "sound from before the picture");
            assert_eq!(stamped(begin, begin + 24 * DAY_MS), LEAD_MS as u32 + 1_234 + 24 * DAY_MS as u32);
        }
    }

    #[test]
    fn an_origin_reaches_over_31_bits() {
        let origin = Origin::of(Timestamp::from_millis(0));
        let reaches = |millis| origin.reaches(Timestamp::from_millis(millis));
        assert!(reaches((1 << 31) - 1) && !reaches(1 << 31));
    }
}
