//! Rungs: video tracks made from the source here, which come a little later than it does and may fail at any time, and the sound beside them
//! where that is made here, too.
//!
//! Nothing waits for one. A rung takes part from a slot in progress on that begins with one of its own sync samples, to the tick, and is
//! left out again as soon as it is late, stops, or the source breaks off. What it lacks is a gap; a segment that it does not finish is, too.
//! Sound has no sync samples to meet: it takes part from the first of its frames that lies behind the beginning of a slot.

use std::sync::Arc;

use crate::media::{Kind, Rung, Sample, Span, Track, TrackId, WallClock};
use crate::segment::lane::{Lane, Waiting};
use crate::segment::snapshot::{Init, MediaSequence, Phase};

use super::{MAX_QUEUED_BYTES, Pending, Segmenter};

/// How long a slot that is over may wait for a rung to finish its share. The source's own playlists do not wait even for that.
const PATIENCE: Span = Span::from_millis(2_000);
/// A rung that is further behind the leading track takes no part: it would be left out again at the end of the slot.
const MOST_LAG: Span = Span::from_millis(1_500);
/// No frame of the sound is longer: 1024 samples of the lowest rate, 16 kHz.
const LONGEST_SOUND: Span = Span::from_millis(65);

/// What is known of a rung, or of the sound.
#[derive(Debug)]
pub(super) struct State {
    id: TrackId,
    /// What a rung is to be.
    rung: Option<Arc<Rung>>,
    /// How its samples are coded, while any come.
    track: Option<Arc<Track>>,
}

impl Segmenter {
    /// The ladder has these rungs from now on, each a track of its own, and a sound or none.
    pub fn set_rungs(&mut self, rungs: impl IntoIterator<Item = Arc<Rung>>, has_sound: bool, now: WallClock) {
        let sound = has_sound.then_some((TrackId::SOUND, None));
        let all = rungs.into_iter().map(|rung| (rung.track, Some(rung))).chain(sound);
        let mut rungs: Vec<_> = all.map(|(id, rung)| State { id, rung, track: self.coded_as(id) }).collect();
        rungs.sort_by_key(|state| state.id);
        self.rungs = rungs;
        for at in (0..self.lanes.len()).rev() {
            let id = self.lanes[at].id();
            if id.is_rung() && self.rungs.iter().all(|state| state.id != id) {
                self.detach(at);
            }
        }
        self.hand_over(now);
        self.presentation.revise(now);
    }

    /// A rung begins, anew or for the first time: samples follow that are coded as this track says.
    pub fn begin_rung(&mut self, track: &Arc<Track>, now: WallClock) {
        self.stop_rung(track.id, now);
        if let Some(state) = self.rungs.iter_mut().find(|state| state.id == track.id) {
            state.track = Some(Arc::clone(track));
        }
    }

    /// No more samples come of a rung until it begins anew.
    pub fn stop_rung(&mut self, id: TrackId, now: WallClock) {
        if let Some(state) = self.rungs.iter_mut().find(|state| state.id == id) {
            state.track = None;
        }
        if let Some(at) = self.lanes.iter().position(|lane| lane.id() == id) {
            self.detach(at);
            self.hand_over(now);
        }
    }

    /// Takes a sample of a rung.
    pub(super) fn push_rung(&mut self, sample: Sample, now: WallClock) {
        if self.presentation.phase() != Phase::Live || !self.presentation.is_announced() {
            return;
        }
        let joined = self.lanes.iter().position(|lane| lane.id() == sample.track);
        let Some(at) = joined.or_else(|| self.attach(&sample)) else { return };
        let has_begun = self.pending.back().is_some_and(|slot| slot.msn >= self.lanes[at].msn);
        if !has_begun && !self.join_earlier(at, &sample) && sample.track.kind == Kind::Video {
            // Its slot begins with another.
            return;
        }
        let lane = &mut self.lanes[at];
        if !lane.enqueue(Waiting { sample, arrived: now }) {
            return;
        }
        if lane.queue.bytes() > MAX_QUEUED_BYTES {
            self.detach(at);
        }
        self.advance(now);
    }

    /// Lets a rung take part that keeps up: from the slot on that begins with this sample, or else from the next.
    fn attach(&mut self, sample: &Sample) -> Option<usize> {
        let state = self.rungs.iter().find(|state| state.id == sample.track)?;
        let memory = self.memory(state.track.as_ref()?).ok()?;
        let leading = self.lanes.get(self.leader)?.front()?;
        if leading.pts().since(sample.pts()) > MOST_LAG {
            return None;
        }
        let msn = self.begun_by(sample).unwrap_or(self.next);
        let at = self.lanes.binary_search_by_key(&sample.track, Lane::id).err()?;
        self.pending.iter_mut().filter(|slot| slot.msn >= msn).for_each(|slot| slot.unfinished += 1);
        self.lanes.insert(at, Lane::new(memory, msn));
        self.leader += usize::from(at <= self.leader);
        self.presentation.touch();
        Some(at)
    }

    /// A rung that has its place in the next slot gets it in one that has begun with this sample.
    fn join_earlier(&mut self, at: usize, sample: &Sample) -> bool {
        let Some(msn) = self.begun_by(sample) else { return false };
        let later = std::mem::replace(&mut self.lanes[at].msn, msn);
        self.pending.iter_mut().filter(|slot| (msn..later).contains(&slot.msn)).for_each(|slot| slot.unfinished += 1);
        true
    }

    /// The slot in progress that begins with this sample.
    fn begun_by(&self, sample: &Sample) -> Option<MediaSequence> {
        let is_first = |slot: &Pending| match sample.track.kind {
            Kind::Video => sample.is_sync && slot.start == sample.pts(),
            Kind::Audio | Kind::Data => (Span::ZERO..LONGEST_SOUND).contains(&sample.pts().since(slot.start)),
        };
        self.pending.iter().find(|slot| is_first(slot)).map(|slot| slot.msn)
    }

    /// Leaves out rungs that would make a slot wait which is over.
    pub(super) fn leave_late_rungs(&mut self) {
        let Some(passed) = self.lanes.get(self.leader).and_then(|leader| Some(leader.lower_bound(leader.front()?))) else { return };
        for at in (0..self.lanes.len()).rev() {
            let lane = &self.lanes[at];
            let end = self.pending.iter().find(|slot| slot.msn == lane.msn).and_then(|slot| slot.end);
            let has_come = |end| lane.back().is_some_and(|newest| newest.pts() >= end);
            if lane.id().is_rung() && end.is_some_and(|end| passed.since(end) > PATIENCE && !has_come(end)) {
                self.detach(at);
            }
        }
    }

    /// The source breaks off: its rungs begin anew behind it.
    pub(super) fn detach_rungs(&mut self) {
        for at in (0..self.lanes.len()).rev() {
            if self.lanes[at].id().is_rung() {
                self.detach(at);
            }
        }
    }

    /// Leaves a rung out. The segment that it has begun is a gap, and no other part will have the number that was hinted at.
    fn detach(&mut self, at: usize) {
        if !self.lanes[at].is_empty() {
            self.presentation.counters.track_gaps += 1;
        }
        self.lanes[at].memory.next_part += 1;
        self.remove(at);
    }

    /// What to tell of the rungs before there is more to say.
    pub(super) fn expected_rungs(&self) -> Vec<Arc<Rung>> {
        self.rungs.iter().filter_map(|state| state.rung.clone()).collect()
    }

    /// The init segments of all tracks, also of rungs that take no part now.
    pub(super) fn inits(&self) -> Vec<Arc<Init>> {
        let mut inits: Vec<_> = self.lanes.iter().map(|lane| Arc::clone(&lane.memory.init)).collect();
        let is_there = |id| self.lanes.iter().any(|lane| lane.id() == id);
        let absent = self.rungs.iter().map(|state| state.id).filter(|id| !is_there(*id));
        inits.extend(absent.filter_map(|id| self.known.get(&id)).map(|memory| Arc::clone(&memory.init)));
        inits.sort_by_key(|init| init.track.id);
        inits
    }

    fn coded_as(&self, id: TrackId) -> Option<Arc<Track>> {
        self.rungs.iter().find(|state| state.id == id).and_then(|state| state.track.clone())
    }
}
