//! AAC configuration: the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

use bytes::Bytes;

use super::AudioShape;

/// A parsed AudioSpecificConfig.
#[derive(Clone, PartialEq, Debug)]
pub struct AacConfig {
    /// The AudioSpecificConfig without trailing garbage.
    pub record: Bytes,
    /// Audio object type: 2 LC, 5 HE (explicit SBR), 29 HE v2, 42 xHE.
    pub object_type: u8,
    /// Sample rate, channels and frame length at the decoder's output.
    pub shape: AudioShape,
}

impl AacConfig {
    /// `mp4a.40.AOT` (RFC 6381 §3.3).
    pub fn rfc6381(&self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }
}
