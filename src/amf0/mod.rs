//! Action Message Format 0: values read with limits on depth, count and length, and written back (Adobe AMF 0 specification).
//!
//! Pure: knows bytes and values, no command and no metadata key.

mod amf3;
mod reader;
mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use amf3::MAX_REPEATED;
pub use reader::{Error, MAX_DEPTH, MAX_ELEMENTS, MAX_STRING, Problem, Reader, read_all};
pub use value::{Properties, Value, object};
pub use writer::{encode, write, write_str};
