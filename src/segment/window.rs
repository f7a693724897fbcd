//! The bounded store of slots: those that playlists list, and those removed from them that players may still fetch.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::media::{Span, WallClock};

use super::snapshot::{Counters, Slot};

/// Apple asks for at least six segments in a live playlist.
const MIN_LISTED: usize = 6;
/// The fewest slots that stay listed when memory runs out: what a player needs to go on.
const MIN_LISTED_STARVED: usize = 3;

/// Slots in order of their numbers, without holes.
///
/// A slot leaves the list when what remains is still as long as the window. It can be fetched for its own duration and that of the longest
/// playlist after it has left (RFC 8216 §6.2.2), or until the memory limit is reached.
#[derive(Debug)]
pub struct Window {
    span: Span,
    limit: usize,
    listed: VecDeque<Arc<Slot>>,
    listed_span: Span,
    retained: VecDeque<Retained>,
    last_media: Option<Arc<Slot>>,
    bytes: usize,
    longest: Span,
    discontinuity_sequence: u64,
}

#[derive(Debug)]
struct Retained {
    slot: Arc<Slot>,
    until: WallClock,
}

impl Window {
    /// An empty window that lists at least `span` once it has seen that much, and keeps at most `limit` bytes.
    pub fn new(span: Span, limit: usize) -> Self {
        Self {
            span,
            limit,
            listed: VecDeque::new(),
            listed_span: Span::ZERO,
            retained: VecDeque::new(),
            last_media: None,
            bytes: 0,
            longest: Span::ZERO,
            discontinuity_sequence: 0,
        }
    }

    /// Appends the next slot and lets go of what its arrival makes superfluous.
    pub fn append(&mut self, slot: Arc<Slot>, now: WallClock, counters: &mut Counters) {
        debug_assert!(self.listed.back().is_none_or(|last| last.msn.next() == slot.msn), "slots are numbered without holes");
        self.bytes += slot.bytes();
        self.listed_span = self.listed_span + slot.duration;
        if slot.period.is_some() {
            self.last_media = Some(Arc::clone(&slot));
        }
        self.listed.push_back(slot);
        self.longest = self.longest.max(self.listed_span);
        while self.listed.len() > MIN_LISTED && self.listed.front().is_some_and(|first| self.listed_span - first.duration >= self.span) {
            self.unlist(now);
        }
        self.expire(now);
        while self.bytes > self.limit && self.evict(now) {
            counters.evicted_segments += 1;
        }
    }

    /// Forgets what no player may ask for any more. Returns whether there was anything.
    pub fn expire(&mut self, now: WallClock) -> bool {
        let before = self.retained.len();
        while self.retained.front().is_some_and(|oldest| oldest.until <= now) {
            self.forget();
        }
        self.retained.len() != before
    }

    /// The listed slots, oldest first.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Arc<Slot>> {
        self.listed.iter()
    }

    /// The slots that are no longer listed but can still be fetched, oldest first.
    pub fn retained(&self) -> impl DoubleEndedIterator<Item = &Arc<Slot>> {
        self.retained.iter().map(|retained| &retained.slot)
    }

    /// The newest slot that belongs to a period.
    pub fn last_media(&self) -> Option<&Arc<Slot>> {
        self.last_media.as_ref()
    }

    /// Discontinuities that are no longer listed.
    pub fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    /// Bytes of all slots kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn unlist(&mut self, now: WallClock) {
        if let Some(slot) = self.listed.pop_front() {
            self.discontinuity_sequence += u64::from(slot.discontinuity);
            self.listed_span = self.listed_span - slot.duration;
            let until = now.plus(slot.duration).plus(self.longest);
            self.retained.push_back(Retained { slot, until });
        }
    }

    /// Forgets the oldest slot, be it still listed; false where the rest is needed for playing on.
    fn evict(&mut self, now: WallClock) -> bool {
        if self.retained.is_empty() && self.listed.len() > MIN_LISTED_STARVED {
            self.unlist(now);
        }
        self.forget()
    }

    fn forget(&mut self) -> bool {
        let Some(oldest) = self.retained.pop_front() else { return false };
        self.bytes -= oldest.slot.bytes();
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::media::codec::{AvcConfig, VideoShape};
    use crate::media::{Codec, Timescale, Timestamp, Track, TrackId};
    use crate::segment::snapshot::{Init, MediaSequence, Period, Segment};

    use super::*;
    use crate::segment::iframes::IFrames;

    fn video_track() -> Track {
        let record = Bytes::from_static(b"\x01\x64\x00\x1f\xff\xe1\x00\x04\x67\x64\x00\x1f\x01\x00\x02\x68\xce");
        let shape = VideoShape { frame_rate: Some(30.0), ..VideoShape::new(1280, 720) };
        let codec = Codec::Avc(AvcConfig { record, length_size: 4, shape });
        Track::new(TrackId::VIDEO, codec)
    }

    fn slot(n: u64, size: usize, discontinuity: bool) -> Arc<Slot> {
        let init = Arc::new(Init { track: Arc::new(video_track()), generation: 1, bytes: Bytes::new() });
        let start = Timestamp::new(n as i64 * 180_000, Timescale::VIDEO);
        let bytes = Bytes::from(vec![0; size]);
        let segment = Segment { init, start, duration: 180_000, independent: true, parts: Vec::new(), iframes: IFrames::default(), bytes };
        let wall = WallClock::from_unix_millis(n as i64 * 2_000);
        let period = Some(Arc::new(Period { index: 0, start, wall, inits: Vec::new() }));
        Arc::new(Slot {
            msn: MediaSequence(n),
            start,
            wall,
            duration: Span::from_secs(2),
            discontinuity,
            period,
            segments: vec![Arc::new(segment)],
        })
    }

    fn filled(window: &mut Window, count: u64, size: usize) -> Counters {
        let mut counters = Counters::default();
        for n in 0..count {
            window.append(slot(n, size, n == 2), WallClock::from_unix_millis((n as i64 + 1) * 2_000), &mut counters);
        }
        counters
    }

    fn numbers<'a>(slots: impl Iterator<Item = &'a Arc<Slot>>) -> Vec<u64> {
        slots.map(|slot| slot.msn.0).collect()
    }

    #[test]
    fn the_list_slides_and_what_leaves_it_stays_for_its_own_and_the_longest_lists_duration() {
        let mut window = Window::new(Span::from_secs(20), usize::MAX);
        filled(&mut window, 13, 1);
        assert_eq!(numbers(window.listed()), (3..13).collect::<Vec<_>>());
        assert_eq!(numbers(window.retained()), [0, 1, 2]);
        assert_eq!(window.discontinuity_sequence(), 1);
        // Slot 0 left at 22 s, when the list had been 22 s long for a moment: 2 + 22 s later it is gone.
        assert!(!window.expire(WallClock::from_unix_millis(45_999)));
        assert!(window.expire(WallClock::from_unix_millis(46_000)));
        assert_eq!(numbers(window.retained()), [1, 2]);
    }

    #[test]
    fn six_segments_are_listed_however_short_the_window() {
        let mut window = Window::new(Span::from_secs(3), usize::MAX);
        filled(&mut window, 9, 1);
        assert_eq!(numbers(window.listed()), [3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_memory_limit_takes_the_oldest_first_and_leaves_three_to_play() {
        let mut window = Window::new(Span::from_secs(20), 500);
        let counters = filled(&mut window, 10, 100);
        assert_eq!(numbers(window.listed()), [5, 6, 7, 8, 9]);
        assert_eq!((window.retained().count(), window.bytes(), counters.evicted_segments), (0, 500, 5));
        let mut window = Window::new(Span::from_secs(20), 150);
        filled(&mut window, 5, 100);
        assert_eq!(numbers(window.listed()), [2, 3, 4]);
    }

    #[test]
    fn the_last_media_is_remembered_behind_any_number_of_gaps() {
        let mut window = Window::new(Span::from_secs(20), usize::MAX);
        filled(&mut window, 3, 1);
        let mut counters = Counters::default();
        for n in 3..40 {
            let gap = Slot { period: None, segments: Vec::new(), ..(*slot(n, 0, false)).clone() };
            window.append(Arc::new(gap), WallClock::from_unix_millis(n as i64 * 2_000), &mut counters);
        }
        assert_eq!(window.last_media().map(|slot| slot.msn), Some(MediaSequence(2)));
    }
}
