//! Opus: the identification header "OpusHead" (RFC 7845 §5.1), and how long a packet lasts (RFC 6716 §3.1).

use bytes::{BufMut, Bytes, BytesMut};

use super::{AudioShape, ConfigError, ConfigProblem};

/// The longest identification header: mapping entries of 255 channels behind the fixed fields.
pub const MAX_RECORD: usize = 21 + 255;

/// Opus is decoded at this rate, whatever the encoder's input was.
pub const SAMPLE_RATE: u32 = 48_000;

/// A parsed identification header.
#[derive(Clone, PartialEq, Debug)]
pub struct OpusConfig {
    /// The header with its numbers in little endian, as the standard has them, and without what follows it.
    pub record: Bytes,
    /// 48 kHz, the channels at the output, and the length of the packets.
    pub shape: AudioShape,
}

const RECORD: &str = "OpusHead";
const MAGIC: &[u8] = b"OpusHead";
const FIXED: usize = 19;

/// Encoders make packets of 20 ms unless told otherwise.
const USUAL_PACKET: u32 = 960;

/// No packet is longer: 120 ms.
const LONGEST_PACKET: u32 = 5_760;

/// What libopus has its decoders skip.
const USUAL_PRE_SKIP: u16 = 312;

/// For 3 to 8 channels: streams, those of two channels, and which decoded channel each output is (as libopus encodes surround).
type Mapping = (u8, u8, &'static [u8]);
const SURROUND: [Option<Mapping>; 8] = [
    None,
    None,
    Some((2, 1, &[0, 2, 1])),
    Some((2, 2, &[0, 1, 2, 3])),
    Some((3, 2, &[0, 4, 1, 2, 3])),
    Some((4, 2, &[0, 4, 1, 2, 3, 5])),
    Some((4, 3, &[0, 4, 1, 2, 3, 5, 6])),
    Some((5, 3, &[0, 6, 1, 2, 3, 4, 5, 7])),
];
const MAX_MAPPED: usize = FIXED + 2 + 8;

/// Longest pre-skip that is believed, in samples; encoders have 312 or 3840.
const PLAUSIBLE_PRE_SKIP: u16 = 8_000;

/// Samples per frame at 48 kHz by the configuration number of a packet, four of which share a mode and bandwidth.
const SILK: [u32; 4] = [480, 960, 1_920, 2_880];
const HYBRID: [u32; 2] = [480, 960];
const CELT: [u32; 4] = [120, 240, 480, 960];

impl OpusConfig {
    /// Reads a header as publishers send it. Numbers in big endian are recognised and put right; an empty one means stereo, unless
    /// the publisher tells its channels by other means ([`OpusConfig::of_channels`]).
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub fn parse(record: &[u8]) -> Result<Self, ConfigError> {
        if record.is_empty() {
            return Ok(Self::of_channels(2));
        }
        if !record.starts_with(MAGIC) {
            return Err(ConfigError::new(RECORD, 0, ConfigProblem::Missing("OpusHead signature")));
        }
        let Some(&[_, _, _, _, _, _, _, _, version, channels, skip_low, skip_high, r0, r1, r2, r3, g0, g1, family]) =
            record.first_chunk::<FIXED>()
        else {
            return Err(ConfigError::new(RECORD, record.len(), ConfigProblem::Truncated));
        };
        // The upper four bits are the major version; only 0 exists.
        if version & 0xF0 != 0 {
            return Err(ConfigError::value(RECORD, 8, "version", version.into()));
        }
        let allowed = match family {
            0 => 1..=2,
            1 => 1..=8,
            255 => 1..=255,
            other => return Err(ConfigError::value(RECORD, 18, "channel mapping family", other.into())),
        };
        if !allowed.contains(&channels) {
            return Err(ConfigError::value(RECORD, 9, "channel count", channels.into()));
        }
        let (mut skip, mut rate) = ([skip_low, skip_high], [r0, r1, r2, r3]);
        // Some writers take the header for big endian, as everything else in FLV is.
        if u16::from_le_bytes(skip) > PLAUSIBLE_PRE_SKIP && u16::from_be_bytes(skip) <= PLAUSIBLE_PRE_SKIP {
            skip.reverse();
            rate.reverse();
        }
        let mut out = BytesMut::with_capacity(FIXED);
        out.put_slice(MAGIC);
        out.put_slice(&[version, channels]);
        out.put_slice(&skip);
        out.put_slice(&rate);
        out.put_slice(&[g0, g1, family]);
        if family != 0 {
            out.put_slice(mapping(record, channels)?);
        }
        let shape = AudioShape { sample_rate: SAMPLE_RATE, channels, frame_samples: USUAL_PACKET };
        Ok(Self { record: out.freeze(), shape })
    }

    /// The configuration of a publisher that sends no header but so many channels, in the order of Vorbis (RFC 7845 §5.1.1.2); stereo where
    /// that order knows no such number.
    pub fn of_channels(channels: u8) -> Self {
        let mapping = SURROUND.get(usize::from(channels).wrapping_sub(1)).copied().flatten();
        let channels = if mapping.is_some() || channels == 1 { channels } else { 2 };
        let mut out = BytesMut::with_capacity(MAX_MAPPED);
        out.put_slice(MAGIC);
        out.put_slice(&[1, channels]);
        out.put_u16_le(USUAL_PRE_SKIP);
        out.put_u32_le(SAMPLE_RATE);
        out.put_u16_le(0); // output gain
        match mapping {
            Some((streams, coupled, table)) => {
                out.put_slice(&[1, streams, coupled]);
                out.put_slice(table);
            }
            None => out.put_u8(0),
        }
        let shape = AudioShape { sample_rate: SAMPLE_RATE, channels, frame_samples: USUAL_PACKET };
        Self { record: out.freeze(), shape }
    }

    /// The same with the length of its packets taken from one of them: the header does not tell.
    #[must_use]
    pub fn with_packet(mut self, packet: &[u8]) -> Self {
        self.shape.frame_samples = packet_samples(packet).unwrap_or(USUAL_PACKET);
        self
    }

    /// The body of a `dOps` box: the header's fields in big endian (Encapsulation of Opus in ISO Base Media File Format §4.3.2).
    pub fn dops(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.record.len());
        if let Some(&[_, channels, s0, s1, r0, r1, r2, r3, g0, g1]) = self.record.get(MAGIC.len()..).and_then(<[u8]>::first_chunk) {
            out.put_slice(&[0, channels, s1, s0, r3, r2, r1, r0, g1, g0]);
            out.put_slice(self.record.get(FIXED - 1..).unwrap_or_default());
        }
        out.freeze()
    }

    /// `Opus` (Encapsulation of Opus in ISO Base Media File Format §4.6).
    pub fn rfc6381(&self) -> String {
        "Opus".to_owned()
    }
}

/// Stream count, coupled count and one entry for each channel, none of which may name a decoded channel that is not there.
fn mapping(record: &[u8], channels: u8) -> Result<&[u8], ConfigError> {
    let table = record.get(FIXED..FIXED + 2 + usize::from(channels));
    let table = table.ok_or_else(|| ConfigError::new(RECORD, record.len(), ConfigProblem::Truncated))?;
    let (streams, coupled) = (u16::from(table[0]), u16::from(table[1]));
    if streams == 0 || coupled > streams || streams + coupled > 255 {
        return Err(ConfigError::value(RECORD, FIXED, "stream count", streams.into()));
    }
    match table[2..].iter().position(|&entry| entry != 255 && u16::from(entry) >= streams + coupled) {
        Some(at) => Err(ConfigError::value(RECORD, FIXED + 2 + at, "channel mapping", table[2 + at].into())),
        None => Ok(table),
    }
}

/// Samples at 48 kHz that a packet holds; `None` for what no packet can be.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = usize::from(toc >> 3);
    let frame = match config {
        0..12 => SILK[config % 4],
        12..16 => HYBRID[config % 2],
        _ => CELT[config % 4],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*packet.get(1)? & 0x3F),
    };
    Some(frame * frames).filter(|samples| (1..=LONGEST_PACKET).contains(samples))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// FFmpeg 9 with libopus, stereo at 48 kHz.
    const STEREO: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
    /// The same in 5.1.
    const SURROUND: &[u8] = b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";

    #[test]
    fn headers_of_a_real_encoder_become_these_boxes() {
        let stereo = OpusConfig::parse(STEREO).unwrap();
        assert_eq!((stereo.record.as_ref(), stereo.rfc6381().as_str()), (STEREO, "Opus"));
        assert_eq!(stereo.shape, AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 960 });
        assert_eq!(stereo.dops(), b"\0\x02\x01\x38\0\0\xbb\x80\0\0\0".as_slice());
        let surround = OpusConfig::parse(SURROUND).unwrap();
        assert_eq!((surround.record.as_ref(), surround.shape.channels), (SURROUND, 6));
        assert_eq!(surround.dops(), b"\0\x06\x01\x38\0\0\xbb\x80\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05".as_slice());
    }

    #[test]
    fn big_endian_numbers_are_put_right_and_an_empty_header_means_stereo() {
        let swapped = b"OpusHead\x01\x02\x01\x38\0\0\xbb\x80\0\0\0 and more";
        assert_eq!(OpusConfig::parse(swapped).unwrap().record, STEREO);
        assert_eq!(OpusConfig::parse(b"").unwrap().record, STEREO);
    }

    #[test]
    fn packets_tell_how_long_they_last() {
        let samples = |packet: &[u8]| packet_samples(packet);
        assert_eq!(
            [samples(&[0xFC, 0x7E]), samples(&[0xF8]), samples(&[0x80]), samples(&[0x19])],
            [Some(960), Some(960), Some(120), Some(5760)]
        );
        assert_eq!([samples(&[0x7B, 0x03]), samples(&[0xFF, 0x86])], [Some(2880), Some(5760)]);
        assert_eq!([samples(&[]), samples(&[0x03]), samples(&[0x03, 0x40]), samples(&[0x1B, 0x3F])], [None; 4]);
        assert_eq!(OpusConfig::parse(STEREO).unwrap().with_packet(&[0x98]).shape.frame_samples, 960);
    }

    #[test]
    fn what_is_no_header_is_refused_with_its_place() {
        let refused = |record: &[u8]| OpusConfig::parse(record).unwrap_err().to_string();
        assert_eq!(refused(b"OpusTags"), "OpusHead at byte 0: no OpusHead signature");
        assert_eq!(refused(&STEREO[..18]), "OpusHead at byte 18: the record ends inside a field");
        assert_eq!(refused(&SURROUND[..26]), "OpusHead at byte 26: the record ends inside a field");
        assert_eq!(refused(b"OpusHead\x10\x02\x38\x01\x80\xbb\0\0\0\0\0"), "OpusHead at byte 8: version is 16");
        assert_eq!(refused(b"OpusHead\x01\x03\x38\x01\x80\xbb\0\0\0\0\0"), "OpusHead at byte 9: channel count is 3");
        assert_eq!(refused(b"OpusHead\x01\x01\0\0\0\0\0\0\0\0\x01\x01\0\x01"), "OpusHead at byte 21: channel mapping is 1");
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_the_same(tail in prop::collection::vec(any::<u8>(), 0..40)) {
            let record = [MAGIC, &tail].concat();
            if let Ok(config) = OpusConfig::parse(&record) {
                prop_assert_eq!(OpusConfig::parse(&config.record).unwrap(), config);
            }
            let _ = packet_samples(&tail);
        }
    }
}
