//! The VPCodecConfigurationRecord, always made from a key frame.

use bytes::Bytes;

use super::key::VpKey;
use crate::media::codec::fields::Fields;
use crate::media::codec::{ConfigError, VideoShape};
use crate::media::color::{ColorInfo, UNSPECIFIED};

/// A configuration made from a key frame, and from what the publisher announced where the frame does not tell.
#[derive(Clone, PartialEq, Debug)]
pub struct VpConfig {
    /// The record: what follows version and flags in a `vpcC` box.
    pub record: Bytes,
    /// Size and colours of its pictures.
    pub shape: VideoShape,
}

/// What a publisher announces of its pictures before the first of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VpRecord {
    /// Ten times the level; 0 where it is not told.
    level: u8,
    /// As in the record: 0 and 1 are 4:2:0 with chroma between the lines or on them.
    chroma_subsampling: u8,
    color: ColorInfo,
}

const RECORD: &str = "vpcC";
/// Version and flags of the FullBox that FFmpeg puts before the record, and bytes of the record behind it.
const FULL_BOX: [u8; 4] = [1, 0, 0, 0];
const RECORD_LEN: usize = 8;

/// 4:2:0 with chroma on the lines, which the binding takes where nothing is said.
const COLLOCATED: u8 = 1;

/// The levels of VP9 (annex A): ten times the level, most luma samples in a second, most in a picture, and the longest side.
const LEVELS: [(u8, u64, u64, u32); 14] = [
    (10, 829_440, 36_864, 512),
    (11, 2_764_800, 73_728, 768),
    (20, 4_608_000, 122_880, 960),
    (21, 9_216_000, 245_760, 1_344),
    (30, 20_736_000, 552_960, 2_048),
    (31, 36_864_000, 983_040, 2_752),
    (40, 83_558_400, 2_228_224, 4_160),
    (41, 160_432_128, 2_228_224, 4_160),
    (50, 311_951_360, 8_912_896, 8_384),
    (51, 588_251_136, 8_912_896, 8_384),
    (52, 1_176_502_272, 8_912_896, 8_384),
    (60, 1_176_502_272, 35_651_584, 16_832),
    (61, 2_353_004_544, 35_651_584, 16_832),
    (62, 4_706_009_088, 35_651_584, 16_832),
];
/// The matrix coefficients of RGB, which have no chroma to sample at a lower rate.
const RGB_MATRIX: u8 = 0;

/// Pictures in a second that a level is chosen for where the publisher announced none.
const ASSUMED_RATE: u64 = 30;

impl VpRecord {
    /// Reads a record as publishers send it, with or without the version and flags of its box.
    ///
    /// # Errors
    /// When it is too short.
    pub fn parse(record: &[u8]) -> Result<Self, ConfigError> {
        let bare = record.strip_prefix(&FULL_BOX).filter(|rest| rest.len() >= RECORD_LEN).unwrap_or(record);
        let mut rest = Fields::new(RECORD, bare);
        let [_profile, level, format, primaries, transfer, matrix] = rest.array()?;
        rest.take(2)?; // Length of initialization data, which neither codec has.
        let color = ColorInfo::new(primaries.into(), transfer.into(), matrix.into(), format & 1 != 0).with_depth(format >> 4);
        Ok(Self { level, chroma_subsampling: format >> 1 & 7, color })
    }
}

impl VpConfig {
    /// The configuration of the pictures from this key frame on. What the frame says goes before what was announced.
    pub fn new(key: &VpKey, announced: Option<&VpRecord>) -> Self {
        let color = announced.map_or(key.shape.color, |record| told(key.shape.color, record.color));
        let color = if key.subsampled[0] { without_rgb(color) } else { color };
        let depth = color.bit_depth.unwrap_or(8);
        let chroma = match key.subsampled {
            [true, true] => announced.map(|record| record.chroma_subsampling).filter(|&chroma| chroma <= COLLOCATED).unwrap_or(COLLOCATED),
            [true, false] => 2,
            [false, _] => 3,
        };
        let level = announced.map(|record| record.level).filter(|&level| fits(level, &key.shape)).unwrap_or_else(|| level(&key.shape));
        let format = depth << 4 | chroma << 1 | u8::from(color.full_range);
        let record = [key.profile, level, format, color.primaries, color.transfer, color.matrix, 0, 0];
        Self { record: Bytes::copy_from_slice(&record), shape: VideoShape { color, ..key.shape } }
    }

    /// The whole body of a `vpcC` box: version, flags and the record.
    pub fn full_box(&self) -> Bytes {
        [&FULL_BOX[..], &self.record].concat().into()
    }

    /// `PP.LL.DD`: profile, level and bit depth, each in two digits.
    fn brief(&self) -> String {
        let byte = |at: usize| self.record.get(at).copied().unwrap_or_default();
        format!("{:02}.{:02}.{:02}", byte(0), byte(1), byte(2) >> 4)
    }

    /// `vp08.PP.LL.DD` (VP Codec ISO Media File Format Binding): there is one sampling, and the colours are not told.
    pub fn rfc6381_vp8(&self) -> String {
        format!("vp08.{}", self.brief())
    }

    /// `vp09.PP.LL.DD.CC.cp.tc.mc.FF` (VP Codec ISO Media File Format Binding).
    pub fn rfc6381_vp9(&self) -> String {
        let byte = |at: usize| self.record.get(at).copied().unwrap_or_default();
        let (chroma, range) = (byte(2) >> 1 & 7, byte(2) & 1);
        format!("vp09.{}.{chroma:02}.{:02}.{:02}.{:02}.{range:02}", self.brief(), byte(3), byte(4), byte(5))
    }
}

/// The frame knows bit depth and range, and of the colours only what eight choices can tell: where its choice fits the announced colours,
/// those say more.
fn told(frame: ColorInfo, announced: ColorInfo) -> ColorInfo {
    let fits = !frame.is_specified() || (announced.primaries, announced.matrix) == (frame.primaries, frame.matrix);
    if fits { ColorInfo { full_range: frame.full_range, bit_depth: frame.bit_depth, ..announced } } else { frame }
}

/// FFmpeg announces the matrix of RGB for pictures that it converted from there, and forgot to say.
fn without_rgb(color: ColorInfo) -> ColorInfo {
    ColorInfo { matrix: if color.matrix == RGB_MATRIX { UNSPECIFIED } else { color.matrix }, ..color }
}

/// Whether that level exists and allows pictures of this size.
fn fits(level: u8, shape: &VideoShape) -> bool {
    LEVELS.iter().any(|&(name, _, samples, side)| name == level && is_within(shape, samples, side))
}

/// The lowest level for pictures of this size.
fn level(shape: &VideoShape) -> u8 {
    let rate = ASSUMED_RATE * samples(shape);
    let enough = LEVELS.iter().find(|&&(_, most, samples, side)| rate <= most && is_within(shape, samples, side));
    enough.map_or(62, |&(name, ..)| name)
}

fn is_within(shape: &VideoShape, most: u64, side: u32) -> bool {
    samples(shape) <= most && shape.width.max(shape.height) <= side
}

fn samples(shape: &VideoShape) -> u64 {
    u64::from(shape.width) * u64::from(shape.height)
}
