//! The rules of one media playlist over time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::finding::Level::{Must, Should};
use crate::check::finding::{Finding, Rule};
use crate::media::Span;

use super::merge;
use super::model::{Hint, Media, Part, Segment};
use super::notes::{Notes, rules};

rules! {
    TERMS_CHANGED "hls-terms-changed" Must "RFC 8216bis §4.4.3.1, §6.2.1"
        "EXT-X-TARGETDURATION, EXT-X-PART-INF and EXT-X-SERVER-CONTROL never change; AVPlayer stops where they do."
    SEQUENCE_BACK "hls-sequence-back" Must "RFC 8216bis §6.2.2"
        "EXT-X-MEDIA-SEQUENCE and the number of the last segment never go back."
    SEQUENCE_COUNT "hls-sequence-count" Must "RFC 8216bis §6.2.2"
        "EXT-X-MEDIA-SEQUENCE rises by the number of segments that were removed, so that none changes its number."
    SEGMENT_CHANGED "hls-segment-changed" Must "RFC 8216bis §6.2.1"
        "A segment keeps its address, duration, date, map and tags as long as it is listed."
    PART_CHANGED "hls-part-changed" Must "RFC 8216bis §6.2.1, §6.2.2"
        "A part keeps its address, duration and attributes, and its place, until the parts before it have been removed, too."
    DISCONTINUITY_COUNT "hls-discontinuity-count" Must "RFC 8216bis §6.2.2"
        "EXT-X-DISCONTINUITY-SEQUENCE rises with each EXT-X-DISCONTINUITY that is removed, and only then."
    WINDOW "hls-window" Must "RFC 8216bis §6.2.2"
        "Segments are removed only where three target durations stay."
    FEW_SEGMENTS "hls-few-segments" Should "Apple HLS Authoring Specification"
        "A live playlist from which segments are removed keeps six."
    SEGMENT_LATE "hls-segment-late" Must "RFC 8216bis §6.2.1"
        "A new segment is listed within one and a half target durations."
    PART_LATE "hls-part-late" Must "RFC 8216bis §6.2.1"
        "A new part is listed within one part target."
    HINT_UNTRUE "hls-hint-untrue" Should "RFC 8216bis §4.4.5.3, §6.2.6"
        "The next part is the one that was hinted at."
    ENDED "hls-ended" Must "RFC 8216bis §4.4.3.4, §6.2.1"
        "Nothing is added after EXT-X-ENDLIST, which stays."
    SLIDING_TYPE "hls-sliding-type" Must "RFC 8216bis §6.2.1"
        "No segment is removed where an EXT-X-PLAYLIST-TYPE stands."
    DATE_RANGE_CHANGED "hls-date-range-changed" Must "RFC 8216bis §4.4.5.1"
        "A date range may gain attributes, but keeps those that it has."
    DELTA "hls-delta" Must "RFC 8216bis §6.2.5.1"
        "A delta update skips only segments that were listed before."
}

/// How much later than they must a new segment or part may be seen: on the way, or as the encoder hesitates.
pub const LATE_TOLERANCE: Duration = Duration::from_millis(500);
/// How far three target durations may be missed by rounding.
const WINDOW_ROUNDING: Span = Span::from_millis(10);
const WINDOW_TARGETS: i64 = 3;
const FEWEST_SEGMENTS: usize = 6;

/// A media playlist as it was seen, and what a new look at it is compared with.
#[derive(Debug)]
pub struct History {
    subject: String,
    last: Option<Media>,
    /// When the newest segment, and the newest part or segment, were first seen.
    segment_seen: Duration,
    part_seen: Duration,
}

impl History {
    /// Nothing has been seen yet. `subject` is what findings call the playlist.
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), last: None, segment_seen: Duration::ZERO, part_seen: Duration::ZERO }
    }

    /// The playlist as it was seen last, whole.
    pub const fn last(&self) -> Option<&Media> {
        self.last.as_ref()
    }

    /// Compares `list`, whole or a delta update, with what was seen before. `at` is when the answer came, on a clock that only rises; it was
    /// given at once, so that something new in it may have been there for a while.
    pub fn see(&mut self, at: Duration, list: &Media) -> Vec<Finding> {
        self.look(at, false, list)
    }

    /// As [`see`](Self::see), for an answer that was held until there was something new.
    pub fn see_awaited(&mut self, at: Duration, list: &Media) -> Vec<Finding> {
        self.look(at, true, list)
    }

    fn look(&mut self, at: Duration, awaited: bool, list: &Media) -> Vec<Finding> {
        let subject = std::mem::take(&mut self.subject);
        let mut notes = Notes::new(&subject);
        let whole = match &self.last {
            Some(last) if list.skip.is_some() => merge(list, last, &subject),
            None if list.skip.is_some() => Err(Finding::new(&DELTA, &*subject, "a delta update before a whole playlist")),
            _ => Ok(list.clone()),
        };
        let found = match whole {
            Err(finding) => vec![finding],
            Ok(whole) => {
                self.compare(at, awaited, &whole, &mut notes);
                self.last = Some(whole);
                notes.into_findings()
            }
        };
        self.subject = subject;
        found
    }

    fn compare(&mut self, at: Duration, awaited: bool, list: &Media, notes: &mut Notes<'_>) {
        let Some(last) = self.last.take() else {
            (self.segment_seen, self.part_seen) = (at, at);
            return;
        };
        terms(&last, list, notes);
        if numbers(&last, list, notes) {
            hint(&last, list, notes);
        }
        window(&last, list, notes);
        date_ranges(&last, list, notes);
        if last.ended && (!list.ended || edge(list) != edge(&last)) {
            notes.add(&ENDED, format_args!("ended behind {}, and now {} is listed", last.next_msn(), list.next_msn()));
        }
        self.late(&last, at, awaited, list, notes);
    }

    /// What must have come by now. Something new that was not waited for may have been there before, so it is not late.
    fn late(&mut self, last: &Media, at: Duration, awaited: bool, list: &Media, notes: &mut Notes<'_>) {
        let new_segment = list.next_msn() > last.next_msn();
        let new_part = edge(list) > edge(last);
        let late = |since: Duration, within: Span, is_new: bool| {
            let waited = at.saturating_sub(since);
            let goes_on = !last.ended && (!list.ended || is_new);
            (goes_on && (awaited || !is_new) && waited > within.to_duration() + LATE_TOLERANCE).then_some(waited.as_secs_f64())
        };
        let target = list.target_duration.unwrap_or_default();
        let within = Span::from_millis(i64::try_from(target).unwrap_or(i64::MAX).saturating_mul(1_500));
        if let Some(waited) = late(self.segment_seen, within, new_segment) {
            notes.add(&SEGMENT_LATE, format_args!("{waited:.3} s after the one before {}, target of {target} s", last.next_msn()));
        }
        // Where the newest segment is a gap, there is nothing to make parts of.
        let has_parts = last.all().next_back().is_some_and(|newest| !newest.parts.is_empty() && !newest.gap);
        if let Some(within) = list.part_target.filter(|_| has_parts)
            && let Some(waited) = late(self.part_seen, within, new_part)
        {
            let (msn, part) = edge(last);
            // A server has nothing to make parts of while nothing is sent to it; what the operator has to look at is then the publisher.
            let away = if list.all().next_back().is_some_and(|newest| newest.gap) {
                "; a gap stands in its place: the publisher was away"
            } else if new_part {
                ""
            } else {
                "; nothing has come since, as where the publisher is away"
            };
            notes.add(
                &PART_LATE,
                format_args!("{waited:.3} s after the one before part {part} of {msn}, part target of {} s{away}", within.as_secs_f64()),
            );
        }
        if new_segment {
            self.segment_seen = at;
        }
        if new_part {
            self.part_seen = at;
        }
    }
}

/// The place where a playlist goes on: the number of the segment to come, and of the part in it.
fn edge(list: &Media) -> (u64, usize) {
    (list.next_msn(), list.open.as_ref().map_or(0, |open| open.parts.len()))
}

fn terms(last: &Media, list: &Media, notes: &mut Notes<'_>) {
    if list.target_duration != last.target_duration {
        notes.add(&TERMS_CHANGED, format_args!("EXT-X-TARGETDURATION from {:?} to {:?}", last.target_duration, list.target_duration));
    }
    if list.part_target != last.part_target {
        notes.add(&TERMS_CHANGED, format_args!("PART-TARGET from {:?} to {:?}", last.part_target, list.part_target));
    }
    if list.server_control != last.server_control {
        notes.add(&TERMS_CHANGED, format_args!("EXT-X-SERVER-CONTROL from {:?} to {:?}", last.server_control, list.server_control));
    }
}

/// Compares what has the same number; `false` where numbers no longer mean the same.
fn numbers(last: &Media, list: &Media, notes: &mut Notes<'_>) -> bool {
    for (what, before, now) in
        [("EXT-X-MEDIA-SEQUENCE", last.media_sequence, list.media_sequence), ("the next number", last.next_msn(), list.next_msn())]
    {
        if now < before {
            notes.add(&SEQUENCE_BACK, format_args!("{what} from {before} to {now}"));
        }
    }
    if list.media_sequence < last.media_sequence || list.next_msn() < last.next_msn() {
        return false;
    }
    let known = |msn: u64| msn.checked_sub(last.media_sequence).and_then(|at| usize::try_from(at).ok());
    let mut discontinuities_told = false;
    for segment in list.all() {
        let Some(before) =
            known(segment.msn).and_then(|at| last.segments.get(at).or(last.open.as_ref().filter(|_| at == last.segments.len())))
        else {
            continue;
        };
        let was_open = before.uri.is_empty();
        if !was_open && !segment.uri.is_empty() && !is_file_of(before, segment) {
            let elsewhere = last.segments.iter().find(|other| is_file_of(other, segment));
            match elsewhere {
                Some(other) => {
                    notes.at(&SEQUENCE_COUNT, segment.line, format_args!("{} was {} and is {}", segment.uri, other.msn, segment.msn))
                }
                None => notes.at(&SEGMENT_CHANGED, segment.line, format_args!("{} was {} and is {}", segment.msn, before.uri, segment.uri)),
            }
            // Every one behind it is another as well.
            return false;
        }
        if let Some(what) = change(before, segment, was_open) {
            notes.at(&SEGMENT_CHANGED, segment.line, format_args!("{} has {what}", segment.msn));
        }
        parts(before, segment, notes);
        if segment.discontinuity_sequence != before.discontinuity_sequence && segment.discontinuity == before.discontinuity {
            if !discontinuities_told {
                let (was, is) = (before.discontinuity_sequence, segment.discontinuity_sequence);
                notes.at(
                    &DISCONTINUITY_COUNT,
                    segment.line,
                    format_args!("the discontinuity sequence of {} was {was} and is {is}", segment.msn),
                );
            }
            discontinuities_told = true;
        }
    }
    true
}

/// Whether two entries are of the same file: playlists of I-frames list one many times.
fn is_file_of(one: &Segment, other: &Segment) -> bool {
    one.uri == other.uri && one.range == other.range
}

/// What has changed in a segment, in words.
fn change(before: &Segment, now: &Segment, was_open: bool) -> Option<String> {
    let differs = |what: &str, is: bool| is.then(|| what.to_owned());
    let date = before
        .date
        .zip(now.date)
        .filter(|(before, now)| before != now)
        .map(|(before, now)| format!("a date that was {before} and is {now}"));
    let map = before.map.as_ref().zip(now.map.as_ref()).is_some_and(|(before, now)| before != now);
    let keys = before.keys.as_ref().zip(now.keys.as_ref()).is_some_and(|(before, now)| before != now);
    let duration = (!was_open && before.duration != now.duration)
        .then(|| format!("a duration that was {} s and is {} s", before.duration.as_secs_f64(), now.duration.as_secs_f64()));
    date.or(duration)
        .or_else(|| differs("another map", map))
        .or_else(|| differs("other keys", keys))
        .or_else(|| differs("gained or lost a discontinuity", before.discontinuity != now.discontinuity))
        .or_else(|| differs("become a gap, or ceased to be one", !was_open && before.gap != now.gap))
}

/// Parts go from the front, and come at the end as long as the segment is in progress.
fn parts(before: &Segment, now: &Segment, notes: &mut Notes<'_>) {
    let Some(first) = now.parts.first() else {
        if now.uri.is_empty() && !before.parts.is_empty() {
            notes.at(&PART_CHANGED, now.line, format_args!("the parts of {} have gone while it is in progress", now.msn));
        }
        return;
    };
    if before.parts.is_empty() {
        return;
    }
    let is = |one: &Part, other: &Part| one.uri == other.uri && one.range == other.range;
    let Some(removed) = before.parts.iter().position(|part| is(part, first)) else {
        return notes.at(
            &PART_CHANGED,
            first.line,
            format_args!("{} began with {} and now does with {}", now.msn, before.parts[0].uri, first.uri),
        );
    };
    let same = |(one, other): (&Part, &Part)| {
        is(one, other) && (one.duration, one.independent, one.gap) == (other.duration, other.independent, other.gap)
    };
    let kept = &before.parts[removed..];
    if let Some((was, is)) = kept.iter().zip(&now.parts).find(|(was, is)| !same((was, is))) {
        notes.at(&PART_CHANGED, is.line, format_args!("{was:?} is now {is:?}"));
    } else if now.parts.len() < kept.len() {
        notes.at(&PART_CHANGED, now.line, format_args!("{} had {} parts and has {}", now.msn, kept.len(), now.parts.len()));
    }
}

fn window(last: &Media, list: &Media, notes: &mut Notes<'_>) {
    if list.media_sequence <= last.media_sequence {
        return;
    }
    if let Some(kind) = &list.playlist_type {
        notes.add(
            &SLIDING_TYPE,
            format_args!("EXT-X-MEDIA-SEQUENCE from {} to {} in a playlist of {kind}", last.media_sequence, list.media_sequence),
        );
    }
    if list.ended {
        return;
    }
    let target = i64::try_from(list.target_duration.unwrap_or_default()).unwrap_or(i64::MAX);
    let least = Span::from_secs(target.saturating_mul(WINDOW_TARGETS));
    let kept = list.duration();
    if kept + WINDOW_ROUNDING < least {
        notes.add(&WINDOW, format_args!("{} s are left, less than {WINDOW_TARGETS} x {target}", kept.as_secs_f64()));
    }
    if !list.iframes_only && list.segments.len() < FEWEST_SEGMENTS {
        notes.add(&FEW_SEGMENTS, format_args!("{} segments are left", list.segments.len()));
    }
}

/// The first part that is new is the one that was hinted at.
fn hint(last: &Media, list: &Media, notes: &mut Notes<'_>) {
    let Some(hint) = last.hints.iter().find(|hint| hint.kind == "PART") else { return };
    let (msn, part) = edge(last);
    // Where its parts are listed no more, what came next cannot be seen.
    if list.segments.iter().any(|segment| segment.msn == msn && segment.parts.is_empty()) {
        return;
    }
    let mut new = list.all().filter(|segment| segment.msn >= msn).flat_map(|segment| {
        let known = if segment.msn == msn { part } else { 0 };
        segment.parts.iter().skip(known)
    });
    let is = |part: &Part, hint: &Hint| part.uri == hint.uri && part.range.as_ref().is_none_or(|range| range.start == hint.start);
    if let Some(part) = new.next().filter(|part| !is(part, hint)) {
        notes.at(&HINT_UNTRUE, part.line, format_args!("{} was hinted at, and {} came", hint.uri, part.uri));
    }
}

fn date_ranges(last: &Media, list: &Media, notes: &mut Notes<'_>) {
    let known: BTreeMap<_, _> = last.date_ranges.iter().map(|range| (&range.id, range)).collect();
    for range in &list.date_ranges {
        let Some(before) = known.get(&range.id) else { continue };
        let changed = |(name, value): &(&String, &String)| before.attributes.get(*name).is_some_and(|before| before != *value);
        if let Some((name, value)) = range.attributes.iter().find(changed) {
            notes.at(&DATE_RANGE_CHANGED, range.line, format_args!("{name} of {:?} is now {value}", range.id));
        }
    }
}
