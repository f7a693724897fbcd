//! The rules of one playlist by itself.

pub mod edge;
pub mod header;
pub mod multivariant;
pub mod segments;

use crate::check::finding::{Finding, Rule};
use crate::media::Span;

use super::model::Playlist;
use super::notes::Notes;

/// The catalogues of all rules in here.
pub const RULES: &[&[&Rule]] = &[header::RULES, segments::RULES, edge::RULES, multivariant::RULES];

/// Holds `playlist` to its rules. `subject` is what findings call it.
pub fn check(playlist: &Playlist, subject: &str) -> Vec<Finding> {
    let mut notes = Notes::new(subject);
    match playlist {
        Playlist::Multivariant(list) => multivariant::check(list, &mut notes),
        Playlist::Media(list) => {
            header::check(list, &mut notes);
            segments::check(list, &mut notes);
            edge::check(list, &mut notes);
        }
    }
    notes.into_findings()
}

/// `times` target durations of `seconds`.
fn targets(seconds: u64, times: i64) -> Span {
    Span::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(times))
}

/// `span`, `times` over.
fn multiple(span: Span, times: i64) -> Span {
    Span::from_nanos(span.nanos().saturating_mul(times))
}

/// Seconds, as a finding shows them.
fn shown(span: Span) -> f64 {
    span.as_secs_f64()
}
