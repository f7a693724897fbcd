//! Reading the fields of a configuration record one after the other, with every read checked.

use super::{ConfigError, ConfigProblem};

/// A record and how far it has been read.
pub(super) struct Fields<'a> {
    name: &'static str,
    record: &'a [u8],
    /// Byte position of the next field.
    pub(super) position: usize,
}

impl<'a> Fields<'a> {
    /// Starts at the first byte of the record that errors call `name`.
    pub(super) fn new(name: &'static str, record: &'a [u8]) -> Self {
        Self { name, record, position: 0 }
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], ConfigError> {
        let taken = self.record.get(self.position..).and_then(|rest| rest.get(..length));
        let taken = taken.ok_or_else(|| ConfigError::new(self.name, self.position, ConfigProblem::Truncated))?;
        self.position += length;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ConfigError> {
        let taken = self.take(N)?;
        Ok(*taken.first_chunk().expect("just that many were taken"))
    }

    /// The next byte.
    pub(super) fn u8(&mut self) -> Result<u8, ConfigError> {
        self.array().map(|[byte]| byte)
    }

    /// A parameter set behind its length in two bytes.
    pub(super) fn set(&mut self) -> Result<&'a [u8], ConfigError> {
        let length = u16::from_be_bytes(self.array()?);
        self.take(length.into())
    }
}
