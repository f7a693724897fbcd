//! Which speaker each channel of a sound track is for.

use smallvec::SmallVec;

/// Most channels of one track: what a program config element of AAC can name.
pub const MAX_CHANNELS: u8 = 64;

/// The channels of a sound track as the publisher tells them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelLayout {
    /// How many there are: 1 to [`MAX_CHANNELS`].
    pub count: u8,
    /// The speaker of each, in their order in the coded sound; `None` where only their number is told.
    pub speakers: Option<SmallVec<[Speaker; 8]>>,
}

/// A speaker's number (Enhanced RTMP v2, `AudioChannel`): 0 to 23 for a place in the room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Speaker(pub u8);

impl Speaker {
    /// How many numbers stand for places.
    pub const PLACES: u8 = 24;

    /// The bit of a place in a mask; none for channels that are unused or whose speaker is unknown.
    fn bit(self) -> u32 {
        if self.0 < Self::PLACES { 1 << self.0 } else { 0 }
    }
}

/// The bits of the places, by their usual short names.
mod place {
    pub const FL: u32 = 1;
    pub const FR: u32 = 1 << 1;
    pub const FC: u32 = 1 << 2;
    pub const LFE: u32 = 1 << 3;
    pub const BL_BR: u32 = 3 << 4;
    pub const FLC_FRC: u32 = 3 << 6;
    pub const BC: u32 = 1 << 8;
    pub const SL_SR: u32 = 3 << 9;
    pub const TFL_TFR: u32 = 1 << 12 | 1 << 14;
    pub const TBL_TBR: u32 = 1 << 15 | 1 << 17;
    pub const ALL: u32 = (1 << 24) - 1;
    pub const STEREO: u32 = FL | FR;
    pub const FRONT: u32 = STEREO | FC;
    pub const FIVE_ONE: u32 = FRONT | LFE | SL_SR;
}

/// Sets of speakers and their `ChannelConfiguration` (ISO/IEC 23091-3 table 1). One pair of surround speakers stands at the sides, whether
/// the publisher calls it so or puts it behind.
const CONFIGURATIONS: [(u32, u8); 15] = [
    (place::FC, 1),
    (place::STEREO, 2),
    (place::FRONT, 3),
    (place::FRONT | place::BC, 4),
    (place::FRONT | place::SL_SR, 5),
    (place::FIVE_ONE, 6),
    (place::FIVE_ONE | place::FLC_FRC, 7),
    (place::STEREO | place::BC, 9),
    (place::STEREO | place::SL_SR, 10),
    (place::FIVE_ONE | place::BC, 11),
    (place::FIVE_ONE | place::BL_BR, 12),
    (place::ALL, 13),
    (place::FIVE_ONE | place::TFL_TFR, 14),
    (place::FIVE_ONE | place::TFL_TFR | place::TBL_TBR, 16),
    (place::FIVE_ONE | place::BL_BR | place::TFL_TFR | place::TBL_TBR, 19),
];

impl ChannelLayout {
    /// So many channels, of which no more is known. `None` for none or too many.
    pub fn of_count(count: u8) -> Option<Self> {
        (1..=MAX_CHANNELS).contains(&count).then_some(Self { count, speakers: None })
    }

    /// A channel for each of these speakers, in this order. `None` for none or too many.
    pub fn of_speakers(speakers: impl IntoIterator<Item = Speaker>) -> Option<Self> {
        let speakers: SmallVec<[Speaker; 8]> = speakers.into_iter().take(usize::from(MAX_CHANNELS) + 1).collect();
        let count = u8::try_from(speakers.len()).ok()?;
        Some(Self { speakers: Some(speakers), ..Self::of_count(count)? })
    }

    /// A channel for each place whose bit is set, from the lowest on.
    pub fn of_mask(mask: u32) -> Option<Self> {
        Self::of_speakers((0..Speaker::PLACES).map(Speaker).filter(|speaker| mask & speaker.bit() != 0))
    }

    /// The `ChannelConfiguration` that these speakers make (ISO/IEC 23091-3); `None` where they make none, or are not known.
    pub fn configuration(&self) -> Option<u8> {
        let speakers = self.speakers.as_ref()?;
        let mask = speakers.iter().fold(0, |mask, speaker| mask | speaker.bit());
        if mask.count_ones() as usize != speakers.len() {
            return None;
        }
        let only_behind = mask & place::BL_BR == place::BL_BR && mask & place::SL_SR == 0;
        let mask = if only_behind { mask & !place::BL_BR | place::SL_SR } else { mask };
        CONFIGURATIONS.iter().find(|(speakers, _)| *speakers == mask).map(|(_, configuration)| *configuration)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn configuration(mask: u32) -> Option<u8> {
        ChannelLayout::of_mask(mask)?.configuration()
    }

    #[test]
    fn usual_layouts_have_their_configuration() {
        assert_eq!([0b100, 0b11, 0b111].map(configuration), [Some(1), Some(2), Some(3)]);
        // 5.1 with its surround pair behind and at the sides, 7.1 and its wide form.
        assert_eq!([0x3F, 0x60F, 0x63F, 0xFF].map(configuration), [Some(6), Some(6), Some(12), Some(7)]);
        // 6.1, quadraphonic, 5.1.4 and 22.2.
        assert_eq!([0x70F, 0x33, 0x2D60F, 0xFF_FFFF].map(configuration), [Some(11), Some(10), Some(16), Some(13)]);
        assert_eq!([0, 0b1000, 0x100_0000].map(configuration), [None, None, None]);
    }

    #[test]
    fn the_order_of_channels_does_not_matter_but_each_needs_a_place() {
        let aac = [2, 0, 1, 4, 5, 3].map(Speaker);
        assert_eq!(ChannelLayout::of_speakers(aac).unwrap().configuration(), Some(6));
        let twice = [0, 1, 1].map(Speaker);
        assert_eq!(ChannelLayout::of_speakers(twice).unwrap().configuration(), None);
        let unknown = [0, 1, 0xFF].map(Speaker);
        assert_eq!(ChannelLayout::of_speakers(unknown).unwrap().configuration(), None);
    }

    #[test]
    fn channels_are_counted_within_their_limit() {
        assert_eq!(ChannelLayout::of_count(0), None);
        assert_eq!(ChannelLayout::of_count(MAX_CHANNELS + 1), None);
        assert_eq!(ChannelLayout::of_speakers([Speaker(0xFE); 65]), None);
        assert_eq!(ChannelLayout::of_speakers([Speaker(0xFE); 64]).unwrap().count, 64);
    }

    proptest! {
        #[test]
        fn a_mask_gives_as_many_channels_as_it_has_places(mask in any::<u32>()) {
            let places = (mask & place::ALL).count_ones() as u8;
            prop_assert_eq!(ChannelLayout::of_mask(mask).map_or(0, |layout| layout.count), places);
        }
    }
}
