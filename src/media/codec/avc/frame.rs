//! Access units in their canonical form.

use bytes::Bytes;

use super::sets::ParameterSets;
use crate::media::codec::nal::{self, NalError, NalRanges};

/// An access unit as the bus carries it.
#[derive(Clone, PartialEq, Debug)]
pub struct AvcFrame {
    /// NAL units behind 4-byte lengths, without access unit delimiters and parameter sets. Empty where nothing else was there.
    pub data: Bytes,
    /// Whether it holds an IDR picture. Open-GOP recovery points are not sync samples.
    pub is_sync: bool,
    /// The parameter sets in force from this access unit on, where it brought any that differ from those before.
    pub sets: Option<ParameterSets>,
}

const IDR_SLICE: u8 = 5;
const ACCESS_UNIT_DELIMITER: u8 = 9;

/// Brings an access unit into its canonical form: from NAL lengths of `length_size` bytes, or from Annex B where it is that.
/// `in_force` are the parameter sets that hold so far; those in the access unit are taken out and compared with them.
///
/// The result shares the bytes of `data` where only its beginning or end had to go.
///
/// # Errors
/// When a NAL unit does not fit, or there are too many.
pub fn canonical(data: &Bytes, length_size: u8, in_force: &ParameterSets) -> Result<AvcFrame, NalError> {
    let mut kept = NalRanges::new();
    let mut is_sync = false;
    let mut sets: Option<ParameterSets> = None;
    for unit in nal::locate(data, length_size)? {
        let bytes = &data[unit.clone()];
        match bytes[0] & 0x1F {
            ACCESS_UNIT_DELIMITER => {}
            _ if ParameterSets::is_set(bytes) => {
                if !sets.as_ref().unwrap_or(in_force).contains(bytes) {
                    // A set that cannot be read is dropped: the ones in force have to do, and the next may be whole.
                    let _ = sets.get_or_insert_with(|| in_force.clone()).replace(bytes);
                }
            }
            kind => {
                is_sync |= kind == IDR_SLICE;
                kept.push(unit);
            }
        }
    }
    let sets = sets.filter(|sets| sets != in_force);
    Ok(AvcFrame { data: nal::join(data, &kept), is_sync, sets })
}
