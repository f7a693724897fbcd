//! Playlists and manifests that were rendered, kept for as long as others may ask for the same.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::text::{Alive, Text};
use crate::media::Selection;
use crate::segment::request::Request;

/// Most texts of plain addresses kept: a playlist for each track, whole and as a delta, the multivariant playlist and the manifest, with
/// room to spare.
const MAX_PLAIN: usize = 64;

/// Most texts kept for addresses with a query of their own. Tokens that many viewers share are few; one for each viewer is used once a
/// version, and not worth a place.
const MAX_WORDED: usize = 256;

/// Most bytes of plain texts, to which the compressed forms come: a day of segments of two seconds is 4.4 MB for each track.
const MAX_PLAIN_BYTES: usize = 64 << 20;

/// The same for the others: every line of a text can carry a query of 2 KiB.
const MAX_WORDED_BYTES: usize = 4 << 20;

/// So many of the others are kept even where they take more: with a window of hours, the lists of some tracks for a token that many viewers
/// share are more, and each viewer's request would cost a text of its own.
const LARGE_WORDED: usize = 8;

/// Longest text among those: a day of segments with 80 bytes of query in each line. Together they take half of [`MAX_WORDED_ALIVE`].
const LONGEST_WORDED: usize = 8 << 20;

/// Most bytes of those others that are kept or on their way. A list of hours with a query of 2 KiB in each line has tens of megabytes, and who
/// reads slowly holds his own: without a bound a thousand such viewers would fill the machine's memory.
const MAX_WORDED_ALIVE: usize = 128 << 20;

/// So much of texts with queries of their own is being read that no more are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too much is being read at addresses with queries of their own; try again, or leave the query out")]
pub struct TooMuchRead;

/// A playlist or manifest as its address asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The file.
    pub request: Request,
    /// `track=`: the tracks that it lists.
    pub selection: Selection,
    /// Whether it is a delta update.
    pub delta: bool,
    /// The rest of the query, which its lines carry on.
    pub carried: String,
}

/// The newest text of each listing, as far as there is room.
#[derive(Debug)]
pub struct Texts {
    /// Apart from the others, so that no choice of queries pushes out what nearly everybody asks for.
    plain: Mutex<Stack>,
    worded: Mutex<Stack>,
    /// Of the worded ones, and the most that is allowed.
    alive: Alive,
    most_alive: usize,
}

/// Oldest first.
#[derive(Debug)]
struct Stack {
    most: usize,
    /// That may be exceeded by the newest `large`.
    most_bytes: usize,
    large: usize,
    /// What is longer is not kept.
    longest: usize,
    /// Of all texts.
    bytes: usize,
    texts: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    version: u64,
    listing: Listing,
    text: Arc<Text>,
}

impl Texts {
    /// The text of that version of a listing, rendered at most once (now and then twice, by two who come first), with a look at the text of an
    /// older version, where one is kept; if it is the same, that goes on to be used. Nothing is kept where there is none.
    ///
    /// # Errors
    /// When a text is to be rendered for a query of its own, and too much of such texts is being read.
    pub fn rendered(
        &self,
        version: u64,
        listing: Listing,
        render: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Result<Option<Arc<Text>>, TooMuchRead> {
        let is_plain = listing.is_plain();
        let stack = if is_plain { &self.plain } else { &self.worded };
        let former = match stack.lock().find(version, &listing) {
            Ok(text) => return Ok(Some(text)),
            Err(former) => former,
        };
        if !is_plain && self.alive.bytes() >= self.most_alive {
            return Err(TooMuchRead);
        }
        let Some(text) = render(former.as_deref().map(Text::as_str)) else { return Ok(None) };
        let fresh = |text| if is_plain { Text::new(text) } else { Text::counted(text, &self.alive) };
        let text = former.filter(|former| former.as_str() == text).unwrap_or_else(|| fresh(text));
        stack.lock().put(Kept { version, listing, text: Arc::clone(&text) });
        Ok(Some(text))
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            plain: Mutex::new(Stack::new(MAX_PLAIN, MAX_PLAIN_BYTES)),
            worded: Mutex::new(Stack { large: LARGE_WORDED, longest: LONGEST_WORDED, ..Stack::new(MAX_WORDED, MAX_WORDED_BYTES) }),
            alive: Alive::default(),
            most_alive: MAX_WORDED_ALIVE,
        }
    }
}

impl Listing {
    /// Whether it is what a plain address gets.
    fn is_plain(&self) -> bool {
        self.carried.is_empty() && self.selection == Selection::default()
    }
}

impl Stack {
    fn new(most: usize, most_bytes: usize) -> Self {
        Self { most, most_bytes, large: 0, longest: most_bytes, bytes: 0, texts: VecDeque::new() }
    }

    /// The text of that version, or else that of an older one.
    fn find(&self, version: u64, listing: &Listing) -> Result<Arc<Text>, Option<Arc<Text>>> {
        let mut known = self.texts.iter().rev().filter(|kept| kept.version <= version);
        match known.find(|kept| kept.listing == *listing) {
            Some(kept) if kept.version == version => Ok(Arc::clone(&kept.text)),
            older => Err(older.map(|kept| Arc::clone(&kept.text))),
        }
    }

    fn put(&mut self, new: Kept) {
        if let Some(at) = self.texts.iter().position(|kept| kept.listing == new.listing) {
            // Who looked a moment ago may be late.
            if self.texts[at].version >= new.version {
                return;
            }
            self.remove(at);
        }
        // It would push out all others and find no room in the end.
        if new.text.len() > self.longest {
            return;
        }
        self.bytes += new.text.len();
        self.texts.push_back(new);
        while self.texts.len() > self.most || (self.bytes > self.most_bytes && self.texts.len() > self.large) {
            self.remove(0);
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(kept) = self.texts.remove(at) {
            self.bytes -= kept.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::request::Addressing;

    fn listing(carried: &str) -> Listing {
        Listing { request: Request::Manifest(Addressing::Number), selection: Selection::default(), delta: false, carried: carried.into() }
    }

    /// What was rendered anew, in order.
    fn asked(texts: &Texts, version: u64, queries: &[String]) -> Vec<String> {
        let mut anew = Vec::new();
        for query in queries {
            let text = texts.rendered(version, listing(query), |_| {
                anew.push(query.clone());
                Some(query.clone())
            });
            assert_eq!(&plain(text), query);
        }
        anew
    }

    fn plain(text: Result<Option<Arc<Text>>, TooMuchRead>) -> String {
        String::from_utf8(text.unwrap().unwrap().form(false).bytes.to_vec()).unwrap()
    }

    fn words(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_text_is_rendered_once_for_each_version_and_query() {
        let texts = Texts::default();
        let queries = words(&["", "token=a", "", "token=b", "token=a"]);
        assert_eq!(asked(&texts, 1, &queries), words(&["", "token=a", "token=b"]));
        assert_eq!(asked(&texts, 2, &queries), words(&["", "token=a", "token=b"]));
        assert_eq!(asked(&texts, 1, &words(&["token=a"])), words(&["token=a"]), "who is late gets what it looked at");
        assert!(asked(&texts, 2, &queries).is_empty(), "and pushes out nothing");
        let chosen = Listing { selection: Selection::ALL, ..listing("token=a") };
        assert_eq!(plain(texts.rendered(2, chosen, |_| Some("chosen".into()))), "chosen");
        let delta = Listing { delta: true, ..listing("") };
        assert_eq!(plain(texts.rendered(2, delta, |_| Some("delta".into()))), "delta");
        assert!(texts.rendered(2, listing("token=c"), |_| None).unwrap().is_none());
        assert_eq!(asked(&texts, 2, &words(&["token=c"])), words(&["token=c"]));
    }

    #[test]
    fn a_text_that_stays_the_same_stays_one() {
        let texts = Texts::default();
        let first = texts.rendered(1, listing(""), |former| former.is_none().then(|| "same".into())).unwrap().unwrap();
        let second = texts.rendered(2, listing(""), |former| former.map(str::to_owned)).unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &texts.rendered(2, listing(""), |_| None).unwrap().unwrap()), "it is that of the new version");
        assert_eq!(plain(texts.rendered(1, listing(""), |former| Some(format!("{former:?}")))), "None", "what is newer is none to look at");
    }

    #[test]
    fn texts_of_different_versions_stand_beside_each_other() {
        let texts = Texts::default();
        asked(&texts, 7, &words(&["parts"]));
        asked(&texts, 3, &words(&["manifest"]));
        assert!(asked(&texts, 7, &words(&["parts"])).is_empty() && asked(&texts, 3, &words(&["manifest"])).is_empty());
        asked(&texts, 8, &words(&["parts"]));
        assert_eq!(texts.worded.lock().texts.len(), 2, "an older text makes room for its successor");
    }

    #[test]
    fn a_crowd_of_queries_pushes_out_the_oldest_and_never_the_plain_one() {
        let texts = Texts::default();
        let crowd: Vec<_> = (0..=MAX_WORDED).map(|n| format!("n={n}")).collect();
        asked(&texts, 1, &words(&[""]));
        asked(&texts, 1, &crowd);
        assert!(asked(&texts, 1, &words(&["", "n=1", "n=256"])).is_empty());
        assert_eq!(asked(&texts, 1, &words(&["n=0"])), words(&["n=0"]));
        let long: Vec<_> = (0..9).map(|n| n.to_string().repeat(MAX_WORDED_BYTES / 8)).collect();
        asked(&texts, 1, &long);
        assert_eq!(texts.worded.lock().texts.len(), 8);
        assert!(texts.worded.lock().bytes <= MAX_WORDED_BYTES);
    }

    #[test]
    fn lists_of_hours_are_kept_for_a_token_that_is_shared_and_too_long_ones_push_out_nothing() {
        let stack = Stack { large: 3, longest: 1_000, ..Stack::new(MAX_WORDED, 1_500) };
        let texts = Texts { worded: Mutex::new(stack), ..Texts::default() };
        let shared: Vec<_> = (0..3).map(|n| n.to_string().repeat(1_000)).collect();
        asked(&texts, 1, &shared);
        assert!(asked(&texts, 1, &shared).is_empty());
        let longer = words(&[&"x".repeat(1_001)]);
        assert_eq!((asked(&texts, 1, &longer), asked(&texts, 1, &longer)), (longer.clone(), longer));
        assert!(asked(&texts, 1, &shared).is_empty());
        asked(&texts, 1, &words(&["short"]));
        assert_eq!(asked(&texts, 1, &shared[..1]), shared[..1], "the oldest makes room");
        const { assert!(LARGE_WORDED * LONGEST_WORDED <= MAX_WORDED_ALIVE / 2, "enough is left for those who read older ones") };
    }

    #[test]
    fn what_is_read_slowly_counts_until_it_is_read_and_never_keeps_plain_texts_from_anybody() {
        let length = 1_001;
        let stack = Stack { longest: 1_000, ..Stack::new(MAX_WORDED, MAX_WORDED_BYTES) };
        let texts = Texts { worded: Mutex::new(stack), most_alive: 2 * length, ..Texts::default() };
        let long = |query: &str| texts.rendered(1, listing(query), |_| Some("a".repeat(length)));
        // Those who read hold the bytes, not the text.
        let reading = ["n=1", "n=2"].map(|query| long(query).unwrap().unwrap().form(false).bytes);
        assert_eq!(texts.alive.bytes(), 2 * length);
        assert_eq!(long("n=3").unwrap_err(), TooMuchRead);
        assert!(long("").is_ok());
        drop(reading);
        assert_eq!(texts.alive.bytes(), 0, "texts of this length are not kept");
        assert!(long("n=3").is_ok());
    }
}
