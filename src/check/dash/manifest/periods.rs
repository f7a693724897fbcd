//! Periods: their ids, their order, and whether their media fills them.

use std::collections::BTreeSet;

use crate::check::dash::model::{Mpd, Period};
use crate::check::dash::rule::{must, should};
use crate::check::finding::{Finding, Rule};
use crate::media::Span;

use super::at;

/// A period that nothing can be said of later.
pub const ID: Rule = must("dash-period-id", "ISO/IEC 23009-1 §5.3.2.2", "Each period of a dynamic manifest has an @id that no other has.");
/// A period of which nothing tells where it begins.
pub const BEGIN: Rule = should(
    "dash-period-start",
    "ISO/IEC 23009-1 §5.3.2.1",
    "A period of a dynamic manifest has a @start, or the one before it a @duration: else it is told of too early to be played.",
);
/// Periods in disorder.
pub const ORDER: Rule = must(
    "dash-period-order",
    "ISO/IEC 23009-1 §5.3.2.1",
    "A period begins after the one before it has begun, and not before that one ends.",
);
/// Periods without media.
pub const EMPTY: Rule = must("dash-period-empty", "ISO/IEC 23009-1 §5.3.2.2", "A period that is not over at once has an adaptation set.");
/// Media that does not fill its period.
pub const FILLED: Rule = should(
    "dash-period-filled",
    "DASH-IF timing model",
    "A period's segments reach from its start to its end: dash.js waits at holes of more than a second.",
);
/// Media behind its period's end.
pub const BEHIND: Rule = must(
    "dash-period-overfilled",
    "DASH-IF timing model",
    "No segment begins at or behind the end of its period, or ends before it begins.",
);
/// Events in disorder.
pub const EVENTS: Rule =
    must("dash-event-order", "ISO/IEC 23009-1 §5.10.2.2", "The events of a stream are ordered by their presentation time.");

/// All rules of this module.
pub const RULES: &[&Rule] = &[&ID, &BEGIN, &ORDER, &EMPTY, &FILLED, &BEHIND, &EVENTS];

/// What players jump over.
const HOLE: Span = Span::from_secs(1);

/// Holds the periods of `mpd` to the rules of this module.
pub fn check(mpd: &Mpd, found: &mut Vec<Finding>) {
    let mut ids = BTreeSet::new();
    let mut before: Option<&Period> = None;
    for (position, period) in mpd.periods.iter().enumerate() {
        let mut tell = |rule, what: String| found.push(at(rule, &period.place, what));
        match period.id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) if !ids.insert(id) => tell(&ID, format!("@id {id:?} is another's as well")),
            None if mpd.is_dynamic => tell(&ID, "there is no @id".to_owned()),
            _ => {}
        }
        if mpd.is_dynamic && period.begin.is_none() {
            tell(&BEGIN, "nothing tells where it begins".to_owned());
        }
        if let (Some(begin), Some((first, end))) = (period.begin, before.and_then(|before| Some((before.begin?, before.end?))))
            && (begin <= first || begin < end)
        {
            tell(&ORDER, format!("it begins at {begin:?}, the one before it lasts from {first:?} to {end:?}"));
        }
        if period.sets.is_empty() && period.duration != Some(Span::ZERO) {
            tell(&EMPTY, "there is no AdaptationSet".to_owned());
        }
        filled(period, position > 0, found);
        for events in &period.events {
            let late = events.times.windows(2).find(|pair| pair[1].0 < pair[0].0);
            found.extend(late.map(|pair| {
                let detail = format!("line {}: an event at {} after one at {}", pair[1].1, pair[1].0, pair[0].0);
                Finding::new(&EVENTS, events.place.path.clone(), detail)
            }));
        }
        before = Some(period);
    }
}

/// Whether its segments fill `period`. Those of the first one leave from the front (`is_later` is not set).
fn filled(period: &Period, is_later: bool, found: &mut Vec<Finding>) {
    for representation in period.sets.iter().flat_map(|set| &set.representations) {
        let Some(template) = &representation.template else { continue };
        let end = template.end_of(period);
        let segments = template.segments(end);
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else { continue };
        let mut tell = |rule, line: usize, what: String| {
            found.push(Finding::new(rule, representation.place.path.clone(), format!("line {line}: {what}")));
        };
        let late = template.span(first.start.saturating_sub(template.offset));
        if is_later && late > HOLE {
            tell(&FILLED, first.line, format!("the first segment begins {late:?} behind the period's start"));
        }
        if let Some(before) = segments.iter().find(|segment| segment.end() <= template.offset && segment.duration > 0) {
            tell(&BEHIND, before.line, format!("segment {} ends before the period begins", before.number));
        }
        let Some(end) = end else { continue };
        let missing = template.span(end.saturating_sub(last.end()));
        if missing > HOLE {
            tell(&FILLED, last.line, format!("the last segment ends {missing:?} before the period does"));
        }
        if let Some(behind) = segments.iter().find(|segment| segment.start >= end) {
            tell(&BEHIND, behind.line, format!("segment {} begins at {}, the period ends at {end}", behind.number, behind.start));
        }
    }
}
