//! A long run of slots that costs next to nothing to copy, so that a snapshot of hours of media is no dearer than one of seconds.

use std::ops::Index;
use std::slice;
use std::sync::Arc;

use super::snapshot::{MediaSequence, Slot};
use crate::media::Timestamp;

/// Slots that share one allocation: a change copies the pointers of one chunk, and one pointer for each of the others.
const CHUNK: usize = 64;

type Chunk = Arc<Vec<Arc<Slot>>>;

/// Slots in order of their numbers, without holes. Copies share what they hold and never see each other's changes.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// None is empty; all but the first and the last are full.
    chunks: Arc<Vec<Chunk>>,
    len: usize,
}

impl Slots {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slot at that place, counted from 0.
    pub fn get(&self, at: usize) -> Option<&Arc<Slot>> {
        let (chunk, at) = self.place(at);
        self.chunks.get(chunk)?.get(at)
    }

    /// The slot of that number.
    pub fn find(&self, msn: MediaSequence) -> Option<&Arc<Slot>> {
        self.get(self.position(msn)?)
    }

    /// The first, which is the oldest.
    pub fn first(&self) -> Option<&Arc<Slot>> {
        self.chunks.first()?.first()
    }

    /// The last, which is the newest.
    pub fn last(&self) -> Option<&Arc<Slot>> {
        self.chunks.last()?.last()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> Iter<'_> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Those that begin at that media time or later.
    pub fn since(&self, time: Timestamp) -> impl Iterator<Item = &Arc<Slot>> {
        let (mut from, mut to) = (0, self.len);
        while from < to {
            let middle = from.midpoint(to);
            if self[middle].start < time { from = middle + 1 } else { to = middle }
        }
        (from..self.len).map(|at| &self[at])
    }

    /// Appends a slot.
    pub(super) fn push(&mut self, slot: Arc<Slot>) {
        debug_assert!(self.last().is_none_or(|last| last.msn.next() == slot.msn), "slots are numbered without holes");
        self.len += 1;
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).push(slot),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(slot);
                chunks.push(Arc::new(chunk));
            }
        }
    }

    /// Takes the oldest away.
    pub(super) fn pop(&mut self) -> Option<Arc<Slot>> {
        let chunks = Arc::make_mut(&mut self.chunks);
        let first = Arc::make_mut(chunks.first_mut()?);
        let slot = first.remove(0);
        if first.is_empty() {
            chunks.remove(0);
        }
        self.len -= 1;
        Some(slot)
    }

    /// Puts a slot in the place of the one with its number. False where there is none.
    pub(super) fn replace(&mut self, slot: Arc<Slot>) -> bool {
        let Some(position) = self.position(slot.msn) else { return false };
        let (chunk, at) = self.place(position);
        Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[chunk])[at] = slot;
        true
    }

    fn position(&self, msn: MediaSequence) -> Option<usize> {
        let position = usize::try_from(msn.0.checked_sub(self.first()?.msn.0)?).ok()?;
        (position < self.len).then_some(position)
    }

    /// Which chunk, and where in it.
    fn place(&self, at: usize) -> (usize, usize) {
        let first = self.chunks.first().map_or(0, |chunk| chunk.len());
        match at.checked_sub(first) {
            None => (0, at),
            Some(behind) => (1 + behind / CHUNK, behind % CHUNK),
        }
    }
}

/// Slots, oldest first.
pub type Iter<'a> = std::iter::FlatMap<slice::Iter<'a, Chunk>, slice::Iter<'a, Arc<Slot>>, fn(&'a Chunk) -> slice::Iter<'a, Arc<Slot>>>;

impl<'a> IntoIterator for &'a Slots {
    type Item = &'a Arc<Slot>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<Arc<Slot>> for Slots {
    fn from_iter<I: IntoIterator<Item = Arc<Slot>>>(slots: I) -> Self {
        let mut all = Self::default();
        slots.into_iter().for_each(|slot| all.push(slot));
        all
    }
}

impl Index<usize> for Slots {
    type Output = Arc<Slot>;

    fn index(&self, at: usize) -> &Arc<Slot> {
        self.get(at).expect("the place is one of those that there are")
    }
}

impl PartialEq for Slots {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::media::{Span, Timestamp, WallClock};

    use super::*;

    fn slot(n: u64, discontinuity: bool) -> Arc<Slot> {
        let (start, wall) = (Timestamp::from_millis(0), WallClock::from_unix_millis(0));
        Arc::new(Slot { msn: MediaSequence(n), start, wall, duration: Span::ZERO, discontinuity, period: None, segments: Vec::new() })
    }

    proptest! {
        /// Whatever is done, it is as a plain list would have it, and copies stay as they were.
        #[test]
        fn slots_behave_like_a_list(steps in proptest::collection::vec((0..4_u8, 0..300_usize), 0..600), first in 0..5_u64) {
            let (mut slots, mut list, mut next) = (Slots::default(), Vec::new(), first);
            let mut copies = Vec::new();
            for (step, at) in steps {
                match step {
                    0 | 1 => {
                        slots.push(slot(next, false));
                        list.push(slot(next, false));
                        next += 1;
                    }
                    2 => {
                        let oldest = if list.is_empty() { None } else { Some(list.remove(0)) };
                        prop_assert_eq!(slots.pop(), oldest);
                    }
                    _ => {
                        let other = slot(first + at as u64, true);
                        let there = list.iter().position(|slot| slot.msn == other.msn);
                        prop_assert_eq!(slots.replace(Arc::clone(&other)), there.is_some());
                        there.into_iter().for_each(|there| list[there] = Arc::clone(&other));
                    }
                }
                if at % 50 == 0 {
                    copies.push((slots.clone(), list.clone()));
                }
                prop_assert_eq!((slots.len(), slots.is_empty()), (list.len(), list.is_empty()));
                prop_assert_eq!((slots.first(), slots.last(), slots.get(at)), (list.first(), list.last(), list.get(at)));
                let msn = MediaSequence(at as u64);
                prop_assert_eq!(slots.find(msn), list.iter().find(|slot| slot.msn == msn));
            }
            copies.push((slots, list));
            for (slots, list) in copies {
                prop_assert!(slots.iter().eq(&list) && slots.iter().rev().eq(list.iter().rev()));
                prop_assert_eq!(list.into_iter().collect::<Slots>(), slots);
            }
        }
    }
}
