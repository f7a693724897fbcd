//! The AVCDecoderConfigurationRecord.

use bytes::Bytes;

use super::sets::{ParameterSets, RECORD};
use super::sps;
use crate::media::codec::sets::{check_length, needed};
use crate::media::codec::{self, ConfigError, VideoShape};

/// A parsed AVCDecoderConfigurationRecord.
#[derive(Clone, PartialEq, Debug)]
pub struct AvcConfig {
    /// The record (body of an `avcC` box), normalised to 4-byte NAL lengths.
    pub record: Bytes,
    /// Bytes of each NAL length in the publisher's samples (1, 2 or 4); on the bus it is always 4.
    pub length_size: u8,
    /// Size and frame rate from the first sequence parameter set.
    pub shape: VideoShape,
}

impl AvcConfig {
    /// Reads a record as publishers send it. What follows the parameter sets is rebuilt from them, for it is often missing; so are
    /// profile and level. Parameter sets behind start codes are taken in place of a record: some encoders send those.
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
        let first = needed(RECORD, "sequence parameter set", sets.sps().next())?;
        needed(RECORD, "picture parameter set", sets.pps().next())?;
        let sps = sps::read(first)?;
        let record = sets.to_record(&sps);
        check_length(RECORD, record.len())?;
        Ok(Self { record, length_size, shape: sps.shape })
    }

    /// The parameter sets of the record.
    pub fn sets(&self) -> ParameterSets {
        ParameterSets::parse(&self.record).map(|(sets, _)| sets).unwrap_or_default()
    }

    /// `avc1.PPCCLL`: profile, constraints and level in hexadecimal (RFC 6381 §3.3).
    pub fn rfc6381(&self) -> String {
        let byte = |at: usize| self.record.get(at).copied().unwrap_or_default();
        format!("avc1.{:02x}{:02x}{:02x}", byte(1), byte(2), byte(3))
    }
}
