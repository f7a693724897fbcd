//! The bodies that go out, and the times that they go out with.
//!
//! A [`MessageBody`] is what RTMP sends as it is and FLV puts into a tag.

use bytes::{BufMut, Bytes, BytesMut};

use super::tag::{TAG_HEADER_LEN, TIMESTAMP_SPAN, TRAILER_LEN, TagHeader, TagKind};
use crate::media::{Sample, Timestamp};

/// The body of one RTMP message or FLV tag: a few bytes of header, then the coded bytes, still shared with the sample.
#[derive(Clone, PartialEq, Debug)]
pub struct MessageBody {
    /// What it carries.
    pub kind: TagKind,
    head: Head,
    data: Bytes,
}

/// The bytes of a body before its data.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Head {
    bytes: [u8; MAX_HEAD],
    len: u8,
}

/// First byte, ModEx block of three bytes, multitrack layout, FourCC, track number and composition time of the Enhanced header.
pub(super) const MAX_HEAD: usize = 1 + 5 + 1 + 4 + 1 + 3;

impl Head {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut head = Self::default();
        head.put(bytes);
        head
    }

    /// Appends; all forms together stay within [`MAX_HEAD`].
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }
}

impl MessageBody {
    pub(super) fn new(kind: TagKind, head: Head, data: Bytes) -> Self {
        Self { kind, head, data }
    }

    /// The header's bytes: a few.
    pub fn head(&self) -> &[u8] {
        &self.head.bytes[..usize::from(self.head.len)]
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
    /// Nanoseconds by which the presentation time lies behind what the others tell; 0 where they are rounded.
    pub extra_nanos: u32,
}

impl WireTime {
    /// The times of a sample. Decoding and presentation time are rounded each for itself: the rounding of their difference would let
    /// presentation times jitter by a millisecond.
    pub fn of(sample: &Sample) -> Self {
        Self::from_millis(sample.dts.millis(), sample.pts().millis(), 0)
    }

    /// The same to the nanosecond, for peers that add what ModEx tells: milliseconds are rounded down here, since it only adds.
    pub fn exact(sample: &Sample) -> Self {
        let (pts, nanos) = whole_millis(sample.pts());
        Self::from_millis(whole_millis(sample.dts).0, pts, nanos)
    }

    fn from_millis(dts: i64, pts: i64, extra_nanos: u32) -> Self {
        let cts = pts.saturating_sub(dts).clamp(-0x80_0000, 0x7F_FFFF);
        Self { timestamp_ms: wrapped(dts), cts_ms: cts as i32, extra_nanos }
    }
}

/// A moment of the stream's timeline as a tag or message tells it.
pub fn timestamp(at: Timestamp) -> u32 {
    wrapped(at.millis())
}

fn wrapped(millis: i64) -> u32 {
    millis.max(0).rem_euclid(i64::from(TIMESTAMP_SPAN)) as u32
}

/// Whole milliseconds, and the nanoseconds behind them.
fn whole_millis(at: Timestamp) -> (i64, u32) {
    let nanos = (i128::from(at.ticks()) * 1_000_000_000).div_euclid(i128::from(at.scale().hz()));
    let (millis, rest) = (nanos.div_euclid(1_000_000), nanos.rem_euclid(1_000_000));
    (millis.clamp(i64::MIN.into(), i64::MAX.into()) as i64, rest as u32)
}
