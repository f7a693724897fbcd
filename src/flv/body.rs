//! What audio and video bodies share: checked reading, FourCCs, ModEx blocks and multitrack layouts (Enhanced RTMP v2).

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::error::DemuxError;
use crate::media::Kind;

/// ModEx blocks accepted in one body; one is defined.
pub const MAX_MOD_EX: usize = 8;

/// Tracks accepted of each kind: numbers 0 to 15.
pub const MAX_TRACKS: u8 = 16;

/// How a body names its codec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodecTag {
    /// CodecID or SoundFormat of the legacy header.
    Legacy(u8),
    /// FourCC of the Enhanced header.
    FourCc([u8; 4]),
}

/// One track's part of a body, still to be understood by its codec and packet type.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct TrackBody {
    pub index: u8,
    pub codec: CodecTag,
    /// What follows the FourCC, or the track's number and size.
    pub payload: Bytes,
}

pub(super) type TrackBodies = SmallVec<[TrackBody; 1]>;

/// Packet type that announces a ModEx block, in audio and video alike.
pub(super) const MOD_EX: u8 = 7;

/// A cursor over a body that checks every read.
pub(super) struct Body<'a> {
    kind: Kind,
    bytes: &'a Bytes,
    position: usize,
}

impl<'a> Body<'a> {
    pub fn new(kind: Kind, bytes: &'a Bytes) -> Self {
        Self { kind, bytes, position: 0 }
    }

    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], DemuxError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = *rest.first_chunk().ok_or_else(|| self.truncated(N))?;
        self.position += N;
        Ok(taken)
    }

    pub fn u8(&mut self) -> Result<u8, DemuxError> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub fn slice(&mut self, length: usize) -> Result<Bytes, DemuxError> {
        if self.left() < length {
            return Err(self.truncated(length));
        }
        self.position += length;
        Ok(self.bytes.slice(self.position - length..self.position))
    }

    pub fn rest(&mut self) -> Bytes {
        let rest = self.bytes.slice(self.position..);
        self.position = self.bytes.len();
        rest
    }

    /// Passes over the ModEx blocks that follow `packet_type`: the packet type behind them, and the nanoseconds they add.
    pub fn mod_ex(&mut self, mut packet_type: u8) -> Result<(u8, u32), DemuxError> {
        let mut nanos = 0;
        let mut blocks = 0;
        while packet_type == MOD_EX {
            if blocks == MAX_MOD_EX {
                return Err(DemuxError::TooManyModEx { kind: self.kind, position: self.position });
            }
            blocks += 1;
            let size = match usize::from(self.u8()?) + 1 {
                256 => usize::from(u16::from_be_bytes(self.take()?)) + 1,
                size => size,
            };
            let data = self.slice(size)?;
            let next = self.u8()?;
            packet_type = next & 0x0F;
            // Type 0 is TimestampOffsetNano; others are not defined yet.
            if let (0, Some(&[high, middle, low])) = (next >> 4, data.first_chunk()) {
                nanos = u32::from_be_bytes([0, high, middle, low]).min(999_999);
            }
        }
        Ok((packet_type, nanos))
    }

    /// The one track of a body without multitrack.
    pub fn single(&mut self) -> Result<TrackBodies, DemuxError> {
        let codec = CodecTag::FourCc(self.take()?);
        Ok(smallvec![TrackBody { index: 0, codec, payload: self.rest() }])
    }

    /// The tracks of a multitrack body, and the packet type that holds for all of them. `multitrack` is the packet type that may not
    /// occur again inside.
    pub fn tracks(&mut self, multitrack: u8) -> Result<(u8, TrackBodies), DemuxError> {
        let layout_at = self.position;
        let layout = self.u8()?;
        let (layout_type, packet_type) = (layout >> 4, layout & 0x0F);
        if layout_type > 2 || packet_type == multitrack || packet_type == MOD_EX {
            return Err(DemuxError::Multitrack { kind: self.kind, position: layout_at, value: layout });
        }
        let mut tracks = TrackBodies::new();
        let mut codec = if layout_type == 2 { None } else { Some(CodecTag::FourCc(self.take()?)) };
        while self.left() > 0 || tracks.is_empty() {
            if layout_type == 2 {
                codec = Some(CodecTag::FourCc(self.take()?));
            }
            let index = self.track_index()?;
            let payload = match layout_type {
                0 => self.rest(),
                _ => {
                    let [high, middle, low] = self.take()?;
                    self.slice(u32::from_be_bytes([0, high, middle, low]) as usize)?
                }
            };
            let codec = codec.expect("read before the loop or at the top of it");
            // Of several parts for one track the first counts, so there are never more parts than tracks.
            if tracks.iter().all(|track| track.index != index) {
                tracks.push(TrackBody { index, codec, payload });
            }
        }
        Ok((packet_type, tracks))
    }

    fn track_index(&mut self) -> Result<u8, DemuxError> {
        let position = self.position;
        let index = self.u8()?;
        if index >= MAX_TRACKS {
            return Err(DemuxError::TrackNumber { kind: self.kind, position, index });
        }
        Ok(index)
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    fn truncated(&self, needed: usize) -> DemuxError {
        DemuxError::Truncated { kind: self.kind, position: self.position, needed, left: self.left() }
    }
}
