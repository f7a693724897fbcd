//! From samples to bodies and tags, for players that know the legacy headers, and the Enhanced ones only for codecs without another.
//!
//! A [`MessageBody`] is what RTMP sends as it is and FLV puts into a tag. Only track 0 of each kind is carried, for legacy players know
//! no other.

use bytes::{BufMut, Bytes, BytesMut};

use super::audio::{AAC, MP3, MP3_8_KHZ};
use super::script;
use super::tag::{FileHeader, MAX_BODY, TAG_HEADER_LEN, TIMESTAMP_SPAN, TRAILER_LEN, TagHeader, TagKind};
use super::video::AVC;
use crate::media::track::{Track, TrackSet};
use crate::media::{AudioShape, Codec, Kind, Metadata, Sample, Timestamp};

/// The body of one RTMP message or FLV tag: a few bytes of header, then the coded bytes, still shared with the sample.
#[derive(Clone, PartialEq, Debug)]
pub struct MessageBody {
    /// What it carries.
    pub kind: TagKind,
    head: [u8; MAX_HEAD],
    head_len: u8,
    data: Bytes,
}

/// First byte, FourCC and composition time of the Enhanced header.
const MAX_HEAD: usize = 8;

impl MessageBody {
    fn new(kind: TagKind, head: &[u8], data: Bytes) -> Self {
        let mut padded = [0; MAX_HEAD];
        padded[..head.len()].copy_from_slice(head);
        Self { kind, head: padded, head_len: head.len() as u8, data }
    }

    /// The header's bytes: up to eight.
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// The bytes behind the header.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Bytes of the whole body.
    pub fn len(&self) -> usize {
        self.head().len() + self.data.len()
    }

    /// Whether the body has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the bare body.
    pub fn write(&self, out: &mut BytesMut) {
        out.put_slice(self.head());
        out.put_slice(&self.data);
    }

    /// Bytes of the tag around this body: header, body and PreviousTagSize.
    pub fn tag_len(&self) -> usize {
        TAG_HEADER_LEN + self.len() + TRAILER_LEN
    }

    /// Appends the whole tag: [`MessageBody::tag_len`] bytes.
    pub fn write_tag(&self, timestamp_ms: u32, out: &mut BytesMut) {
        TagHeader { kind: self.kind, body_len: self.len(), timestamp_ms }.write(out);
        self.write(out);
        out.put_u32((TAG_HEADER_LEN + self.len()) as u32);
    }

    /// The whole tag behind `reserved` zero bytes, in one allocation: the room is for the header of a frame around it.
    pub fn to_tag(&self, timestamp_ms: u32, reserved: usize) -> BytesMut {
        let mut out = BytesMut::with_capacity(reserved + self.tag_len());
        out.put_bytes(0, reserved);
        self.write_tag(timestamp_ms, &mut out);
        out
    }
}

/// A sample's times on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WireTime {
    /// The stream's own timeline in milliseconds, begun afresh at each [`TIMESTAMP_SPAN`].
    pub timestamp_ms: u32,
    /// Composition time in milliseconds, within 24 bits.
    pub cts_ms: i32,
}

impl WireTime {
    /// The times of a sample. Decoding and presentation time are rounded each for itself: the rounding of their difference would let
    /// presentation times jitter by a millisecond.
    pub fn of(sample: &Sample) -> Self {
        let dts = sample.dts.millis();
        let cts = sample.pts().millis().saturating_sub(dts).clamp(-0x80_0000, 0x7F_FFFF);
        Self { timestamp_ms: timestamp(sample.dts), cts_ms: cts as i32 }
    }
}

/// A moment of the stream's timeline as a tag or message tells it.
pub fn timestamp(at: Timestamp) -> u32 {
    at.millis().max(0).rem_euclid(i64::from(TIMESTAMP_SPAN)) as u32
}

/// The video track that legacy players get, where there is one for them.
pub fn video(tracks: &TrackSet) -> Option<&Track> {
    carried(tracks, Kind::Video)
}

/// The audio track that legacy players get, where there is one for them.
pub fn audio(tracks: &TrackSet) -> Option<&Track> {
    carried(tracks, Kind::Audio)
}

fn carried(tracks: &TrackSet, kind: Kind) -> Option<&Track> {
    tracks.of(kind).map(|track| &**track).find(|track| track.id.index == 0 && is_carried(&track.codec))
}

/// Whether players of FLV in browsers know how to read the codec (mpegts.js gives up the whole stream over one that it does not know).
pub fn is_carried(codec: &Codec) -> bool {
    match codec {
        Codec::Avc(_) | Codec::Hevc(_) | Codec::Aac(_) | Codec::Mp3(_) | Codec::Opus(_) | Codec::Flac(_) | Codec::Script => true,
        Codec::Ac3(_) | Codec::Eac3(_) => false,
    }
}

/// The file header for these tracks: it promises just what [`video`] and [`audio`] give.
pub fn file_header(tracks: &TrackSet) -> FileHeader {
    FileHeader { has_audio: audio(tracks).is_some(), has_video: video(tracks).is_some() }
}

/// Whether there is anything to see or hear.
pub fn is_playable(tracks: &TrackSet) -> bool {
    video(tracks).is_some() || audio(tracks).is_some()
}

/// onMetaData for these tracks, rebuilt.
pub fn metadata(tracks: &TrackSet, metadata: &Metadata) -> MessageBody {
    MessageBody::new(TagKind::Script, &[], script::metadata_body(video(tracks), audio(tracks), metadata))
}

/// A track's configuration; none for codecs that have none.
pub fn config(track: &Track) -> Option<MessageBody> {
    if track.id.index != 0 {
        return None;
    }
    match &track.codec {
        Codec::Avc(config) => Some(MessageBody::new(TagKind::Video, &[0x10 | AVC, 0, 0, 0, 0], config.record.clone())),
        Codec::Hevc(config) => Some(MessageBody::new(TagKind::Video, &enhanced(VIDEO_CONFIG, *b"hvc1"), config.record.clone())),
        Codec::Aac(config) => Some(MessageBody::new(TagKind::Audio, &[AAC_HEADER, 0], config.record.clone())),
        Codec::Opus(config) => Some(MessageBody::new(TagKind::Audio, &enhanced(AUDIO_CONFIG, *b"Opus"), config.record.clone())),
        // The block behind its header, as mpegts.js reads it.
        Codec::Flac(config) => Some(MessageBody::new(TagKind::Audio, &enhanced(AUDIO_CONFIG, *b"fLaC"), config.metadata_block())),
        Codec::Mp3(_) | Codec::Ac3(_) | Codec::Eac3(_) | Codec::Script => None,
    }
}

/// All that goes before the first sample, in order: metadata, then the configurations of video and audio.
pub fn preamble(tracks: &TrackSet, about: &Metadata) -> impl Iterator<Item = MessageBody> {
    let configs = [video(tracks), audio(tracks)].map(|track| track.and_then(config));
    std::iter::once(metadata(tracks, about)).chain(configs.into_iter().flatten())
}

/// A sample's body; none where legacy players do not get its track, or it is longer than a tag can be.
pub fn sample(codec: &Codec, sample: &Sample) -> Option<MessageBody> {
    if sample.track.index != 0 || sample.data.len() > MAX_BODY - MAX_HEAD {
        return None;
    }
    let data = sample.data.clone();
    Some(match codec {
        Codec::Avc(_) => {
            let frame_type: u8 = if sample.is_sync { 1 } else { 2 };
            let [_, high, middle, low] = WireTime::of(sample).cts_ms.to_be_bytes();
            MessageBody::new(TagKind::Video, &[frame_type << 4 | AVC, 1, high, middle, low], data)
        }
        Codec::Hevc(_) => {
            let frame_type: u8 = if sample.is_sync { 1 } else { 2 };
            let [_, high, middle, low] = WireTime::of(sample).cts_ms.to_be_bytes();
            let [first, a, b, c, d] = enhanced(0x80 | frame_type << 4 | CODED_FRAMES, *b"hvc1");
            MessageBody::new(TagKind::Video, &[first, a, b, c, d, high, middle, low], data)
        }
        Codec::Aac(_) => MessageBody::new(TagKind::Audio, &[AAC_HEADER, 1], data),
        Codec::Mp3(config) => MessageBody::new(TagKind::Audio, &[mp3_header(config.shape)], data),
        Codec::Opus(_) => MessageBody::new(TagKind::Audio, &enhanced(AUDIO_FRAMES, *b"Opus"), data),
        Codec::Flac(_) => MessageBody::new(TagKind::Audio, &enhanced(AUDIO_FRAMES, *b"fLaC"), data),
        Codec::Ac3(_) | Codec::Eac3(_) => return None,
        Codec::Script => MessageBody::new(TagKind::Script, &[], data),
    })
}

/// The end of a track, for codecs that can tell it.
pub fn end(track: &Track) -> Option<MessageBody> {
    match track.codec {
        Codec::Avc(_) if track.id.index == 0 => Some(MessageBody::new(TagKind::Video, &[0x10 | AVC, 2, 0, 0, 0], Bytes::new())),
        _ => None,
    }
}

/// First byte of the Enhanced video header for SequenceStart, and the packet type of frames with a composition time.
const VIDEO_CONFIG: u8 = 0x90;
const CODED_FRAMES: u8 = 1;

/// First bytes of the Enhanced audio header: SequenceStart and CodedFrames.
const AUDIO_CONFIG: u8 = 0x90;
const AUDIO_FRAMES: u8 = 0x91;

fn enhanced(first: u8, [a, b, c, d]: [u8; 4]) -> [u8; 5] {
    [first, a, b, c, d]
}

/// 44 kHz, 16 bits, stereo: for AAC the standard fixes these, whatever the configuration says (§E.4.2.1).
const AAC_HEADER: u8 = AAC << 4 | 0x0F;

/// The nearest that the header can tell; players read the frame's own header. Rates of 48 kHz and its parts take those of 44.1 kHz.
fn mp3_header(shape: AudioShape) -> u8 {
    let (format, rate) = match shape.sample_rate {
        8_000 => (MP3_8_KHZ, 0),
        11_025 | 12_000 => (MP3, 1),
        16_000 | 22_050 | 24_000 => (MP3, 2),
        _ => (MP3, 3),
    };
    format << 4 | rate << 2 | 1 << 1 | u8::from(shape.channels > 1)
}
