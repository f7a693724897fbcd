//! The chunk stream: messages cut into chunks and interleaved on one connection (RTMP 1.0 section 5.3).
//!
//! Pure: bytes in, messages out, and back. Knows of message types only the two that change the chunk stream itself.

mod error;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use error::Error;
pub use reader::{Options, Reader};
pub use writer::{Writer, wire_len, write_independent, write_parts};

/// The chunk size of either direction until its sender announces another (section 5.4.1).
pub const DEFAULT_CHUNK_SIZE: u32 = 128;

/// Sizes above this act the same: no message is longer (section 5.4.1).
pub const MAX_CHUNK_SIZE: u32 = 0xFF_FFFF;

/// Type id of Set Chunk Size (section 5.4.1).
pub const SET_CHUNK_SIZE: u8 = 1;

/// Type id of Abort Message (section 5.4.2).
pub const ABORT: u8 = 2;

/// In the 24-bit field: the timestamp follows the header as 32 bits (section 5.3.1.3).
const EXTENDED: u32 = 0xFF_FFFF;

/// One whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The chunk stream it came on, 2 to 65,599. Says nothing about what it belongs to.
    pub csid: u32,
    /// Milliseconds, modulo 2^32, from an epoch of the sender's choice.
    pub timestamp: u32,
    /// Message type id (section 6 and 7).
    pub type_id: u8,
    /// Message stream id; 0 is the connection itself.
    pub msid: u32,
    /// At most 16,777,215 bytes.
    pub payload: Bytes,
}

/// All of a message but its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// See [`Message::csid`].
    pub csid: u32,
    /// See [`Message::timestamp`].
    pub timestamp: u32,
    /// See [`Message::type_id`].
    pub type_id: u8,
    /// See [`Message::msid`].
    pub msid: u32,
}

impl Header {
    const fn of(message: &Message) -> Self {
        let Message { csid, timestamp, type_id, msid, .. } = *message;
        Self { csid, timestamp, type_id, msid }
    }
}
