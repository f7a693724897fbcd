//! Segments and parts.

use crate::check::finding::Level::{Must, Should};
use crate::check::finding::Rule;
use crate::media::Span;

use super::super::model::{Media, Segment};
use super::super::notes::{Notes, rules};
use super::super::tag::Tag;
use super::{shown, targets};

rules! {
    SEGMENT_DURATION "hls-segment-duration" Must "RFC 8216bis §4.4.3.1"
        "An EXTINF, rounded to whole seconds, is not more than the target duration."
    MAP "hls-map" Must "RFC 8216bis §3.1.2, §4.4.4.5"
        "A segment of fragmented MP4 has an EXT-X-MAP."
    PROGRAM_DATE_TIME "hls-program-date-time" Should "Apple HLS Authoring Specification"
        "A live playlist has an EXT-X-PROGRAM-DATE-TIME."
    DATES_RISE "hls-dates-rise" Should "RFC 8216bis §4.4.4.6"
        "Between discontinuities, dates go on by the durations of the segments."
    KEY_METHOD "hls-key-method" Must "RFC 8216bis §4.4.4.4"
        "The METHOD of a key is one that is defined."
    PART_DURATION "hls-part-duration" Must "RFC 8216bis §4.4.4.9"
        "No part is longer than the part target."
    PART_SHORT "hls-part-short" Must "RFC 8216bis §4.4.4.9"
        "A part has at least 85 % of the part target, unless it is independent, a gap, before a gap, or the last of its segment."
    PART_SUM "hls-part-sum" Must "RFC 8216bis §3.2"
        "The parts of a segment are together as long as the segment."
    OLD_PARTS "hls-old-parts" Should "RFC 8216bis §6.2.2"
        "Parts further than three target durations from the end are listed no more."
    PART_TAGS_FIRST "hls-part-tags-first" Must "RFC 8216bis §4.4.4.9"
        "EXT-X-DISCONTINUITY, EXT-X-KEY, EXT-X-MAP and EXT-X-PROGRAM-DATE-TIME of a segment stand before its first part."
    IFRAME_PARTS "hls-iframe-parts" Should "RFC 8216bis §4.4.4.9"
        "A playlist of I-frames has no parts."
}

/// How far dates may stray from the durations between them: they are told in milliseconds, and from a wall clock.
pub const DATE_TOLERANCE: Span = Span::from_millis(50);
/// How far the durations of each part may be off by rounding.
pub const PART_ROUNDING: Span = Span::from_millis(1);
/// Target durations from the end within which parts are listed.
const PARTS_WITHIN: i64 = 3;
/// Hundredths of the part target that a part has at least.
const LEAST_PART: i128 = 85;
/// What files of fragmented MP4 end with.
const FRAGMENTED: [&str; 7] = [".m4s", ".mp4", ".m4v", ".m4a", ".m4f", ".cmfv", ".cmfa"];
const METHODS: [&str; 5] = ["NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"];

pub(super) fn check(list: &Media, notes: &mut Notes<'_>) {
    for segment in &list.segments {
        if let Some(target) = list.target_duration.filter(|target| rounded(segment.duration) > *target) {
            notes.at(&SEGMENT_DURATION, segment.line, format_args!("EXTINF of {} s, target of {target}", shown(segment.duration)));
        }
        if segment.map.is_none() && !segment.gap && list.skip.is_none() && is_fragmented(&segment.uri) {
            notes.at(&MAP, segment.line, format_args!("{} without EXT-X-MAP", segment.uri));
        }
        if let Some(key) = segment.keys.iter().flat_map(|keys| keys.iter()).find(|key| !METHODS.contains(&&*key.method)) {
            notes.at(&KEY_METHOD, segment.line, format_args!("METHOD={}", key.method));
        }
    }
    dates(list, notes);
    if list.iframes_only && list.header.has(Tag::Part) {
        notes.add(&IFRAME_PARTS, "EXT-X-PART beside EXT-X-I-FRAMES-ONLY");
    }
    parts(list, notes);
    order(list, notes);
}

fn rounded(duration: Span) -> u64 {
    u64::try_from((duration.nanos().saturating_add(500_000_000)) / 1_000_000_000).unwrap_or_default()
}

/// Whether an address, without its query, is that of fragmented MP4.
fn is_fragmented(uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or(uri);
    FRAGMENTED.iter().any(|end| path.ends_with(end))
}

fn dates(list: &Media, notes: &mut Notes<'_>) {
    if !list.ended && list.playlist_type.is_none() && !list.segments.is_empty() && list.all().all(|segment| segment.date.is_none()) {
        notes.add(&PROGRAM_DATE_TIME, "no EXT-X-PROGRAM-DATE-TIME in a live playlist");
    }
    let mut expected = None;
    for segment in list.all() {
        let known = expected.filter(|_| !segment.discontinuity);
        if let Some((date, expected)) = segment.date.zip(known) {
            let off = date.since(expected);
            if off.abs() > DATE_TOLERANCE {
                notes.at(&DATES_RISE, segment.line, format_args!("the date is {} s after the end of the segment before", shown(off)));
            }
        }
        expected = segment.date.or(known).map(|date| date.plus(segment.duration));
    }
}

fn parts(list: &Media, notes: &mut Notes<'_>) {
    let within = list.target_duration.map(|target| targets(target, PARTS_WITHIN) + PART_ROUNDING);
    let oldest = list.all().find(|segment| !segment.parts.is_empty()).map(|segment| segment.msn);
    let mut from_end = Span::ZERO;
    for segment in list.all().rev() {
        let is_whole = list.open.as_ref().is_none_or(|open| open.msn != segment.msn);
        if let Some(target) = list.part_target {
            lengths(segment, is_whole, target, notes);
        }
        if within.is_some_and(|within| from_end > within) && !segment.parts.is_empty() {
            notes.at(&OLD_PARTS, segment.line, format_args!("parts of a segment that ends {} s before the end", shown(from_end)));
        }
        if is_whole {
            sum(segment, oldest == Some(segment.msn), notes);
        }
        from_end = from_end + segment.duration;
    }
}

fn lengths(segment: &Segment, is_whole: bool, target: Span, notes: &mut Notes<'_>) {
    for (at, part) in segment.parts.iter().enumerate() {
        if part.duration > target {
            notes.at(&PART_DURATION, part.line, format_args!("{} s, and the part target is {}", shown(part.duration), shown(target)));
        }
        let next = segment.parts.get(at + 1);
        // The last one of a segment in progress may turn out to be the last of it.
        let exempt = part.independent || part.gap || next.is_none_or(|next| next.gap);
        let least = i128::from(target.nanos()) * LEAST_PART;
        if !exempt && i128::from(part.duration.nanos()) * 100 < least {
            let of = if is_whole { "whole segment" } else { "segment in progress" };
            notes.at(
                &PART_SHORT,
                part.line,
                format_args!("{} s in a {of}, and the part target is {}", shown(part.duration), shown(target)),
            );
        }
    }
}

/// The first parts of the oldest segment that has any may have been removed already.
fn sum(segment: &Segment, oldest: bool, notes: &mut Notes<'_>) {
    if segment.parts.is_empty() {
        return;
    }
    let sum = segment.parts.iter().fold(Span::ZERO, |sum, part| sum + part.duration);
    let count = i64::try_from(segment.parts.len()).unwrap_or(i64::MAX);
    let rounding = Span::from_nanos(PART_ROUNDING.nanos().saturating_mul(count));
    let off = sum - segment.duration;
    if off > rounding || (!oldest && off.abs() > rounding) {
        notes.at(&PART_SUM, segment.line, format_args!("EXTINF of {} s, and {count} parts of {} s", shown(segment.duration), shown(sum)));
    }
}

fn order(list: &Media, notes: &mut Notes<'_>) {
    let mut ends = list.segments.iter().map(|segment| segment.line).peekable();
    let mut part = None;
    for (line, tag) in &list.header.tags {
        if ends.next_if(|end| end < line).is_some() {
            part = None;
        }
        match tag {
            Tag::Part => part = part.or(Some(*line)),
            Tag::Discontinuity | Tag::Key | Tag::Map | Tag::ProgramDateTime => {
                if let Some(part) = part {
                    notes.at(&PART_TAGS_FIRST, *line, format_args!("{tag} behind the part in line {part}"));
                }
            }
            _ => {}
        }
    }
}
