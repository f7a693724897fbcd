//! What a media playlist tells beside its segments: hints, reports, date ranges.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::finding::Level::{Must, Should};
use crate::check::finding::Rule;

use super::super::model::{DateRange, Media};
use super::super::notes::{Notes, rules};
use super::super::tag::Tag;

rules! {
    HINT_TYPE "hls-hint-type" Must "RFC 8216bis §4.4.5.3"
        "A preload hint is of TYPE PART or MAP."
    HINT_ONCE "hls-hint-once" Should "RFC 8216bis §6.2.6"
        "There is one preload hint of a type."
    HINT_ENDED "hls-hint-ended" Must "RFC 8216bis §4.4.5.3"
        "A playlist with an EXT-X-ENDLIST has no preload hint."
    HINT_LISTED "hls-hint-listed" Should "RFC 8216bis §6.2.6"
        "A preload hint names what is not listed yet."
    HINT_MISSING "hls-hint-missing" Should "RFC 8216bis appendix B.1"
        "A live playlist whose segment in progress has parts hints at the next one."
    EDGE_ORDER "hls-edge-order" Should "RFC 8216bis §4.4.5.3"
        "Preload hints and rendition reports stand behind all segments and parts."
    REPORT_URI "hls-report-uri" Must "RFC 8216bis §4.4.5.4"
        "A rendition report names its playlist relative to its own, and each once."
    DATE_RANGE_DATES "hls-date-range-dates" Must "RFC 8216bis §4.4.5.1"
        "A playlist with date ranges has an EXT-X-PROGRAM-DATE-TIME."
    DATE_RANGE_START "hls-date-range-start" Must "RFC 8216bis §4.4.5.1"
        "The first EXT-X-DATERANGE of an ID has a START-DATE."
    DATE_RANGE_END "hls-date-range-end" Must "RFC 8216bis §4.4.5.1"
        "END-DATE is not before START-DATE, and is START-DATE and DURATION where both are told."
    DATE_RANGE_END_ON_NEXT "hls-date-range-end-on-next" Must "RFC 8216bis §4.4.5.1"
        "A date range with END-ON-NEXT has a CLASS, and neither DURATION nor END-DATE."
    DATE_RANGE_SAME "hls-date-range-same" Must "RFC 8216bis §4.4.5.1"
        "Date ranges of one ID have the same values for the attributes that they share."
}

/// How far `END-DATE` may be from `START-DATE` and `DURATION`, in milliseconds: dates have no more decimals.
const DATE_ROUNDING: i64 = 1;

/// Most preload hints of a playlist that are looked at; there should be two.
const MAX_HINTS: usize = 16;

pub(super) fn check(list: &Media, notes: &mut Notes<'_>) {
    hints(list, notes);
    order(list, notes);
    reports(list, notes);
    date_ranges(list, notes);
}

fn hints(list: &Media, notes: &mut Notes<'_>) {
    let mut kinds = BTreeSet::new();
    for hint in list.hints.iter().take(MAX_HINTS) {
        if !matches!(&*hint.kind, "PART" | "MAP") {
            notes.at(&HINT_TYPE, hint.line, format_args!("TYPE={}", hint.kind));
        }
        if !kinds.insert(&hint.kind) {
            notes.at(&HINT_ONCE, hint.line, format_args!("a second hint of TYPE={}", hint.kind));
        }
        if list.ended {
            notes.at(&HINT_ENDED, hint.line, "a hint beside EXT-X-ENDLIST");
        }
        // A part without a range is its whole resource; one with a range leaves room for the next.
        let mut parts = list.all().rev().flat_map(|segment| segment.parts.iter());
        if hint.kind == "PART"
            && parts.any(|part| part.uri == hint.uri && part.range.as_ref().is_none_or(|range| range.contains(&hint.start)))
        {
            notes.at(&HINT_LISTED, hint.line, format_args!("{} is listed as a part", hint.uri));
        }
    }
    let in_progress = list.open.as_ref().is_some_and(|open| open.parts.last().is_some_and(|part| !part.gap));
    if in_progress && !list.ended && !list.hints.iter().any(|hint| hint.kind == "PART") {
        notes.add(&HINT_MISSING, "parts of a segment in progress, and no hint at the next");
    }
}

fn order(list: &Media, notes: &mut Notes<'_>) {
    let last = list.header.tags.iter().rev().find(|(_, tag)| matches!(tag, Tag::Inf | Tag::Part)).map(|(line, _)| *line);
    let edge = list
        .hints
        .iter()
        .map(|hint| (hint.line, Tag::PreloadHint))
        .chain(list.reports.iter().map(|report| (report.line, Tag::RenditionReport)));
    for (line, tag) in edge {
        if let Some(last) = last.filter(|last| line < *last) {
            notes.at(&EDGE_ORDER, line, format_args!("{tag} before the segment or part in line {last}"));
        }
    }
}

fn reports(list: &Media, notes: &mut Notes<'_>) {
    let mut known = BTreeSet::new();
    for report in &list.reports {
        if report.uri.contains("://") {
            notes.at(&REPORT_URI, report.line, format_args!("{} is not relative", report.uri));
        }
        if !known.insert(&report.uri) {
            notes.at(&REPORT_URI, report.line, format_args!("{} a second time", report.uri));
        }
    }
}

fn date_ranges(list: &Media, notes: &mut Notes<'_>) {
    if !list.date_ranges.is_empty() && !list.header.has(Tag::ProgramDateTime) && list.skip.is_none() {
        notes.add(&DATE_RANGE_DATES, "EXT-X-DATERANGE, and no EXT-X-PROGRAM-DATE-TIME");
    }
    let mut known: BTreeMap<&str, &DateRange> = BTreeMap::new();
    for range in &list.date_ranges {
        end(range, known.get(&*range.id).copied(), notes);
        match known.get(&*range.id) {
            None => {
                // Those of a delta update may go on from one that is not in it.
                if !range.attributes.contains_key("START-DATE") && list.skip.is_none() {
                    notes.at(&DATE_RANGE_START, range.line, format_args!("{:?} has no START-DATE", range.id));
                }
                known.insert(&range.id, range);
            }
            Some(first) => same(first, range, notes),
        }
    }
}

fn end(range: &DateRange, first: Option<&DateRange>, notes: &mut Notes<'_>) {
    let (start, duration) =
        (range.start.or(first.and_then(|first| first.start)), range.duration.or(first.and_then(|first| first.duration)));
    if let Some((start, end)) = start.zip(range.end) {
        let told = end.since(start);
        if told.nanos() < 0 || duration.is_some_and(|duration| (told - duration).millis().abs() > DATE_ROUNDING) {
            notes.at(&DATE_RANGE_END, range.line, format_args!("{:?} starts at {start} and ends at {end}", range.id));
        }
    }
    if range.end_on_next && (range.class.is_none() || range.end.is_some() || range.duration.is_some()) {
        notes.at(&DATE_RANGE_END_ON_NEXT, range.line, format_args!("{:?} without CLASS, or with an end", range.id));
    }
}

fn same(first: &DateRange, second: &DateRange, notes: &mut Notes<'_>) {
    let differs = |(name, value): &(&String, &String)| first.attributes.get(*name).is_some_and(|known| known != *value);
    if let Some((name, value)) = second.attributes.iter().find(differs) {
        notes.at(&DATE_RANGE_SAME, second.line, format_args!("{name}={value} differs from line {} of the same ID", first.line));
    }
}
