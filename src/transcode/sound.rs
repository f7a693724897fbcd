//! The ladder's sound: whether the source's is coded anew, and into what.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::ladder::LadderError;
use crate::media::Codec;
use crate::media::codec::aac::USAC;

/// The bit rates that can be asked for, in bits per second.
pub const AUDIO_BIT_RATES: RangeInclusive<u32> = 16_000..=512_000;

/// The sample rates that are kept: those that players of AAC have always known.
const KEPT_RATES: [u32; 6] = [48_000, 44_100, 32_000, 24_000, 22_050, 16_000];
/// What all others become.
const USUAL_RATE: u32 = 48_000;
/// More channels are mixed down: every player has two.
const MOST_CHANNELS: u8 = 2;
/// Bits that AAC may spend on a sample of a channel: 6144 in a frame of 1024 (ISO/IEC 14496-3 §4.5.1).
const MOST_BITS_PER_SAMPLE: u32 = 6;

/// What the operator wishes of a ladder's sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audio {
    /// The source's, as it is.
    #[default]
    Copy,
    /// AAC, where the source's is in another codec.
    Auto,
    /// AAC, whatever the source's is.
    Aac,
}

/// Sound as it is made: AAC-LC, of the source's first track.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sound {
    /// Samples per second.
    pub sample_rate: u32,
    /// One or two.
    pub channels: u8,
    /// Bits per second, on average.
    pub bit_rate: u32,
}

/// Whether sound can be asked for with so many bits per second.
///
/// # Errors
/// When it cannot.
pub fn check(bit_rate: u32) -> Result<(), LadderError> {
    if AUDIO_BIT_RATES.contains(&bit_rate) { Ok(()) } else { Err(LadderError::Sound { bit_rate }) }
}

impl Sound {
    /// What to make of a track in that codec; none where it is to stay as it is.
    pub fn resolve(wish: Audio, bit_rate: u32, source: &Codec) -> Option<Self> {
        let shape = source.audio()?;
        // Of extended HE-AAC few players know anything.
        let is_aac = matches!(source, Codec::Aac(config) if config.object_type != USAC);
        let is_made = match wish {
            Audio::Copy => false,
            Audio::Auto => !is_aac,
            Audio::Aac => true,
        };
        let sample_rate = if KEPT_RATES.contains(&shape.sample_rate) { shape.sample_rate } else { USUAL_RATE };
        let channels = shape.channels.clamp(1, MOST_CHANNELS);
        let most = sample_rate * u32::from(channels) * MOST_BITS_PER_SAMPLE;
        is_made.then_some(Self { sample_rate, channels, bit_rate: bit_rate.min(most) })
    }

    /// Whether an encoder can be asked for it.
    pub(super) fn is_possible(&self) -> bool {
        KEPT_RATES.contains(&self.sample_rate) && (1..=MOST_CHANNELS).contains(&self.channels) && AUDIO_BIT_RATES.contains(&self.bit_rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::{AacConfig, OpusConfig};

    fn sound(sample_rate: u32, channels: u8, bit_rate: u32) -> Option<Sound> {
        Some(Sound { sample_rate, channels, bit_rate })
    }

    #[test]
    fn what_is_aac_already_stays_where_other_codecs_alone_are_to_be_coded_anew() {
        let [aac, surround] = [[0x11, 0x90], [0x11, 0xB0]].map(|record| Codec::Aac(AacConfig::parse(&record).unwrap()));
        let opus = Codec::Opus(OpusConfig::of_channels(2));
        for (wish, source, expected) in [
            (Audio::Copy, &opus, None),
            (Audio::Auto, &aac, None),
            (Audio::Auto, &opus, sound(48_000, 2, 96_000)),
            (Audio::Aac, &aac, sound(48_000, 2, 96_000)),
            (Audio::Aac, &surround, sound(48_000, 2, 96_000)),
            (Audio::Aac, &Codec::Script, None),
        ] {
            assert_eq!(Sound::resolve(wish, 96_000, source), expected, "{wish:?} {}", source.name());
        }
    }

    #[test]
    fn rates_are_those_that_players_know_and_no_encoder_is_asked_for_more_than_fits() {
        // 96 kHz in stereo, and 16 kHz in mono.
        let [high, low] = [[0x10, 0x10], [0x14, 0x08]].map(|record| Codec::Aac(AacConfig::parse(&record).unwrap()));
        assert_eq!(Sound::resolve(Audio::Aac, 128_000, &high), sound(48_000, 2, 128_000));
        assert_eq!(Sound::resolve(Audio::Aac, 128_000, &low), sound(16_000, 1, 96_000));
    }
}
