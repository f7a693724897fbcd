//! What a stream's segments take up, and their way to the spool.

use std::sync::Arc;

use crate::segment::body::Spooled;
use crate::segment::snapshot::Slot;
use crate::segment::window::Limits;

use super::Segmenter;

impl Segmenter {
    /// Changes what may be held, from the next segment or tick on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.presentation.set_limits(limits);
    }

    /// The oldest slot that should leave memory for the spool; each is given once.
    pub fn offer(&mut self) -> Option<Arc<Slot>> {
        self.presentation.window().offer()
    }

    /// A slot that was offered lies in the spool. Snapshots show it from the next change on.
    pub fn spooled(&mut self, spooled: &Spooled) {
        self.presentation.window().spooled(spooled);
    }

    /// Bytes in memory: of segments, whole or in progress, and of samples that wait.
    pub fn held(&self) -> u64 {
        let lanes = self.lanes.iter().map(|lane| (lane.bytes() + lane.queue.bytes()) as u64);
        let pending = self.pending.iter().flat_map(|slot| &slot.segments).map(|segment| segment.body.len() as u64);
        self.presentation.held() + lanes.chain(pending).sum::<u64>()
    }
}
