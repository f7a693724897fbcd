//! A segment that is being made, on its way to a viewer: what there is of it, and then each part as it comes.

use bytes::Bytes;

use super::shelf::{Outlook, Place};
use crate::media::{Epoch, TrackId};
use crate::segment::snapshot::{MediaSequence, Part, Phase, Progress, Segment, Snapshot};
use crate::segment::task::Snapshots;

/// Reads one segment part by part until it is whole.
#[derive(Debug)]
pub struct Flow {
    snapshots: Snapshots,
    track: TrackId,
    epoch: Epoch,
    msn: MediaSequence,
    /// Parts that were read.
    read: usize,
    _place: Place,
}

/// How far a segment has come.
enum State<'a> {
    /// It has not begun.
    Ahead,
    /// There are these parts so far.
    Filling(&'a [Part]),
    /// There will be no more.
    Whole(&'a Segment),
    /// There is none of that number, and never will be.
    Absent,
}

impl Flow {
    /// Reads the segment of that number.
    pub(super) fn new(snapshots: Snapshots, track: TrackId, epoch: Epoch, msn: MediaSequence, place: Place) -> Self {
        Self { snapshots, track, epoch, msn, read: 0, _place: place }
    }

    /// The next part, as soon as it is there; `None` once the segment is whole, or where the stream ends without it. Cancel safe.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(found) = self.look() {
                self.read += 1;
                return found;
            }
            self.snapshots.changed().await.ok()?;
        }
    }

    /// The next part or, inside, none where there will be no other; nothing where it is still to come.
    fn look(&mut self) -> Option<Option<Bytes>> {
        let snapshot = self.snapshots.borrow_and_update();
        let Some(snapshot) = snapshot.as_ref() else { return Some(None) };
        let (parts, is_whole): (&[Part], _) = match state(snapshot, self.track, self.epoch, self.msn) {
            State::Ahead => return None,
            State::Filling(parts) => (parts, false),
            State::Whole(segment) => (&segment.parts, true),
            State::Absent => (&[], true),
        };
        match parts.get(self.read) {
            Some(part) => Some(Some(part.bytes.clone())),
            None => is_whole.then_some(None),
        }
    }
}

/// What is to be expected of a segment that is not whole.
pub(super) fn outlook(snapshot: &Snapshot, track: TrackId, epoch: Epoch, msn: MediaSequence) -> Outlook {
    match state(snapshot, track, epoch, msn) {
        State::Ahead | State::Filling([]) => Outlook::Coming,
        State::Filling(_) => Outlook::Flowing,
        State::Whole(_) | State::Absent => Outlook::Never,
    }
}

fn state(snapshot: &Snapshot, track: TrackId, epoch: Epoch, msn: MediaSequence) -> State<'_> {
    if epoch != snapshot.epoch {
        return State::Absent;
    }
    if let Some(segment) = snapshot.segment(track, msn) {
        return State::Whole(segment);
    }
    let mut open = snapshot.open.iter().filter(|open| open.track() == track);
    match open.clone().find(|open| open.msn == msn).map(|open| &open.progress) {
        Some(Progress::Filling(parts)) => return State::Filling(parts),
        Some(Progress::Whole(segment)) => return State::Whole(segment),
        Some(Progress::Gap(_)) => return State::Absent,
        None => {}
    }
    let newest = open.next_back().map(|open| open.msn).or(snapshot.slots.last().map(|slot| slot.msn));
    let is_next = newest.is_some_and(|newest| msn == newest.next());
    if is_next && snapshot.phase != Phase::Ended && snapshot.status(track).is_some() { State::Ahead } else { State::Absent }
}
