//! What the threads tell of themselves: counters, and how far the work is.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sluicegate::transcode::report::{Report, RungReport, SoundReport};

/// When a frame came in, and how far the source had got by then.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// Nanoseconds of the source's timeline: the latest presentation time so far.
    pub reached: i64,
    pub arrived: Instant,
}

/// Shared by all threads. Nothing here orders memory: each number stands for itself.
pub struct Gauges {
    /// The latest presentation time that came in, in nanoseconds.
    reached: AtomicI64,
    /// Bytes that wait for the decoder.
    pub queued_bytes: AtomicU64,
    pub frames_in: AtomicU64,
    pub decoded: AtomicU64,
    pub decode_errors: AtomicU64,
    /// Frames of sound that went out.
    pub sound_frames: AtomicU64,
    /// Frames of the source's sound that went wrong.
    pub sound_errors: AtomicU64,
    /// Width and height in the halves.
    size: AtomicU64,
    /// The longest way of a frame since the last report, in milliseconds.
    lag_ms: AtomicU64,
    /// Set by the governor: the decoder passes over the rest of the GOP.
    pub skips: AtomicBool,
    pub decoder: Stage,
    pub scaler: Stage,
    pub rungs: Vec<RungGauge>,
}

/// One rung's.
#[derive(Default)]
pub struct RungGauge {
    pub stage: Stage,
    pub frames: AtomicU64,
    pub bytes: AtomicU64,
    pub dropped: AtomicU64,
    pub sheds: AtomicU64,
    /// Set by the governor, and for good where no encoder can be opened.
    pub shed: AtomicBool,
    pub encoder: Mutex<&'static str>,
}

/// What a thread works at: the mark's `reached`, or [`IDLE`].
pub struct Stage(AtomicI64);

const IDLE: i64 = i64::MAX;
const NANOS_PER_MILLI: i64 = 1_000_000;

impl Default for Stage {
    fn default() -> Self {
        Self(AtomicI64::new(IDLE))
    }
}

impl Stage {
    pub fn begin(&self, mark: Mark) {
        self.0.store(mark.reached, Ordering::Relaxed);
    }

    pub fn end(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

impl RungGauge {
    pub fn is_shed(&self) -> bool {
        self.shed.load(Ordering::Relaxed)
    }

    pub fn drop_frame(&self) {
        add(&self.dropped, 1);
    }
}

impl Gauges {
    pub fn new(rungs: usize) -> Self {
        Self {
            reached: AtomicI64::new(i64::MIN),
            queued_bytes: AtomicU64::new(0),
            frames_in: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
            decode_errors: AtomicU64::new(0),
            sound_frames: AtomicU64::new(0),
            sound_errors: AtomicU64::new(0),
            size: AtomicU64::new(0),
            lag_ms: AtomicU64::new(0),
            skips: AtomicBool::new(false),
            decoder: Stage::default(),
            scaler: Stage::default(),
            rungs: (0..rungs).map(|_| RungGauge::default()).collect(),
        }
    }

    /// A frame came in.
    pub fn mark(&self, pts: i64) -> Mark {
        add(&self.frames_in, 1);
        let reached = self.reached.fetch_max(pts, Ordering::Relaxed).max(pts);
        Mark { reached, arrived: Instant::now() }
    }

    /// A frame went out.
    pub fn went_out(&self, rung: usize, bytes: usize, arrived: Instant) {
        add(&self.rungs[rung].frames, 1);
        add(&self.rungs[rung].bytes, bytes as u64);
        self.lag_ms.fetch_max(arrived.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    pub fn set_size(&self, width: u32, height: u32) {
        self.size.store(u64::from(width) << 32 | u64::from(height), Ordering::Relaxed);
    }

    /// Milliseconds of media between what came in last and the oldest that is being worked at.
    pub fn behind_ms(&self) -> u64 {
        let reached = self.reached.load(Ordering::Relaxed);
        let stages = [&self.decoder, &self.scaler].into_iter().chain(self.rungs.iter().map(|rung| &rung.stage));
        let oldest = stages.map(|stage| stage.0.load(Ordering::Relaxed)).min().unwrap_or(IDLE);
        reached.saturating_sub(oldest).max(0) as u64 / NANOS_PER_MILLI as u64
    }

    /// All of it, for the gateway.
    pub fn report(&self) -> Report {
        let size = self.size.load(Ordering::Relaxed);
        let rung = |gauge: &RungGauge| RungReport {
            frames: get(&gauge.frames),
            bytes: get(&gauge.bytes),
            dropped: get(&gauge.dropped),
            shed: gauge.is_shed(),
            sheds: get(&gauge.sheds),
            encoder: (*gauge.encoder.lock().unwrap_or_else(PoisonError::into_inner)).to_owned(),
        };
        Report {
            lag_ms: self.lag_ms.swap(0, Ordering::Relaxed),
            behind_ms: self.behind_ms(),
            frames_in: get(&self.frames_in),
            decoded: get(&self.decoded),
            decode_errors: get(&self.decode_errors),
            size: ((size >> 32) as u32, size as u32),
            sound: SoundReport { frames: get(&self.sound_frames), decode_errors: get(&self.sound_errors) },
            rungs: self.rungs.iter().map(rung).collect(),
        }
    }
}

pub fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
