//! Video bodies: the legacy header (Adobe Video File Format 10.1 §E.4.3) and the Enhanced one (Enhanced RTMP v2).

use bytes::Bytes;
use smallvec::SmallVec;

use super::body::{Body, CodecTag, TrackBodies, TrackBody};
use super::error::DemuxError;
use crate::media::Kind;

/// One track's part of a video body.
#[derive(Clone, PartialEq, Debug)]
pub struct VideoPacket {
    /// The track's number: 0 without multitrack.
    pub index: u8,
    /// How the codec is named.
    pub codec: CodecTag,
    /// What the payload is.
    pub kind: VideoPacketKind,
    /// The configuration record or the coded frame.
    pub payload: Bytes,
}

/// What a video packet's payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VideoPacketKind {
    /// The codec's configuration record.
    Config,
    /// The video descriptor that MPEG-2 transport streams have in the place of a record; defined for AV1.
    Descriptor,
    /// One access unit. Whether it is a key frame is for the bitstream to say: the header's frame type is wrong too often.
    Coded {
        /// Composition time in milliseconds; 0 for codecs without one.
        cts_ms: i32,
        /// Nanoseconds to add to the presentation time.
        extra_nanos: u32,
    },
    /// The track ends.
    End,
    /// A seek command: no media.
    Command,
    /// HDR metadata as AMF0.
    Metadata,
    /// A packet type that is not known.
    Unknown(u8),
}

pub(super) const AVC: u8 = 7;
/// Not of the standard, but what encoders sent before there was the Enhanced header.
pub(super) const HEVC: u8 = 12;
/// Of the same origin.
pub(super) const AV1: u8 = 13;

const COMMAND: u8 = 5;
const METADATA: u8 = 4;
pub(super) const MULTITRACK: u8 = 6;

/// Takes a video body apart into its tracks. A body without bytes has none.
///
/// # Errors
/// When the body ends inside a field, or exceeds a limit.
pub fn parse(body: &Bytes) -> Result<SmallVec<[VideoPacket; 1]>, DemuxError> {
    let Some(&first) = body.first() else { return Ok(SmallVec::new()) };
    let mut rest = Body::new(Kind::Video, body);
    rest.u8()?;
    if first & 0x80 == 0 {
        return legacy(first, &mut rest).map(|packet| SmallVec::from_elem(packet, 1));
    }
    let frame_type = first >> 4 & 7;
    let (mut packet_type, extra_nanos) = rest.mod_ex(first & 0x0F)?;
    // FFmpeg marks metadata with the frame type of commands, so metadata goes first.
    if packet_type != METADATA && frame_type == COMMAND {
        return Ok(SmallVec::from_elem(command(CodecTag::Legacy(0)), 1));
    }
    let tracks: TrackBodies = if packet_type == MULTITRACK {
        let (inner, tracks) = rest.tracks(MULTITRACK)?;
        packet_type = inner;
        tracks
    } else {
        rest.single()?
    };
    Ok(tracks.into_iter().map(|track| enhanced(track, packet_type, extra_nanos)).collect())
}

fn legacy(first: u8, rest: &mut Body<'_>) -> Result<VideoPacket, DemuxError> {
    let codec = CodecTag::Legacy(first & 0x0F);
    if first >> 4 == COMMAND {
        return Ok(command(codec));
    }
    if !matches!(codec, CodecTag::Legacy(AVC | HEVC | AV1)) {
        return Ok(VideoPacket { index: 0, codec, kind: VideoPacketKind::Unknown(0), payload: rest.rest() });
    }
    let packet_type = rest.u8()?;
    let composition = si24(rest.take()?);
    // The layout has room for one, but AV1 shows its frames in the order of decoding.
    let cts_ms = if codec == CodecTag::Legacy(AV1) { 0 } else { composition };
    let kind = match packet_type {
        0 => VideoPacketKind::Config,
        1 => VideoPacketKind::Coded { cts_ms, extra_nanos: 0 },
        2 => VideoPacketKind::End,
        other => VideoPacketKind::Unknown(other),
    };
    Ok(VideoPacket { index: 0, codec, kind, payload: rest.rest() })
}

fn enhanced(track: TrackBody, packet_type: u8, extra_nanos: u32) -> VideoPacket {
    let TrackBody { index, codec, mut payload } = track;
    let kind = match packet_type {
        0 => VideoPacketKind::Config,
        1 => {
            // A part too short for its composition time holds no frame: it stays without bytes, and the other tracks go on.
            let cts = payload.split_to(if matches!(codec, CodecTag::FourCc(four_cc) if has_composition_time(four_cc)) {
                payload.len().min(3)
            } else {
                0
            });
            VideoPacketKind::Coded { cts_ms: cts.first_chunk().copied().map_or(0, si24), extra_nanos }
        }
        2 => VideoPacketKind::End,
        3 => VideoPacketKind::Coded { cts_ms: 0, extra_nanos },
        METADATA => VideoPacketKind::Metadata,
        5 => VideoPacketKind::Descriptor,
        other => VideoPacketKind::Unknown(other),
    };
    VideoPacket { index, codec, kind, payload }
}

fn command(codec: CodecTag) -> VideoPacket {
    VideoPacket { index: 0, codec, kind: VideoPacketKind::Command, payload: Bytes::new() }
}

/// Whether coded frames of that FourCC carry a composition time.
pub(super) fn has_composition_time(four_cc: [u8; 4]) -> bool {
    matches!(&four_cc, b"avc1" | b"hvc1" | b"vvc1")
}

fn si24([high, middle, low]: [u8; 3]) -> i32 {
    i32::from_be_bytes([high, middle, low, 0]) >> 8
}
