//! The server's end.

use bytes::{Buf, BufMut, BytesMut};
use rand::Rng;

use super::digest::{self, Signer};
use super::{Error, PACKET, Progress, VERSION};

/// The version that digest-mode servers put into S1; players check the digest only from 3 on.
const SERVER_VERSION: [u8; 4] = [0x0D, 0x0E, 0x0A, 0x0D];

/// What a server does while a client shakes hands.
#[derive(Debug)]
pub struct Server {
    state: State,
    random: Box<[[u8; PACKET]; 2]>,
}

#[derive(Debug)]
enum State {
    C0C1,
    C2,
    Done,
}

impl Server {
    /// Waits for C0 and C1. `rng` fills the packets' arbitrary bytes.
    #[must_use]
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut random = Box::new([[0; PACKET]; 2]);
        rng.fill_bytes(random.as_flattened_mut());
        Self { state: State::C0C1, random }
    }

    /// Takes what it needs from `input` and appends its answers to `output`. S0, S1 and S2 all leave as soon as C1 is complete: FFmpeg
    /// sends C2 only after them.
    ///
    /// # Errors
    /// The client does not speak plain RTMP. The first byte alone decides, so that other protocols are turned away at once.
    pub fn advance(&mut self, input: &mut BytesMut, output: &mut BytesMut) -> Result<Progress, Error> {
        loop {
            match self.state {
                State::C0C1 => {
                    let Some(&version) = input.first() else { return Ok(Progress::Waiting) };
                    check_version(version)?;
                    let Some(c1) = input.get(1..).and_then(<[u8]>::first_chunk::<PACKET>) else { return Ok(Progress::Waiting) };
                    output.put_u8(VERSION);
                    self.answer(c1, output);
                    input.advance(1 + PACKET);
                    self.state = State::C2;
                }
                // What C2 says is never checked: FFmpeg's does not verify, and it proves nothing.
                State::C2 => {
                    if input.len() < PACKET {
                        return Ok(Progress::Waiting);
                    }
                    input.advance(PACKET);
                    self.state = State::Done;
                }
                State::Done => return Ok(Progress::Done),
            }
        }
    }

    fn answer(&mut self, c1: &[u8; PACKET], output: &mut BytesMut) {
        let [s1, s2] = &mut *self.random;
        s1[..4].fill(0); // Our time: the epoch is our own, and this is its start.
        let found = if c1[4..8] == [0; 4] { None } else { digest::find(c1, Signer::Client) };
        if let Some((schema, client_digest)) = found {
            s1[4..8].copy_from_slice(&SERVER_VERSION);
            digest::sign(s1, schema, Signer::Server);
            digest::sign_answer(s2, &client_digest, Signer::Server);
        } else {
            s1[4..8].fill(0); // Anything else would promise a digest.
            *s2 = *c1; // All of it: librtmp and others compare every byte.
        }
        output.put_slice(s1);
        output.put_slice(s2);
    }
}

/// The specification wants unknown versions below 32 answered with 3; 0 to 2 are those of products long gone, and 22 never was one, but
/// TLS begins with it (RFC 8446 section 5.1).
fn check_version(version: u8) -> Result<(), Error> {
    match version {
        6 | 8 | 9 => Err(Error::Encrypted(version)),
        0x16 => Err(Error::NotRtmp(version)),
        3..32 => Ok(()),
        0..3 => Err(Error::Version(version)),
        _ => Err(Error::NotRtmp(version)),
    }
}
