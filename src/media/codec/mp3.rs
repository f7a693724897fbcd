//! MPEG audio layer III: no out-of-band record, so its shape is read from a frame header (ISO/IEC 11172-3 §2.4.1.3).

use super::AudioShape;

/// What the first frame header of an MP3 track says.
#[derive(Clone, PartialEq, Debug)]
pub struct Mp3Config {
    /// Sample rate, channels and frame length.
    pub shape: AudioShape,
}

impl Mp3Config {
    /// `mp4a.40.34`, which names MPEG audio layer III whatever its version (RFC 6381 §3.3).
    pub fn rfc6381(&self) -> String {
        "mp4a.40.34".to_owned()
    }
}
