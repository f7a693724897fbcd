//! Video, sequence and picture parameter sets, as they lie in a record or between the pictures.

use bytes::{BufMut, Bytes, BytesMut};

use super::sps::{self, Sps};
use crate::media::codec::access_unit::{NalSets, Role};
use crate::media::codec::fields::Fields;
use crate::media::codec::sets::{Place, Sets};
use crate::media::codec::{ConfigError, ConfigProblem};

/// Parameter sets of each kind in one configuration: the standard has 16 video and 16 sequence parameter sets and 64 picture parameter sets.
pub const MAX_SETS: usize = 64;

pub(super) const RECORD: &str = "vvcC";

/// The types of pictures without a reference before them: IDR and CRA (ISO/IEC 23090-3 table 5). What a gradual refresh starts with is none.
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 7..=9;
/// Operating point and decoding capability information, of which an array holds just one.
const SINGLE: [u8; 2] = [12, 13];
const VPS: u8 = 14;
const SPS: u8 = 15;
const PPS: u8 = 16;
const ACCESS_UNIT_DELIMITER: u8 = 20;
const PREFIX_MESSAGES: u8 = 23;
/// Version and flags, where a writer put the whole body of a `vvcC` box.
const FULL_BOX: [u8; 4] = [0; 4];
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
            Some(PREFIX_MESSAGES) => Role::Message,
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
        // A record itself begins with five set bits.
        let mut rest = Fields::new(RECORD, record.strip_prefix(&FULL_BOX).unwrap_or(record));
        let first = rest.u8()?;
        if first & 0xF8 != 0xF8 {
            return Err(ConfigError::value(RECORD, 0, "first byte", first.into()));
        }
        let length_size = (first >> 1 & 3) + 1;
        if length_size == 3 {
            return Err(ConfigError::value(RECORD, 0, "LengthSizeMinusOne", 2));
        }
        if first & 1 != 0 {
            pass_profile(&mut rest)?; // Profile, level and format: the sequence parameter set says them too.
        }
        let mut sets = Self::default();
        let arrays = rest.u8()?;
        for _ in 0..arrays {
            let kind = rest.u8()? & 0x1F;
            let count = if SINGLE.contains(&kind) { 1 } else { u16::from_be_bytes(rest.array()?) };
            for _ in 0..count {
                let at = rest.position;
                let nal = rest.set()?;
                if KINDS.contains(&kind) {
                    sets.replace_at(at, nal, kind)?;
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
        out.put_u8(0xFF); // 4-byte lengths, profile and format follow
        // Output layer set 0, and nothing said of the frame rate.
        out.put_u16(u16::from(sps.sublayers) << 4 | u16::from(sps.chroma_format));
        out.put_u8(sps.depth_minus8 << 5 | 0x1F);
        out.put_u8(sps.constraint_bytes as u8);
        out.put_slice(&sps.profile_tier_level);
        out.put_u16(sps.coded[0]);
        out.put_u16(sps.coded[1]);
        out.put_u16(0); // avg_frame_rate: not told
        let told = KINDS.iter().zip(&self.lists).filter(|(_, list)| list.nals().len() > 0);
        out.put_u8(told.clone().count() as u8);
        for (kind, list) in told {
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

/// The nal_unit_type; `None` where there is no whole header of two bytes.
fn kind(nal: &[u8]) -> Option<u8> {
    nal.first_chunk::<2>().map(|[_, header]| header >> 3)
}

/// Passes over the part of the record that holds profile, tier, level and format.
fn pass_profile(rest: &mut Fields<'_>) -> Result<(), ConfigError> {
    let [_, layers, _, constraints] = rest.array()?;
    rest.take(2 + usize::from(constraints & 0x3F))?;
    let sublayers = layers >> 4 & 7;
    if sublayers > 1 {
        // One flag for each lower sublayer; what follows them is reserved.
        let present = rest.u8()? >> (9 - sublayers);
        rest.take(present.count_ones() as usize)?;
    }
    let sub_profiles = rest.u8()?;
    rest.take(4 * usize::from(sub_profiles))?;
    rest.take(6).map(drop)
}

/// The set's own id: at the start of a video and of a sequence, and in the first six bits of a picture parameter set.
fn id(nal: &[u8], kind: u8) -> Result<u32, ConfigError> {
    let truncated = || ConfigError::new(RECORD, 0, ConfigProblem::Truncated);
    match kind {
        SPS => sps::read(nal).map(|sps| sps.id),
        _ => {
            let shift = if kind == VPS { 4 } else { 2 };
            nal.get(2).map(|byte| u32::from(byte >> shift)).ok_or_else(truncated)
        }
    }
}
