//! Every rule has a broken specimen that breaks it alone, beside a sound one that breaks none.

mod contents;
mod histories;
mod iframes;
mod playlists;
mod reading;
mod sets;
mod sound;

use std::collections::BTreeSet;

use crate::check::finding::{Finding, Rule};

/// A sound text, spoilt: each first of a pair is replaced by the second, where it stands first.
struct Specimen {
    rule: &'static Rule,
    sound: &'static str,
    edits: &'static [(&'static str, &'static str)],
}

const fn specimen(rule: &'static Rule, sound: &'static str, edits: &'static [(&'static str, &'static str)]) -> Specimen {
    Specimen { rule, sound, edits }
}

impl Specimen {
    fn text(&self) -> String {
        self.edits.iter().fold(self.sound.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{}: {from:?} is not in the text", self.rule.id);
            text.replacen(from, to, 1)
        })
    }
}

/// Holds each specimen to the rule that it breaks, and the specimens to the catalogue.
fn hold(catalogue: &[&'static Rule], specimens: &[Specimen], check: impl Fn(&str) -> Vec<Finding>) {
    let mut wrong = Vec::new();
    for specimen in specimens {
        let text = specimen.text();
        let found = check(&text);
        let ids: BTreeSet<_> = found.iter().map(|finding| finding.rule.id).collect();
        if ids != BTreeSet::from([specimen.rule.id]) {
            wrong.push(format!("{} by {:?}: {found:#?}", specimen.rule.id, specimen.edits));
        }
        assert_eq!(check(specimen.sound), [], "the sound text of {}", specimen.rule.id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_covered(catalogue, specimens.iter().map(|specimen| specimen.rule.id));
}

/// Every rule of `catalogue` is among `tested`, and nothing else.
fn assert_covered(catalogue: &[&'static Rule], tested: impl Iterator<Item = &'static str>) {
    let all: BTreeSet<_> = catalogue.iter().map(|rule| rule.id).collect();
    assert_eq!(all.len(), catalogue.len(), "names of rules are unique");
    assert_eq!(tested.collect::<BTreeSet<_>>(), all);
}
