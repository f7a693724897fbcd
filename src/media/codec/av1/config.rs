//! The AV1CodecConfigurationRecord, always made from a sequence header.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::Header;
use super::obu::{self, SEQUENCE_HEADER};
use crate::media::codec::{ConfigError, ConfigProblem, VideoShape};

/// The longest record accepted, in bytes. A sequence header has tens; the rest is for metadata that some put behind it.
pub const MAX_RECORD: usize = 4096;

/// A configuration made from a sequence header.
#[derive(Clone, PartialEq, Debug)]
pub struct Av1Config {
    /// The record (body of an `av1C` box): four bytes and the sequence header.
    pub record: Bytes,
    /// The largest size of its pictures, and their colours.
    pub shape: VideoShape,
}

/// What a publisher announces before the first frame.
#[derive(Clone, PartialEq, Debug)]
pub enum Announced {
    /// The sequence header is known.
    Whole(Av1Config),
    /// The sequence header has to come with the first key frame.
    Bare,
}

pub(super) const RECORD: &str = "av1C";
/// Bytes before the sequence header.
const FIXED: usize = 4;
const MARKER_AND_VERSION: u8 = 0x81;

/// Tag and length of the AV1 video descriptor (AV1 in MPEG-2 TS §2.2): the record's four bytes, of which the last has other bits.
const DESCRIPTOR: [u8; 2] = [0x80, 4];

impl Av1Config {
    /// Reads a record as publishers send it.
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub fn parse(record: &[u8]) -> Result<Announced, ConfigError> {
        check_length(record.len())?;
        match record.first() {
            Some(&MARKER_AND_VERSION) => {}
            Some(&other) => return Err(ConfigError::value(RECORD, 0, "marker and version", other.into())),
            None => return Err(ConfigError::new(RECORD, 0, ConfigProblem::Truncated)),
        }
        let units = record.get(FIXED..).ok_or_else(|| ConfigError::new(RECORD, record.len(), ConfigProblem::Truncated))?;
        let obus = obu::locate(units).map_err(|error| ConfigError::new(RECORD, FIXED, ConfigProblem::ParameterSet(error.to_string())))?;
        match obus.into_iter().find(|obu| obu.kind == SEQUENCE_HEADER) {
            Some(obu) => Self::from_sequence_header(&units[obu.whole]).map(Announced::Whole),
            None => Ok(Announced::Bare),
        }
    }

    /// Reads the video descriptor of AV1 in MPEG-2 transport streams, or a record in its place. The descriptor tells nothing that the
    /// sequence header does not tell better.
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub fn parse_descriptor(descriptor: &[u8]) -> Result<Announced, ConfigError> {
        Self::parse(descriptor.strip_prefix(&DESCRIPTOR).unwrap_or(descriptor))
    }

    /// The configuration that a whole sequence header unit makes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn from_sequence_header(unit: &[u8]) -> Result<Self, ConfigError> {
        let missing = || ConfigError::new(RECORD, 0, ConfigProblem::Missing("sequence header"));
        let obus = obu::locate(unit).map_err(|_| missing())?;
        let obu = obus.first().filter(|obu| obu.kind == SEQUENCE_HEADER).ok_or_else(missing)?;
        let header = Header::read(&unit[obu.payload.clone()])?;
        let mut record = BytesMut::with_capacity(FIXED + 4 + obu.payload.len());
        record.put_u8(MARKER_AND_VERSION);
        record.put_slice(&header.summary());
        record.put_u8(0); // initial_presentation_delay: not told
        obu::put_sized(&mut record, unit, obu);
        check_length(record.len())?;
        Ok(Self { record: record.freeze(), shape: header.shape()? })
    }

    /// The sequence header, as a unit with a size.
    pub fn sequence_header(&self) -> Bytes {
        self.record.slice(FIXED.min(self.record.len())..)
    }

    /// `av01.P.LLT.DD`, with sampling and colour behind it where they are not the usual ones (AV1 in ISOBMFF §5).
    pub fn rfc6381(&self) -> String {
        let unit = self.sequence_header();
        let obus = obu::locate(&unit).unwrap_or_default();
        let header = obus.first().and_then(|obu| Header::read(&unit[obu.payload.clone()]).ok());
        header.map(|header| format!("av01.{}", header.name())).unwrap_or_default()
    }
}

fn check_length(length: usize) -> Result<(), ConfigError> {
    if length <= MAX_RECORD {
        return Ok(());
    }
    Err(ConfigError::new(RECORD, 0, ConfigProblem::TooLarge { field: "record", value: length, limit: MAX_RECORD }))
}
