//! Finishing slots, and what there is to tell of those in progress.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::media::{Span, Timestamp, TrackId, WallClock};
use crate::segment::alignment::Side;
use crate::segment::presentation::{Cut, Seen};
use crate::segment::snapshot::OpenSegment;

use super::{MAX_SKEW, Segmenter};

impl Segmenter {
    /// Where the leading track ends if nothing follows.
    pub(super) fn leading_end(&self) -> Option<Timestamp> {
        self.leading_start()?;
        let lane = &self.lanes[self.leader];
        let waiting: i64 = lane.queue.front().map_or(0, |_| i64::from(lane.front_duration(MAX_SKEW).unwrap_or(1)));
        lane.end().or_else(|| lane.queue.front().map(|sample| lane.start_of(sample))).map(|end| end.plus_ticks(waiting))
    }

    /// Ends the slot in progress with everything that has arrived; a discontinuity follows.
    pub(super) fn settle(&mut self, now: WallClock) {
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
            self.presentation.counters.dropped_samples += lane.queue.len() as u64;
            lane.queue.clear();
            lane.queued_bytes = 0;
        }
        self.hand_over(now);
    }

    /// One step of a following track that will get no more samples; false when it has finished every slot.
    fn settle_step(&mut self, at: usize, limit: Span) -> bool {
        let tolerance = self.tolerance(at);
        let lane = &mut self.lanes[at];
        let Some(slot) = self.pending.iter().find(|slot| slot.msn == lane.msn) else { return false };
        let front_at = lane.queue.front().map(|front| lane.start_of(front));
        let placeable = front_at.filter(|_| slot.end.is_none_or(|end| lane.side(end, tolerance, true) == Side::Before));
        let Some(front_at) = placeable else {
            self.close(at, front_at);
            return true;
        };
        let from = lane.start().unwrap_or(slot.start);
        let duration = lane.front_duration((limit - front_at.since(from)).min(MAX_SKEW)).unwrap_or(1);
        let fits = front_at.plus_ticks(i64::from(duration)).since(from) < limit;
        let slack = if lane.queue.front().is_some_and(|front| front.is_sync) { tolerance } else { Span::ZERO };
        if front_at.plus(slack) < slot.start && lane.is_empty() || !fits {
            lane.drop_front();
            self.presentation.counters.dropped_samples += 1;
        } else {
            self.place(at, duration);
        }
        true
    }

    pub(super) fn hand_over(&mut self, now: WallClock) {
        while self.pending.front().is_some_and(|slot| slot.unfinished == 0) {
            let Some(mut slot) = self.pending.pop_front() else { return };
            slot.segments.sort_by_key(|segment| segment.track());
            let ends = slot.segments.iter().map(|segment| segment.start.plus_ticks(segment.duration));
            let end = slot.end.or_else(|| ends.max()).unwrap_or(slot.start);
            let cut = Cut {
                msn: slot.msn,
                start: slot.start,
                duration: end.since(slot.start),
                discontinuity: slot.discontinuity,
                anchored_anew: slot.anchored_anew,
                segments: slot.segments,
                done: now,
            };
            self.presentation.append(cut, self.seen());
        }
    }

    pub(super) fn seen(&self) -> Seen {
        let sample = self.lanes.iter().map(|lane| Span::from_ticks(lane.longest_sample, lane.scale())).max().unwrap_or_default();
        let end = self.leading_end();
        let segments = self.pending.iter().filter_map(|slot| Some(slot.end.or(end)?.since(slot.start)));
        Seen { segment: segments.max().unwrap_or_default(), sample }
    }

    pub(super) fn frame_rates(&self) -> BTreeMap<TrackId, f64> {
        let measured = self.lanes.iter().filter(|lane| lane.placed.1 > 0);
        measured.map(|lane| (lane.id(), lane.placed.0 as f64 * f64::from(lane.scale().hz()) / lane.placed.1 as f64)).collect()
    }

    pub(super) fn open_segments(&self) -> Vec<OpenSegment> {
        let mut open = Vec::new();
        for lane in &self.lanes {
            for slot in &self.pending {
                let finished = slot.segments.iter().find(|segment| segment.track() == lane.id());
                let (start, parts) = match finished {
                    Some(segment) => (Some(segment.start), segment.parts.clone()),
                    None if slot.msn == lane.msn => (lane.start(), lane.parts().to_vec()),
                    None => continue,
                };
                let init = Arc::clone(&lane.memory.init);
                open.push(OpenSegment { msn: slot.msn, init, start, discontinuity: slot.discontinuity, parts });
            }
        }
        open
    }
}
