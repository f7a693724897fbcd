//! What a sequence parameter set says of the pictures.

use h264_reader::nal::sps::{SeqParameterSet, SpsError};
use h264_reader::rbsp::{self, BitRead, BitReaderError};

use super::sets::RECORD;
use crate::media::bits::unescape;
use crate::media::codec::{ConfigError, ConfigProblem, VideoShape, frame_rate, picture_size};
use crate::media::color::{ColorInfo, UNSPECIFIED};

/// The fields of a sequence parameter set that a record and a track need.
pub(super) struct Sps {
    pub profile: u8,
    pub constraints: u8,
    pub level: u8,
    pub chroma_format: u8,
    pub luma_depth_minus8: u8,
    pub chroma_depth_minus8: u8,
    pub shape: VideoShape,
}

/// The highest level there is. The parser refuses pictures larger than their level allows, but encoders understate levels, and
/// players do not mind.
const HIGHEST_LEVEL: u8 = 62;

/// Where profile, constraints and level stand in the NAL unit.
const PROFILE: usize = 1;
const LEVEL: usize = 3;

/// Reads a sequence parameter set, NAL header included.
pub(super) fn read(nal: &[u8]) -> Result<Sps, ConfigError> {
    let truncated = || ConfigError::new(RECORD, 0, ConfigProblem::Truncated);
    let mut raw = unescape(nal).into_owned();
    let Some(&[profile, constraints, level]) = raw.get(PROFILE..=LEVEL) else { return Err(truncated()) };
    raw[LEVEL] = HIGHEST_LEVEL;
    let payload = &raw[PROFILE..];
    let refused = |error: SpsError| ConfigError::new(RECORD, 0, ConfigProblem::ParameterSet(format!("{error:?}")));
    // Usability information that is cut short or contradicts itself says nothing of the size, so it is given up and not the stream.
    let sps = parse(payload, Vui::Read).or_else(|_| parse(payload, Vui::Ignored)).map_err(refused)?;
    let (width, height) = sps.pixel_dimensions().map_err(refused)?;
    let timing = sps.vui_parameters.as_ref().and_then(|vui| vui.timing_info.as_ref());
    Ok(Sps {
        profile,
        constraints,
        level,
        chroma_format: sps.chroma_info.chroma_format.to_u32() as u8 & 3,
        luma_depth_minus8: sps.chroma_info.bit_depth_luma_minus8 & 7,
        chroma_depth_minus8: sps.chroma_info.bit_depth_chroma_minus8 & 7,
        shape: VideoShape {
            color: color(&sps),
            frame_rate: timing.and_then(|timing| frame_rate(timing.time_scale, 2 * u64::from(timing.num_units_in_tick))),
            ..picture_size(RECORD, width, height)?
        },
    })
}

fn color(sps: &SeqParameterSet) -> ColorInfo {
    let signal = sps.vui_parameters.as_ref().and_then(|vui| vui.video_signal_type.as_ref());
    let description = signal.and_then(|signal| signal.colour_description.as_ref());
    let codes = description.map(|codes| [codes.colour_primaries, codes.transfer_characteristics, codes.matrix_coefficients]);
    let [primaries, transfer, matrix] = codes.unwrap_or([UNSPECIFIED; 3]).map(u32::from);
    let full_range = signal.is_some_and(|signal| signal.video_full_range_flag);
    ColorInfo::new(primaries, transfer, matrix, full_range).with_depth((sps.chroma_info.bit_depth_luma_minus8 & 7) + 8)
}

fn parse(payload: &[u8], vui: Vui) -> Result<SeqParameterSet, SpsError> {
    SeqParameterSet::from_bits(Lenient { bits: rbsp::BitReader::new(payload), vui })
}

#[derive(Clone, Copy, PartialEq)]
enum Vui {
    Read,
    Ignored,
}

/// Hides from the parser what it would refuse a good stream for: bitstream restrictions that contradict the rest, as several
/// hardware encoders write them, and what follows the last field needed here.
struct Lenient<'a> {
    bits: rbsp::BitReader<&'a [u8]>,
    vui: Vui,
}

impl BitRead for Lenient<'_> {
    fn read_bit(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        match name {
            "bitstream_restriction_flag" => Ok(false),
            "vui_parameters_present_flag" if self.vui == Vui::Ignored => Ok(false),
            _ => self.bits.read_bit(name),
        }
    }

    fn finish_rbsp(self) -> Result<(), BitReaderError> {
        Ok(())
    }

    fn finish_sei_payload(self) -> Result<(), BitReaderError> {
        self.bits.finish_sei_payload()
    }

    fn read_ue(&mut self, name: &'static str) -> Result<u32, BitReaderError> {
        self.bits.read_ue(name)
    }

    fn read_se(&mut self, name: &'static str) -> Result<i32, BitReaderError> {
        self.bits.read_se(name)
    }

    fn read<const BITS: u32, I: rbsp::Integer>(&mut self, name: &'static str) -> Result<I, BitReaderError> {
        self.bits.read::<BITS, I>(name)
    }

    fn read_var<I: rbsp::Integer>(&mut self, bit_count: u32, name: &'static str) -> Result<I, BitReaderError> {
        self.bits.read_var(bit_count, name)
    }

    fn read_to<V: rbsp::Primitive>(&mut self, name: &'static str) -> Result<V, BitReaderError> {
        self.bits.read_to(name)
    }

    fn skip(&mut self, bit_count: u32, name: &'static str) -> Result<(), BitReaderError> {
        self.bits.skip(bit_count, name)
    }

    fn byte_aligned(&self) -> bool {
        self.bits.byte_aligned()
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.bits.has_more_rbsp_data(name)
    }
}
