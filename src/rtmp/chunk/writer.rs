//! Cuts messages into chunks.

use bytes::{BufMut, BytesMut};

use super::{DEFAULT_CHUNK_SIZE, EXTENDED, Header, MAX_CHUNK_SIZE, Message};

/// The writing side of one connection: each header says only what changed.
#[derive(Debug)]
pub struct Writer {
    chunk_size: u32,
    /// The last header of each chunk stream; as many as the caller uses.
    previous: Vec<(u32, Previous)>,
}

#[derive(Debug, Clone, Copy)]
struct Previous {
    timestamp: u32,
    /// None behind an absolute timestamp: what a type-3 chunk would mean then, peers disagree about.
    delta: Option<u32>,
    length: usize,
    type_id: u8,
    msid: u32,
}

impl Default for Writer {
    fn default() -> Self {
        Self { chunk_size: DEFAULT_CHUNK_SIZE, previous: Vec::new() }
    }
}

impl Writer {
    /// The chunk size of the messages that follow; the caller has just written the Set Chunk Size that says so. Kept in 1 to 2^24 - 1.
    pub fn set_chunk_size(&mut self, size: u32) {
        self.chunk_size = size.clamp(1, MAX_CHUNK_SIZE);
    }

    /// The chunk size in force.
    #[must_use]
    pub fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Appends a message as chunks.
    pub fn write(&mut self, message: &Message, out: &mut BytesMut) {
        let previous = self.previous.iter().position(|(csid, _)| *csid == message.csid);
        let (fmt, time) = previous.map_or((0, message.timestamp), |at| choose(&self.previous[at].1, message));
        write_chunks(Header::of(message), [&message.payload, &[]], fmt, time, self.chunk_size, out);
        let entry = Previous {
            timestamp: message.timestamp,
            delta: (fmt != 0).then_some(time),
            length: message.payload.len(),
            type_id: message.type_id,
            msid: message.msid,
        };
        match previous {
            Some(at) => self.previous[at].1 = entry,
            None => self.previous.push((message.csid, entry)),
        }
    }
}

/// Appends a message as chunks that depend on nothing sent before, so that the same bytes can go to every peer that was told this chunk
/// size.
pub fn write_independent(message: &Message, chunk_size: u32, out: &mut BytesMut) {
    write_parts(Header::of(message), [&message.payload, &[]], chunk_size, out);
}

/// The same for a payload that lies in two pieces.
pub fn write_parts(header: Header, payload: [&[u8]; 2], chunk_size: u32, out: &mut BytesMut) {
    write_chunks(header, payload, 0, header.timestamp, chunk_size.clamp(1, MAX_CHUNK_SIZE), out);
}

/// The most bytes that a payload of `length` takes as chunks of this size.
#[must_use]
pub const fn wire_len(length: usize, chunk_size: u32) -> usize {
    MAX_HEADER + length + length / chunk_size as usize * MAX_CONTINUATION
}

/// The longest headers: basic, message and extended timestamp; those of further chunks lack the second.
const MAX_HEADER: usize = 3 + 11 + 4;
const MAX_CONTINUATION: usize = 3 + 4;

/// The shortest header that can say it, and its timestamp or delta. A step of 2^24 - 1 or more, and so any step back, is sent as an
/// absolute timestamp.
fn choose(previous: &Previous, message: &Message) -> (u8, u32) {
    let delta = message.timestamp.wrapping_sub(previous.timestamp);
    if previous.msid != message.msid || delta >= EXTENDED {
        (0, message.timestamp)
    } else if previous.length != message.payload.len() || previous.type_id != message.type_id {
        (1, delta)
    } else if previous.delta != Some(delta) {
        (2, delta)
    } else {
        (3, delta)
    }
}

fn write_chunks(header: Header, [head, data]: [&[u8]; 2], fmt: u8, time: u32, chunk_size: u32, out: &mut BytesMut) {
    let length = head.len() + data.len();
    debug_assert!(length <= MAX_CHUNK_SIZE as usize, "the length field has 24 bits");
    let extended = time >= EXTENDED;
    out.reserve(wire_len(length, chunk_size));
    put_basic(fmt, header.csid, out);
    if fmt < 3 {
        out.put_uint(u64::from(time.min(EXTENDED)), 3);
    }
    if fmt < 2 {
        out.put_uint(length as u64, 3);
        out.put_u8(header.type_id);
    }
    if fmt == 0 {
        out.put_u32_le(header.msid);
    }
    if extended {
        out.put_u32(time);
    }
    let chunk_size = chunk_size as usize;
    let mut room = chunk_size;
    for mut part in [head, data] {
        while !part.is_empty() {
            if room == 0 {
                room = chunk_size;
                put_basic(3, header.csid, out);
                if extended {
                    out.put_u32(time); // FFmpeg always reads it.
                }
            }
            let (taken, rest) = part.split_at(part.len().min(room));
            out.put_slice(taken);
            room -= taken.len();
            part = rest;
        }
    }
}

fn put_basic(fmt: u8, csid: u32, out: &mut BytesMut) {
    let fmt = fmt << 6;
    match csid {
        0..64 => out.put_u8(fmt | csid as u8),
        64..320 => out.put_slice(&[fmt, (csid - 64) as u8]),
        _ => {
            let id = csid - 64;
            out.put_slice(&[fmt | 1, id as u8, (id >> 8) as u8]);
        }
    }
}
