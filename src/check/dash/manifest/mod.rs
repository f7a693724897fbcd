//! What one manifest is held to, by itself.

pub mod addressing;
pub mod low_latency;
pub mod periods;
pub mod presentation;
pub mod sets;

use crate::check::finding::{Finding, Rule};

use super::model::{Mpd, Place};

/// All rules of this module.
pub const RULES: &[&[&Rule]] = &[presentation::RULES, periods::RULES, sets::RULES, addressing::RULES, low_latency::RULES];

/// What is wrong with `mpd`, which was fetched from the host `host` (as an address has it, with its port).
pub fn check(mpd: &Mpd, host: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    presentation::check(mpd, host, &mut found);
    periods::check(mpd, &mut found);
    sets::check(mpd, &mut found);
    addressing::check(mpd, &mut found);
    low_latency::check(mpd, &mut found);
    found
}

/// A finding about what stands at `place`.
fn at(rule: &'static Rule, place: &Place, what: impl std::fmt::Display) -> Finding {
    Finding::new(rule, place.path.clone(), format!("line {}: {what}", place.line))
}
