//! What a timeline tells of beside the slots that all tracks have finished.

use crate::media::{Span, Track};
use crate::segment::snapshot::{Init, Progress, Segment, Slot, Snapshot};

/// What a segment is told to last that is not whole, where its true length cannot be foretold for certain and less is better than more. FFmpeg 5.1
/// asks behind it for the first segment that begins in the second of its end, or later: a second is the least that leads past it, and
/// does not lead past the next one.
const LEAST: Span = Span::from_secs(1);

/// A segment of a timeline, in ticks of its track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub start: i64,
    pub duration: i64,
}

impl Stretch {
    pub fn of(segment: &Segment) -> Self {
        Self { start: segment.start.ticks(), duration: segment.duration }
    }

    /// A track's share of a slot. Where a rung failed that was told of already, all of it: what is served in its place lasts as long.
    pub fn within(slot: &Slot, track: &Track) -> Self {
        let whole = || {
            let [start, end] = [slot.start, slot.start.plus(slot.duration)].map(|at| at.rescale(track.timescale));
            Self { start, duration: end - start }
        };
        slot.segment(track.id).map_or_else(whole, |segment| Self::of(segment))
    }

    pub fn end(self) -> i64 {
        self.start.saturating_add(self.duration)
    }
}

/// What follows the whole segments of a track, which end there, where addresses hold times: the segments that other tracks are behind with, and
/// one more, so that a player which has got that does not have to look beyond the timeline for its successor. Its time is the true one,
/// for it begins where the last one ends, whenever that may be.
pub(super) fn whole_and_next(snapshot: &Snapshot, init: &Init, end: Option<i64>) -> Vec<Stretch> {
    let mut following = Vec::new();
    let mut start = end;
    for open in snapshot.open.iter().filter(|open| open.track() == init.track.id) {
        if open.discontinuity && start.is_some() || open.init.generation != init.generation {
            break;
        }
        match &open.progress {
            Progress::Whole(segment) => {
                let whole = Stretch::of(segment);
                start = Some(whole.end());
                following.push(whole);
            }
            Progress::Filling(parts) if !parts.is_empty() => {
                start = Some(open.start.ticks());
                break;
            }
            Progress::Filling(_) | Progress::Gap(_) => break,
        }
    }
    // A rung that has failed in a period's first segment has what is served in its place.
    let start = start.or_else(|| Some(snapshot.cuts.first()?.rescale(init.track.timescale)).filter(|_| following.is_empty()));
    following.extend(start.map(|start| Stretch { start, duration: LEAST.ticks(init.track.timescale) }));
    following
}
