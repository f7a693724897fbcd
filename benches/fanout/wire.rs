//! The layers around the media: HTTP's head, then chunks, WebSocket frames or nothing at all. Peels without copying.

use crate::check::Fault;
use crate::gather::{Gather, skip};

/// The key and the answer of RFC 6455's own example (section 1.3): every viewer may use the same.
pub const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const WEBSOCKET_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const MAX_HEAD: usize = 16 << 10;
/// A chunk's size in hexadecimal, with any extension behind it.
const MAX_CHUNK_LINE: usize = 256;
/// RFC 6455 section 5.5.
const MAX_CONTROL: u64 = 125;

/// What was peeled off the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of the media stream.
    Media(&'a [u8]),
    /// What is to be said to the server.
    Answer(Vec<u8>),
    /// The answer has ended; the connection waits for the next one.
    End,
    /// The server says good-bye.
    Close,
    /// More bytes are needed.
    Nothing,
}

/// Where a connection is in its layers.
#[derive(Debug)]
pub struct Wire {
    layer: Layer,
    gather: Gather,
    websocket: bool,
}

#[derive(Debug)]
enum Layer {
    Head,
    Plain,
    /// A body of known length.
    Sized {
        left: u64,
    },
    ChunkSize,
    Chunk {
        left: u64,
    },
    ChunkEnd,
    /// Behind the last chunk; fields may not follow it here.
    LastChunkEnd,
    Frame,
    Message {
        left: u64,
    },
    /// A text message: announcements that the media does not need.
    Text {
        left: u64,
    },
    Control {
        opcode: u8,
        length: usize,
    },
}

impl Wire {
    /// Before the first byte of the answer.
    pub fn new(websocket: bool) -> Self {
        Self { layer: Layer::Head, gather: Gather::default(), websocket }
    }

    /// The next piece of `input`.
    pub fn take<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, Fault> {
        if matches!(self.layer, Layer::Sized { left: 0 }) {
            self.layer = Layer::Head;
            return Ok(Piece::End);
        }
        while !input.is_empty() {
            match &mut self.layer {
                Layer::Head => self.head(input)?,
                Layer::Plain => return Ok(Piece::Media(std::mem::take(input))),
                Layer::Sized { left } => return Ok(Piece::Media(part(input, left))),
                Layer::ChunkSize => self.chunk_size(input)?,
                Layer::Chunk { left } => {
                    let media = part(input, left);
                    if *left == 0 {
                        self.layer = Layer::ChunkEnd;
                    }
                    return Ok(Piece::Media(media));
                }
                Layer::ChunkEnd => {
                    if self.gather.fill(input, 2) {
                        self.gather.clear();
                        self.layer = Layer::ChunkSize;
                    }
                }
                Layer::LastChunkEnd => {
                    if self.gather.fill(input, 2) {
                        self.gather.clear();
                        self.layer = Layer::Head;
                        return Ok(Piece::End);
                    }
                }
                Layer::Frame => self.frame(input)?,
                Layer::Message { left } => {
                    let media = part(input, left);
                    if *left == 0 {
                        self.layer = Layer::Frame;
                    }
                    return Ok(Piece::Media(media));
                }
                Layer::Text { left } => {
                    if skip(input, left) {
                        self.layer = Layer::Frame;
                    }
                }
                &mut Layer::Control { opcode, length } => {
                    if self.gather.fill(input, length) {
                        let pong = pong(self.gather.bytes());
                        self.gather.clear();
                        self.layer = Layer::Frame;
                        match opcode {
                            8 => return Ok(Piece::Close),
                            9 => return Ok(Piece::Answer(pong)),
                            _ => {}
                        }
                    }
                }
            }
        }
        Ok(Piece::Nothing)
    }

    fn head(&mut self, input: &mut &[u8]) -> Result<(), Fault> {
        while let Some((&byte, rest)) = input.split_first() {
            self.gather.fill(&mut std::slice::from_ref(&byte), self.gather.bytes().len() + 1);
            *input = rest;
            if self.gather.bytes().ends_with(b"\r\n\r\n") {
                let head = String::from_utf8_lossy(self.gather.bytes()).into_owned();
                self.gather.clear();
                self.layer = self.behind(&head)?;
                return Ok(());
            }
            if self.gather.bytes().len() == MAX_HEAD {
                return Err(Fault::HeadTooLong(MAX_HEAD));
            }
        }
        Ok(())
    }

    fn behind(&self, head: &str) -> Result<Layer, Fault> {
        let (status, fields) = head.split_once("\r\n").unwrap_or((head, ""));
        let wanted = if self.websocket { "101" } else { "200" };
        if status.split(' ').nth(1) != Some(wanted) {
            return Err(Fault::Status(status.chars().take(80).collect()));
        }
        let field = |name: &str| {
            let fields = fields.lines().filter_map(|line| line.split_once(':'));
            fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
        };
        if !self.websocket {
            let chunked = field("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
            let length = field("content-length").and_then(|value| value.parse().ok()).map(|left| Layer::Sized { left });
            return Ok(if chunked { Layer::ChunkSize } else { length.unwrap_or(Layer::Plain) });
        }
        if field("sec-websocket-accept") == Some(WEBSOCKET_ACCEPT) { Ok(Layer::Frame) } else { Err(Fault::NotAccepted) }
    }

    fn chunk_size(&mut self, input: &mut &[u8]) -> Result<(), Fault> {
        while self.gather.fill(input, self.gather.bytes().len() + 1) {
            let line = self.gather.bytes();
            let broken = || Fault::Chunk(String::from_utf8_lossy(line).chars().take(40).collect());
            let Some(text) = line.strip_suffix(b"\r\n") else {
                if line.len() == MAX_CHUNK_LINE {
                    return Err(broken());
                }
                continue;
            };
            let digits = std::str::from_utf8(text).ok().and_then(|text| text.split(';').next());
            let left = digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).ok_or_else(broken)?;
            self.gather.clear();
            self.layer = if left == 0 { Layer::LastChunkEnd } else { Layer::Chunk { left } };
            return Ok(());
        }
        Ok(())
    }

    fn frame(&mut self, input: &mut &[u8]) -> Result<(), Fault> {
        if !self.gather.fill(input, 2) {
            return Ok(());
        }
        let [first, second, ..] = *self.gather.bytes() else { return Ok(()) };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if !self.gather.fill(input, 2 + extended) {
            return Ok(());
        }
        let tail = self.gather.bytes().get(2..).unwrap_or_default();
        let length =
            if extended == 0 { u64::from(second & 0x7f) } else { tail.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)) };
        self.gather.clear();
        let opcode = first & 0x0f;
        if second & 0x80 != 0 || first & 0x70 != 0 {
            return Err(Fault::Frame(opcode));
        }
        self.layer = match opcode {
            _ if length == 0 && opcode <= 2 => Layer::Frame,
            0 | 2 => Layer::Message { left: length },
            1 => Layer::Text { left: length },
            8..=10 if length <= MAX_CONTROL => Layer::Control { opcode, length: length as usize },
            _ => return Err(Fault::Frame(opcode)),
        };
        Ok(())
    }
}

/// Masked with zeros, as RFC 6455 allows any key.
fn pong(payload: &[u8]) -> Vec<u8> {
    [&[0x8a, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

fn part<'a>(input: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let (taken, rest) = input.split_at((*left).min(input.len() as u64) as usize);
    *input = rest;
    *left -= taken.len() as u64;
    taken
}
