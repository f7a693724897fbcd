//! Cue points: what encoders send as script messages to mark a moment of the stream, such as the beginning of a break for advertisements.
//!
//! | message | sent by | what it holds |
//! |---|---|---|
//! | `onCuePoint` | Flash Media Live Encoder and others | `name`, `type`, `time`, and `parameters` of any name |
//! | `onCuePoint` | AWS Elemental | the fields of a `splice_insert` as `parameters`, `break_duration` and `pre_roll_time` in milliseconds |
//! | `onCuePoint` | encoders for YouTube | `type` `com.youtube.cuepoint`, `cue_point_start`, `break_duration_sec`, `pre_roll_time_sec` |
//! | `onAdCue` | encoders for Adobe Primetime and Azure | `cue`: `SpliceOut`, or a `splice_info_section` in base64; `id`, `duration`, `time`, `elapsed` |

use bytes::Bytes;

use crate::amf0::{self, Value};
use crate::media::scte35::{self, Splice, Way};
use crate::media::{Sample, Span, Timestamp, WallClock};

/// Most parameters of one cue that are passed on.
const MAX_PARAMETERS: usize = 16;
/// The longest name of a parameter and the longest text that are passed on, in bytes. What is longer is left out.
const MAX_NAME: usize = 32;
const MAX_TEXT: usize = 256;
/// The longest break, and the longest time since it began, that are believed.
const LONGEST: Span = Span::from_secs(86_400);
/// The longest time ahead of which a cue is sent that is believed.
const LONGEST_PRE_ROLL: Span = Span::from_secs(60);

/// What a cue of splice information is.
pub const SCTE35: &str = "urn:scte:scte35:2013:bin";

/// A moment or a stretch of the stream that its publisher has marked.
#[derive(Clone, PartialEq, Debug)]
pub struct Cue {
    /// Counts the cues of the presentation, from 0.
    pub number: u64,
    /// What it means: [`SCTE35`], what the publisher calls its kind where that is a name of the reverse-DNS kind, or else the message's name.
    pub class: String,
    /// The media time of its beginning.
    pub start: Timestamp,
    /// The wall-clock time of its beginning; never changes.
    pub date: WallClock,
    /// Whether it is a break: the programme is left for something else.
    pub is_break: bool,
    /// How long it lasts; of a break, once it is over.
    pub duration: Option<Span>,
    /// How long a break is meant to last.
    pub planned: Option<Span>,
    /// The `splice_info_section`s that came with it.
    pub splices: Splices,
    /// Its parameters by name, in capitals, digits and hyphens.
    pub parameters: Vec<(String, Parameter)>,
}

/// Sections of SCTE 35 as they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Splices {
    /// That leads out of the programme.
    pub out: Option<Bytes>,
    /// That leads back.
    pub back: Option<Bytes>,
    /// That does neither.
    pub command: Option<Bytes>,
}

/// The value of a parameter.
#[derive(Clone, PartialEq, Debug)]
pub enum Parameter {
    /// A text of at most 256 bytes; truth values are texts, too.
    Text(String),
    /// A finite number that is not negative.
    Number(f64),
}

/// A cue as a message brings it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Message {
    pub start: Timestamp,
    /// Whether a break begins or ends with it; neither for a moment that is no part of a break.
    pub way: Way,
    /// What the publisher calls the event.
    pub event: Option<String>,
    pub class: String,
    pub duration: Option<Span>,
    pub section: Option<Bytes>,
    pub parameters: Vec<(String, Parameter)>,
}

impl Cue {
    /// When it ends by what is known; `None` for a break that is not over and may last for any time.
    pub fn end(&self) -> Option<WallClock> {
        let open = self.is_open() && self.planned.is_none();
        (!open).then(|| self.date.plus(self.duration.or(self.planned).unwrap_or_default()))
    }

    /// Whether it is a break whose end has not been told.
    pub fn is_open(&self) -> bool {
        self.is_break && self.duration.is_none()
    }

    /// About how many bytes it takes in a playlist.
    pub(super) fn size(&self) -> usize {
        let sections = [&self.splices.out, &self.splices.back, &self.splices.command];
        let sections: usize = sections.into_iter().flatten().map(|section| section.len() * 2).sum();
        let parameters = self.parameters.iter().map(|(name, value)| match value {
            Parameter::Text(text) => name.len() + text.len(),
            Parameter::Number(number) => name.len() + number.to_string().len(),
        });
        128 + self.class.len() + sections + parameters.map(|length| length + 6).sum::<usize>()
    }
}

impl Message {
    /// Reads a sample of the data track; `None` where it is no cue.
    pub fn read(sample: &Sample) -> Option<Self> {
        let values = amf0::read_all(&sample.data).ok()?;
        let [Value::String(name), body, ..] = values.as_slice() else { return None };
        body.properties().filter(|_| matches!(name.as_str(), "onCuePoint" | "onAdCue"))?;
        let fields = Fields(body);
        let section = fields.all().filter_map(|(_, value)| value.as_str()).find_map(scte35::in_text);
        let splice = section.as_deref().map(Splice::read);
        let way = splice.map_or_else(|| fields.way(), |splice| splice.way);
        let event = splice.and_then(|splice| splice.event).map(|event| event.to_string()).or_else(|| fields.event());
        let duration = splice.and_then(|splice| splice.duration).or_else(|| fields.duration());
        let class = if section.is_some() { SCTE35.to_owned() } else { fields.class().unwrap_or_else(|| name.clone()) };
        let parameters = fields.parameters();
        Some(Self { start: fields.start(sample), way, event, class, duration: duration.filter(believable), section, parameters })
    }
}

fn believable(length: &Span) -> bool {
    *length > Span::ZERO && *length <= LONGEST
}

/// The members of a message, and those of its `parameters`.
struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn all(&self) -> impl Iterator<Item = &'a (String, Value)> {
        let members = |value: &'a Value| value.properties().unwrap_or_default().iter();
        members(self.0).chain(self.0.get("parameters").into_iter().flat_map(members))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.all().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A number of seconds, or of as many parts of one. Encoders send some as text.
    fn span(&self, name: &str, per_second: f64) -> Option<Span> {
        let value = self.get(name)?;
        let number = value.as_number().or_else(|| value.as_str()?.trim().parse().ok())?;
        let nanos = number * 1e9 / per_second;
        (nanos.is_finite() && (0.0..=LONGEST.nanos() as f64).contains(&nanos)).then(|| Span::from_nanos(nanos as i64))
    }

    fn way(&self) -> Way {
        let told = |name| self.get(name).and_then(Value::as_bool);
        match told("out_of_network_indicator").or_else(|| told("cue_point_start")) {
            Some(true) => return Way::Out,
            Some(false) => return Way::In,
            None => {}
        }
        match self.get("cue").and_then(Value::as_str) {
            Some("SpliceOut") => Way::Out,
            Some("SpliceIn") => Way::In,
            _ => Way::Nowhere,
        }
    }

    fn event(&self) -> Option<String> {
        let told = ["splice_event_id", "id"].into_iter().find_map(|name| self.get(name))?;
        told.as_str().map(str::to_owned).or_else(|| Some(told.as_number()?.to_string()))
    }

    fn duration(&self) -> Option<Span> {
        let seconds = || self.span("duration", 1.0).or_else(|| self.span("break_duration_sec", 1.0));
        seconds().or_else(|| self.span("break_duration", 1_000.0))
    }

    /// A message may be sent ahead of its moment, as its composition time or a field of its own says, or again after it.
    fn start(&self, sample: &Sample) -> Timestamp {
        let pre_roll = || self.span("pre_roll_time_sec", 1.0).or_else(|| self.span("pre_roll_time", 1_000.0));
        let ahead = if sample.cts == 0 { pre_roll().filter(|ahead| *ahead <= LONGEST_PRE_ROLL) } else { None };
        sample.pts().plus(ahead.unwrap_or_default() - self.span("elapsed", 1.0).unwrap_or_default())
    }

    /// What the publisher calls this kind of cue, where the name can be nobody else's.
    fn class(&self) -> Option<String> {
        let told = self.get("type")?.as_str()?;
        (told.contains(['.', ':']) && told.len() <= MAX_TEXT).then(|| told.to_owned())
    }

    /// All that is simple and short, but for the section and what was understood as time.
    fn parameters(&self) -> Vec<(String, Parameter)> {
        const UNDERSTOOD: [&str; 4] = ["time", "elapsed", "duration", "break_duration_sec"];
        let mut parameters: Vec<(String, Parameter)> = Vec::new();
        for (key, value) in self.all().filter(|(key, _)| !UNDERSTOOD.contains(&key.as_str())) {
            let Some((name, value)) = parameter_name(key).zip(Parameter::of(value)) else { continue };
            let is_new = parameters.iter().all(|(known, _)| *known != name);
            if is_new && parameters.len() < MAX_PARAMETERS {
                parameters.push((name, value));
            }
        }
        parameters
    }
}

impl Parameter {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) if number.is_finite() && *number >= 0.0 && number.to_string().len() <= MAX_NAME => {
                Some(Self::Number(*number))
            }
            Value::Number(number) => Some(Self::Text(number.to_string())).filter(Self::is_short),
            Value::Boolean(truth) => Some(Self::Text(truth.to_string())),
            Value::String(text) if scte35::in_text(text).is_none() => Some(Self::Text(text.clone())).filter(Self::is_short),
            _ => None,
        }
    }

    fn is_short(&self) -> bool {
        matches!(self, Self::Text(text) if text.len() <= MAX_TEXT)
    }
}

/// A name in the letters of attribute names (RFC 8216 §4.2).
fn parameter_name(key: &str) -> Option<String> {
    let letters = key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '-' });
    let name: String = letters.collect();
    (key.is_ascii() && !key.is_empty() && key.len() <= MAX_NAME).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::amf0::object;
    use crate::media::{Timescale, TrackId};

    const INSERT: &str = "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=";

    fn sample(values: &[Value]) -> Sample {
        let dts = Timestamp::new(10_000, Timescale::MILLIS);
        Sample { track: TrackId::DATA, dts, cts: 0, is_sync: true, data: amf0::encode(values) }
    }

    fn read(name: &str, body: Value) -> Option<Message> {
        Message::read(&sample(&[name.into(), body]))
    }

    #[test]
    fn the_forms_of_encoders_are_understood() {
        let parameters = object([
            ("messageType", "splice_insert".into()),
            ("splice_event_id", 7.0.into()),
            ("out_of_network_indicator", Value::Boolean(true)),
            ("pre_roll_time", 4_000.0.into()),
            ("break_duration", 30_000.0.into()),
        ]);
        let elemental =
            read("onCuePoint", object([("type", "event".into()), ("name", "scte35".into()), ("parameters", parameters)])).unwrap();
        assert_eq!((elemental.way, elemental.event.as_deref(), elemental.class.as_str()), (Way::Out, Some("7"), "onCuePoint"));
        assert_eq!((elemental.start.millis(), elemental.duration), (14_000, Some(Span::from_secs(30))));
        let names: Vec<_> = elemental.parameters.iter().map(|(name, _)| name.as_str()).collect();
        let told = ["MESSAGETYPE", "SPLICE-EVENT-ID", "OUT-OF-NETWORK-INDICATOR", "PRE-ROLL-TIME", "BREAK-DURATION"];
        assert_eq!(names, [&["TYPE", "NAME"][..], &told].concat());

        let youtube = object([
            ("type", "com.youtube.cuepoint".into()),
            ("pre_roll_time_sec", 2.5.into()),
            ("cue_point_start", Value::Boolean(true)),
            ("break_duration_sec", 30.0.into()),
        ]);
        let youtube = read("onCuePoint", youtube).unwrap();
        assert_eq!((youtube.class.as_str(), youtube.way, youtube.start.millis()), ("com.youtube.cuepoint", Way::Out, 12_500));

        let simple = read("onAdCue", object([("cue", "SpliceOut".into()), ("id", "a".into()), ("elapsed", 3.0.into())])).unwrap();
        assert_eq!((simple.way, simple.event.as_deref(), simple.start.millis()), (Way::Out, Some("a"), 7_000));
    }

    #[test]
    fn a_section_tells_more_than_the_fields_beside_it() {
        let body = object([("cue", INSERT.into()), ("type", "scte35".into()), ("id", "a".into()), ("duration", 1.0.into())]);
        let message = read("onAdCue", body).unwrap();
        assert_eq!((message.class.as_str(), message.way, message.event.as_deref()), (SCTE35, Way::Out, Some("1207959695")));
        assert_eq!(message.duration.unwrap().millis(), 60_294);
        assert_eq!(message.section, scte35::in_text(INSERT));
        assert_eq!(message.parameters.len(), 2, "not the section again: {:?}", message.parameters);
    }

    #[test]
    fn what_is_no_cue_or_out_of_all_reason_is_left_out() {
        assert_eq!(read("onTextData", object([("name", "a".into())])), None);
        assert_eq!(read("onCuePoint", "no object".into()), None);
        let many: Vec<_> = (0..40).map(|n| (format!("p{n}"), Value::Number(f64::from(n)))).collect();
        let odd = [("ü", 1.0.into()), ("long", "x".repeat(257).into()), ("p1", 2.0.into()), ("duration", f64::NAN.into())];
        let odd = odd.map(|(name, value): (&str, Value)| (name.to_owned(), value));
        let message = read("onCuePoint", Value::EcmaArray([odd.as_slice(), &many].concat())).unwrap();
        assert_eq!((message.duration, message.parameters.len()), (None, MAX_PARAMETERS));
        assert_eq!(message.parameters[0], ("P1".to_owned(), Parameter::Number(2.0)));
        let body = object([("a_b", f64::MAX.into()), ("c", (-1.5).into()), ("pre_roll_time_sec", 3_600.0.into())]);
        let message = read("onCuePoint", body).unwrap();
        assert_eq!(message.start.millis(), 10_000, "nobody announces anything an hour ahead");
        assert_eq!(message.parameters[0], ("C".to_owned(), Parameter::Text("-1.5".to_owned())));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..64), number in any::<f64>()) {
            let named = [amf0::encode(&["onCuePoint".into()]).as_ref(), &bytes].concat();
            let _ = Message::read(&Sample { data: named.into(), ..sample(&[]) });
            let fields = ["duration", "elapsed", "pre_roll_time", "x"].map(|name| (name.to_owned(), Value::Number(number)));
            let message = read("onAdCue", Value::Object(fields.into())).unwrap();
            prop_assert!(message.duration.is_none_or(|length| believable(&length)));
        }
    }
}
