//! What a media playlist says of itself: version, durations, what its server can do.

use crate::check::finding::Level::{Must, Should};
use crate::check::finding::Rule;
use crate::media::Span;

use super::super::model::{Media, ServerControl};
use super::super::notes::{Notes, rules};
use super::super::tag::Tag;
use super::{multiple, shown, targets};

rules! {
    VERSION "hls-version" Must "RFC 8216bis §8"
        "EXT-X-VERSION is as high as what the playlist uses demands."
    TARGET_DURATION "hls-target-duration" Must "RFC 8216bis §4.4.3.1"
        "A media playlist has an EXT-X-TARGETDURATION."
    SEQUENCE_PLACE "hls-sequence-place" Must "RFC 8216bis §4.4.3.2, §4.4.3.3"
        "EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE stand before the first segment, the latter before any EXT-X-DISCONTINUITY."
    DISCONTINUITY_SEQUENCE "hls-discontinuity-sequence" Should "Apple HLS Authoring Specification"
        "A live playlist in which discontinuities occur has an EXT-X-DISCONTINUITY-SEQUENCE."
    HOLD_BACK "hls-hold-back" Must "RFC 8216bis §4.4.3.8"
        "HOLD-BACK is at least three target durations."
    PART_HOLD_BACK "hls-part-hold-back" Must "RFC 8216bis §4.4.3.8"
        "Where there is an EXT-X-PART-INF there is a PART-HOLD-BACK, of at least two part targets."
    PART_HOLD_BACK_SHORT "hls-part-hold-back-short" Should "RFC 8216bis §4.4.3.8"
        "PART-HOLD-BACK is at least three part targets; Apple demands it."
    SKIP_BOUNDARY "hls-skip-boundary" Must "RFC 8216bis §4.4.3.8"
        "CAN-SKIP-UNTIL is at least six target durations, and there where date ranges can be skipped."
    BLOCKING_RELOAD "hls-blocking-reload" Must "RFC 8216bis appendix B.1"
        "A playlist with parts can be reloaded with a block."
    PART_INF "hls-part-inf" Must "RFC 8216bis §4.4.3.7"
        "A playlist with parts has an EXT-X-PART-INF."
    SKIP_OFFERED "hls-skip-offered" Must "RFC 8216bis §6.2.5.1"
        "Segments are skipped only where CAN-SKIP-UNTIL is told and the stream goes on, and only those further from the end than it."
    START_OFFSET "hls-start-offset" Should "RFC 8216bis §4.4.2.2"
        "EXT-X-START lies within the playlist, and in a live one not within three target durations of its end."
}

/// Target durations that `HOLD-BACK` has at least.
const HOLD_BACK_TARGETS: i64 = 3;
/// Target durations that `CAN-SKIP-UNTIL` has at least.
const SKIP_TARGETS: i64 = 6;
/// Part targets that `PART-HOLD-BACK` has at least, and should have.
const PART_TARGETS: (i64, i64) = (2, 3);

/// How far `CAN-SKIP-UNTIL` may be missed by rounding.
const SKIP_ROUNDING: Span = Span::from_millis(1);

pub(super) fn check(list: &Media, notes: &mut Notes<'_>) {
    let (needed, what) = needed_version(list);
    let version = list.header.version.unwrap_or(1);
    if version < needed {
        notes.add(&VERSION, format_args!("version {version}, and {what} needs {needed}"));
    }
    let Some(target) = list.target_duration else {
        return notes.add(&TARGET_DURATION, "no EXT-X-TARGETDURATION");
    };
    sequences(list, notes);
    server_control(list, target, notes);
    skip(list, notes);
    start(list, target, notes);
}

/// The version that a media playlist needs, and what for.
fn needed_version(list: &Media) -> (u64, &'static str) {
    let keys = || list.segments.iter().filter_map(|segment| segment.keys.as_deref()).flatten();
    let has_map = list.header.has(Tag::Map);
    let ranges = list.header.has(Tag::ByteRange);
    let needs = [
        (11, list.header.query_variables, "EXT-X-DEFINE with QUERYPARAM"),
        (10, list.skip.as_ref().is_some_and(|skip| skip.removed_dateranges.is_some()), "EXT-X-SKIP of date ranges"),
        (9, list.skip.is_some(), "EXT-X-SKIP"),
        (8, list.header.has(Tag::Define), "EXT-X-DEFINE"),
        (6, has_map && !list.iframes_only, "EXT-X-MAP"),
        (5, has_map || keys().any(|key| key.key_format != "identity"), "EXT-X-MAP of I-frames, or KEYFORMAT,"),
        (4, ranges || list.iframes_only, "EXT-X-BYTERANGE or EXT-X-I-FRAMES-ONLY"),
        (3, list.segments.iter().any(|segment| segment.duration.nanos() % 1_000_000_000 != 0), "EXTINF with a fraction"),
        (2, keys().any(|key| key.iv.is_some()), "IV"),
    ];
    needs.into_iter().find(|(_, used, _)| *used).map_or((1, ""), |(version, _, what)| (version, what))
}

fn sequences(list: &Media, notes: &mut Notes<'_>) {
    let header = &list.header;
    let first_segment = list.all().map(|segment| segment.parts.first().map_or(segment.line, |part| part.line)).next();
    let first_discontinuity = header.line_of(Tag::Discontinuity);
    for (tag, before) in [
        (Tag::MediaSequence, first_segment),
        (Tag::DiscontinuitySequence, first_segment),
        (Tag::DiscontinuitySequence, first_discontinuity),
    ] {
        if let Some((line, before)) = header.line_of(tag).zip(before).filter(|(line, before)| line > before) {
            notes.at(&SEQUENCE_PLACE, line, format_args!("{tag} after line {before}"));
        }
    }
    if !list.ended && first_discontinuity.is_some() && !header.has(Tag::DiscontinuitySequence) {
        notes.add(&DISCONTINUITY_SEQUENCE, "EXT-X-DISCONTINUITY and no EXT-X-DISCONTINUITY-SEQUENCE");
    }
}

fn server_control(list: &Media, target: u64, notes: &mut Notes<'_>) {
    let none = ServerControl::default();
    let control = list.server_control.as_ref().unwrap_or(&none);
    let hold_back = targets(target, HOLD_BACK_TARGETS);
    if let Some(told) = control.hold_back.filter(|told| *told < hold_back) {
        notes.add(&HOLD_BACK, format_args!("HOLD-BACK={} is less than {HOLD_BACK_TARGETS} x {target}", shown(told)));
    }
    match control.can_skip_until {
        Some(until) if until < targets(target, SKIP_TARGETS) => {
            notes.add(&SKIP_BOUNDARY, format_args!("CAN-SKIP-UNTIL={} is less than {SKIP_TARGETS} x {target}", shown(until)));
        }
        None if control.can_skip_dateranges => notes.add(&SKIP_BOUNDARY, "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL"),
        _ => {}
    }
    let has_parts = list.header.has(Tag::Part);
    if has_parts && list.part_target.is_none() {
        notes.add(&PART_INF, "parts, and no EXT-X-PART-INF");
    }
    let Some(part_target) = list.part_target else { return };
    let (must, should) = PART_TARGETS;
    match control.part_hold_back {
        None => notes.add(&PART_HOLD_BACK, "EXT-X-PART-INF, and no PART-HOLD-BACK"),
        Some(told) => {
            let rule = match told {
                _ if told < multiple(part_target, must) => Some((&PART_HOLD_BACK, must)),
                _ if told < multiple(part_target, should) => Some((&PART_HOLD_BACK_SHORT, should)),
                _ => None,
            };
            if let Some((rule, times)) = rule {
                notes.add(rule, format_args!("PART-HOLD-BACK={} is less than {times} x {}", shown(told), shown(part_target)));
            }
        }
    }
    if has_parts && !control.can_block_reload && !list.ended {
        notes.add(&BLOCKING_RELOAD, "parts, and no CAN-BLOCK-RELOAD=YES");
    }
}

fn skip(list: &Media, notes: &mut Notes<'_>) {
    let Some(skip) = &list.skip else { return };
    let until = list.server_control.as_ref().and_then(|control| control.can_skip_until);
    // The segment in progress is one of those to count from.
    let listed = list.duration() + SKIP_ROUNDING;
    match until {
        _ if list.ended => notes.add(&SKIP_OFFERED, "EXT-X-SKIP in a playlist with EXT-X-ENDLIST"),
        None => notes.add(&SKIP_OFFERED, "EXT-X-SKIP without CAN-SKIP-UNTIL"),
        Some(until) if listed < until && skip.segments > 0 => {
            notes.add(
                &SKIP_OFFERED,
                format_args!("{} s are listed behind EXT-X-SKIP, less than CAN-SKIP-UNTIL={}", shown(listed), shown(until)),
            );
        }
        Some(_) => {}
    }
}

fn start(list: &Media, target: u64, notes: &mut Notes<'_>) {
    let Some(start) = list.header.start else { return };
    let (length, hold_back) = (list.duration(), targets(target, HOLD_BACK_TARGETS));
    let from_end = if start.offset.nanos() < 0 { start.offset.abs() } else { length - start.offset };
    if start.offset.abs() > length {
        notes.add(&START_OFFSET, format_args!("TIME-OFFSET={} in a playlist of {} s", shown(start.offset), shown(length)));
    } else if !list.ended && from_end < hold_back {
        notes.add(&START_OFFSET, format_args!("TIME-OFFSET={} is {} s from the end", shown(start.offset), shown(from_end)));
    }
}
