//! Values as playlists write them (§4.2).

use std::ops::Range;

use crate::media::Span;

/// Most digits of whole seconds that are read: some thirty years.
const MAX_WHOLE_DIGITS: usize = 9;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A decimal-integer: digits up to 2^64-1.
pub fn integer(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A decimal-floating-point number of seconds; what is below a nanosecond is dropped.
pub fn seconds(text: &str) -> Option<Span> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(text, "" | ".") || !digits(whole) || !digits(fraction) || whole.len() > MAX_WHOLE_DIGITS {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = (0..9).fold(0, |sum, at| sum * 10 + i64::from(fraction.as_bytes().get(at).map_or(0, |digit| digit - b'0')));
    Some(Span::from_nanos(whole * NANOS_PER_SECOND + nanos))
}

/// A signed-decimal-floating-point number of seconds.
pub fn signed_seconds(text: &str) -> Option<Span> {
    match text.strip_prefix('-') {
        Some(text) => seconds(text).map(|span| Span::ZERO - span),
        None => seconds(text),
    }
}

/// A decimal-floating-point number that is no time.
pub fn decimal(text: &str) -> Option<f64> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') { text.parse().ok() } else { None }
}

/// A decimal-resolution: width and height.
pub fn resolution(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once('x')?;
    Some((integer(width)?, integer(height)?))
}

/// A byte range, `length[@offset]`: its length, and where it begins if that is told.
pub fn byte_range(text: &str) -> Option<(u64, Option<u64>)> {
    match text.split_once('@') {
        Some((length, offset)) => Some((integer(length)?, Some(integer(offset)?))),
        None => Some((integer(text)?, None)),
    }
}

/// `length` bytes from `start`.
pub const fn range(start: u64, length: u64) -> Range<u64> {
    start..start.saturating_add(length)
}

/// Whether `text` is a hexadecimal-sequence.
pub fn is_hexadecimal(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_to_the_nanosecond() {
        let nanos = |text| seconds(text).map(Span::nanos);
        assert_eq!(nanos("2"), Some(2_000_000_000));
        assert_eq!(nanos("0.3339"), Some(333_900_000));
        assert_eq!(nanos("1.0000000019"), Some(1_000_000_001));
        assert_eq!((nanos(".5"), nanos("5.")), (Some(500_000_000), Some(5_000_000_000)));
        for wrong in ["", ".", "-1", "+1", "1e3", "1.2.3", "1,5", "9999999999", "inf", "é"] {
            assert_eq!(nanos(wrong), None, "{wrong}");
        }
        assert_eq!(signed_seconds("-1.5").map(Span::nanos), Some(-1_500_000_000));
    }

    #[test]
    fn other_values_are_read() {
        assert_eq!((integer("18446744073709551615"), integer("18446744073709551616"), integer("+1")), (Some(u64::MAX), None, None));
        assert_eq!((resolution("1280x720"), resolution("1280X720"), resolution("x1")), (Some((1280, 720)), None, None));
        assert_eq!((byte_range("5@7"), byte_range("5"), byte_range("5@")), (Some((5, Some(7))), Some((5, None)), None));
        assert_eq!((decimal("29.97"), decimal("inf"), decimal("")), (Some(29.97), None, None));
        assert!(is_hexadecimal("0xFC") && !is_hexadecimal("0x") && !is_hexadecimal("FC"));
    }
}
