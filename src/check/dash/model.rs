//! A manifest as players understand it: what an element leaves to those around it is filled in.

use std::sync::Arc;

use crate::media::{Span, Timescale, Timestamp, WallClock};

use super::value::Moment;

/// Most segments that one timeline is unrolled to; a window of a day has some ten thousand.
pub const MAX_SEGMENTS: usize = 200_000;
/// Segments at the end of a timeline of low latency that are not whole yet: one is being made, and one is foretold.
const UNSETTLED: usize = 2;
/// Most representations of a manifest that are read: more than any service offers, over all of its periods.
pub const MAX_REPRESENTATIONS: usize = 500;

/// Where in the manifest something stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The way to it from the root, such as `Period[P1]/AdaptationSet[0]`: by ids where there are any, so that it stays the same while
    /// periods come and go.
    pub path: String,
    /// Its line, from 1.
    pub line: usize,
}

/// The presentation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mpd {
    /// Where it stands.
    pub place: Place,
    /// Whether it is `dynamic`: live, or read like a live one.
    pub is_dynamic: bool,
    /// `@profiles`, one by one.
    pub profiles: Vec<String>,
    /// `@availabilityStartTime`: zero of the times of its periods.
    pub availability_start: Option<Moment>,
    /// `@availabilityEndTime`.
    pub availability_end: Option<Moment>,
    /// `@publishTime`.
    pub publish_time: Option<Moment>,
    /// `@mediaPresentationDuration`.
    pub duration: Option<Span>,
    /// `@minimumUpdatePeriod`.
    pub update_period: Option<Span>,
    /// `@timeShiftBufferDepth`.
    pub time_shift: Option<Span>,
    /// `@suggestedPresentationDelay`.
    pub delay: Option<Span>,
    /// `@minBufferTime`.
    pub min_buffer: Option<Span>,
    /// `@maxSegmentDuration`.
    pub max_segment: Option<Span>,
    /// The `Location`s to reload it from.
    pub locations: Vec<String>,
    /// Its `ServiceDescription`s.
    pub services: Vec<Service>,
    /// Its `UTCTiming`s, the preferred one first.
    pub clocks: Vec<Descriptor>,
    /// Its periods in order.
    pub periods: Vec<Period>,
}

/// A scheme, and a value in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Descriptor {
    /// `@schemeIdUri`.
    pub scheme: String,
    /// `@value`, empty if there is none.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
}

/// A `ServiceDescription`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Where it stands.
    pub place: Place,
    /// Its `Latency`s.
    pub latencies: Vec<Latency>,
    /// Its `PlaybackRate`s: least and most, in thousandths.
    pub rates: Vec<(Option<i64>, Option<i64>)>,
}

/// How far behind the live edge players should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// What they aim at.
    pub target: Option<Span>,
    /// How near they may come.
    pub min: Option<Span>,
    /// How far behind they may fall.
    pub max: Option<Span>,
    /// The `ProducerReferenceTime` from which it is measured.
    pub reference: Option<u64>,
}

/// A period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Period {
    /// Where it stands.
    pub place: Place,
    /// `@id`.
    pub id: Option<String>,
    /// `@start` as written.
    pub start: Option<Span>,
    /// `@duration` as written.
    pub duration: Option<Span>,
    /// Where it begins, on the presentation's timeline; `None` where nothing tells.
    pub begin: Option<Span>,
    /// Where it ends; `None` while that is open.
    pub end: Option<Span>,
    /// Its `EventStream`s.
    pub events: Vec<EventStream>,
    /// Its adaptation sets.
    pub sets: Vec<AdaptationSet>,
}

/// Events of one scheme.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventStream {
    /// Where it stands.
    pub place: Place,
    /// Its scheme.
    pub scheme: Descriptor,
    /// The `@presentationTime` of each event, with its line.
    pub times: Vec<(i64, usize)>,
}

/// An adaptation set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdaptationSet {
    /// Where it stands.
    pub place: Place,
    /// `@id`.
    pub id: Option<String>,
    /// `@contentType`.
    pub content_type: Option<String>,
    /// `@lang`.
    pub language: Option<String>,
    /// `@segmentAlignment` that is not false.
    pub is_aligned: bool,
    /// `@startWithSAP`.
    pub starts_with_sap: Option<u64>,
    /// The schemes and values of its `InbandEventStream`s.
    pub inband: Vec<(String, String)>,
    /// The values of its `Role`s of `urn:mpeg:dash:role:2011`.
    pub roles: Vec<String>,
    /// Its `Label`s.
    pub labels: Vec<String>,
    /// Its `Accessibility`s.
    pub accessibility: Vec<Descriptor>,
    /// The schemes and values of its `EssentialProperty`s and `SupplementalProperty`s.
    pub properties: Vec<(String, String)>,
    /// The ids of its `ProducerReferenceTime`s, and whether there is a `prft` in its segments as well.
    pub references: Vec<(u64, bool)>,
    /// Its representations.
    pub representations: Vec<Representation>,
}

/// A representation. Its attributes are its set's where it has none of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Representation {
    /// Where it stands.
    pub place: Place,
    /// `@id`, empty if there is none.
    pub id: String,
    /// `@bandwidth`, in bits per second.
    pub bandwidth: Option<u64>,
    /// `@codecs`.
    pub codecs: Option<String>,
    /// `@mimeType`.
    pub mime_type: Option<String>,
    /// `@width` and `@height`.
    pub size: Option<(u64, u64)>,
    /// `@frameRate`: frames, and the seconds that they take.
    pub frame_rate: Option<(u64, u64)>,
    /// `@audioSamplingRate`.
    pub sampling_rate: Option<String>,
    /// Its `AudioChannelConfiguration`s.
    pub channels: Vec<Descriptor>,
    /// The `@dT` of each of its `Resync`s.
    pub resyncs: Vec<Option<i64>>,
    /// The schemes and values of its own `InbandEventStream`s.
    pub inband: Vec<(String, String)>,
    /// The first `BaseURL` of each level, the presentation's first.
    pub bases: Vec<Arc<str>>,
    /// Its `SegmentTemplate`, with what it leaves to those of its set and period.
    pub template: Option<Template>,
}

/// How the segments of a representation are addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The line of the innermost, from 1.
    pub line: usize,
    /// `@timescale`, or one; `None` for zero.
    pub timescale: Option<Timescale>,
    /// `@presentationTimeOffset`: the media time at which the period begins.
    pub offset: i64,
    /// `@startNumber`, or one.
    pub start_number: u64,
    /// Whether that is written.
    pub has_start_number: bool,
    /// `@endNumber`.
    pub end_number: Option<u64>,
    /// `@duration`, where segments are all alike.
    pub duration: Option<i64>,
    /// `@media`.
    pub media: Option<String>,
    /// `@initialization`.
    pub initialization: Option<String>,
    /// `@availabilityTimeOffset` of all levels together: so much earlier than its end a segment can be asked for.
    pub availability_offset: Span,
    /// `@availabilityTimeComplete`, or true: whether a segment is whole when it can be asked for.
    pub is_complete: bool,
    /// Its `SegmentTimeline`, shared by all that inherit it.
    pub timeline: Option<Arc<Timeline>>,
}

/// The segments of a representation, one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// Its line, from 1.
    pub line: usize,
    /// Its `S` elements.
    pub stretches: Vec<Stretch>,
}

/// An `S`: segments that are equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretch {
    /// Its line, from 1.
    pub line: usize,
    /// `@t`.
    pub start: Option<i64>,
    /// `@d`, or zero where there is none.
    pub duration: i64,
    /// `@r`, or zero.
    pub repeat: i64,
}

/// A segment as a timeline tells of it, in ticks of its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub number: u64,
    /// Its earliest presentation time.
    pub start: i64,
    /// Its duration.
    pub duration: i64,
    /// The line of its `S`, from 1.
    pub line: usize,
}

impl Segment {
    /// Where it ends.
    pub const fn end(self) -> i64 {
        self.start.saturating_add(self.duration)
    }
}

impl Mpd {
    /// When `segment` of `period` can be asked for first, as `template` has it; `None` where the manifest does not tell.
    pub fn available_at(&self, period: &Period, template: &Template, segment: Segment) -> Option<WallClock> {
        Some(self.over_at(period, template, segment)?.plus(Span::ZERO - template.availability_offset))
    }

    /// When `segment` of `period` is over by the wall clock; `None` where the manifest does not tell.
    pub fn over_at(&self, period: &Period, template: &Template, segment: Segment) -> Option<WallClock> {
        let scale = template.timescale?;
        let end = Timestamp::new(segment.end(), scale).since(Timestamp::new(template.offset, scale));
        Some(self.availability_start?.wall.plus(period.begin? + end))
    }

    /// All representations, with the set and the period that they belong to.
    pub fn representations(&self) -> impl Iterator<Item = (&Period, &AdaptationSet, &Representation)> {
        let sets = self.periods.iter().flat_map(|period| period.sets.iter().map(move |set| (period, set)));
        sets.flat_map(|(period, set)| set.representations.iter().map(move |representation| (period, set, representation)))
    }
}

impl Period {
    /// What tells it from others: its id, or else where it begins.
    pub fn key(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("{:?}", self.begin))
    }
}

impl AdaptationSet {
    /// What it holds, such as `video`: as it says, or as the type of its first representation does.
    pub fn content(&self) -> &str {
        let mime = self.representations.first().and_then(|representation| representation.mime_type.as_deref());
        self.content_type.as_deref().or_else(|| mime?.split('/').next()).unwrap_or_default()
    }
}

impl Template {
    /// The segments of its timeline up to [`MAX_SEGMENTS`], those of `@duration` not among them. What is repeated to the end of a period
    /// that has none (`end`, in ticks) is told of once.
    pub fn segments(&self, end: Option<i64>) -> Vec<Segment> {
        let Some(timeline) = &self.timeline else { return Vec::new() };
        let mut segments = Vec::new();
        let mut at = 0_i64;
        for (position, stretch) in timeline.stretches.iter().enumerate() {
            at = stretch.start.unwrap_or(at);
            let until = timeline.stretches.get(position + 1).map_or(end, |next| next.start);
            let repeats = match (stretch.repeat, until) {
                (repeat @ 0.., _) => repeat,
                (_, Some(until)) if stretch.duration > 0 => (until.saturating_sub(at).saturating_sub(1) / stretch.duration).max(0),
                _ => 0,
            };
            for _ in 0..=repeats {
                if segments.len() == MAX_SEGMENTS {
                    return segments;
                }
                let number = self.start_number.saturating_add(segments.len() as u64);
                segments.push(Segment { number, start: at, duration: stretch.duration, line: stretch.line });
                at = at.saturating_add(stretch.duration);
            }
        }
        segments
    }

    /// How many of so many segments of its timeline may still be set right: those at its end that are not whole yet.
    pub fn unsettled(&self, listed: usize) -> usize {
        if self.is_complete { 0 } else { UNSETTLED.min(listed) }
    }

    /// The segments of `@duration` that end in `from..=to`, in time since their period's start; none where a timeline lists them.
    pub fn regular(&self, from: Span, to: Span) -> Vec<Segment> {
        let (Some(duration), Some(scale), None) = (self.duration.filter(|duration| *duration > 0), self.timescale, &self.timeline) else {
            return Vec::new();
        };
        let place = |span: Span| span.ticks(scale) / duration;
        let segment = |index: i64| Segment {
            number: self.start_number.saturating_add(index.unsigned_abs()),
            start: self.offset.saturating_add(index.saturating_mul(duration)),
            duration,
            line: self.line,
        };
        let segments = (place(from) - 1).max(0)..place(to);
        segments.take(MAX_SEGMENTS).map(segment).filter(|segment| self.end_number.is_none_or(|last| segment.number <= last)).collect()
    }

    /// The end of `period` in ticks of this template, where it has one.
    pub fn end_of(&self, period: &Period) -> Option<i64> {
        let length = period.end? - period.begin?;
        Some(self.offset.saturating_add(length.ticks(self.timescale?)))
    }

    /// A length in ticks of this template as time.
    pub fn span(&self, ticks: i64) -> Span {
        self.timescale.map_or(Span::ZERO, |scale| Span::from_ticks(ticks, scale))
    }
}
