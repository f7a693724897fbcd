//! The segments of a stream, as its viewers find them: the newest snapshot, and the texts rendered from it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::media::Selection;
use crate::segment::request::Request;
use crate::segment::snapshot::{MediaSequence, Phase, Snapshot};

/// Most texts of plain addresses kept: a playlist for each track, the multivariant playlist and the manifest, with room to spare.
const MAX_PLAIN: usize = 64;

/// Most texts kept for addresses with a query of their own. Tokens that many viewers share are few; one for each viewer is used once a
/// revision, and not worth a place.
const MAX_WORDED: usize = 256;

/// Most bytes of either: every line of a text can carry a query of 2 KiB.
const MAX_BYTES: usize = 4 << 20;

/// A playlist or manifest as its address asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The file.
    pub request: Request,
    /// `track=`: the tracks that it lists.
    pub selection: Selection,
    /// The rest of the query, which its lines carry on.
    pub carried: String,
}

/// The newest snapshot of a stream's segments, and what was rendered from it.
#[derive(Debug)]
pub struct Shelf {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Apart from the others, so that no choice of queries pushes out what nearly everybody asks for.
    plain: Mutex<Texts>,
    worded: Mutex<Texts>,
}

/// The texts of one revision, oldest first; a new part alone changes none of them.
#[derive(Debug)]
struct Texts {
    revision: u64,
    most: usize,
    most_bytes: usize,
    /// Of all texts.
    bytes: usize,
    texts: VecDeque<(Listing, Bytes)>,
}

impl Shelf {
    /// A shelf that shows what `snapshots` brings.
    pub fn new(snapshots: watch::Receiver<Option<Arc<Snapshot>>>) -> Self {
        Self { snapshots, plain: Texts::new(MAX_PLAIN, MAX_BYTES), worded: Texts::new(MAX_WORDED, MAX_BYTES) }
    }

    /// What is there now.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshots.borrow().clone()
    }

    /// What is there now or, for a stream that has just begun, as soon as there is something to list. `None` after `patience`, or when
    /// the stream ended before it had a segment.
    pub async fn settled(&self, patience: Duration) -> Option<Arc<Snapshot>> {
        let mut snapshots = self.snapshots.clone();
        let listed = snapshots.wait_for(Option::is_some);
        tokio::time::timeout(patience, listed).await.ok()?.ok()?.clone()
    }

    /// The bytes of a media file. Those of the very next segment are waited for until it is whole, at most `patience`: players that
    /// count segments by the clock, or simply ask on, would otherwise meet a 404 at the live edge.
    pub async fn media(&self, request: &Request, patience: Duration) -> Option<Bytes> {
        let mut snapshots = self.snapshots.clone();
        let settled = snapshots.wait_for(|snapshot| snapshot.as_ref().is_none_or(|snapshot| !is_next(snapshot, request)));
        let snapshot = tokio::time::timeout(patience, settled).await.ok()?.ok()?.clone();
        snapshot?.media(request)
    }

    /// The text of a listing, rendered at most once for each revision of the snapshot (now and then twice, by two who come first), as
    /// long as there is room for it. Nothing is kept where there is none.
    pub fn rendered(&self, revision: u64, listing: Listing, render: impl FnOnce() -> Option<Bytes>) -> Option<Bytes> {
        let shelf = if listing.is_plain() { &self.plain } else { &self.worded };
        if let Some(text) = shelf.lock().find(revision, &listing) {
            return Some(text);
        }
        let text = render()?;
        shelf.lock().put(revision, listing, text.clone());
        Some(text)
    }
}

impl Listing {
    /// Whether it is what a plain address gets.
    fn is_plain(&self) -> bool {
        self.carried.is_empty() && self.selection == Selection::default()
    }
}

impl Texts {
    fn new(most: usize, most_bytes: usize) -> Mutex<Self> {
        Mutex::new(Self { revision: 0, most, most_bytes, bytes: 0, texts: VecDeque::new() })
    }

    fn find(&self, revision: u64, listing: &Listing) -> Option<Bytes> {
        let mut known = self.texts.iter().filter(|_| revision == self.revision);
        known.find(|(known, _)| known == listing).map(|(_, text)| text.clone())
    }

    fn put(&mut self, revision: u64, listing: Listing, text: Bytes) {
        // Who looked a moment ago may be late.
        if revision < self.revision || self.find(revision, &listing).is_some() {
            return;
        }
        if revision > self.revision {
            self.texts.clear();
            (self.revision, self.bytes) = (revision, 0);
        }
        self.bytes += text.len();
        self.texts.push_back((listing, text));
        while self.texts.len() > self.most || self.bytes > self.most_bytes {
            let Some((_, oldest)) = self.texts.pop_front() else { return };
            self.bytes -= oldest.len();
        }
    }
}

/// Whether `request` is for the segment that is being made, or as good as.
fn is_next(snapshot: &Snapshot, request: &Request) -> bool {
    let Request::Segment { track, epoch, msn } = *request else { return false };
    let newest = snapshot.slots.last().map_or(MediaSequence(0), |slot| slot.msn);
    snapshot.phase == Phase::Live && epoch == snapshot.epoch && msn.0 == newest.0 + 1 && snapshot.has_track(track)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(carried: &str) -> Listing {
        Listing { request: Request::Manifest, selection: Selection::default(), carried: carried.into() }
    }

    /// What was rendered anew, in order.
    fn asked(shelf: &Shelf, revision: u64, queries: &[String]) -> Vec<String> {
        let mut anew = Vec::new();
        for query in queries {
            let text = shelf.rendered(revision, listing(query), || {
                anew.push(query.clone());
                Some(Bytes::from(query.clone()))
            });
            assert_eq!(text.unwrap(), query);
        }
        anew
    }

    fn shelf() -> Shelf {
        Shelf::new(watch::channel(None).1)
    }

    fn words(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_text_is_rendered_once_for_each_revision_and_query() {
        let shelf = shelf();
        let queries = words(&["", "token=a", "", "token=b", "token=a"]);
        assert_eq!(asked(&shelf, 1, &queries), words(&["", "token=a", "token=b"]));
        assert_eq!(asked(&shelf, 2, &queries), words(&["", "token=a", "token=b"]));
        assert_eq!(asked(&shelf, 1, &words(&["token=a"])), words(&["token=a"]), "who is late gets what it looked at");
        assert!(asked(&shelf, 2, &queries).is_empty(), "and pushes out nothing");
        let chosen = Listing { selection: Selection::ALL, ..listing("token=a") };
        assert_eq!(shelf.rendered(2, chosen, || Some("chosen".into())).unwrap(), "chosen");
        assert_eq!(shelf.rendered(2, listing("token=c"), || None), None);
        assert_eq!(asked(&shelf, 2, &words(&["token=c"])), words(&["token=c"]));
    }

    #[test]
    fn a_crowd_of_queries_pushes_out_the_oldest_and_never_the_plain_one() {
        let shelf = shelf();
        let crowd: Vec<_> = (0..=MAX_WORDED).map(|n| format!("n={n}")).collect();
        asked(&shelf, 1, &words(&[""]));
        asked(&shelf, 1, &crowd);
        assert!(asked(&shelf, 1, &words(&["", "n=1", "n=256"])).is_empty());
        assert_eq!(asked(&shelf, 1, &words(&["n=0"])), words(&["n=0"]));
        let long: Vec<_> = (0..9).map(|n| n.to_string().repeat(MAX_BYTES / 8)).collect();
        asked(&shelf, 1, &long);
        assert_eq!(shelf.worded.lock().texts.len(), 8);
        assert!(shelf.worded.lock().bytes <= MAX_BYTES);
    }
}
