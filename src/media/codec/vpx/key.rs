//! What the first bytes of a frame tell: RFC 6386 §9.1 for VP8, VP9 bitstream specification §6.2 for VP9.

use crate::media::bits::{BitReader, BitsError};
use crate::media::codec::{ConfigError, ConfigProblem, VideoShape, picture_size};
use crate::media::color::{ColorInfo, UNSPECIFIED};

/// What a frame is.
#[derive(Clone, PartialEq, Debug)]
pub enum VpFrame {
    /// A key frame, with all that decoding needs.
    Key(VpKey),
    /// A frame that refers to others.
    Inter,
}

/// What a key frame says of itself.
#[derive(Clone, PartialEq, Debug)]
pub struct VpKey {
    pub(super) profile: u8,
    /// Whether chroma is sampled at half the luma's rate, across and down.
    pub(super) subsampled: [bool; 2],
    pub(super) shape: VideoShape,
}

const VP8: &str = "VP8 frame header";
const VP9: &str = "VP9 frame header";
const VP8_START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];
const VP9_SYNC_CODE: u32 = 0x49_83_42;
/// The color_space that means RGB, and with it 4:4:4.
const RGB: u32 = 7;

/// Reads the header of a VP8 frame.
///
/// # Errors
/// When it is too short for its header, or a key frame's header is none.
pub fn vp8_frame(data: &[u8]) -> Result<VpFrame, ConfigError> {
    let truncated = || ConfigError::new(VP8, data.len(), ConfigProblem::Truncated);
    let first = *data.first().ok_or_else(truncated)?;
    let version = first >> 1 & 7;
    if version > 3 {
        return Err(ConfigError::value(VP8, 0, "version", version.into()));
    }
    if first & 1 != 0 {
        return Ok(VpFrame::Inter);
    }
    let &[_, _, _, code @ .., w0, w1, h0, h1] = data.first_chunk::<10>().ok_or_else(truncated)?;
    if code != VP8_START_CODE {
        let [a, b, c] = code;
        return Err(ConfigError::value(VP8, 3, "start code", u32::from_be_bytes([0, a, b, c])));
    }
    // Above the size lie two bits that ask for scaling at the display.
    let size = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    let shape = picture_size(VP8, size(w0, w1), size(h0, h1))?;
    Ok(VpFrame::Key(VpKey {
        profile: version,
        subsampled: [true; 2],
        shape: VideoShape { color: ColorInfo::default().with_depth(8), ..shape },
    }))
}

/// Reads the uncompressed header of a VP9 frame: of the first in a superframe, which is where decoding would start.
///
/// # Errors
/// When it is no VP9 frame, or a key frame's header cannot be read.
pub fn vp9_frame(data: &[u8]) -> Result<VpFrame, ConfigError> {
    let mut bits = BitReader::new(data);
    let fields = Vp9::read(&mut bits).map_err(ConfigError::bits(VP9))?;
    let value = |position, field, value| Err(ConfigError::value(VP9, position, field, value));
    match fields {
        Vp9 { marker, .. } if marker != 2 => value(0, "frame_marker", marker),
        Vp9 { is_key: false, .. } => Ok(VpFrame::Inter),
        Vp9 { sync, .. } if sync != VP9_SYNC_CODE => value(1, "frame_sync_code", sync),
        Vp9 { subsampled: [false, true], .. } => value(4, "subsampling_y without subsampling_x", 1),
        Vp9 { profile, depth, color_space, full_range, subsampled, width, height, .. } => {
            let [primaries, transfer, matrix] = code_points(color_space, depth);
            let color = ColorInfo::new(primaries, transfer, matrix, full_range).with_depth(depth);
            let shape = VideoShape { color, ..picture_size(VP9, width, height)? };
            Ok(VpFrame::Key(VpKey { profile, subsampled, shape }))
        }
    }
}

/// The fields of a VP9 frame; those behind `is_key` are filled for key frames only.
#[derive(Default)]
struct Vp9 {
    marker: u32,
    profile: u8,
    is_key: bool,
    sync: u32,
    depth: u8,
    color_space: u32,
    full_range: bool,
    subsampled: [bool; 2],
    width: u32,
    height: u32,
}

impl Vp9 {
    fn read(bits: &mut BitReader<'_>) -> Result<Self, BitsError> {
        let mut this = Self { marker: bits.bits(2)?, ..Self::default() };
        let (low, high) = (bits.bits(1)?, bits.bits(1)?);
        this.profile = (high << 1 | low) as u8;
        if this.profile == 3 {
            bits.skip(1)?;
        }
        let show_existing = bits.bit()?;
        if show_existing || bits.bit()? {
            return Ok(this);
        }
        this.is_key = true;
        bits.skip(2)?; // show_frame, error_resilient_mode
        this.sync = bits.bits(24)?;
        this.depth = match this.profile {
            0 | 1 => 8,
            _ if bits.bit()? => 12,
            _ => 10,
        };
        this.color_space = bits.bits(3)?;
        let has_sampling = this.profile & 1 == 1;
        if this.color_space == RGB {
            this.full_range = true;
        } else {
            this.full_range = bits.bit()?;
            this.subsampled = if has_sampling { [bits.bit()?, bits.bit()?] } else { [true; 2] };
        }
        if has_sampling {
            bits.skip(1)?;
        }
        (this.width, this.height) = (bits.bits(16)? + 1, bits.bits(16)? + 1);
        Ok(this)
    }
}

/// Primaries, transfer characteristics and matrix of H.273 for a color_space (§7.2.2).
fn code_points(color_space: u32, depth: u8) -> [u32; 3] {
    match color_space {
        1 => [5, 6, 5],
        2 => [1, 1, 1],
        3 => [6, 6, 6],
        4 => [7, 7, 7],
        5 => [9, if depth == 12 { 15 } else { 14 }, 9],
        RGB => [1, 13, 0],
        _ => [UNSPECIFIED.into(); 3],
    }
}
