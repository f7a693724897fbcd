//! H.264 configuration: the AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3).

use bytes::Bytes;

use super::VideoShape;

/// A parsed AVCDecoderConfigurationRecord.
#[derive(Clone, PartialEq, Debug)]
pub struct AvcConfig {
    /// The record (body of an `avcC` box), normalised to 4-byte NAL lengths.
    pub record: Bytes,
    /// Bytes of each NAL length in the publisher's samples (1, 2 or 4); on the bus it is always 4.
    pub length_size: u8,
    /// Size and frame rate from the first sequence parameter set.
    pub shape: VideoShape,
}

impl AvcConfig {
    /// `avc1.PPCCLL`: profile, constraints and level in hexadecimal (RFC 6381 §3.3).
    pub fn rfc6381(&self) -> String {
        let byte = |at: usize| self.record.get(at).copied().unwrap_or_default();
        format!("avc1.{:02x}{:02x}{:02x}", byte(1), byte(2), byte(3))
    }
}
