//! How values are written in a playlist.

use crate::segment::request::Request;

/// `EXT-X-VERSION`: 6 is what `EXT-X-MAP` in a playlist with more than I-frames needs, and nothing written here needs more.
pub const VERSION: u32 = 6;

/// A file's address relative to the playlist, with the viewer's query where there is one.
pub fn uri(request: Request, query: &str) -> String {
    if query.is_empty() { request.to_string() } else { format!("{request}?{query}") }
}

/// A text without what a quoted-string may not hold (RFC 8216 §4.2): line ends, control characters, double quotes.
pub fn quotable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '"').collect()
}

/// Microseconds as decimal seconds.
pub fn seconds(micros: i64) -> String {
    format!("{}.{:06}", micros.max(0) / 1_000_000, micros.max(0) % 1_000_000)
}
