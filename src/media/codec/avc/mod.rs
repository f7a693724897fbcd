//! H.264: the AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3) and the canonical form of access units.

mod config;
mod sets;
mod sps;

#[cfg(test)]
mod tests;

pub use super::access_unit::canonical;
pub use super::sets::{MAX_RECORD, MAX_SET};
pub use config::AvcConfig;
pub use sets::{MAX_PPS, MAX_SPS, ParameterSets};
