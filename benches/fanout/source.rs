//! The synthetic stream: H.264 and AAC of a set bit rate, real in every header, filler in its slices and sounds.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate::flv::{FileHeader, TagHeader, TagKind};

use crate::stamp::{NAL_LEN, Stamp};

/// Pictures in a second.
pub const FRAME_RATE: u64 = 30;
/// Pictures from one keyframe to the next: two seconds.
pub const GOP: u64 = 60;
/// How much larger than the others a keyframe is; typical of live encoders at these rates.
const KEY_WEIGHT: u64 = 8;

const SAMPLE_RATE: u64 = 48_000;
const AAC_FRAME: u64 = 1_024;
/// Audio's share of the bit rate, within these bounds.
const AUDIO_SHARE: u64 = 16;
const AUDIO_RATE: std::ops::RangeInclusive<u64> = 32_000..=128_000;

/// 1280x720 at 30 frames a second, Main profile.
const AVC_RECORD: &[u8] = &[
    0x01, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x4d, 0x40, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80, 0x01, 0x00, 0x05, 0x68, 0xeb, 0xc3, 0xcb, 0x20,
];
/// 48 kHz, two channels, AAC-LC.
const AAC_RECORD: &[u8] = &[0x11, 0x90];

/// One message: an FLV tag's body with its time.
#[derive(Debug, Clone)]
pub struct Packet {
    pub kind: TagKind,
    pub timestamp_ms: u32,
    pub is_key: bool,
    pub body: Bytes,
}

/// Makes packet after packet; its owner keeps the time.
#[derive(Debug)]
pub struct Source {
    key_bytes: usize,
    other_bytes: usize,
    audio_bytes: usize,
    filler: Bytes,
    pictures: u64,
    sounds: u64,
}

impl Source {
    /// A stream of so many bits per second, sound included.
    pub fn new(bitrate: u64) -> Self {
        let audio_rate = (bitrate / AUDIO_SHARE).clamp(*AUDIO_RATE.start(), *AUDIO_RATE.end());
        let video_rate = bitrate.saturating_sub(audio_rate);
        let weight = video_rate / 8 * GOP / FRAME_RATE / (GOP - 1 + KEY_WEIGHT);
        // No picture is smaller than its own mark and a slice that says anything.
        let bytes = |weight: u64| (weight as usize).max(2 * NAL_LEN);
        let key_bytes = bytes(weight * KEY_WEIGHT);
        // A walk through all bytes above the emulation prevention range.
        let filler = (0..key_bytes).map(|at| 0x10 + (at * 31 % 0xe0) as u8).collect();
        Self {
            key_bytes,
            other_bytes: bytes(weight),
            audio_bytes: (audio_rate / 8 * AAC_FRAME / SAMPLE_RATE) as usize,
            filler,
            pictures: 0,
            sounds: 0,
        }
    }

    /// What decoders need first.
    pub fn configs() -> [Packet; 2] {
        let config =
            |kind, head: &[u8], record: &[u8]| Packet { kind, timestamp_ms: 0, is_key: false, body: [head, record].concat().into() };
        [config(TagKind::Video, &[0x17, 0, 0, 0, 0], AVC_RECORD), config(TagKind::Audio, &[0xaf, 0], AAC_RECORD)]
    }

    /// When the next packet is due, counted from the stream's beginning.
    pub fn due(&self) -> Duration {
        self.picture_due().min(self.sound_due())
    }

    /// The next packet, marked as sent at this moment of [`crate::stamp::now`]'s clock.
    pub fn next(&mut self, sent: u64) -> Packet {
        let timestamp_ms = self.due().as_millis() as u32;
        if self.picture_due() > self.sound_due() {
            let mut body = BytesMut::with_capacity(2 + self.audio_bytes);
            body.put_slice(&[0xaf, 1]);
            Stamp { frame: self.sounds, sent }.write(&mut body);
            body.put_slice(self.filler.get(NAL_LEN..self.audio_bytes).unwrap_or_default());
            self.sounds += 1;
            return Packet { kind: TagKind::Audio, timestamp_ms, is_key: true, body: body.freeze() };
        }
        let is_key = self.pictures.is_multiple_of(GOP);
        let body = self.picture(is_key, sent);
        self.pictures += 1;
        Packet { kind: TagKind::Video, timestamp_ms, is_key, body }
    }

    fn picture(&self, is_key: bool, sent: u64) -> Bytes {
        let (frame_type, slice, length) =
            if is_key { (0x17, [0x65, 0x88, 0x84], self.key_bytes) } else { (0x27, [0x41, 0x9a, 0x24], self.other_bytes) };
        let slice_bytes = length - NAL_LEN;
        let mut body = BytesMut::with_capacity(5 + 8 + length);
        body.put_slice(&[frame_type, 1, 0, 0, 0]);
        body.put_u32(NAL_LEN as u32);
        Stamp { frame: self.pictures, sent }.write(&mut body);
        body.put_u32(slice_bytes as u32);
        body.put_slice(&slice);
        body.put_slice(&self.filler[..slice_bytes - slice.len()]);
        body.freeze()
    }

    fn picture_due(&self) -> Duration {
        Duration::from_nanos(self.pictures * 1_000_000_000 / FRAME_RATE)
    }

    fn sound_due(&self) -> Duration {
        Duration::from_nanos(self.sounds * AAC_FRAME * 1_000_000_000 / SAMPLE_RATE)
    }
}

impl Packet {
    /// The packet as an FLV tag with its PreviousTagSize.
    pub fn tag(&self) -> Bytes {
        let header = TagHeader { kind: self.kind, body_len: self.body.len(), timestamp_ms: self.timestamp_ms };
        let mut out = BytesMut::with_capacity(self.body.len() + 15);
        header.write(&mut out);
        out.put_slice(&self.body);
        out.put_u32(self.body.len() as u32 + 11);
        out.freeze()
    }
}

/// What goes before the first tag of an FLV stream: file header and configurations.
pub fn flv_preamble() -> Bytes {
    let mut out = BytesMut::new();
    FileHeader { has_audio: true, has_video: true }.write(&mut out);
    for config in Source::configs() {
        out.put_slice(&config.tag());
    }
    out.freeze()
}
