//! Access units in their canonical form.

use bytes::Bytes;

use super::sets::{ParameterSets, kind};
use crate::media::codec::nal::{self, NalError, NalRanges};

/// An access unit as the bus carries it.
#[derive(Clone, PartialEq, Debug)]
pub struct HevcFrame {
    /// NAL units behind 4-byte lengths, without access unit delimiters and parameter sets. Empty where nothing else was there.
    pub data: Bytes,
    /// Whether it holds a picture that decoding can start at: IDR, BLA or CRA.
    pub is_sync: bool,
    /// The parameter sets in force from this access unit on, where it brought any that differ from those before.
    pub sets: Option<ParameterSets>,
}

/// The NAL unit types of pictures without a reference before them: BLA, IDR and CRA (ISO/IEC 23008-2 table 7-1).
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=21;
const ACCESS_UNIT_DELIMITER: u8 = 35;

/// Brings an access unit into its canonical form: from NAL lengths of `length_size` bytes, or from Annex B where it is that.
/// `in_force` are the parameter sets that hold so far; those in the access unit are taken out and compared with them.
///
/// The result shares the bytes of `data` where only its beginning or end had to go.
///
/// # Errors
/// When a NAL unit does not fit, or there are too many.
pub fn canonical(data: &Bytes, length_size: u8, in_force: &ParameterSets) -> Result<HevcFrame, NalError> {
    let mut kept = NalRanges::new();
    let mut is_sync = false;
    let mut sets: Option<ParameterSets> = None;
    for unit in nal::locate(data, length_size)? {
        let bytes = &data[unit.clone()];
        match kind(bytes) {
            Some(ACCESS_UNIT_DELIMITER) => {}
            _ if ParameterSets::is_set(bytes) => {
                if !sets.as_ref().unwrap_or(in_force).contains(bytes) {
                    // A set that cannot be read is dropped: the ones in force have to do, and the next may be whole.
                    let _ = sets.get_or_insert_with(|| in_force.clone()).replace(bytes);
                }
            }
            kind => {
                is_sync |= kind.is_some_and(|kind| RANDOM_ACCESS.contains(&kind));
                kept.push(unit);
            }
        }
    }
    let sets = sets.filter(|sets| sets != in_force);
    Ok(HevcFrame { data: nal::join(data, &kept), is_sync, sets })
}
