//! Keeps a flood of connections out of the log, which lives on the same machine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Between two summaries.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Lines about connections that came to nothing that are written in each interval: enough to see what an encoder of one's own does wrong,
/// beside whoever scans the port.
const EACH: u64 = 20;

/// Counts what is told of connections that never published or played. Those that did are always told of.
#[derive(Debug, Default)]
pub(super) struct Notices {
    this_interval: AtomicU64,
}

impl Notices {
    /// Whether one more line may be written, or it shall only be counted.
    pub fn admit(&self) -> bool {
        self.this_interval.fetch_add(1, Ordering::Relaxed) < EACH
    }

    /// Begins a new interval, and tells how much the last one left out. To be called once every [`INTERVAL`].
    pub fn sum_up(&self) {
        let untold = self.begin_anew();
        if untold > 0 {
            tracing::warn!(untold, "more connections came to nothing than are told one by one (at debug they are)");
        }
    }

    fn begin_anew(&self) -> u64 {
        self.this_interval.swap(0, Ordering::Relaxed).saturating_sub(EACH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_told_and_the_rest_is_counted_anew_each_time() {
        let notices = Notices::default();
        assert_eq!((0..1_000).filter(|_| notices.admit()).count() as u64, EACH);
        assert_eq!(notices.begin_anew(), 1_000 - EACH);
        assert!(notices.admit());
        assert_eq!(notices.begin_anew(), 0);
    }
}
