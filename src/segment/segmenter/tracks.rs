//! Which tracks are cut: those of the program, without those that cannot be carried or have left.

use std::sync::Arc;

use crate::fmp4;
use crate::media::{Kind, Program, Span, Track, TrackId, WallClock};
use crate::segment::events::Outbox;
use crate::segment::lane::{Lane, Memory};
use crate::segment::snapshot::Init;

use super::Segmenter;

/// Tracks that cannot be carried in CMAF, with the reason.
pub(super) type Refused = Vec<(TrackId, fmp4::Error)>;

impl Segmenter {
    /// Begins anew with the tracks of a program.
    pub(super) fn set_tracks(&mut self, program: &Program) -> Refused {
        for lane in self.lanes.drain(..) {
            self.known.insert(lane.id(), lane.memory);
        }
        self.leader = 0;
        let mut refused = Vec::new();
        for track in self.wanted(program) {
            match self.memory(&track) {
                Ok(memory) => self.lanes.push(Lane::new(memory, self.next)),
                Err(error) => refused.push((track.id, error)),
            }
        }
        self.presentation.touch();
        refused
    }

    /// Whether a program only has other following tracks beside those whose init segments stay as they are, so that these need not be
    /// interrupted.
    pub(super) fn goes_on_in(&self, program: &Program) -> bool {
        let stays = |lane: &Lane| program.tracks.get(lane.id()).is_some_and(|track| is_initialised_by(&lane.memory.init, track));
        self.lanes.get(self.leader).is_some_and(stays)
            && self.lanes.iter().all(|lane| lane.id().is_rung() || program.tracks.get(lane.id()).is_none() || stays(lane))
    }

    /// Lets following tracks that are gone leave, and those that are new begin with the next slot.
    pub(super) fn exchange_tracks(&mut self, program: &Program) -> Refused {
        for at in (0..self.lanes.len()).rev() {
            if at != self.leader && !self.lanes[at].id().is_rung() && program.tracks.get(self.lanes[at].id()).is_none() {
                self.retire(at);
            }
        }
        let mut refused = Vec::new();
        for track in self.wanted(program) {
            let at = match self.lanes.binary_search_by_key(&track.id, Lane::id) {
                Ok(at) => {
                    self.lanes[at].memory.tell_of(&track);
                    continue;
                }
                Err(at) => at,
            };
            match self.memory(&track) {
                Ok(memory) => {
                    self.lanes.insert(at, Lane::new(memory, self.next));
                    self.leader += usize::from(at <= self.leader);
                }
                Err(error) => refused.push((track.id, error)),
            }
        }
        self.presentation.touch();
        refused
    }

    /// Takes tracks that nobody can change to at the cuts out of the adaptive set; the others go on as if they had never been there.
    pub(super) fn retire_misaligned(&mut self, now: WallClock) {
        for at in (0..self.lanes.len()).rev() {
            if at != self.leader && self.lanes[at].alignment.is_lost() {
                self.misaligned.insert(self.lanes[at].id());
                self.presentation.counters.misaligned_tracks += 1;
                self.retire(at);
                self.presentation.revise(now);
            }
        }
    }

    /// Ends a following track: no slot waits for it any more.
    fn retire(&mut self, at: usize) {
        if !self.lanes[at].is_empty() {
            self.close(at, None);
        }
        self.presentation.counters.dropped_samples += self.lanes[at].queue.clear();
        self.remove(at);
    }

    /// Takes a following track out; what it has in hand is lost.
    pub(super) fn remove(&mut self, at: usize) {
        let lane = self.lanes.remove(at);
        for slot in self.pending.iter_mut().filter(|slot| slot.msn >= lane.msn) {
            slot.unfinished = slot.unfinished.saturating_sub(1);
        }
        self.leader -= usize::from(at < self.leader);
        self.known.insert(lane.id(), lane.memory);
        self.presentation.touch();
    }

    fn wanted(&self, program: &Program) -> Vec<Arc<Track>> {
        let media = program.tracks.iter().filter(|track| track.id.kind != Kind::Data);
        media.filter(|track| !self.misaligned.contains(&track.id)).cloned().collect()
    }

    /// What is known of a track from before, with a new init segment where its configuration is another.
    pub(super) fn memory(&self, track: &Arc<Track>) -> Result<Memory, fmp4::Error> {
        let known = self.known.get(&track.id);
        if let Some(memory) = known.filter(|memory| is_initialised_by(&memory.init, track)) {
            let mut memory = memory.clone();
            memory.tell_of(track);
            return Ok(memory);
        }
        let bytes = fmp4::init_segment(&[track])?;
        let generation = known.map_or(1, |memory| memory.init.generation + 1);
        let init = Arc::new(Init { track: Arc::clone(track), generation, bytes });
        Ok(match known {
            Some(memory) => Memory { init, ..memory.clone() },
            None => Memory {
                init,
                delay: None,
                sequence: fmp4::SequenceNumber::FIRST,
                next_part: 0,
                longest_part: Span::ZERO,
                iframes_ahead: 0,
                events: Outbox::default(),
            },
        })
    }
}

impl Memory {
    /// Takes what is told of a track beside its configuration: a language, a name, captions that have come up.
    fn tell_of(&mut self, track: &Arc<Track>) {
        if self.init.track != *track {
            self.init = Arc::new(Init { track: Arc::clone(track), ..(*self.init).clone() });
        }
    }
}

/// Whether an init segment is still the one that a track needs.
fn is_initialised_by(init: &Init, track: &Arc<Track>) -> bool {
    init.track == *track || fmp4::init_segment(&[track]).is_ok_and(|bytes| bytes == init.bytes)
}
