//! Captions into coded frames, for encoders that leave them out: libav gives them to H.264 alone.

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate::transcode::ladder::RungCodec;

/// What is before the captions in a message of user data: country and provider of ATSC, "GA94", the type of caption data (A/53 part 4 §6.2.3).
const HEAD: &[u8] = &[0xB5, 0x00, 0x31, b'G', b'A', b'9', b'4', 0x03];
/// process_cc_data_flag and the bit before it that is always set; the count stands in the lower five.
const FLAGS: u8 = 0xC0;

/// HEVC: the header of a unit of messages before the picture, and the payload type of registered user data (ISO/IEC 23008-2 annex D).
const PREFIX_SEI: [u8; 2] = [0x4E, 0x01];
const USER_DATA_REGISTERED: u8 = 4;
/// AV1: a metadata unit with a size, and its type for user data (AV1 specification §5.8, §6.7).
const METADATA_OBU: u8 = 5 << 3 | 2;
const METADATA_ITUT_T35: u8 = 4;
const SEQUENCE_HEADER: u8 = 1;

/// The frame in its canonical form, with these groups of three bytes, 31 at most, before its picture.
pub fn inserted(codec: RungCodec, frame: Bytes, groups: &[u8]) -> Bytes {
    let unit = match codec {
        _ if groups.is_empty() => return frame,
        // The encoder has put them in.
        RungCodec::H264 => return frame,
        RungCodec::Hevc => hevc(groups),
        RungCodec::Av1 => av1(groups),
    };
    // Behind the sequence header of a key frame, where there is one.
    let at = if codec == RungCodec::Av1 { sequence_header(&frame) } else { 0 };
    let mut out = BytesMut::with_capacity(frame.len() + unit.len());
    out.put_slice(&frame[..at]);
    out.put_slice(&unit);
    out.put_slice(&frame[at..]);
    out.freeze()
}

fn message(groups: &[u8]) -> Vec<u8> {
    let mut message = HEAD.to_vec();
    message.extend([FLAGS | (groups.len() / 3) as u8, 0xFF]);
    message.extend_from_slice(groups);
    message.push(0xFF);
    message
}

/// A NAL unit behind its length. The message's length is one byte, below 255.
fn hevc(groups: &[u8]) -> Vec<u8> {
    let message = message(groups);
    let mut payload = vec![USER_DATA_REGISTERED, message.len() as u8];
    payload.extend(message);
    payload.push(0x80);
    let mut unit = PREFIX_SEI.to_vec();
    let mut zeros = 0;
    for byte in payload {
        // Two zeros and a byte up to three would read as a start code (§7.4.2).
        if zeros >= 2 && byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        unit.push(byte);
    }
    [&(unit.len() as u32).to_be_bytes()[..], &unit].concat()
}

/// A unit whose size takes two bytes of the leb128 code.
fn av1(groups: &[u8]) -> Vec<u8> {
    let mut payload = vec![METADATA_ITUT_T35];
    payload.extend(message(groups));
    payload.push(0x80);
    let size = payload.len();
    [&[METADATA_OBU, size as u8 | 0x80, (size >> 7) as u8][..], &payload].concat()
}

/// Bytes of the sequence header at the beginning; none where the frame begins otherwise.
fn sequence_header(frame: &[u8]) -> usize {
    match frame {
        [header, size, ..] if header >> 3 & 15 == SEQUENCE_HEADER && size & 0x80 == 0 => (2 + usize::from(*size)).min(frame.len()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use sluicegate::media::Captions;
    use sluicegate::media::codec::av1;
    use sluicegate::media::codec::sei::Messages;

    use super::*;

    /// A character pair of the first field, one of zeros that must not read as a start code, and another pair.
    const GROUPS: &[u8] = &[0xFC, 0x94, 0x2C, 0xFD, 0x00, 0x00, 0x03, 0x00, 0x00];

    fn first_field() -> Captions {
        Captions { carried: true, fields: [true, false], services: 0 }
    }

    #[test]
    fn hevc_gets_a_unit_of_messages_before_its_picture() {
        let frame = Bytes::from_static(&[0, 0, 0, 2, 0x26, 1]);
        let with = inserted(RungCodec::Hevc, frame.clone(), GROUPS);
        let length = u32::from_be_bytes(*with.first_chunk().unwrap()) as usize;
        assert_eq!(Messages::read(&with[4..4 + length], 2).captions, first_field());
        assert!(with[4..4 + length].windows(4).any(|four| four == [0, 0, 3, 3]), "emulation is prevented");
        assert_eq!(with.slice(4 + length..), frame);
    }

    #[test]
    fn av1_gets_a_metadata_unit_behind_its_sequence_header() {
        // A sequence header, which nothing here reads, and a unit of padding in the place of a frame.
        let header: &[u8] = &[0x0A, 4, 0, 0, 0, 4];
        let frame = Bytes::from([header, &[0x7A, 0]].concat());
        let with = inserted(RungCodec::Av1, frame, GROUPS);
        assert_eq!((&with[..header.len()], with[header.len()]), (header, METADATA_OBU));
        assert_eq!(av1::canonical(&with).unwrap().messages.captions, first_field());
        assert_eq!(inserted(RungCodec::Av1, with.clone(), &[]), with);
    }
}
