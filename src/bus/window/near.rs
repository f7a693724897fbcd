//! The newest entries once more, for the readers of one worker: they ask the window once for all of them, so that a publisher hardly ever
//! finds it locked, however many readers there are.

use std::collections::VecDeque;

use super::{Budget, Cursor, End, Entry, Read, Seq, Window};

/// Most entries kept: more than the budget of one read. A reader further behind asks the window.
const MOST: usize = 128;

/// A copy of a window's newest entries, all of them under the newest head.
#[derive(Debug)]
pub struct Near<T: Entry> {
    entries: VecDeque<T>,
    /// Number of the first entry kept.
    base: Seq,
    /// That of the head in force; 0 before there is one.
    generation: u64,
    end: Option<End>,
}

impl<T: Entry> Default for Near<T> {
    /// Nothing yet.
    fn default() -> Self {
        Self { entries: VecDeque::new(), base: Seq(0), generation: 0, end: None }
    }
}

impl<T: Entry> Near<T> {
    /// Takes over what is new.
    pub fn refresh(&mut self, window: &Window<T>) {
        let Some(mark) = window.heads.back() else { return };
        let newest = window.next_seq();
        let oldest = mark.from.max(window.base).max(Seq(newest.0.saturating_sub(MOST as u64)));
        if self.generation != mark.generation || self.next_seq() < oldest {
            self.entries.clear();
            (self.base, self.generation) = (oldest, mark.generation);
        }
        let known = (self.next_seq().0 - window.base.0) as usize;
        self.entries.extend(window.entries.range(known..).cloned());
        while self.entries.len() > MOST {
            self.entries.pop_front();
            self.base.0 += 1;
        }
        self.end = window.end;
    }

    /// [`Window::visit`] for a reader that is near; none for one that has to ask the window: it joins, was overtaken, is behind, or has not
    /// got the newest head.
    pub fn visit(&self, cursor: &mut Cursor, budget: Budget, each: impl FnMut(&T)) -> Option<Read<T>> {
        let is_plain = !cursor.seeks_sync && cursor.pending.is_none() && cursor.generation == self.generation;
        if !is_plain || cursor.next < self.base || cursor.next > self.next_seq() {
            return None;
        }
        let ahead = self.entries.range((cursor.next.0 - self.base.0) as usize..);
        if cursor.pass(ahead, budget, each) {
            return Some(Read::Batch);
        }
        Some(self.end.map_or(Read::Empty, Read::End))
    }

    /// Whether a reader that was served here has all there is, and more may come.
    pub fn is_drained(&self, cursor: &Cursor) -> bool {
        cursor.next == self.next_seq() && self.end.is_none()
    }

    fn next_seq(&self) -> Seq {
        Seq(self.base.0 + self.entries.len() as u64)
    }
}
