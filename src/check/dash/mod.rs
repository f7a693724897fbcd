//! What a live manifest of DASH is held to (ISO/IEC 23009-1, 5th edition; DASH-IF's guidelines), ours or another's.
//!
//! [`tree`] reads XML of any origin within bounds, [`schema`] holds it to the order and the types that the standard gives, and [`read`] makes
//! a [`model`] of it, which [`manifest`] looks at by itself, [`history`] beside the update before it, and [`media`] beside the segments that it
//! tells of. No socket and no clock here: what was fetched, and when, comes in; findings go out.

pub mod address;
pub mod history;
pub mod manifest;
pub mod media;
pub mod model;
pub mod read;
mod rule;
pub mod schema;
pub mod served;
pub mod tree;
pub mod value;

use crate::check::finding::Rule;

/// All rules of manifests.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let alone = [read::RULES, schema::RULES, history::RULES, media::RULES, served::RULES].into_iter();
    alone.chain(manifest::RULES.iter().copied()).flatten().copied()
}

#[cfg(test)]
mod tests;
