//! Calendar dates: how a moment of the wall clock is printed and read.

use std::fmt;
use std::str::FromStr;

use super::time::WallClock;

const SECONDS_PER_DAY: i64 = 86_400;

/// A text that is no date and time of ISO 8601 with all of its parts up to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no date and time of ISO 8601")]
pub struct DateError;

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

impl FromStr for WallClock {
    type Err = DateError;

    /// Date and time of ISO 8601, with any fraction of a second (what is below a millisecond is dropped) and with `Z` or an offset such as
    /// `+01:00`, `+0100` or `+01`; without either it is taken for UTC. The 60th second of a minute, a leap second, is the next minute.
    fn from_str(text: &str) -> Result<Self, DateError> {
        let (date, time) = text.split_once(['T', 't']).ok_or(DateError)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
            Some(at) => (&time[..at], offset_minutes(&time[at..])?),
            None => (time, 0),
        };
        let (time, fraction) = time.split_once(['.', ',']).unwrap_or((time, "0"));
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_in_month = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let last = usize::try_from(month - 1).ok().and_then(|month| days_in_month.get(month)).ok_or(DateError)?;
        if day < 1 || day > *last || hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute, second) != (0, 0)) {
            return Err(DateError);
        }
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DateError);
        }
        let millis = (0..3).fold(0, |sum, at| sum * 10 + i64::from(fraction.as_bytes().get(at).map_or(0, |digit| digit - b'0')));
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + (minute - offset) * 60 + second;
        Ok(Self::from_unix_millis(seconds * 1_000 + millis))
    }
}

/// Three numbers of so many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Result<[i64; 3], DateError> {
    let mut fields = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        *number = number_of(fields.next().ok_or(DateError)?, digits)?;
    }
    if fields.next().is_none() { Ok(numbers) } else { Err(DateError) }
}

fn number_of(text: &str, digits: usize) -> Result<i64, DateError> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().map_err(|_| DateError) } else { Err(DateError) }
}

/// Minutes by which `Z` or an offset lies ahead of UTC.
fn offset_minutes(text: &str) -> Result<i64, DateError> {
    if text.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text[1..].replacen(':', "", 1);
    let (hours, minutes) = digits.split_at_checked(2).ok_or(DateError)?;
    let (hours, minutes) = (number_of(hours, 2)?, if minutes.is_empty() { 0 } else { number_of(minutes, 2)? });
    if minutes > 59 { Err(DateError) } else { Ok(sign * (hours * 60 + minutes)) }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; the inverse of [`civil_date`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = (month + 9) % 12;
    let day = (153 * march_month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
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

    #[test]
    fn what_is_printed_reads_back() {
        for millis in [0, -1, 951_782_400_000, 951_868_799_999, 1_790_000_000_123, 253_402_300_799_999] {
            let moment = WallClock::from_unix_millis(millis);
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        let read = |text: &str| text.parse::<WallClock>().map(WallClock::unix_millis);
        assert_eq!(read("1970-01-01T01:00:00+01:00"), Ok(0));
        assert_eq!(read("1970-01-01T00:00:00.5"), Ok(500));
        assert_eq!(read("1969-12-31T19:30:00.123456-0430"), Ok(123));
        assert_eq!(read("1970-01-01T02:00:01,25+02"), Ok(1_250));
        for wrong in [
            "",
            "1970-01-01",
            "1970-01-01T00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+1é",
        ] {
            assert_eq!(read(wrong), Err(DateError), "{wrong}");
        }
    }
}
