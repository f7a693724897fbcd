//! How a server behaves over time: what it holds back, refuses, promises and keeps. Pure: answers and moments come in.

use std::time::Duration;

use crate::check::exchange::Answer;
use crate::check::finding::{Finding, Level, Rule};
use crate::check::hls::model::Media;
use crate::media::Span;

/// `_HLS_part` by itself.
pub const WITHOUT_MSN: Rule = Rule {
    id: "ll-part-without-msn",
    level: Level::Must,
    source: "RFC 8216bis §6.2.5.2",
    demand: "A request with _HLS_part and without _HLS_msn is answered by 400.",
};
/// Directives that are no numbers.
pub const MALFORMED: Rule = Rule {
    id: "ll-malformed-directive",
    level: Level::Should,
    source: "RFC 8216bis §6.2.5",
    demand: "A delivery directive whose value is no whole number is answered by 400.",
};
/// A segment of a far future.
pub const TOO_FAR: Rule = Rule {
    id: "ll-too-far-ahead",
    level: Level::Should,
    source: "RFC 8216bis §6.2.5.2",
    demand: "A request for a segment more than two beyond the last one is answered by 400 at once.",
};
/// A segment that was there long ago.
pub const AT_ONCE: Rule = Rule {
    id: "ll-old-at-once",
    level: Level::Must,
    source: "RFC 8216bis §6.2.5.2",
    demand: "A request for a segment that is there already is answered at once with the current playlist.",
};
const HOLDS: Rule = Rule {
    id: "ll-reload-holds",
    level: Level::Must,
    source: "RFC 8216bis §6.2.5.2",
    demand: "A blocking reload is answered when the playlist holds the segment or part that was asked for, and not before.",
};
const IN_TIME: Rule = Rule {
    id: "ll-reload-in-time",
    level: Level::Should,
    source: "RFC 8216bis §6.2.5.2",
    demand: "A blocking reload is held for no longer than three target durations, then answered by 503.",
};
const SKIPS: Rule = Rule {
    id: "ll-delta-skips",
    level: Level::Should,
    source: "RFC 8216bis §6.2.5.1",
    demand: "Who asks for a delta update of a live playlist gets one, where segments lie behind the boundary that CAN-SKIP-UNTIL sets.",
};
const HINT: Rule = Rule {
    id: "ll-hint-held",
    level: Level::Should,
    source: "RFC 8216bis §4.4.5.3",
    demand: "A request for the part that a playlist hints at is held until it is there, and then answered by it.",
};
const JOINED: Rule = Rule {
    id: "ll-parts-are-segment",
    level: Level::Must,
    source: "RFC 8216bis §3.2",
    demand: "The parts of a segment, laid end to end, are the segment.",
};
const REMOVED: Rule = Rule {
    id: "hls-removed-stays",
    level: Level::Must,
    source: "RFC 8216bis §6.2.2",
    demand: "A segment that has left the playlist can be fetched for its duration and that of the longest playlist that listed it.",
};
const UNSEEN: Rule =
    Rule { id: "check-not-looked-into", level: Level::Note, source: "sluicegate check", demand: "All of a stream is looked into." };

const RULES: &[&Rule] = &[&WITHOUT_MSN, &MALFORMED, &TOO_FAR, &AT_ONCE, &HOLDS, &IN_TIME, &SKIPS, &HINT, &JOINED, &REMOVED, &UNSEEN];

/// Every rule of this module.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied()
}

/// What the way to the server and its own clock may add to a moment.
const SLACK: Duration = Duration::from_millis(500);
/// How often a target duration a reload may be held.
const HELD: u32 = 3;
/// Segments that an old server may have to list behind its boundary before a delta update is worth it.
const BEHIND: usize = 2;

/// What a blocking reload asks for: a segment, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// `_HLS_msn`.
    pub msn: u64,
    /// `_HLS_part`.
    pub part: Option<u64>,
}

impl Wish {
    /// What comes after all that a playlist lists.
    pub fn after(list: &Media) -> Self {
        let parts = list.open.as_ref().map_or(0, |open| open.parts.len() as u64);
        Self { msn: list.next_msn(), part: list.part_target.map(|_| parts) }
    }

    fn is_granted_by(self, list: &Media) -> bool {
        let next = list.next_msn();
        let open = list.open.as_ref().map_or(0, |open| open.parts.len() as u64);
        list.ended || next > self.msn || next == self.msn && self.part.is_some_and(|part| open > part)
    }
}

/// Whether an answer refuses a request that must be refused.
pub fn of_refusal(rule: &'static Rule, subject: &str, directives: &str, answer: &Answer) -> Option<Finding> {
    let told = || format!("{directives} is answered by {} after {:.2} s", answer.status, answer.took().as_secs_f64());
    (answer.status != 400).then(|| Finding::new(rule, subject, told()))
}

/// What is wrong with the answer to a blocking reload.
pub fn of_reload(subject: &str, wish: Wish, list: &Media, took: Duration, target: Duration) -> Vec<Finding> {
    let mut found = Vec::new();
    if !wish.is_granted_by(list) {
        let has = Wish::after(list);
        let detail = format!("asked for {}, answered after {:.2} s with all up to {}", named(wish), took.as_secs_f64(), named(has));
        found.push(Finding::new(&HOLDS, subject, detail));
    }
    found.extend(of_patience(subject, wish, took, target));
    found
}

/// What is wrong with how long the answer to a blocking reload took, whatever it was.
pub fn of_patience(subject: &str, wish: Wish, took: Duration, target: Duration) -> Option<Finding> {
    let detail = || format!("{} was held for {:.1} s, with a target duration of {} s", named(wish), took.as_secs_f64(), target.as_secs());
    (took > target * HELD + SLACK).then(|| Finding::new(&IN_TIME, subject, detail()))
}

fn named(wish: Wish) -> String {
    match wish.part {
        Some(part) => format!("part {part} of segment {}", wish.msn),
        None => format!("segment {}", wish.msn),
    }
}

/// What is wrong with the answer to a request for what is there already.
pub fn of_old(subject: &str, directives: &str, answer: &Answer, target: Duration) -> Option<Finding> {
    let late = answer.took() > target / 2 + SLACK;
    let told = || format!("{directives} is answered by {} after {:.2} s", answer.status, answer.took().as_secs_f64());
    (answer.status != 200 || late).then(|| Finding::new(&AT_ONCE, subject, told()))
}

/// Whether the answer to a request for a delta update is one, where it is worth it. Once a playlist has ended there is nothing to update,
/// and directives are ignored.
pub fn of_delta(subject: &str, answer: &Media) -> Option<Finding> {
    if answer.ended {
        return None;
    }
    let boundary = answer.server_control.as_ref().and_then(|control| control.can_skip_until).filter(|_| answer.skip.is_none())?;
    let behind = older_than(answer, boundary);
    let detail = || format!("{behind} segments lie behind the boundary, and all are listed");
    (behind >= BEHIND).then(|| Finding::new(&SKIPS, subject, detail()))
}

/// How many whole segments end further from the end of the playlist than `boundary`.
fn older_than(list: &Media, boundary: Span) -> usize {
    let mut left = list.duration();
    let ends = list.segments.iter().map(|segment| {
        left = Span::from_nanos(left.nanos() - segment.duration.nanos());
        left
    });
    ends.take_while(|left| *left > boundary).count()
}

/// A request for a part that was hinted at, and is listed by now, that brought something else.
pub fn of_hint(subject: &str, hinted: &str, answer: &Answer) -> Option<Finding> {
    let detail = || format!("{hinted} is listed, and the request for it that its hint led to was answered by {}", answer.status);
    (!answer.is_ok()).then(|| Finding::new(&HINT, subject, detail()))
}

/// Whether a segment is its parts laid end to end.
pub fn of_parts(subject: &str, segment: &str, whole: &[u8], parts: &[u8], count: usize) -> Option<Finding> {
    if whole == parts {
        return None;
    }
    let place = whole.iter().zip(parts).position(|(a, b)| a != b).unwrap_or(whole.len().min(parts.len()));
    let detail = format!("{segment}: {} bytes, its {count} parts {}; they differ at byte {place}", whole.len(), parts.len());
    Some(Finding::new(&JOINED, subject, detail))
}

/// Whether a segment that has left the playlist is there, of which an answer came `left` before its time is over.
pub fn of_removed(subject: &str, answer: &Answer, left: Duration) -> Option<Finding> {
    let detail = || format!("{}: status {}, {:.1} s too early", answer.url, answer.status, left.as_secs_f64());
    (!answer.is_ok()).then(|| Finding::new(&REMOVED, subject, detail()))
}

/// Something that is not judged, and why.
pub fn of_unseen(subject: &str, why: impl Into<String>) -> Finding {
    Finding::new(&UNSEEN, subject, why)
}
