//! The client's end: for relays, load generators and tests.

use bytes::{Buf, BufMut, BytesMut};
use rand::Rng;

use super::digest::{self, DIGEST, Schema, Signer};
use super::{Error, PACKET, Progress, VERSION};

/// What FFmpeg claims to be: Flash Player 9.0.124.2.
const CLIENT_VERSION: [u8; 4] = [9, 0, 124, 2];

/// Which handshake a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As OBS and GStreamer do.
    Simple,
    /// As FFmpeg (in the first block) and Flash do.
    Digest(Schema),
}

/// What a client does while it shakes hands.
#[derive(Debug)]
pub struct Client {
    state: State,
    /// Our digest in C1, in that form.
    digest: Option<[u8; DIGEST]>,
    packets: Box<[[u8; PACKET]; 2]>,
}

#[derive(Debug)]
enum State {
    Start,
    S0S1,
    /// Whether S2 has to carry a signature.
    S2 {
        signed: bool,
    },
    Done,
}

impl Client {
    /// Ready to send C0 and C1. `rng` fills the packets' arbitrary bytes.
    #[must_use]
    pub fn new(form: Form, rng: &mut impl Rng) -> Self {
        let mut packets = Box::new([[0; PACKET]; 2]);
        rng.fill_bytes(packets.as_flattened_mut());
        let c1 = &mut packets[0];
        c1[..8].fill(0);
        let digest = match form {
            Form::Simple => None,
            Form::Digest(schema) => {
                c1[4..8].copy_from_slice(&CLIENT_VERSION);
                Some(digest::sign(c1, schema, Signer::Client))
            }
        };
        Self { state: State::Start, digest, packets }
    }

    /// Takes what it needs from `input` and appends what has to be sent to `output`. The first call takes an empty input.
    ///
    /// # Errors
    /// The server answers another version, or a digest that does not verify.
    pub fn advance(&mut self, input: &mut BytesMut, output: &mut BytesMut) -> Result<Progress, Error> {
        loop {
            match self.state {
                State::Start => {
                    output.put_u8(VERSION);
                    output.put_slice(&self.packets[0]);
                    self.state = State::S0S1;
                }
                State::S0S1 => {
                    let Some(&version) = input.first() else { return Ok(Progress::Waiting) };
                    if version != VERSION {
                        return Err(Error::Version(version));
                    }
                    let Some(s1) = input.get(1..).and_then(<[u8]>::first_chunk::<PACKET>) else { return Ok(Progress::Waiting) };
                    let signed = self.answer(s1, output)?;
                    input.advance(1 + PACKET);
                    self.state = State::S2 { signed };
                }
                State::S2 { signed } => {
                    let Some(s2) = input.first_chunk::<PACKET>() else { return Ok(Progress::Waiting) };
                    if let Some(own) = self.digest.filter(|_| signed)
                        && !digest::answers(s2, &own, Signer::Server)
                    {
                        return Err(Error::Digest("S2"));
                    }
                    input.advance(PACKET);
                    self.state = State::Done;
                }
                State::Done => return Ok(Progress::Done),
            }
        }
    }

    /// Sends C2: signed where the server speaks digests too, an echo of S1 otherwise.
    fn answer(&mut self, s1: &[u8; PACKET], output: &mut BytesMut) -> Result<bool, Error> {
        if self.digest.is_none() || s1[4] < 3 {
            output.put_slice(s1);
            return Ok(false);
        }
        let (_, server_digest) = digest::find(s1, Signer::Server).ok_or(Error::Digest("S1"))?;
        let c2 = &mut self.packets[1];
        digest::sign_answer(c2, &server_digest, Signer::Client);
        output.put_slice(c2);
        Ok(true)
    }
}
