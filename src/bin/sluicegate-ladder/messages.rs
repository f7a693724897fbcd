//! Messages into coded frames, for encoders that leave them out: captions, which libav gives to H.264 alone, and orientation, which it gives to none.

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate::media::codec::nal;
use sluicegate::transcode::ladder::RungCodec;

use super::orientation::Orientation;

/// What is before the captions in a message of user data: country and provider of ATSC, "GA94", the type of caption data (A/53 part 4 §6.2.3).
const HEAD: &[u8] = &[0xB5, 0x00, 0x31, b'G', b'A', b'9', b'4', 0x03];
/// process_cc_data_flag and the bit before it that is always set; the count stands in the lower five.
const FLAGS: u8 = 0xC0;

/// The headers of a unit of messages before the picture, and payload types (ISO/IEC 14496-10 and 23008-2, annex D).
const H264_SEI: &[u8] = &[0x06];
const HEVC_SEI: &[u8] = &[0x4E, 0x01];
const USER_DATA_REGISTERED: u8 = 4;
const DISPLAY_ORIENTATION: u8 = 47;
/// AV1: a metadata unit with a size, and its type for user data (AV1 specification §5.8, §6.7).
const METADATA_OBU: u8 = 5 << 3 | 2;
const METADATA_ITUT_T35: u8 = 4;
const SEQUENCE_HEADER: u8 = 1;

/// What is to be told with a frame.
#[derive(Default)]
pub struct Messages {
    /// Captions as groups of three bytes, 31 at most.
    pub captions: Vec<u8>,
    /// How the picture is to be turned, where that has to be told with this one.
    pub orientation: Option<Orientation>,
}

impl Messages {
    /// The frame in its canonical form, with these before its picture. What the codec's encoders put in themselves is left to them; AV1 has no
    /// word for orientation.
    pub fn put_into(&self, codec: RungCodec, frame: Bytes) -> Bytes {
        let (at, unit) = match codec {
            RungCodec::H264 => (before_picture(&frame, |nal| (1..=5).contains(&(nal & 31))), self.sei(codec, H264_SEI)),
            RungCodec::Hevc => (before_picture(&frame, |nal| nal >> 1 & 63 < 32), self.sei(codec, HEVC_SEI)),
            // Behind the sequence header of a key frame, where there is one.
            RungCodec::Av1 => (sequence_header(&frame), self.metadata()),
        };
        let Some(unit) = unit else { return frame };
        let mut out = BytesMut::with_capacity(frame.len() + unit.len());
        out.put_slice(&frame[..at]);
        out.put_slice(&unit);
        out.put_slice(&frame[at..]);
        out.freeze()
    }

    /// A NAL unit behind its length; none where there is nothing to tell. A message's length is one byte, below 255.
    fn sei(&self, codec: RungCodec, header: &[u8]) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        let mut message = |kind: u8, bytes: &[u8]| {
            payload.extend([kind, bytes.len() as u8]);
            payload.extend_from_slice(bytes);
        };
        if codec == RungCodec::Hevc && !self.captions.is_empty() {
            message(USER_DATA_REGISTERED, &user_data(&self.captions));
        }
        if let Some(orientation) = self.orientation {
            message(DISPLAY_ORIENTATION, &orientation.payload(codec));
        }
        if payload.is_empty() {
            return None;
        }
        payload.push(0x80);
        let mut unit = header.to_vec();
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
        Some([&(unit.len() as u32).to_be_bytes()[..], &unit].concat())
    }

    /// A unit whose size takes two bytes of the leb128 code.
    fn metadata(&self) -> Option<Vec<u8>> {
        if self.captions.is_empty() {
            return None;
        }
        let mut payload = vec![METADATA_ITUT_T35];
        payload.extend(user_data(&self.captions));
        payload.push(0x80);
        let size = payload.len();
        Some([&[METADATA_OBU, size as u8 | 0x80, (size >> 7) as u8][..], &payload].concat())
    }
}

fn user_data(groups: &[u8]) -> Vec<u8> {
    let mut message = HEAD.to_vec();
    message.extend([FLAGS | (groups.len() / 3) as u8, 0xFF]);
    message.extend_from_slice(groups);
    message.push(0xFF);
    message
}

/// Where the first unit of the picture begins: some messages that encoders write must stay the first of all.
fn before_picture(frame: &[u8], is_picture: impl Fn(u8) -> bool) -> usize {
    let units = nal::locate(frame, 4).unwrap_or_default();
    units.iter().find(|unit| is_picture(frame[unit.start])).map_or(0, |unit| unit.start - 4)
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
    use sluicegate::media::codec::sei;

    use super::*;

    /// A character pair of the first field, one of zeros that must not read as a start code, and another pair.
    const GROUPS: &[u8] = &[0xFC, 0x94, 0x2C, 0xFD, 0x00, 0x00, 0x03, 0x00, 0x00];

    fn captions(groups: &[u8]) -> Messages {
        Messages { captions: groups.to_vec(), orientation: None }
    }

    fn first_field() -> Captions {
        Captions { carried: true, fields: [true, false], services: 0 }
    }

    #[test]
    fn hevc_gets_a_unit_of_messages_before_its_picture() {
        let frame = Bytes::from_static(&[0, 0, 0, 2, 0x26, 1]);
        let with = captions(GROUPS).put_into(RungCodec::Hevc, frame.clone());
        let length = u32::from_be_bytes(*with.first_chunk().unwrap()) as usize;
        assert_eq!(sei::Messages::read(&with[4..4 + length], 2).captions, first_field());
        assert!(with[4..4 + length].windows(4).any(|four| four == [0, 0, 3, 3]), "emulation is prevented");
        assert_eq!(with.slice(4 + length..), frame);
    }

    #[test]
    fn av1_gets_a_metadata_unit_behind_its_sequence_header() {
        // A sequence header, which nothing here reads, and a unit of padding in the place of a frame.
        let header: &[u8] = &[0x0A, 4, 0, 0, 0, 4];
        let frame = Bytes::from([header, &[0x7A, 0]].concat());
        let with = captions(GROUPS).put_into(RungCodec::Av1, frame);
        assert_eq!((&with[..header.len()], with[header.len()]), (header, METADATA_OBU));
        assert_eq!(av1::canonical(&with).unwrap().messages.captions, first_field());
        let turned = Messages { orientation: Some(Orientation::default()), ..captions(&[]) };
        assert_eq!(turned.put_into(RungCodec::Av1, with.clone()), with);
    }

    #[test]
    fn h264_gets_its_messages_behind_those_of_the_encoder_and_before_the_picture() {
        let turned = Orientation { is_flipped: false, turn: 0x4000 };
        let told = Messages { captions: GROUPS.to_vec(), orientation: Some(turned) };
        let frame = Bytes::from_static(&[0, 0, 0, 3, 6, 5, 0x80, 0, 0, 0, 2, 0x65, 1]);
        let expected = [&frame[..7], &[0, 0, 0, 7, 6, 47, 3, 0x08, 0, 0x09, 0x80], &frame[7..]].concat();
        assert_eq!(told.put_into(RungCodec::H264, frame.clone()), expected);
        assert_eq!(captions(GROUPS).put_into(RungCodec::H264, frame.clone()), frame);
    }
}
