//! Video usability information, and what lies before it in a sequence parameter set (ISO/IEC 23008-2 §7.3.2.2 and annex E).

use crate::media::bits::{BitReader, BitsError};
use crate::media::codec::frame_rate;
use crate::media::color::{ColorInfo, UNSPECIFIED};

/// What usability information tells of the pictures, each as far as it could be read.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Vui {
    pub color: ColorInfo,
    pub frame_rate: Option<f64>,
}

/// Short-term reference picture sets in a set, and pictures in one of them (§7.4.3.2.1, §7.4.8); more is no HEVC.
const MAX_SHORT_TERM_SETS: u32 = 64;
const MAX_REFERENCES: u32 = 16;
/// Long-term reference pictures in a set.
const MAX_LONG_TERM: u32 = 32;

impl Vui {
    /// Reads on behind the bit depths of a set with so many temporal layers. Pictures can be shown without all of this, so what cannot be
    /// read is left out and no error.
    pub fn read(bits: &mut BitReader<'_>, max_sub_layers_minus1: u32) -> Self {
        let mut vui = Self::default();
        if let Ok(true) = pass_to_vui(bits, max_sub_layers_minus1) {
            // What was read before the end counts.
            let _ = vui.fill(bits);
        }
        vui
    }

    fn fill(&mut self, bits: &mut BitReader<'_>) -> Result<(), BitsError> {
        const EXTENDED_SAR: u32 = 255;
        if bits.bit()? && bits.bits(8)? == EXTENDED_SAR {
            bits.skip(32)?;
        }
        if bits.bit()? {
            bits.skip(1)?; // overscan_appropriate_flag
        }
        if bits.bit()? {
            bits.skip(3)?; // video_format
            let full_range = bits.bit()?;
            let [primaries, transfer, matrix] =
                if bits.bit()? { [bits.bits(8)?, bits.bits(8)?, bits.bits(8)?] } else { [u32::from(UNSPECIFIED); 3] };
            self.color = ColorInfo::new(primaries, transfer, matrix, full_range);
        }
        if bits.bit()? {
            bits.ue()?; // chroma_sample_loc_type of the top field
            bits.ue()?; // and of the bottom field
        }
        bits.skip(1)?; // neutral_chroma_indication_flag
        let is_fields = bits.bit()?;
        bits.skip(1)?; // frame_field_info_present_flag
        if bits.bit()? {
            for _ in 0..4 {
                bits.ue()?; // default display window
            }
        }
        if bits.bit()? {
            let (ticks, scale) = (bits.bits(32)?, bits.bits(32)?);
            self.frame_rate = frame_rate(scale, u64::from(ticks) * if is_fields { 2 } else { 1 });
        }
        Ok(())
    }
}

/// Passes over coding tools to vui_parameters_present_flag, and gives that.
fn pass_to_vui(bits: &mut BitReader<'_>, max_sub_layers_minus1: u32) -> Result<bool, BitsError> {
    let order_bits = bits.ue()?.saturating_add(4);
    let layers = if bits.bit()? { max_sub_layers_minus1 + 1 } else { 1 };
    for _ in 0..layers * 3 {
        bits.ue()?; // buffering and reordering
    }
    for _ in 0..6 {
        bits.ue()?; // sizes of coding and transform blocks
    }
    if bits.bit()? && bits.bit()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.bit()? {
        bits.skip(8)?; // bit depths of PCM samples
        bits.ue()?; // the smallest size of their blocks
        bits.ue()?; // and how far it is from the largest
        bits.skip(1)?; // pcm_loop_filter_disabled_flag
    }
    short_term_sets(bits)?;
    if bits.bit()? {
        let count = limited(bits, MAX_LONG_TERM)?;
        bits.skip(count as usize * (order_bits.min(16) as usize + 1))?;
    }
    bits.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    bits.bit()
}

fn scaling_lists(bits: &mut BitReader<'_>) -> Result<(), BitsError> {
    for size in 0..4 {
        let (matrices, coefficients) = (if size == 3 { 2 } else { 6 }, 64.min(16 << (2 * size)));
        for _ in 0..matrices {
            if !bits.bit()? {
                bits.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            let dc = if size > 1 { 1 } else { 0 };
            for _ in 0..coefficients + dc {
                bits.se()?;
            }
        }
    }
    Ok(())
}

/// §7.3.7: a set can be told by its difference to the one before, whose length must therefore be known.
fn short_term_sets(bits: &mut BitReader<'_>) -> Result<(), BitsError> {
    let count = limited(bits, MAX_SHORT_TERM_SETS)?;
    let mut before: Option<u32> = None;
    for _ in 0..count {
        let by_difference = before.is_some() && bits.bit()?;
        let pictures = match before.filter(|_| by_difference) {
            Some(pictures) => {
                bits.skip(1)?; // delta_rps_sign
                bits.ue()?; // abs_delta_rps_minus1
                let mut kept = 0;
                for _ in 0..=pictures {
                    let used = bits.bit()?;
                    kept += u32::from(used || bits.bit()?);
                }
                kept.min(2 * MAX_REFERENCES)
            }
            None => {
                let pictures = limited(bits, MAX_REFERENCES)? + limited(bits, MAX_REFERENCES)?;
                for _ in 0..pictures {
                    bits.ue()?; // delta_poc_minus1
                    bits.skip(1)?; // used_by_curr_pic_flag
                }
                pictures
            }
        };
        before = Some(pictures);
    }
    Ok(())
}

/// A count that the standard limits.
fn limited(bits: &mut BitReader<'_>, most: u32) -> Result<u32, BitsError> {
    let position = bits.position() / 8;
    bits.ue().and_then(|count| if count <= most { Ok(count) } else { Err(BitsError { position }) })
}
