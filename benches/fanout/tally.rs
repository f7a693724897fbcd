//! What the viewers count, all of them together.

use std::collections::BTreeMap;

use crate::check::Fault;

/// Counts and times since [`Tally::begin`]; first keyframes and faults since the start.
#[derive(Debug, Default)]
pub struct Tally {
    began: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Reads that gave something: the receiver's view of the server's writes.
    pub bursts: u64,
    /// Whole answers, where viewers ask again and again.
    pub answers: u64,
    /// Microseconds from publishing to receiving, of each picture sent since the beginning.
    pub delays: Vec<u32>,
    /// The same of each sound.
    pub sound_delays: Vec<u32>,
    /// Microseconds from connecting to the first whole keyframe.
    pub first_keys: Vec<u32>,
    /// Pictures never received.
    pub missing: u64,
    /// Times that pictures were missing.
    pub skips: u64,
    /// What went wrong, and how many viewers it struck.
    pub faults: BTreeMap<String, u64>,
}

/// Three points of a distribution, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Tally {
    /// The measured interval begins now.
    pub fn begin(&mut self, now: u64) {
        *self = Self {
            began: now,
            first_keys: std::mem::take(&mut self.first_keys),
            faults: std::mem::take(&mut self.faults),
            ..Self::default()
        };
    }

    /// One read gave so many bytes.
    pub fn burst(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.bursts += 1;
    }

    /// A picture came. What was published before the interval, as a joiner's first pictures are, says nothing of the delay.
    pub fn picture(&mut self, sent: u64, now: u64, missing: u64) {
        self.missing += missing;
        self.skips += u64::from(missing > 0);
        if self.counts(sent) {
            self.delays.push(micros(now.saturating_sub(sent)));
        }
    }

    /// A sound came.
    pub fn sound(&mut self, sent: u64, now: u64) {
        if self.counts(sent) {
            self.sound_delays.push(micros(now.saturating_sub(sent)));
        }
    }

    fn counts(&self, sent: u64) -> bool {
        self.began > 0 && sent >= self.began
    }

    /// A viewer saw its first keyframe after so many nanoseconds.
    pub fn first_key(&mut self, nanos: u64) {
        self.first_keys.push(micros(nanos));
    }

    /// Something went wrong with a viewer.
    pub fn fault(&mut self, fault: &Fault) {
        *self.faults.entry(fault.to_string()).or_default() += 1;
    }
}

impl Spread {
    /// Of so many microseconds each; `None` of nothing.
    pub fn of(micros: &mut [u32]) -> Option<Self> {
        micros.sort_unstable();
        let last = micros.len().checked_sub(1)?;
        let at = |percent: usize| micros.get(last * percent / 100).map(|micros| f64::from(*micros) / 1000.0);
        Some(Self { p50: at(50)?, p99: at(99)?, max: at(100)? })
    }
}

fn micros(nanos: u64) -> u32 {
    u32::try_from(nanos / 1000).unwrap_or(u32::MAX)
}
