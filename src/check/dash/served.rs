//! What a manifest is held to by the answer that brings it, and its clock by what that answers.

use std::time::Duration;

use crate::check::exchange::Answer;
use crate::check::finding::{Finding, Rule};
use crate::media::WallClock;

use super::model::Mpd;
use super::rule::{must, should};
use super::value;

/// Manifests of another type.
pub const TYPE: Rule = should("dash-manifest-type", "ISO/IEC 23009-1 annex C", "A manifest is served as application/dash+xml.");
/// Manifests that caches keep for too long.
pub const CACHED: Rule = should(
    "dash-manifest-cached",
    "RFC 9111 §4.2",
    "A dynamic manifest is kept by caches no longer than its @minimumUpdatePeriod, or a second.",
);
/// Clocks that do not answer.
pub const CLOCK: Rule = must(
    "dash-clock-answers",
    "ISO/IEC 23009-1 §5.8.4.11",
    "A clock of UTCTiming answers with the time: http-iso and http-xsdate as text, http-head in the Date field.",
);

/// All rules of this module.
pub const RULES: &[&Rule] = &[&TYPE, &CACHED, &CLOCK];

const MEDIA_TYPE: &str = "application/dash+xml";

/// What is wrong with the answer that brought `mpd`.
pub fn of_manifest(answer: &Answer, mpd: &Mpd) -> Vec<Finding> {
    let mut found = Vec::new();
    let told = answer.media_type().unwrap_or_default();
    if told != MEDIA_TYPE {
        found.push(Finding::new(&TYPE, "MPD", format!("it came as {told:?}")));
    }
    let longest = mpd.update_period.map_or(Duration::ZERO, |period| period.to_duration()).max(Duration::from_secs(1));
    if let Some(age) = answer.max_age().filter(|age| mpd.is_dynamic && *age > longest) {
        found.push(Finding::new(&CACHED, "MPD", format!("for {} s, at most {:.1} s", age.as_secs(), longest.as_secs_f64())));
    }
    found
}

/// The time that a clock told, by the scheme of its `UTCTiming`.
///
/// # Errors
///
/// A [`Finding`] by [`CLOCK`] where it told none.
pub fn of_clock(scheme: &str, answer: &Answer) -> Result<WallClock, Finding> {
    let silent = |why: String| Finding::new(&CLOCK, "MPD", format!("{}: {why}", answer.url));
    if !answer.is_ok() {
        return Err(silent(format!("status {}", answer.status)));
    }
    if scheme.contains(":http-head:") {
        let date = answer.field("date").ok_or_else(|| silent("no Date".to_owned()))?;
        return value::http_date(date).ok_or_else(|| silent(format!("Date is {date:?}")));
    }
    let text: String = answer.text().unwrap_or_default().trim().chars().take(64).collect();
    value::date_time(&text).map(|moment| moment.wall).ok_or_else(|| silent(format!("it says {text:?}")))
}
