//! The MultichannelConfig packet of Enhanced audio, both ways (Enhanced RTMP v2, "AudioChannelOrder").

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

/// The payload that tells a layout: as a mask where its speakers stand in the order of their bits.
pub(super) fn body(layout: &ChannelLayout) -> Bytes {
    let Some(speakers) = &layout.speakers else { return vec![UNSPECIFIED, layout.count].into() };
    let in_order = speakers.is_sorted_by(|one, next| one < next) && speakers.iter().all(|speaker| speaker.0 < Speaker::PLACES);
    if in_order {
        let mask = speakers.iter().fold(0u32, |mask, speaker| mask | 1 << speaker.0);
        return [&[NATIVE, layout.count][..], &mask.to_be_bytes()].concat().into();
    }
    [CUSTOM, layout.count].into_iter().chain(speakers.iter().map(|speaker| speaker.0)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_layout_is_told_as_a_mask_where_that_is_possible() {
        let told = |layout: Option<ChannelLayout>| body(&layout.unwrap()).to_vec();
        assert_eq!(told(ChannelLayout::of_mask(0x3F)), [1, 6, 0, 0, 0, 0x3F]);
        assert_eq!(told(ChannelLayout::of_speakers([2, 0, 1].map(Speaker))), [2, 3, 2, 0, 1]);
        assert_eq!(told(ChannelLayout::of_speakers([0, 0xFE].map(Speaker))), [2, 2, 0, 0xFE]);
        assert_eq!(told(ChannelLayout::of_count(8)), [0, 8]);
    }

    proptest! {
        #[test]
        fn what_is_told_reads_back_the_same(speakers in prop::collection::vec(any::<u8>(), 1..64), are_known in any::<bool>()) {
            let layout = match are_known {
                true => ChannelLayout::of_speakers(speakers.into_iter().map(Speaker)),
                false => ChannelLayout::of_count(speakers.len() as u8),
            };
            let layout = layout.unwrap();
            prop_assert_eq!(parse(&body(&layout)), Ok(layout));
        }
    }
}
