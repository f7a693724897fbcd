//! Segments that are told of before they are whole, and how far players stay behind (DASH-IF IOP 5, part 6).

use crate::check::dash::model::{AdaptationSet, Latency, Mpd, Period, Representation, Service, Template};
use crate::check::dash::rule::{must, note, should};
use crate::check::finding::{Finding, Rule};
use crate::media::Span;

use super::at;

/// Segments that can be asked for before they begin.
pub const OFFSET: Rule = must(
    "dash-low-latency-offset",
    "DASH-IF IOP 5 part 6 §3.2",
    "@availabilityTimeOffset of segments that are not whole yet is less than their duration: nothing of them is there before.",
);
/// Segments that are told of early and taken for whole.
pub const COMPLETE: Rule = should(
    "dash-low-latency-complete",
    "DASH-IF IOP 5 part 6 §3.2",
    "With @availabilityTimeOffset segments have @availabilityTimeComplete=\"false\": dash.js has no low latency without it.",
);
/// Low latency by many clocks.
pub const CLOCK: Rule = must("dash-low-latency-clock", "DASH-IF IOP 5 part 6 §3.2", "A manifest of low latency has UTCTiming.");
/// Low latency of no told length.
pub const TARGET: Rule = should(
    "dash-low-latency-target",
    "DASH-IF IOP 5 part 6 §3.2",
    "A manifest of low latency has a ServiceDescription with the target of a Latency, and with a PlaybackRate to reach it by.",
);
/// Latencies in disorder.
pub const LATENCY: Rule = must(
    "dash-latency-order",
    "ISO/IEC 23009-1 annex K.3.2",
    "@min, @target and @max of a Latency rise, and @max lies within @timeShiftBufferDepth.",
);
/// Latencies shorter than what has to be waited for.
pub const REACHABLE: Rule = should(
    "dash-latency-reachable",
    "DASH-IF IOP 5 part 6 §3.2",
    "The target of a Latency, and @suggestedPresentationDelay, are no less than a segment's duration without @availabilityTimeOffset.",
);
/// Rates that do not reach real time.
pub const RATE: Rule = must("dash-playback-rate", "ISO/IEC 23009-1 annex K.3.3", "@min of a PlaybackRate is at most 1, @max at least.");
/// Latencies that nothing measures.
pub const REFERENCE: Rule = must(
    "dash-latency-reference",
    "ISO/IEC 23009-1 annex K.3.2",
    "@referenceId of a Latency is the @id of a ProducerReferenceTime in the manifest.",
);
/// Low latency that cannot be measured.
pub const PRODUCER: Rule = should(
    "dash-producer-reference",
    "DASH-IF IOP 5 part 6 §3.2",
    "An adaptation set of low latency has a ProducerReferenceTime: by it players measure the latency since the encoder.",
);
/// Points of entry that are further apart than segments.
pub const RESYNC: Rule = note("dash-resync", "ISO/IEC 23009-1 §5.3.12", "@dT of a Resync is no longer than a segment.");

/// All rules of this module.
pub const RULES: &[&Rule] = &[&OFFSET, &COMPLETE, &CLOCK, &TARGET, &LATENCY, &REACHABLE, &RATE, &REFERENCE, &PRODUCER, &RESYNC];

/// Holds what `mpd` says of low latency to the rules of this module.
pub fn check(mpd: &Mpd, found: &mut Vec<Finding>) {
    let services = || mpd.services.iter();
    services().for_each(|service| described(mpd, service, found));
    for period in &mpd.periods {
        let longest = usual(period);
        for (set, representation) in period.sets.iter().flat_map(|set| set.representations.iter().map(move |each| (set, each))) {
            if let (Some(template), Some(longest)) = (&representation.template, longest) {
                offset(mpd, period, representation, template, longest, found);
                resync(set, representation, template, longest, found);
            }
        }
    }
    let early: Vec<_> =
        mpd.representations().filter(|(_, _, each)| each.template.as_ref().is_some_and(is_early)).map(|(_, set, _)| set).collect();
    let Some(first) = early.first() else { return };
    if mpd.clocks.is_empty() {
        found.push(at(&CLOCK, &mpd.place, "there is none"));
    }
    if !services().flat_map(|service| &service.latencies).any(|latency| latency.target.is_some()) {
        found.push(at(&TARGET, &mpd.place, "there is no target"));
    }
    if !services().any(|service| !service.rates.is_empty()) {
        found.push(at(&TARGET, &mpd.place, "there is no PlaybackRate"));
    }
    if early.iter().all(|set| set.references.is_empty()) {
        found.push(at(&PRODUCER, &first.place, "there is none"));
    }
}

/// Whether segments are told of before they are whole.
fn is_early(template: &Template) -> bool {
    !template.is_complete && template.availability_offset > Span::ZERO
}

/// The usual length of a period's segments: the longest there is, as one may be cut short where sound or pictures were missing.
fn usual(period: &Period) -> Option<Span> {
    let templates = period.sets.iter().flat_map(|set| &set.representations).filter_map(|each| each.template.as_ref());
    let timed = templates.filter(|template| template.timescale.is_some());
    timed
        .filter_map(|template| {
            let listed = template.timeline.as_ref().and_then(|timeline| timeline.stretches.iter().map(|stretch| stretch.duration).max());
            template.duration.or(listed).map(|ticks| template.span(ticks))
        })
        .max()
}

fn offset(mpd: &Mpd, period: &Period, representation: &Representation, template: &Template, usual: Span, found: &mut Vec<Finding>) {
    let early = template.availability_offset;
    // Whole segments that are all there already have an endless offset, or belong to a period that is over.
    let is_whole = early == Span::from_nanos(i64::MAX) || period.end.is_some();
    if template.is_complete && early > Span::ZERO && !is_whole && mpd.is_dynamic {
        found.push(at(&COMPLETE, &representation.place, format!("an offset of {early:?} alone")));
    }
    if !is_early(template) {
        return;
    }
    if early >= usual {
        found.push(at(&OFFSET, &representation.place, format!("an offset of {early:?}, segments of {usual:?}")));
        return;
    }
    let wait = usual - early;
    let targets = mpd.services.iter().flat_map(|service| &service.latencies).filter_map(|latency| latency.target);
    if let Some(short) = targets.chain(mpd.delay).find(|target| *target < wait) {
        found.push(at(&REACHABLE, &representation.place, format!("{short:?} behind, {wait:?} to wait for")));
    }
}

fn described(mpd: &Mpd, service: &Service, found: &mut Vec<Finding>) {
    for latency in &service.latencies {
        let Latency { target, min, max, reference } = *latency;
        let told: Vec<_> = [min, target, max].into_iter().flatten().collect();
        if !told.is_sorted() {
            found.push(at(&LATENCY, &service.place, format!("{told:?}")));
        }
        if let Some((max, depth)) = max.zip(mpd.time_shift).filter(|(max, depth)| max > depth) {
            found.push(at(&LATENCY, &service.place, format!("@max is {max:?}, the window {depth:?}")));
        }
        let known = |id: u64| {
            mpd.periods
                .iter()
                .flat_map(|period| &period.sets)
                .any(|set: &AdaptationSet| set.references.iter().any(|(known, _)| *known == id))
        };
        if let Some(id) = reference.filter(|id| !known(*id)) {
            found.push(at(&REFERENCE, &service.place, format!("@referenceId is {id}")));
        }
    }
    for (min, max) in &service.rates {
        if min.is_some_and(|min| min > 1_000) || max.is_some_and(|max| max < 1_000) {
            found.push(at(&RATE, &service.place, format!("from {min:?} to {max:?} thousandths")));
        }
    }
}

fn resync(set: &AdaptationSet, representation: &Representation, template: &Template, usual: Span, found: &mut Vec<Finding>) {
    for ticks in representation.resyncs.iter().flatten() {
        let apart = template.span(*ticks);
        if apart > usual {
            found.push(at(&RESYNC, &set.place, format!("{apart:?}, segments of {usual:?}")));
        }
    }
}
