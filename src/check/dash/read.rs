//! From the tree to the model: values are parsed, and inheritance is resolved.
//!
//! What is not of its type counts as not there; [`schema`](super::schema) tells of it.

use std::sync::Arc;

use crate::check::finding::{Finding, Level, Rule};
use crate::media::{Span, Timescale};

use super::model::{
    AdaptationSet, Descriptor, EventStream, Latency, MAX_REPRESENTATIONS, Mpd, Period, Place, Representation, Service, Stretch, Template,
    Timeline,
};
use super::tree::{self, Element, MAX_VALUE};
use super::value;

/// Whether there is a manifest at all.
pub const READABLE: Rule = Rule {
    id: "dash-readable",
    level: Level::Must,
    source: "ISO/IEC 23009-1 §5.2.3",
    demand: "A manifest is well-formed XML in UTF-8, its root the element MPD of the namespace urn:mpeg:dash:schema:mpd:2011.",
};

/// All rules of this module.
pub const RULES: &[&Rule] = &[&READABLE];

/// The scheme of the roles that players know.
const ROLES: &str = "urn:mpeg:dash:role:2011";

/// The manifest `bytes`, as a tree and as a model.
///
/// # Errors
///
/// A [`Finding`] by [`READABLE`] where it is none.
pub fn read(bytes: &[u8]) -> Result<(Element, Mpd), Finding> {
    let root = tree::parse(bytes).map_err(|error| Finding::new(&READABLE, "MPD", error.to_string()))?;
    let mpd = model(&root);
    Ok((root, mpd))
}

/// The manifest whose root is `root`.
pub fn model(root: &Element) -> Mpd {
    let span = |name: &str| root.get(name).and_then(value::duration);
    let moment = |name: &str| root.get(name).and_then(value::date_time);
    let mut mpd = Mpd {
        place: Place { path: "MPD".to_owned(), line: root.line },
        is_dynamic: root.get("type") == Some("dynamic"),
        profiles: root.get("profiles").unwrap_or_default().split(',').map(|profile| profile.trim().to_owned()).collect(),
        availability_start: moment("availabilityStartTime"),
        availability_end: moment("availabilityEndTime"),
        publish_time: moment("publishTime"),
        duration: span("mediaPresentationDuration"),
        update_period: span("minimumUpdatePeriod"),
        time_shift: span("timeShiftBufferDepth"),
        delay: span("suggestedPresentationDelay"),
        min_buffer: span("minBufferTime"),
        max_segment: span("maxSegmentDuration"),
        locations: root.all("Location").map(|location| location.text.trim().to_owned()).collect(),
        services: root.all("ServiceDescription").enumerate().map(|(position, element)| service(element, position)).collect(),
        clocks: descriptors(root, "UTCTiming"),
        periods: Vec::new(),
    };
    let mut left = MAX_REPRESENTATIONS;
    let levels = Levels::default().within(root);
    mpd.periods = root.all("Period").enumerate().map(|(position, element)| period(element, position, &levels, &mut left)).collect();
    place_periods(&mut mpd);
    mpd
}

/// Where periods begin and end: as they say, or else where their neighbours do (§5.3.2.1).
fn place_periods(mpd: &mut Mpd) {
    let mut end = (!mpd.is_dynamic).then_some(Span::ZERO);
    for period in &mut mpd.periods {
        period.begin = period.start.or(end);
        end = period.begin.zip(period.duration).map(|(begin, duration)| begin + duration);
        period.end = end;
    }
    let begins: Vec<_> = mpd.periods.iter().map(|period| period.begin).collect();
    for (period, next) in mpd.periods.iter_mut().zip(begins.into_iter().skip(1)) {
        period.end = period.end.or(next);
    }
    if let Some(last) = mpd.periods.last_mut() {
        last.end = last.end.or(mpd.duration);
    }
}

fn service(element: &Element, position: usize) -> Service {
    let millis = |element: &Element, name: &str| element.get(name).and_then(value::ticks).map(Span::from_millis);
    let thousandths = |element: &Element, name: &str| element.get(name).and_then(value::double).map(|rate| (rate * 1_000.0).round() as i64);
    Service {
        place: Place { path: element.label(position), line: element.line },
        latencies: element
            .all("Latency")
            .map(|latency| Latency {
                target: millis(latency, "target"),
                min: millis(latency, "min"),
                max: millis(latency, "max"),
                reference: latency.get("referenceId").and_then(value::unsigned),
            })
            .collect(),
        rates: element.all("PlaybackRate").map(|rate| (thousandths(rate, "min"), thousandths(rate, "max"))).collect(),
    }
}

fn descriptor(element: &Element) -> Descriptor {
    let text = |name: &str| element.get(name).unwrap_or_default().to_owned();
    Descriptor { scheme: text("schemeIdUri"), value: text("value"), line: element.line }
}

fn descriptors(element: &Element, name: &str) -> Vec<Descriptor> {
    element.all(name).map(descriptor).collect()
}

/// What an element has from those around it.
#[derive(Debug, Clone, Default)]
struct Levels<'a> {
    bases: Vec<Arc<str>>,
    /// The sum of the offsets of the base addresses.
    offset: Span,
    is_complete: Option<bool>,
    /// The templates from the outermost to the innermost.
    templates: Vec<&'a Element>,
    timeline: Option<Arc<Timeline>>,
}

impl<'a> Levels<'a> {
    fn within(&self, element: &'a Element) -> Self {
        let mut levels = self.clone();
        if let Some(base) = element.first("BaseURL") {
            levels.bases.extend(Some(base.text.trim()).filter(|text| text.len() <= MAX_VALUE).map(Arc::from));
            levels.availability(base);
        }
        if let Some(template) = element.first("SegmentTemplate") {
            levels.templates.push(template);
            levels.timeline = template.first("SegmentTimeline").map(|element| Arc::new(timeline(element))).or(levels.timeline);
        }
        levels
    }

    fn availability(&mut self, element: &Element) {
        self.offset = self.offset + element.get("availabilityTimeOffset").and_then(value::seconds).unwrap_or_default();
        self.is_complete = element.get("availabilityTimeComplete").and_then(value::boolean).or(self.is_complete);
    }

    fn template(mut self) -> Option<Template> {
        let innermost = *self.templates.last()?;
        let templates = self.templates.clone();
        let get = |name: &str| templates.iter().rev().find_map(|element| element.get(name));
        let ticks = |name: &str| get(name).and_then(value::ticks);
        let number = |name: &str| get(name).and_then(value::unsigned);
        // An attribute of an inner template takes the place of the outer one's; only base addresses add to it.
        let element = templates.iter().rev().find(|element| element.get("availabilityTimeOffset").is_some()).unwrap_or(&innermost);
        self.availability(element);
        Some(Template {
            line: innermost.line,
            timescale: Timescale::new(number("timescale").map_or(1, |hz| u32::try_from(hz).unwrap_or(0))),
            offset: ticks("presentationTimeOffset").unwrap_or(0),
            start_number: number("startNumber").unwrap_or(1),
            has_start_number: get("startNumber").is_some(),
            end_number: number("endNumber"),
            duration: ticks("duration"),
            media: get("media").map(str::to_owned),
            initialization: get("initialization").map(str::to_owned),
            availability_offset: self.offset,
            is_complete: get("availabilityTimeComplete").and_then(value::boolean).or(self.is_complete).unwrap_or(true),
            timeline: self.timeline,
        })
    }
}

fn timeline(element: &Element) -> Timeline {
    let stretch = |element: &Element| Stretch {
        line: element.line,
        start: element.get("t").and_then(value::ticks),
        duration: element.get("d").and_then(value::ticks).unwrap_or(0),
        repeat: element.get("r").and_then(|text| text.parse().ok()).unwrap_or(0),
    };
    Timeline { line: element.line, stretches: element.all("S").map(stretch).collect() }
}

fn period(element: &Element, position: usize, levels: &Levels<'_>, left: &mut usize) -> Period {
    let levels = levels.within(element);
    let path = element.label(position);
    let span = |name: &str| element.get(name).and_then(value::duration);
    let events = element.all("EventStream").enumerate().map(|(position, element)| events(element, position, &path)).collect();
    let sets = element.all("AdaptationSet").enumerate().map(|(position, element)| set(element, position, &path, &levels, left)).collect();
    Period {
        id: element.get("id").map(str::to_owned),
        start: span("start"),
        duration: span("duration"),
        begin: None,
        end: None,
        events,
        sets,
        place: Place { path, line: element.line },
    }
}

fn events(element: &Element, position: usize, path: &str) -> EventStream {
    let time = |event: &Element| Some((value::ticks(event.get("presentationTime").unwrap_or("0"))?, event.line));
    EventStream {
        place: Place { path: format!("{path}/{}", element.label(position)), line: element.line },
        scheme: descriptor(element),
        times: element.all("Event").filter_map(time).collect(),
    }
}

fn set(element: &Element, position: usize, path: &str, levels: &Levels<'_>, left: &mut usize) -> AdaptationSet {
    let levels = levels.within(element);
    let path = format!("{path}/{}", element.label(position));
    let text = |name: &str| element.get(name).map(str::to_owned);
    let mut representations = Vec::new();
    for (position, inner) in element.all("Representation").enumerate().take(*left) {
        representations.push(representation(inner, element, &format!("{path}/{}", inner.label(position)), &levels));
    }
    *left -= representations.len();
    AdaptationSet {
        id: text("id"),
        content_type: text("contentType"),
        language: text("lang"),
        is_aligned: element.get("segmentAlignment").is_some_and(|value| value != "false" && value != "0"),
        roles: descriptors(element, "Role").into_iter().filter(|role| role.scheme == ROLES).map(|role| role.value).collect(),
        labels: element.all("Label").map(|label| label.text.trim().to_owned()).collect(),
        accessibility: descriptors(element, "Accessibility"),
        starts_with_sap: element.get("startWithSAP").and_then(value::unsigned),
        properties: pairs(element, "EssentialProperty").chain(pairs(element, "SupplementalProperty")).collect(),
        inband: pairs(element, "InbandEventStream").collect(),
        references: element.all("ProducerReferenceTime").filter_map(reference).collect(),
        representations,
        place: Place { path, line: element.line },
    }
}

fn pairs<'a>(element: &'a Element, name: &'a str) -> impl Iterator<Item = (String, String)> {
    element.all(name).map(descriptor).map(|descriptor| (descriptor.scheme, descriptor.value))
}

fn reference(element: &Element) -> Option<(u64, bool)> {
    let is_inband = element.get("inband").and_then(value::boolean).unwrap_or(false);
    Some((element.get("id").and_then(value::unsigned)?, is_inband))
}

fn representation(element: &Element, set: &Element, path: &str, levels: &Levels<'_>) -> Representation {
    let get = |name: &str| element.get(name).or_else(|| set.get(name));
    let number = |name: &str| get(name).and_then(value::unsigned);
    let either = |name: &'static str| element.all(name).chain(set.all(name));
    let levels = levels.within(element);
    Representation {
        place: Place { path: path.to_owned(), line: element.line },
        id: element.get("id").unwrap_or_default().to_owned(),
        bandwidth: element.get("bandwidth").and_then(value::unsigned),
        codecs: get("codecs").map(str::to_owned),
        mime_type: get("mimeType").map(str::to_owned),
        size: number("width").zip(number("height")),
        frame_rate: get("frameRate").and_then(value::frame_rate),
        sampling_rate: get("audioSamplingRate").map(str::to_owned),
        channels: either("AudioChannelConfiguration").map(descriptor).collect(),
        resyncs: either("Resync").map(|resync| resync.get("dT").and_then(value::ticks)).collect(),
        inband: pairs(element, "InbandEventStream").collect(),
        bases: levels.bases.clone(),
        template: levels.template(),
    }
}
