//! The bounded store of slots: those that playlists list, and those removed from them that players may still fetch.

mod ageing;
mod stock;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::media::{Span, TrackId, WallClock};

use super::body::Spooled;
use super::budget::Allowance;
use super::slots::Slots;
use super::snapshot::{Counters, Init, MediaSequence, Slot, Usage};
use ageing::Ageing;
use stock::Stock;

/// Apple asks for at least six segments in a live playlist.
const MIN_LISTED: usize = 6;
/// The fewest slots that stay listed when memory runs out: what a player needs to go on.
const MIN_LISTED_STARVED: usize = 3;

/// What a window may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes in memory: above what may be kept, the oldest are offered to the spool.
    pub memory: Allowance,
    /// Bytes in the spool.
    pub spool: u64,
}

/// What the passing of time has changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// Nothing.
    None,
    /// Slots that were no longer listed are gone.
    Kept,
    /// Fewer slots are listed.
    Listed,
}

/// Slots in order of their numbers, without holes.
///
/// A slot leaves the list when what remains is still as long as the window. It can be fetched for its own duration and that of the longest
/// playlist after it has left (RFC 8216 §6.2.2), or until a limit is reached. Its parts are kept while playlists list them, and somewhat
/// longer. Without them it can move to the spool: [`Window::offer`] gives what should, [`Window::spooled`] takes what has.
#[derive(Debug)]
pub struct Window {
    span: Span,
    limits: Limits,
    listed: Slots,
    listed_span: Span,
    retained: Slots,
    /// Until when each of the retained ones must be there.
    until: VecDeque<WallClock>,
    last_media: Option<Arc<Slot>>,
    longest: Span,
    discontinuity_sequence: u64,
    /// The init segments of all slots, each with the newest slot that needs it.
    inits: Vec<(Arc<Init>, MediaSequence)>,
    ageing: Ageing,
    stock: Stock,
}

impl Window {
    /// An empty window that lists at least `span` once it has seen that much. `target` is the target duration.
    pub fn new(span: Span, target: Span, limits: Limits) -> Self {
        Self {
            span,
            limits,
            listed: Slots::default(),
            listed_span: Span::ZERO,
            retained: Slots::default(),
            until: VecDeque::new(),
            last_media: None,
            longest: Span::ZERO,
            discontinuity_sequence: 0,
            inits: Vec::new(),
            ageing: Ageing::new(target),
            stock: Stock::default(),
        }
    }

    /// Changes what it may hold, from the next slot or tick on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Appends the next slot and lets go of what its arrival makes superfluous.
    pub fn append(&mut self, slot: Arc<Slot>, now: WallClock, counters: &mut Counters) {
        self.stock.added(&slot);
        self.listed_span = self.listed_span + slot.duration;
        if slot.period.is_some() {
            self.last_media = Some(Arc::clone(&slot));
        }
        for segment in &slot.segments {
            match self.inits.iter_mut().find(|(init, _)| Arc::ptr_eq(init, &segment.init)) {
                Some((_, newest)) => *newest = slot.msn,
                None => self.inits.push((Arc::clone(&segment.init), slot.msn)),
            }
        }
        self.listed.push(slot);
        self.longest = self.longest.max(self.listed_span);
        while self.listed.len() > MIN_LISTED && self.listed.first().is_some_and(|first| self.listed_span - first.duration >= self.span) {
            self.unlist(now);
        }
        self.pass(now, counters);
    }

    /// Forgets what no player may ask for any more, and what is beyond the limits.
    pub fn pass(&mut self, now: WallClock, counters: &mut Counters) -> Change {
        let before = (self.listed.len(), self.retained.len());
        self.age(now);
        while self.until.front().is_some_and(|until| *until <= now) {
            self.forget();
        }
        self.relieve(now, counters);
        match (self.listed.len(), self.retained.len()) {
            after if after == before => Change::None,
            (listed, _) if listed == before.0 => Change::Kept,
            _ => Change::Listed,
        }
    }

    /// The listed slots.
    pub fn listed(&self) -> &Slots {
        &self.listed
    }

    /// The slots that are no longer listed but can still be fetched.
    pub fn retained(&self) -> &Slots {
        &self.retained
    }

    /// The newest slot that belongs to a period.
    pub fn last_media(&self) -> Option<&Arc<Slot>> {
        self.last_media.as_ref()
    }

    /// Discontinuities that are no longer listed.
    pub fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    /// The init segments of all slots.
    pub fn inits(&self) -> impl Iterator<Item = &Arc<Init>> {
        self.inits.iter().map(|(init, _)| init)
    }

    /// The tracks of the listed slots, each once.
    pub fn listed_tracks(&self) -> Vec<TrackId> {
        let first = self.listed.first().map(|slot| slot.msn);
        let listed = self.inits.iter().filter(|(_, newest)| Some(*newest) >= first);
        let mut tracks: Vec<_> = listed.map(|(init, _)| init.track.id).collect();
        tracks.sort_unstable();
        tracks.dedup();
        tracks
    }

    /// Bytes of all slots kept.
    pub fn usage(&self) -> Usage {
        self.stock.usage()
    }

    /// The oldest slot that should leave memory, once: when it lies in the spool, that is told by [`Window::spooled`].
    pub fn offer(&mut self) -> Option<Arc<Slot>> {
        while self.stock.to_leave() > self.limits.memory.keep {
            let msn = self.stock.next_offer(self.first()?);
            let slot = self.find(msn).filter(|_| msn < self.ageing.first_with_parts()).cloned()?;
            if self.stock.offered(&slot) {
                return Some(slot);
            }
        }
        None
    }

    /// A slot that was offered lies in the spool, and need not be in memory. Nothing happens where it is no longer here.
    pub fn spooled(&mut self, spooled: &Spooled) {
        self.stock.taken(spooled.msn);
        let there = self.find(spooled.msn).filter(|slot| slot.in_memory() > 0 && slot.segments.len() == spooled.places.len());
        let Some(slot) = there.map(|slot| slot.spooled(&spooled.places)) else { return };
        self.replace(Arc::new(slot));
        self.stock.spooled(spooled);
    }

    fn find(&self, msn: MediaSequence) -> Option<&Arc<Slot>> {
        self.listed.find(msn).or_else(|| self.retained.find(msn))
    }

    /// The number of the oldest slot.
    fn first(&self) -> Option<MediaSequence> {
        self.retained.first().or(self.listed.first()).map(|slot| slot.msn)
    }

    fn oldest_in_memory(&mut self) -> Option<MediaSequence> {
        let mut msn = self.stock.oldest_in_memory().max(self.first()?);
        while self.find(msn)?.in_memory() == 0 {
            msn = msn.next();
        }
        self.stock.none_in_memory_before(msn);
        Some(msn)
    }

    /// Puts a slot in the place of the one with its number.
    fn replace(&mut self, slot: Arc<Slot>) {
        let Some(before) = self.find(slot.msn).cloned() else { return };
        self.stock.exchanged(&before, &slot);
        if self.last_media.as_ref().is_some_and(|last| last.msn == slot.msn) {
            self.last_media = Some(Arc::clone(&slot));
        }
        let _ = self.listed.replace(Arc::clone(&slot)) || self.retained.replace(slot);
    }

    /// Takes the parts from slots that are too old to need them.
    fn age(&mut self, now: WallClock) {
        let Some(end) = self.listed.last().map(|slot| slot.wall_end()) else { return };
        while let Some(msn) = self.ageing.next(self.first())
            && let Some(slot) = self.find(msn).cloned()
            && self.ageing.pass(&slot, end, now)
        {}
        while let Some(msn) = self.ageing.due(now) {
            if let Some(slot) = self.find(msn).filter(|slot| slot.segments.iter().any(|segment| !segment.parts.is_empty())) {
                let slot = slot.without_parts();
                self.replace(Arc::new(slot));
            }
        }
    }

    fn unlist(&mut self, now: WallClock) {
        if let Some(slot) = self.listed.pop() {
            self.discontinuity_sequence += u64::from(slot.discontinuity);
            self.listed_span = self.listed_span - slot.duration;
            self.until.push_back(now.plus(slot.duration).plus(self.longest));
            self.retained.push(slot);
        }
    }

    /// Lets go of the oldest until the limits are met, or nothing is left that is not needed for playing on.
    fn relieve(&mut self, now: WallClock, counters: &mut Counters) {
        while self.stock.memory() > self.limits.memory.most {
            if !self.oldest_in_memory().is_some_and(|msn| self.lose(msn, now)) {
                break;
            }
            counters.evicted_segments += 1;
        }
        while let Some(last) = self.stock.excess(self.limits.spool) {
            if !self.unlist_through(last, now) {
                break;
            }
            while self.first().is_some_and(|first| first <= last) && self.forget() {
                counters.overflowed_segments += 1;
            }
        }
    }

    /// Takes from memory a slot that is not in the spool, and from the list all before it, as a list has no holes. False where it is needed
    /// for playing on.
    fn lose(&mut self, msn: MediaSequence, now: WallClock) -> bool {
        if !self.unlist_through(msn, now) {
            return false;
        }
        if self.first() == Some(msn) {
            return self.forget();
        }
        // What is in the spool before it stays for those who have it in their playlists.
        if let Some(slot) = self.find(msn) {
            let slot = Slot { segments: Vec::new(), ..(**slot).clone() };
            self.replace(Arc::new(slot));
        }
        true
    }

    /// Takes all slots up to this one from the list. False where too few would remain.
    fn unlist_through(&mut self, msn: MediaSequence, now: WallClock) -> bool {
        let remaining = self.listed.last().map_or(0, |last| last.msn.0.saturating_sub(msn.0));
        if self.listed.find(msn).is_some() && remaining < MIN_LISTED_STARVED as u64 {
            return false;
        }
        while self.listed.first().is_some_and(|first| first.msn <= msn) {
            self.unlist(now);
        }
        true
    }

    fn forget(&mut self) -> bool {
        let Some(oldest) = self.retained.pop() else { return false };
        self.until.pop_front();
        self.inits.retain(|(_, newest)| *newest > oldest.msn);
        self.stock.removed(&oldest);
        true
    }
}

#[cfg(test)]
mod tests;
