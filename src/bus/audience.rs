//! Viewers who come and go with each request, as players of playlists and manifests do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a viewer is counted after its last request: longer than players let pass between two of them.
const PRESENCE: Duration = Duration::from_secs(15);
/// Most viewers told apart, so that forged identities cannot fill the memory; beyond it the count stands still.
const MOST: usize = 100_000;

/// Who asked within the last while. Only an estimate: viewers behind one address with equal players are one.
#[derive(Debug, Default)]
pub(super) struct Audience {
    seen: HashMap<u64, Instant>,
    pruned: Option<Instant>,
}

impl Audience {
    /// Notes a request of the viewer with that identity.
    pub(super) fn note(&mut self, viewer: u64, now: Instant) {
        self.prune(now);
        if self.seen.len() < MOST || self.seen.contains_key(&viewer) {
            self.seen.insert(viewer, now);
        }
    }

    /// Viewers right now.
    pub(super) fn count(&self, now: Instant) -> u64 {
        self.seen.values().filter(|last| now.saturating_duration_since(**last) < PRESENCE).count() as u64
    }

    /// Forgets those who left, now and then.
    fn prune(&mut self, now: Instant) {
        if self.pruned.is_some_and(|last| now.saturating_duration_since(last) < PRESENCE) {
            return;
        }
        self.pruned = Some(now);
        self.seen.retain(|_, last| now.saturating_duration_since(*last) < PRESENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_counts_once_and_until_a_while_after_its_last_request() {
        let (mut audience, start) = (Audience::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        audience.note(1, at(0));
        audience.note(1, at(2));
        audience.note(2, at(3));
        assert_eq!(audience.count(at(4)), 2);
        assert_eq!(audience.count(at(17)), 1);
        assert_eq!(audience.count(at(18)), 0);
        audience.note(3, at(40));
        assert_eq!(audience.seen.len(), 1, "those who left are forgotten");
    }

    #[test]
    fn forged_identities_do_not_grow_without_bound() {
        let (mut audience, now) = (Audience::default(), Instant::now());
        (0..MOST as u64 + 10).for_each(|viewer| audience.note(viewer, now));
        assert_eq!(audience.count(now), MOST as u64);
    }
}
