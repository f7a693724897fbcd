//! Calendar dates: how a moment of the wall clock is printed.

use std::fmt;

use super::time::WallClock;

const SECONDS_PER_DAY: i64 = 86_400;

impl fmt::Display for WallClock {
    /// RFC 3339 in UTC with milliseconds, as `EXT-X-PROGRAM-DATE-TIME`, `xs:dateTime` and the `http-iso` clock take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.unix_secs(), self.unix_millis().rem_euclid(1_000));
        let (days, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        let (year, month, day) = civil_date(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// Year, month and day of the proleptic Gregorian calendar, `days` after 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year, in eras of 400 years (146,097 days).
fn civil_date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // from 0000-03-01 to 1970-01-01
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_utc_with_milliseconds() {
        assert_eq!(WallClock::from_unix_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(WallClock::from_unix_millis(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(WallClock::from_unix_millis(951_868_799_999).to_string(), "2000-02-29T23:59:59.999Z");
        assert_eq!(WallClock::from_unix_millis(951_868_800_000).to_string(), "2000-03-01T00:00:00.000Z");
        assert_eq!(WallClock::from_unix_millis(1_790_000_000_123).to_string(), "2026-09-21T14:13:20.123Z");
        assert_eq!(WallClock::from_unix_millis(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }
}
