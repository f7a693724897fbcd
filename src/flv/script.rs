//! Script bodies: onMetaData both ways, and the messages that travel with the media.

use bytes::{Bytes, BytesMut};

use super::error::DemuxError;
use super::lane::{Lane, Place};
use crate::amf0::{self, Reader, Value};
use crate::media::track::MetaValue;
use crate::media::{Kind, Metadata, Script};

/// The longest script body accepted, in bytes. Metadata takes one or two kilobytes.
pub const MAX_SCRIPT: usize = 64 * 1024;

/// Unknown metadata keys that are passed on.
pub const MAX_EXTRA: usize = 64;

/// The longest name, and the longest text, that is passed on or kept from metadata, in bytes.
pub const MAX_EXTRA_TEXT: usize = 256;

/// What a script body holds.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum ScriptBody {
    Metadata { metadata: Metadata, value: Value },
    Travels { script: Script, data: Bytes },
    Other,
}

/// Messages that concern viewers: ad markers, text and captions. Others concern only the server or the encoder.
const TRAVELLING: [&str; 4] = ["onCuePoint", "onAdCue", "onTextData", "onCaptionInfo"];

/// Metadata keys that are rebuilt from the tracks, or mean nothing in a live stream.
const OWN_KEYS: [&str; 26] = [
    "duration",
    "width",
    "height",
    "framerate",
    "videodatarate",
    "videocodecid",
    "audiodatarate",
    "audiosamplerate",
    "audiosamplesize",
    "audiochannels",
    "stereo",
    "audiocodecid",
    "hasAudio",
    "hasVideo",
    "hasMetadata",
    "hasKeyframes",
    "encoder",
    "filesize",
    "fileSize",
    "datasize",
    "lasttimestamp",
    "lastkeyframetimestamp",
    "canSeekToEnd",
    "keyframes",
    "videoTrackIdInfoMap",
    "audioTrackIdInfoMap",
];

pub(super) fn parse(body: &Bytes) -> Result<ScriptBody, DemuxError> {
    if body.len() > MAX_SCRIPT {
        return Err(DemuxError::ScriptTooLong { length: body.len() });
    }
    let mut reader = Reader::new(body);
    let mut start = 0;
    let mut name = read_name(&mut reader)?;
    if name == "@setDataFrame" {
        start = reader.position();
        name = read_name(&mut reader)?;
    }
    if name == "onMetaData" {
        let value = if reader.is_empty() { Value::Null } else { reader.read()? };
        return Ok(ScriptBody::Metadata { metadata: metadata(&value), value });
    }
    if !TRAVELLING.contains(&name.as_str()) {
        return Ok(ScriptBody::Other);
    }
    let values = body.slice(reader.position()..);
    Ok(ScriptBody::Travels { script: Script { name, values }, data: body.slice(start..) })
}

fn read_name(reader: &mut Reader<'_>) -> Result<String, DemuxError> {
    match reader.read()? {
        Value::String(name) => Ok(name),
        _ => Err(DemuxError::Nameless),
    }
}

/// What is understood of an onMetaData value. Numbers out of all reason are passed over: metadata is only advice.
pub fn metadata(value: &Value) -> Metadata {
    let number = |name: &str, max: f64| {
        let number = value.get(name)?.as_number()?;
        (number.is_finite() && number > 0.0 && number <= max).then_some(number)
    };
    let pixels = |name| number(name, 65_535.0).map(|pixels| pixels as u32);
    let bit_rate = |name| number(name, 10_000_000.0).map(|kilobits| (kilobits * 1000.0) as u64);
    Metadata {
        encoder: value.get("encoder").and_then(Value::as_str).map(short_text),
        width: pixels("width"),
        height: pixels("height"),
        frame_rate: number("framerate", 1000.0),
        video_bit_rate: bit_rate("videodatarate"),
        audio_bit_rate: bit_rate("audiodatarate"),
        extra: value.properties().map(extra).unwrap_or_default(),
    }
}

/// The onMetaData body for players: rebuilt from the tracks that go out, so that it is true, and from the publisher's words where only
/// those tell.
pub(super) fn metadata_body(lanes: &[Lane], metadata: &Metadata) -> Bytes {
    let first = |kind| lanes.iter().find(|lane| lane.track.id.kind == kind);
    let (video, audio) = (first(Kind::Video), first(Kind::Audio));
    let mut members = Members(Vec::with_capacity(24));
    members.number("duration", 0.0);
    members.put("hasVideo", Value::Boolean(video.is_some()));
    members.put("hasAudio", Value::Boolean(audio.is_some()));
    if let Some(lane) = video {
        members.picture(lane, metadata);
    }
    if let Some(lane) = audio {
        members.sound(lane, metadata);
    }
    members.further("videoTrackIdInfoMap", lanes, Kind::Video, metadata);
    members.further("audioTrackIdInfoMap", lanes, Kind::Audio, metadata);
    if let Some(encoder) = &metadata.encoder {
        members.put("encoder", Value::String(encoder.clone()));
    }
    for (name, value) in &metadata.extra {
        let value = match value {
            MetaValue::Number(number) => Value::Number(*number),
            MetaValue::Flag(flag) => Value::Boolean(*flag),
            MetaValue::Text(text) => Value::String(text.clone()),
        };
        members.put(name, value);
    }
    let mut out = BytesMut::with_capacity(512);
    amf0::write_str("onMetaData", &mut out);
    amf0::write(&Value::EcmaArray(members.0), &mut out);
    out.freeze()
}

/// Members of an onMetaData object, of itself or of a track in it.
struct Members(Vec<(String, Value)>);

impl Members {
    fn put(&mut self, name: &str, value: Value) {
        self.0.push((name.to_owned(), value));
    }

    fn number(&mut self, name: &str, value: impl Into<f64>) {
        self.put(name, Value::Number(value.into()));
    }

    /// The publisher's words are about its default track.
    fn picture(&mut self, lane: &Lane, metadata: &Metadata) {
        let told = |value: Option<f64>| value.filter(|_| lane.track.id.index == 0);
        if let Some(shape) = lane.track.codec.video() {
            self.number("width", shape.width);
            self.number("height", shape.height);
            if let Some(rate) = shape.frame_rate.or(lane.track.frame_rate).or(told(metadata.frame_rate)) {
                self.number("framerate", rate);
            }
        }
        self.number("videocodecid", lane.naming.number());
        if let Some(bits) = told(metadata.video_bit_rate.map(|bits| bits as f64)) {
            self.number("videodatarate", bits / 1000.0);
        }
    }

    fn sound(&mut self, lane: &Lane, metadata: &Metadata) {
        if let Some(shape) = lane.track.codec.audio() {
            self.number("audiosamplerate", shape.sample_rate);
            self.number("audiosamplesize", 16);
            self.number("audiochannels", shape.channels);
            self.put("stereo", Value::Boolean(shape.channels > 1));
        }
        self.number("audiocodecid", lane.naming.number());
        if let Some(bits) = metadata.audio_bit_rate.filter(|_| lane.track.id.index == 0) {
            self.number("audiodatarate", bits as f64 / 1000.0);
        }
    }

    /// The tracks of a kind beside the default one, by their numbers (Enhanced RTMP v2, "Enhancing onMetaData").
    fn further(&mut self, name: &str, lanes: &[Lane], kind: Kind, metadata: &Metadata) {
        let mut tracks = Vec::new();
        for lane in lanes.iter().filter(|lane| lane.track.id.kind == kind) {
            let Place::Further(index) = lane.place else { continue };
            let mut track = Self(Vec::new());
            match (kind, lane.track.codec.audio()) {
                (Kind::Audio, shape) => {
                    if let Some(shape) = shape {
                        track.number("channels", shape.channels);
                        track.number("samplerate", shape.sample_rate);
                    }
                    track.number("audiocodecid", lane.naming.number());
                }
                (Kind::Video | Kind::Data, _) => track.picture(lane, metadata),
            }
            if let Some(language) = &lane.track.language {
                track.put("language", Value::String(language.clone()));
            }
            tracks.push((index.to_string(), Value::Object(track.0)));
        }
        if !tracks.is_empty() {
            self.put(name, Value::Object(tracks));
        }
    }
}

fn extra(properties: &[(String, Value)]) -> Vec<(String, MetaValue)> {
    let simple = |(name, value): &(String, Value)| {
        if name.len() > MAX_EXTRA_TEXT || OWN_KEYS.contains(&name.as_str()) {
            return None;
        }
        let value = match value {
            Value::Number(number) => MetaValue::Number(*number),
            Value::Boolean(flag) => MetaValue::Flag(*flag),
            Value::String(text) => MetaValue::Text(short_text(text)),
            _ => return None,
        };
        Some((name.clone(), value))
    };
    properties.iter().filter_map(simple).take(MAX_EXTRA).collect()
}

fn short_text(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_EXTRA_TEXT)].to_owned()
}
