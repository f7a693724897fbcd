//! Audio bodies: the legacy header (Adobe Video File Format 10.1 §E.4.2) and the Enhanced one (Enhanced RTMP v2).

use bytes::Bytes;
use smallvec::SmallVec;

use super::body::{Body, CodecTag, TrackBodies, TrackBody};
use super::error::DemuxError;
use crate::media::Kind;

/// One track's part of an audio body.
#[derive(Clone, PartialEq, Debug)]
pub struct AudioPacket {
    /// The track's number: 0 without multitrack.
    pub index: u8,
    /// How the codec is named.
    pub codec: CodecTag,
    /// What the payload is.
    pub kind: AudioPacketKind,
    /// The configuration record or the coded frames.
    pub payload: Bytes,
}

/// What an audio packet's payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AudioPacketKind {
    /// The codec's configuration record.
    Config,
    /// One or more whole frames.
    Coded {
        /// Nanoseconds to add to the timestamp.
        extra_nanos: u32,
    },
    /// The track ends.
    End,
    /// The order of channels. It comes for legacy AAC too, and does not change the codec.
    Multichannel,
    /// A packet type that is not known.
    Unknown(u8),
}

pub(super) const MP3: u8 = 2;
pub(super) const AAC: u8 = 10;
pub(super) const MP3_8_KHZ: u8 = 14;

pub(super) const ENHANCED: u8 = 9;
pub(super) const MULTITRACK: u8 = 5;

/// Takes an audio body apart into its tracks. A body without bytes, which means silence, has none.
///
/// # Errors
/// When the body ends inside a field, or exceeds a limit.
pub fn parse(body: &Bytes) -> Result<SmallVec<[AudioPacket; 1]>, DemuxError> {
    let Some(&first) = body.first() else { return Ok(SmallVec::new()) };
    let mut rest = Body::new(Kind::Audio, body);
    rest.u8()?;
    if first >> 4 != ENHANCED {
        return legacy(first >> 4, &mut rest).map(|packet| SmallVec::from_elem(packet, 1));
    }
    let (mut packet_type, extra_nanos) = rest.mod_ex(first & 0x0F)?;
    let tracks: TrackBodies = if packet_type == MULTITRACK {
        let (inner, tracks) = rest.tracks(MULTITRACK)?;
        packet_type = inner;
        tracks
    } else {
        rest.single()?
    };
    Ok(tracks.into_iter().map(|track| enhanced(track, packet_type, extra_nanos)).collect())
}

fn legacy(format: u8, rest: &mut Body<'_>) -> Result<AudioPacket, DemuxError> {
    let kind = match format {
        AAC => match rest.u8()? {
            0 => AudioPacketKind::Config,
            1 => AudioPacketKind::Coded { extra_nanos: 0 },
            other => AudioPacketKind::Unknown(other),
        },
        _ => AudioPacketKind::Coded { extra_nanos: 0 },
    };
    Ok(AudioPacket { index: 0, codec: CodecTag::Legacy(format), kind, payload: rest.rest() })
}

fn enhanced(TrackBody { index, codec, payload }: TrackBody, packet_type: u8, extra_nanos: u32) -> AudioPacket {
    let kind = match packet_type {
        0 => AudioPacketKind::Config,
        1 => AudioPacketKind::Coded { extra_nanos },
        2 => AudioPacketKind::End,
        4 => AudioPacketKind::Multichannel,
        other => AudioPacketKind::Unknown(other),
    };
    AudioPacket { index, codec, kind, payload }
}
