//! How sessions behave.

use std::time::Duration;

use crate::rtmp::chunk;

/// How a session behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Limits of what a publisher may send. Until it is accepted, and to players, those of [`chunk::Options::for_commands`] apply.
    pub chunk: chunk::Options,
    /// After how many bytes the peer shall acknowledge, and its window.
    pub window: u32,
    /// For the whole handshake.
    pub handshake_timeout: Duration,
    /// From the handshake to connect.
    pub connect_timeout: Duration,
    /// From connect, or the end of a stream, to publish or play.
    pub request_timeout: Duration,
    /// The longest silence of a publisher: neither audio nor video.
    pub media_timeout: Duration,
    /// Whether VVC (H.266) is told among the codecs that are carried.
    pub carries_vvc: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chunk: chunk::Options::default(),
            window: 2_500_000,
            handshake_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            media_timeout: Duration::from_secs(15),
            carries_vvc: false,
        }
    }
}
