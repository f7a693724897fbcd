//! The types of a manifest's attributes (XML Schema part 2), as whole numbers.

use crate::media::{Span, WallClock};

const NANOS: i128 = 1_000_000_000;

/// Nanoseconds in a year, a month, a day, an hour, a minute and a second. Nobody gives a stream's times in months; they count as thirty days.
const DATE: [(char, i128); 3] = [('Y', 365 * 86_400 * NANOS), ('M', 30 * 86_400 * NANOS), ('D', 86_400 * NANOS)];
const TIME: [(char, i128); 3] = [('H', 3_600 * NANOS), ('M', 60 * NANOS), ('S', NANOS)];

/// `xs:duration`, to the nanosecond; saturates at about 292 years. Only seconds may have a fraction.
pub fn duration(text: &str) -> Option<Span> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let rest = rest.strip_prefix('P')?;
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    if time.unwrap_or(date).is_empty() {
        return None;
    }
    let nanos = fields(date, &DATE)?.saturating_add(fields(time.unwrap_or_default(), &TIME)?);
    Some(Span::from_nanos((sign * nanos).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64))
}

/// The sum of numbers behind each of which one of `units` stands, in their order.
fn fields(mut text: &str, units: &[(char, i128)]) -> Option<i128> {
    let mut units = units.iter();
    let mut sum: i128 = 0;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next()?;
        let (_, nanos) = units.find(|(name, _)| *name == unit)?;
        let value = decimal(number)?;
        if number.contains('.') && unit != 'S' {
            return None;
        }
        sum = sum.saturating_add(value.saturating_mul(*nanos) / NANOS);
        text = &rest[unit.len_utf8()..];
    }
    Some(sum)
}

/// A decimal number without sign, in billionths; what is smaller is cut off.
fn decimal(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = whole.parse::<i128>().ok().filter(|whole| *whole < NANOS * NANOS)?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Some(whole * NANOS + digits.parse::<i128>().ok()?)
}

/// A moment, and whether its time zone is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The moment, to the millisecond; what has no time zone counts as UTC.
    pub wall: WallClock,
    /// Whether there is a `Z` or an offset.
    pub is_zoned: bool,
}

/// `xs:dateTime`.
pub fn date_time(text: &str) -> Option<Moment> {
    let wall = text.parse().ok()?;
    let time = text.split_once('T')?.1;
    let zone = time.find(['Z', '+', '-']).and_then(|at| time.get(at..));
    // Fractions behind a comma and zones without a colon are forms of ISO 8601 that XML does not have.
    let is_xml = !time.contains(',') && zone.is_none_or(|zone| zone == "Z" || zone.len() == "+00:00".len());
    is_xml.then_some(Moment { wall, is_zoned: zone.is_some() })
}

/// The `Date` of an answer, such as `Mon, 21 Sep 2026 14:00:30 GMT` (RFC 9110 §5.6.7); the two older forms are not read.
pub fn http_date(text: &str) -> Option<WallClock> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_whitespace().skip(1);
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let moment = date_time(&format!("{year}-{month:02}-{day}T{time}Z"))?;
    (words.next() == Some("GMT")).then_some(moment.wall)
}

/// `xs:double` as a time in seconds, `INF` among them.
pub fn seconds(text: &str) -> Option<Span> {
    match text {
        "INF" | "+INF" => Some(Span::from_nanos(i64::MAX)),
        "-INF" => Some(Span::from_nanos(i64::MIN)),
        // As casts saturate, so does this.
        _ => double(text).map(|seconds| Span::from_nanos((seconds * 1e9).round() as i64)),
    }
}

/// `xs:double` that is a number.
pub fn double(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|value| is_plain && value.is_finite())
}

/// A whole number without sign.
pub fn unsigned(text: &str) -> Option<u64> {
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

/// A whole number without sign that fits a tick count.
pub fn ticks(text: &str) -> Option<i64> {
    unsigned(text).and_then(|value| i64::try_from(value).ok())
}

/// `xs:boolean`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A frame rate: frames, and the seconds that they take.
pub fn frame_rate(text: &str) -> Option<(u64, u64)> {
    let (frames, seconds) = text.split_once('/').unwrap_or((text, "1"));
    Some((frames.parse().ok()?, seconds.parse().ok().filter(|seconds| *seconds > 0)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_to_the_nanosecond() {
        let read = |text| duration(text).map(Span::nanos);
        assert_eq!(read("PT1.5S"), Some(1_500_000_000));
        assert_eq!(read("PT1790000000.153S"), Some(1_790_000_000_153_000_000));
        assert_eq!(read("P1DT1H1M0.000000001S"), Some(90_060_000_000_001));
        assert_eq!(read("-PT1S"), Some(-1_000_000_000));
        assert_eq!(read("P9999Y"), Some(i64::MAX));
        for wrong in ["", "P", "PT", "1S", "PT1", "PT1M1H", "PT1.5M", "PT.5S", "PT5.S", "P1S", "PT1S2", "PT1é"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_read_in_any_zone() {
        let read = |text| date_time(text).map(|moment| (moment.wall.to_string(), moment.is_zoned));
        let utc = |text: &str| Some((text.to_owned(), true));
        assert_eq!(read("2026-09-21T14:13:20.123Z"), utc("2026-09-21T14:13:20.123Z"));
        assert_eq!(read("2026-09-21T14:13:20+02:00"), utc("2026-09-21T12:13:20.000Z"));
        assert_eq!(read("2000-02-29T23:59:59.9999-00:30"), utc("2000-03-01T00:29:59.999Z"));
        assert_eq!(read("1970-01-01T00:00:00"), Some(("1970-01-01T00:00:00.000Z".to_owned(), false)));
        for wrong in
            ["", "2026-09-21", "2026-13-01T00:00:00Z", "2026-09-21T1:00:00Z", "2026-09-21T14:13Z", "2026-09-21T14:13:20+2", "+-é T::"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn other_types() {
        assert_eq!(seconds("1.665"), Some(Span::from_nanos(1_665_000_000)));
        assert_eq!((seconds("INF"), seconds("infinity")), (Some(Span::from_nanos(i64::MAX)), None));
        assert_eq!((frame_rate("30000/1001"), frame_rate("25"), frame_rate("25/0")), (Some((30_000, 1_001)), Some((25, 1)), None));
        assert_eq!((boolean("1"), boolean("no"), unsigned("-1"), ticks("18446744073709551615")), (Some(true), None, None, None));
    }

    proptest! {
        #[test]
        fn moments_survive_writing_and_reading(millis in 0..200_000_000_000_000_i64) {
            let wall = WallClock::from_unix_millis(millis);
            prop_assert_eq!(date_time(&wall.to_string()), Some(Moment { wall, is_zoned: true }));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9PTYMDHSZ.:é]{0,30}") {
            let _ = (duration(&text), date_time(&text), seconds(&text), frame_rate(&text));
        }
    }
}
