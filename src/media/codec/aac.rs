//! AAC configuration: the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), and frames that come with ADTS headers.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{AudioShape, ConfigError};
use crate::media::bits::BitReader;

/// The longest AudioSpecificConfig accepted, in bytes. A program config element with its comment stays below 400.
pub const MAX_RECORD: usize = 1024;

/// ADTS frames accepted in one message: more than a second of sound.
pub const MAX_ADTS_FRAMES: usize = 64;

/// A parsed AudioSpecificConfig.
#[derive(Clone, PartialEq, Debug)]
pub struct AacConfig {
    /// The AudioSpecificConfig without trailing garbage.
    pub record: Bytes,
    /// Audio object type: 2 LC, 5 HE (explicit SBR), 29 HE v2, 42 xHE.
    pub object_type: u8,
    /// Sample rate, channels and frame length at the decoder's output: for HE-AAC that is the extension rate with 2048 samples.
    pub shape: AudioShape,
}

const RECORD: &str = "AudioSpecificConfig";
const ADTS: &str = "ADTS header";

/// ISO/IEC 14496-3 table 1.18; indices 13 and 14 are reserved, 15 announces an explicit rate.
const SAMPLE_RATES: [u32; 13] = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Rates between these are played by something.
const PLAYABLE_RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

const SBR: u8 = 5;
const PARAMETRIC_STEREO: u8 = 29;
/// The audio object type of USAC, which xHE-AAC is (ISO/IEC 14496-3 table 1.17).
pub const USAC: u8 = 42;

impl AacConfig {
    /// Reads an AudioSpecificConfig as publishers send it. An ADTS header is taken in its place: some encoders send that.
    ///
    /// # Errors
    /// What is wrong with it and where; object types other than the AAC family's common ones are refused.
    pub fn parse(record: &[u8]) -> Result<Self, ConfigError> {
        if is_adts(record) {
            return Self::from_adts(record);
        }
        let record = record.get(..MAX_RECORD).unwrap_or(record);
        let mut asc = Asc { bits: BitReader::new(record) };
        let config = asc.read()?;
        // Of extended HE-AAC the end is not looked for: its configuration goes on behind what is read here.
        let used = if config.object_type == USAC { record.len() } else { asc.bits.position().div_ceil(8) };
        Ok(Self { record: Bytes::copy_from_slice(&record[..used]), ..config })
    }

    /// The configuration that an ADTS header implies (ISO/IEC 14496-3 §1.A.3.2).
    ///
    /// # Errors
    /// When the header is cut short or reserved values stand in it.
    pub fn from_adts(frame: &[u8]) -> Result<Self, ConfigError> {
        let mut bits = BitReader::new(frame);
        let fail = ConfigError::bits(ADTS);
        bits.skip(16).map_err(&fail)?;
        let object_type = bits.bits(2).map_err(&fail)? as u8 + 1;
        let rate_index = bits.bits(4).map_err(&fail)?;
        bits.skip(1).map_err(&fail)?;
        let channels = bits.bits(3).map_err(&fail)?;
        let record = (u32::from(object_type) << 11 | rate_index << 7 | channels << 3) as u16;
        if channels == 0 {
            return Err(ConfigError::value(ADTS, 2, "channel_configuration", 0));
        }
        Self::parse(&record.to_be_bytes())
    }

    /// `mp4a.40.AOT` (RFC 6381 §3.3).
    pub fn rfc6381(&self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }
}

/// Whether bytes begin with an ADTS header. No raw access unit does: its first element would be the end mark.
pub fn is_adts(data: &[u8]) -> bool {
    matches!(data, [0xFF, second, ..] if second & 0xF6 == 0xF0)
}

/// The access units of a run of ADTS frames, without their headers. A last frame that is cut short is left out.
pub fn strip_adts(data: &Bytes) -> SmallVec<[Bytes; 1]> {
    let mut frames = SmallVec::new();
    let mut at = 0;
    while let Some(&[_, flags, _, high, middle, low, _]) = data.get(at..).filter(|rest| is_adts(rest)).and_then(<[u8]>::first_chunk) {
        let header = if flags & 1 == 1 { 7 } else { 9 };
        let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low) >> 5;
        if length <= header || at + length > data.len() || frames.len() == MAX_ADTS_FRAMES {
            break;
        }
        let frame = data.slice(at + header..at + length);
        // Headers within headers hide no access unit.
        if !is_adts(&frame) {
            frames.push(frame);
        }
        at += length;
    }
    frames
}

struct Asc<'a> {
    bits: BitReader<'a>,
}

impl Asc<'_> {
    fn read(&mut self) -> Result<AacConfig, ConfigError> {
        let mut object_type = self.object_type()?;
        let core_rate = self.rate()?;
        let at = self.byte();
        let channel_config = self.take(4)?;
        if object_type == USAC {
            return self.usac();
        }
        let mut output_rate = core_rate;
        let hierarchical = matches!(object_type, SBR | PARAMETRIC_STEREO);
        let mut inner = object_type;
        if hierarchical {
            output_rate = self.rate()?;
            inner = self.object_type()?;
        }
        // Main, LC, SSR, LTP: the object types with a GASpecificConfig that FLV's senders use.
        if !matches!(inner, 1..=4) {
            return Err(ConfigError::value(RECORD, 0, "audioObjectType", inner.into()));
        }
        let core_frame = if self.flag()? { 960 } else { 1024 };
        if self.flag()? {
            self.take(14)?; // coreCoderDelay
        }
        self.take(1)?; // extensionFlag, always 0 for these object types
        let mut channels = match channel_config {
            0 => self.program_config()?,
            1..=6 => channel_config as u8,
            7 | 12 | 14 => 8,
            11 => 7,
            reserved => return Err(ConfigError::value(RECORD, at, "channelConfiguration", reserved)),
        };
        if !hierarchical && let Some((extension, rate)) = self.sync_extension() {
            object_type = extension;
            output_rate = rate;
        }
        if object_type == PARAMETRIC_STEREO && channels == 1 {
            channels = 2;
        }
        let frame_samples = match output_rate {
            rate if rate == core_rate => core_frame,
            rate if rate == 2 * core_rate => 2 * core_frame,
            rate => return Err(ConfigError::value(RECORD, 0, "extensionSamplingFrequency", rate)),
        };
        let shape = AudioShape { sample_rate: output_rate, channels, frame_samples };
        Ok(AacConfig { record: Bytes::new(), object_type, shape })
    }

    /// SBR and PS announced behind the configuration, so that old decoders pass over it (§1.6.5.2). Most often it is not there, or
    /// what is there is garbage; then the position stays.
    fn sync_extension(&mut self) -> Option<(u8, u32)> {
        let start = self.bits.clone();
        let found = self.read_sync_extension();
        if found.is_none() {
            self.bits = start;
        }
        // An explicit "no SBR" is a part of the record, but changes nothing.
        found.filter(|&(_, rate)| rate != 0)
    }

    fn read_sync_extension(&mut self) -> Option<(u8, u32)> {
        if self.take(11).ok()? != 0x2B7 || self.object_type().ok()? != SBR {
            return None;
        }
        if !self.flag().ok()? {
            return Some((SBR, 0));
        }
        let rate = self.rate().ok()?;
        let before = self.bits.clone();
        if self.take(11) == Ok(0x548) && self.flag() == Ok(true) {
            return Some((PARAMETRIC_STEREO, rate));
        }
        self.bits = before;
        Some((SBR, rate))
    }

    /// The channels of a program config element (§4.4.1.1).
    fn program_config(&mut self) -> Result<u8, ConfigError> {
        let at = self.byte();
        self.take(4 + 2 + 4)?; // element_instance_tag, object_type, sampling_frequency_index
        let [front, side, back, lfe, data, coupling] = [4, 4, 4, 2, 3, 4].map(|count| self.take(count));
        let (front, side, back, lfe, data, coupling) = (front?, side?, back?, lfe?, data?, coupling?);
        for mixdown in [4, 4, 3] {
            if self.flag()? {
                self.take(mixdown)?;
            }
        }
        let mut channels = lfe;
        for _ in 0..front + side + back {
            channels += if self.flag()? { 2 } else { 1 };
            self.take(4)?;
        }
        for _ in 0..lfe + data {
            self.take(4)?;
        }
        for _ in 0..coupling {
            self.take(5)?;
        }
        self.bits.align();
        let comment = self.take(8)?;
        for _ in 0..comment {
            self.take(8)?;
        }
        match channels {
            1..=24 => Ok(channels as u8),
            other => Err(ConfigError::value(RECORD, at, "channels of the program config element", other)),
        }
    }

    /// The beginning of a UsacConfig (ISO/IEC 23003-3 §5.2): all that tells the shape.
    fn usac(&mut self) -> Result<AacConfig, ConfigError> {
        let index = self.take(5)?;
        let sample_rate = match index {
            0x1F => self.take(24)?,
            _ => SAMPLE_RATES.get(index as usize).copied().unwrap_or_default(),
        };
        let sample_rate = self.playable(sample_rate)?;
        let at = self.byte();
        let length = self.take(3)?;
        let frame_samples = match length {
            0 => 768,
            1 => 1024,
            2 | 3 => 2048,
            4 => 4096,
            reserved => return Err(ConfigError::value(RECORD, at, "coreSbrFrameLengthIndex", reserved)),
        };
        let at = self.byte();
        let channels = match self.take(5)? {
            channels @ 1..=6 => channels as u8,
            7 | 12 | 14 => 8,
            8 => 2,
            11 => 7,
            other => return Err(ConfigError::value(RECORD, at, "channelConfigurationIndex", other)),
        };
        Ok(AacConfig { record: Bytes::new(), object_type: USAC, shape: AudioShape { sample_rate, channels, frame_samples } })
    }

    fn object_type(&mut self) -> Result<u8, ConfigError> {
        match self.take(5)? {
            31 => Ok(self.take(6)? as u8 + 32),
            object_type => Ok(object_type as u8),
        }
    }

    fn rate(&mut self) -> Result<u32, ConfigError> {
        let index = self.take(4)?;
        let rate = match index {
            15 => self.take(24)?,
            _ => SAMPLE_RATES.get(index as usize).copied().unwrap_or_default(),
        };
        self.playable(rate)
    }

    fn playable(&self, rate: u32) -> Result<u32, ConfigError> {
        if PLAYABLE_RATES.contains(&rate) { Ok(rate) } else { Err(ConfigError::value(RECORD, self.byte(), "samplingFrequency", rate)) }
    }

    fn take(&mut self, count: u32) -> Result<u32, ConfigError> {
        self.bits.bits(count).map_err(ConfigError::bits(RECORD))
    }

    fn flag(&mut self) -> Result<bool, ConfigError> {
        self.take(1).map(|bit| bit == 1)
    }

    fn byte(&self) -> usize {
        self.bits.position() / 8
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(record: &[u8]) -> (u8, u32, u8, u32, usize) {
        let AacConfig { record, object_type, shape } = AacConfig::parse(record).unwrap();
        (object_type, shape.sample_rate, shape.channels, shape.frame_samples, record.len())
    }

    #[test]
    fn configurations_of_real_encoders_are_read() {
        assert_eq!(shape(&[0x12, 0x10]), (2, 44_100, 2, 1024, 2));
        // FFmpeg says explicitly that there is no SBR.
        assert_eq!(shape(&[0x11, 0x90, 0x56, 0xE5, 0x00]), (2, 48_000, 2, 1024, 5));
        assert_eq!(shape(&[0x14, 0x08]), (2, 16_000, 1, 1024, 2));
    }

    #[test]
    fn he_aac_has_the_shape_of_its_output() {
        // Hierarchical SBR: 24 kHz core, 48 kHz out.
        assert_eq!(shape(&[0x2B, 0x11, 0x88, 0x00]), (5, 48_000, 2, 2048, 4));
        // SBR announced behind the configuration.
        assert_eq!(shape(&[0x13, 0x10, 0x56, 0xE5, 0x98]), (5, 48_000, 2, 2048, 5));
        // Parametric stereo: one coded channel, two out.
        assert_eq!(shape(&[0xEB, 0x09, 0x88, 0x00]), (29, 48_000, 2, 2048, 4));
    }

    #[test]
    fn trailing_garbage_is_cut() {
        assert_eq!(AacConfig::parse(&[0x12, 0x10, 0, 0, 0xAB]).unwrap().record, [0x12, 0x10].as_slice());
        assert_eq!(AacConfig::parse(&[0x12, 0x10, 0x56]).unwrap().record, [0x12, 0x10].as_slice());
    }

    #[test]
    fn frames_of_960_samples_and_eight_channels_are_known() {
        assert_eq!(shape(&[0x12, 0x14]), (2, 44_100, 2, 960, 2));
        assert_eq!(shape(&[0x11, 0xB8]), (2, 48_000, 8, 1024, 2));
    }

    #[test]
    fn an_explicit_rate_takes_24_bits() {
        // 00010 1111 0x00BB80 0010 000
        assert_eq!(shape(&[0x17, 0x80, 0x5D, 0xC0, 0x10]), (2, 48_000, 2, 1024, 5));
    }

    #[test]
    fn channels_are_counted_in_a_program_config_element() {
        // AOT 2, 48 kHz, configuration 0; one front pair, one LFE, no comment.
        let pce = [0x11, 0x80, 0x04, 0xC4, 0x01, 0x00, 0x20, 0x00, 0x00];
        assert_eq!(shape(&pce), (2, 48_000, 3, 1024, 9));
    }

    #[test]
    fn reserved_values_are_refused_with_their_place() {
        let refused = |record: &[u8]| AacConfig::parse(record).unwrap_err().to_string();
        assert_eq!(refused(&[]), "AudioSpecificConfig at byte 0: the record ends inside a field");
        assert_eq!(refused(&[0x12]), "AudioSpecificConfig at byte 0: the record ends inside a field");
        assert_eq!(refused(&[0x16, 0x90]), "AudioSpecificConfig at byte 1: samplingFrequency is 0");
        assert_eq!(refused(&[0x12, 0x48]), "AudioSpecificConfig at byte 1: channelConfiguration is 9");
        assert_eq!(refused(&[0x02, 0x10]), "AudioSpecificConfig at byte 0: audioObjectType is 0");
    }

    #[test]
    fn adts_headers_are_stripped_and_make_a_configuration() {
        let frame = [0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x3F, 0xFC, 0xDE, 0xAD];
        assert_eq!(shape(&frame), (2, 48_000, 2, 1024, 2));
        let two = Bytes::from(frame.repeat(2));
        assert_eq!(strip_adts(&two).as_slice(), [&[0xDE, 0xAD][..], &[0xDE, 0xAD]]);
        assert_eq!(strip_adts(&two.slice(..17)).len(), 1);
        assert!(strip_adts(&Bytes::from_static(&[0x21, 0x10, 0x04])).is_empty());
    }

    proptest! {
        #[test]
        fn any_record_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(config) = AacConfig::parse(&bytes) {
                prop_assert_eq!(AacConfig::parse(&config.record).unwrap(), config);
            }
            strip_adts(&bytes.into());
        }
    }
}
