//! HEVC: the HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3) and the canonical form of access units.

mod config;
mod frame;
mod sets;
mod sps;

#[cfg(test)]
mod tests;

pub use config::{HevcConfig, MAX_RECORD};
pub use frame::{HevcFrame, canonical};
pub use sets::{MAX_SET, MAX_SETS, ParameterSets};
