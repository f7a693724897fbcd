//! The media playlists of one presentation, side by side.

use std::time::Duration;

use crate::check::finding::Level::{Must, Should};
use crate::check::finding::{Finding, Rule};
use crate::media::Span;

use super::model::{Media, Report, Segment};
use super::notes::{Notes, rules};
use super::tag::Tag;

rules! {
    SAME_TARGET "hls-set-target-duration" Must "RFC 8216bis §6.2.4"
        "All media playlists of a live presentation have the same target duration."
    ALL_DATED "hls-set-dates" Must "RFC 8216bis §6.2.4"
        "Where one media playlist has EXT-X-PROGRAM-DATE-TIME, all have."
    DISCONTINUITIES "hls-set-discontinuities" Must "RFC 8216bis §6.2.4"
        "What is at one date has one discontinuity sequence number in all media playlists."
    BOUNDARIES "hls-set-boundaries" Should "Apple HLS Authoring Specification"
        "Segments of one number begin at one date in all media playlists."
    SAME_CONTROL "hls-set-server-control" Should "RFC 8216bis §4.4.3.8"
        "EXT-X-SERVER-CONTROL is the same in all media playlists, and its PART-HOLD-BACK three times the longest part target."
    REPORTS "hls-set-reports" Must "RFC 8216bis appendix B.1"
        "A playlist with parts has a rendition report for each of the others, but for those of I-frames."
    REPORT_AHEAD "hls-report-ahead" Must "RFC 8216bis §4.4.5.4"
        "A rendition report tells of nothing that the other playlist does not list yet."
    REPORT_BEHIND "hls-report-behind" Should "RFC 8216bis §4.4.5.4"
        "A rendition report is as new as the playlist that has it."
}

/// How far the beginnings of segments of one number may lie apart: sound is cut between its own frames.
pub const BOUNDARY_TOLERANCE: Span = Span::from_millis(150);
/// Most media playlists of a presentation that are looked at.
pub const MAX_PLAYLISTS: usize = 64;
const HOLD_BACK_PARTS: i64 = 3;

/// A media playlist as it was seen, whole.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What findings call it.
    pub subject: &'a str,
    /// What it lists.
    pub list: &'a Media,
    /// The moments between which its server made it, on a clock that is the same for all: when it was asked for, or if the answer was held
    /// somewhat before that came, and when the answer was there.
    pub made: (Duration, Duration),
}

/// Holds playlists of one presentation, seen at about the same time, to each other. `named(of, address)` is the playlist that the `of`-th one
/// calls by that address, if it is among these.
pub fn check(playlists: &[Seen<'_>], named: impl Fn(usize, &str) -> Option<usize>) -> Vec<Finding> {
    let playlists = &playlists[..playlists.len().min(MAX_PLAYLISTS)];
    let Some(first) = playlists.first() else { return Vec::new() };
    let mut found = Vec::new();
    for (at, seen) in playlists.iter().enumerate() {
        let mut notes = Notes::new(seen.subject);
        if at > 0 {
            pair(first, seen, &mut notes);
        }
        hold_back(playlists, seen, &mut notes);
        reports(playlists, at, &named, &mut notes);
        found.extend(notes.into_findings());
    }
    found
}

fn pair(first: &Seen<'_>, seen: &Seen<'_>, notes: &mut Notes<'_>) {
    let (one, other) = (first.list, seen.list);
    if one.target_duration != other.target_duration && !(one.ended && other.ended) {
        let (one, other) = (one.target_duration, other.target_duration);
        notes.add(&SAME_TARGET, format_args!("EXT-X-TARGETDURATION is {other:?}, and {one:?} in {}", first.subject));
    }
    let dated = |list: &Media| list.header.has(Tag::ProgramDateTime);
    if dated(one) != dated(other) && !one.segments.is_empty() && !other.segments.is_empty() {
        notes
            .add(&ALL_DATED, format_args!("EXT-X-PROGRAM-DATE-TIME is in {} alone", if dated(one) { first.subject } else { seen.subject }));
    }
    if let Some((mine, theirs)) = one.server_control.as_ref().zip(other.server_control.as_ref()).filter(|(one, other)| one != other) {
        notes.add(&SAME_CONTROL, format_args!("{theirs:?}, and {mine:?} in {}", first.subject));
    }
    discontinuities(first, seen, notes);
    boundaries(first, seen, notes);
}

/// Compares what both playlists have in the middle of each segment.
fn discontinuities(first: &Seen<'_>, seen: &Seen<'_>, notes: &mut Notes<'_>) {
    let mut others = first.list.segments.iter().peekable();
    for segment in &seen.list.segments {
        let Some(wall) = segment.wall else { continue };
        let middle = wall.plus(Span::from_nanos(segment.duration.nanos() / 2));
        let ends_before = |other: &&Segment| other.wall.is_none_or(|wall| wall.plus(other.duration) <= middle);
        while others.next_if(ends_before).is_some() {}
        let Some(other) = others.peek().filter(|other| other.wall.is_some_and(|wall| wall <= middle)) else { continue };
        if other.discontinuity_sequence != segment.discontinuity_sequence {
            let (mine, theirs) = (segment.discontinuity_sequence, other.discontinuity_sequence);
            notes.at(
                &DISCONTINUITIES,
                segment.line,
                format_args!("the discontinuity sequence at {middle} is {mine}, and {theirs} in {}", first.subject),
            );
            return;
        }
    }
}

fn boundaries(first: &Seen<'_>, seen: &Seen<'_>, notes: &mut Notes<'_>) {
    if first.list.iframes_only || seen.list.iframes_only {
        return;
    }
    let of_number = |msn: u64| {
        let at = msn.checked_sub(first.list.first_listed()).and_then(|at| usize::try_from(at).ok())?;
        first.list.segments.get(at)
    };
    for segment in &seen.list.segments {
        let Some((mine, theirs)) = segment.wall.zip(of_number(segment.msn).and_then(|other| other.wall)) else { continue };
        if mine.since(theirs).abs() > BOUNDARY_TOLERANCE {
            notes.at(&BOUNDARIES, segment.line, format_args!("{} begins at {mine}, and at {theirs} in {}", segment.msn, first.subject));
            return;
        }
    }
}

fn hold_back(playlists: &[Seen<'_>], seen: &Seen<'_>, notes: &mut Notes<'_>) {
    let Some(longest) = playlists.iter().filter_map(|seen| seen.list.part_target).max() else { return };
    let told = seen.list.server_control.as_ref().and_then(|control| control.part_hold_back);
    let own = seen.list.part_target.unwrap_or_default();
    let least = Span::from_nanos(longest.nanos().saturating_mul(HOLD_BACK_PARTS));
    if let Some(told) = told.filter(|told| *told < least && own < longest) {
        let (told, longest) = (told.as_secs_f64(), longest.as_secs_f64());
        notes.add(&SAME_CONTROL, format_args!("PART-HOLD-BACK={told}, and the longest part target is {longest} s"));
    }
}

fn reports(playlists: &[Seen<'_>], at: usize, named: impl Fn(usize, &str) -> Option<usize>, notes: &mut Notes<'_>) {
    let seen = &playlists[at];
    if seen.list.iframes_only || seen.list.ended {
        return;
    }
    let mut told = vec![false; playlists.len()];
    for report in &seen.list.reports {
        let Some(other) = named(at, &report.uri).filter(|other| *other < playlists.len()) else { continue };
        told[other] = true;
        compare(seen, report, &playlists[other], notes);
    }
    let expected = |other: usize| other != at && !playlists[other].list.iframes_only && !playlists[other].list.ended;
    let missing: Vec<_> =
        (0..playlists.len()).filter(|other| expected(*other) && !told[*other]).map(|other| playlists[other].subject).collect();
    if seen.list.part_target.is_some() && !missing.is_empty() {
        notes.add(&REPORTS, format_args!("no report of {}", missing.join(", ")));
    }
}

/// The last segment that a playlist lists, whole or in progress, and the last part of it where it has any.
fn last(list: &Media) -> Option<(u64, Option<u64>)> {
    let last = list.all().rfind(|segment| !segment.uri.is_empty() || !segment.parts.is_empty())?;
    Some((last.msn, u64::try_from(last.parts.len()).ok()?.checked_sub(1)))
}

fn compare(seen: &Seen<'_>, report: &Report, other: &Seen<'_>, notes: &mut Notes<'_>) {
    let (Some(own), Some(theirs)) = (last(seen.list), last(other.list)) else { return };
    // What is left out is as in the playlist that reports.
    let told = (report.last_msn.unwrap_or(own.0), report.last_part.or(own.1.filter(|_| report.last_msn.is_none())));
    let order =
        told.0.cmp(&theirs.0).then_with(|| told.1.zip(theirs.1).map_or(std::cmp::Ordering::Equal, |(told, theirs)| told.cmp(&theirs)));
    let shown = |(msn, part): (u64, Option<u64>)| part.map_or_else(|| msn.to_string(), |part| format!("{msn} part {part}"));
    if order.is_gt() && other.made.0 >= seen.made.1 {
        notes.at(
            &REPORT_AHEAD,
            report.line,
            format_args!("{} is told of {}, which ends with {} later", shown(told), other.subject, shown(theirs)),
        );
    } else if order.is_lt() && other.made.1 <= seen.made.0 {
        notes.at(
            &REPORT_BEHIND,
            report.line,
            format_args!("{} is told of {}, which ended with {} before", shown(told), other.subject, shown(theirs)),
        );
    }
}
