//! Samples that wait for their place.

use std::collections::VecDeque;

use crate::media::{Sample, Timestamp, WallClock};

/// A sample that waits, and when it arrived.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub sample: Sample,
    pub arrived: WallClock,
}

/// Samples of one track that wait, in order of decoding.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl Queue {
    pub fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.sample.data.len();
        self.waiting.push_back(waiting);
    }

    pub fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.bytes -= waiting.sample.data.len();
        Some(waiting)
    }

    /// Lets go of all of them; returns how many there were.
    pub fn clear(&mut self) -> u64 {
        std::mem::take(self).waiting.len() as u64
    }

    /// Takes those out that are decoded from then on, or all.
    pub fn split_off(&mut self, from: Option<Timestamp>) -> VecDeque<Waiting> {
        let at = self.waiting.partition_point(|waiting| from.is_some_and(|from| waiting.sample.dts < from));
        let after = self.waiting.split_off(at);
        self.bytes -= after.iter().map(|waiting| waiting.sample.data.len()).sum::<usize>();
        after
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// From the oldest on.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.waiting.iter().map(|waiting| &waiting.sample)
    }
}
