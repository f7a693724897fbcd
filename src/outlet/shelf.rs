//! The segments of a stream, as its viewers find them: the newest snapshot, waiting for a later one, and the texts rendered from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::flow::{self, Flow};
use super::texts::Texts;
use crate::fmp4::fragment::STYP;
use crate::segment::body::Body;
use crate::segment::request::Request;
use crate::segment::snapshot::{Named, PartNumber, Phase, Snapshot, TrackStatus};
use crate::segment::task::Snapshots;

/// The newest snapshot of a stream's segments, and what was rendered from it.
#[derive(Debug)]
pub struct Shelf {
    /// For those who wait for media, and who are told first.
    media: Snapshots,
    /// For those who wait for playlists and manifests.
    lists: Snapshots,
    texts: Texts,
    held: Arc<AtomicUsize>,
    max_held: usize,
}

/// A segment of no media: its type, and no fragment.
pub const NOTHING: &[u8] = STYP;

/// Why a request was not held until it could be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotHeld {
    /// It was, for as long as it may be.
    #[error("what was asked for did not come in time; ask again")]
    Late,
    /// The stream is over, and it will never come.
    #[error("the stream is over")]
    Over,
    /// So many others are held already.
    #[error("{0} requests of this stream wait already; ask again in a moment")]
    Crowded(usize),
}

/// What there is of a media file.
#[derive(Debug)]
pub enum Media {
    /// All of it.
    Whole(File),
    /// The beginning; the rest follows as it is made.
    Flowing(Flow),
    /// Nothing: not yet, no longer, or never.
    Absent,
}

/// What a media file consists of.
#[derive(Debug)]
pub enum File {
    /// What is kept of an init segment, a segment or a part; or what is given in the place of a rung's segment: [`Snapshot::stand_in`].
    Body(Body),
    /// A segment of no media. There may still be other bytes under its name: a rung that is back takes part from a slot on that has begun.
    Nothing,
}

/// What is to be expected of a file that is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outlook {
    /// Nothing.
    Never,
    /// It is the very next one.
    Coming,
    /// Some of it is there.
    Flowing,
    /// Nothing, though manifests announced it, or playlists hinted at it.
    Lost,
}

/// A request's place among those held.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl File {
    /// Its bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Body(body) => body.len(),
            Self::Nothing => NOTHING.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shelf {
    /// A shelf that shows what is announced, and holds so many requests at a time until it comes.
    pub fn new(media: Snapshots, lists: Snapshots, max_held: usize) -> Self {
        Self { media, lists, texts: Texts::default(), held: Arc::default(), max_held }
    }

    /// What is there now.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.media.borrow().clone()
    }

    /// What is there now or, for a stream that has just begun, as soon as there is something to list.
    ///
    /// # Errors
    /// [`NotHeld`], also where the stream ends before it has a segment.
    pub async fn settled(&self, patience: Duration) -> Result<Arc<Snapshot>, NotHeld> {
        self.until(patience, |snapshot| Some(Arc::clone(snapshot))).await
    }

    /// The first snapshot in which `find` finds something, beginning with the one that is there now. A request that waits is little more
    /// than a place in a list: nothing is made for it before there is something to answer with. Cancel safe.
    ///
    /// # Errors
    /// [`NotHeld`]
    pub async fn until<R>(&self, patience: Duration, find: impl FnMut(&Arc<Snapshot>) -> Option<R>) -> Result<R, NotHeld> {
        self.hold(&self.lists, patience, find).await
    }

    /// A media file. The next part is waited for, for it was hinted at, and so is the first part of the very next segment:
    /// players that count segments by the clock, or simply ask on, would otherwise meet a 404 at the live edge. Where it does not come after
    /// all, as the publisher left, it is a segment of no media: Shaka 5.2.12 asks for it again and again as long as it meets a 404. So is the
    /// part that was hinted at of a rung that stops, for which Shaka would stop as well. In the gaps of a rung is the source.
    ///
    /// # Errors
    /// [`NotHeld`]
    pub async fn media(&self, request: &Request, patience: Duration) -> Result<Media, NotHeld> {
        if self.media.borrow().is_none() {
            return Ok(Media::Absent);
        }
        let Some(request) = &self.by_number(request, patience).await? else { return Ok(Media::Absent) };
        let file = |snapshot: &Snapshot| snapshot.media(request).or_else(|| snapshot.stand_in(request).map(Body::Memory)).map(File::Body);
        let found = |snapshot: &Arc<Snapshot>| match (file(snapshot), outlook(snapshot, request)) {
            (Some(file), _) => Some(Ok(file)),
            (None, Outlook::Coming) => None,
            (None, other) => Some(Err(other)),
        };
        match (self.hold(&self.media, patience, found).await?, *request) {
            (Ok(file), _) => Ok(Media::Whole(file)),
            (Err(Outlook::Flowing), Request::Segment { .. }) => Ok(Media::Flowing(Flow::new(self.media.clone(), *request, self.place()?))),
            (Err(Outlook::Lost), _) => Ok(Media::Whole(File::Nothing)),
            (Err(_), _) => Ok(Media::Absent),
        }
    }

    /// The same by its number where it is named by a time, as soon as the segment has begun: nobody knows its number before.
    async fn by_number(&self, request: &Request, patience: Duration) -> Result<Option<Request>, NotHeld> {
        let Request::SegmentFrom { track, epoch, generation, time } = *request else { return Ok(Some(*request)) };
        let Ok(time) = i64::try_from(time) else { return Ok(None) };
        let named = |snapshot: &Arc<Snapshot>| match snapshot.named(track, time) {
            _ if snapshot.epoch != epoch => Some(None),
            Named::Segment(msn) => Some(Some(Request::Segment { track, epoch, generation, msn })),
            Named::Next => None,
            Named::Nothing => Some(None),
        };
        self.hold(&self.media, patience, named).await
    }

    /// Playlists and manifests that were rendered already.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Requests that are held right now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    async fn hold<R>(
        &self,
        snapshots: &Snapshots,
        patience: Duration,
        mut find: impl FnMut(&Arc<Snapshot>) -> Option<R>,
    ) -> Result<R, NotHeld> {
        if let Some(found) = snapshots.borrow().as_ref().and_then(&mut find) {
            return Ok(found);
        }
        let _place = self.place()?;
        let mut snapshots = snapshots.clone();
        let found = async {
            loop {
                if let Some(found) = snapshots.borrow_and_update().as_ref().and_then(&mut find) {
                    return Ok(found);
                }
                snapshots.changed().await.map_err(|_| NotHeld::Over)?;
            }
        };
        tokio::time::timeout(patience, found).await.unwrap_or(Err(NotHeld::Late))
    }

    fn place(&self) -> Result<Place, NotHeld> {
        let place = Place(Arc::clone(&self.held));
        match self.held.fetch_add(1, Ordering::Relaxed) {
            others if others >= self.max_held => Err(NotHeld::Crowded(self.max_held)),
            _ => Ok(place),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is to be expected of a file that is not there.
fn outlook(snapshot: &Snapshot, request: &Request) -> Outlook {
    match *request {
        Request::Part { track, epoch, number } => {
            let status = snapshot.status(track).filter(|_| epoch == snapshot.epoch);
            let is = |told: fn(&TrackStatus) -> Option<PartNumber>| status.and_then(told) == Some(number);
            match snapshot.phase {
                _ if is(|status| status.lost_part) => Outlook::Lost,
                Phase::Live | Phase::Away if is(|status| status.next_part) => Outlook::Coming,
                _ => Outlook::Never,
            }
        }
        _ => flow::outlook(snapshot, request),
    }
}
