//! The handshake, simple and with digests, for both ends (RTMP 1.0 section 5.2; the digest form was never specified by Adobe).
//!
//! Pure: bytes in, bytes out. Random bytes come from a generator that the caller gives.

mod client;
mod digest;
mod server;

#[cfg(test)]
mod tests;

pub use client::{Client, Form};
pub use digest::Schema;
pub use server::Server;

/// The length of C1, S1, C2 and S2.
pub const PACKET: usize = 1536;

/// The one version of RTMP without encryption, as sent in C0 and S0.
pub const VERSION: u8 = 3;

/// Where the handshake stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The peer has more to send.
    Waiting,
    /// Complete: what is left of the input belongs to the chunk stream.
    Done,
}

/// What was wrong with the peer's handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first byte cannot be an RTMP version: 32 and above are kept for text protocols.
    #[error("handshake byte 0: {0:#04x} is not an RTMP version (another protocol on this port?)")]
    NotRtmp(u8),
    /// RTMPE, whose encryption protects nothing.
    #[error("handshake byte 0: encrypted RTMP (version {0}) is not supported")]
    Encrypted(u8),
    /// A version from before RTMP 1.0 or, from a server, one that was not asked for.
    #[error("handshake byte 0: version {0} is not supported, only {VERSION} is")]
    Version(u8),
    /// A server's digest does not verify.
    #[error("handshake: the digest of {0} does not verify")]
    Digest(&'static str),
}
