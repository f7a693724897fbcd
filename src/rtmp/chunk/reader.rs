//! Joins chunks into messages, each chunk stream on its own.

use bytes::{Buf, Bytes, BytesMut};

use super::{ABORT, DEFAULT_CHUNK_SIZE, EXTENDED, Error, MAX_CHUNK_SIZE, Message, SET_CHUNK_SIZE};

/// Messages up to this size are copied out of the input, larger ones share its memory: a short message kept for long must not hold a
/// whole read buffer, which has four times as many bytes.
const COPY_UP_TO: usize = 16 << 10;

/// The longest step that a type-3 chunk may take from the absolute timestamp of a type-0 chunk before it, in milliseconds. By the
/// specification it repeats that value as a delta; older librtmp (OBS before 30.2) means "the same timestamp again".
const MAX_REPEATED_ABSOLUTE: u32 = 5_000;

/// The limits of one connection's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Longest message in bytes. A key frame of 50 Mb/s video is about 1 MiB.
    pub max_message: usize,
    /// Chunk streams in use on one connection; encoders use up to five.
    pub max_chunk_streams: usize,
    /// Bytes of unfinished messages, all chunk streams together.
    pub max_partial: usize,
}

impl Options {
    /// The same for a peer that may send no media: commands have at most 64 KiB. So a stranger costs little memory.
    #[must_use]
    pub fn for_commands(self) -> Self {
        const MOST: usize = 128 << 10;
        Self { max_message: self.max_message.min(MOST), max_partial: self.max_partial.min(2 * MOST), ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { max_message: 8 << 20, max_chunk_streams: 64, max_partial: 16 << 20 }
    }
}

/// The reading side of one connection.
#[derive(Debug)]
pub struct Reader {
    options: Options,
    chunk_size: usize,
    streams: Vec<ChunkStream>,
    /// The chunk whose payload is still arriving.
    current: Option<Current>,
    /// Sum of all `ChunkStream::partial`.
    partial: usize,
    position: u64,
    repeated_absolutes: u64,
}

#[derive(Debug)]
struct ChunkStream {
    csid: u32,
    timestamp: u32,
    /// What a type-3 chunk that starts a message adds.
    delta: u32,
    delta_is_absolute: bool,
    /// The extended field of the last header that had a timestamp.
    extended: Option<u32>,
    length: usize,
    type_id: u8,
    msid: u32,
    unfinished: bool,
    partial: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    /// Index into `streams`.
    stream: usize,
    /// Bytes of this chunk's payload still to come.
    left: usize,
}

/// A chunk's headers as they stand in the input.
struct Header {
    fmt: u8,
    /// Bytes of basic and message header and extended timestamp.
    size: usize,
    timestamp: u32,
    extended: Option<u32>,
    length: usize,
    type_id: u8,
    msid: u32,
}

impl Reader {
    /// For the bytes after the handshake.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            chunk_size: DEFAULT_CHUNK_SIZE as usize,
            streams: Vec::new(),
            current: None,
            partial: 0,
            position: 0,
            repeated_absolutes: 0,
        }
    }

    /// Puts other limits in force, from the next chunk on. What is unfinished stays, even where it is more.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// Bytes of the chunk stream read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of unfinished messages, all chunk streams together.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.partial
    }

    /// Bytes of memory reserved for unfinished messages: at most twice what has arrived of them.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.streams.iter().map(|stream| stream.partial.capacity()).sum()
    }

    /// How often a type-3 chunk after an absolute timestamp was taken to mean "the same again" instead of what the specification says.
    #[must_use]
    pub fn repeated_absolutes(&self) -> u64 {
        self.repeated_absolutes
    }

    /// The next whole message, or none until more bytes come. All of `input` is taken but for an incomplete chunk header, which is less
    /// than 18 bytes. Set Chunk Size and Abort Message take effect here and are not returned.
    ///
    /// # Errors
    /// What broke the chunk stream; nothing after it can be understood.
    pub fn read(&mut self, input: &mut BytesMut) -> Result<Option<Message>, Error> {
        loop {
            if self.current.is_none() && !self.start_chunk(input)? {
                return Ok(None);
            }
            let Some(message) = self.take_payload(input)? else {
                if self.current.is_some() {
                    return Ok(None);
                }
                continue;
            };
            match message.type_id {
                SET_CHUNK_SIZE => self.set_chunk_size(self.control(&message)?)?,
                ABORT => self.abort(self.control(&message)?),
                _ => return Ok(Some(message)),
            }
        }
    }

    /// Reads a chunk's headers; false until they are complete.
    fn start_chunk(&mut self, input: &mut BytesMut) -> Result<bool, Error> {
        let Some((fmt, csid, basic)) = basic_header(input) else { return Ok(false) };
        let known = self.streams.iter().position(|stream| stream.csid == csid);
        let previous = known.and_then(|at| self.streams.get(at));
        let header = if fmt == 3 {
            let Some(previous) = previous else { return Err(Error::NoPredecessor { position: self.position, csid }) };
            let Some(size) = previous.repeated_extended(input.get(basic..).unwrap_or_default()) else { return Ok(false) };
            Header { fmt, size: basic + size, timestamp: 0, extended: None, length: previous.length, type_id: 0, msid: 0 }
        } else {
            let Some(header) = message_header(fmt, basic, input, previous) else { return Ok(false) };
            header
        };
        if let Some(stream) = previous.filter(|stream| stream.unfinished && fmt != 3) {
            let missing = stream.length - stream.partial.len();
            return Err(Error::Unfinished { position: self.position, csid, fmt, missing });
        }
        if header.length > self.options.max_message {
            let (length, limit) = (header.length, self.options.max_message);
            return Err(Error::MessageTooLong { position: self.position, csid, length, limit });
        }
        let at = match known {
            Some(at) => at,
            None if self.streams.len() >= self.options.max_chunk_streams => {
                return Err(Error::TooManyChunkStreams { position: self.position, csid, limit: self.options.max_chunk_streams });
            }
            None => {
                self.streams.push(ChunkStream::new(csid));
                self.streams.len() - 1
            }
        };
        input.advance(header.size);
        self.position += header.size as u64;
        let stream = &mut self.streams[at];
        if !stream.unfinished && stream.start_message(&header) {
            self.repeated_absolutes += 1;
        }
        let left = (stream.length - stream.partial.len()).min(self.chunk_size);
        self.current = Some(Current { stream: at, left });
        Ok(true)
    }

    /// Takes what has arrived of the current chunk; the message where this completes one.
    fn take_payload(&mut self, input: &mut BytesMut) -> Result<Option<Message>, Error> {
        let Some(Current { stream: at, left }) = self.current else { return Ok(None) };
        let stream = &mut self.streams[at];
        let taken = left.min(input.len());
        self.position += taken as u64;
        if stream.partial.is_empty() && taken == stream.length {
            let slice = input.split_to(taken);
            let payload = if taken <= COPY_UP_TO { Bytes::copy_from_slice(&slice) } else { slice.freeze() };
            self.current = None;
            return Ok(Some(stream.finish(payload)));
        }
        if self.partial + taken > self.options.max_partial {
            return Err(Error::TooMuchUnfinished { position: self.position, limit: self.options.max_partial });
        }
        stream.grow(taken);
        stream.partial.extend_from_slice(&input[..taken]);
        self.partial += taken;
        input.advance(taken);
        self.current = (taken < left).then_some(Current { stream: at, left: left - taken });
        if stream.partial.len() < stream.length {
            return Ok(None);
        }
        self.partial -= stream.length;
        let payload = Bytes::from(std::mem::take(&mut stream.partial));
        Ok(Some(stream.finish(payload)))
    }

    fn control(&self, message: &Message) -> Result<u32, Error> {
        let Some(value) = message.payload.first_chunk::<4>() else {
            let (position, type_id, length) = (self.position, message.type_id, message.payload.len());
            return Err(Error::ControlTooShort { position, type_id, length });
        };
        Ok(u32::from_be_bytes(*value))
    }

    fn set_chunk_size(&mut self, size: u32) -> Result<(), Error> {
        if size == 0 || size > i32::MAX as u32 {
            return Err(Error::ChunkSize { position: self.position, size });
        }
        self.chunk_size = size.min(MAX_CHUNK_SIZE) as usize;
        Ok(())
    }

    /// An unknown chunk stream, or one between messages, has nothing to drop: that is legal.
    fn abort(&mut self, csid: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.csid == csid) {
            self.partial -= stream.partial.len();
            stream.partial = Vec::new();
            stream.unfinished = false;
        }
    }
}

impl ChunkStream {
    fn new(csid: u32) -> Self {
        Self {
            csid,
            timestamp: 0,
            delta: 0,
            delta_is_absolute: false,
            extended: None,
            length: 0,
            type_id: 0,
            msid: 0,
            unfinished: false,
            partial: Vec::new(),
        }
    }

    /// How many bytes of `rest` repeat the extended timestamp behind a type-3 header: 4 or 0, or none until enough has arrived to tell.
    ///
    /// The specification wants it repeated, but older librtmp (OBS before 30.1) and several hardware encoders leave it out, and some
    /// servers repeat the absolute time. So it is recognised by its value; taking payload for it by chance needs all 32 bits to agree.
    fn repeated_extended(&self, rest: &[u8]) -> Option<usize> {
        let Some(extended) = self.extended else { return Some(0) };
        let absolute = if self.unfinished { self.timestamp } else { self.timestamp.wrapping_add(self.delta) };
        let seen = rest.get(..4).unwrap_or(rest);
        let agrees = |value: u32| value.to_be_bytes().starts_with(seen);
        if !agrees(extended) && !agrees(absolute) {
            return Some(0);
        }
        (seen.len() == 4).then_some(4)
    }

    /// Takes over the header of a new message; true where it repeats an absolute timestamp (see [`MAX_REPEATED_ABSOLUTE`]).
    fn start_message(&mut self, header: &Header) -> bool {
        let mut repeated = false;
        match header.fmt {
            0 => {
                self.timestamp = header.timestamp;
                self.delta = header.timestamp;
                self.delta_is_absolute = true;
            }
            1 | 2 => {
                self.timestamp = self.timestamp.wrapping_add(header.timestamp);
                self.delta = header.timestamp;
                self.delta_is_absolute = false;
            }
            _ => {
                repeated = self.delta_is_absolute && self.delta > MAX_REPEATED_ABSOLUTE;
                if repeated {
                    self.delta = 0;
                    self.delta_is_absolute = false;
                }
                self.timestamp = self.timestamp.wrapping_add(self.delta);
            }
        }
        if header.fmt < 3 {
            self.extended = header.extended;
            self.length = header.length;
            self.type_id = header.type_id;
            self.msid = header.msid;
        }
        self.unfinished = true;
        repeated
    }

    /// Makes room for what has arrived, doubling up to the announced length, so that a finished message has no slack.
    fn grow(&mut self, arriving: usize) {
        let needed = self.partial.len() + arriving;
        if needed > self.partial.capacity() {
            let target = needed.max(2 * self.partial.capacity()).min(self.length);
            self.partial.reserve_exact(target - self.partial.len());
        }
    }

    fn finish(&mut self, payload: Bytes) -> Message {
        self.unfinished = false;
        Message { csid: self.csid, timestamp: self.timestamp, type_id: self.type_id, msid: self.msid, payload }
    }
}

/// Type, chunk stream id and length of the basic header (section 5.3.1.1). Ids need not be written in their shortest form.
fn basic_header(input: &[u8]) -> Option<(u8, u32, usize)> {
    let first = *input.first()?;
    let (csid, size) = match first & 0x3F {
        0 => (u32::from(*input.get(1)?) + 64, 2),
        1 => (u32::from(*input.get(1)?) + u32::from(*input.get(2)?) * 256 + 64, 3),
        id => (u32::from(id), 1),
    };
    Some((first >> 6, csid, size))
}

/// The message header of types 0 to 2 (section 5.3.1.2); what it leaves out comes from the header before. The first chunk of a chunk
/// stream may be of type 1 or 2: librtmp's ping is.
fn message_header(fmt: u8, basic: usize, input: &[u8], previous: Option<&ChunkStream>) -> Option<Header> {
    let size = match fmt {
        0 => 11,
        1 => 7,
        _ => 3,
    };
    let fields = input.get(basic..basic + size)?;
    let u24 = |at: usize| fields.get(at..at + 3).map(|bytes| bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)));
    let field = u24(0)?;
    let extended = match field {
        EXTENDED => Some(u32::from_be_bytes(*input.get(basic + size..)?.first_chunk()?)),
        _ => None,
    };
    Some(Header {
        fmt,
        size: basic + size + if extended.is_some() { 4 } else { 0 },
        timestamp: extended.unwrap_or(field),
        extended,
        length: u24(3).map_or_else(|| previous.map_or(0, |stream| stream.length), |length| length as usize),
        type_id: fields.get(6).copied().unwrap_or_else(|| previous.map_or(0, |stream| stream.type_id)),
        msid: match fields.get(7..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => previous.map_or(0, |stream| stream.msid),
        },
    })
}
