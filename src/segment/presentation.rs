//! Finished slots on their way to viewers: numbered, set on the wall clock, gathered into periods, measured and kept.

mod accounts;
mod append;
mod terms;
mod wall;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::media::{Epoch, Program, Rung, Span, Timestamp, TrackId, WallClock};

use super::cues::Cues;
use super::options::Options;
use super::snapshot::{Counters, Init, OpenSegment, Period, Phase, Snapshot};
use super::steady::{Regular, Steadiness};
use super::window::{Change, Limits, Window};

use accounts::Accounts;
pub(super) use accounts::Progress;
pub(super) use append::{Cut, Turn};
pub(super) use terms::Seen;
use terms::{Terms, first_part_limit};
pub(super) use wall::Beginning;
use wall::Places;

/// What follows the finished slots, as snapshots tell of it.
#[derive(Debug)]
pub(super) struct Ahead {
    pub open: Vec<OpenSegment>,
    pub cuts: Vec<Timestamp>,
    pub broken: bool,
}

/// The presentation as viewers see it.
#[derive(Debug)]
pub(super) struct Presentation {
    options: Options,
    epoch: Epoch,
    terms: Option<Terms>,
    waiting: Vec<Cut>,
    window: Window,
    limits: Limits,
    phase: Phase,
    period: Option<Arc<Period>>,
    /// Whether the last slot lacks a rung that its period was told of: the next begins another.
    is_holed: bool,
    periods: u64,
    steadiness: Steadiness,
    places: Places,
    /// The period that the slot in progress will begin, as manifests tell of it.
    coming: Option<Arc<Period>>,
    accounts: Accounts,
    state: u64,
    revision: u64,
    changed: WallClock,
    pub cues: Cues,
    pub counters: Counters,
}

impl Presentation {
    pub fn new(options: Options, epoch: Epoch) -> Self {
        Self {
            window: Window::new(options.window(), options.longest_segment(), options.limits()),
            limits: options.limits(),
            options,
            epoch,
            terms: None,
            waiting: Vec::new(),
            phase: Phase::Live,
            period: None,
            is_holed: false,
            periods: 0,
            steadiness: Steadiness::default(),
            places: Places::default(),
            coming: None,
            accounts: Accounts::default(),
            state: 0,
            revision: 0,
            changed: WallClock::from_unix_millis(0),
            cues: Cues::default(),
            counters: Counters::default(),
        }
    }

    pub fn state(&self) -> u64 {
        self.state
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether viewers have been told of the stream.
    pub fn is_announced(&self) -> bool {
        self.terms.is_some()
    }

    /// How long a slot may be.
    pub fn limit(&self) -> Span {
        match self.terms {
            Some(terms) => terms.limit(),
            None => self.options.longest_segment(),
        }
    }

    /// How long a part may be. Before that is promised, it goes by how long a frame of the leading track is said to last.
    pub fn part_limit(&self, frame: Option<Span>) -> Span {
        match self.terms {
            Some(terms) => terms.part_target.unwrap_or(self.options.longest_segment()),
            None => first_part_limit(&self.options, frame),
        }
    }

    /// Where on the wall clock a slot in progress begins, and whether it is anchored anew; `None` until the stream is announced. To be asked
    /// once for each slot, in order.
    pub fn place(&mut self, slot: Beginning, now: WallClock) -> Option<(WallClock, bool)> {
        self.terms?;
        Some(self.places.give(slot, now))
    }

    /// How far media is ahead of its places on the wall clock, where that is too far: some of it should be left out.
    pub fn excess(&self) -> Option<Span> {
        self.places.excess()
    }

    /// Media is left out before the next slot.
    pub fn catch_up(&mut self) {
        self.places.catch_up();
    }

    /// The slot in progress will begin a period, of which all tracks have something to show; `inits` are theirs, and `arrived` is when what is
    /// shown first came.
    pub fn foresee(
        &mut self,
        regular: Option<Regular>,
        start: Timestamp,
        wall: WallClock,
        arrived: WallClock,
        inits: Vec<Arc<Init>>,
        now: WallClock,
    ) {
        if self.coming.is_none() {
            self.coming = Some(Arc::new(Period { index: self.periods, start, wall, arrived, inits, regular }));
            self.revise(now);
        }
    }

    /// A media time of the last slot and its place on the wall clock; `None` where that has no media.
    pub fn clock(&self) -> Option<(Timestamp, WallClock)> {
        self.window.listed().last().filter(|slot| slot.period.is_some()).map(|slot| (slot.start, slot.wall))
    }

    /// Where the last slot ends on the wall clock.
    pub fn wall_end(&self) -> Option<WallClock> {
        self.places.end
    }

    pub fn set_phase(&mut self, phase: Phase, now: WallClock) {
        if self.phase != phase {
            self.phase = phase;
            self.revise(now);
        }
    }

    /// A part was made or the program changed.
    pub fn touch(&mut self) {
        self.state += 1;
    }

    /// What manifests tell has changed.
    pub fn revise(&mut self, now: WallClock) {
        self.state += 1;
        self.revision += 1;
        self.changed = now.max(self.changed.plus(Span::from_millis(1)));
    }

    /// Changes what may be held.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.window.set_limits(limits);
    }

    /// Forgets what no player may ask for any more, and what is beyond the limits.
    pub fn expire(&mut self, now: WallClock) {
        match self.window.pass(now, &mut self.counters) {
            Change::None => {}
            Change::Kept => self.touch(),
            Change::Listed => {
                self.begin_lists();
                self.revise(now);
            }
        }
    }

    /// Bytes of slots in memory.
    pub fn held(&self) -> u64 {
        let waiting = self.waiting.iter().flat_map(|cut| &cut.segments).map(|segment| segment.body.len() as u64);
        self.window.usage().memory + waiting.sum::<u64>()
    }

    /// The window, to move slots to the spool. Viewers learn of it with the next change.
    pub fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    pub fn snapshot(
        &self,
        program: &Program,
        inits: &[Arc<Init>],
        progress: &BTreeMap<TrackId, Progress>,
        ahead: Ahead,
        rungs: &[Arc<Rung>],
    ) -> Option<Snapshot> {
        let terms = self.terms?;
        let last_media = self.window.last_media().cloned();
        let former = last_media.iter().flat_map(|slot| &slot.segments).map(|segment| &segment.init).chain(self.window.inits());
        let mut kept: Vec<Arc<Init>> = inits.to_vec();
        for init in former {
            if !kept.iter().any(|known| Arc::ptr_eq(known, init)) {
                kept.push(Arc::clone(init));
            }
        }
        let expected = rungs.iter().filter(|rung| !self.accounts.knows(rung.track)).cloned().collect();
        Some(Snapshot {
            epoch: self.epoch,
            state: self.state,
            revision: self.revision,
            changed: self.changed,
            phase: self.phase,
            target_duration: terms.target_duration,
            part_target: terms.part_target,
            segment_target: self.options.segment(),
            window: terms.window,
            tracks: self.accounts.tell(program, inits, progress, rungs),
            expected,
            slots: self.window.listed().clone(),
            open: ahead.open,
            cuts: ahead.cuts,
            broken: ahead.broken,
            coming: self.coming.clone(),
            discontinuity_sequence: self.window.discontinuity_sequence(),
            independent: self.accounts.are_independent(inits),
            audio_only: self.options.audio_only,
            retained: self.window.retained().clone(),
            last_media,
            inits: kept,
            cues: self.cues.listed(),
            late_events: self.cues.late(),
            listed_tracks: self.window.listed_tracks(),
            counters: self.counters,
            usage: self.window.usage(),
        })
    }

    /// Forgets what lies before the first slot that is listed.
    fn begin_lists(&mut self) {
        if let Some(first) = self.window.listed().first() {
            self.cues.expire(first.wall);
            self.accounts.begin_with(first.msn);
        }
    }
}
