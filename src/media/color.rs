//! What the numbers in a picture mean: colour by the code points of ITU-T H.273, and the static metadata of HDR.

/// The code points that tell how coded pictures become light (ITU-T H.273 §8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ColorInfo {
    /// `ColourPrimaries`: 1 is BT.709, 9 BT.2020.
    pub primaries: u8,
    /// `TransferCharacteristics`: 1 is BT.709, 16 PQ, 18 HLG.
    pub transfer: u8,
    /// `MatrixCoefficients`: 1 is BT.709, 9 BT.2020 non-constant luminance.
    pub matrix: u8,
    /// Whether sample values use their whole range, not the one of television.
    pub full_range: bool,
    /// Bits of each luma sample; `None` where nothing tells.
    pub bit_depth: Option<u8>,
}

/// What the HLS attribute VIDEO-RANGE tells apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VideoRange {
    /// Standard dynamic range.
    Sdr,
    /// Hybrid Log-Gamma, which shows on either kind of display.
    Hlg,
    /// Perceptual quantiser: HDR10 and its kin.
    Pq,
}

/// The static metadata of HDR, each part where it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hdr {
    /// The display on which the content was graded.
    pub mastering: Option<MasteringDisplay>,
    /// How bright the content becomes.
    pub light: Option<ContentLight>,
}

/// The display on which the content was graded (SMPTE ST 2086).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MasteringDisplay {
    /// Its colours; `None` where only its luminance is told.
    pub colors: Option<DisplayColors>,
    /// Its brightest white in 0.0001 cd/m²; 0 where that is not told.
    pub max_luminance: u32,
    /// Its darkest black in 0.0001 cd/m².
    pub min_luminance: u32,
}

/// The chromaticities of a display: x and y of CIE 1931, in 0.00002.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DisplayColors {
    /// Red primary.
    pub red: [u16; 2],
    /// Green primary.
    pub green: [u16; 2],
    /// Blue primary.
    pub blue: [u16; 2],
    /// White point.
    pub white: [u16; 2],
}

/// How bright the content becomes (CTA-861.3), in cd/m²; 0 where one of them is not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentLight {
    /// `MaxCLL`: the brightest sample of all.
    pub max_content: u16,
    /// `MaxFALL`: the brightest average of a picture.
    pub max_average: u16,
}

/// The code point of all three for what is not specified.
pub const UNSPECIFIED: u8 = 2;

/// Code points that H.273 defines; others mean nothing and are taken as [`UNSPECIFIED`].
const PRIMARIES: [u8; 11] = [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22];
const LAST_TRANSFER: u8 = 18;
const LAST_MATRIX: u8 = 17;

const PQ: u8 = 16;
const HLG: u8 = 18;

/// What a chromaticity can be in 0.00002; other values mean that it is not told (ISO/IEC 23008-2 §D.3.28).
const CHROMATICITY_X: std::ops::RangeInclusive<u16> = 5..=37_000;
const CHROMATICITY_Y: std::ops::RangeInclusive<u16> = 5..=42_000;
/// The brightest that PQ can code: 10,000 cd/m², in 0.0001 cd/m².
const MAX_LUMINANCE: u32 = 100_000_000;

impl Default for ColorInfo {
    /// Nothing is specified.
    fn default() -> Self {
        Self { primaries: UNSPECIFIED, transfer: UNSPECIFIED, matrix: UNSPECIFIED, full_range: false, bit_depth: None }
    }
}

impl ColorInfo {
    /// These code points, of which those that H.273 does not define become [`UNSPECIFIED`].
    pub fn new(primaries: u32, transfer: u32, matrix: u32, full_range: bool) -> Self {
        let defined =
            |code: u32, is_defined: fn(u8) -> bool| u8::try_from(code).ok().filter(|code| is_defined(*code)).unwrap_or(UNSPECIFIED);
        Self {
            primaries: defined(primaries, |code| PRIMARIES.contains(&code)),
            transfer: defined(transfer, |code| matches!(code, 1 | 4..=LAST_TRANSFER)),
            matrix: defined(matrix, |code| matches!(code, 0 | 1 | 4..=LAST_MATRIX)),
            full_range,
            bit_depth: None,
        }
    }

    /// The same for samples of so many bits.
    #[must_use]
    pub fn with_depth(self, bits: u8) -> Self {
        Self { bit_depth: (8..=16).contains(&bits).then_some(bits), ..self }
    }

    /// Whether any code point is specified.
    pub fn is_specified(&self) -> bool {
        [self.primaries, self.transfer, self.matrix] != [UNSPECIFIED; 3]
    }

    /// The dynamic range, where the transfer characteristics tell it.
    pub fn range(&self) -> Option<VideoRange> {
        match self.transfer {
            UNSPECIFIED => None,
            PQ => Some(VideoRange::Pq),
            HLG => Some(VideoRange::Hlg),
            _ => Some(VideoRange::Sdr),
        }
    }

    /// These code points, with those of `other` where these do not tell. The range of sample values goes with the code points.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let told = |code: u8, other: u8| if code == UNSPECIFIED { other } else { code };
        Self {
            primaries: told(self.primaries, other.primaries),
            transfer: told(self.transfer, other.transfer),
            matrix: told(self.matrix, other.matrix),
            full_range: self.full_range || (!self.is_specified() && other.full_range),
            bit_depth: self.bit_depth.or(other.bit_depth),
        }
    }
}

impl VideoRange {
    /// As HLS writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        }
    }
}

impl Hdr {
    /// What is known here, and from `other` what is not.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { mastering: self.mastering.or(other.mastering), light: self.light.or(other.light) }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl MasteringDisplay {
    /// Bytes of the SEI message and of the box, which are alike.
    pub const LEN: usize = 24;

    /// A display with these properties, of which those that cannot be are taken as not told; `None` where nothing is left.
    pub fn new(colors: Option<DisplayColors>, max_luminance: u32, min_luminance: u32) -> Option<Self> {
        let colors = colors.filter(DisplayColors::is_possible);
        let luminance = (min_luminance < max_luminance && max_luminance <= MAX_LUMINANCE).then_some((max_luminance, min_luminance));
        let (max_luminance, min_luminance) = luminance.unwrap_or_default();
        (colors.is_some() || luminance.is_some()).then_some(Self { colors, max_luminance, min_luminance })
    }

    /// Reads the message `mastering_display_colour_volume` (ISO/IEC 23008-2 §D.2.28), whose fields a box `mdcv` has too.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let point = |at: usize| [number(at), number(at + 2)];
        let long = |at: usize| u32::from(number(at)) << 16 | u32::from(number(at + 2));
        let colors = DisplayColors { green: point(0), blue: point(4), red: point(8), white: point(12) };
        Self::new(Some(colors), long(16), long(20))
    }

    /// The same fields written; zeros where something is not told.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let points = self.colors.map_or([[0; 2]; 4], |colors| [colors.green, colors.blue, colors.red, colors.white]);
        let mut bytes = [0; Self::LEN];
        let (chromaticities, luminance) = bytes.split_at_mut(16);
        for (place, value) in chromaticities.chunks_exact_mut(2).zip(points.iter().flatten()) {
            place.copy_from_slice(&value.to_be_bytes());
        }
        for (place, value) in luminance.chunks_exact_mut(4).zip([self.max_luminance, self.min_luminance]) {
            place.copy_from_slice(&value.to_be_bytes());
        }
        bytes
    }
}

impl DisplayColors {
    fn is_possible(&self) -> bool {
        let points = [self.red, self.green, self.blue, self.white];
        points.iter().all(|[x, y]| CHROMATICITY_X.contains(x) && CHROMATICITY_Y.contains(y))
    }
}

impl ContentLight {
    /// Bytes of the SEI message and of the box, which are alike.
    pub const LEN: usize = 4;

    /// Content of this light; `None` where nothing is told.
    pub fn new(max_content: u16, max_average: u16) -> Option<Self> {
        (max_content != 0 || max_average != 0).then_some(Self { max_content, max_average })
    }

    /// Reads the message `content_light_level_info` (ISO/IEC 23008-2 §D.2.35), whose fields a box `clli` has too.
    pub fn from_bytes(&[c0, c1, a0, a1]: &[u8; Self::LEN]) -> Option<Self> {
        Self::new(u16::from_be_bytes([c0, c1]), u16::from_be_bytes([a0, a1]))
    }

    /// The same fields written.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let ([c0, c1], [a0, a1]) = (self.max_content.to_be_bytes(), self.max_average.to_be_bytes());
        [c0, c1, a0, a1]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn code_points_that_are_not_defined_count_as_unspecified() {
        assert_eq!(ColorInfo::new(0, 3, 3, false), ColorInfo::default());
        assert_eq!(ColorInfo::new(256 + 9, u32::MAX, 18, false), ColorInfo::default());
        let rgb = ColorInfo::new(1, 13, 0, true);
        assert_eq!((rgb.primaries, rgb.transfer, rgb.matrix, rgb.full_range), (1, 13, 0, true));
        assert_eq!(ColorInfo::default().with_depth(200).bit_depth, None);
    }

    #[test]
    fn the_range_follows_the_transfer_characteristics() {
        let range = |transfer| ColorInfo::new(9, transfer, 9, false).range().map(VideoRange::name);
        assert_eq!([1, 14, 16, 18, 2].map(range), [Some("SDR"), Some("SDR"), Some("PQ"), Some("HLG"), None]);
    }

    #[test]
    fn what_one_source_does_not_tell_another_may() {
        let stream = ColorInfo::new(9, 2, 9, false).with_depth(10);
        let told = ColorInfo::new(1, 16, 1, true).with_depth(8);
        assert_eq!(stream.or(told), ColorInfo::new(9, 16, 9, false).with_depth(10));
        assert_eq!(ColorInfo::default().or(told), told);
    }

    #[test]
    fn displays_that_cannot_be_are_not_told_of() {
        let colors = DisplayColors { red: [35_400, 14_600], green: [8_500, 39_850], blue: [6_550, 2_300], white: [15_635, 16_450] };
        let whole = MasteringDisplay::new(Some(colors), 10_000_000, 1).unwrap();
        assert_eq!(MasteringDisplay::from_bytes(&whole.to_bytes()), Some(whole));
        let red = DisplayColors { red: [50_000, 0], ..colors };
        assert_eq!(MasteringDisplay::new(Some(red), 10_000_000, 1).unwrap().colors, None);
        assert_eq!(MasteringDisplay::new(Some(colors), 1, 10_000_000).unwrap().max_luminance, 0);
        assert_eq!(MasteringDisplay::new(Some(red), u32::MAX, 0), None);
        assert_eq!(MasteringDisplay::from_bytes(&[0; 24]), None);
        assert_eq!(ContentLight::from_bytes(&[0; 4]), None);
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_and_read_alike(bytes in any::<[u8; 24]>(), light in any::<[u8; 4]>()) {
            if let Some(display) = MasteringDisplay::from_bytes(&bytes) {
                prop_assert_eq!(MasteringDisplay::from_bytes(&display.to_bytes()), Some(display));
            }
            if let Some(known) = ContentLight::from_bytes(&light) {
                prop_assert_eq!(known.to_bytes(), light);
            }
        }
    }
}
