//! Cues: read from the data track, and set on the wall clock as soon as the time that they tell has a place there.

use crate::media::{Sample, Timestamp, WallClock};
use crate::segment::cue::Message;

use super::Segmenter;

impl Segmenter {
    /// Takes a sample of the data track.
    pub(super) fn take_script(&mut self, sample: &Sample, now: WallClock) {
        let Some(message) = Message::read(sample) else { return };
        if !self.presentation.cues.take(message) {
            self.presentation.counters.dropped_cues += 1;
        }
        self.place_cues(now);
    }

    /// Gives cues that wait their places on the wall clock, which never change.
    pub(super) fn place_cues(&mut self, now: WallClock) {
        let Some((at, wall)) = self.clock().filter(|_| self.presentation.cues.is_waiting()) else { return };
        let (changed, gone) = self.presentation.cues.place(at, wall);
        self.presentation.counters.dropped_cues += gone;
        if changed {
            self.presentation.revise(now);
        }
    }

    /// A media time and its place on the wall clock, for what is sent now; `None` where time was broken off and nothing has come since.
    fn clock(&self) -> Option<(Timestamp, WallClock)> {
        for slot in self.pending.iter().rev() {
            if let Some(wall) = slot.wall {
                return Some((slot.start, wall));
            }
            if slot.discontinuity || slot.anchored_anew {
                return None;
            }
        }
        if self.discontinuity || self.anchored_anew { None } else { self.presentation.clock() }
    }
}
