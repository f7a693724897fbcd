//! Script bodies: onMetaData both ways, and the messages that travel with the media.

use bytes::{Bytes, BytesMut};

use super::audio::{AAC, MP3};
use super::error::DemuxError;
use super::video::AVC;
use crate::amf0::{self, Reader, Value};
use crate::media::track::{MetaValue, Track};
use crate::media::{Codec, Metadata, Script};

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
const TRAVELLING: [&str; 3] = ["onCuePoint", "onTextData", "onCaptionInfo"];

/// Metadata keys that are rebuilt from the tracks, or mean nothing in a live stream.
const OWN_KEYS: [&str; 24] = [
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

/// The onMetaData body for players: rebuilt from the tracks, so that it is true, and from the publisher's words where only those tell.
pub(super) fn metadata_body(video: Option<&Track>, audio: Option<&Track>, metadata: &Metadata) -> Bytes {
    let mut members: Vec<(String, Value)> = Vec::with_capacity(20);
    let mut put = |name: &str, value: Value| members.push((name.to_owned(), value));
    put("duration", Value::Number(0.0));
    put("hasVideo", Value::Boolean(video.is_some()));
    put("hasAudio", Value::Boolean(audio.is_some()));
    if let Some(track) = video {
        if let Some(shape) = track.codec.video() {
            put("width", Value::Number(shape.width.into()));
            put("height", Value::Number(shape.height.into()));
            if let Some(rate) = shape.frame_rate.or(track.frame_rate).or(metadata.frame_rate) {
                put("framerate", Value::Number(rate));
            }
        }
        put("videocodecid", Value::Number(codec_id(&track.codec)));
        if let Some(bits) = metadata.video_bit_rate {
            put("videodatarate", Value::Number(bits as f64 / 1000.0));
        }
    }
    if let Some(track) = audio {
        if let Some(shape) = track.codec.audio() {
            put("audiosamplerate", Value::Number(shape.sample_rate.into()));
            put("audiosamplesize", Value::Number(16.0));
            put("audiochannels", Value::Number(shape.channels.into()));
            put("stereo", Value::Boolean(shape.channels > 1));
        }
        put("audiocodecid", Value::Number(codec_id(&track.codec)));
        if let Some(bits) = metadata.audio_bit_rate {
            put("audiodatarate", Value::Number(bits as f64 / 1000.0));
        }
    }
    if let Some(encoder) = &metadata.encoder {
        put("encoder", Value::String(encoder.clone()));
    }
    for (name, value) in &metadata.extra {
        let value = match value {
            MetaValue::Number(number) => Value::Number(*number),
            MetaValue::Flag(flag) => Value::Boolean(*flag),
            MetaValue::Text(text) => Value::String(text.clone()),
        };
        put(name, value);
    }
    let mut out = BytesMut::with_capacity(512);
    amf0::write_str("onMetaData", &mut out);
    amf0::write(&Value::EcmaArray(members), &mut out);
    out.freeze()
}

fn codec_id(codec: &Codec) -> f64 {
    f64::from(match codec {
        Codec::Avc(_) => u32::from(AVC),
        Codec::Aac(_) => u32::from(AAC),
        Codec::Mp3(_) => u32::from(MP3),
        // Codecs without a legacy number are told by their FourCC.
        Codec::Hevc(_) => u32::from_be_bytes(*b"hvc1"),
        Codec::Opus(_) => u32::from_be_bytes(*b"Opus"),
        Codec::Flac(_) => u32::from_be_bytes(*b"fLaC"),
        Codec::Ac3(_) => u32::from_be_bytes(*b"ac-3"),
        Codec::Eac3(_) => u32::from_be_bytes(*b"ec-3"),
        Codec::Script => 0,
    })
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
