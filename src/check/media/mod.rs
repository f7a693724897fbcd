//! What init segments, segments and parts say: facts for those who compare them with a playlist or manifest, and the rules that the boxes
//! must keep themselves.
//!
//! Only fragmented MP4 is looked into. Nothing is decoded.

pub mod codec;
mod facts;
mod init;
mod picture;
mod run;

use super::finding::Rule;

pub use facts::{Announced, Container, Init, Media, Run, container, read_init, read_media};
pub use init::rules_of_init;
pub use picture::{Picture, read_picture};
pub use run::{Continuity, rules_of_media};

/// Every rule of this module.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    init::RULES.iter().chain(run::RULES).copied()
}
