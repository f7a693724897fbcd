//! Sequence and picture parameter sets, as they lie in a record or between the pictures.

use bytes::{BufMut, Bytes, BytesMut};

use super::sps::Sps;
use crate::media::bits::{BitReader, unescape};
use crate::media::codec::access_unit::{NalSets, Role};
use crate::media::codec::fields::Fields;
use crate::media::codec::sets::{Place, Sets};
use crate::media::codec::{ConfigError, ConfigProblem};

/// Sequence parameter sets in one configuration: as many as a record can count.
pub const MAX_SPS: usize = 31;

/// Picture parameter sets in one configuration: as many as a record can count.
pub const MAX_PPS: usize = 255;

pub(super) const RECORD: &str = "avcC";

const IDR_SLICE: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const ACCESS_UNIT_DELIMITER: u8 = 9;
const SPS_EXTENSION: u8 = 13;

/// The parameter sets of one configuration, at most one per id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ParameterSets {
    sps: Sets,
    pps: Sets,
    extensions: Sets,
}

impl NalSets for ParameterSets {
    const HEADER: usize = 1;

    /// Open-GOP recovery points are not sync samples.
    fn role(nal: &[u8]) -> Role {
        match kind(nal) {
            Some(ACCESS_UNIT_DELIMITER) => Role::Delimiter,
            Some(SPS | PPS | SPS_EXTENSION) => Role::Set,
            Some(IDR_SLICE) => Role::Sync,
            Some(SEI) => Role::Message,
            _ => Role::Other,
        }
    }

    fn contains(&self, nal: &[u8]) -> bool {
        match kind(nal) {
            Some(SPS) => self.sps.contains(nal),
            Some(PPS) => self.pps.contains(nal),
            Some(SPS_EXTENSION) => self.extensions.contains(nal),
            _ => false,
        }
    }

    fn replace(&mut self, nal: &[u8]) -> Result<(), ConfigError> {
        kind(nal).map_or(Ok(()), |kind| self.replace_at(0, nal, kind))
    }
}

impl ParameterSets {
    /// Reads the sets of a record, and the bytes of its NAL lengths.
    pub(super) fn parse(record: &[u8]) -> Result<(Self, u8), ConfigError> {
        let mut rest = Fields::new(RECORD, record);
        let version = rest.u8()?;
        if version != 1 {
            return Err(ConfigError::value(RECORD, 0, "configurationVersion", version.into()));
        }
        rest.take(3)?; // Profile and level: the sequence parameter set says them too.
        let length_size = (rest.u8()? & 3) + 1;
        if length_size == 3 {
            return Err(ConfigError::value(RECORD, 4, "lengthSizeMinusOne", 2));
        }
        let mut sets = Self::default();
        let sps_count = rest.u8()? & 0x1F;
        for _ in 0..sps_count {
            sets.replace_at(rest.position, rest.set()?, SPS)?;
        }
        let pps_count = rest.u8()?;
        for _ in 0..pps_count {
            sets.replace_at(rest.position, rest.set()?, PPS)?;
        }
        if rest.take(3).is_ok() {
            // Behind the sets of the High profiles; garbage there is as common as nothing, so only what is whole is kept.
            for _ in 0..rest.u8().unwrap_or(0) {
                let Ok(nal) = rest.set() else { break };
                if kind(nal) == Some(SPS_EXTENSION) && sets.replace(nal).is_err() {
                    break;
                }
            }
        }
        Ok((sets, length_size))
    }

    /// The sequence parameter sets, as NAL units.
    pub fn sps(&self) -> impl Iterator<Item = &Bytes> {
        self.sps.nals()
    }

    /// The picture parameter sets, as NAL units.
    pub fn pps(&self) -> impl Iterator<Item = &Bytes> {
        self.pps.nals()
    }

    /// The record of these sets, with 4-byte NAL lengths (ISO/IEC 14496-15 §5.3.3.1.2).
    pub(super) fn to_record(&self, sps: &Sps) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        out.put_slice(&[1, sps.profile, sps.constraints, sps.level, 0xFF]);
        out.put_u8(0xE0 | self.sps.nals().len() as u8);
        self.sps.put(&mut out);
        out.put_u8(self.pps.nals().len() as u8);
        self.pps.put(&mut out);
        if !matches!(sps.profile, 66 | 77 | 88) {
            out.put_slice(&[0xFC | sps.chroma_format, 0xF8 | sps.luma_depth_minus8, 0xF8 | sps.chroma_depth_minus8]);
            out.put_u8(self.extensions.nals().len() as u8);
            self.extensions.put(&mut out);
        }
        out.freeze()
    }

    fn replace_at(&mut self, position: usize, nal: &[u8], expected: u8) -> Result<(), ConfigError> {
        let (list, field, most, last_id) = match expected {
            SPS => (&mut self.sps, "sequence parameter set", MAX_SPS, 31),
            PPS => (&mut self.pps, "picture parameter set", MAX_PPS, 255),
            SPS_EXTENSION => (&mut self.extensions, "sequence parameter set extension", MAX_SPS, 31),
            _ => return Ok(()),
        };
        let place = Place { record: RECORD, position, field, kind: expected, last_id, most };
        let id = || id(nal, expected).ok_or_else(|| ConfigError::new(RECORD, position, ConfigProblem::Truncated));
        list.replace(place, nal, kind(nal).unwrap_or_default(), id)
    }
}

fn kind(nal: &[u8]) -> Option<u8> {
    nal.first().map(|header| header & 0x1F)
}

/// The set's own id: behind profile, constraints and level in a sequence parameter set, first of all in the others.
fn id(nal: &[u8], kind: u8) -> Option<u32> {
    // The id lies in the first bytes: no need to unescape a long set.
    let raw = unescape(nal.get(..nal.len().min(16))?);
    let skipped = if kind == SPS { 4 } else { 1 };
    BitReader::new(raw.get(skipped..)?).ue().ok()
}
