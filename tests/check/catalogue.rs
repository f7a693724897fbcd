//! No rule is without a specimen, and no two share a name.

use std::collections::BTreeSet;

use sluicegate::check;
use sluicegate::check::finding::{Finding, Rule};

/// A name of a rule, and what was found in something that breaks that rule and no other.
pub type Specimen = (&'static str, Vec<Finding>);

/// Each specimen is caught by its rule, and by no other; together they show all of `rules`.
pub fn assert_shown<'a>(rules: impl Iterator<Item = &'a Rule>, specimens: impl IntoIterator<Item = Specimen>) {
    let known: BTreeSet<&str> = rules.map(|rule| rule.id).collect();
    let mut shown = BTreeSet::new();
    for (id, found) in specimens {
        let broken: BTreeSet<&str> = found.iter().map(|finding| finding.rule.id).collect();
        assert_eq!(broken, BTreeSet::from([id]), "{found:#?}");
        shown.insert(id);
    }
    assert_eq!(shown, known);
}

#[test]
fn rules_have_names_of_their_own_and_say_what_they_demand() {
    let mut names = BTreeSet::new();
    for rule in check::catalogue::rules() {
        assert!(names.insert(rule.id), "two rules are called {}", rule.id);
        assert!(rule.id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{}", rule.id);
        assert!(rule.demand.ends_with('.') && !rule.source.is_empty(), "{rule:?}");
    }
    assert!(names.len() > 10);
}
