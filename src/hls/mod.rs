//! HLS playlists as pure functions of a segment snapshot (RFC 8216, draft-pantos-hls-rfc8216bis).
//!
//! Knows neither samples nor sockets. File names come from [`segment::Request`](crate::segment::Request).

pub mod media;
pub mod multivariant;
mod text;

pub use media::media;
pub use multivariant::multivariant;

/// `EXT-X-VERSION`: 6 is what `EXT-X-MAP` in a playlist with more than I-frames needs, and nothing written here needs more.
const VERSION: u32 = 6;
