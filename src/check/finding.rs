//! What a check finds: a rule, where it was broken, and how.

use std::collections::BTreeMap;
use std::fmt;

/// Most different findings (rule and subject) that one report keeps; what comes later is counted only.
pub const MAX_FINDINGS: usize = 1_000;

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The specification demands it; players may refuse what breaks it.
    Must,
    /// The specification or a large vendor recommends it, or players are known to trip over it.
    Should,
    /// Worth knowing, and no fault.
    Note,
}

/// One rule that a stream is held to.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in words joined by hyphens, such as `hls-target-duration`: unique, and never changed once published.
    pub id: &'static str,
    /// How much it weighs.
    pub level: Level,
    /// Where it stands, such as `RFC 8216bis §4.4.3.1`.
    pub source: &'static str,
    /// What it demands, in one sentence.
    pub demand: &'static str,
}

/// A rule broken at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What broke it: an address, or a playlist's short name. Stays the same when the same thing is found again.
    pub subject: String,
    /// How: the values found and those expected, and where in the subject (line, segment, box).
    pub detail: String,
}

impl Finding {
    /// `rule` is broken by `subject` in the way that `detail` tells.
    pub fn new(rule: &'static Rule, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { rule, subject: subject.into(), detail: detail.into() }
    }
}

/// All that was found, each rule and subject once, with the number of times.
#[derive(Debug, Default)]
pub struct Report {
    found: BTreeMap<(Level, &'static str, String), Repeated>,
    left_out: u64,
}

/// A finding, and how often it was made.
#[derive(Debug)]
pub struct Repeated {
    /// The first of its kind.
    pub first: Finding,
    /// How often it was found; at least 1.
    pub times: u64,
}

impl Report {
    /// Takes `finding` in: as a new one, or as one more of those known.
    pub fn add(&mut self, finding: Finding) {
        let key = (finding.rule.level, finding.rule.id, finding.subject.clone());
        if let Some(known) = self.found.get_mut(&key) {
            known.times += 1;
        } else if self.found.len() < MAX_FINDINGS {
            self.found.insert(key, Repeated { first: finding, times: 1 });
        } else {
            self.left_out += 1;
        }
    }

    /// What was found, the gravest first, then by rule and subject.
    pub fn findings(&self) -> impl Iterator<Item = &Repeated> {
        self.found.values()
    }

    /// How many different findings (rule and subject) there are of `level`.
    pub fn count(&self, level: Level) -> usize {
        self.found.keys().filter(|(of, ..)| *of == level).count()
    }

    /// How many findings came after [`MAX_FINDINGS`] different ones, and were not kept.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Extend<Finding> for Report {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        for finding in findings {
            self.add(finding);
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Note => "note",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAVE: Rule = Rule { id: "grave", level: Level::Must, source: "§1", demand: "Be good." };
    const LIGHT: Rule = Rule { id: "a-light-one", level: Level::Note, source: "§2", demand: "Be nice." };

    #[test]
    fn the_same_finding_is_kept_once_and_counted() {
        let mut report = Report::default();
        report.extend([Finding::new(&LIGHT, "a", "first"), Finding::new(&GRAVE, "a", "x"), Finding::new(&LIGHT, "a", "second")]);
        let told: Vec<_> = report.findings().map(|found| (found.first.rule.id, &*found.first.detail, found.times)).collect();
        assert_eq!(told, [("grave", "x", 1), ("a-light-one", "first", 2)]);
        assert_eq!((report.count(Level::Must), report.count(Level::Should), report.count(Level::Note)), (1, 0, 1));
    }

    #[test]
    fn a_report_does_not_grow_without_end() {
        let mut report = Report::default();
        report.extend((0..MAX_FINDINGS + 3).map(|n| Finding::new(&GRAVE, n.to_string(), "")));
        assert_eq!((report.findings().count(), report.left_out()), (MAX_FINDINGS, 3));
    }
}
