//! What goes wrong with the disk: counted each time, told now and then.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The same trouble is told again after this time.
const REPEAT: Duration = Duration::from_secs(600);

/// How often the disk has failed since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Errors {
    /// Segments that could not be written; each is tried again while it is in memory.
    pub writes: u64,
    /// Reads on behalf of viewers.
    pub reads: u64,
    /// Files that could not be removed.
    pub removals: u64,
}

#[derive(Debug, Default)]
pub(super) struct Health {
    writes: Trouble,
    reads: Trouble,
    removals: Trouble,
    full: Trouble,
}

/// One kind of trouble.
#[derive(Debug, Default)]
struct Trouble {
    count: AtomicU64,
    told: Mutex<Option<Instant>>,
    /// Whether it was told and is not over.
    lasts: AtomicBool,
}

impl Trouble {
    /// Counts it. Returns whether it should be told.
    fn note(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock();
        let tell = told.is_none_or(|at| at.elapsed() >= REPEAT);
        if tell {
            *told = Some(Instant::now());
            self.lasts.store(true, Ordering::Relaxed);
        }
        tell
    }

    /// Returns whether its end should be told.
    fn is_over(&self) -> bool {
        self.lasts.load(Ordering::Relaxed) && self.lasts.swap(false, Ordering::Relaxed)
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Health {
    pub fn errors(&self) -> Errors {
        Errors { writes: self.writes.count() + self.full.count(), reads: self.reads.count(), removals: self.removals.count() }
    }

    pub fn write_failed(&self, error: &io::Error) {
        if self.writes.note() {
            tracing::warn!(
                %error,
                "the spool cannot be written: segments stay in memory, and the oldest are forgotten when segments.memory_bytes is reached; \
                 it is tried again and again"
            );
        }
    }

    /// The disk has no room beside `used` bytes of ours.
    pub fn is_full(&self, used: u64) {
        if self.full.note() {
            tracing::warn!(
                used_bytes = used,
                "the disk of the spool is full: make room there, or lower segments.spool_bytes; meanwhile the oldest segments make room for new ones"
            );
        }
    }

    pub fn written(&self) {
        if self.writes.is_over() | self.full.is_over() {
            tracing::info!("the spool is written again");
        }
    }

    pub fn read_failed(&self, error: &io::Error) {
        if self.reads.note() {
            tracing::warn!(%error, "segments in the spool cannot be read: viewers who ask for them are refused");
        }
    }

    pub fn remove_failed(&self, error: &io::Error) {
        if self.removals.note() {
            tracing::warn!(%error, "files of the spool cannot be removed: their room stays taken until the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_counted_each_time_and_told_once_with_its_end() {
        let trouble = Trouble::default();
        assert!(!trouble.is_over());
        assert!(trouble.note() && !trouble.note());
        assert!(trouble.is_over() && !trouble.is_over());
        assert!(!trouble.note() && !trouble.is_over(), "what was not told need not be told to be over");
        *trouble.told.lock() = Instant::now().checked_sub(REPEAT);
        assert!(trouble.note());
        assert_eq!(trouble.count(), 4);
    }
}
