//! One viewer who stays connected, as an operator sees it: written by whoever serves it, read by the API.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::media::{Span, Timestamp};

/// Nothing was given yet.
const NOTHING: i64 = i64::MIN;

/// What is told of one viewer. A few counters, so that to tell of thousands costs those who serve them nothing.
#[derive(Debug)]
pub struct Viewing {
    exit: &'static str,
    address: Option<SocketAddr>,
    since: Instant,
    bytes: AtomicU64,
    skips: AtomicU64,
    skipped_entries: AtomicU64,
    joined_behind_ms: AtomicI64,
    given_ms: AtomicI64,
}

impl Viewing {
    /// One who begins to watch by `exit`, a protocol's name, from an address that may not be known.
    pub fn new(exit: &'static str, address: Option<SocketAddr>, now: Instant) -> Self {
        Self {
            exit,
            address,
            since: now,
            bytes: AtomicU64::new(0),
            skips: AtomicU64::new(0),
            skipped_entries: AtomicU64::new(0),
            joined_behind_ms: AtomicI64::new(0),
            given_ms: AtomicI64::new(NOTHING),
        }
    }

    /// The protocol's name.
    pub fn exit(&self) -> &'static str {
        self.exit
    }

    /// The viewer's end of the connection, where it is known.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// How long it has been watching.
    pub fn lasts(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Notes that its connection took `bytes`.
    pub fn note_sent(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that it joined so far behind the newest entry.
    pub fn note_joined(&self, behind: Span) {
        self.joined_behind_ms.store(behind.millis(), Ordering::Relaxed);
    }

    /// Notes that media up to this moment were given to its connection.
    pub fn note_given(&self, newest: Timestamp) {
        self.given_ms.store(newest.millis(), Ordering::Relaxed);
    }

    /// Notes that it was led past `entries` to a newer sync.
    pub fn note_skip(&self, entries: u64) {
        self.skips.fetch_add(1, Ordering::Relaxed);
        self.skipped_entries.fetch_add(entries, Ordering::Relaxed);
    }

    /// Bytes that its connection took.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often it was led to a newer sync.
    pub fn skips(&self) -> u64 {
        self.skips.load(Ordering::Relaxed)
    }

    /// Entries that it never got for that.
    pub fn skipped_entries(&self) -> u64 {
        self.skipped_entries.load(Ordering::Relaxed)
    }

    /// Milliseconds of media that there were when it joined: how old the picture was that it began with, which a player keeps as its
    /// delay unless it plays faster or jumps.
    pub fn joined_behind_ms(&self) -> i64 {
        self.joined_behind_ms.load(Ordering::Relaxed)
    }

    /// Milliseconds of media up to `newest` that were not yet given to its connection; none before it got any. What the connection still
    /// holds is not in it.
    pub fn behind_ms(&self, newest: Timestamp) -> Option<i64> {
        let given = self.given_ms.load(Ordering::Relaxed);
        (given != NOTHING).then(|| newest.millis().saturating_sub(given).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_is_behind_by_what_it_was_not_given() {
        let viewing = Viewing::new("test", None, Instant::now());
        let newest = Timestamp::from_millis(5_000);
        assert_eq!(viewing.behind_ms(newest), None);
        viewing.note_given(Timestamp::from_millis(3_500));
        assert_eq!(viewing.behind_ms(newest), Some(1_500));
        assert_eq!(viewing.behind_ms(Timestamp::from_millis(3_000)), Some(0), "the newest was looked at before");
    }
}
