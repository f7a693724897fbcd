//! AV1: the AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding §2.3) and the canonical form of temporal units.

mod config;
mod header;
mod metadata;
mod obu;

#[cfg(test)]
mod tests;

pub use config::{Announced, Av1Config, MAX_RECORD};
pub use obu::{Av1Unit, MAX_OBUS, ObuError, canonical};
