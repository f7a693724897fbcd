//! Attribute lists (§4.2).

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use crate::media::{Span, WallClock};

use super::super::notes::Notes;
use super::super::tag::Tag;
use super::super::value;
use super::lines::excerpt;
use super::rules;
use super::variables::Variables;

/// Most attributes of one tag that are read.
const MAX_ATTRIBUTES: usize = 256;

/// The attributes of one tag.
#[derive(Debug)]
pub struct Attributes<'a> {
    tag: Tag,
    line: u32,
    variables: &'a Variables,
    pairs: Vec<(&'a str, Value<'a>)>,
    /// What is wrong with the list as a whole.
    malformed: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Value<'a> {
    text: &'a str,
    quoted: bool,
}

impl<'a> Attributes<'a> {
    pub fn read(text: &'a str, tag: Tag, line: u32, variables: &'a Variables) -> Self {
        let mut list = Self { tag, line, variables, pairs: Vec::new(), malformed: None };
        let mut rest = text;
        while !rest.is_empty() && list.pairs.len() < MAX_ATTRIBUTES {
            let Some((name, behind)) = rest.split_once('=') else {
                list.malform(format_args!("{:?} has no value", excerpt(rest)));
                break;
            };
            let (value, behind) = Value::read(behind);
            let trimmed = name.trim();
            let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
            if trimmed.len() != name.len() || !trimmed.bytes().all(is_name) || trimmed.is_empty() {
                list.malform(format_args!("{:?} is no name", excerpt(name)));
            } else if list.pairs.iter().any(|(known, _)| *known == trimmed) {
                list.malform(format_args!("{trimmed} a second time"));
            }
            list.pairs.push((trimmed, value));
            if let Some(left) = behind.strip_suffix(',').filter(|left| left.is_empty()) {
                list.malform("a comma at the end");
                rest = left;
                continue;
            }
            rest = match behind.strip_prefix(',') {
                Some(next) => next,
                None => {
                    if !behind.is_empty() {
                        list.malform(format_args!("no comma before {:?}", excerpt(behind)));
                    }
                    behind
                }
            };
        }
        list
    }

    fn malform(&mut self, what: impl Display) {
        self.malformed.get_or_insert_with(|| what.to_string());
    }

    pub const fn line(&self) -> u32 {
        self.line
    }

    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Whether `name` is `word`, without quotes.
    pub fn is_word(&self, name: &str, word: &str) -> bool {
        self.value(name).is_some_and(|value| value.text == word && !value.quoted)
    }

    /// The names, in the order written.
    pub fn names(&self) -> Vec<String> {
        self.pairs.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    /// All attributes as written, by name.
    pub fn written(&self) -> BTreeMap<String, String> {
        self.pairs.iter().map(|(name, value)| ((*name).to_owned(), value.text.to_owned())).collect()
    }

    fn value(&self, name: &str) -> Option<Value<'a>> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Tells which of `names` are missing, and what is wrong with the list. To be called once for each list.
    pub fn require(&mut self, names: &[&str], notes: &mut Notes<'_>) {
        if let Some(what) = self.malformed.take() {
            notes.at(&rules::ATTRIBUTE_LIST, self.line, format_args!("{}: {what}", self.tag));
        }
        for name in names.iter().filter(|name| !self.has(name)) {
            notes.at(&rules::ATTRIBUTE_MISSING, self.line, format_args!("{} without {name}", self.tag));
        }
    }

    fn typed<T>(&self, name: &str, quoted: bool, what: &str, notes: &mut Notes<'_>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        let text = if quoted { self.variables.replace(value.text, self.line, notes) } else { value.text.to_owned() };
        let read = read(&text);
        if read.is_none() || value.quoted != quoted {
            let (tag, quotes) = (self.tag, if quoted { "quoted " } else { "" });
            notes.at(&rules::ATTRIBUTE_VALUE, self.line, format_args!("{name} of {tag} is no {quotes}{what}: {:?}", excerpt(value.text)));
        }
        read
    }

    /// A quoted-string.
    pub fn quoted(&self, name: &str, notes: &mut Notes<'_>) -> Option<String> {
        self.typed(name, true, "string", notes, |text| Some(text.to_owned()))
    }

    /// An enumerated-string, of whatever value.
    pub fn word(&self, name: &str, notes: &mut Notes<'_>) -> Option<String> {
        self.typed(name, false, "enumerated-string", notes, |text| Some(text.to_owned()))
    }

    /// `YES` or `NO`.
    pub fn flag(&self, name: &str, notes: &mut Notes<'_>) -> Option<bool> {
        self.typed(name, false, "YES or NO", notes, |text| match text {
            "YES" => Some(true),
            "NO" => Some(false),
            _ => None,
        })
    }

    /// A decimal-integer.
    pub fn integer(&self, name: &str, notes: &mut Notes<'_>) -> Option<u64> {
        self.typed(name, false, "decimal-integer", notes, value::integer)
    }

    /// A decimal-floating-point number of seconds.
    pub fn seconds(&self, name: &str, notes: &mut Notes<'_>) -> Option<Span> {
        self.typed(name, false, "decimal-floating-point", notes, value::seconds)
    }

    /// A signed-decimal-floating-point number of seconds.
    pub fn signed_seconds(&self, name: &str, notes: &mut Notes<'_>) -> Option<Span> {
        self.typed(name, false, "signed-decimal-floating-point", notes, value::signed_seconds)
    }

    /// A decimal-floating-point number that is no time.
    pub fn decimal(&self, name: &str, notes: &mut Notes<'_>) -> Option<f64> {
        self.typed(name, false, "decimal-floating-point", notes, value::decimal)
    }

    /// A decimal-resolution.
    pub fn resolution(&self, name: &str, notes: &mut Notes<'_>) -> Option<(u64, u64)> {
        self.typed(name, false, "decimal-resolution", notes, value::resolution)
    }

    /// A hexadecimal-sequence.
    pub fn hexadecimal(&self, name: &str, notes: &mut Notes<'_>) -> Option<String> {
        self.typed(name, false, "hexadecimal-sequence", notes, |text| value::is_hexadecimal(text).then(|| text.to_owned()))
    }

    /// A date in quotes.
    pub fn date(&self, name: &str, notes: &mut Notes<'_>) -> Option<WallClock> {
        self.typed(name, true, "date", notes, |text| text.parse().ok())
    }

    /// A byte range in quotes; without an offset it begins at `otherwise`, and is none where that is none.
    pub fn range(&self, name: &str, otherwise: Option<u64>, notes: &mut Notes<'_>) -> Option<Range<u64>> {
        let (length, offset) = self.typed(name, true, "byte range", notes, value::byte_range)?;
        let start = offset.or(otherwise);
        if start.is_none() {
            notes.at(&rules::BYTE_RANGE, self.line, format_args!("{} has no range of the same resource before it", self.tag));
        }
        start.map(|start| value::range(start, length))
    }
}

impl<'a> Value<'a> {
    /// A value, and what stands behind it.
    fn read(text: &'a str) -> (Self, &'a str) {
        if let Some((inside, behind)) = text.strip_prefix('"').and_then(|text| text.split_once('"')) {
            return (Self { text: inside, quoted: true }, behind);
        }
        let (text, behind) = text.split_at(text.find(',').unwrap_or(text.len()));
        (Self { text, quoted: false }, behind)
    }
}
