//! What can be wrong with a codec configuration.

use std::fmt;

use crate::media::bits::BitsError;

/// A configuration record that cannot be used: which, where and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{record} at byte {position}: {problem}")]
pub struct ConfigError {
    /// The record's usual name: `avcC`, `AudioSpecificConfig`, `MP3 frame header`.
    pub record: &'static str,
    /// Offset in the record at which the field at fault begins.
    pub position: usize,
    /// What is wrong there.
    pub problem: ConfigProblem,
}

/// The ways in which a configuration can be wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigProblem {
    /// The record ends inside a field.
    Truncated,
    /// A field has a value that its standard reserves or that nothing here can play.
    Value {
        /// The field's name in the standard.
        field: &'static str,
        /// The value found.
        value: u64,
    },
    /// Something is longer, or occurs more often, than any real encoder needs.
    TooLarge {
        /// What it is.
        field: &'static str,
        /// Its length in bytes, or its count.
        value: usize,
        /// The limit, in the same unit.
        limit: usize,
    },
    /// The record holds none of something that decoding needs.
    Missing(&'static str),
    /// A parameter set that the bitstream parser refuses, in its words.
    ParameterSet(String),
    /// Pictures smaller or larger than is accepted.
    PictureSize {
        /// Width in pixels after cropping.
        width: u32,
        /// Height in pixels after cropping.
        height: u32,
    },
}

impl ConfigError {
    pub(super) fn new(record: &'static str, position: usize, problem: ConfigProblem) -> Self {
        Self { record, position, problem }
    }

    pub(super) fn value(record: &'static str, position: usize, field: &'static str, value: u32) -> Self {
        Self::new(record, position, ConfigProblem::Value { field, value: u64::from(value) })
    }

    /// Names the record in which a bit field was missing.
    pub(super) fn bits(record: &'static str) -> impl Fn(BitsError) -> Self {
        move |BitsError { position }| Self::new(record, position, ConfigProblem::Truncated)
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the record ends inside a field"),
            Self::Value { field, value } => write!(f, "{field} is {value}"),
            Self::TooLarge { field, value, limit } => write!(f, "{field}: {value}, limit {limit}"),
            Self::Missing(what) => write!(f, "no {what}"),
            Self::ParameterSet(why) => write!(f, "parameter set refused: {why}"),
            Self::PictureSize { width, height } => write!(f, "pictures of {width}x{height}"),
        }
    }
}
