//! Cues as events of DASH (ISO/IEC 23009-1 §5.10): in the parts of the tracks that carry them, or in the manifest where their moment has
//! passed.
//!
//! An event goes with the next part of every track of the kind that leads, ahead of its moment where it was announced ahead. One that lasts
//! is told again at the beginning of each segment until it is over, for those who come late. What arrives when the part that it belongs to
//! is written already stands in the manifest instead, so that no player hears of it twice.

use std::sync::Arc;

use bytes::Bytes;

use crate::fmp4::EventMessage;
use crate::fmp4::emsg::UNKNOWN_DURATION;
use crate::media::{Span, Timestamp, WallClock};

use super::cue::{Cue, Parameter, SCTE35};
use super::cues::LONGEST_OPEN;

/// The scheme of cues that are no splice information: a JSON object that tells the `class` and `parameters` of the cue and, of a break,
/// whether it begins or ends (`break`: `out` or `in`), under the number of the date range that HLS has for it (`cue`).
pub const CUE_SCHEME: &str = "urn:sluicegate:cue:2026";
/// The schemes of all events; a player passes over an event whose scheme the manifest has not announced.
pub const SCHEMES: [&str; 2] = [SCTE35, CUE_SCHEME];
/// The value that all of them have.
pub const VALUE: &str = "1";

/// Most events of one track that wait for its next part, and most that are told again; the oldest are left out.
const MAX_EVENTS: usize = 16;

/// How long a moment is told to last. Shaka 5.2.12 looks four times a second which events it stands in, and passes over one that begins and ends
/// between two looks.
const MOMENT: Span = Span::from_millis(500);

/// The beginning or the end of a cue.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// One of [`SCHEMES`].
    pub scheme: &'static str,
    /// Tells it apart from others of its scheme, and is the same when it is told again.
    pub id: u32,
    /// The media time of its beginning.
    pub start: Timestamp,
    /// The wall-clock time of its beginning.
    pub date: WallClock,
    /// How long it lasts, as far as is known; zero for a moment.
    pub duration: Option<Span>,
    /// What it says: the section of SCTE 35, or JSON.
    pub data: Bytes,
    /// The event that is over with it.
    ends: Option<u32>,
}

impl Event {
    /// A cue begins.
    pub(super) fn begun(cue: &Cue) -> Self {
        let section = [&cue.splices.out, &cue.splices.command, &cue.splices.back].into_iter().flatten().next();
        let (scheme, data) = said(cue, section, cue.is_break.then_some("out"));
        let duration = if cue.is_break { cue.duration.or(cue.planned) } else { Some(cue.duration.unwrap_or_default()) };
        Self { scheme, id: id(cue), start: cue.start, date: cue.date, duration, data, ends: None }
    }

    /// A break that had begun is over.
    pub(super) fn ended(cue: &Cue, start: Timestamp, date: WallClock) -> Self {
        let (scheme, data) = said(cue, cue.splices.back.as_ref(), Some("in"));
        let begun = id(cue);
        Self { scheme, id: begun.wrapping_add(1), start, date, duration: Some(Span::ZERO), data, ends: Some(begun) }
    }

    /// How long it is told to last, as far as is known.
    pub fn told_duration(&self) -> Option<Span> {
        self.duration.map(|duration| if duration == Span::ZERO { MOMENT } else { duration })
    }

    /// When it is over by what is known.
    fn end(&self) -> Timestamp {
        self.start.plus(self.duration.unwrap_or(LONGEST_OPEN))
    }

    fn write(&self, at: Timestamp, out: &mut Vec<u8>) {
        let timescale = at.scale();
        let ticks = |span: Span| u32::try_from(span.ticks(timescale)).unwrap_or(UNKNOWN_DURATION);
        let message = EventMessage {
            scheme: self.scheme,
            value: VALUE,
            timescale,
            presentation_time: u64::try_from(self.start.rescale(timescale)).unwrap_or(0),
            duration: self.told_duration().map_or(UNKNOWN_DURATION, ticks),
            id: self.id,
            data: &self.data,
        };
        message.write(out);
    }
}

/// Numbers of cues are far below 2^31; each has one event for its beginning and one for its end.
fn id(cue: &Cue) -> u32 {
    (cue.number as u32).wrapping_mul(2)
}

fn said(cue: &Cue, section: Option<&Bytes>, way: Option<&str>) -> (&'static str, Bytes) {
    if let Some(section) = section {
        return (SCTE35, section.clone());
    }
    let value = |value: &Parameter| match value {
        Parameter::Text(text) => serde_json::Value::from(text.as_str()),
        Parameter::Number(number) => serde_json::Value::from(*number),
    };
    let parameters: serde_json::Map<_, _> = cue.parameters.iter().map(|(name, told)| (name.clone(), value(told))).collect();
    let mut object = serde_json::json!({ "cue": cue.number, "class": cue.class, "parameters": parameters });
    if let Some(way) = way {
        object["break"] = way.into();
    }
    (CUE_SCHEME, object.to_string().into_bytes().into())
}

/// Events on their way into one track.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    waiting: Vec<Arc<Event>>,
    lasting: Vec<Arc<Event>>,
}

impl Outbox {
    /// Takes an event for the next part.
    pub fn take(&mut self, event: Arc<Event>) {
        self.lasting.retain(|lasting| event.ends != Some(lasting.id));
        push(&mut self.waiting, event);
    }

    /// The boxes of a part that begins at `start`.
    pub fn boxes(&mut self, start: Timestamp, begins_segment: bool) -> Bytes {
        let mut out = Vec::new();
        if begins_segment {
            self.lasting.retain(|event| event.end() > start);
            self.lasting.iter().for_each(|event| event.write(start, &mut out));
        }
        for event in std::mem::take(&mut self.waiting) {
            event.write(start, &mut out);
            if event.end() > event.start {
                push(&mut self.lasting, event);
            }
        }
        out.into()
    }
}

fn push(events: &mut Vec<Arc<Event>>, event: Arc<Event>) {
    if events.len() >= MAX_EVENTS {
        events.remove(0);
    }
    events.push(event);
}
