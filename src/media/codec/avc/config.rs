//! The AVCDecoderConfigurationRecord.

use bytes::Bytes;

use super::sets::{ParameterSets, RECORD};
use super::sps;
use crate::media::codec::access_unit::NalSets;
use crate::media::codec::{ConfigError, ConfigProblem, VideoShape, nal};

/// The longest record accepted, in bytes.
pub const MAX_RECORD: usize = 64 * 1024;

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
        check_length(record.len())?;
        if nal::starts_with_start_code(record) {
            let nals =
                nal::by_start_code(record).map_err(|error| ConfigError::new(RECORD, 0, ConfigProblem::ParameterSet(error.to_string())))?;
            let mut sets = ParameterSets::default();
            for unit in nals {
                sets.replace(&record[unit])?;
            }
            return Self::from_sets(&sets, 4);
        }
        let (sets, length_size) = ParameterSets::parse(record)?;
        Self::from_sets(&sets, length_size)
    }

    /// The configuration that these parameter sets make, for samples whose NAL lengths have `length_size` bytes.
    ///
    /// # Errors
    /// When a set is missing, the first sequence parameter set cannot be read, or all of them together are too long.
    pub fn from_sets(sets: &ParameterSets, length_size: u8) -> Result<Self, ConfigError> {
        let missing = |what| ConfigError::new(RECORD, 0, ConfigProblem::Missing(what));
        let first = sets.sps().next().ok_or_else(|| missing("sequence parameter set"))?;
        sets.pps().next().ok_or_else(|| missing("picture parameter set"))?;
        let sps = sps::read(first)?;
        let record = sets.to_record(&sps);
        check_length(record.len())?;
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

fn check_length(length: usize) -> Result<(), ConfigError> {
    if length <= MAX_RECORD {
        return Ok(());
    }
    Err(ConfigError::new(RECORD, 0, ConfigProblem::TooLarge { field: "record", value: length, limit: MAX_RECORD }))
}
