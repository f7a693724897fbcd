//! The MIME type that a player is asked about before it is given bytes (RFC 6381 §3.2).

use crate::media::{Kind, Track};

/// `video/mp4; codecs="avc1.64001f,mp4a.40.2"`, or `audio/mp4` where no track has pictures; script data is not named.
pub fn mime(tracks: &[&Track]) -> String {
    let media = || tracks.iter().filter(|track| track.id.kind != Kind::Data);
    let container = if media().any(|track| track.id.kind == Kind::Video) { "video/mp4" } else { "audio/mp4" };
    let codecs: Vec<String> = media().map(|track| track.codec.rfc6381()).collect();
    if codecs.is_empty() { container.to_owned() } else { format!("{container}; codecs=\"{}\"", codecs.join(",")) }
}
