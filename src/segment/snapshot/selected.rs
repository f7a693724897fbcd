//! Snapshots of some of the tracks, to write shorter lists from.

use std::sync::Arc;

use super::{Period, Slot, Snapshot};
use crate::media::{Selection, TrackId};

impl Snapshot {
    /// The same with the listed tracks of `selection` alone, to write a shorter list of what there is; `None` where none of them is there,
    /// or one that was asked for by its number is not.
    pub fn only(&self, selection: Selection) -> Option<Self> {
        let mut tracks = self.tracks.clone();
        tracks.retain(|status| selection.lists(status.track.id));
        let is_there = |id: TrackId| tracks.iter().any(|status| status.track.id == id);
        if tracks.is_empty() || !selection.named().all(is_there) {
            return None;
        }
        let slots = self.slots.iter().map(|slot| Arc::new(slot.only(selection))).collect();
        let last_media = self.last_media.as_ref().map(|slot| Arc::new(slot.only(selection)));
        let listed_tracks = self.listed_tracks.iter().copied().filter(|track| selection.lists(*track)).collect();
        let coming = self.coming.as_ref().map(|period| period.only(selection)).filter(|period| !period.inits.is_empty());
        let expected = self.expected.iter().filter(|rung| selection.lists(rung.track)).cloned().collect();
        Some(Self { tracks, expected, slots, last_media, coming, listed_tracks, ..self.clone() })
    }
}

impl Slot {
    /// The same with the listed tracks of a selection alone.
    fn only(&self, selection: Selection) -> Self {
        let mut segments = self.segments.clone();
        segments.retain(|segment| selection.lists(segment.track()));
        let period = self.period.as_ref().map(|period| period.only(selection));
        Self { period: period.filter(|period| !period.inits.is_empty()), segments, ..self.clone() }
    }
}

impl Period {
    /// The same with the listed tracks of a selection alone.
    fn only(&self, selection: Selection) -> Arc<Self> {
        let inits = self.inits.iter().filter(|init| selection.lists(init.track.id)).cloned().collect();
        Arc::new(Self { inits, ..self.clone() })
    }
}
