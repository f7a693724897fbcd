//! HLS playlists as pure functions of a segment snapshot (RFC 8216, draft-pantos-hls-rfc8216bis).
//!
//! Knows neither samples nor sockets. File names come from [`segment::request`](crate::segment::request).

mod captions;
mod dateranges;
pub mod iframes;
pub mod media;
pub mod multivariant;
pub mod reload;
mod text;

pub use iframes::iframes;
pub use media::media;
pub use multivariant::multivariant;
