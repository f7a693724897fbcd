//! FLAC: the STREAMINFO metadata block (RFC 9639 §8.2).

use bytes::{BufMut, Bytes, BytesMut};

use super::{AudioShape, ConfigError, ConfigProblem};
use crate::media::bits::BitReader;

/// Bytes of the STREAMINFO block without its header.
pub const STREAMINFO_LEN: usize = 34;

/// A parsed STREAMINFO block.
#[derive(Clone, PartialEq, Debug)]
pub struct FlacConfig {
    /// The block without its header: 34 bytes.
    pub record: Bytes,
    /// Bits of each sample.
    pub bits_per_sample: u8,
    /// Sample rate, channels and the longest block.
    pub shape: AudioShape,
}

const RECORD: &str = "STREAMINFO";
const SIGNATURE: &[u8] = b"fLaC";

/// Header of a STREAMINFO block that no other block follows: flag, type 0, 24 bits of length.
const BLOCK_HEADER: [u8; 4] = [0x80, 0, 0, STREAMINFO_LEN as u8];

/// Rates between these are played by something; 655,350 is the most that a frame header can tell.
const PLAYABLE_RATES: std::ops::RangeInclusive<u32> = 4_000..=655_350;

impl FlacConfig {
    /// Reads the block in the forms that publishers send: alone (FFmpeg, MediaMTX), behind its header (mpegts.js), or behind the
    /// stream's signature and its header (Enhanced RTMP). What follows is left out.
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub fn parse(record: &[u8]) -> Result<Self, ConfigError> {
        let block = record.strip_prefix(SIGNATURE).unwrap_or(record);
        // Alone it begins with a block size of at least 16, so neither a first nor a last header can be mistaken for it.
        let block = match block {
            [0 | 0x80, 0, 0, length, rest @ ..] if usize::from(*length) == STREAMINFO_LEN => rest,
            _ => block,
        };
        let start = record.len() - block.len();
        let Some(block) = block.first_chunk::<STREAMINFO_LEN>() else {
            return Err(ConfigError::new(RECORD, record.len(), ConfigProblem::Truncated));
        };
        let mut bits = BitReader::new(block);
        let fail = ConfigError::bits(RECORD);
        let smallest = bits.bits(16).map_err(&fail)?;
        let largest = bits.bits(16).map_err(&fail)?;
        bits.skip(48).map_err(&fail)?; // the sizes of frames
        let sample_rate = bits.bits(20).map_err(&fail)?;
        let channels = bits.bits(3).map_err(&fail)? as u8 + 1;
        let bits_per_sample = bits.bits(5).map_err(&fail)? as u8 + 1;
        if largest < 16 || smallest > largest {
            return Err(ConfigError::value(RECORD, start + 2, "maximum block size", largest));
        }
        if !PLAYABLE_RATES.contains(&sample_rate) {
            return Err(ConfigError::value(RECORD, start + 10, "sample rate", sample_rate));
        }
        if bits_per_sample < 4 {
            return Err(ConfigError::value(RECORD, start + 12, "bits per sample", bits_per_sample.into()));
        }
        let shape = AudioShape { sample_rate, channels, frame_samples: largest };
        Ok(Self { record: Bytes::copy_from_slice(block), bits_per_sample, shape })
    }

    /// The block behind its header: what a `dfLa` box holds, and what mpegts.js reads.
    pub fn metadata_block(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(BLOCK_HEADER.len() + STREAMINFO_LEN);
        out.put_slice(&BLOCK_HEADER);
        out.put_slice(&self.record);
        out.freeze()
    }

    /// `fLaC` (Encapsulation of FLAC in ISO Base Media File Format §3.3).
    pub fn rfc6381(&self) -> String {
        "fLaC".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// FFmpeg 9, stereo of 16 bits at 48 kHz in blocks of 1024.
    const BLOCK: &[u8; 34] = b"\x04\0\x04\0\0\0\0\0\x10\x98\x0b\xb8\x02\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    #[test]
    fn all_three_forms_give_the_same_block() {
        let header: &[u8] = &[0x80, 0, 0, 34];
        for form in
            [BLOCK.to_vec(), [header, BLOCK].concat(), [b"fLaC", header, BLOCK].concat(), [b"fLaC\0\0\0\x22", &BLOCK[..], b"more"].concat()]
        {
            let config = FlacConfig::parse(&form).unwrap();
            assert_eq!((config.record.as_ref(), config.bits_per_sample), (&BLOCK[..], 16));
            assert_eq!(config.shape, AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1024 });
            assert_eq!(config.metadata_block(), [header, BLOCK].concat());
            assert_eq!(config.rfc6381(), "fLaC");
        }
    }

    #[test]
    fn what_no_stream_can_have_is_refused_with_its_place() {
        let refused = |at: usize, byte: u8| {
            let mut block = *BLOCK;
            block[at] = byte;
            FlacConfig::parse(&block).unwrap_err().to_string()
        };
        assert_eq!(refused(2, 0), "STREAMINFO at byte 2: maximum block size is 0");
        assert_eq!(refused(10, 0), "STREAMINFO at byte 10: sample rate is 2944");
        assert_eq!(FlacConfig::parse(&BLOCK[..33]).unwrap_err().position, 33);
        assert_eq!(FlacConfig::parse(b"").unwrap_err().problem, ConfigProblem::Truncated);
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_the_same(record in prop::collection::vec(any::<u8>(), 30..50)) {
            if let Ok(config) = FlacConfig::parse(&record) {
                prop_assert_eq!(FlacConfig::parse(&config.metadata_block()).unwrap(), config.clone());
                prop_assert_eq!(FlacConfig::parse(&config.record).unwrap(), config);
            }
        }
    }
}
