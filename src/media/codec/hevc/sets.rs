//! Video, sequence and picture parameter sets, as they lie in a record or between the pictures.

use bytes::{BufMut, Bytes, BytesMut};

use super::sps::{self, Sps};
use crate::media::bits::{BitReader, unescape};
use crate::media::codec::access_unit::{NalSets, Role};
use crate::media::codec::fields::Fields;
use crate::media::codec::sei::Messages;
use crate::media::codec::sets::{Place, Sets};
use crate::media::codec::{ConfigError, ConfigProblem};

/// Parameter sets of each kind in one configuration: the standard has 16 video and 16 sequence parameter sets and 64 picture parameter sets.
pub const MAX_SETS: usize = 64;

pub(super) const RECORD: &str = "hvcC";

/// The types of pictures without a reference before them: BLA, IDR and CRA (ISO/IEC 23008-2 table 7-1).
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=21;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const ACCESS_UNIT_DELIMITER: u8 = 35;
/// Messages before the pictures; those behind them tell nothing that is needed here.
const SEI: u8 = 39;
const KINDS: [u8; 3] = [VPS, SPS, PPS];

/// The parameter sets of one configuration, at most one per id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ParameterSets {
    /// Video, sequence and picture parameter sets.
    lists: [Sets; 3],
}

impl NalSets for ParameterSets {
    fn role(nal: &[u8]) -> Role {
        match kind(nal) {
            Some(ACCESS_UNIT_DELIMITER) => Role::Delimiter,
            Some(kind) if KINDS.contains(&kind) => Role::Set,
            Some(kind) if RANDOM_ACCESS.contains(&kind) => Role::Sync,
            Some(SEI) => Role::Message,
            _ => Role::Other,
        }
    }

    fn contains(&self, nal: &[u8]) -> bool {
        self.lists.iter().any(|sets| sets.contains(nal))
    }

    fn replace(&mut self, nal: &[u8]) -> Result<(), ConfigError> {
        kind(nal).filter(|kind| KINDS.contains(kind)).map_or(Ok(()), |kind| self.replace_at(0, nal, kind))
    }
}

impl ParameterSets {
    /// Reads the sets of a record, and the bytes of its NAL lengths. Messages among them are left out.
    pub(super) fn parse(record: &[u8]) -> Result<(Self, u8), ConfigError> {
        let mut rest = Fields::new(RECORD, record);
        // Some writers leave the version at 0.
        let version = rest.u8()?;
        if version > 1 {
            return Err(ConfigError::value(RECORD, 0, "configurationVersion", version.into()));
        }
        rest.take(20)?; // Profile, level and format: the sequence parameter set says them too.
        let layers = rest.u8()?;
        let length_size = (layers & 3) + 1;
        if length_size == 3 {
            return Err(ConfigError::value(RECORD, 21, "lengthSizeMinusOne", 2));
        }
        let mut sets = Self::default();
        let arrays = rest.u8()?;
        for _ in 0..arrays {
            let [array, high, low] = rest.array()?;
            for _ in 0..u16::from_be_bytes([high, low]) {
                let at = rest.position;
                let nal = rest.set()?;
                if KINDS.contains(&(array & 0x3F)) {
                    sets.replace_at(at, nal, array & 0x3F)?;
                }
            }
        }
        Ok((sets, length_size))
    }

    /// The first video, sequence and picture parameter set, as NAL units.
    pub fn first_of_each(&self) -> [Option<&Bytes>; 3] {
        [0, 1, 2].map(|list: usize| self.lists[list].nals().next())
    }

    /// The record with these sets, for samples of 4-byte NAL lengths.
    pub(super) fn to_record(&self, sps: &Sps) -> Bytes {
        let mut out = BytesMut::with_capacity(256);
        out.put_u8(1);
        out.put_slice(&sps.profile_tier_level);
        // No segmentation and no kind of parallelism is promised.
        out.put_slice(&[0xF0, 0, 0xFC, 0xFC | sps.chroma_format, 0xF8 | sps.luma_depth_minus8, 0xF8 | sps.chroma_depth_minus8]);
        out.put_u16(0); // avgFrameRate: not told
        out.put_u8(sps.temporal_layers << 3 | u8::from(sps.temporal_id_nested) << 2 | 3);
        out.put_u8(self.lists.len() as u8);
        for (kind, list) in KINDS.iter().zip(&self.lists) {
            list.put_array(*kind, &mut out);
        }
        out.freeze()
    }

    fn replace_at(&mut self, position: usize, nal: &[u8], expected: u8) -> Result<(), ConfigError> {
        // As there are only so many ids, there cannot be more sets.
        let (last_id, most) = (MAX_SETS as u32 - 1, MAX_SETS);
        let place = Place { record: RECORD, position, field: "parameter set", kind: expected, last_id, most };
        self.lists[usize::from(expected - VPS)].replace(place, nal, kind(nal).unwrap_or_default(), || id(nal, expected))
    }
}

/// What the messages in a record that has been read tell.
pub(super) fn messages(record: &[u8]) -> Messages {
    let mut found = Messages::default();
    let mut rest = Fields::new(RECORD, record);
    let mut read = || -> Result<(), ConfigError> {
        rest.take(22)?;
        for _ in 0..rest.u8()? {
            let [_, high, low] = rest.array()?;
            for _ in 0..u16::from_be_bytes([high, low]) {
                let nal = rest.set()?;
                if kind(nal) == Some(SEI) {
                    found = found.and(Messages::read(nal, ParameterSets::HEADER));
                }
            }
        }
        Ok(())
    };
    // A record that ends early has told what it could.
    let _ = read();
    found
}

/// The nal_unit_type; `None` where there is no whole header of two bytes.
pub(super) fn kind(nal: &[u8]) -> Option<u8> {
    nal.first_chunk::<2>().map(|[header, _]| header >> 1 & 0x3F)
}

/// The set's own id: in the first bits of a video, behind the profiles of a sequence, and at the start of a picture parameter set.
fn id(nal: &[u8], kind: u8) -> Result<u32, ConfigError> {
    let truncated = || ConfigError::new(RECORD, 0, ConfigProblem::Truncated);
    match kind {
        VPS => nal.get(2).map(|byte| u32::from(byte >> 4)).ok_or_else(truncated),
        SPS => sps::read(nal).map(|sps| sps.id),
        _ => {
            let raw = unescape(nal.get(..nal.len().min(16)).unwrap_or_default());
            BitReader::new(raw.get(2..).unwrap_or_default()).ue().map_err(|_| truncated())
        }
    }
}
