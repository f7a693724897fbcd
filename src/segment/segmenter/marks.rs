//! Cues: read from the data track, and set on the wall clock as soon as the time that they tell has a place there.

use std::sync::Arc;

use crate::media::{Sample, Timestamp, WallClock};
use crate::segment::cue::Message;
use crate::segment::events::Event;

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
        let (events, gone) = self.presentation.cues.place(at, wall);
        self.presentation.counters.dropped_cues += gone;
        if !events.is_empty() {
            self.presentation.revise(now);
        }
        events.into_iter().for_each(|event| self.send(event));
    }

    /// Sends an event with the next part of every track of the leading kind, or keeps it for the manifest where the moment has passed there.
    fn send(&mut self, event: Arc<Event>) {
        let Some(kind) = self.lanes.first().map(|lane| lane.id().kind) else { return self.presentation.cues.keep_late(event) };
        let leader = &self.lanes[self.leader];
        let in_time = leader.id().kind == kind && leader.next_part_start().is_none_or(|start| event.start >= start);
        if !in_time {
            return self.presentation.cues.keep_late(event);
        }
        for lane in self.lanes.iter_mut().filter(|lane| lane.id().kind == kind) {
            lane.memory.events.take(Arc::clone(&event));
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
