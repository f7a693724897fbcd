//! What a sequence parameter set says of the pictures (ISO/IEC 23008-2 §7.3.2.2).

use super::sets::RECORD;
use super::vui::Vui;
use crate::media::bits::{BitReader, BitsError, unescape};
use crate::media::codec::{ConfigError, VideoShape, picture_size};

/// The fields of a sequence parameter set that a record and a track need.
pub(super) struct Sps {
    pub id: u32,
    /// general_profile_space to general_level_idc, as they lie in the set and in the record.
    pub profile_tier_level: [u8; 12],
    pub temporal_layers: u8,
    pub temporal_id_nested: bool,
    pub chroma_format: u8,
    pub luma_depth_minus8: u8,
    pub chroma_depth_minus8: u8,
    pub shape: VideoShape,
}

/// Reads a sequence parameter set, NAL header included. What follows its bit depths is read as far as it can be.
pub(super) fn read(nal: &[u8]) -> Result<Sps, ConfigError> {
    let raw = unescape(nal);
    let mut bits = BitReader::new(&raw);
    let fields = Fields::read(&mut bits).map_err(ConfigError::bits(RECORD))?;
    let value = |field, value| ConfigError::value(RECORD, 0, field, value);
    if fields.id > 15 {
        return Err(value("sps_seq_parameter_set_id", fields.id));
    }
    // 1 for monochrome and 4:4:4; 4:2:0 halves both directions, 4:2:2 the width.
    let (across, down) = match fields.chroma_format {
        0 | 3 => (1, 1),
        1 => (2, 2),
        2 => (2, 1),
        other => return Err(value("chroma_format_idc", other)),
    };
    for depth in [fields.luma_depth, fields.chroma_depth] {
        if depth > 8 {
            return Err(value("bit_depth_minus8", depth));
        }
    }
    let [left, right, top, bottom] = fields.window;
    let vui = Vui::read(&mut bits, fields.max_sub_layers_minus1);
    let cropped = |size: u32, unit: u64, one: u32, other: u32| {
        let less = unit * (u64::from(one) + u64::from(other));
        u32::try_from(u64::from(size).saturating_sub(less)).unwrap_or_default()
    };
    Ok(Sps {
        id: fields.id,
        profile_tier_level: fields.profile_tier_level,
        temporal_layers: fields.max_sub_layers_minus1 as u8 + 1,
        temporal_id_nested: fields.temporal_id_nested,
        chroma_format: fields.chroma_format as u8,
        luma_depth_minus8: fields.luma_depth as u8,
        chroma_depth_minus8: fields.chroma_depth as u8,
        shape: VideoShape {
            frame_rate: vui.frame_rate,
            color: vui.color.with_depth(fields.luma_depth as u8 + 8),
            ..picture_size(RECORD, cropped(fields.width, across, left, right), cropped(fields.height, down, top, bottom))?
        },
    })
}

struct Fields {
    max_sub_layers_minus1: u32,
    temporal_id_nested: bool,
    profile_tier_level: [u8; 12],
    id: u32,
    chroma_format: u32,
    width: u32,
    height: u32,
    window: [u32; 4],
    luma_depth: u32,
    chroma_depth: u32,
}

impl Fields {
    fn read(bits: &mut BitReader<'_>) -> Result<Self, BitsError> {
        bits.skip(16 + 4)?; // NAL unit header, sps_video_parameter_set_id
        let max_sub_layers_minus1 = bits.bits(3)?;
        let temporal_id_nested = bits.bit()?;
        let mut profile_tier_level = [0; 12];
        for byte in &mut profile_tier_level {
            *byte = bits.bits(8)? as u8;
        }
        sub_layers(bits, max_sub_layers_minus1)?;
        let id = bits.ue()?;
        let chroma_format = bits.ue()?;
        if chroma_format == 3 {
            bits.skip(1)?; // separate_colour_plane_flag
        }
        let (width, height) = (bits.ue()?, bits.ue()?);
        let mut window = [0; 4];
        if bits.bit()? {
            for side in &mut window {
                *side = bits.ue()?;
            }
        }
        let (luma_depth, chroma_depth) = (bits.ue()?, bits.ue()?);
        Ok(Self {
            max_sub_layers_minus1,
            temporal_id_nested,
            profile_tier_level,
            id,
            chroma_format,
            width,
            height,
            window,
            luma_depth,
            chroma_depth,
        })
    }
}

/// Profiles and levels of the lower temporal layers (§7.3.3), which nobody asks for.
fn sub_layers(bits: &mut BitReader<'_>, count: u32) -> Result<(), BitsError> {
    const PROFILE: usize = 88;
    const LEVEL: usize = 8;
    if count == 0 {
        return Ok(());
    }
    let mut length = 0;
    for layer in 0..8 {
        let (profile, level) = (bits.bit()?, bits.bit()?);
        if layer < count {
            length += if profile { PROFILE } else { 0 } + if level { LEVEL } else { 0 };
        }
    }
    bits.skip(length)
}
