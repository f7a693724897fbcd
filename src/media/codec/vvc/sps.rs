//! What a sequence parameter set says of the pictures (ISO/IEC 23090-3 §7.3.2.4).

use bytes::Bytes;

use super::sets::RECORD;
use crate::media::bits::{BitReader, BitsError, unescape};
use crate::media::codec::{ConfigError, VideoShape, picture_size};
use crate::media::color::ColorInfo;

/// The fields of a sequence parameter set that a record and a track need.
pub(super) struct Sps {
    pub id: u32,
    /// From general_profile_idc to the end of profile_tier_level(), as it lies in the set and in the record.
    pub profile_tier_level: Bytes,
    /// Bytes of it, behind profile and level, that hold constraints.
    pub constraint_bytes: usize,
    pub sublayers: u8,
    pub chroma_format: u8,
    pub depth_minus8: u8,
    /// The largest size before cropping.
    pub coded: [u16; 2],
    pub shape: VideoShape,
}

/// Subpictures in one picture: the most slices that any level allows (annex A).
const MAX_SUBPICTURES: u32 = 1000;
/// Temporal sublayers (§7.4.3.4).
const MAX_SUBLAYERS: u32 = 7;
/// The most that the three bits of a record can say: 15 bits. The standard goes one further, in no profile.
const MAX_DEPTH_MINUS8: u32 = 7;
/// Bits of general_constraints_info() before its reserved ones (§7.3.3.2).
const CONSTRAINT_BITS: usize = 71;

/// Reads a sequence parameter set, NAL header included, up to its bit depth.
pub(super) fn read(nal: &[u8]) -> Result<Sps, ConfigError> {
    let raw = unescape(nal);
    let mut bits = BitReader::new(&raw);
    let fields = Fields::read(&mut bits).map_err(ConfigError::bits(RECORD))?;
    let value = |field, value| ConfigError::value(RECORD, 0, field, value);
    if !fields.has_profile {
        return Err(value("sps_ptl_dpb_hrd_params_present_flag", 0));
    }
    if fields.sublayers > MAX_SUBLAYERS {
        return Err(value("sps_max_sublayers_minus1", fields.sublayers - 1));
    }
    if fields.depth_minus8 > MAX_DEPTH_MINUS8 {
        return Err(value("sps_bitdepth_minus8", fields.depth_minus8));
    }
    // 4:2:0 halves both directions, 4:2:2 the width.
    let (across, down) = match fields.chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let [left, right, top, bottom] = fields.window;
    let cropped = |size: u32, unit: u64, one: u32, other: u32| {
        let less = unit * (u64::from(one) + u64::from(other));
        u32::try_from(u64::from(size).saturating_sub(less)).unwrap_or_default()
    };
    let shape = picture_size(RECORD, cropped(fields.width, across, left, right), cropped(fields.height, down, top, bottom))?;
    let side = |field, size: u32| u16::try_from(size).map_err(|_| value(field, size));
    Ok(Sps {
        id: fields.id,
        profile_tier_level: Bytes::copy_from_slice(raw.get(fields.profile_at..fields.profile_end).unwrap_or_default()),
        constraint_bytes: fields.constraint_bytes,
        sublayers: fields.sublayers as u8,
        chroma_format: fields.chroma_format as u8,
        depth_minus8: fields.depth_minus8 as u8,
        coded: [side("sps_pic_width_max_in_luma_samples", fields.width)?, side("sps_pic_height_max_in_luma_samples", fields.height)?],
        shape: VideoShape { color: ColorInfo::default().with_depth(fields.depth_minus8 as u8 + 8), ..shape },
    })
}

#[derive(Default)]
struct Fields {
    id: u32,
    sublayers: u32,
    chroma_format: u32,
    ctu_size: u32,
    has_profile: bool,
    /// Bytes at which profile_tier_level() begins and ends.
    profile_at: usize,
    profile_end: usize,
    constraint_bytes: usize,
    width: u32,
    height: u32,
    window: [u32; 4],
    depth_minus8: u32,
}

impl Fields {
    fn read(bits: &mut BitReader<'_>) -> Result<Self, BitsError> {
        bits.skip(16)?; // NAL unit header
        let mut this = Self { id: bits.bits(4)?, ..Self::default() };
        bits.skip(4)?; // sps_video_parameter_set_id
        this.sublayers = bits.bits(3)? + 1;
        this.chroma_format = bits.bits(2)?;
        this.ctu_size = 1 << (bits.bits(2)? + 5);
        this.has_profile = bits.bit()?;
        if this.has_profile {
            this.profile_tier_level(bits)?;
        }
        bits.skip(1)?; // sps_gdr_enabled_flag
        if bits.bit()? {
            bits.skip(1)?; // sps_res_change_in_clvs_allowed_flag
        }
        (this.width, this.height) = (bits.ue()?, bits.ue()?);
        if bits.bit()? {
            for side in &mut this.window {
                *side = bits.ue()?;
            }
        }
        if bits.bit()? {
            this.subpictures(bits)?;
        }
        this.depth_minus8 = bits.ue()?;
        Ok(this)
    }

    /// profile_tier_level( 1, … ) (§7.3.3.1), which begins and ends at whole bytes here.
    fn profile_tier_level(&mut self, bits: &mut BitReader<'_>) -> Result<(), BitsError> {
        self.profile_at = bits.position() / 8;
        bits.skip(16)?; // profile, tier, level
        let constraints_at = bits.position() / 8;
        bits.skip(2)?; // ptl_frame_only_constraint_flag, ptl_multilayer_enabled_flag
        if bits.bit()? {
            bits.skip(CONSTRAINT_BITS)?;
            let reserved = bits.bits(8)?;
            bits.skip(reserved as usize)?;
        }
        bits.align();
        self.constraint_bytes = bits.position() / 8 - constraints_at;
        let mut levels = 0;
        for _ in 1..self.sublayers {
            levels += bits.bits(1)?;
        }
        bits.align();
        bits.skip(8 * levels as usize)?;
        let sub_profiles = bits.bits(8)?;
        bits.skip(32 * sub_profiles as usize)?;
        self.profile_end = bits.position() / 8;
        Ok(())
    }

    /// Passes over the layout of subpictures.
    fn subpictures(&self, bits: &mut BitReader<'_>) -> Result<(), BitsError> {
        let last = bits.ue()?;
        if last >= MAX_SUBPICTURES {
            return Err(BitsError { position: bits.position() / 8 });
        }
        let (mut independent, mut same_size) = (true, false);
        if last > 0 {
            (independent, same_size) = (bits.bit()?, bits.bit()?);
        }
        // Places and sizes count in coding tree units; a picture of one has none to tell.
        let length = |size: u32| u64::from(size).div_ceil(u64::from(self.ctu_size)).next_power_of_two().trailing_zeros() as usize;
        let place = length(self.width) + length(self.height);
        for at in (0..=last).filter(|_| last > 0) {
            if !same_size || at == 0 {
                bits.skip(if at > 0 { place } else { 0 } + if at < last { place } else { 0 })?;
            }
            if !independent {
                bits.skip(2)?;
            }
        }
        let id_length = bits.ue()? as usize + 1;
        if bits.bit()? && bits.bit()? {
            bits.skip(id_length.saturating_mul(last as usize + 1))?;
        }
        Ok(())
    }
}
