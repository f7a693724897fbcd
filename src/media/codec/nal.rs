//! NAL units in an access unit: behind lengths or behind start codes, with every length checked.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

/// NAL units accepted in one access unit. A picture of 8K in slices of one macroblock row has 270.
pub const MAX_NALS: usize = 1024;

/// An access unit that cannot be taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NalError {
    /// A NAL unit announces more bytes than the access unit has left.
    #[error("NAL unit at byte {position}: {length} bytes announced, {left} left")]
    PastTheEnd {
        /// Offset of the NAL unit's length.
        position: usize,
        /// Bytes it announces.
        length: usize,
        /// Bytes left behind the length.
        left: usize,
    },
    /// More than [`MAX_NALS`] NAL units.
    #[error("more than {MAX_NALS} NAL units in a frame of {bytes} bytes")]
    TooMany {
        /// Bytes of the access unit.
        bytes: usize,
    },
}

/// Where the NAL units of an access unit lie, without their lengths or start codes. Empty units are left out.
pub type NalRanges = SmallVec<[Range<usize>; 16]>;

/// Finds the NAL units behind lengths of `length_size` bytes (1, 2 or 4), or behind start codes where the lengths make no sense and
/// the data begins with one: some encoders put Annex B into FLV.
///
/// # Errors
/// When a length points past the end, or there are too many units.
pub fn locate(data: &[u8], length_size: u8) -> Result<NalRanges, NalError> {
    match by_length(data, usize::from(length_size)) {
        Err(NalError::PastTheEnd { .. }) if starts_with_start_code(data) => by_start_code(data),
        // Four-byte lengths under a record that announces another size: seen where a muxer rewrote the frames but not the record.
        Err(error @ NalError::PastTheEnd { .. }) if length_size != 4 => by_length(data, 4).map_err(|_| error),
        result => result,
    }
}

/// Whether data begins with an Annex B start code.
pub fn starts_with_start_code(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

/// The NAL units between start codes (ISO/IEC 14496-10 Annex B).
///
/// # Errors
/// When there are too many.
pub fn by_start_code(data: &[u8]) -> Result<NalRanges, NalError> {
    let mut nals = NalRanges::new();
    let mut start = None;
    let mut at = 0;
    while let Some(found) = data.get(at..).and_then(|rest| rest.windows(3).position(|three| three == [0, 0, 1])) {
        let code = at + found;
        if let Some(start) = start {
            push(&mut nals, trimmed(data, start..code), data.len())?;
        }
        at = code + 3;
        start = Some(at);
    }
    if let Some(start) = start {
        push(&mut nals, trimmed(data, start..data.len()), data.len())?;
    }
    Ok(nals)
}

/// The given units of `data`, each behind its length as 4 bytes. A slice of `data` where it already holds just that; else a copy.
pub fn join(data: &Bytes, nals: &[Range<usize>]) -> Bytes {
    let (Some(first), Some(last)) = (nals.first(), nals.last()) else { return Bytes::new() };
    if nals.iter().all(|nal| has_length_before(data, nal)) && nals.windows(2).all(|pair| pair[0].end + 4 == pair[1].start) {
        return data.slice(first.start - 4..last.end);
    }
    let mut joined = BytesMut::with_capacity(nals.iter().map(|nal| 4 + nal.len()).sum());
    for nal in nals {
        joined.put_u32(u32::try_from(nal.len()).expect("a frame is far shorter than 4 GiB"));
        joined.put_slice(&data[nal.clone()]);
    }
    joined.freeze()
}

fn by_length(data: &[u8], length_size: usize) -> Result<NalRanges, NalError> {
    let mut nals = NalRanges::new();
    let mut at = 0;
    while at < data.len() {
        let rest = &data[at..];
        let Some(prefix) = rest.get(..length_size) else {
            if rest.iter().all(|&byte| byte == 0) {
                break; // Padding shorter than a length.
            }
            return Err(NalError::PastTheEnd { position: at, length: length_size, left: rest.len() });
        };
        let length = prefix.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
        let left = rest.len() - length_size;
        if length > left {
            return Err(NalError::PastTheEnd { position: at, length, left });
        }
        let start = at + length_size;
        push(&mut nals, start..start + length, data.len())?;
        at = start + length;
    }
    Ok(nals)
}

fn push(nals: &mut NalRanges, nal: Range<usize>, bytes: usize) -> Result<(), NalError> {
    if nal.is_empty() {
        return Ok(());
    }
    if nals.len() == MAX_NALS {
        return Err(NalError::TooMany { bytes });
    }
    nals.push(nal);
    Ok(())
}

/// A NAL unit never ends in a zero byte: those belong to the next start code or are padding.
fn trimmed(data: &[u8], nal: Range<usize>) -> Range<usize> {
    let zeros = data[nal.clone()].iter().rev().take_while(|&&byte| byte == 0).count();
    nal.start..nal.end - zeros
}

fn has_length_before(data: &[u8], nal: &Range<usize>) -> bool {
    let before = nal.start.checked_sub(4).and_then(|at| data[at..].first_chunk::<4>());
    before.is_some_and(|length| u32::from_be_bytes(*length) as usize == nal.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(data: &'static [u8], length_size: u8) -> Result<Bytes, NalError> {
        let data = Bytes::from_static(data);
        locate(&data, length_size).map(|nals| join(&data, &nals))
    }

    #[test]
    fn canonical_data_is_shared_not_copied() {
        let data = Bytes::from_static(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x06]);
        let nals = locate(&data, 4).unwrap();
        assert_eq!(nals.as_slice(), [4..6, 10..11]);
        assert_eq!(join(&data, &nals).as_ptr(), data.as_ptr());
        assert_eq!(join(&data, &nals[1..]).as_ptr(), data[6..].as_ptr());
    }

    #[test]
    fn shorter_lengths_become_four_bytes() {
        assert_eq!(canonical(&[2, 0x65, 9, 1, 0x06], 1).unwrap(), [0, 0, 0, 2, 0x65, 9, 0, 0, 0, 1, 0x06].as_slice());
        assert_eq!(canonical(&[0, 2, 0x65, 9], 2).unwrap(), [0, 0, 0, 2, 0x65, 9].as_slice());
    }

    #[test]
    fn start_codes_become_lengths() {
        let annex_b = &[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 4, 0, 0];
        assert_eq!(canonical(annex_b, 4).unwrap(), [0, 0, 0, 3, 0x67, 1, 2, 0, 0, 0, 2, 0x68, 3, 0, 0, 0, 2, 0x65, 4].as_slice());
    }

    #[test]
    fn lengths_that_look_like_start_codes_stay_lengths() {
        assert_eq!(canonical(&[0, 0, 0, 1, 0x09, 0, 0, 0, 1, 0x65], 4).unwrap().len(), 10);
    }

    #[test]
    fn a_length_past_the_end_is_refused_with_its_place() {
        let error = NalError::PastTheEnd { position: 6, length: 9, left: 1 };
        assert_eq!(canonical(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 9, 0x65], 4), Err(error));
        assert_eq!(canonical(&[0xFF, 0xFF], 4), Err(NalError::PastTheEnd { position: 0, length: 4, left: 2 }));
    }

    #[test]
    fn empty_units_and_zero_padding_are_left_out() {
        assert_eq!(canonical(&[0, 0, 0, 0, 0, 0, 0, 1, 0x65, 0, 0], 4).unwrap(), [0, 0, 0, 1, 0x65].as_slice());
    }

    #[test]
    fn units_beyond_the_limit_are_refused() {
        let units: Vec<u8> = [1, 0x06].repeat(MAX_NALS + 1);
        assert_eq!(locate(&units, 1), Err(NalError::TooMany { bytes: units.len() }));
        assert_eq!(locate(&units[2..], 1).map(|nals| nals.len()), Ok(MAX_NALS));
    }
}
