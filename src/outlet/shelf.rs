//! The segments of a stream, as its viewers find them: the newest snapshot, and the texts rendered from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::segment::request::Request;
use crate::segment::snapshot::{MediaSequence, Phase, Snapshot};

/// Most texts kept: a playlist for each track, the multivariant playlist and the manifest, with room to spare.
const MAX_TEXTS: usize = 64;

/// The newest snapshot of a stream's segments, and what was rendered from it.
#[derive(Debug)]
pub struct Shelf {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Each with the revision it was rendered from; a new part alone changes none of them.
    texts: Mutex<HashMap<Request, (u64, Bytes)>>,
}

impl Shelf {
    /// A shelf that shows what `snapshots` brings.
    pub fn new(snapshots: watch::Receiver<Option<Arc<Snapshot>>>) -> Self {
        Self { snapshots, texts: Mutex::default() }
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

    /// The text for `request`, rendered at most once for each revision of the snapshot (now and then twice, by two who come first).
    pub fn rendered(&self, snapshot: &Snapshot, request: Request, render: impl FnOnce() -> Bytes) -> Bytes {
        if let Some((revision, text)) = self.texts.lock().get(&request)
            && *revision == snapshot.revision
        {
            return text.clone();
        }
        let text = render();
        let mut texts = self.texts.lock();
        if texts.len() >= MAX_TEXTS {
            texts.clear();
        }
        texts.insert(request, (snapshot.revision, text.clone()));
        text
    }
}

/// Whether `request` is for the segment that is being made, or as good as.
fn is_next(snapshot: &Snapshot, request: &Request) -> bool {
    let Request::Segment { track, epoch, msn } = *request else { return false };
    let newest = snapshot.slots.last().map_or(MediaSequence(0), |slot| slot.msn);
    snapshot.phase == Phase::Live && epoch == snapshot.epoch && msn.0 == newest.0 + 1 && snapshot.has_track(track)
}
