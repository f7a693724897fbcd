//! Rules in one line each.

use crate::check::finding::{Level, Rule};

/// A rule that the specification demands.
pub const fn must(id: &'static str, source: &'static str, demand: &'static str) -> Rule {
    Rule { id, level: Level::Must, source, demand }
}

/// A rule that is recommended, or that players trip over.
pub const fn should(id: &'static str, source: &'static str, demand: &'static str) -> Rule {
    Rule { id, level: Level::Should, source, demand }
}

/// Something worth knowing.
pub const fn note(id: &'static str, source: &'static str, demand: &'static str) -> Rule {
    Rule { id, level: Level::Note, source, demand }
}
