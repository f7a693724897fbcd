//! Reads values from a packet, trusting none of its counts and lengths.

use std::fmt;

use super::{Value, amf3};

/// How deep objects and arrays may nest. Real metadata nests three deep; this also bounds the stack that reading, dropping and
/// printing a value can take.
pub const MAX_DEPTH: usize = 16;

/// How many values one packet may hold, all levels together. The richest metadata seen has some 200; keys by the hundred thousand
/// have stopped servers.
pub const MAX_ELEMENTS: usize = 4096;

/// The longest string accepted, in bytes: as long as a short string can be. Long strings are refused beyond it.
pub const MAX_STRING: usize = 65_536;

/// What was wrong, and at which byte of the packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("AMF0 at byte {position}: {problem}")]
pub struct Error {
    /// Offset from the start of the packet of the value or length at fault.
    pub position: usize,
    /// What was wrong with it.
    pub problem: Problem,
}

/// The ways in which a packet can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The packet ends inside a value: so many bytes were needed, so many were left.
    Truncated {
        /// Bytes the value needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A type marker that AMF 0 does not define or reserves.
    Marker(u8),
    /// A type marker that AMF 3 does not define.
    Amf3Marker(u8),
    /// An AMF 3 reference to a string or traits that did not come before it.
    Amf3Reference,
    /// An AMF 3 object of this class, which writes itself in a form that only it knows.
    Amf3Externalizable(String),
    /// References of AMF 3 that repeat more than [`MAX_REPEATED`](super::MAX_REPEATED) bytes.
    TooMuchRepeated,
    /// Objects or arrays nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More than [`MAX_ELEMENTS`] values in one packet.
    TooManyElements,
    /// A string longer than [`MAX_STRING`]; its announced length in bytes.
    StringTooLong(usize),
}

/// Reads the values of one packet in turn. The limits count for the packet as a whole.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    pub(super) elements: usize,
    pub(super) amf3: amf3::Tables,
}

/// All values of a packet.
///
/// # Errors
/// The first thing wrong with it.
pub fn read_all(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let mut reader = Reader::new(bytes);
    let mut values = Vec::new();
    while !reader.is_empty() {
        values.push(reader.read()?);
    }
    Ok(values)
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of a packet.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, elements: 0, amf3: amf3::Tables::default() }
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the packet is used up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// The next value.
    ///
    /// # Errors
    /// What is wrong with it; the packet is then best given up.
    pub fn read(&mut self) -> Result<Value, Error> {
        self.value(0)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let start = self.position;
        if self.elements >= MAX_ELEMENTS {
            return Err(self.fail(start, Problem::TooManyElements));
        }
        self.elements += 1;
        let marker = self.u8()?;
        if matches!(marker, 0x03 | 0x08 | 0x0A | 0x10) && depth >= MAX_DEPTH {
            return Err(self.fail(start, Problem::TooDeep));
        }
        Ok(match marker {
            0x00 => Value::Number(self.f64()?),
            0x01 => Value::Boolean(self.u8()? != 0),
            0x02 => Value::String(self.short_string()?),
            0x03 => Value::Object(self.properties(depth)?),
            0x05 => Value::Null,
            0x06 | 0x0D => Value::Undefined,
            0x07 => Value::Reference(self.u16()?),
            0x08 => {
                self.u32()?; // Only advice: encoders write 0 or a wrong count.
                Value::EcmaArray(self.properties(depth)?)
            }
            0x0A => Value::StrictArray(self.strict_array(depth)?),
            0x0B => {
                let milliseconds = self.f64()?;
                self.u16()?; // The time zone: reserved, to be ignored.
                Value::Date(milliseconds)
            }
            0x0C | 0x0F => {
                let length = self.u32()? as usize;
                Value::String(self.string(length)?)
            }
            0x10 => {
                let class = self.short_string()?;
                Value::TypedObject { class, properties: self.properties(depth)? }
            }
            0x11 => amf3::read(self, depth)?,
            other => return Err(self.fail(start, Problem::Marker(other))),
        })
    }

    /// Members up to the end marker `00 00 09`. Some encoders leave it out, or cut it short, at the end of the packet.
    fn properties(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Error> {
        let mut properties = Vec::new();
        loop {
            match self.rest() {
                [] | [0] | [0, 0] => {
                    self.position = self.bytes.len();
                    return Ok(properties);
                }
                [0, 0, 9, ..] => {
                    self.position += 3;
                    return Ok(properties);
                }
                _ => {}
            }
            let name = self.short_string()?;
            properties.push((name, self.value(depth + 1)?));
        }
    }

    fn strict_array(&mut self, depth: usize) -> Result<Vec<Value>, Error> {
        let count = self.u32()?;
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(self.value(depth + 1)?);
        }
        Ok(elements)
    }

    fn short_string(&mut self) -> Result<String, Error> {
        let length = usize::from(self.u16()?);
        self.string(length)
    }

    pub(super) fn string(&mut self, length: usize) -> Result<String, Error> {
        if length > MAX_STRING {
            return Err(self.fail(self.position, Problem::StringTooLong(length)));
        }
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Error> {
        self.array().map(f64::from_be_bytes)
    }

    pub(super) fn fail(&self, position: usize, problem: Problem) -> Error {
        Error { position, problem }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, length: usize) -> Result<(), Error> {
        self.take(length).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let rest = self.rest();
        let Some(array) = rest.first_chunk::<N>() else {
            return Err(self.fail(self.position, Problem::Truncated { needed: N, left: rest.len() }));
        };
        self.position += N;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let rest = self.rest();
        let Some(taken) = rest.get(..length) else {
            return Err(self.fail(self.position, Problem::Truncated { needed: length, left: rest.len() }));
        };
        self.position += length;
        Ok(taken)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => write!(f, "{needed} bytes needed, {left} left"),
            Self::Marker(marker) => write!(f, "type marker {marker:#04x} has no value"),
            Self::Amf3Marker(marker) => write!(f, "AMF3 type marker {marker:#04x} has no value"),
            Self::Amf3Reference => write!(f, "AMF3 reference to nothing"),
            Self::Amf3Externalizable(class) => write!(f, "AMF3 class {class:?} writes itself in a form unknown here"),
            Self::TooMuchRepeated => write!(f, "AMF3 references repeat more than {} bytes", amf3::MAX_REPEATED),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH}"),
            Self::TooManyElements => write!(f, "more than {MAX_ELEMENTS} values"),
            Self::StringTooLong(length) => write!(f, "string of {length} bytes, limit {MAX_STRING}"),
        }
    }
}
