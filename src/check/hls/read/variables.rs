//! Variables (§4.3, §4.4.2.3).

use std::collections::BTreeMap;

use super::super::notes::Notes;
use super::attributes::Attributes;
use super::{Given, rules};

/// Most characters that a text may grow to by its variables; it is left as it is beyond.
const MAX_REPLACED: usize = 64 << 10;
/// Most variables of one playlist.
const MAX_VARIABLES: usize = 1_000;

/// The variables of a playlist, and what it may take them from.
#[derive(Debug)]
pub struct Variables {
    defined: BTreeMap<String, String>,
    imported: BTreeMap<String, String>,
    query: String,
}

/// `EXT-X-DEFINE`.
#[derive(Debug)]
pub struct Define {
    line: u32,
    name: Option<String>,
    value: Option<String>,
    import: Option<String>,
    query: Option<String>,
}

impl Define {
    /// Whether it takes its value from the query of the playlist's address.
    pub const fn is_from_query(&self) -> bool {
        self.query.is_some()
    }

    pub fn read(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Self {
        attributes.require(&[], notes);
        let mut quoted = |name| attributes.quoted(name, notes);
        let (name, value, import, query) = (quoted("NAME"), quoted("VALUE"), quoted("IMPORT"), quoted("QUERYPARAM"));
        Self { line: attributes.line(), name, value, import, query }
    }
}

impl Variables {
    pub fn new(given: Given<'_>) -> Self {
        Self { defined: BTreeMap::new(), imported: given.imported.cloned().unwrap_or_default(), query: given.query.to_owned() }
    }

    pub fn into_defined(self) -> BTreeMap<String, String> {
        self.defined
    }

    /// Takes in an `EXT-X-DEFINE`.
    pub fn define(&mut self, define: Define, notes: &mut Notes<'_>) {
        let (name, value) = match (define.name, define.import, define.query) {
            (Some(name), None, None) => (name, define.value),
            (None, Some(name), None) => {
                let value = self.imported.get(&name).cloned();
                (name, value)
            }
            (None, None, Some(name)) => {
                let value = self.parameter(&name);
                (name, value)
            }
            _ => return notes.at(&rules::VARIABLE, define.line, "not one of NAME, IMPORT and QUERYPARAM"),
        };
        let Some(value) = value else {
            return notes.at(&rules::VARIABLE, define.line, format_args!("nothing to define {name:?} from"));
        };
        if self.defined.contains_key(&name) {
            notes.at(&rules::VARIABLE, define.line, format_args!("{name:?} is defined already"));
        } else if self.defined.len() < MAX_VARIABLES {
            self.defined.insert(name, value);
        }
    }

    /// The value of a parameter in the query of the playlist's address.
    fn parameter(&self, name: &str) -> Option<String> {
        let found = self.query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        found
            .map(|(_, value)| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
            .filter(|value| !value.is_empty())
    }

    /// `text` with each `{$name}` replaced.
    pub fn replace(&self, text: &str, line: u32, notes: &mut Notes<'_>) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{$") {
            let Some((name, behind)) = after.split_once('}') else { break };
            replaced.push_str(before);
            match self.defined.get(name) {
                Some(value) if replaced.len() + value.len() <= MAX_REPLACED => replaced.push_str(value),
                _ => notes.at(&rules::VARIABLE, line, format_args!("{name:?} is not defined")),
            }
            rest = behind;
        }
        replaced.push_str(rest);
        replaced
    }
}
