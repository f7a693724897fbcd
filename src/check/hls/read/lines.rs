//! Lines: what a tag is and what an address.

use std::borrow::Cow;

use super::super::notes::Notes;
use super::super::tag::Tag;
use super::{MAX_BYTES, MAX_LINES, rules};

/// Characters of a line that a finding shows.
const EXCERPT: usize = 80;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One line of a playlist.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A tag that is known, and what stands behind its colon.
    Tag(Tag, &'a str),
    /// An address.
    Uri(&'a str),
    /// Blank, a comment, or a tag that is not known.
    Nothing,
}

impl<'a> Line<'a> {
    pub fn read(number: u32, line: &'a str, notes: &mut Notes<'_>) -> Self {
        let trimmed = line.trim();
        if trimmed.len() != line.len() || trimmed.contains(char::is_control) {
            notes.at(&rules::ENCODING, number, format_args!("space or control characters in {:?}", excerpt(line)));
        }
        let Some(tag) = trimmed.strip_prefix('#') else {
            return if trimmed.is_empty() { Self::Nothing } else { Self::Uri(trimmed) };
        };
        if !tag.starts_with("EXT") {
            return Self::Nothing;
        }
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        let known = Tag::named(name);
        if known.is_none() {
            notes.at(&rules::UNKNOWN_TAG, number, excerpt(name));
        }
        known.map_or(Self::Nothing, |tag| Self::Tag(tag, value))
    }
}

/// The text of a playlist, as far as it is read.
pub fn decode<'a>(bytes: &'a [u8], notes: &mut Notes<'_>) -> Cow<'a, str> {
    let read = &bytes[..bytes.len().min(MAX_BYTES)];
    let text = String::from_utf8_lossy(read);
    let lines = text.lines().take(MAX_LINES + 1).count();
    if read.len() < bytes.len() || lines > MAX_LINES {
        notes.add(&rules::SIZE, format_args!("{} bytes; {MAX_BYTES} bytes and {MAX_LINES} lines are read", bytes.len()));
    }
    if let Err(error) = str::from_utf8(read)
        && (error.error_len().is_some() || read.len() == bytes.len())
    {
        notes.add(&rules::ENCODING, format_args!("no UTF-8 at byte {}", error.valid_up_to()));
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        notes.add(&rules::ENCODING, "a byte order mark");
        return Cow::Owned(text.trim_start_matches(BYTE_ORDER_MARK).to_owned());
    }
    text
}

/// The beginning of `text`.
pub fn excerpt(text: &str) -> &str {
    text.char_indices().nth(EXCERPT).map_or(text, |(at, _)| &text[..at])
}
