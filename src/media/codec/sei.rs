//! Supplemental enhancement information: the few messages that exits tell of, in any codec made of NAL units.
//!
//! The syntax and the payload types used here are the same in H.264 (ISO/IEC 14496-10 annex D), HEVC (ISO/IEC 23008-2 annex D) and VVC.

use crate::media::Captions;
use crate::media::bits::unescape;
use crate::media::color::{ContentLight, Hdr, MasteringDisplay};

/// How far a NAL unit of messages is looked into, in bytes: captions of a picture take a hundred, and encoders put what is told here first.
const MAX_READ: usize = 4_096;

const USER_DATA_REGISTERED: u32 = 4;
const MASTERING_DISPLAY: u32 = 137;
const CONTENT_LIGHT: u32 = 144;

/// What messages tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Messages {
    /// The static metadata of HDR.
    pub hdr: Hdr,
    /// The captions among the user data.
    pub captions: Captions,
}

impl Messages {
    /// Reads a NAL unit of messages, whose header is `header` bytes long. What is cut short or unknown tells nothing.
    pub fn read(nal: &[u8], header: usize) -> Self {
        let raw = unescape(nal.get(header..nal.len().min(MAX_READ)).unwrap_or_default());
        let (mut found, mut rest) = (Self::default(), &*raw);
        while let Some((kind, payload, behind)) = message(rest) {
            found.take(kind, payload);
            rest = behind;
        }
        found
    }

    /// These and those of `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { hdr: self.hdr.or(other.hdr), captions: self.captions.and(other.captions) }
    }

    fn take(&mut self, kind: u32, payload: &[u8]) {
        match kind {
            USER_DATA_REGISTERED => self.captions = self.captions.and(Captions::in_user_data(payload)),
            MASTERING_DISPLAY => self.hdr.mastering = payload.first_chunk().and_then(MasteringDisplay::from_bytes),
            CONTENT_LIGHT => self.hdr.light = payload.first_chunk().and_then(ContentLight::from_bytes),
            _ => {}
        }
    }
}

/// Type and payload of the first message, and what is behind it. The one that is cut short gives what there is of it.
fn message(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (kind, rest) = number(bytes)?;
    let (size, rest) = number(rest)?;
    let (payload, behind) = rest.split_at(rest.len().min(size as usize));
    Some((kind, payload, behind))
}

/// A number as bytes of 255 and one less than that, all added up.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let full = bytes.iter().position(|&byte| byte != 0xFF)?;
    Some((full as u32 * 255 + u32::from(bytes[full]), &bytes[full + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The messages of x265 for a display of P3 colours with 1000 cd/m², and for content of 1000 and 400 cd/m².
    const DISPLAY: &[u8] = &[
        0x89, 0x18, 0x33, 0xC2, 0x86, 0xC4, 0x1D, 0x4C, 0x0B, 0xB8, 0x84, 0xD0, 0x3E, 0x80, 0x3D, 0x13, 0x40, 0x42, 0x00, 0x98, 0x96, 0x80,
        0x00, 0x00, 0x03, 0x00, 0x01,
    ];
    const LIGHT: &[u8] = &[0x90, 0x04, 0x03, 0xE8, 0x01, 0x90];
    const CAPTIONS: &[u8] = &[4, 14, 0xB5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0xC1, 0xFF, 0xFC, 0x94, 0x2C, 0xFF];

    #[test]
    fn the_messages_of_hdr_are_read_through_emulation_prevention() {
        let found = Messages::read(&[&[0x4E, 1], DISPLAY, LIGHT, &[0x80]].concat(), 2);
        let display = found.hdr.mastering.unwrap();
        assert_eq!((display.max_luminance, display.min_luminance), (10_000_000, 1));
        let colors = display.colors.unwrap();
        assert_eq!((colors.green, colors.blue), ([13_250, 34_500], [7_500, 3_000]));
        assert_eq!((colors.red, colors.white), ([34_000, 16_000], [15_635, 16_450]));
        assert_eq!(found.hdr.light, ContentLight::new(1_000, 400));
        assert!(found.captions.is_empty());
    }

    #[test]
    fn captions_are_found_behind_other_messages_of_any_length() {
        let long = [&[5, 0xFF, 45][..], &[7; 300]].concat();
        let found = Messages::read(&[&[6], &long[..], CAPTIONS, &[0x80]].concat(), 1);
        assert_eq!(found.captions.fields, [true, false]);
        assert!(found.hdr.is_empty());
    }

    #[test]
    fn messages_that_lie_of_their_length_tell_nothing() {
        assert_eq!(Messages::read(&[6, 0x89, 0xFF, 0xFF], 1), Messages::default());
        assert_eq!(Messages::read(&[6, 0x89, 4, 1, 2, 3, 4, 0x80], 1), Messages::default());
        assert_eq!(Messages::read(&[], 2), Messages::default());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..512), header in 0usize..4) {
            let _ = Messages::read(&bytes, header);
        }
    }
}
