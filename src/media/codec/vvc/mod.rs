//! VVC: the VvcDecoderConfigurationRecord (ISO/IEC 14496-15 §11.2.4) and the parameter sets of access units.

mod config;
mod sets;
mod sps;

#[cfg(test)]
mod tests;

pub use super::access_unit::canonical;
pub use config::{MAX_RECORD, VvcConfig};
pub use sets::{MAX_SET, MAX_SETS, ParameterSets};
