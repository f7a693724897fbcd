//! What a window's slots take up, in memory and in the spool.

use std::collections::VecDeque;

use crate::segment::body::Spooled;
use crate::segment::snapshot::{MediaSequence, Slot, Usage};

/// Counts bytes, and remembers which slots are on their way to the spool.
#[derive(Debug, Default)]
pub(super) struct Stock {
    memory: u64,
    /// No slot before it is in memory.
    oldest: MediaSequence,
    /// No slot before it is still to be offered.
    unoffered: MediaSequence,
    /// Slots that were offered and are still in memory, with their bytes.
    offered: VecDeque<(MediaSequence, u64)>,
    /// The files of the spool that hold slots of this window, oldest first.
    volumes: VecDeque<Volume>,
    spooled: u64,
    spooled_slots: usize,
}

/// A file of the spool goes when all of its slots are gone.
#[derive(Debug)]
struct Volume {
    number: u64,
    bytes: u64,
    last: MediaSequence,
}

impl Stock {
    pub fn usage(&self) -> Usage {
        Usage { memory: self.memory, spooled: self.spooled, spooled_segments: self.spooled_slots }
    }

    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Bytes in memory, without those on their way to the spool.
    pub fn to_leave(&self) -> u64 {
        self.memory - self.offered.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }

    pub fn added(&mut self, slot: &Slot) {
        self.memory += slot.in_memory();
    }

    pub fn exchanged(&mut self, before: &Slot, after: &Slot) {
        self.memory = self.memory - before.in_memory() + after.in_memory();
        if after.in_memory() == 0 {
            self.taken(after.msn);
        }
    }

    pub fn removed(&mut self, slot: &Slot) {
        self.memory -= slot.in_memory();
        self.taken(slot.msn);
        self.spooled_slots -= usize::from(slot.is_spooled());
        while let Some(volume) = self.volumes.pop_front_if(|volume| volume.last <= slot.msn) {
            self.spooled -= volume.bytes;
        }
    }

    /// The slot to look at next, where `first` is the oldest that there is.
    pub fn next_offer(&mut self, first: MediaSequence) -> MediaSequence {
        self.unoffered = self.unoffered.max(first);
        self.unoffered
    }

    /// That slot is on its way to the spool; false where there is nothing of it to be moved.
    pub fn offered(&mut self, slot: &Slot) -> bool {
        self.unoffered = slot.msn.next();
        let bytes = slot.in_memory();
        if bytes > 0 {
            self.offered.push_back((slot.msn, bytes));
        }
        bytes > 0
    }

    /// That slot is no longer on its way.
    pub fn taken(&mut self, msn: MediaSequence) {
        self.offered.retain(|(offered, _)| *offered != msn);
    }

    /// A slot came to lie there.
    pub fn spooled(&mut self, spooled: &Spooled) {
        self.spooled_slots += 1;
        for place in &spooled.places {
            let (number, bytes) = (place.volume.number(), place.length as u64);
            self.spooled += bytes;
            match self.volumes.back_mut().filter(|volume| volume.number == number) {
                Some(volume) => (volume.bytes, volume.last) = (volume.bytes + bytes, spooled.msn),
                None => self.volumes.push_back(Volume { number, bytes, last: spooled.msn }),
            }
        }
    }

    /// The last slot of the oldest file, where there are more bytes in the spool than that.
    pub fn excess(&self, limit: u64) -> Option<MediaSequence> {
        self.volumes.front().filter(|_| self.spooled > limit).map(|volume| volume.last)
    }

    /// No slot before this one is in memory.
    pub fn oldest_in_memory(&self) -> MediaSequence {
        self.oldest
    }

    pub fn none_in_memory_before(&mut self, msn: MediaSequence) {
        self.oldest = msn;
    }
}
