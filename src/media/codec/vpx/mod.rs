//! VP8 and VP9: the VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding) and what key frames say of themselves.
//!
//! Their frames travel as they come; VP9's may be superframes.

mod config;
mod key;

#[cfg(test)]
mod tests;

pub use config::{VpConfig, VpRecord};
pub use key::{VpFrame, VpKey, vp8_frame, vp9_frame};
