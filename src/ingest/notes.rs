//! What is known of a track beside its codec.

use crate::media::{Captions, ChannelLayout, ColorInfo, Hdr, Track};

/// What publisher and bitstream told of a track, apart from its configuration.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Notes {
    /// The publisher's word for the colours and for HDR.
    pub told: (ColorInfo, Hdr),
    /// What the first key frame behind the configuration has.
    pub key_frame: Hdr,
    /// The publisher's word for the speakers.
    pub channels: Option<ChannelLayout>,
    /// What the pictures carry.
    pub captions: Captions,
}

impl Notes {
    /// The track with all that is known of it: the bitstream wins, and speakers of another number than the codec's channels are none.
    pub fn complete(&self, track: Track) -> Track {
        let (color, hdr) = self.told;
        let sound = track.codec.audio();
        let is_video = track.codec.video().is_some();
        Track {
            color: if is_video { track.color.or(color) } else { track.color },
            hdr: if is_video { track.hdr.or(self.key_frame).or(hdr) } else { track.hdr },
            channels: self.channels.clone().filter(|layout| sound.is_some_and(|shape| shape.channels == layout.count)),
            captions: self.captions,
            ..track
        }
    }
}
