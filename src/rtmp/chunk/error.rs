//! What breaks a chunk stream.

/// What was wrong, and where: `position` counts the bytes of the chunk stream, from the end of the handshake to the chunk at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A type-3 chunk on a chunk stream that never had a header.
    #[error("chunk at byte {position}: type 3 on chunk stream {csid}, which has no header yet")]
    NoPredecessor {
        /// Offset of the chunk.
        position: u64,
        /// Its chunk stream.
        csid: u32,
    },
    /// A new header while a message on the same chunk stream is unfinished.
    #[error("chunk at byte {position}: new header (type {fmt}) on chunk stream {csid} with {missing} bytes of its message missing")]
    Unfinished {
        /// Offset of the chunk.
        position: u64,
        /// Its chunk stream.
        csid: u32,
        /// Its header's type, 0 to 2.
        fmt: u8,
        /// What the unfinished message lacks.
        missing: usize,
    },
    /// A message announced longer than [`super::Options::max_message`].
    #[error("chunk at byte {position}: message of {length} bytes announced on chunk stream {csid}, limit {limit}")]
    MessageTooLong {
        /// Offset of the chunk.
        position: u64,
        /// Its chunk stream.
        csid: u32,
        /// The announced length in bytes.
        length: usize,
        /// The limit in force.
        limit: usize,
    },
    /// More chunk streams than [`super::Options::max_chunk_streams`].
    #[error("chunk at byte {position}: chunk stream {csid} is one more than the {limit} allowed")]
    TooManyChunkStreams {
        /// Offset of the chunk.
        position: u64,
        /// The one too many.
        csid: u32,
        /// The limit in force.
        limit: usize,
    },
    /// More unfinished bytes than [`super::Options::max_partial`].
    #[error("chunk at byte {position}: more than {limit} bytes of unfinished messages")]
    TooMuchUnfinished {
        /// Offset of the chunk.
        position: u64,
        /// The limit in force.
        limit: usize,
    },
    /// Set Chunk Size outside 1 to 2^31 - 1.
    #[error("message before byte {position}: chunk size {size} is not in 1 to 2147483647")]
    ChunkSize {
        /// Offset of the end of the message.
        position: u64,
        /// The size announced.
        size: u32,
    },
    /// Set Chunk Size or Abort Message with less than four bytes.
    #[error("message before byte {position}: type {type_id} needs 4 bytes, has {length}")]
    ControlTooShort {
        /// Offset of the end of the message.
        position: u64,
        /// The message type.
        type_id: u8,
        /// Its length in bytes.
        length: usize,
    },
}
