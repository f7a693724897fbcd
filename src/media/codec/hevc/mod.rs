//! HEVC: the HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3) and the canonical form of access units.

mod config;
mod sets;
mod sps;
mod vui;

#[cfg(test)]
mod tests;

pub use super::access_unit::canonical;
pub use super::sets::{MAX_RECORD, MAX_SET};
pub use config::HevcConfig;
pub use sets::{MAX_SETS, ParameterSets};
