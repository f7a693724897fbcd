//! One thing that is wrong with a configuration.

use std::fmt;

/// One thing that is wrong: where, what stands there, why it cannot be, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// `section.key`; empty for the file as a whole.
    pub key: String,
    /// What stands there.
    pub value: String,
    /// Why it cannot be.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl Mistake {
    /// A mistake at `key`.
    pub fn new(key: impl Into<String>, value: impl Into<String>, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into(), reason: reason.into(), hint: hint.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), self.value.as_str()) {
            ("", "") => write!(f, "{}", self.reason)?,
            ("", value) => write!(f, "{value}: {}", self.reason)?,
            (section, "") if !section.contains('.') => write!(f, "[{section}]: {}", self.reason)?,
            (key, value) => write!(f, "{key} = {value}: {}", self.reason)?,
        }
        write!(f, "\n    hint: {}", self.hint)
    }
}
