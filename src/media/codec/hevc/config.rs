//! The HEVCDecoderConfigurationRecord.

use bytes::Bytes;

use super::sets::{self, ParameterSets, RECORD};
use super::sps;
use crate::media::codec::sets::{check_length, needed};
use crate::media::codec::{self, ConfigError, VideoShape, nal};

/// A parsed HEVCDecoderConfigurationRecord.
#[derive(Clone, PartialEq, Debug)]
pub struct HevcConfig {
    /// The record (body of an `hvcC` box), rebuilt from its parameter sets with 4-byte NAL lengths.
    pub record: Bytes,
    /// Bytes of each NAL length in the publisher's samples (1, 2 or 4); on the bus it is always 4.
    pub length_size: u8,
    /// Size, frame rate and colours from the first sequence parameter set, and the static metadata of HDR where the record had messages.
    pub shape: VideoShape,
}

impl HevcConfig {
    /// Reads a record as publishers send it. Only its parameter sets are kept: profile, level and sample format are taken from them.
    /// Parameter sets behind start codes are taken in place of a record.
    ///
    /// # Errors
    /// What is wrong with the record and where. 3-byte NAL lengths are refused: the standard reserves them.
    pub fn parse(record: &[u8]) -> Result<Self, ConfigError> {
        let (sets, length_size) = codec::sets::read(RECORD, record, ParameterSets::parse)?;
        let mut config = Self::from_sets(&sets, length_size)?;
        if !nal::starts_with_start_code(record) {
            config.shape.hdr = sets::messages(record).hdr;
        }
        Ok(config)
    }

    /// The configuration that these parameter sets make, for samples whose NAL lengths have `length_size` bytes.
    ///
    /// # Errors
    /// When a set is missing, the first sequence parameter set cannot be read, or all of them together are too long.
    pub fn from_sets(sets: &ParameterSets, length_size: u8) -> Result<Self, ConfigError> {
        let [vps, first, pps] = sets.first_of_each();
        needed(RECORD, "video parameter set", vps)?;
        let first = needed(RECORD, "sequence parameter set", first)?;
        needed(RECORD, "picture parameter set", pps)?;
        let sps = sps::read(first)?;
        let record = sets.to_record(&sps);
        check_length(RECORD, record.len())?;
        Ok(Self { record, length_size, shape: sps.shape })
    }

    /// The parameter sets of the record.
    pub fn sets(&self) -> ParameterSets {
        ParameterSets::parse(&self.record).map(|(sets, _)| sets).unwrap_or_default()
    }

    /// `hvc1.` with profile, compatibility, tier and level, and constraints: `hvc1.1.6.L93.B0` (ISO/IEC 14496-15 annex E.3).
    pub fn rfc6381(&self) -> String {
        let Some(&[_, profile, c0, c1, c2, c3, constraints @ .., level]) = self.record.first_chunk::<13>() else { return String::new() };
        let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
        let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
        let compatible = u32::from_be_bytes([c0, c1, c2, c3]).reverse_bits();
        let mut name = format!("hvc1.{space}{}.{compatible:X}.{tier}{level}", profile & 0x1F);
        let told = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for byte in &constraints[..told] {
            name.push_str(&format!(".{byte:X}"));
        }
        name
    }
}
