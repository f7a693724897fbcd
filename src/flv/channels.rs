//! The MultichannelConfig packet of Enhanced audio (Enhanced RTMP v2, "AudioChannelOrder").

use bytes::Bytes;

use super::body::Body;
use super::error::DemuxError;
use crate::media::channels::Speaker;
use crate::media::{ChannelLayout, Kind};

const UNSPECIFIED: u8 = 0;
const NATIVE: u8 = 1;
const CUSTOM: u8 = 2;

/// The layout that a packet's payload tells.
///
/// # Errors
/// When it ends early, tells no channel or too many, or a mask of another number of speakers than channels.
pub(super) fn parse(payload: &Bytes) -> Result<ChannelLayout, DemuxError> {
    let mut rest = Body::new(Kind::Audio, payload);
    let (order, count) = (rest.u8()?, rest.u8()?);
    let layout = match order {
        UNSPECIFIED => ChannelLayout::of_count(count),
        NATIVE => ChannelLayout::of_mask(u32::from_be_bytes(rest.take()?)).filter(|layout| layout.count == count),
        CUSTOM => ChannelLayout::of_speakers(rest.slice(count.into())?.iter().copied().map(Speaker)),
        _ => None,
    };
    layout.ok_or(DemuxError::Channels { order, count })
}
