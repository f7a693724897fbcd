//! A rendered playlist or manifest in the forms in which it goes out: as it is and compressed, each made once for all who ask.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Shortest text that is compressed: a shorter one fits into one packet anyway, and so does its head.
const WORTH_IT: usize = 512;
/// Texts from this length on, such as those of windows that last hours, are compressed quickly rather than well: whoever does it has
/// viewers to serve.
const LARGE: usize = 64 << 10;
/// Bytes of the hash that names a text: enough that no two texts ever have the same (128 bits).
const TAG: usize = 16;

/// A rendered text.
#[derive(Debug)]
pub struct Text {
    /// As UTF-8.
    bytes: Bytes,
    /// Made when first asked for.
    gzip: OnceLock<Bytes>,
    hash: String,
}

/// How many bytes of texts there are: those that are kept, and those that somebody is still being given.
#[derive(Clone, Debug, Default)]
pub struct Alive(Arc<AtomicUsize>);

/// A text that counts for as long as anybody holds a piece of it.
struct Counted {
    text: String,
    alive: Alive,
}

/// One form of a text: its bytes, and the entity tag that names exactly them (RFC 9110 §8.8.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// What goes out.
    pub bytes: Bytes,
    /// With its quotes.
    pub tag: String,
    /// Whether the bytes are those of gzip.
    pub gzip: bool,
}

impl Text {
    /// A text in all its forms.
    pub fn new(text: String) -> Arc<Self> {
        Self::of(text.into())
    }

    /// The same, which counts in `alive`; its compressed form does not.
    pub fn counted(text: String, alive: &Alive) -> Arc<Self> {
        alive.0.fetch_add(text.len(), Ordering::Relaxed);
        Self::of(Bytes::from_owner(Counted { text, alive: alive.clone() }))
    }

    fn of(bytes: Bytes) -> Arc<Self> {
        let hash = Sha256::digest(&bytes).iter().take(TAG).map(|byte| format!("{byte:02x}")).collect();
        Arc::new(Self { bytes, gzip: OnceLock::new(), hash })
    }

    /// Bytes of the text as it is; its compressed form has fewer.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The text as it is.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("it was made of a string")
    }

    /// The text as it is, or compressed where that is `welcome` and worth it. The same text has the same tag, wherever it was rendered.
    pub fn form(&self, welcome: bool) -> Form {
        if welcome && self.len() >= WORTH_IT {
            let bytes = self.gzip.get_or_init(|| compress(&self.bytes)).clone();
            return Form { bytes, tag: format!("\"{}-gzip\"", self.hash), gzip: true };
        }
        Form { bytes: self.bytes.clone(), tag: format!("\"{}\"", self.hash), gzip: false }
    }
}

impl Alive {
    /// Bytes that are alive.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.0.fetch_sub(self.text.len(), Ordering::Relaxed);
    }
}

fn compress(text: &[u8]) -> Bytes {
    let level = if text.len() < LARGE { Compression::default() } else { Compression::fast() };
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), level);
    encoder.write_all(text).expect("a vector takes every write");
    let mut compressed = encoder.finish().expect("a vector takes every write");
    compressed.shrink_to_fit();
    compressed.into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn inflated(bytes: &[u8]) -> String {
        let mut text = String::new();
        GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_is_compressed_is_made_once_and_inflates_to_the_text() {
        for lines in [20, 5_000] {
            let line = "#EXTINF:2.000000,\nv0-1795899482023-1795899482.m4s\n";
            let text = Text::new(line.repeat(lines));
            let (plain, gzip) = (text.form(false), text.form(true));
            assert!(!plain.gzip && gzip.gzip && gzip.bytes.len() < plain.bytes.len() / 4);
            assert_eq!(inflated(&gzip.bytes), plain.bytes);
            assert_eq!(text.form(true).bytes.as_ptr(), gzip.bytes.as_ptr(), "shared");
            assert_eq!(text.form(false).bytes.as_ptr(), plain.bytes.as_ptr(), "shared");
        }
    }

    #[test]
    fn what_is_short_goes_out_as_it_is() {
        let text = Text::new("a".repeat(WORTH_IT - 1));
        assert_eq!(text.form(true), text.form(false));
    }

    #[test]
    fn each_form_has_a_tag_that_depends_on_the_text_alone() {
        let (one, same, other) = (Text::new("a".repeat(WORTH_IT)), Text::new("a".repeat(WORTH_IT)), Text::new("b".repeat(WORTH_IT)));
        assert_eq!((one.form(true).tag, one.form(false).tag), (same.form(true).tag, same.form(false).tag));
        let tags = [one.form(true).tag, one.form(false).tag, other.form(true).tag, other.form(false).tag];
        assert!(tags.iter().enumerate().all(|(n, tag)| !tags[..n].contains(tag)), "{tags:?}");
        assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2 * TAG));
    }
}
