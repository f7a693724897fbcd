//! What requests for media files are answered with.

use std::sync::Arc;

use super::{Init, MediaSequence, OpenSegment, Part, PartNumber, Progress, Segment, Slot, Snapshot};
use crate::media::TrackId;
use crate::segment::body::Body;
use crate::segment::pieces::Pieces;
use crate::segment::request::Request;

impl Snapshot {
    /// An init segment, segment or part; `None` where it is of another presentation, not yet there, no longer there or a gap, and for playlists
    /// and manifests, which are rendered.
    pub fn media(&self, request: &Request) -> Option<Body> {
        match *request {
            Request::Init { .. } => self.init(request).map(|init| init.bytes.clone().into()),
            Request::Segment { track, epoch, generation, msn } if epoch == self.epoch => {
                let segment = self.segment(track, msn).filter(|segment| segment.init.generation == generation)?;
                Some(segment.body.clone())
            }
            Request::Part { track, epoch, number } if epoch == self.epoch => self.part(track, number).map(|part| part.bytes.clone().into()),
            _ => None,
        }
    }

    /// The source's init segment and right behind it its segment, where a rung has a gap for good. Players were told that there is
    /// nothing, but FFmpeg 5.1 and 9.0 give up a stream of which one playlist has nothing to load.
    pub fn stand_in(&self, request: &Request) -> Option<Pieces> {
        let Request::Segment { track, epoch, msn, .. } = *request else { return None };
        let is_gap = track.is_rung() && self.has_track(track) && self.segment(track, msn).is_none();
        let slot = self.slot(msn).filter(|_| epoch == self.epoch && is_gap)?;
        let source = slot.segments.iter().find(|segment| segment.track().kind == track.kind && !segment.track().is_rung())?;
        let media = source.body.in_memory()?.as_slice();
        Some([&source.init.bytes].into_iter().chain(media).cloned().collect())
    }

    /// The init segment of that name; `None` where it is of another presentation or no longer there, and for all else.
    pub fn init(&self, request: &Request) -> Option<&Init> {
        let Request::Init { track, epoch, generation } = *request else { return None };
        self.inits.iter().find(|init| epoch == self.epoch && init.track.id == track && init.generation == generation).map(AsRef::as_ref)
    }

    /// The slot of that number, listed or retained.
    pub fn slot(&self, msn: MediaSequence) -> Option<&Arc<Slot>> {
        self.slots.find(msn).or_else(|| self.retained.find(msn))
    }

    /// A whole segment; `None` where it is not whole yet, no longer there or a gap.
    pub fn segment(&self, track: TrackId, msn: MediaSequence) -> Option<&Arc<Segment>> {
        if let Some(slot) = self.slot(msn) {
            return slot.segment(track);
        }
        self.open.iter().find_map(|open| match &open.progress {
            Progress::Whole(segment) if open.msn == msn && open.track() == track => Some(segment),
            _ => None,
        })
    }

    fn part(&self, track: TrackId, number: PartNumber) -> Option<&Part> {
        let open = self.open.iter().filter(|open| open.track() == track).flat_map(OpenSegment::parts);
        let newest_first = self.slots.iter().rev().chain(self.retained.iter().rev());
        // Behind the first slot that has lost its parts there are none.
        let with_parts = newest_first.take_while(|slot| slot.segments.iter().all(|segment| !segment.parts.is_empty()));
        let closed = with_parts.filter_map(|slot| slot.segment(track)).flat_map(|segment| &segment.parts);
        open.chain(closed).find(|part| part.number == number)
    }
}
