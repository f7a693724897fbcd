//! The tracks that follow the leading one: placing their samples once it has passed them, and what happens when it stops.

use crate::media::{Kind, Span, Timestamp, WallClock};
use crate::segment::alignment::{self, Side};

use super::{MAX_QUEUED_BYTES, MAX_SKEW, Segmenter};

/// A track whose newest sample is no older than this, beside the one that runs ahead, is alive and can lead.
const ALIVE: Span = Span::from_secs(1);

impl Segmenter {
    /// Places what the leading track has passed, and hands over the slots that all tracks have finished.
    pub(super) fn advance(&mut self, now: WallClock) {
        self.leave_late_rungs();
        for at in 0..self.lanes.len() {
            while at != self.leader && !self.lanes[at].alignment.is_lost() && self.step(at) {}
        }
        self.retire_misaligned(now);
        self.hand_over(now);
    }

    /// One step of a following track; false where it has to wait.
    fn step(&mut self, at: usize) -> bool {
        let limit = self.presentation.limit();
        let passed = self.lanes[self.leader].front().map(|held| self.lanes[self.leader].lower_bound(held));
        let tolerance = self.tolerance(at);
        let lane = &mut self.lanes[at];
        let Some(slot) = self.pending.iter().find(|slot| slot.msn == lane.msn) else { return false };
        let (start, end, on_keyframe, is_forced) = (slot.start, slot.end, slot.ends_on_keyframe, slot.is_forced);
        let is_rung = lane.id().is_rung();
        let given_up = !is_rung && end.is_some_and(|end| lane.stalled || passed.is_none_or(|passed| passed.since(end) > MAX_SKEW));
        let Some(front) = lane.front() else {
            if given_up {
                lane.stalled = true;
                self.close(at, None);
            }
            return given_up;
        };
        let front_at = lane.start_of(front);
        match end.map_or(Side::Before, |end| lane.side(end, tolerance, given_up)) {
            Side::Behind { hit } => {
                if on_keyframe && !is_rung && lane.id().kind == Kind::Video {
                    lane.alignment.note(hit);
                }
                self.close(at, Some(front_at));
                return true;
            }
            Side::Unknown => return false,
            Side::Before => {}
        }
        let slack = if front.is_sync { tolerance } else { Span::ZERO };
        let undecodable = lane.is_fresh() && !front.is_sync;
        let misses = is_rung && !lane.begins_at(start, is_forced);
        if (lane.is_empty() && (front_at.plus(slack) < start || misses)) || undecodable || lane.is_torn() {
            lane.queue.pop();
            self.presentation.counters.dropped_samples += u64::from(!is_rung);
            return true;
        }
        let known = lane.queue.samples().nth(1).is_some();
        // A cut may still come where the leading track is now, and a sync sample just before it would belong behind it.
        if passed.is_some_and(|passed| front_at.plus(slack) >= passed) || !(known || given_up) {
            return false;
        }
        lane.stalled = false;
        // A sample is drawn out over silence that follows it, but not beyond what a segment may last.
        let room = limit - front_at.since(lane.start().unwrap_or(front_at));
        let duration = lane.front_duration(room.min(MAX_SKEW)).unwrap_or(1);
        self.place(at, duration);
        true
    }

    /// How far from a cut a following track's sync sample may be and still begin the segment there; nothing for sound, which can be cut
    /// anywhere.
    pub(super) fn tolerance(&self, at: usize) -> Span {
        let (leader, lane) = (&self.lanes[self.leader], &self.lanes[at]);
        match lane.id().kind {
            Kind::Video if !lane.id().is_rung() => alignment::tolerance(leader.frame(), lane.frame()),
            // A rung's are where the source's are, to the tick.
            Kind::Video | Kind::Audio | Kind::Data => Span::ZERO,
        }
    }

    /// Whether a following track's samples run further ahead of the leading track than they may.
    pub(super) fn is_too_far_ahead(&self, at: usize) -> bool {
        let (leader, lane) = (&self.lanes[self.leader], &self.lanes[at]);
        let from = leader.front().or_else(|| lane.front()).map(|sample| sample.dts);
        let to = lane.back().map(|sample| sample.dts);
        from.zip(to).is_some_and(|(from, to)| to.since(from) > MAX_SKEW) || lane.queue.bytes() > MAX_QUEUED_BYTES
    }

    /// Leaves out what the leading track has from this cut on: about `excess`, and not more of it, up to a sync sample. A discontinuity follows.
    pub(super) fn leave_out(&mut self, at: Timestamp, excess: Span) {
        self.end_slot(at, true);
        self.left_out = Some(at.plus(excess - self.longest_gop));
        self.discontinuity = true;
        self.presentation.catch_up();
    }

    /// Who leads when `ahead` has run away from the leading track: the first track that goes on, pictures before sound.
    pub(super) fn successor(&self, ahead: usize) -> usize {
        let newest = |at: usize| self.lanes[at].back().map(|sample| sample.dts);
        let is_alive = |at: &usize| {
            let behind: Option<Span> = newest(ahead).zip(newest(*at)).map(|(ahead, own): (Timestamp, Timestamp)| ahead.since(own));
            *at != self.leader && !self.lanes[*at].id().is_rung() && behind.is_some_and(|behind| behind <= ALIVE)
        };
        (0..ahead).find(is_alive).unwrap_or(ahead)
    }

    /// The leading track has stopped: what it has is brought to viewers, and this one leads.
    pub(super) fn lead_with(&mut self, at: usize, now: WallClock) {
        let id = self.lanes[at].id();
        let end = self.leading_end();
        let after = self.lanes[at].queue.split_off(end);
        self.settle(now);
        // Its place is another where rungs stood before it, which the break takes off.
        self.leader = self.lanes.iter().position(|lane| lane.id() == id).expect("a break takes off rungs alone, and none of them leads");
        for waiting in after {
            self.push_leading(waiting, now);
        }
    }
}
