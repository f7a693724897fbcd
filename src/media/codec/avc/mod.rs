//! H.264: the AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3) and the canonical form of access units.

mod config;
mod sets;
mod sps;

#[cfg(test)]
mod tests;

pub use super::access_unit::canonical;
pub use config::{AvcConfig, MAX_RECORD};
pub use sets::{MAX_PPS, MAX_SET, MAX_SPS, ParameterSets};
