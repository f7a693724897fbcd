//! Text to [`Playlist`]: lenient, goes on after a mistake, and tells each.

mod attributes;
mod lines;
mod media;
mod multivariant;
pub mod rules;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use crate::check::finding::Finding;

use super::model::{Header, Playlist, Start};
use super::notes::Notes;
use super::tag::{Scope, Tag, Times};
use super::value;
use attributes::Attributes;
use lines::Line;
use variables::{Define, Variables};

/// Most bytes of a playlist that are read. A day of segments of two seconds takes five million.
pub const MAX_BYTES: usize = 16 << 20;
/// Most lines of a playlist that are read. Those of that day are 130,000.
pub const MAX_LINES: usize = 200_000;

/// What a playlist may take its variables from (§4.4.2.3).
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The query of the playlist's own address, without the `?`.
    pub query: &'a str,
    /// The variables of the multivariant playlist that named it.
    pub imported: Option<&'a BTreeMap<String, String>>,
}

/// Reads a playlist, and tells every mistake in its writing. `subject` is what findings call it.
///
/// `None` where nothing in `bytes` looks like one.
pub fn playlist(bytes: &[u8], subject: &str, given: Given<'_>) -> (Option<Playlist>, Vec<Finding>) {
    let mut notes = Notes::new(subject);
    let text = lines::decode(bytes, &mut notes);
    let mut reader = Reader {
        header: Header::default(),
        once: BTreeSet::new(),
        variables: Variables::new(given),
        media: media::Reader::default(),
        multivariant: multivariant::Reader::default(),
        kind: None,
    };
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        reader.line(number, line, &mut notes);
    }
    (reader.finish(&mut notes), notes.into_findings())
}

struct Reader {
    header: Header,
    /// Those that may stand there once, and have.
    once: BTreeSet<Tag>,
    variables: Variables,
    media: media::Reader,
    multivariant: multivariant::Reader,
    /// The kind of playlist, and the tag that told it first.
    kind: Option<(Scope, Tag)>,
}

impl Reader {
    fn line(&mut self, number: u32, line: &str, notes: &mut Notes<'_>) {
        if number == 1 && line != "#EXTM3U" {
            notes.at(&rules::FIRST_LINE, number, format_args!("begins with {:?}", lines::excerpt(line)));
        }
        match Line::read(number, line, notes) {
            Line::Tag(tag, value) => self.tag(number, tag, value, notes),
            Line::Uri(uri) => {
                let uri = self.variables.replace(uri, number, notes);
                if let Some(uri) = self.multivariant.uri(uri) {
                    self.media.uri(number, uri, notes);
                }
            }
            Line::Nothing => {}
        }
    }

    fn tag(&mut self, line: u32, tag: Tag, text: &str, notes: &mut Notes<'_>) {
        if tag.times() == Times::Once && !self.once.insert(tag) {
            notes.at(&rules::ONCE, line, format_args!("{tag} a second time"));
            return;
        }
        self.header.tags.push((line, tag));
        self.place(line, tag, notes);
        let attributes = || Attributes::read(text, tag, line, &self.variables);
        match tag {
            Tag::ExtM3u => {}
            Tag::Version => self.header.version = integer(tag, text, line, notes),
            Tag::IndependentSegments => self.header.independent_segments = true,
            Tag::Start => self.header.start = start(attributes(), notes),
            Tag::Define => {
                let define = Define::read(attributes(), notes);
                self.header.query_variables |= define.is_from_query();
                self.variables.define(define, notes);
            }
            _ if tag.scope() == Scope::Multivariant => self.multivariant.tag(tag, attributes(), notes),
            _ => self.media.tag(tag, text, line, attributes, notes),
        }
    }

    /// Whether `tag` belongs into this kind of playlist.
    fn place(&mut self, line: u32, tag: Tag, notes: &mut Notes<'_>) {
        let scope = match tag.scope() {
            Scope::Both => return,
            Scope::Multivariant => Scope::Multivariant,
            Scope::Media | Scope::Segment => Scope::Media,
        };
        let (kind, first) = *self.kind.get_or_insert((scope, tag));
        if kind != scope {
            notes.at(&rules::ONE_KIND, line, format_args!("{tag} in a playlist that has {first}"));
        }
    }

    fn finish(mut self, notes: &mut Notes<'_>) -> Option<Playlist> {
        self.header.variables = self.variables.into_defined();
        match self.kind {
            Some((Scope::Multivariant, _)) => Some(Playlist::Multivariant(Box::new(self.multivariant.finish(self.header, notes)))),
            Some(_) => Some(Playlist::Media(Box::new(self.media.finish(self.header, notes)))),
            None => {
                notes.add(&rules::KNOWN_KIND, "no tag of a multivariant or media playlist");
                None
            }
        }
    }
}

fn integer(tag: Tag, text: &str, line: u32, notes: &mut Notes<'_>) -> Option<u64> {
    let number = value::integer(text);
    if number.is_none() {
        notes.at(&rules::VALUE, line, format_args!("{tag} of {:?} is no decimal-integer", lines::excerpt(text)));
    }
    number
}

fn start(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Option<Start> {
    attributes.require(&["TIME-OFFSET"], notes);
    let offset = attributes.signed_seconds("TIME-OFFSET", notes)?;
    Some(Start { offset, precise: attributes.flag("PRECISE", notes).unwrap_or_default() })
}
