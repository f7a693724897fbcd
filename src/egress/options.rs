//! What an operator can set about the way out, and what is counted on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::media::Span;

/// How viewers of endless exits are served.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Media time in milliseconds that a viewer may fall behind, beyond its delay at joining, before it skips to the newest sync.
    pub max_lag_ms: u32,
    /// Seconds without a byte taken, while there is something to take, after which a viewer is disconnected.
    pub stuck_s: u32,
    /// Longest time in milliseconds that a busy worker gathers media before it writes, which it does behind the last picture that comes
    /// within it; 0 always writes at once.
    pub merge_max_ms: u32,
    /// Time in milliseconds that even a worker at ease gathers media before it writes: spends delay to save CPU time.
    pub merge_min_ms: u32,
    /// KiB that may wait unsent in a viewer's socket: more hides from the gateway that a viewer is slow.
    pub unsent_kib: u32,
    /// Seconds between pings to viewers who can answer: those of WebSocket always, players of RTMP where nothing else flows.
    pub ping_s: u32,
    /// Seconds that such a viewer may take to answer a ping.
    pub pong_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_lag_ms: 2_000, stuck_s: 10, merge_max_ms: 100, merge_min_ms: 0, unsent_kib: 128, ping_s: 20, pong_s: 20 }
    }
}

impl Options {
    /// See [`Options::stuck_s`].
    pub fn stuck(&self) -> Duration {
        Duration::from_secs(self.stuck_s.into())
    }

    /// See [`Options::max_lag_ms`].
    pub fn max_lag(&self) -> Span {
        Span::from_millis(self.max_lag_ms.into())
    }

    /// See [`Options::merge_min_ms`]; never longer than [`Options::merge_max`].
    pub fn merge_min(&self) -> Duration {
        Duration::from_millis(self.merge_min_ms.min(self.merge_max_ms).into())
    }

    /// See [`Options::merge_max_ms`].
    pub fn merge_max(&self) -> Duration {
        Duration::from_millis(self.merge_max_ms.into())
    }
}

/// The options with the counters of everything they govern, shared by all viewers.
#[derive(Debug, Default)]
pub struct Policy {
    /// What the operator set.
    pub options: Options,
    /// What happened.
    pub counters: Counters,
}

impl Policy {
    /// A policy with all counters at zero.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self { options, counters: Counters::default() })
    }
}

/// Totals since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes given to sockets.
    pub bytes: Counter,
    /// Of these, bytes sent from memory that many viewers share, without a copy for each.
    pub shared: Counter,
    /// Writes that took at least a byte.
    pub writes: Counter,
    /// How often viewers skipped to a newer sync.
    pub skips: Counter,
    /// Entries that skipping viewers never got.
    pub skipped_entries: Counter,
    /// Viewers disconnected because they took nothing for too long.
    pub stuck: Counter,
    /// Viewers disconnected because a ping was not answered.
    pub silent: Counter,
    /// Viewers disconnected because of what they sent.
    pub misbehaved: Counter,
    /// Sweeps over the viewers of rung channels.
    pub sweeps: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
