//! Time as whole ticks over a timescale; floating point never carries time.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// Ticks per second of a track's clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timescale(NonZeroU32);

impl Timescale {
    /// The clock of FLV and RTMP: milliseconds.
    pub const MILLIS: Self = Self::of(1_000);
    /// The clock of every video track: RTMP's milliseconds are whole numbers of its ticks.
    pub const VIDEO: Self = Self::of(90_000);

    /// A timescale of `hz` ticks per second, or `None` for zero.
    pub const fn new(hz: u32) -> Option<Self> {
        match NonZeroU32::new(hz) {
            Some(hz) => Some(Self(hz)),
            None => None,
        }
    }

    /// Ticks per second.
    pub const fn hz(self) -> u32 {
        self.0.get()
    }

    const fn of(hz: u32) -> Self {
        match Self::new(hz) {
            Some(scale) => scale,
            None => panic!("a timescale is never zero"),
        }
    }
}

impl fmt::Debug for Timescale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.hz())
    }
}

/// A place on a stream's timeline. All tracks of a stream count from the same zero, each in ticks of its own timescale.
///
/// Two timestamps compare by the moment they name, whatever their timescales.
#[derive(Clone, Copy)]
pub struct Timestamp {
    ticks: i64,
    scale: Timescale,
}

impl Timestamp {
    /// The moment `ticks / scale` seconds after the stream's zero.
    pub const fn new(ticks: i64, scale: Timescale) -> Self {
        Self { ticks, scale }
    }

    /// The moment `millis` milliseconds after the stream's zero.
    pub const fn from_millis(millis: i64) -> Self {
        Self::new(millis, Timescale::MILLIS)
    }

    /// Ticks of [`Timestamp::scale`] since the stream's zero.
    pub const fn ticks(self) -> i64 {
        self.ticks
    }

    /// The timescale of [`Timestamp::ticks`].
    pub const fn scale(self) -> Timescale {
        self.scale
    }

    /// The same moment in ticks of another timescale, rounded to the nearest (halves away from zero).
    pub fn rescale(self, to: Timescale) -> i64 {
        rescale(self.ticks, self.scale, to)
    }

    /// The same moment as a timestamp over another timescale, rounded to the nearest tick.
    pub fn to_scale(self, to: Timescale) -> Self {
        Self::new(self.rescale(to), to)
    }

    /// Milliseconds since the stream's zero, rounded to the nearest.
    pub fn millis(self) -> i64 {
        self.rescale(Timescale::MILLIS)
    }

    /// The moment `ticks` of this timestamp's own timescale later (earlier when negative).
    #[must_use]
    pub const fn plus_ticks(self, ticks: i64) -> Self {
        Self::new(self.ticks.saturating_add(ticks), self.scale)
    }

    /// The moment `span` later, rounded to this timestamp's nearest tick.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        self.plus_ticks(span.ticks(self.scale))
    }

    /// How long after `earlier` this moment is; negative when it is before.
    pub fn since(self, earlier: Self) -> Span {
        Span::from_ticks(self.ticks, self.scale) - Span::from_ticks(earlier.ticks, earlier.scale)
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let left = i128::from(self.ticks) * i128::from(other.scale.hz());
        let right = i128::from(other.ticks) * i128::from(self.scale.hz());
        left.cmp(&right)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ticks, self.scale.hz())
    }
}

/// A signed length of media time, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `nanos` nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// `millis` milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// `secs` seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// `ticks` of `scale`, rounded to the nearest nanosecond and saturating at about 292 years.
    pub fn from_ticks(ticks: i64, scale: Timescale) -> Self {
        let nanos = div_round(i128::from(ticks) * 1_000_000_000, i128::from(scale.hz()));
        Self(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// Nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds, rounded to the nearest.
    pub fn millis(self) -> i64 {
        div_round(i128::from(self.0), 1_000_000) as i64
    }

    /// Ticks of `scale`, rounded to the nearest.
    pub fn ticks(self, scale: Timescale) -> i64 {
        div_round(i128::from(self.0) * i128::from(scale.hz()), 1_000_000_000) as i64
    }

    /// Seconds, for text that people or playlists read; never for arithmetic.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The length without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// As a [`Duration`]; a negative span becomes zero.
    pub fn to_duration(self) -> Duration {
        Duration::from_nanos(self.0.max(0) as u64)
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl std::ops::Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0 as f64 / 1e6)
    }
}

/// A moment by the wall clock: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
pub struct WallClock(i64);

impl WallClock {
    /// `millis` milliseconds after the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Time since the Unix epoch; nothing for moments before it.
    pub fn since_unix(self) -> Duration {
        Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn unix_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The moment `span` later, rounded to the nearest millisecond.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.millis()))
    }

    /// How long after `earlier` this moment is; negative when it is before.
    pub const fn since(self, earlier: Self) -> Span {
        Span::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<std::time::SystemTime> for WallClock {
    /// A clock set before 1970 reads as the epoch itself.
    fn from(time: std::time::SystemTime) -> Self {
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// `ticks` of `from` in ticks of `to`, rounded to the nearest and saturating.
pub fn rescale(ticks: i64, from: Timescale, to: Timescale) -> i64 {
    if from == to {
        return ticks;
    }
    let exact = div_round(i128::from(ticks) * i128::from(to.hz()), i128::from(from.hz()));
    exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Quotient rounded to the nearest, halves away from zero; `divisor` is positive.
fn div_round(dividend: i128, divisor: i128) -> i128 {
    let half = divisor / 2;
    if dividend >= 0 { (dividend + half) / divisor } else { (dividend - half) / divisor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_compare_across_timescales() {
        let second = Timestamp::new(44_100, Timescale::new(44_100).unwrap());
        assert_eq!(second, Timestamp::from_millis(1_000));
        assert!(Timestamp::new(89_999, Timescale::VIDEO) < second);
    }

    #[test]
    fn rescaling_rounds_to_the_nearest_tick_on_both_sides_of_zero() {
        assert_eq!(Timestamp::new(45, Timescale::VIDEO).millis(), 1);
        assert_eq!(Timestamp::new(44, Timescale::VIDEO).millis(), 0);
        assert_eq!(Timestamp::new(-45, Timescale::VIDEO).millis(), -1);
        assert_eq!(Timestamp::from_millis(i64::MAX).rescale(Timescale::VIDEO), i64::MAX);
    }

    #[test]
    fn a_difference_between_timescales_is_exact_to_the_nanosecond() {
        let audio = Timestamp::new(1_024, Timescale::new(48_000).unwrap());
        assert_eq!(audio.since(Timestamp::from_millis(21)), Span::from_nanos(333_333));
    }
}
