//! The mark that travels inside every picture and every sound: which one it is, and when it was sent.
//!
//! It is an SEI message of user data (H.264 D.1.7), which servers pass on as part of the access unit. Its bytes all have the high bit
//! set, so that neither a start code nor an emulation prevention byte can arise in it. A sound simply begins with it.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{BufMut, BytesMut};

/// Bytes at the beginning of an access unit in which the mark is looked for: servers may put parameter sets before it.
pub const SEARCHED: usize = 192;

/// Bytes of the whole NAL unit.
pub const NAL_LEN: usize = 3 + ID.len() + FRAME_BYTES + TIME_BYTES + 1;

const ID: [u8; 16] = *b"\xd3\xa1\xf7\x9c\x8e\xb4\xc2\xe9\x91\xaf\xd8\xbb\xe5\x96\xcd\xfa";
const FRAME_BYTES: usize = 5;
const TIME_BYTES: usize = 9;

/// What a picture or a sound says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Pictures, or sounds, published before this one.
    pub frame: u64,
    /// When it was handed to the socket, on [`now`]'s clock.
    pub sent: u64,
}

/// Nanoseconds of the wall clock, which the processes of one machine share.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

impl Stamp {
    /// Appends the NAL unit, without length or start code: [`NAL_LEN`] bytes.
    pub fn write(self, out: &mut BytesMut) {
        const USER_DATA_UNREGISTERED: u8 = 5;
        out.put_slice(&[6, USER_DATA_UNREGISTERED, (ID.len() + FRAME_BYTES + TIME_BYTES) as u8]);
        out.put_slice(&ID);
        put_groups::<FRAME_BYTES>(self.frame, out);
        put_groups::<TIME_BYTES>(self.sent, out);
        out.put_u8(0x80); // rbsp_trailing_bits
    }

    /// The mark in the beginning of an access unit.
    pub fn find(beginning: &[u8]) -> Option<Self> {
        let at = beginning.windows(ID.len()).position(|window| *window == ID)? + ID.len();
        let frame = beginning.get(at..at + FRAME_BYTES)?;
        let sent = beginning.get(at + FRAME_BYTES..at + FRAME_BYTES + TIME_BYTES)?;
        Some(Self { frame: groups(frame), sent: groups(sent) })
    }
}

fn put_groups<const N: usize>(value: u64, out: &mut BytesMut) {
    for group in (0..N).rev() {
        out.put_u8(0x80 | (value >> (7 * group)) as u8 & 0x7f);
    }
}

fn groups(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}
