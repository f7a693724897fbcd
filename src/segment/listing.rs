//! One track as a playlist lists it: whole segments and gaps, and behind them what there is of the next segment.
//!
//! A track's segments are listed as soon as they are whole, whether or not the other tracks have finished theirs.

use crate::media::{Span, Timescale, TrackId, WallClock};

use super::snapshot::{MediaSequence, OpenSegment, Part, Progress, Segment, Slot, Snapshot};

/// One number of a track's playlist.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The number.
    pub msn: MediaSequence,
    /// The wall-clock time of its beginning.
    pub wall: WallClock,
    /// Whether the timeline breaks at its beginning.
    pub discontinuity: bool,
    /// What is there.
    pub media: Media<'a>,
}

/// What a track has under a number.
#[derive(Clone, Copy, Debug)]
pub enum Media<'a> {
    /// A whole segment.
    Whole(&'a Segment),
    /// Nothing, for so long.
    Gap(Span),
    /// A segment in progress that has parts already.
    Open(&'a OpenSegment),
}

/// How far a track's playlist has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// The last number that is whole, or a gap.
    pub whole: MediaSequence,
    /// Its parts; a gap has none.
    pub whole_parts: usize,
    /// Parts of the number that follows.
    pub open_parts: usize,
}

impl<'a> Entry<'a> {
    fn listed(slot: &'a Slot, track: TrackId) -> Self {
        let media = slot.segment(track).map_or(Media::Gap(slot.duration), |segment| Media::Whole(segment));
        Self { msn: slot.msn, wall: slot.wall_of(track), discontinuity: slot.discontinuity, media }
    }

    fn following(open: &'a OpenSegment) -> Option<Self> {
        let media = match &open.progress {
            Progress::Whole(segment) => Media::Whole(segment),
            Progress::Gap(length) => Media::Gap(*length),
            Progress::Filling(parts) if !parts.is_empty() => Media::Open(open),
            Progress::Filling(_) => return None,
        };
        Some(Self { msn: open.msn, wall: open.wall?, discontinuity: open.discontinuity, media })
    }

    /// Its parts so far.
    pub fn parts(&self) -> &'a [Part] {
        match self.media {
            Media::Whole(segment) => &segment.parts,
            Media::Gap(_) => &[],
            Media::Open(open) => open.parts(),
        }
    }

    /// What its parts count their time in.
    pub fn scale(&self) -> Timescale {
        match self.media {
            Media::Whole(segment) => segment.start.scale(),
            Media::Open(open) => open.start.scale(),
            Media::Gap(_) => Timescale::VIDEO,
        }
    }

    /// How long it is so far.
    pub fn span(&self) -> Span {
        match self.media {
            Media::Whole(segment) => segment.span(),
            Media::Gap(length) => length,
            Media::Open(open) => Span::from_ticks(open.parts().iter().map(|part| part.duration).sum(), open.start.scale()),
        }
    }
}

/// A track's playlist, oldest first.
pub fn entries(snapshot: &Snapshot, track: TrackId) -> impl Iterator<Item = Entry<'_>> {
    let listed = snapshot.slots.iter().map(move |slot| Entry::listed(slot, track));
    listed.chain(following(snapshot, track).map_while(Entry::following))
}

/// How far a track's playlist has come; `None` where it lists nothing.
pub fn edge(snapshot: &Snapshot, track: TrackId) -> Option<Edge> {
    let last = snapshot.slots.last().map(|slot| Entry::listed(slot, track))?;
    let edge = |entry: Entry<'_>| Edge { whole: entry.msn, whole_parts: entry.parts().len(), open_parts: 0 };
    let further = following(snapshot, track).map_while(Entry::following);
    Some(further.fold(edge(last), |before, entry| match entry.media {
        Media::Open(open) => Edge { open_parts: open.parts().len(), ..before },
        Media::Whole(_) | Media::Gap(_) => edge(entry),
    }))
}

/// What is listed of a track behind the slots that all tracks have finished. Without parts there is nothing to list of one in progress.
fn following(snapshot: &Snapshot, track: TrackId) -> impl Iterator<Item = &OpenSegment> {
    let is_listed = |open: &OpenSegment| snapshot.part_target.is_some() || !matches!(open.progress, Progress::Filling(_));
    snapshot.open.iter().filter(move |open| open.track() == track && is_listed(open))
}
