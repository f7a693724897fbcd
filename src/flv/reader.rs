//! Reading FLV as it arrives, from a file or an endless HTTP body.

use bytes::{Buf, Bytes, BytesMut};

use super::error::ReadError;
use super::tag::{FileHeader, TAG_HEADER_LEN, TRAILER_LEN, TagHeader, TagKind};

/// The longest tag body read by default, in bytes: a key frame of 8K at a high rate has less.
pub const DEFAULT_MAX_TAG: usize = 8 * 1024 * 1024;

/// The longest file header accepted; 9 bytes are defined, more is room for the future.
pub const MAX_FILE_HEADER: u32 = 1024;

/// What the bytes hold, in their order.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The file header. It is missing where the stream was joined in the middle.
    Header(FileHeader),
    /// One tag.
    Tag {
        /// What it carries.
        kind: TagKind,
        /// Milliseconds, as sent.
        timestamp_ms: u32,
        /// Its body, as an RTMP message would carry it.
        body: Bytes,
    },
}

/// An incremental reader: [`Reader::push`] bytes, then [`Reader::poll`] events until there is none. Its buffer grows with the bytes that
/// came, never by announced lengths, and holds no more than one tag beside what was pushed last.
#[derive(Debug)]
pub struct Reader {
    buffer: BytesMut,
    state: State,
    /// Bytes taken from the stream so far.
    position: u64,
    max_tag: usize,
    wrong_trailers: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    /// Inside the file header, so many bytes before the end of PreviousTagSize0.
    Skip(usize),
    Tag,
    Body(TagHeader),
}

impl Reader {
    /// A reader that refuses tags with bodies longer than `max_tag` bytes.
    pub fn new(max_tag: usize) -> Self {
        Self { buffer: BytesMut::new(), state: State::Start, position: 0, max_tag, wrong_trailers: 0 }
    }

    /// Takes the bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event, or `None` until more bytes are pushed.
    ///
    /// # Errors
    /// When the bytes are no FLV; the same error comes again then.
    pub fn poll(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            match self.state {
                State::Start => {
                    let Some(&[a, b, c, version]) = self.buffer.first_chunk() else { return Ok(None) };
                    if [a, b, c] != *b"FLV" {
                        // Some servers leave the file header out.
                        if TagKind::from_type_id(a).is_none() {
                            return Err(ReadError::NotFlv([a, b, c, version]));
                        }
                        self.state = State::Tag;
                        continue;
                    }
                    let Some(&[_, _, _, _, flags, l0, l1, l2, l3]) = self.buffer.first_chunk() else { return Ok(None) };
                    let length = u32::from_be_bytes([l0, l1, l2, l3]);
                    if !(9..=MAX_FILE_HEADER).contains(&length) {
                        return Err(ReadError::HeaderLength { length });
                    }
                    self.advance(9);
                    self.state = State::Skip(length as usize - 9 + TRAILER_LEN);
                    return Ok(Some(Event::Header(FileHeader::from_flags(flags))));
                }
                State::Skip(left) => {
                    let skipped = left.min(self.buffer.len());
                    self.advance(skipped);
                    if skipped < left {
                        self.state = State::Skip(left - skipped);
                        return Ok(None);
                    }
                    self.state = State::Tag;
                }
                State::Tag => match self.tag_header()? {
                    Some(header) => self.state = State::Body(header),
                    None => return Ok(None),
                },
                State::Body(header) => return Ok(self.body(header)),
            }
        }
    }

    /// Tags so far whose PreviousTagSize was wrong. They are read all the same.
    pub fn wrong_trailers(&self) -> u64 {
        self.wrong_trailers
    }

    fn tag_header(&mut self) -> Result<Option<TagHeader>, ReadError> {
        let Some(header) = self.buffer.first_chunk::<TAG_HEADER_LEN>() else { return Ok(None) };
        let position = self.position;
        let type_id = header[0] & 0x1F;
        if header[0] & 0x20 != 0 {
            return Err(ReadError::Encrypted { position });
        }
        let kind = TagKind::from_type_id(type_id).ok_or(ReadError::TagType { position, type_id })?;
        let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
        if length > self.max_tag {
            return Err(ReadError::TagTooLong { position, length, limit: self.max_tag });
        }
        let timestamp_ms = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
        self.advance(TAG_HEADER_LEN);
        Ok(Some(TagHeader { kind, body_len: length, timestamp_ms }))
    }

    fn body(&mut self, header: TagHeader) -> Option<Event> {
        let TagHeader { kind, body_len, timestamp_ms } = header;
        let trailer = self.buffer.get(body_len..body_len + TRAILER_LEN)?;
        self.wrong_trailers += u64::from(trailer != ((TAG_HEADER_LEN + body_len) as u32).to_be_bytes());
        let body = self.buffer.split_to(body_len).freeze();
        self.position += body_len as u64;
        self.advance(TRAILER_LEN);
        self.state = State::Tag;
        Some(Event::Tag { kind, timestamp_ms, body })
    }

    fn advance(&mut self, count: usize) {
        self.buffer.advance(count);
        self.position += count as u64;
    }
}

impl Default for Reader {
    /// A reader with [`DEFAULT_MAX_TAG`].
    fn default() -> Self {
        Self::new(DEFAULT_MAX_TAG)
    }
}
