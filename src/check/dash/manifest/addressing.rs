//! How segments are named, and the timelines that list them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::check::dash::address::{self, Uses};
use crate::check::dash::model::{AdaptationSet, Mpd, Period, Representation, Template, Timeline};
use crate::check::dash::rule::{must, note, should};
use crate::check::finding::{Finding, Rule};

use super::at;

/// Representations without segments.
pub const ADDRESSED: Rule = must(
    "dash-addressing",
    "ISO/IEC 23009-1 §8.4.3",
    "A representation has a SegmentTemplate, its own or from those around it, with @media.",
);
/// Templates that make no names.
pub const SYNTAX: Rule = must(
    "dash-template-syntax",
    "ISO/IEC 23009-1 §5.3.9.4.4",
    "@media has one of $Number$ and $Time$, @initialization neither, and both no identifier that the standard does not know.",
);
/// Representations that share the names of their segments.
pub const SHARED: Rule = must(
    "dash-template-shared",
    "ISO/IEC 23009-1 §5.3.9.4.4",
    "The segments of two representations have different names: $RepresentationID$ tells those of one template apart.",
);
/// Representations that no decoder can be set up for.
pub const INITIALIZATION: Rule =
    should("dash-initialization", "ISO/IEC 23009-1 §5.3.9.4.2", "A SegmentTemplate has @initialization: players wait for an init segment.");
/// Templates that do not tell how long segments are.
pub const DURATION: Rule = must(
    "dash-template-duration",
    "ISO/IEC 23009-1 §5.3.9.2.2",
    "A SegmentTemplate has either @duration, more than nothing, or a SegmentTimeline.",
);
/// Templates without a clock.
pub const TIMESCALE: Rule = must("dash-timescale", "ISO/IEC 23009-1 §5.3.9.2.2", "@timescale is more than nothing and fits 32 bits.");
/// Numbers that have to be counted.
pub const START_NUMBER: Rule = note(
    "dash-start-number",
    "ISO/IEC 23009-1 §5.3.9.5.3",
    "A timeline that is named by $Number$ has @startNumber: without it its first segment is number 1 for ever.",
);
/// Timelines without segments.
pub const LISTED: Rule = should("dash-timeline-empty", "ISO/IEC 23009-1 §5.3.9.6", "A SegmentTimeline lists a segment.");
/// Segments of no length.
pub const LENGTH: Rule = must("dash-timeline-duration", "ISO/IEC 23009-1 §5.3.9.6", "@d of a segment is more than nothing.");
/// Segments that lie over each other.
pub const OVERLAP: Rule =
    must("dash-timeline-overlap", "ISO/IEC 23009-1 §5.3.9.6", "A segment of a timeline does not begin before the one before it ends.");
/// Holes between segments.
pub const GAP: Rule = should(
    "dash-timeline-gap",
    "DASH-IF timing model",
    "A segment of a timeline begins where the one before it ends: a hole is a new period.",
);
/// Repeats without an end.
pub const REPEAT: Rule = must(
    "dash-timeline-repeat",
    "ISO/IEC 23009-1 §5.3.9.6",
    "@r is at least -1, and -1 only where the next S has @t or the segments go on to the end of the period.",
);
/// Repeats up to a live edge that nothing tells.
pub const OPEN_REPEAT: Rule = note(
    "dash-timeline-open",
    "DASH-IF timing model",
    "The last S of a live timeline counts its repeats: with @r=-1 players must know themselves which segments are there.",
);
/// Sets whose segments do not begin together, though they say so.
pub const ALIGNED: Rule = must(
    "dash-alignment",
    "ISO/IEC 23009-1 §5.3.3.2",
    "With @segmentAlignment the segments of a set's representations begin at the same moments.",
);

/// All rules of this module.
pub const RULES: &[&Rule] = &[
    &ADDRESSED,
    &SYNTAX,
    &SHARED,
    &INITIALIZATION,
    &DURATION,
    &TIMESCALE,
    &START_NUMBER,
    &LISTED,
    &LENGTH,
    &OVERLAP,
    &GAP,
    &REPEAT,
    &OPEN_REPEAT,
    &ALIGNED,
];

/// The base addresses of a representation, and the name of its segment of number and time zero.
type Name = (Vec<Arc<str>>, String);

/// Holds the templates of `mpd` to the rules of this module.
pub fn check(mpd: &Mpd, found: &mut Vec<Finding>) {
    for period in &mpd.periods {
        let mut names = BTreeMap::new();
        for representation in period.sets.iter().flat_map(|set| &set.representations) {
            named(representation, &mut names, found);
            if let Some(template) = &representation.template {
                lengths(representation, template, mpd.is_dynamic && period.end.is_none(), found);
            }
        }
        period.sets.iter().filter(|set| set.is_aligned).for_each(|set| aligned(period, set, found));
    }
}

fn named<'a>(representation: &'a Representation, names: &mut BTreeMap<Name, &'a str>, found: &mut Vec<Finding>) {
    let mut tell = |rule, what: String| found.push(at(rule, &representation.place, what));
    let Some(template) = &representation.template else { return tell(&ADDRESSED, "there is no SegmentTemplate".to_owned()) };
    let Some(media) = &template.media else { return tell(&ADDRESSED, "there is no @media".to_owned()) };
    match address::uses(media) {
        Err(mistake) => tell(&SYNTAX, format!("@media {media:?}: {mistake}")),
        Ok(Uses { number, time }) => {
            if number == time {
                tell(&SYNTAX, format!("@media {media:?} has {} of $Number$ and $Time$", if number { "both" } else { "neither" }));
            }
            let line = template.line;
            if number && template.timeline.is_some() && !template.has_start_number {
                tell(&START_NUMBER, format!("there is none in line {line}"));
            }
        }
    }
    match template.initialization.as_deref().map(|initialization| (initialization, address::uses(initialization))) {
        None => tell(&INITIALIZATION, "there is none".to_owned()),
        Some((text, Err(mistake))) => tell(&SYNTAX, format!("@initialization {text:?}: {mistake}")),
        Some((text, Ok(uses))) if uses != Uses::default() => tell(&SYNTAX, format!("@initialization {text:?} has $Number$ or $Time$")),
        Some(_) => {}
    }
    if let Ok(name) = address::fill(media, representation, 0, 0)
        && let Some(other) = names.insert((representation.bases.clone(), name.clone()), &representation.place.path)
    {
        tell(&SHARED, format!("{name:?} is a segment of {other} as well"));
    }
}

fn lengths(representation: &Representation, template: &Template, is_open: bool, found: &mut Vec<Finding>) {
    let mut tell = |rule, line: usize, what: String| {
        found.push(Finding::new(rule, representation.place.path.clone(), format!("line {line}: {what}")));
    };
    if template.timescale.is_none() {
        tell(&TIMESCALE, template.line, "it is not".to_owned());
    }
    match (&template.timeline, template.duration) {
        (None, None | Some(0)) => tell(&DURATION, template.line, "there is neither".to_owned()),
        (Some(_), Some(_)) => tell(&DURATION, template.line, "there are both".to_owned()),
        (None, Some(_)) => {}
        (Some(timeline), None) => listed(timeline, is_open, &mut tell),
    }
}

fn listed(timeline: &Timeline, is_open: bool, tell: &mut impl FnMut(&'static Rule, usize, String)) {
    if timeline.stretches.is_empty() {
        tell(&LISTED, timeline.line, "there is none".to_owned());
    }
    // Where the segments before end; unknown behind those that are repeated up to what follows.
    let mut end: Option<i64> = None;
    for (position, stretch) in timeline.stretches.iter().enumerate() {
        let next = timeline.stretches.get(position + 1);
        let start = stretch.start.or(end).unwrap_or(0);
        if stretch.duration <= 0 {
            tell(&LENGTH, stretch.line, "it is not".to_owned());
        }
        match (stretch.start, end) {
            (Some(start), Some(end)) if start < end => tell(&OVERLAP, stretch.line, format!("@t is {start}, the one before ends at {end}")),
            (Some(start), Some(end)) if start > end => tell(&GAP, stretch.line, format!("@t is {start}, the one before ends at {end}")),
            _ => {}
        }
        let is_endless = stretch.repeat == -1 && next.is_some_and(|next| next.start.is_none());
        if stretch.repeat < -1 || is_endless {
            tell(&REPEAT, stretch.line, format!("@r is {}", stretch.repeat));
        } else if stretch.repeat == -1 && next.is_none() && is_open {
            tell(&OPEN_REPEAT, stretch.line, "@r is -1".to_owned());
        }
        let whole = (stretch.repeat >= 0).then(|| stretch.duration.saturating_mul(stretch.repeat.saturating_add(1)));
        end = whole.map(|length| start.saturating_add(length));
    }
}

/// Compares where segments begin in the range that representations have in common.
fn aligned(period: &Period, set: &AdaptationSet, found: &mut Vec<Finding>) {
    let starts = |representation: &Representation| {
        let template = representation.template.as_ref()?;
        let segments = template.segments(template.end_of(period));
        let from_start = |start: i64| template.span(start.saturating_sub(template.offset)).nanos();
        Some(segments.iter().map(|segment| from_start(segment.start)).collect::<BTreeSet<_>>()).filter(|starts| !starts.is_empty())
    };
    let all: Vec<_> = set.representations.iter().filter_map(|each| Some((each, starts(each)?))).collect();
    let Some((first, model)) = all.first() else { return };
    for (representation, others) in all.iter().skip(1) {
        let from = model.first().max(others.first()).copied().unwrap_or_default();
        let to = model.last().min(others.last()).copied().unwrap_or_default();
        if from > to {
            continue;
        }
        // A tick of another timescale is another nanosecond.
        let near =
            |set: &BTreeSet<i64>, start: i64| set.range(start.saturating_sub(ROUNDING)..=start.saturating_add(ROUNDING)).next().is_some();
        let odd = model
            .range(from..=to)
            .find(|start| !near(others, **start))
            .or_else(|| others.range(from..=to).find(|start| !near(model, **start)));
        if let Some(odd) = odd {
            let seconds = *odd as f64 / 1e9;
            found.push(at(
                &ALIGNED,
                &representation.place,
                format!("at {seconds} s only one of it and {} begins a segment", first.place.path),
            ));
        }
    }
}

/// Nanoseconds by which moments of two timescales may differ: a tick of milliseconds.
const ROUNDING: i64 = 1_000_000;
