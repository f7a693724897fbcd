//! A bounded ring of entries, and the cursors that read it. Pure: no lock, no waker, no clock.

mod near;
mod terms;

use std::collections::VecDeque;
use std::sync::Arc;

pub use near::Near;
pub use terms::{Bounds, Budget, Cause, End, Entry, From, Lag, Read, Seq, Why};

use crate::media::{Span, Timestamp};

/// A reader's place in a window. Only a cursor: the reader owns no queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    next: Seq,
    /// Generation of the head last delivered.
    generation: u64,
    /// A reason to deliver the head again, beside a newer generation.
    pending: Option<Why>,
    /// Entries are passed over until one joins.
    seeks_sync: bool,
    /// Time of the last entry passed, to tell how much was skipped.
    time: Option<Timestamp>,
}

/// A bounded ring of entries with the heads that are in force over them.
#[derive(Debug)]
pub struct Window<T: Entry> {
    bounds: Bounds,
    entries: VecDeque<T>,
    /// Number of the first entry kept.
    base: Seq,
    bytes: usize,
    heads: VecDeque<HeadMark<T::Head>>,
    newest_sync: Option<Seq>,
    /// Time of the newest entry of the leading track.
    led: Option<Timestamp>,
    follow: Option<Span>,
    truncated: u64,
    end: Option<End>,
}

#[derive(Debug)]
struct HeadMark<H> {
    from: Seq,
    generation: u64,
    head: Arc<H>,
    why: Why,
}

impl<T: Entry> Window<T> {
    /// An empty window. Readers find nothing until a head is set.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            entries: VecDeque::new(),
            base: Seq(0),
            bytes: 0,
            heads: VecDeque::new(),
            newest_sync: None,
            led: None,
            follow: None,
            truncated: 0,
            end: None,
        }
    }

    /// Puts `head` in force from the next entry on.
    pub fn set_head(&mut self, head: Arc<T::Head>, why: Why) {
        let from = self.next_seq();
        let generation = self.heads.back().map_or(1, |mark| mark.generation + 1);
        // Two heads with no entry between them are one change: the stronger reason stands.
        let why = match self.heads.back() {
            Some(last) if last.from == from => last.why.or_stronger(why),
            _ => why,
        };
        if self.heads.back().is_some_and(|last| last.from == from) {
            self.heads.pop_back();
        }
        self.heads.push_back(HeadMark { from, generation, head, why });
        // Another track may lead now.
        (self.led, self.follow) = (None, None);
    }

    /// The head in force for the next entry.
    pub fn head(&self) -> Option<&Arc<T::Head>> {
        self.heads.back().map(|mark| &mark.head)
    }

    /// How much is kept.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Appends an entry and lets go of what the bounds no longer hold.
    pub fn push(&mut self, entry: T) -> Seq {
        let seq = self.next_seq();
        let leads = self.heads.back().is_some_and(|mark| entry.leads(&mark.head));
        if leads && entry.is_sync() {
            self.newest_sync = Some(seq);
        }
        self.follow = None;
        if leads {
            let before = self.led.replace(entry.time());
            self.follow = before.map(|before| entry.time().since(before)).filter(|gap| *gap > Span::ZERO);
        }
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        self.evict();
        seq
    }

    /// How long after the newest entry the next of the leading track is due, by the last two of it; none where the newest is of another.
    pub fn follow(&self) -> Option<Span> {
        self.follow
    }

    /// Ends the window; readers drain what is left and then learn why. The first reason stands.
    pub fn end(&mut self, why: End) {
        self.end.get_or_insert(why);
    }

    /// Why the window ended, once it has.
    pub fn ended(&self) -> Option<End> {
        self.end
    }

    /// A cursor for a new reader.
    pub fn join(&self, from: From) -> Cursor {
        let next = match from {
            From::NewestSync => self.newest_sync.unwrap_or(self.next_seq()),
            From::NextSync => self.next_seq(),
        };
        Cursor { next, generation: 0, pending: Some(Why::Joined), seeks_sync: true, time: None }
    }

    /// Reads on from `cursor`: one head, or entries up to the next head and within `budget`, appended to `out`.
    pub fn read(&self, cursor: &mut Cursor, budget: Budget, out: &mut Vec<T>) -> Read<T> {
        self.visit(cursor, budget, |entry| out.push(entry.clone()))
    }

    /// The same for a reader that takes of each entry only what it needs.
    pub fn visit(&self, cursor: &mut Cursor, budget: Budget, each: impl FnMut(&T)) -> Read<T> {
        if cursor.next < self.base {
            self.resume(cursor);
        }
        if cursor.seeks_sync && !self.seek(cursor) {
            return self.end.map_or(Read::Empty, Read::End);
        }
        let Some(mark) = self.mark_at(cursor.next) else {
            return self.end.map_or(Read::Empty, Read::End);
        };
        if mark.generation != cursor.generation || cursor.pending.is_some() {
            let why = cursor.pending.take().unwrap_or_else(|| self.why_since(cursor.generation, mark));
            cursor.generation = mark.generation;
            return Read::Head { head: Arc::clone(&mark.head), why };
        }
        if self.pass(cursor, budget, each) {
            return Read::Batch;
        }
        self.end.map_or(Read::Empty, Read::End)
    }

    /// Moves a reader that is behind to the newest sync entry, as if it had been overtaken. False where no newer one exists.
    pub fn skip(&self, cursor: &mut Cursor) -> bool {
        let behind = self.newest_sync.is_some_and(|sync| sync > cursor.next);
        if behind {
            self.resume(cursor);
        }
        behind
    }

    /// How far `cursor` is behind.
    pub fn lag(&self, cursor: &Cursor) -> Lag {
        let at = cursor.next.max(self.base);
        let entries = self.next_seq().0 - at.0 + self.base.0.saturating_sub(cursor.next.0);
        let span = match (self.entries.back(), self.get(at)) {
            (Some(newest), Some(next)) => newest.time().since(next.time()),
            _ => Span::ZERO,
        };
        Lag { entries, span: span.max(Span::ZERO) }
    }

    /// The entries held, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// The entries from `seq` on that are still held, oldest first, and the number of the next to come.
    pub fn since(&self, seq: Seq) -> (impl Iterator<Item = &T>, Seq) {
        let passed = usize::try_from(seq.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX).min(self.entries.len());
        (self.entries.range(passed..), self.next_seq())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Time of the newest entry.
    pub fn newest(&self) -> Option<Timestamp> {
        self.entries.back().map(Entry::time)
    }

    /// How often the newest GOP lost its beginning to the bounds, so that joiners had to wait for the next.
    pub fn truncated(&self) -> u64 {
        self.truncated
    }

    fn next_seq(&self) -> Seq {
        Seq(self.base.0 + self.entries.len() as u64)
    }

    fn get(&self, seq: Seq) -> Option<&T> {
        self.entries.get(usize::try_from(seq.0.checked_sub(self.base.0)?).ok()?)
    }

    fn mark_at(&self, seq: Seq) -> Option<&HeadMark<T::Head>> {
        self.heads.iter().rev().find(|mark| mark.from <= seq)
    }

    /// The strongest reason among the heads a reader passed since `generation`.
    fn why_since(&self, generation: u64, mark: &HeadMark<T::Head>) -> Why {
        let passed = self.heads.iter().filter(|m| m.generation > generation && m.generation <= mark.generation);
        passed.map(|m| m.why).reduce(Why::or_stronger).unwrap_or(mark.why)
    }

    /// Puts an overtaken reader at the newest sync entry, or before the next one.
    fn resume(&self, cursor: &mut Cursor) {
        let to = self.newest_sync.unwrap_or(self.next_seq());
        let before = cursor.time.or_else(|| self.get(cursor.next).map(Entry::time));
        let after = self.get(to).or(self.entries.back()).map(Entry::time);
        let span = match (before, after) {
            (Some(before), Some(after)) => after.since(before).max(Span::ZERO),
            _ => Span::ZERO,
        };
        // One that had not even joined yet has lost nothing.
        if cursor.pending != Some(Why::Joined) {
            let (more, longer) = match cursor.pending {
                Some(Why::Lagged { entries, span }) => (entries, span),
                _ => (0, Span::ZERO),
            };
            cursor.pending = Some(Why::Lagged { entries: to.0 - cursor.next.0 + more, span: span + longer });
        }
        cursor.next = to;
        cursor.seeks_sync = true;
    }

    /// Passes over entries until one joins; false where none does yet.
    fn seek(&self, cursor: &mut Cursor) -> bool {
        while let Some(entry) = self.get(cursor.next) {
            if self.mark_at(cursor.next).is_some_and(|mark| entry.joins(&mark.head)) {
                cursor.seeks_sync = false;
                return true;
            }
            cursor.next.0 += 1;
        }
        false
    }

    fn pass(&self, cursor: &mut Cursor, budget: Budget, each: impl FnMut(&T)) -> bool {
        let boundary = self.heads.iter().find(|mark| mark.from > cursor.next).map_or(u64::MAX, |mark| mark.from.0);
        let room = usize::try_from(boundary.saturating_sub(cursor.next.0)).unwrap_or(usize::MAX);
        let start = (cursor.next.0 - self.base.0) as usize;
        cursor.pass(self.entries.iter().skip(start).take(room), budget, each)
    }

    fn evict(&mut self) {
        while self.entries.len() > 1 && (self.exceeds_bounds() || self.front_is_history()) {
            if self.newest_sync == Some(self.base) {
                self.newest_sync = None;
                self.truncated += 1;
            }
            if let Some(entry) = self.entries.pop_front() {
                self.bytes -= entry.bytes();
            }
            self.base.0 += 1;
        }
        while self.heads.get(1).is_some_and(|next| next.from <= self.base) {
            self.heads.pop_front();
        }
    }

    fn exceeds_bounds(&self) -> bool {
        self.bytes > self.bounds.bytes || self.entries.len() > self.bounds.entries || self.age_of_front() > self.bounds.span
    }

    fn front_is_history(&self) -> bool {
        self.newest_sync.is_some_and(|sync| sync > self.base) && self.age_of_front() > self.bounds.lag
    }

    fn age_of_front(&self) -> Span {
        match (self.entries.front(), self.entries.back()) {
            (Some(front), Some(back)) => back.time().since(front.time()),
            _ => Span::ZERO,
        }
    }
}

impl Cursor {
    /// Passes the entries `ahead` within `budget`. False where there is none.
    fn pass<'a, T: Entry + 'a>(&mut self, ahead: impl Iterator<Item = &'a T>, budget: Budget, mut each: impl FnMut(&T)) -> bool {
        let (mut taken, mut bytes) = (0, 0);
        for entry in ahead.take(budget.entries) {
            bytes += entry.bytes();
            if taken > 0 && bytes > budget.bytes {
                break;
            }
            taken += 1;
            self.time = Some(entry.time());
            each(entry);
        }
        self.next.0 += taken;
        taken > 0
    }
}
