//! One request and its answer in HTTP/2 (RFC 9113), peeled without copying. The windows are opened once and as wide as they go, so that the
//! server never waits for us.

use crate::check::Fault;
use crate::gather::{Gather, skip};
use crate::wire::Piece;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
/// RFC 9113 §6.9.1.
const WIDEST_WINDOW: u32 = (1 << 31) - 1;
const FIRST_WINDOW: u32 = 65_535;
/// The one stream there is.
const STREAM: u32 = 1;
/// Longest payload of a frame that is looked into; longer ones than a server may send are not for us.
const MAX_KEPT: u32 = 16 << 10;

/// Frame types (RFC 9113 §6).
mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
}

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// HPACK's static table and representations (RFC 7541 §6, appendix A).
mod hpack {
    pub const GET: u8 = 0x82;
    pub const HTTP: u8 = 0x86;
    pub const HTTPS: u8 = 0x87;
    pub const OK: u8 = 0x88;
    /// Literals that nobody remembers, by the index of their name.
    pub const AUTHORITY: u8 = 1;
    pub const PATH: u8 = 4;
}

/// Where a connection is among its frames.
#[derive(Debug, Default)]
pub struct Frames {
    state: State,
    gather: Gather,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Header,
    Data {
        left: u64,
        ends: bool,
    },
    Kept(Frame),
    Passed {
        left: u64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    length: u32,
    kind: u8,
    flags: u8,
}

/// All that a viewer says before the answer.
pub fn request(host: &str, path: &str, encrypted: bool) -> Vec<u8> {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    let scheme = if encrypted { hpack::HTTPS } else { hpack::HTTP };
    let text = |index: u8, text: &str| [&[index, text.len().min(126) as u8], text.as_bytes()].concat();
    let fields = [vec![hpack::GET, scheme], text(hpack::AUTHORITY, host), text(hpack::PATH, path)].concat();
    let settings = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &WIDEST_WINDOW.to_be_bytes()].concat();
    [
        PREFACE.to_vec(),
        frame(kind::SETTINGS, 0, 0, &settings),
        frame(kind::WINDOW_UPDATE, 0, 0, &(WIDEST_WINDOW - FIRST_WINDOW).to_be_bytes()),
        frame(kind::HEADERS, END_STREAM | END_HEADERS, STREAM, &fields),
    ]
    .concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

impl Frames {
    /// The next piece of `input`.
    pub fn take<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, Fault> {
        loop {
            match &mut self.state {
                State::Data { left: 0, ends } => {
                    let ended = *ends;
                    self.state = State::Header;
                    if ended {
                        return Ok(Piece::End);
                    }
                }
                _ if input.is_empty() => return Ok(Piece::Nothing),
                State::Header => {
                    if self.gather.fill(input, FRAME_HEADER) {
                        self.state = next(self.gather.bytes())?;
                        self.gather.clear();
                    }
                }
                State::Data { left, .. } => {
                    let (media, rest) = input.split_at((*left).min(input.len() as u64) as usize);
                    *input = rest;
                    *left -= media.len() as u64;
                    return Ok(Piece::Media(media));
                }
                &mut State::Kept(frame) => {
                    if self.gather.fill(input, frame.length as usize) {
                        let answer = heed(frame, self.gather.bytes())?;
                        self.gather.clear();
                        self.state = State::Header;
                        if let Some(answer) = answer {
                            return Ok(Piece::Answer(answer));
                        }
                    }
                }
                State::Passed { left } => {
                    if skip(input, left) {
                        self.state = State::Header;
                    }
                }
            }
        }
    }
}

/// What follows a frame's header.
fn next(header: &[u8]) -> Result<State, Fault> {
    let [l0, l1, l2, kind, flags, ..] = *header else { return Err(Fault::Http2(0)) };
    let length = u32::from_be_bytes([0, l0, l1, l2]);
    match kind {
        kind::DATA | kind::HEADERS if flags & PADDED != 0 => Err(Fault::Http2(kind)),
        kind::DATA => Ok(State::Data { left: length.into(), ends: flags & END_STREAM != 0 }),
        kind::RST_STREAM | kind::GOAWAY => Err(Fault::Closed),
        kind::HEADERS | kind::SETTINGS | kind::PING if length > MAX_KEPT => Err(Fault::Http2(kind)),
        // An empty one is complete already.
        kind::SETTINGS if flags & ACK != 0 => Ok(State::Header),
        kind::HEADERS | kind::SETTINGS | kind::PING => Ok(State::Kept(Frame { length, kind, flags })),
        _ => Ok(State::Passed { left: length.into() }),
    }
}

/// What a frame is to be answered with.
fn heed(Frame { kind, flags, .. }: Frame, payload: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    match kind {
        kind::HEADERS if payload.first() != Some(&hpack::OK) => {
            Err(Fault::Status(format!("HTTP/2 {:02x?}", payload.get(..8).unwrap_or(payload))))
        }
        kind::SETTINGS => Ok(Some(frame(kind::SETTINGS, ACK, 0, &[]))),
        kind::PING if flags & ACK == 0 => Ok(Some(frame(kind::PING, ACK, 0, payload))),
        _ => Ok(None),
    }
}
