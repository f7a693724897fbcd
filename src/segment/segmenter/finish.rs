//! Finishing slots, and what there is to tell of those in progress.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::media::{Span, Timestamp, TrackId, WallClock};
use crate::segment::alignment::Side;
use crate::segment::lane::{Lane, Memory};
use crate::segment::presentation::{Ahead, Beginning, Cut, Progress, Seen, Turn};
use crate::segment::snapshot::{self, OpenSegment, PartNumber};

use super::{MAX_SKEW, Pending, Segmenter};

impl Segmenter {
    /// Where the leading track ends if nothing follows.
    pub(super) fn leading_end(&self) -> Option<Timestamp> {
        self.leading_start()?;
        let lane = &self.lanes[self.leader];
        let waiting: i64 = lane.front().map_or(0, |_| i64::from(lane.front_duration(MAX_SKEW).unwrap_or(1)));
        lane.end().or_else(|| lane.front().map(|sample| lane.start_of(sample))).map(|end| end.plus_ticks(waiting))
    }

    /// Ends the slot in progress with everything that has arrived; a discontinuity follows.
    pub(super) fn settle(&mut self, now: WallClock) {
        self.detach_rungs();
        self.left_out = None;
        let limit = self.presentation.limit();
        if let Some(end) = self.leading_end() {
            while let Some(start) = self.leading_start().filter(|_| !self.lanes[self.leader].queue.is_empty()) {
                self.place_leading(start, limit);
            }
            self.close(self.leader, None);
            self.at = end;
            self.discontinuity = true;
        }
        for at in 0..self.lanes.len() {
            while at != self.leader && self.settle_step(at, limit) {}
            let lane = &mut self.lanes[at];
            self.presentation.counters.dropped_samples += lane.queue.clear();
        }
        self.hand_over(now);
    }

    /// One step of a following track that will get no more samples; false when it has finished every slot.
    fn settle_step(&mut self, at: usize, limit: Span) -> bool {
        let tolerance = self.tolerance(at);
        let lane = &mut self.lanes[at];
        let Some(slot) = self.pending.iter().find(|slot| slot.msn == lane.msn) else { return false };
        let front_at = lane.front().map(|front| lane.start_of(front));
        let placeable = front_at.filter(|_| slot.end.is_none_or(|end| lane.side(end, tolerance, true) == Side::Before));
        let Some(front_at) = placeable else {
            self.close(at, front_at);
            return true;
        };
        let from = lane.start().unwrap_or(slot.start);
        let duration = lane.front_duration((limit - front_at.since(from)).min(MAX_SKEW)).unwrap_or(1);
        let fits = front_at.plus_ticks(i64::from(duration)).since(from) < limit;
        let slack = if lane.front().is_some_and(|front| front.is_sync) { tolerance } else { Span::ZERO };
        if front_at.plus(slack) < slot.start && lane.is_empty() || lane.is_torn() || !fits {
            lane.queue.pop();
            self.presentation.counters.dropped_samples += 1;
        } else {
            self.place(at, duration);
        }
        true
    }

    /// Gives the slots in progress that have something to list their places on the wall clock. These follow from the source alone: what is
    /// made from it comes later.
    fn place_on_wall(&mut self, now: WallClock) {
        let mut before = self.presentation.wall_end();
        for slot in &mut self.pending {
            let lanes = self.lanes.iter().filter(|lane| lane.msn == slot.msn && !lane.id().is_rung() && !lane.parts().is_empty());
            let finished = slot.segments.iter().filter(|segment| !segment.track().is_rung());
            let ends = finished.map(|segment| segment.start.plus_ticks(segment.duration));
            let reached = slot.end.or_else(|| lanes.filter_map(Lane::end).chain(ends).max());
            let wall = slot.wall.or_else(|| {
                let beginning = Beginning {
                    start: slot.start,
                    breaks: slot.discontinuity,
                    anchored_anew: slot.anchored_anew,
                    reached: reached?.since(slot.start),
                    before,
                };
                let (wall, anew) = self.presentation.place(beginning, now)?;
                slot.anchored_anew |= anew;
                Some(wall)
            });
            slot.wall = wall;
            let (Some(wall), Some(end)) = (wall, slot.end) else { return };
            before = Some(wall.plus(end.since(slot.start)));
        }
    }

    pub(super) fn hand_over(&mut self, now: WallClock) {
        self.place_on_wall(now);
        while self.pending.front().is_some_and(|slot| slot.unfinished == 0) {
            let Some(mut slot) = self.pending.pop_front() else { break };
            slot.segments.sort_by_key(|segment| segment.track());
            let ends = slot.segments.iter().map(|segment| segment.start.plus_ticks(segment.duration));
            let end = slot.end.or_else(|| ends.max()).unwrap_or(slot.start);
            let cut = Cut {
                msn: slot.msn,
                start: slot.start,
                wall: slot.wall,
                duration: end.since(slot.start),
                discontinuity: slot.discontinuity,
                anchored_anew: slot.anchored_anew,
                segments: slot.segments,
                done: now,
            };
            self.presentation.append(cut, self.seen());
        }
        // The stream may just have been announced.
        self.place_on_wall(now);
        self.foresee(now);
        self.place_cues(now);
    }

    /// Tells of the period that the oldest slot in progress begins, as soon as each track has a part in it.
    fn foresee(&mut self, now: WallClock) {
        let Some((slot, wall)) = self.pending.front().and_then(|slot| Some((slot, slot.wall?))) else { return };
        let finished = |lane: &Lane| slot.segments.iter().find(|segment| segment.track() == lane.id());
        let begun = |lane: &Lane| match finished(lane) {
            Some(segment) => Some((segment.start, segment.arrived)),
            None => lane.start().zip(lane.arrived()).filter(|_| lane.msn == slot.msn && !lane.parts().is_empty()),
        };
        let Some(starts) = self.lanes.iter().map(begun).collect::<Option<Vec<_>>>() else { return };
        let inits: Vec<_> = self.lanes.iter().map(|lane| Arc::clone(&lane.memory.init)).collect();
        let breaks = slot.discontinuity || slot.anchored_anew;
        let turn = self.presentation.turn(slot.msn, slot.start, breaks, &inits);
        if let Some((start, arrived)) = starts.first().filter(|_| turn != Turn::GoesOn) {
            let arrived = arrived.plus(slot.start.since(*start));
            self.presentation.foresee(turn.regular(), slot.start, wall, arrived, inits, now);
        }
    }

    pub(super) fn seen(&self) -> Seen {
        let end = self.leading_end();
        let segments = self.pending.iter().filter_map(|slot| Some(slot.end.or(end)?.since(slot.start)));
        let parts = self.lanes.iter().map(|lane| &lane.memory).chain(self.known.values()).map(|memory| memory.longest_part);
        Seen {
            segment: segments.max().unwrap_or_default(),
            frame: self.lanes.get(self.leader).map_or(Span::ZERO, Lane::average_frame),
            told_frame: self.lanes.get(self.leader).and_then(Lane::told_frame),
            part: parts.max().unwrap_or_default(),
        }
    }

    pub(super) fn progress(&self) -> BTreeMap<TrackId, Progress> {
        let going =
            |lane: &Lane| Progress { frame_rate: lane.frame_rate(), next_part: Some(PartNumber(lane.memory.next_part)), lost_part: None };
        let lost = |memory: &Memory| memory.next_part.checked_sub(1).map(PartNumber);
        let stopped = self.known.iter().filter(|(id, _)| id.is_rung());
        let stopped = stopped.map(|(id, memory)| (*id, Progress { frame_rate: None, next_part: None, lost_part: lost(memory) }));
        // What goes on now has stopped before.
        stopped.chain(self.lanes.iter().map(|lane| (lane.id(), going(lane)))).collect()
    }

    pub(super) fn ahead(&self) -> Ahead {
        let begins_anew = |(position, slot): &(usize, &Pending)| *position > 0 && slot.discontinuity;
        let together = self.pending.iter().enumerate().take_while(|slot| !begins_anew(slot));
        let cuts = self.pending.front().map(|slot| slot.start).into_iter().chain(together.map_while(|(_, slot)| slot.end));
        // Also while what will begin anew has not come yet.
        let broken = self.pending.front().map_or(self.discontinuity, |slot| slot.discontinuity);
        Ahead { open: self.open_segments(), cuts: cuts.collect(), broken }
    }

    fn open_segments(&self) -> Vec<OpenSegment> {
        let mut open = Vec::new();
        for lane in &self.lanes {
            for slot in self.pending.iter().filter(|slot| slot.msn <= lane.msn) {
                let finished = slot.segments.iter().find(|segment| segment.track() == lane.id());
                let passed = slot.end.filter(|_| slot.msn < lane.msn).map(|end| end.since(slot.start));
                let (start, progress) = match (finished, passed) {
                    (Some(segment), _) => (segment.start, snapshot::Progress::Whole(Arc::clone(segment))),
                    (None, Some(length)) => (slot.start, snapshot::Progress::Gap(length)),
                    (None, None) => (lane.start().unwrap_or(slot.start), snapshot::Progress::Filling(lane.parts().to_vec())),
                };
                let behind = if lane.id().is_rung() { Span::ZERO } else { start.since(slot.start) };
                let wall = slot.wall.map(|wall| wall.plus(behind));
                let init = Arc::clone(&lane.memory.init);
                open.push(OpenSegment { msn: slot.msn, init, start, wall, discontinuity: slot.discontinuity, progress });
            }
        }
        open
    }
}
