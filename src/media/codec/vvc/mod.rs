//! VVC: the VvcDecoderConfigurationRecord (ISO/IEC 14496-15 §11.2.4) and the parameter sets of access units.

mod config;
mod sets;
mod sps;

#[cfg(test)]
mod tests;

pub use super::access_unit::canonical;
pub use super::sets::{MAX_RECORD, MAX_SET};
pub use config::VvcConfig;
pub use sets::{MAX_SETS, ParameterSets};
