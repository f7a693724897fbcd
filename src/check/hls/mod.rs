//! HLS, held to its rules: a playlist by itself, over time, beside the others of its stream, and against the media that it describes.
//!
//! Knows no clock and no socket: texts and moments come in, [`Finding`](super::finding::Finding)s come out. Sections without a name are
//! those of draft-pantos-hls-rfc8216bis-22.

pub mod history;
pub mod iframes;
pub mod media;
mod merge;
pub mod model;
mod notes;
pub mod playlist;
pub mod read;
pub mod set;
pub mod tag;
#[cfg(test)]
mod tests;
mod value;

pub use merge::merge;

use super::finding::Rule;

/// The rules of HLS.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let catalogues = [read::rules::RULES, history::RULES, set::RULES, media::RULES, iframes::RULES];
    catalogues.into_iter().chain(playlist::RULES.iter().copied()).flatten().copied()
}
