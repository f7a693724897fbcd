//! The rungs of one stream: where their samples are, whether anybody wants them, and how they are coming along.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::channel::Channel;
use super::gate::Gate;
use super::window::End;
use crate::media::{Rung, Sample, TrackId};

/// A rung and its samples.
#[derive(Clone, Debug)]
pub struct RungRendition {
    /// What it is to be.
    pub rung: Arc<Rung>,
    /// Its pictures and the source's sound, in order of time. It has no head before its first picture.
    pub samples: Arc<Channel<Sample>>,
}

/// The ladder of a stream. Its maker writes it, viewers and operators read it; without a maker it stays empty.
#[derive(Debug)]
pub struct Ladder {
    rungs: Mutex<Arc<[RungRendition]>>,
    sound: Mutex<Option<Arc<Channel<Sample>>>>,
    /// The rungs of which pictures come at present, and the sound.
    made: Mutex<BTreeSet<TrackId>>,
    ended: Mutex<Option<End>>,
    demand: Demand,
    status: Mutex<Option<LadderStatus>>,
}

/// Who wants rungs.
#[derive(Debug)]
struct Demand {
    /// What [`Demand::latest`] counts from.
    origin: Instant,
    /// When somebody last asked, in milliseconds since [`Demand::origin`] and one more; 0 where nobody has.
    latest: AtomicU64,
    /// Those who stay connected.
    viewers: AtomicU64,
    gate: Gate,
}

/// Keeps a rung wanted for as long as it lives.
#[derive(Debug)]
pub struct DemandGuard(Arc<super::stream::Stream>);

/// How a ladder is coming along, for its operator.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LadderStatus {
    /// What its maker is at.
    pub state: LadderState,
    /// How often the worker was started.
    pub starts: u64,
    /// Why the worker ended last, if it was not told to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Milliseconds by which the rungs come later than the source, as the worker tells.
    pub lag_ms: u64,
    /// Frames that could not be decoded, since the worker's last start.
    pub decode_errors: u64,
    /// Pictures that came back with a time at which the source has none.
    pub misses: u64,
    /// The sound; none where the source's is passed on as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<SoundStatus>,
    /// Each rung.
    pub rungs: Vec<RungStatus>,
}

/// How the sound is coming along that is coded anew, since the worker's last start.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SoundStatus {
    /// Its track, as in addresses.
    pub id: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// One or two.
    pub channels: u8,
    /// Bits per second that its encoder aims at.
    pub bit_rate: u32,
    /// Frames made.
    pub frames: u64,
    /// Frames of the source that could not be decoded.
    pub decode_errors: u64,
}

/// What the maker of a ladder is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LadderState {
    /// Nobody watches, or there is no publisher.
    Idle,
    /// As many ladders are made as may be; this one waits for its turn.
    Queued,
    /// The worker is on its way and has sent nothing yet.
    Starting,
    /// Rungs are made.
    Running,
    /// The worker failed, and is started anew after a while.
    Failed,
    /// The source is in a codec that is not decoded here; it has no rungs.
    Unable,
}

/// How one rung is coming along, since the worker's last start.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RungStatus {
    /// Its track, as in addresses.
    pub id: String,
    /// Its name.
    pub label: Arc<str>,
    /// Picture width in pixels.
    pub width: u32,
    /// Picture height in pixels.
    pub height: u32,
    /// The encoder that makes it.
    pub encoder: String,
    /// Pictures made.
    pub frames: u64,
    /// Pictures left out, as the machine could not keep up.
    pub dropped: u64,
    /// Whether it is left out at present for that reason.
    pub shed: bool,
}

impl Ladder {
    pub(super) fn new(origin: Instant) -> Self {
        let demand = Demand { origin, latest: AtomicU64::new(0), viewers: AtomicU64::new(0), gate: Gate::new() };
        let (sound, made, ended, status) = (Mutex::default(), Mutex::default(), Mutex::default(), Mutex::default());
        Self { rungs: Mutex::new(Arc::new([])), sound, made, ended, demand, status }
    }

    /// The rungs that there are to be, whether or not they are made at present.
    pub fn rungs(&self) -> Arc<[RungRendition]> {
        Arc::clone(&self.rungs.lock())
    }

    /// The rung of that name.
    pub fn find(&self, label: &str) -> Option<RungRendition> {
        self.rungs().iter().find(|rendition| &*rendition.rung.label == label).cloned()
    }

    /// Says which rungs there are to be. Those of a stream that has ended end at once.
    pub fn set_rungs(&self, rungs: Vec<RungRendition>) {
        let before = std::mem::replace(&mut *self.rungs.lock(), rungs.into());
        let now = self.rungs();
        let is_gone = |old: &&RungRendition| now.iter().all(|new| !Arc::ptr_eq(&new.samples, &old.samples));
        before.iter().filter(is_gone).for_each(|gone| gone.samples.end(End::Unpublished));
        if let Some(why) = *self.ended.lock() {
            now.iter().for_each(|rung| rung.samples.end(why));
        }
    }

    /// Where the sound is that is coded anew, whether or not it is made at present; none where the source's is passed on as it is.
    pub fn sound(&self) -> Option<Arc<Channel<Sample>>> {
        self.sound.lock().clone()
    }

    /// Says where the sound is to be found that is coded anew.
    pub fn set_sound(&self, sound: Option<Arc<Channel<Sample>>>) {
        if let Some(why) = *self.ended.lock() {
            sound.iter().for_each(|samples| samples.end(why));
        }
        let before = std::mem::replace(&mut *self.sound.lock(), sound.clone());
        let is_gone = |old: &Arc<Channel<Sample>>| sound.as_ref().is_none_or(|new| !Arc::ptr_eq(new, old));
        before.into_iter().filter(is_gone).for_each(|gone| gone.end(End::Unpublished));
    }

    /// The rungs of which pictures come at present, and the sound.
    pub fn made(&self) -> BTreeSet<TrackId> {
        self.made.lock().clone()
    }

    /// Says of which rungs pictures come at present.
    pub fn set_made(&self, made: BTreeSet<TrackId>) {
        *self.made.lock() = made;
    }

    /// Somebody who does not stay connected watches where rungs are offered.
    pub fn ask(&self, now: Instant) {
        let since = now.saturating_duration_since(self.demand.origin).as_millis() as u64 + 1;
        if self.demand.latest.fetch_max(since, Ordering::AcqRel) == 0 {
            self.demand.gate.ring();
        }
    }

    /// Whether somebody watches, or did so within `linger`.
    pub fn is_wanted(&self, linger: Duration, now: Instant) -> bool {
        let latest = self.demand.latest.load(Ordering::Acquire);
        let since = now.saturating_duration_since(self.demand.origin).as_millis() as u64 + 1;
        self.demand.viewers.load(Ordering::Acquire) > 0 || latest > 0 && since - latest.min(since) <= linger.as_millis() as u64
    }

    /// Forgets who asked, so that the next to ask rings.
    pub fn forget_asked(&self) {
        self.demand.latest.store(0, Ordering::Release);
    }

    /// Waits until somebody comes to watch where nobody did. Cancel safe; one waiter at a time.
    pub async fn asked(&self) {
        self.demand.gate.rung().await;
    }

    /// How it is coming along; none without a maker.
    pub fn status(&self) -> Option<LadderStatus> {
        self.status.lock().clone()
    }

    /// Says how it is coming along.
    pub fn set_status(&self, status: LadderStatus) {
        *self.status.lock() = Some(status);
    }

    pub(super) fn end(&self, why: End) {
        self.ended.lock().get_or_insert(why);
        self.rungs().iter().for_each(|rung| rung.samples.end(why));
        self.sound().iter().for_each(|samples| samples.end(why));
    }
}

impl LadderStatus {
    /// Nothing has been made yet.
    pub fn new() -> Self {
        let (sound, rungs) = (None, Vec::new());
        Self { state: LadderState::Idle, starts: 0, trouble: None, lag_ms: 0, decode_errors: 0, misses: 0, sound, rungs }
    }
}

impl Default for LadderStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl DemandGuard {
    pub(super) fn new(stream: Arc<super::stream::Stream>) -> Self {
        stream.ladder().demand.viewers.fetch_add(1, Ordering::AcqRel);
        stream.ladder().demand.gate.ring();
        Self(stream)
    }
}

impl Drop for DemandGuard {
    fn drop(&mut self) {
        let ladder = self.0.ladder();
        // They are as good as somebody who asks at the moment they leave.
        ladder.ask(Instant::now());
        ladder.demand.viewers.fetch_sub(1, Ordering::AcqRel);
    }
}
