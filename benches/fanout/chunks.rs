//! Reads RTMP's chunk stream as it goes by: headers and the first bytes of each message, the rest is passed over. Independent of the library's
//! reader, and lighter: it joins nothing.

use crate::check::{Fault, Unit};
use crate::flv;
use crate::gather::{Gather, skip};
use crate::stamp::SEARCHED;

/// S0, S1 and S2, behind which chunks begin.
const HANDSHAKE: u64 = 1 + 2 * 1536;
const DEFAULT_CHUNK_SIZE: u32 = 128;
/// A timestamp that stands behind the header.
const EXTENDED: u32 = 0xff_ffff;
/// Chunk streams that a server may use.
const MAX_STREAMS: usize = 64;
const SET_CHUNK_SIZE: u8 = 1;

/// Where the reader is.
#[derive(Debug)]
pub struct Chunks {
    state: State,
    gather: Gather,
    chunk_size: u32,
    streams: Vec<Stream>,
}

#[derive(Debug)]
enum State {
    Handshake { left: u64 },
    Header,
    Payload { at: usize, left: u32 },
}

#[derive(Debug, Default)]
struct Stream {
    id: u32,
    timestamp: u32,
    delta: u32,
    extended: bool,
    length: u32,
    kind: u8,
    /// Bytes of the message that are still to come.
    left: u32,
    beginning: Gather,
}

impl Default for Chunks {
    fn default() -> Self {
        let state = State::Handshake { left: HANDSHAKE };
        Self { state, gather: Gather::default(), chunk_size: DEFAULT_CHUNK_SIZE, streams: Vec::new() }
    }
}

impl Chunks {
    /// The next access unit, once its message is complete; `None` when `input` is used up.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Unit>, Fault> {
        loop {
            match &mut self.state {
                State::Handshake { left } => {
                    if !skip(input, left) {
                        return Ok(None);
                    }
                    self.state = State::Header;
                }
                State::Header => match self.header(input)? {
                    Some(next) => {
                        self.gather.clear();
                        self.state = next;
                    }
                    None => return Ok(None),
                },
                State::Payload { at, left } => {
                    let stream = &mut self.streams[*at];
                    let (piece, rest) = input.split_at((*left as usize).min(input.len()));
                    *input = rest;
                    stream.beginning.fill(&mut &*piece, SEARCHED);
                    stream.left -= piece.len() as u32;
                    *left -= piece.len() as u32;
                    if *left > 0 {
                        return Ok(None);
                    }
                    self.state = State::Header;
                    if stream.left == 0 {
                        let unit = stream.finish(&mut self.chunk_size);
                        if unit.is_some() {
                            return Ok(unit);
                        }
                    }
                }
            }
        }
    }

    /// What a chunk's header announces, once it is complete.
    fn header(&mut self, input: &mut &[u8]) -> Result<Option<State>, Fault> {
        let Self { gather, streams, .. } = self;
        if !gather.fill(input, 1) {
            return Ok(None);
        }
        let first = gather.bytes()[0];
        let basic = match first & 0x3f {
            0 => 2,
            1 => 3,
            _ => 1,
        };
        let fields = [11, 7, 3, 0][usize::from(first >> 6)];
        if !gather.fill(input, basic + fields) {
            return Ok(None);
        }
        let id = gather.bytes()[..basic].iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)) & !0xc0;
        let at = streams.iter().position(|stream| stream.id == id).unwrap_or(streams.len());
        let extended = match gather.bytes().get(basic..basic + 3) {
            Some(time) => number(time) == EXTENDED,
            None => streams.get(at).is_some_and(|stream| stream.extended),
        };
        let whole = basic + fields + if extended { 4 } else { 0 };
        if !gather.fill(input, whole) {
            return Ok(None);
        }
        if at == MAX_STREAMS {
            return Err(Fault::Rtmp(format!("more than {MAX_STREAMS} chunk streams")));
        }
        if at == streams.len() {
            streams.push(Stream { id, ..Stream::default() });
        }
        let header = &gather.bytes()[basic..];
        streams[at].begin(&header[..fields], extended.then(|| number(&header[fields..])));
        Ok(Some(State::Payload { at, left: streams[at].left.min(self.chunk_size) }))
    }
}

impl Stream {
    /// Takes over a chunk's header, which may say that the message before goes on.
    fn begin(&mut self, fields: &[u8], extended: Option<u32>) {
        if fields.is_empty() && self.left > 0 {
            return;
        }
        if let Some(time) = fields.get(..3) {
            self.delta = extended.unwrap_or_else(|| number(time));
            self.extended = extended.is_some();
        }
        self.timestamp = if fields.len() == 11 { self.delta } else { self.timestamp.wrapping_add(self.delta) };
        if let Some(&[l0, l1, l2, kind]) = fields.get(3..7) {
            (self.length, self.kind) = (number(&[l0, l1, l2]), kind);
        }
        self.left = self.length;
        self.beginning.clear();
    }

    fn finish(&mut self, chunk_size: &mut u32) -> Option<Unit> {
        if self.kind == SET_CHUNK_SIZE {
            *chunk_size = number(self.beginning.bytes()).max(1);
        }
        flv::unit(self.kind, self.timestamp, self.beginning.bytes())
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}
