//! The findings of one look at one thing.

use std::fmt::Display;

use crate::check::finding::{Finding, MAX_FINDINGS, Rule};

/// Findings about one subject, no more than a report keeps.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    subject: &'a str,
    found: Vec<Finding>,
}

impl<'a> Notes<'a> {
    pub const fn new(subject: &'a str) -> Self {
        Self { subject, found: Vec::new() }
    }

    /// `rule` is broken, in the way that `detail` tells.
    pub fn add(&mut self, rule: &'static Rule, detail: impl Display) {
        if self.found.len() < MAX_FINDINGS {
            self.found.push(Finding::new(rule, self.subject, detail.to_string()));
        }
    }

    /// `rule` is broken in `line`, counted from 1.
    pub fn at(&mut self, rule: &'static Rule, line: u32, detail: impl Display) {
        self.add(rule, format_args!("line {line}: {detail}"));
    }

    pub fn into_findings(self) -> Vec<Finding> {
        self.found
    }
}

/// A module's rules, each a constant, with all of them in `RULES`.
macro_rules! rules {
    ($($name:ident $id:literal $level:ident $source:literal $demand:literal)*) => {
        $(
            #[doc = $demand]
            pub const $name: Rule = Rule { id: $id, level: $level, source: $source, demand: $demand };
        )*
        /// All of them.
        pub const RULES: &[&Rule] = &[$(&$name),*];
    };
}
pub(super) use rules;
