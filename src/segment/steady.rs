//! Whether slots are equally long: then a period can be told of by one duration, without a list of its segments.

use crate::media::{Span, Timestamp};

use super::snapshot::{MediaSequence, Period, Slot};

/// Slots in a row that must be equally long before they are believed to stay so.
const FIRST_NEEDED: u32 = 4;
/// Each time they do not, twice as many are needed, up to so many: a period takes players some effort.
const MOST_NEEDED: u32 = 256;
/// How much longer or shorter than the others a slot may be: publishers round to milliseconds, and some send a frame more or less.
const JITTER: Span = Span::from_millis(20);
/// How far from its place by number a segment may begin, lest players take it for the one beside it. By half its duration it could
/// (ISO/IEC 23009-1 §5.3.9.5.3); but then players of low latency would ask for it too early, or too late.
const TOLERANCE: Span = Span::from_millis(100);

/// What tells of all segments of a period: `SegmentTemplate@duration` and `@startNumber`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Regular {
    /// The number of the period's first slot.
    pub first: MediaSequence,
    /// How long each slot is.
    pub duration: Span,
}

impl Regular {
    /// Whether a slot that begins there is where its number has it, in the ticks of every track of the period.
    pub(super) fn holds(&self, period: &Period, msn: MediaSequence, start: Timestamp) -> bool {
        let count = i64::try_from(msn.0.saturating_sub(self.first.0)).unwrap_or(i64::MAX);
        period.inits.iter().all(|init| {
            let scale = init.track.timescale;
            let place = Timestamp::new(period.start.rescale(scale), scale).plus_ticks(count.saturating_mul(self.duration.ticks(scale)));
            start.since(place).abs() <= TOLERANCE
        })
    }
}

/// Measures slots one after another.
#[derive(Debug)]
pub(super) struct Steadiness {
    needed: u32,
    /// How many slots in a row were equally long, and where they began and ended.
    run: Option<(u32, Timestamp, Timestamp)>,
}

impl Default for Steadiness {
    fn default() -> Self {
        Self { needed: FIRST_NEEDED, run: None }
    }
}

impl Steadiness {
    /// Looks at the next slot.
    pub fn note(&mut self, slot: &Slot) {
        let end = slot.start.plus(slot.duration);
        let run = self.run.filter(|(_, _, before)| !slot.discontinuity && slot.start == *before);
        self.run = match run {
            Some((count, from, before)) if (slot.duration - mean(count, from, before)).abs() <= JITTER => Some((count + 1, from, end)),
            _ => Some((1, slot.start, end)),
        };
    }

    /// A slot was not where its number had it.
    pub fn disappoint(&mut self) {
        self.needed = (self.needed * 2).min(MOST_NEEDED);
        self.run = None;
    }

    /// What tells of a period that begins with slot `first`, if the slots before it were equally long for long enough.
    pub fn expects(&self, first: MediaSequence) -> Option<Regular> {
        let (count, from, end) = self.run.filter(|(count, ..)| *count >= self.needed)?;
        Some(Regular { first, duration: mean(count, from, end) })
    }
}

fn mean(count: u32, from: Timestamp, to: Timestamp) -> Span {
    Span::from_nanos(to.since(from).nanos() / i64::from(count.max(1)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::media::WallClock;

    fn slot(start: i64, millis: i64) -> Slot {
        let (msn, wall) = (MediaSequence(0), WallClock::from_unix_millis(start));
        let (start, duration) = (Timestamp::from_millis(start), Span::from_millis(millis));
        Slot { msn, start, wall, duration, discontinuity: false, period: None, segments: Vec::new() }
    }

    /// The first position at which so many slots of these lengths are believed.
    fn believed(steadiness: &mut Steadiness, lengths: &[i64]) -> Option<(usize, Span)> {
        let mut at = 0;
        lengths.iter().enumerate().find_map(|(position, length)| {
            steadiness.note(&slot(at, *length));
            at += length;
            steadiness.expects(MediaSequence(7)).map(|regular| (position, regular.duration))
        })
    }

    #[test]
    fn four_slots_of_one_length_are_believed() {
        let mut steadiness = Steadiness::default();
        assert_eq!(believed(&mut steadiness, &[2_000, 2_000, 2_000, 2_000]), Some((3, Span::from_millis(2_000))));
        assert_eq!(believed(&mut Steadiness::default(), &[500, 2_000, 2_001, 2_000, 1_999]), Some((4, Span::from_millis(2_000))));
        assert_eq!(believed(&mut Steadiness::default(), &[2_000, 2_100, 2_000, 2_100, 2_000, 2_100, 2_000]), None);
        steadiness.disappoint();
        assert_eq!(believed(&mut steadiness, &[2_000; 9]).map(|(position, _)| position), Some(7), "then twice as many are needed");
    }

    #[test]
    fn a_hole_begins_anew() {
        let mut steadiness = Steadiness::default();
        for start in [0, 2_000, 4_000, 6_500] {
            steadiness.note(&slot(start, 2_000));
        }
        assert_eq!(steadiness.expects(MediaSequence(7)), None);
    }

    #[test]
    fn a_slot_is_held_to_its_place() {
        let regular = Regular { first: MediaSequence(10), duration: Span::from_millis(2_000) };
        let (start, wall) = (Timestamp::from_millis(500), WallClock::from_unix_millis(0));
        let period = Period { index: 0, start, wall, arrived: wall, inits: vec![init()], regular: Some(regular) };
        let holds = |at: i64| regular.holds(&period, MediaSequence(13), Timestamp::from_millis(at));
        assert!(holds(6_500) && holds(6_600) && holds(6_400));
        assert!(!holds(6_601) && !holds(6_399));
    }

    fn init() -> Arc<crate::segment::snapshot::Init> {
        use crate::media::codec::{AacConfig, AudioShape};
        use crate::media::{Codec, Track, TrackId};
        let shape = AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1024 };
        let codec = Codec::Aac(AacConfig { record: bytes::Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape });
        let track = Arc::new(Track::new(TrackId::AUDIO, codec));
        Arc::new(crate::segment::snapshot::Init { track, generation: 1, bytes: bytes::Bytes::new() })
    }
}
