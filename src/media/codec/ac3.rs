//! AC-3 and E-AC-3: no out-of-band record, so shape and boxes are made from syncframes (ETSI TS 102 366 §4.3, annex E and F).

use bytes::Bytes;
use smallvec::SmallVec;

use super::{AudioShape, ConfigError, ConfigProblem};
use crate::media::bits::BitReader;

/// Syncframes accepted in one message: two seconds of sound, or the substreams of fewer.
pub const MAX_FRAMES: usize = 64;

/// What the first access unit of an AC-3 track says.
#[derive(Clone, PartialEq, Debug)]
pub struct Ac3Config {
    /// The body of a `dac3` box.
    pub record: Bytes,
    /// Sample rate, channels and frame length.
    pub shape: AudioShape,
}

/// What the first access unit of an E-AC-3 track says.
#[derive(Clone, PartialEq, Debug)]
pub struct Eac3Config {
    /// The body of a `dec3` box.
    pub record: Bytes,
    /// Sample rate, channels and frame length.
    pub shape: AudioShape,
}

const SYNCFRAME: &str = "syncframe";
const SYNC_WORD: u32 = 0x0B77;
const BLOCK: u32 = 256;
/// An access unit holds six blocks of every substream.
const ACCESS_UNIT: u32 = 6 * BLOCK;

const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Kilobits per second by half the frame size code.
const BIT_RATES: [u32; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Full-bandwidth channels by audio coding mode; 0 is two independent ones.
const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// The speakers of each audio coding mode: left, centre, right and both surrounds from the highest bit on, and the one behind them.
const SPEAKERS: [u16; 8] = [0xA000, 0x4000, 0xA000, 0xE000, 0xA100, 0xE100, 0xB800, 0xF800];
const LFE: u16 = 1;
const LFE2: u16 = 1 << 1;
/// Channels that each bit of `chan_loc` stands for, lowest bit first (table F.6.1).
const LOCATIONS: [u8; 9] = [2, 2, 1, 1, 2, 2, 2, 1, 1];

/// Bit stream identifications: up to 8 plain AC-3, 9 and 10 its half and quarter rates, 11 to 16 E-AC-3.
const LAST_AC3: u32 = 10;
const LAST_EAC3: u32 = 16;

impl Ac3Config {
    /// Reads the header of an AC-3 syncframe.
    ///
    /// # Errors
    /// When no such header stands at the start.
    pub fn parse(frame: &[u8]) -> Result<Self, ConfigError> {
        let header = Header::parse(frame)?;
        if header.bsid > LAST_AC3 {
            return Err(ConfigError::value(SYNCFRAME, 5, "bsid", header.bsid));
        }
        let code = frame.get(4).map_or(0, |byte| u32::from(byte & 0x3F) / 2);
        let body =
            header.fscod << 22 | header.bsid << 17 | header.bsmod << 14 | header.acmod << 11 | u32::from(header.lfe) << 10 | code << 5;
        let [_, record @ ..] = body.to_be_bytes();
        let shape = AudioShape { sample_rate: header.sample_rate, channels: header.channels(), frame_samples: ACCESS_UNIT };
        Ok(Self { record: Bytes::copy_from_slice(&record), shape })
    }

    /// Which speakers its channels are for: a bit each, from the highest for left on (ETSI TS 102 366 table E.1.5).
    pub fn channel_map(&self) -> u16 {
        let Some(&[_, modes, _]) = self.record.first_chunk() else { return 0 };
        channel_map(usize::from(modes >> 3 & 7), modes & 4 != 0)
    }

    /// `ac-3` (ETSI TS 102 366 annex F).
    pub fn rfc6381(&self) -> String {
        "ac-3".to_owned()
    }
}

impl Eac3Config {
    /// Reads the headers of the syncframes in an access unit: independent substreams, each followed by its dependent ones.
    ///
    /// # Errors
    /// When one of them cannot be read, or the first is none of an independent substream of E-AC-3.
    pub fn parse(unit: &[u8]) -> Result<Self, ConfigError> {
        let mut substreams: SmallVec<[Substream; 1]> = SmallVec::new();
        let (mut at, mut samples, mut bytes) = (0, 0, 0);
        while at < unit.len() && at < unit.len().min(MAX_FRAMES * Header::LONGEST) {
            let header = Header::parse(&unit[at..]).map_err(|error| ConfigError { position: error.position + at, ..error })?;
            if header.bsid <= LAST_AC3 {
                return Err(ConfigError::value(SYNCFRAME, at + 5, "bsid", header.bsid));
            }
            let known = substreams.iter().any(|known| known.header.substream == header.substream);
            match substreams.last_mut() {
                None if header.is_dependent => return Err(ConfigError::value(SYNCFRAME, at + 2, "strmtyp", 1)),
                Some(parent) if header.is_dependent => parent.take_dependent(&header),
                _ if known => {}
                // Their numbers have three bits, so there are at most eight.
                _ => substreams.push(Substream { header: header.clone(), dependents: 0, locations: 0 }),
            }
            samples += if !header.is_dependent && header.substream == 0 { header.blocks * BLOCK } else { 0 };
            bytes += header.bytes as u32;
            at += header.bytes;
        }
        let Some(first) = substreams.first() else { return Err(ConfigError::new(SYNCFRAME, 0, ConfigProblem::Truncated)) };
        let sample_rate = first.header.sample_rate;
        let kilobits = (u64::from(bytes) * 8 * u64::from(sample_rate) / u64::from(samples.max(1)) / 1000).min(0x1FFF) as u16;
        let mut record = (kilobits << 3 | (substreams.len() as u16 - 1)).to_be_bytes().to_vec();
        substreams.iter().for_each(|substream| substream.write(&mut record));
        let shape = AudioShape { sample_rate, channels: first.channels(), frame_samples: samples.clamp(BLOCK, ACCESS_UNIT) };
        Ok(Self { record: record.into(), shape })
    }

    /// Which speakers the channels of its first programme are for: as [`Ac3Config::channel_map`], and those of dependent substreams.
    pub fn channel_map(&self) -> u16 {
        let Some(&[_, _, _, modes, dependents]) = self.record.first_chunk() else { return 0 };
        let map = channel_map(usize::from(modes >> 1 & 7), modes & 1 != 0);
        let further = if dependents >> 1 == 0 { 0 } else { u16::from(self.record.get(5).copied().unwrap_or_default()) };
        // From its lowest bit on chan_loc has what the map has from its sixth, but for LFE2 further right.
        let places = (0..8).filter(|place| further >> place & 1 == 1).fold(0, |map, place| map | 1 << (10 - place));
        map | places | if dependents & 1 == 1 { LFE2 } else { 0 }
    }

    /// `ec-3` (ETSI TS 102 366 annex F).
    pub fn rfc6381(&self) -> String {
        "ec-3".to_owned()
    }
}

fn channel_map(acmod: usize, lfe: bool) -> u16 {
    SPEAKERS[acmod & 7] | if lfe { LFE } else { 0 }
}

/// The access units in `data`: six blocks each, with all their substreams. Where the lengths do not add up, all of it is one.
pub fn split(data: &Bytes) -> SmallVec<[Bytes; 1]> {
    let mut units = SmallVec::new();
    let (mut start, mut at, mut blocks, mut frames) = (0, 0, 0, 0);
    while at < data.len() {
        let Ok(header) = Header::parse(&data[at..]) else { return SmallVec::from_elem(data.clone(), 1) };
        frames += 1;
        if header.bytes > data.len() - at || frames > MAX_FRAMES {
            return SmallVec::from_elem(data.clone(), 1);
        }
        if !header.is_dependent && header.substream == 0 {
            if blocks >= 6 {
                units.push(data.slice(start..at));
                (start, blocks) = (at, 0);
            }
            blocks += header.blocks;
        }
        at += header.bytes;
    }
    if start < data.len() {
        units.push(data.slice(start..));
    }
    units
}

/// An independent substream and what is told of those that depend on it.
struct Substream {
    header: Header,
    dependents: u8,
    /// The `chan_loc` of them all.
    locations: u16,
}

impl Substream {
    fn take_dependent(&mut self, header: &Header) {
        self.dependents = (self.dependents + 1).min(15);
        if let Some(map) = header.channel_map {
            // From its left-most bit the map has L, C, R, Ls, Rs, then what chan_loc has from its lowest, but for LFE2 further right.
            let places = (0..8).filter(|place| map >> (10 - place) & 1 == 1).fold(0, |found, place| found | 1 << place);
            self.locations |= places | (map >> 1 & 1) << 8;
        }
    }

    fn channels(&self) -> u8 {
        let further = LOCATIONS.iter().enumerate().filter(|(place, _)| self.locations >> place & 1 == 1).map(|(_, channels)| channels);
        self.header.channels() + further.sum::<u8>()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let header = &self.header;
        // bsmod stays 0, complete main: the frame has it behind fields that only decoders know how to pass over.
        out.push((header.fscod << 6 | header.bsid << 1) as u8);
        out.push((header.acmod << 1) as u8 | u8::from(header.lfe));
        if self.dependents == 0 {
            return out.push(0);
        }
        out.push(self.dependents << 1 | (self.locations >> 8) as u8);
        out.push(self.locations as u8);
    }
}

#[derive(Clone)]
struct Header {
    fscod: u32,
    bsid: u32,
    bsmod: u32,
    acmod: u32,
    lfe: bool,
    sample_rate: u32,
    /// Length of the syncframe.
    bytes: usize,
    blocks: u32,
    is_dependent: bool,
    substream: u32,
    channel_map: Option<u16>,
}

impl Header {
    /// 2048 words of 16 bits.
    const LONGEST: usize = 4096;

    fn parse(frame: &[u8]) -> Result<Self, ConfigError> {
        let fail = ConfigError::bits(SYNCFRAME);
        let mut bits = BitReader::new(frame);
        let sync = bits.bits(16).map_err(&fail)?;
        if sync != SYNC_WORD {
            return Err(ConfigError::value(SYNCFRAME, 0, "syncword", sync));
        }
        // AC-3 and E-AC-3 agree on the place of this field alone.
        let bsid = frame.get(5).map(|byte| u32::from(byte >> 3)).ok_or_else(|| ConfigError::new(SYNCFRAME, 5, ConfigProblem::Truncated))?;
        match bsid {
            0..=LAST_AC3 => Self::ac3(bits, bsid),
            _ if bsid <= LAST_EAC3 => Self::eac3(bits, bsid),
            _ => Err(ConfigError::value(SYNCFRAME, 5, "bsid", bsid)),
        }
    }

    fn ac3(mut bits: BitReader<'_>, bsid: u32) -> Result<Self, ConfigError> {
        let fail = ConfigError::bits(SYNCFRAME);
        bits.skip(16).map_err(&fail)?; // crc1
        let fscod = bits.bits(2).map_err(&fail)?;
        let size_code = bits.bits(6).map_err(&fail)?;
        let Some(&full_rate) = SAMPLE_RATES.get(fscod as usize) else { return Err(ConfigError::value(SYNCFRAME, 4, "fscod", fscod)) };
        let Some(&kilobits) = BIT_RATES.get(size_code as usize / 2) else {
            return Err(ConfigError::value(SYNCFRAME, 4, "frmsizecod", size_code));
        };
        // 1536 samples in words of 16 bits; at 44.1 kHz every other size has the word that is left over.
        let words = kilobits * 96_000 / full_rate + if fscod == 1 { size_code & 1 } else { 0 };
        bits.skip(5).map_err(&fail)?; // bsid
        let bsmod = bits.bits(3).map_err(&fail)?;
        let acmod = bits.bits(3).map_err(&fail)?;
        let three_front = acmod & 1 == 1 && acmod != 1;
        let levels = 2 * (usize::from(three_front) + usize::from(acmod & 4 != 0) + usize::from(acmod == 2));
        bits.skip(levels).map_err(&fail)?;
        let lfe = bits.bit().map_err(&fail)?;
        let sample_rate = full_rate >> bsid.saturating_sub(8);
        let bytes = words as usize * 2;
        Ok(Self { fscod, bsid, bsmod, acmod, lfe, sample_rate, bytes, blocks: 6, is_dependent: false, substream: 0, channel_map: None })
    }

    fn eac3(mut bits: BitReader<'_>, bsid: u32) -> Result<Self, ConfigError> {
        let fail = ConfigError::bits(SYNCFRAME);
        let stream_type = bits.bits(2).map_err(&fail)?;
        if stream_type == 3 {
            return Err(ConfigError::value(SYNCFRAME, 2, "strmtyp", stream_type));
        }
        let substream = bits.bits(3).map_err(&fail)?;
        let bytes = (bits.bits(11).map_err(&fail)? as usize + 1) * 2;
        let fscod = bits.bits(2).map_err(&fail)?;
        let second = bits.bits(2).map_err(&fail)?;
        let (sample_rate, blocks) = match SAMPLE_RATES.get(fscod as usize) {
            Some(&rate) => (rate, [1, 2, 3, 6][second as usize]),
            None => match SAMPLE_RATES.get(second as usize) {
                Some(rate) => (rate / 2, 6),
                None => return Err(ConfigError::value(SYNCFRAME, 4, "fscod2", second)),
            },
        };
        let acmod = bits.bits(3).map_err(&fail)?;
        let lfe = bits.bit().map_err(&fail)?;
        bits.skip(5).map_err(&fail)?; // bsid
        // Dialogue level and compression, twice for two independent channels.
        for _ in 0..if acmod == 0 { 2 } else { 1 } {
            bits.skip(5).map_err(&fail)?;
            if bits.bit().map_err(&fail)? {
                bits.skip(8).map_err(&fail)?;
            }
        }
        let is_dependent = stream_type == 1;
        let mapped = is_dependent && bits.bit().map_err(&fail)?;
        let channel_map = if mapped { Some(bits.bits(16).map_err(&fail)? as u16) } else { None };
        Ok(Self { fscod, bsid, bsmod: 0, acmod, lfe, sample_rate, bytes, blocks, is_dependent, substream, channel_map })
    }

    fn channels(&self) -> u8 {
        CHANNELS[self.acmod as usize & 7] + u8::from(self.lfe)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Beginnings of syncframes as FFmpeg 9 makes them: AC-3 stereo at 192 kbit/s, E-AC-3 stereo, E-AC-3 5.1.
    const AC3: &[u8] = &[0x0B, 0x77, 0xFE, 0x95, 0x14, 0x40, 0x43, 0xE1, 0x06];
    const EAC3: &[u8] = &[0x0B, 0x77, 0x01, 0x7F, 0x34, 0x87, 0xC0, 0x00, 0x20];
    const EAC3_SURROUND: &[u8] = &[0x0B, 0x77, 0x03, 0x7F, 0x3F, 0x87, 0xC0, 0x00, 0x20];

    fn frame(head: &[u8], length: usize) -> Bytes {
        let mut frame = head.to_vec();
        frame.resize(length, 0);
        frame.into()
    }

    #[test]
    fn a_frame_of_ac_3_becomes_its_box() {
        let config = Ac3Config::parse(AC3).unwrap();
        assert_eq!(config.record, [0x10, 0x11, 0x40].as_slice());
        assert_eq!(config.shape, AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1536 });
        assert_eq!(config.rfc6381(), "ac-3");
    }

    #[test]
    fn frames_of_e_ac_3_become_their_box() {
        let stereo = Eac3Config::parse(&frame(EAC3, 768)).unwrap();
        assert_eq!(stereo.record, [0x06, 0x00, 0x20, 0x04, 0x00].as_slice());
        assert_eq!(stereo.shape, AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1536 });
        let surround = Eac3Config::parse(&frame(EAC3_SURROUND, 1792)).unwrap();
        assert_eq!(surround.record, [0x0E, 0x00, 0x20, 0x0F, 0x00].as_slice());
        assert_eq!((surround.shape.channels, surround.rfc6381().as_str()), (6, "ec-3"));
    }

    #[test]
    fn dependent_substreams_add_their_channels() {
        // strmtyp 1, frmsiz 31, stereo, bsid 16, no compression, a map with Lrs/Rrs alone.
        let dependent = frame(&[0x0B, 0x77, 0x40, 0x1F, 0x34, 0x87, 0xD0, 0x20, 0x00], 64);
        let unit = [frame(EAC3_SURROUND, 1792), dependent].concat();
        let config = Eac3Config::parse(&unit).unwrap();
        assert_eq!(config.record[2..], [0x20, 0x0F, 0x02, 0x02]);
        assert_eq!(config.channel_map(), 0xFA01);
        assert_eq!(config.shape.channels, 8);
        assert_eq!(split(&unit.clone().into()).as_slice(), [Bytes::from(unit)]);
    }

    #[test]
    fn several_frames_in_one_message_are_told_apart() {
        let (one, other) = (frame(AC3, 768), frame(EAC3, 768));
        for whole in [&one, &other] {
            let two = Bytes::from(whole.repeat(2));
            assert_eq!(split(&two).as_slice(), [whole.clone(), whole.clone()]);
            assert_eq!(split(&two.slice(..1000)).as_slice(), [two.slice(..1000)]);
        }
    }

    #[test]
    fn what_is_no_syncframe_is_refused_with_its_place() {
        let refused = |frame: &[u8]| Ac3Config::parse(frame).unwrap_err().to_string();
        assert_eq!(refused(&[0xFF, 0xFB, 0, 0, 0, 0]), "syncframe at byte 0: syncword is 65531");
        assert_eq!(refused(&[0x0B, 0x77, 0, 0, 0xC0, 0x40, 0]), "syncframe at byte 4: fscod is 3");
        assert_eq!(refused(&[0x0B, 0x77, 0, 0, 0x3F, 0x40, 0]), "syncframe at byte 4: frmsizecod is 63");
        assert_eq!(refused(EAC3), "syncframe at byte 5: bsid is 16");
        assert_eq!(refused(&AC3[..5]), "syncframe at byte 5: the record ends inside a field");
        assert!(Eac3Config::parse(&[]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 6..200)) {
            bytes[..2].copy_from_slice(&[0x0B, 0x77]);
            let _ = (Ac3Config::parse(&bytes), Eac3Config::parse(&bytes));
            prop_assert_eq!(split(&bytes.clone().into()).concat(), bytes);
        }
    }
}
