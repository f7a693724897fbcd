//! A manifest's XML as a tree of bounded size, each element with the line on which it begins.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Largest manifest that is read: that of a day's window takes some megabytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Most elements of a manifest. Each `S` is one.
pub const MAX_ELEMENTS: usize = 250_000;
/// How deep elements may be nested. The schema needs eight levels, what is carried inside of events some more.
pub const MAX_DEPTH: usize = 32;
/// Most attributes of an element.
pub const MAX_ATTRIBUTES: usize = 64;
/// Longest value of an attribute, in bytes: each representation has a copy of what it inherits.
pub const MAX_VALUE: usize = 16 << 10;
/// Most characters of an id that are told.
const MAX_LABEL: usize = 64;

/// The namespace of a manifest and its elements.
pub const NAMESPACE: &str = "urn:mpeg:dash:schema:mpd:2011";

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is longer than [`MAX_BYTES`].
    #[error("{0} bytes are more than the {MAX_BYTES} that are read")]
    TooLong(usize),
    /// It is not UTF-8.
    #[error("byte {0} is not UTF-8")]
    NotUtf8(usize),
    /// It is not well-formed XML.
    #[error("line {line}: {why}")]
    Malformed {
        /// Where, from 1.
        line: usize,
        /// What the parser says of it.
        why: String,
    },
    /// It has more of something than any manifest needs.
    #[error("line {line}: more {what} than are read")]
    TooMuch {
        /// Where, from 1.
        line: usize,
        /// What there is too much of.
        what: &'static str,
    },
    /// Its root is another element than `MPD` of [`NAMESPACE`].
    #[error("the root is {0}, not MPD of {NAMESPACE}")]
    NotMpd(String),
}

/// An element, with everything inside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Its name as written, with its prefix.
    pub name: String,
    /// Its attributes as written, without entities and in order.
    pub attributes: Vec<(String, String)>,
    /// The elements in it, in order.
    pub children: Vec<Element>,
    /// The text in it, without that of its children.
    pub text: String,
    /// The line of its `<`, from 1.
    pub line: usize,
}

impl Element {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The children of one name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of one name.
    pub fn first(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Whether it belongs to another schema than DASH's: its name has a prefix, or it says so itself.
    pub fn is_foreign(&self) -> bool {
        self.name.contains(':') || self.get("xmlns").is_some_and(|namespace| namespace != NAMESPACE)
    }

    /// Its name and what tells it from its neighbours, such as `Period[P1]` or `AdaptationSet[0]`: its id, or else its place among those of
    /// its name, from zero.
    pub fn label(&self, position: usize) -> String {
        match self.get("id").filter(|id| !id.is_empty()) {
            Some(id) => format!("{}[{}]", self.name, id.chars().take(MAX_LABEL).collect::<String>()),
            None => format!("{}[{position}]", self.name),
        }
    }
}

/// The root of the manifest `bytes`.
///
/// # Errors
///
/// [`Unreadable`] where it is no manifest, or larger than the limits of this module.
pub fn parse(bytes: &[u8]) -> Result<Element, Unreadable> {
    if bytes.len() > MAX_BYTES {
        return Err(Unreadable::TooLong(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8(error.valid_up_to()))?;
    let root = Builder::new(text.trim_start_matches('\u{FEFF}')).build()?;
    match root.name == "MPD" && root.get("xmlns") == Some(NAMESPACE) {
        true => Ok(root),
        false => Err(Unreadable::NotMpd(format!("{} of {}", root.name, root.get("xmlns").unwrap_or("no namespace")))),
    }
}

struct Builder<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Up to where lines have been counted, and how many.
    counted: usize,
    line: usize,
    elements: usize,
    /// The elements that are open, the root first.
    open: Vec<Element>,
    root: Option<Element>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, reader: Reader::from_str(text), counted: 0, line: 1, elements: 0, open: Vec::new(), root: None }
    }

    fn build(mut self) -> Result<Element, Unreadable> {
        loop {
            self.count_lines();
            match self.reader.read_event().map_err(|error| malformed(self.line, &error))? {
                Event::Start(start) => {
                    let element = self.element(&start)?;
                    if self.open.len() == MAX_DEPTH {
                        return Err(Unreadable::TooMuch { line: self.line, what: "levels" });
                    }
                    self.open.push(element);
                }
                Event::Empty(start) => {
                    let element = self.element(&start)?;
                    self.close(element)?;
                }
                Event::End(_) => {
                    if let Some(element) = self.open.pop() {
                        self.close(element)?;
                    }
                }
                Event::Text(text) => self.append(&text.xml10_content()),
                Event::CData(text) => self.append(&text.xml10_content()),
                Event::GeneralRef(entity) => {
                    let character = entity.resolve_char_ref().map_err(|error| malformed(self.line, &error))?;
                    match (character, resolve_xml_entity(&entity.xml10_content())) {
                        (Some(character), _) => self.append(character.encode_utf8(&mut [0; 4])),
                        (None, Some(text)) => self.append(text),
                        (None, None) => return Err(malformed(self.line, &"an entity that XML does not know")),
                    }
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        match self.root.filter(|_| self.open.is_empty()) {
            Some(root) => Ok(root),
            None => Err(malformed(self.line, &"the document ends before its root does")),
        }
    }

    fn count_lines(&mut self) {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.as_bytes().get(self.counted..position).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.counted = position;
    }

    fn element(&mut self, start: &BytesStart<'_>) -> Result<Element, Unreadable> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(Unreadable::TooMuch { line: self.line, what: "elements" });
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| malformed(self.line, &error))?;
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(Unreadable::TooMuch { line: self.line, what: "attributes" });
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| malformed(self.line, &error))?;
            if value.len() > MAX_VALUE {
                return Err(Unreadable::TooMuch { line: self.line, what: "bytes in an attribute" });
            }
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        let name = start.name().as_ref().to_owned();
        Ok(Element { name, attributes, line: self.line, ..Element::default() })
    }

    fn close(&mut self, element: Element) -> Result<(), Unreadable> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(malformed(self.line, &"a second root")),
        }
        Ok(())
    }

    fn append(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut() {
            let text = if element.text.is_empty() { text.trim_start() } else { text };
            element.text.push_str(text);
        }
    }
}

fn malformed(line: usize, why: &impl ToString) -> Unreadable {
    Unreadable::Malformed { line, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(inside: &str) -> Result<Element, Unreadable> {
        parse(format!("<?xml version=\"1.0\"?>\n<MPD xmlns=\"{NAMESPACE}\">\n{inside}</MPD>").as_bytes())
    }

    #[test]
    fn a_tree_has_names_attributes_texts_and_lines() {
        let root = read("<!-- one -->\n<BaseURL a='1' b=\"&lt;2\">\n x&amp;y<z/>&#122;</BaseURL>\n<S/><e:S/>").unwrap();
        let url = root.first("BaseURL").unwrap();
        assert_eq!((url.line, url.get("a"), url.get("b"), url.text.as_str()), (4, Some("1"), Some("<2"), "x&yz"));
        assert_eq!((url.children[0].name.as_str(), url.children[0].line), ("z", 5));
        assert_eq!((root.all("S").count(), root.children[2].is_foreign(), root.children[1].is_foreign()), (1, true, false));
        assert_eq!((url.label(0), root.children[1].label(3)), ("BaseURL[0]".to_owned(), "S[3]".to_owned()));
    }

    #[test]
    fn what_is_no_manifest_is_told_with_its_line() {
        let line = |inside: &str| match read(inside) {
            Err(Unreadable::Malformed { line, .. } | Unreadable::TooMuch { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line("\n<a></b>"), 4);
        assert_eq!(line("<a"), 3);
        assert_eq!(line("<a b='1' b='2'/>"), 3);
        assert_eq!(line("&unknown;"), 3);
        assert_eq!(line(&"<a>".repeat(MAX_DEPTH)), 3);
        let attributes: String = (0..=MAX_ATTRIBUTES).map(|n| format!(" a{n}=''")).collect();
        assert_eq!(line(&format!("\n<a{attributes}/>")), 4);
        assert_eq!(line(&"<a/>".repeat(MAX_ELEMENTS)), 3);
        assert_eq!(line(&format!("<a b='{}'/>", "x".repeat(MAX_VALUE + 1))), 3);
        assert!(matches!(parse(b"<MPD/>"), Err(Unreadable::NotMpd(_))));
        assert!(matches!(parse(b""), Err(Unreadable::Malformed { .. })));
        assert!(matches!(parse(b"<a/><b/>"), Err(Unreadable::Malformed { .. })));
        assert_eq!(parse(b"<MPD \xFF>"), Err(Unreadable::NotUtf8(5)));
        assert_eq!(parse(&vec![b' '; MAX_BYTES + 1]), Err(Unreadable::TooLong(MAX_BYTES + 1)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(bytes: Vec<u8>, marks in "[<>/=\"'&;a-c \n!?\\[\\]-]{0,200}") {
            let _ = parse(&bytes);
            let _ = parse(marks.as_bytes());
            let _ = read(&marks);
        }
    }
}
