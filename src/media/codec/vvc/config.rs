//! The VvcDecoderConfigurationRecord.

use bytes::Bytes;

use super::sets::{ParameterSets, RECORD};
use super::sps;
use crate::media::codec::sets::{check_length, needed};
use crate::media::codec::{self, ConfigError, VideoShape};

/// A parsed VvcDecoderConfigurationRecord.
#[derive(Clone, PartialEq, Debug)]
pub struct VvcConfig {
    /// The record (what follows version and flags in a `vvcC` box), rebuilt from its parameter sets with 4-byte NAL lengths.
    pub record: Bytes,
    /// Bytes of each NAL length in the publisher's samples (1, 2 or 4); on the bus it is always 4.
    pub length_size: u8,
    /// Size from the first sequence parameter set.
    pub shape: VideoShape,
}

impl VvcConfig {
    /// Reads a record as publishers send it, with or without the version and flags of its box. Only its parameter sets are kept: profile,
    /// level and sample format are taken from them. Parameter sets behind start codes are taken in place of a record.
    ///
    /// # Errors
    /// What is wrong with the record and where. 3-byte NAL lengths are refused: the standard reserves them.
    pub fn parse(record: &[u8]) -> Result<Self, ConfigError> {
        let (sets, length_size) = codec::sets::read(RECORD, record, ParameterSets::parse)?;
        Self::from_sets(&sets, length_size)
    }

    /// The configuration that these parameter sets make, for samples whose NAL lengths have `length_size` bytes.
    ///
    /// # Errors
    /// When a set is missing, the first sequence parameter set cannot be read, or all of them together are too long.
    pub fn from_sets(sets: &ParameterSets, length_size: u8) -> Result<Self, ConfigError> {
        // There need be no video parameter set where there is one layer.
        let [_, first, pps] = sets.first_of_each();
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

    /// `vvc1.` with profile, tier and level, and constraints: `vvc1.1.L51.CQA` (ISO/IEC 14496-15 annex E.6).
    pub fn rfc6381(&self) -> String {
        let sets = self.sets();
        let [_, first, _] = sets.first_of_each();
        let Some(sps) = first.and_then(|first| sps::read(first).ok()) else { return String::new() };
        let [profile_and_tier, level, constraints @ ..] = &sps.profile_tier_level[..] else { return String::new() };
        let tier = if profile_and_tier & 1 == 0 { 'L' } else { 'H' };
        let name = format!("vvc1.{}.{tier}{level}", profile_and_tier >> 1);
        let constraints = &constraints[..sps.constraint_bytes.min(constraints.len())];
        let told = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        if told == 0 { name } else { format!("{name}.C{}", base32(&constraints[..told])) }
    }
}

/// RFC 4648 §6, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let group = |five: &[u8]| {
        let bits = five.iter().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte)) << (8 * (5 - five.len()));
        let letters = (8 * five.len()).div_ceil(5);
        (0..letters).map(move |at| char::from(ALPHABET[(bits >> (35 - 5 * at) & 31) as usize]))
    };
    bytes.chunks(5).flat_map(group).collect()
}
