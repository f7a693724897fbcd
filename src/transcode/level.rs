//! Levels: the least that a decoder must be able to do for a rung, and the `codecs` parameter that follows from it.
//!
//! The encoder is told the level, so that playlists can name it before there is a frame.

use super::ladder::{Rung, RungCodec};

/// What a level allows, by its number in the bitstream.
struct Level {
    number: u8,
    /// Of a picture: macroblocks (H.264) or samples.
    picture: u64,
    /// Of a second, in the same.
    rate: u64,
    /// Kilobits per second, of the profile that rungs have by default.
    kilobits: u64,
}

const fn level(number: u8, picture: u64, rate: u64, kilobits: u64) -> Level {
    Level { number, picture, rate, kilobits }
}

/// ISO/IEC 14496-10 Table A-1, from level 3 on: decoders below it have gone, and it leaves small pictures room for references.
const H264: &[Level] = &[
    level(30, 1_620, 40_500, 10_000),
    level(31, 3_600, 108_000, 14_000),
    level(32, 5_120, 216_000, 20_000),
    level(40, 8_192, 245_760, 20_000),
    level(41, 8_192, 245_760, 50_000),
    level(42, 8_704, 522_240, 50_000),
    level(50, 22_080, 589_824, 135_000),
    level(51, 36_864, 983_040, 240_000),
    level(52, 36_864, 2_073_600, 240_000),
    level(60, 139_264, 4_177_920, 240_000),
    level(61, 139_264, 8_355_840, 480_000),
    level(62, 139_264, 16_711_680, 800_000),
];

/// ISO/IEC 23008-2 Tables A.8 and A.9, main tier; the number is thirty times the level.
const HEVC: &[Level] = &[
    level(90, 552_960, 16_588_800, 6_000),
    level(93, 983_040, 33_177_600, 10_000),
    level(120, 2_228_224, 66_846_720, 12_000),
    level(123, 2_228_224, 133_693_440, 20_000),
    level(150, 8_912_896, 267_386_880, 25_000),
    level(153, 8_912_896, 534_773_760, 40_000),
    level(156, 8_912_896, 1_069_547_520, 60_000),
    level(180, 35_651_584, 1_069_547_520, 60_000),
    level(183, 35_651_584, 2_139_095_040, 120_000),
    level(186, 35_651_584, 4_278_190_080, 240_000),
];

/// AV1 specification, annex A.3, main tier; the number is seq_level_idx.
const AV1: &[Level] = &[
    level(0, 147_456, 4_423_680, 1_500),
    level(1, 278_784, 8_363_520, 3_000),
    level(4, 665_856, 19_975_680, 6_000),
    level(5, 1_065_024, 31_950_720, 10_000),
    level(8, 2_359_296, 70_778_880, 12_000),
    level(9, 2_359_296, 141_557_760, 20_000),
    level(12, 8_912_896, 267_386_880, 30_000),
    level(13, 8_912_896, 534_773_760, 40_000),
    level(14, 8_912_896, 1_069_547_520, 60_000),
    level(16, 35_651_584, 1_069_547_520, 60_000),
    level(17, 35_651_584, 2_139_095_040, 100_000),
    level(18, 35_651_584, 4_278_190_080, 160_000),
];

/// The lowest level for pictures of this size, this many a second, at this many bits per second; the highest there is where none suffices.
pub(super) fn lowest(codec: RungCodec, (width, height): (u32, u32), frame_rate: f64, bit_rate: u32) -> u8 {
    let (levels, block) = match codec {
        RungCodec::H264 => (H264, 16),
        RungCodec::Hevc => (HEVC, 1),
        RungCodec::Av1 => (AV1, 1),
    };
    let picture = u64::from(width.div_ceil(block)) * u64::from(height.div_ceil(block));
    let rate = (picture as f64 * frame_rate) as u64;
    let kilobits = u64::from(bit_rate / 1_000);
    let fits = |level: &&Level| picture <= level.picture && rate <= level.rate && kilobits <= level.kilobits;
    levels.iter().find(fits).or(levels.last()).map_or(0, |level| level.number)
}

impl Rung {
    /// The `codecs` parameter (RFC 6381) that the rung's own configuration is expected to have. That configuration is what counts once it
    /// is there: hardware encoders, and AV1's, choose their level themselves.
    pub fn rfc6381(&self) -> String {
        let level = self.level;
        match self.codec {
            RungCodec::H264 => {
                let profile = match (self.profile.as_str(), self.preset.as_str()) {
                    // x264's fastest preset uses nothing that the baseline has not.
                    ("baseline", _) | (_, "ultrafast") => "42c0",
                    ("main", _) => "4d40",
                    _ => "6400",
                };
                format!("avc1.{profile}{level:02x}")
            }
            RungCodec::Hevc => format!("hvc1.{}.L{level}.90", if self.profile == "main10" { "2.4" } else { "1.6" }),
            RungCodec::Av1 => format!("av01.0.{level:02}M.{:02}", if self.profile == "main10" { 10 } else { 8 }),
        }
    }
}
