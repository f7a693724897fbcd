//! What a manifest is held to over time: each update beside the one before it.

use std::collections::BTreeMap;

use crate::check::finding::{Finding, Rule};
use crate::media::{Span, WallClock};

use super::address;
use super::model::{Mpd, Period, Representation, Segment, Template};
use super::rule::{must, note, should};

/// Manifests that get older.
pub const PUBLISHED_BACK: Rule = must(
    "dash-publish-time-back",
    "ISO/IEC 23009-1 §5.4.1",
    "@publishTime never goes back: players drop what is older than what they have.",
);
/// Manifests that change in silence.
pub const PUBLISHED_LATE: Rule =
    must("dash-publish-time-same", "ISO/IEC 23009-1 §5.3.1.2", "A manifest that differs from the one before it has another @publishTime.");
/// Manifests that seem to change.
pub const PUBLISHED_FOR_NOTHING: Rule =
    note("dash-publish-time-idle", "ISO/IEC 23009-1 §5.3.1.2", "@publishTime moves only where something else does.");
/// Manifests from the future.
pub const PUBLISHED_AHEAD: Rule =
    should("dash-publish-time-ahead", "DASH-IF timing model", "@publishTime is not in the future, by the manifest's own clock.");
/// A zero that moves.
pub const START: Rule = must(
    "dash-availability-start-moved",
    "ISO/IEC 23009-1 §5.4.1",
    "@availabilityStartTime stays as it is as long as the presentation lasts.",
);
/// A presentation that is over and goes on.
pub const ENDED: Rule = should("dash-static-changed", "ISO/IEC 23009-1 §5.4.1", "A manifest that has become static stays as it is.");
/// Periods that move.
pub const PERIOD: Rule =
    must("dash-period-moved", "ISO/IEC 23009-1 §5.4.1", "A period that was told of keeps its start, and its duration once it has one.");
/// Periods that change their contents.
pub const SETS: Rule = must(
    "dash-period-changed",
    "DASH-IF timing model",
    "A period that was told of keeps its adaptation sets and representations, by their @id.",
);
/// Representations that become others.
pub const REPRESENTATION: Rule = must(
    "dash-representation-changed",
    "ISO/IEC 23009-1 §5.4.1",
    "A representation keeps its @mimeType, @codecs, @timescale, @presentationTimeOffset, @initialization and @media.",
);
/// Segments that change.
pub const SEGMENT: Rule = must(
    "dash-segment-changed",
    "ISO/IEC 23009-1 §5.4.1",
    "A segment that was told of keeps its time and its duration; only those that are still being made, the last two of a timeline of low latency, may be set right.",
);
/// Numbers that wander.
pub const NUMBER: Rule = must(
    "dash-number-moved",
    "ISO/IEC 23009-1 §5.3.9.5.3",
    "A number keeps naming the same segment: @startNumber grows by as many as leave the timeline, and stays with its @duration where there is none.",
);
/// Segments that leave too early.
pub const EARLY: Rule = must(
    "dash-segment-removed",
    "ISO/IEC 23009-1 §5.3.1.2",
    "A segment stays in a dynamic manifest until @timeShiftBufferDepth has passed since its end, and its period as long.",
);
/// A live edge that stands.
pub const STANDS: Rule = note(
    "dash-edge-stands",
    "DASH-IF timing model",
    "The timelines of a dynamic manifest grow: players wait, as nothing has come for three times the longest segment.",
);

/// All rules of this module.
pub const RULES: &[&Rule] = &[
    &PUBLISHED_BACK,
    &PUBLISHED_LATE,
    &PUBLISHED_FOR_NOTHING,
    &PUBLISHED_AHEAD,
    &START,
    &ENDED,
    &PERIOD,
    &SETS,
    &REPRESENTATION,
    &SEGMENT,
    &NUMBER,
    &EARLY,
    &STANDS,
];

/// What clocks and the rounding of times may differ by.
const TOLERANCE: Span = Span::from_secs(1);
/// How often the longest segment fits into the time that a live edge may stand.
const PATIENCE: i64 = 3;

/// What was seen of a presentation so far.
#[derive(Debug, Default)]
pub struct History {
    last: Option<Mpd>,
    /// The furthest end of a segment, and since when it is known.
    edge: Option<(Span, WallClock)>,
}

impl History {
    /// Compares `mpd`, as it was at `now`, with what came before it.
    pub fn follow(&mut self, mpd: Mpd, now: WallClock) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(ahead) = mpd.publish_time.filter(|published| published.wall > now.plus(TOLERANCE)) {
            found.push(Finding::new(&PUBLISHED_AHEAD, "MPD", format!("{} at {now}", ahead.wall)));
        }
        if let Some(last) = &self.last {
            presentation(last, &mpd, &mut found);
            for period in &last.periods {
                let same = mpd.periods.iter().find(|other| other.key() == period.key());
                match same {
                    Some(same) => compare(last, (period, same), &mpd, now, &mut found),
                    None => removed(last, period, &mpd, now, &mut found),
                }
            }
        }
        self.follow_edge(&mpd, now, &mut found);
        self.last = Some(mpd);
        found
    }

    fn follow_edge(&mut self, mpd: &Mpd, now: WallClock, found: &mut Vec<Finding>) {
        let Some((edge, longest)) = edge(mpd).filter(|_| mpd.is_dynamic) else { return };
        let (known, since) = *self.edge.get_or_insert((edge, now));
        if edge != known {
            self.edge = Some((edge, now));
        } else if now.since(since).nanos() / PATIENCE > longest.nanos() {
            found.push(Finding::new(&STANDS, "MPD", format!("nothing new from {since} to {now}")));
        }
    }
}

/// The furthest end of a segment on the presentation's timeline, and how long the longest is; `None` where segments go on without being
/// listed.
fn edge(mpd: &Mpd) -> Option<(Span, Span)> {
    let mut open =
        mpd.representations().filter(|(period, ..)| period.end.is_none()).filter_map(|(.., each)| each.template.as_ref()).peekable();
    if open.peek().is_some() && open.all(|template| template.timeline.is_none()) {
        return None;
    }
    let ends = mpd.representations().filter_map(|(period, _, representation)| {
        let template = representation.template.as_ref()?;
        let segments = template.segments(template.end_of(period));
        let longest = segments.iter().map(|segment| segment.duration).max()?;
        let end = template.span(segments.last()?.end().saturating_sub(template.offset));
        Some((period.begin? + end, template.span(longest)))
    });
    ends.reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
}

fn presentation(last: &Mpd, mpd: &Mpd, found: &mut Vec<Finding>) {
    let mut tell = |rule, what: String| found.push(Finding::new(rule, "MPD", what));
    if let (Some(before), Some(now)) = (last.availability_start, mpd.availability_start)
        && before.wall != now.wall
    {
        tell(&START, format!("{} became {}", before.wall, now.wall));
    }
    let differs = Mpd { publish_time: None, ..last.clone() } != Mpd { publish_time: None, ..mpd.clone() };
    if let (Some(before), Some(now)) = (last.publish_time, mpd.publish_time) {
        if now.wall < before.wall {
            tell(&PUBLISHED_BACK, format!("{} became {}", before.wall, now.wall));
        } else if differs && now == before {
            tell(&PUBLISHED_LATE, format!("it is still {}", now.wall));
        } else if !differs && now != before {
            tell(&PUBLISHED_FOR_NOTHING, format!("{} became {}, and nothing else changed", before.wall, now.wall));
        }
    }
    if !last.is_dynamic && differs {
        tell(&ENDED, if mpd.is_dynamic { "it is dynamic again".to_owned() } else { "it has changed".to_owned() });
    }
}

fn compare(last: &Mpd, (before, after): (&Period, &Period), mpd: &Mpd, now: WallClock, found: &mut Vec<Finding>) {
    let moved = before.begin != after.begin || before.duration.is_some_and(|duration| after.duration != Some(duration));
    if moved {
        let told = |period: &Period| format!("start {:?}, duration {:?}", period.begin, period.duration);
        found.push(Finding::new(&PERIOD, after.place.path.clone(), format!("{} became {}", told(before), told(after))));
    }
    let ids = |period: &Period| -> Vec<_> {
        let set = |position: usize, id: &Option<String>| id.clone().unwrap_or_else(|| position.to_string());
        let sets = period.sets.iter().enumerate().map(|(position, each)| (set(position, &each.id), each));
        sets.flat_map(|(id, each)| each.representations.iter().map(move |one| (id.clone(), one.id.clone()))).collect()
    };
    let (old, new) = (ids(before), ids(after));
    if old != new {
        found.push(Finding::new(&SETS, after.place.path.clone(), format!("{old:?} became {new:?}")));
    }
    for (representation, same) in pairs(before, after) {
        let changed = differences(representation, same);
        if !changed.is_empty() {
            found.push(Finding::new(&REPRESENTATION, same.place.path.clone(), format!("other {}", changed.join(", "))));
            continue;
        }
        if let (Some(old), Some(new)) = (&representation.template, &same.template) {
            let update = Update { last, mpd, period: before, now };
            update.segments(old, old.segments(old.end_of(before)), (new, new.end_of(after)), &same.place.path, found);
            let regular = |template: &Template| (template.start_number, template.duration.filter(|_| template.timeline.is_none()));
            if regular(old).1.is_some() && regular(old) != regular(new) {
                let detail = format!("line {}: @startNumber and @duration were {:?} and are {:?}", new.line, regular(old), regular(new));
                found.push(Finding::new(&NUMBER, same.place.path.clone(), detail));
            }
        }
    }
}

fn pairs<'a>(before: &'a Period, after: &'a Period) -> Vec<(&'a Representation, &'a Representation)> {
    let of = |period: &'a Period| period.sets.iter().flat_map(|set| &set.representations);
    let new: BTreeMap<_, _> = of(after).map(|each| (each.id.as_str(), each)).collect();
    of(before).filter_map(|each| Some((each, *new.get(each.id.as_str())?))).collect()
}

fn differences(before: &Representation, after: &Representation) -> Vec<&'static str> {
    let mut changed = Vec::new();
    let mut compare = |name, differs: bool| changed.extend(differs.then_some(name));
    compare("@mimeType", before.mime_type != after.mime_type);
    compare("@codecs", before.codecs != after.codecs);
    if let (Some(old), Some(new)) = (&before.template, &after.template) {
        compare("@timescale", old.timescale != new.timescale);
        compare("@presentationTimeOffset", old.offset != new.offset);
        compare("@initialization", old.initialization != new.initialization);
        compare("@media", old.media != new.media);
    }
    changed
}

/// A period that is no longer told of: all of its segments have to be out of the window.
fn removed(last: &Mpd, period: &Period, mpd: &Mpd, now: WallClock, found: &mut Vec<Finding>) {
    if period.begin.is_none() {
        return;
    }
    for representation in period.sets.iter().flat_map(|set| &set.representations) {
        let Some(template) = &representation.template else { continue };
        let segments = template.segments(template.end_of(period));
        let whole = segments.len() - template.unsettled(segments.len());
        if let Some(segment) = segments[..whole].last() {
            let update = Update { last, mpd, period, now };
            if update.is_early(template, *segment) {
                found.push(Finding::new(
                    &EARLY,
                    period.place.path.clone(),
                    format!("the period is gone, segment {} in it {}", segment.number, update.age(template, *segment)),
                ));
                return;
            }
        }
    }
}

/// One update of one period.
#[derive(Clone, Copy)]
struct Update<'a> {
    last: &'a Mpd,
    mpd: &'a Mpd,
    period: &'a Period,
    now: WallClock,
}

impl Update<'_> {
    fn segments(self, old: &Template, before: Vec<Segment>, (new, end): (&Template, Option<i64>), path: &str, found: &mut Vec<Finding>) {
        let after = new.segments(end);
        let by_start: BTreeMap<i64, Segment> = after.iter().map(|segment| (segment.start, *segment)).collect();
        let by_number = new.media.as_deref().and_then(|media| address::uses(media).ok()).is_some_and(|uses| uses.number);
        let whole = before.len() - old.unsettled(before.len());
        let first = after.first().map(|segment| segment.start);
        let mut told = [false; 3];
        for segment in &before[..whole] {
            let Segment { number, start, duration, .. } = *segment;
            let (rule, what, kind) = match by_start.get(&start) {
                Some(same) if by_number && same.number != number => {
                    (&NUMBER, format!("the segment at {start} was number {number} and is {}", same.number), 0)
                }
                Some(same) if same.duration != duration => {
                    (&SEGMENT, format!("line {}: segment {number} at {start} lasted {duration} and lasts {}", same.line, same.duration), 1)
                }
                Some(_) => continue,
                // A period that ends earlier than expected lets go of what was to follow.
                None if end.is_some_and(|end| start >= end) => continue,
                None if first.is_none_or(|first| start < first) => {
                    if !self.is_early(old, *segment) {
                        continue;
                    }
                    (&EARLY, format!("segment {number} at {start} is gone, {}", self.age(old, *segment)), 2)
                }
                None => (&SEGMENT, format!("segment {number} at {start} is gone from between others"), 1),
            };
            // One of many says it all.
            if !std::mem::replace(&mut told[kind], true) {
                found.push(Finding::new(rule, path, what));
            }
        }
    }

    /// Since when `segment` is over.
    fn over(self, template: &Template, segment: Segment) -> Option<Span> {
        Some(self.now.since(self.last.over_at(self.period, template, segment)?))
    }

    /// Whether it had to stay. What is static or has no told depth has no window that moves.
    fn is_early(self, template: &Template, segment: Segment) -> bool {
        let depth = self.last.time_shift.max(self.mpd.time_shift).filter(|_| self.mpd.is_dynamic && self.last.is_dynamic);
        depth.zip(self.over(template, segment)).is_some_and(|(depth, age)| age + TOLERANCE < depth)
    }

    fn age(self, template: &Template, segment: Segment) -> String {
        format!("over for {:?} of {:?}", self.over(template, segment).unwrap_or_default(), self.last.time_shift.unwrap_or_default())
    }
}
