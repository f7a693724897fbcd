//! MPEG audio layer III: no out-of-band record, so its shape is read from a frame header (ISO/IEC 11172-3 §2.4.1.3).

use bytes::Bytes;
use smallvec::SmallVec;

use super::{AudioShape, ConfigError, ConfigProblem};

/// Frames accepted in one message: more than half a second of sound.
pub const MAX_FRAMES: usize = 32;

/// What the first frame header of an MP3 track says.
#[derive(Clone, PartialEq, Debug)]
pub struct Mp3Config {
    /// Sample rate, channels and frame length.
    pub shape: AudioShape,
}

const HEADER: &str = "MP3 frame header";

/// Rates of MPEG-1; MPEG-2 halves them, MPEG-2.5 quarters them.
const SAMPLE_RATES: [u32; 3] = [44_100, 48_000, 32_000];

/// Kilobits per second of layer III. Index 0 is the free format, whose frames tell no length.
const BIT_RATES_MPEG1: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const BIT_RATES_MPEG2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

impl Mp3Config {
    /// Reads the header of a frame of MPEG-1, MPEG-2 or MPEG-2.5 layer III.
    ///
    /// # Errors
    /// When no such header stands at the start.
    pub fn parse(frame: &[u8]) -> Result<Self, ConfigError> {
        Header::parse(frame).map(|header| Self { shape: header.shape })
    }

    /// `mp4a.40.34`, which names MPEG audio layer III whatever its version (RFC 6381 §3.3).
    pub fn rfc6381(&self) -> String {
        "mp4a.40.34".to_owned()
    }
}

/// The whole frames in `data`. Where the lengths do not add up, or are not told, all of it is one frame.
pub fn split(data: &Bytes) -> SmallVec<[Bytes; 1]> {
    let mut frames = SmallVec::new();
    let mut at = 0;
    while at < data.len() {
        let length = data.get(at..).and_then(|rest| Header::parse(rest).ok()).and_then(|header| header.frame_bytes);
        match length {
            Some(length) if at + length <= data.len() && frames.len() < MAX_FRAMES => {
                frames.push(data.slice(at..at + length));
                at += length;
            }
            _ => return SmallVec::from_elem(data.clone(), 1),
        }
    }
    frames
}

struct Header {
    shape: AudioShape,
    /// Length of the frame, header included.
    frame_bytes: Option<usize>,
}

impl Header {
    fn parse(frame: &[u8]) -> Result<Self, ConfigError> {
        let Some(&[sync, version, rate, mode]) = frame.first_chunk() else {
            return Err(ConfigError::new(HEADER, frame.len(), ConfigProblem::Truncated));
        };
        if sync != 0xFF || version & 0xE0 != 0xE0 {
            return Err(ConfigError::value(HEADER, 0, "syncword", u32::from(sync) << 3 | u32::from(version) >> 5));
        }
        if version >> 1 & 3 != 1 {
            return Err(ConfigError::value(HEADER, 1, "layer", u32::from(version >> 1 & 3)));
        }
        let divisor = match version >> 3 & 3 {
            3 => 1,
            2 => 2,
            0 => 4,
            reserved => return Err(ConfigError::value(HEADER, 1, "version", reserved.into())),
        };
        let bit_rates = if divisor == 1 { BIT_RATES_MPEG1 } else { BIT_RATES_MPEG2 };
        let Some(&kilobits) = bit_rates.get(usize::from(rate >> 4)) else {
            return Err(ConfigError::value(HEADER, 2, "bitrate_index", 15));
        };
        let Some(full_rate) = SAMPLE_RATES.get(usize::from(rate >> 2 & 3)) else {
            return Err(ConfigError::value(HEADER, 2, "sampling_frequency", 3));
        };
        let sample_rate = full_rate / divisor;
        let frame_samples = if divisor == 1 { 1152 } else { 576 };
        let channels = if mode >> 6 == 3 { 1 } else { 2 };
        let padding = usize::from(rate >> 1 & 1);
        let frame_bytes = (kilobits > 0).then(|| (frame_samples / 8 * kilobits * 1000 / sample_rate) as usize + padding);
        Ok(Self { shape: AudioShape { sample_rate, channels, frame_samples }, frame_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_three_versions_are_read() {
        let shape = |header: [u8; 4]| {
            let shape = Mp3Config::parse(&header).unwrap().shape;
            (shape.sample_rate, shape.channels, shape.frame_samples)
        };
        assert_eq!(shape([0xFF, 0xFB, 0x10, 0xC4]), (44_100, 1, 1152));
        assert_eq!(shape([0xFF, 0xFB, 0x94, 0x00]), (48_000, 2, 1152));
        assert_eq!(shape([0xFF, 0xF3, 0x40, 0x40]), (22_050, 2, 576));
        assert_eq!(shape([0xFF, 0xE3, 0x48, 0xC0]), (8_000, 1, 576));
    }

    #[test]
    fn what_is_no_layer_three_header_is_refused_with_its_place() {
        let refused = |header: &[u8]| Mp3Config::parse(header).unwrap_err();
        assert_eq!(refused(&[0xFF, 0xFB]).position, 2);
        assert_eq!(refused(&[0x49, 0x44, 0x33, 0x04]).to_string(), "MP3 frame header at byte 0: syncword is 586");
        assert_eq!(refused(&[0xFF, 0xFD, 0x10, 0xC4]).to_string(), "MP3 frame header at byte 1: layer is 2");
        assert_eq!(refused(&[0xFF, 0xEB, 0x10, 0xC4]).to_string(), "MP3 frame header at byte 1: version is 1");
        assert_eq!(refused(&[0xFF, 0xFB, 0xF0, 0xC4]).to_string(), "MP3 frame header at byte 2: bitrate_index is 15");
        assert_eq!(refused(&[0xFF, 0xFB, 0x1C, 0xC4]).to_string(), "MP3 frame header at byte 2: sampling_frequency is 3");
    }

    #[test]
    fn several_frames_in_one_message_are_told_apart() {
        let mut frame = [0; 104]; // 32 kbit/s at 44.1 kHz: 144 * 32000 / 44100
        frame[..4].copy_from_slice(&[0xFF, 0xFB, 0x10, 0xC4]);
        let two = Bytes::from(frame.repeat(2));
        assert_eq!(split(&two).iter().map(Bytes::len).collect::<Vec<_>>(), [104, 104]);
        assert_eq!(split(&two.slice(..150)).as_slice(), [two.slice(..150)]);
        assert!(split(&Bytes::new()).is_empty());
    }
}
