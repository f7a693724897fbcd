//! Splice information: as much of a `splice_info_section` as it takes to tell what it announces (ANSI/SCTE 35 §9).

use bytes::Bytes;

use super::bits::{BitReader, BitsError};
use super::time::{Span, Timescale};

/// The longest section that is read, in bytes; the standard allows four times as much, and encoders send a tenth of it.
pub const MAX_SECTION: usize = 1_024;

/// `table_id` of a splice_info_section.
const TABLE_ID: u8 = 0xFC;
/// Bytes of a section before those that `section_length` counts.
const HEADER: usize = 3;
const SPLICE_INSERT: u32 = 5;
const TIME_SIGNAL: u32 = 6;
const SEGMENTATION_DESCRIPTOR: u32 = 2;
const CUEI: u32 = 0x4355_4549;
/// Segmentation types that lead out of the programme, and those that lead back: the placement opportunities of providers and distributors
/// (§10.3.3.1; RFC 8216 §4.3.2.7.1).
const OUT_TYPES: [u32; 2] = [0x34, 0x36];
const IN_TYPES: [u32; 2] = [0x35, 0x37];

/// What a section announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Splice {
    /// Which way it leads.
    pub way: Way,
    /// The number of the event, which the way out and the way back share.
    pub event: Option<u32>,
    /// How long the way out is meant to be.
    pub duration: Option<Span>,
}

/// Where a splice leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Out of the programme: a break begins.
    Out,
    /// Back to the programme.
    In,
    /// Nowhere: it announces something else.
    Nowhere,
}

/// The section in a text, coded as base64 or hexadecimal; `None` where there is none that is whole.
pub fn in_text(text: &str) -> Option<Bytes> {
    let text = text.trim();
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if text.len() > MAX_SECTION * 2 + 2 {
        return None;
    }
    [from_hex(hex), from_base64(text)].into_iter().flatten().find(|section| is_whole(section)).map(Bytes::from)
}

/// Whether these bytes are a section, all of it and unharmed.
pub fn is_whole(section: &[u8]) -> bool {
    let Some(&[TABLE_ID, high, low]) = section.first_chunk::<HEADER>() else { return false };
    let length = usize::from(high & 0x0F) << 8 | usize::from(low);
    section.len() <= MAX_SECTION && section.len() == HEADER + length && crc_32(section) == 0
}

impl Splice {
    /// What a whole section announces. One that is encrypted, cancels an event, or is cut short inside announces nothing that is known.
    pub fn read(section: &[u8]) -> Self {
        Self::parse(section).ok().flatten().unwrap_or(Self { way: Way::Nowhere, event: None, duration: None })
    }

    fn parse(section: &[u8]) -> Result<Option<Self>, BitsError> {
        let mut bits = BitReader::new(section);
        bits.skip(32)?; // table_id, section_length, protocol_version
        if bits.bit()? {
            return Ok(None); // encrypted_packet
        }
        bits.skip(6 + 33 + 8 + 12)?; // encryption_algorithm, pts_adjustment, cw_index, tier
        bits.skip(12)?; // splice_command_length, which may be left untold
        match bits.bits(8)? {
            SPLICE_INSERT => splice_insert(&mut bits),
            TIME_SIGNAL => {
                splice_time(&mut bits)?;
                segmentation(&mut bits)
            }
            _ => Ok(None),
        }
    }
}

fn splice_insert(bits: &mut BitReader<'_>) -> Result<Option<Splice>, BitsError> {
    let event = Some(bits.bits(32)?);
    let is_cancelled = bits.bit()?;
    bits.skip(7)?;
    if is_cancelled {
        return Ok(None);
    }
    let (is_out, is_program, has_duration, is_immediate) = (bits.bit()?, bits.bit()?, bits.bit()?, bits.bit()?);
    bits.skip(4)?;
    if is_program && !is_immediate {
        splice_time(bits)?;
    }
    if !is_program {
        for _ in 0..bits.bits(8)? {
            bits.skip(8)?;
            if !is_immediate {
                splice_time(bits)?;
            }
        }
    }
    let duration = if has_duration {
        bits.skip(7)?; // auto_return, reserved
        Some(ticks(bits, 33)?)
    } else {
        None
    };
    Ok(Some(Splice { way: if is_out { Way::Out } else { Way::In }, event, duration }))
}

/// The first descriptor that leads out or in, or else the first of another type.
fn segmentation(bits: &mut BitReader<'_>) -> Result<Option<Splice>, BitsError> {
    let mut left = bits.bits(16)?;
    let mut other = None;
    while left >= 2 {
        let (tag, length) = (bits.bits(8)?, bits.bits(8)?);
        left = left.saturating_sub(2 + length);
        let end = bits.position() + length as usize * 8;
        if tag == SEGMENTATION_DESCRIPTOR && bits.bits(32)? == CUEI {
            match segmentation_descriptor(bits)? {
                Some(splice) if splice.way != Way::Nowhere => return Ok(Some(splice)),
                splice => other = other.or(splice),
            }
        }
        bits.skip(end.saturating_sub(bits.position()))?;
    }
    Ok(other)
}

fn segmentation_descriptor(bits: &mut BitReader<'_>) -> Result<Option<Splice>, BitsError> {
    let event = Some(bits.bits(32)?);
    let is_cancelled = bits.bit()?;
    bits.skip(7)?;
    if is_cancelled {
        return Ok(None);
    }
    let (is_program, has_duration) = (bits.bit()?, bits.bit()?);
    bits.skip(6)?;
    if !is_program {
        let components = bits.bits(8)? as usize;
        bits.skip(components * 48)?;
    }
    let duration = if has_duration { Some(ticks(bits, 40)?) } else { None };
    bits.skip(8)?; // segmentation_upid_type
    let upid = bits.bits(8)? as usize;
    bits.skip(upid * 8)?;
    let way = match bits.bits(8)? {
        kind if OUT_TYPES.contains(&kind) => Way::Out,
        kind if IN_TYPES.contains(&kind) => Way::In,
        _ => Way::Nowhere,
    };
    Ok(Some(Splice { way, event, duration }))
}

/// When: in a clock that no longer is the stream's, as RTMP has another.
fn splice_time(bits: &mut BitReader<'_>) -> Result<(), BitsError> {
    let is_specified = bits.bit()?;
    bits.skip(if is_specified { 6 + 33 } else { 7 })
}

fn ticks(bits: &mut BitReader<'_>, count: u32) -> Result<Span, BitsError> {
    let high = bits.bits(count - 32)?;
    let ticks = i64::from(high) << 32 | i64::from(bits.bits(32)?);
    Ok(Span::from_ticks(ticks, Timescale::VIDEO))
}

/// CRC-32 of MPEG-2 systems (ISO/IEC 13818-1 annex A): zero over a section that ends with its own.
fn crc_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 })
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if rest.is_empty() { pairs.iter().map(|two| pair(two)).collect() } else { None }
}

/// RFC 4648 §4, with or without padding.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let sextet = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
        let mut group = 0;
        for place in 0..4 {
            group = group << 6 | u32::from(chunk.get(place).map_or(Some(0), |byte| sextet(*byte))?);
        }
        let [_, group @ ..] = group.to_be_bytes();
        bytes.extend_from_slice(group.get(..chunk.len().checked_sub(1)?)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of ANSI/SCTE 35 §14: the start and the end of a placement opportunity, and a splice_insert.
    const START: &str = "/DA0AAAAAAAA///wBQb+cr0AUAAeAhxDVUVJSAAAjn/PAAGlmbAICAAAAAAsoKGKNAIAmsnRfg==";
    const END: &str = "/DAvAAAAAAAA///wBQb+dGKQoAAZAhdDVUVJSAAAjn+fCAgAAAAALKChijUCAKnMZ1g=";
    const INSERT: &str = "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=";

    fn splice(text: &str) -> Splice {
        Splice::read(&in_text(text).unwrap())
    }

    #[test]
    fn the_standards_own_examples_are_understood() {
        let duration = |ticks| Some(Span::from_ticks(ticks, Timescale::VIDEO));
        assert_eq!(splice(START), Splice { way: Way::Out, event: Some(0x4800_008E), duration: duration(27_630_000) });
        assert_eq!(splice(END), Splice { way: Way::In, event: Some(0x4800_008E), duration: None });
        assert_eq!(splice(INSERT), Splice { way: Way::Out, event: Some(0x4800_008F), duration: duration(5_426_421) });
    }

    #[test]
    fn sections_are_found_in_either_coding_and_only_if_whole() {
        let section = in_text(INSERT).unwrap();
        let hex: String = section.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [hex.clone(), format!("0x{}", hex.to_uppercase()), format!(" {INSERT}\n"), INSERT.trim_end_matches('=').to_owned()] {
            assert_eq!(in_text(&text), Some(section.clone()), "{text}");
        }
        assert_eq!(in_text(&INSERT.replace("c2nA", "c2nB")), None, "harmed on its way");
        assert_eq!(in_text(&hex[..hex.len() - 2]), None);
        for text in ["", "0x", "SpliceOut", "FC", "=", "/DAv", &"A".repeat(1 << 20)] {
            assert_eq!(in_text(text), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_and_any_bytes_are_taken(text in "\\PC{0,80}", mut bytes in proptest::collection::vec(any::<u8>(), 4..64)) {
            let _ = in_text(&text);
            let _ = Splice::read(&bytes);
            bytes[0] = TABLE_ID;
            let _ = Splice::read(&bytes);
            let harmed: Vec<u8> = in_text(START).unwrap().iter().zip(bytes.iter().cycle()).map(|(one, other)| one ^ other & 1).collect();
            let _ = Splice::read(&harmed);
        }
    }
}
