//! How values are written in a manifest.

use crate::media::Span;

/// `xs:duration` in seconds to the millisecond, without trailing zeros.
pub fn duration(span: Span) -> String {
    let millis = span.millis().max(0);
    let text = format!("PT{}.{:03}", millis / 1_000, millis % 1_000);
    format!("{}S", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Seconds to the millisecond, rounded down.
pub fn decimal(span: Span) -> String {
    let millis = (span.nanos() / 1_000_000).max(0);
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// A frame rate as a whole number or a fraction: broadcast rates are whole ones over 1001 thousandths.
pub fn frame_rate(rate: f64) -> String {
    let near = |value: f64| (value - value.round()).abs() < 0.005;
    if near(rate) {
        format!("{}", rate.round())
    } else if near(rate * 1.001) {
        format!("{}/1001", rate.mul_add(1.001, 0.0).round() * 1_000.0)
    } else {
        format!("{}/1000", (rate * 1_000.0).round())
    }
}

/// A text without the characters that no XML document may hold, however they are written (XML 1.0 §2.2).
pub fn xml_text(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_and_exact() {
        assert_eq!(duration(Span::from_secs(20)), "PT20S");
        assert_eq!(duration(Span::from_millis(2_500)), "PT2.5S");
        assert_eq!(duration(Span::ZERO), "PT0S");
        assert_eq!(duration(Span::from_millis(1_790_000_000_120)), "PT1790000000.12S");
    }

    #[test]
    fn frame_rates_are_fractions_where_they_must_be() {
        assert_eq!(frame_rate(30.0), "30");
        assert_eq!(frame_rate(29.97), "30000/1001");
        assert_eq!(frame_rate(59.940_06), "60000/1001");
        assert_eq!(frame_rate(12.5), "12500/1000");
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out_of_texts() {
        assert_eq!(xml_text("S\0a\u{1b}al \u{FFFE}<1>\u{FFFF} ü\u{1F3A4}"), "Saal <1> ü\u{1F3A4}");
    }
}
