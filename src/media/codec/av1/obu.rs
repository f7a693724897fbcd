//! Open bitstream units (AV1 specification §5.3), and temporal units in their canonical form.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

use super::metadata;
use crate::media::codec::sei::Messages;

/// Units accepted in one temporal unit. Even a tile group of its own for each of 512 tiles leaves room for the rest.
pub const MAX_OBUS: usize = 1024;

pub(super) const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const METADATA: u8 = 5;
const FRAME: u8 = 6;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// Bits of the header's first byte (§5.3.2).
const FORBIDDEN: u8 = 0x80;
const HAS_EXTENSION: u8 = 4;
const HAS_SIZE: u8 = 2;

/// The longest number in the leb128 code (§4.10.5).
const MAX_LEB128: usize = 8;

/// A temporal unit that cannot be taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ObuError {
    /// A unit announces more bytes than are left, or its size is no number.
    #[error("OBU at byte {position}: needs more than the {left} bytes left")]
    PastTheEnd {
        /// Offset of the unit.
        position: usize,
        /// Bytes left from there.
        left: usize,
    },
    /// A header whose first bit, which is always zero, is set.
    #[error("OBU at byte {position}: header {header:#04x}")]
    Header {
        /// Offset of the unit.
        position: usize,
        /// The header's first byte.
        header: u8,
    },
    /// More than [`MAX_OBUS`] units.
    #[error("more than {MAX_OBUS} OBUs in {bytes} bytes")]
    TooMany {
        /// Bytes of the temporal unit.
        bytes: usize,
    },
}

/// One unit: where it lies, and where its payload does.
#[derive(Clone, Debug)]
pub(super) struct Obu {
    pub kind: u8,
    pub whole: Range<usize>,
    pub payload: Range<usize>,
}

/// Takes a run of units apart. Sizes may be written longer than they need be: OBS does that.
pub(super) fn locate(data: &[u8]) -> Result<SmallVec<[Obu; 8]>, ObuError> {
    let mut obus = SmallVec::new();
    let mut at = 0;
    while let Some(&header) = data.get(at) {
        let past = ObuError::PastTheEnd { position: at, left: data.len() - at };
        if header & FORBIDDEN != 0 {
            return Err(ObuError::Header { position: at, header });
        }
        if obus.len() == MAX_OBUS {
            return Err(ObuError::TooMany { bytes: data.len() });
        }
        let mut start = at + if header & HAS_EXTENSION == 0 { 1 } else { 2 };
        let mut length = data.len().checked_sub(start).ok_or(past)?;
        if header & HAS_SIZE != 0 {
            let (size, bytes) = leb128(data.get(start..).unwrap_or_default()).ok_or(past)?;
            start += bytes;
            length = usize::try_from(size).ok().filter(|&size| size <= data.len() - start).ok_or(past)?;
        }
        obus.push(Obu { kind: header >> 3 & 15, whole: at..start + length, payload: start..start + length });
        at = start + length;
    }
    Ok(obus)
}

/// Appends a unit with a size of its own, as short as can be, whatever form it had.
pub(super) fn put_sized(out: &mut BytesMut, data: &[u8], obu: &Obu) {
    let header = data[obu.whole.start];
    out.put_u8(header | HAS_SIZE);
    if header & HAS_EXTENSION != 0 {
        out.put_u8(data[obu.whole.start + 1]);
    }
    let mut size = obu.payload.len();
    while size >= 0x80 {
        out.put_u8(size as u8 | 0x80);
        size >>= 7;
    }
    out.put_u8(size as u8);
    out.put_slice(&data[obu.payload.clone()]);
}

/// A number, and how many bytes it took (§4.10.5).
pub(super) fn leb128(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(MAX_LEB128).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// A temporal unit as the bus carries it.
#[derive(Clone, PartialEq, Debug)]
pub struct Av1Unit {
    /// Units with sizes, without temporal delimiters, tile lists and padding. Empty where nothing else was there.
    pub data: Bytes,
    /// Whether its first frame is a key frame that is shown. Decoding can start there once a sequence header lies before it.
    pub is_key: bool,
    /// The first sequence header it brought, whole.
    pub sequence_header: Option<Bytes>,
    /// What its metadata tells; it stays in it.
    pub messages: Messages,
}

/// Brings a temporal unit into its canonical form. The result shares the bytes of `data` where only its beginning or end had to go.
///
/// # Errors
/// When a unit does not fit, or there are too many.
pub fn canonical(data: &Bytes) -> Result<Av1Unit, ObuError> {
    let mut kept: SmallVec<[Obu; 8]> = SmallVec::new();
    let mut is_key = None;
    let mut sequence_header = None;
    let mut messages = Messages::default();
    for obu in locate(data)? {
        match obu.kind {
            TEMPORAL_DELIMITER | TILE_LIST | PADDING => continue,
            SEQUENCE_HEADER if sequence_header.is_none() => sequence_header = Some(data.slice(obu.whole.clone())),
            FRAME_HEADER | FRAME if is_key.is_none() => {
                is_key = Some(data[obu.payload.clone()].first().is_some_and(|&byte| starts_key(byte)))
            }
            METADATA => messages = messages.and(metadata::read(&data[obu.payload.clone()])),
            _ => {}
        }
        kept.push(obu);
    }
    Ok(Av1Unit { data: join(data, &kept), is_key: is_key.unwrap_or(false), sequence_header, messages })
}

/// show_existing_frame 0, frame_type KEY_FRAME, show_frame 1 (§5.9.2).
fn starts_key(first: u8) -> bool {
    first & 0xF0 == 0x10
}

fn join(data: &Bytes, kept: &[Obu]) -> Bytes {
    let (Some(first), Some(last)) = (kept.first(), kept.last()) else { return Bytes::new() };
    // Only the last unit of all can be without a size.
    let is_sized = data[last.whole.start] & HAS_SIZE != 0;
    if is_sized && kept.windows(2).all(|pair| pair[0].whole.end == pair[1].whole.start) {
        return data.slice(first.whole.start..last.whole.end);
    }
    let mut joined = BytesMut::with_capacity(kept.iter().map(|obu| obu.whole.len()).sum::<usize>() + MAX_LEB128);
    for obu in kept {
        match data[obu.whole.start] & HAS_SIZE {
            0 => put_sized(&mut joined, data, obu),
            _ => joined.put_slice(&data[obu.whole.clone()]),
        }
    }
    joined.freeze()
}
