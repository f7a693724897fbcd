//! Where the next cuts will fall, as far as the last ones tell: so a manifest tells of segments in progress with the length that they will have.
//!
//! Encoders that are set to one distance of keyframes keep to it, but publishers round to milliseconds, and who loops a file repeats its groups
//! of pictures: so the lengths of slots are taken to go round, or else to be as most of them are. Where they are neither, a slot is rather expected
//! to be too long than too short. When one turns out longer than announced, the beginning of the one after it moves on past the moment that players
//! have already asked for, and dash.js 5.2.1 then fetches that one twice: Firefox's decoder of HEVC fails where frames that it is about to decode are
//! put in again.

use std::sync::Arc;

use crate::media::time::rescale;
use crate::media::{Span, Timescale, Timestamp, Track};

use super::snapshot::{Slot, Snapshot};

/// So many slots are looked at.
const REMEMBERED: usize = 12;
/// Of these so many in a hundred are most of them.
const MOST: usize = 66;
/// Added to the longest of them where nothing else is to go by: publishers round to milliseconds, at both ends.
const ROUNDING: Span = Span::from_millis(2);

/// The last slots of the period in progress, newest first.
pub fn remembered(snapshot: &Snapshot) -> impl Iterator<Item = &Slot> {
    let number = |slot: &Arc<Slot>| slot.period.as_ref().map(|period| period.index);
    let current = snapshot.slots.last().and_then(number);
    snapshot.slots.iter().rev().take(REMEMBERED).take_while(move |slot| current.is_some() && number(slot) == current).map(AsRef::as_ref)
}

/// The cuts from the beginning of the first slot in progress on: those that were made, and those that are expected.
#[derive(Clone, Debug)]
pub struct Cuts {
    cuts: Vec<Timestamp>,
    /// What lies between the last ones, oldest first, in ticks of the leading track.
    lengths: Vec<i64>,
    /// How long a slot is expected to be where they do not tell, and no segment is longer.
    usual: i64,
    limit: Span,
}

impl Cuts {
    /// The cuts of what is in progress; `None` where nothing is. No slot is longer than `limit`; one is `expected` to be so long where there
    /// are none to go by.
    pub fn of(snapshot: &Snapshot, expected: Span, limit: Span) -> Option<Self> {
        let scale = snapshot.cuts.first()?.scale();
        let mut lengths: Vec<_> = remembered(snapshot).map(|slot| slot.duration.ticks(scale)).collect();
        lengths.reverse();
        lengths.extend(snapshot.cuts.windows(2).map(|pair| pair[1].ticks() - pair[0].ticks()));
        let longest = lengths.iter().copied().max().unwrap_or_else(|| expected.ticks(scale));
        let usual = (longest + ROUNDING.ticks(scale)).min(limit.ticks(scale));
        Some(Self { cuts: snapshot.cuts.clone(), lengths, usual, limit })
    }

    /// How long the segment of a track is that has begun at `start`, in its own ticks, in the slot that is so many behind the first in progress.
    /// Other pictures keep their distance from the leading ones. Sound is cut at the first frame at or behind the cut.
    pub fn length(&mut self, nth: usize, track: &Track, start: i64) -> i64 {
        let (from, to) = (self.cut(nth), self.cut(nth + 1));
        let scale = track.timescale;
        match frame(track) {
            None => to.rescale(scale) - from.rescale(scale),
            Some(frame) => {
                let near = to.rescale(scale);
                let behind = near + i64::from(Timestamp::new(near, scale) < to);
                let frames = (behind - start + frame - 1).div_euclid(frame);
                frames.min(self.limit.ticks(scale) / frame).max(1) * frame
            }
        }
    }

    fn cut(&mut self, nth: usize) -> Timestamp {
        while self.cuts.len() <= nth {
            let next = next(&self.lengths);
            self.lengths.extend(next);
            let last = self.cuts[self.cuts.len() - 1];
            self.cuts.push(last.plus_ticks(next.unwrap_or(self.usual)));
        }
        self.cuts[nth]
    }
}

/// How long a frame of sound is, in ticks of its track.
fn frame(track: &Track) -> Option<i64> {
    let shape = track.codec.audio()?;
    let rate = Timescale::new(shape.sample_rate)?;
    Some(rescale(i64::from(shape.frame_samples), rate, track.timescale)).filter(|frame| *frame > 0)
}

/// The length that follows these (oldest first): the one that comes around, or that most of them are.
fn next(lengths: &[i64]) -> Option<i64> {
    let count = lengths.len();
    let goes_round = |round: &usize| (*round..count).all(|at| lengths[at] == lengths[at - round]);
    let comes_around = (1..=count / 2).find(goes_round).map(|round| lengths[count - round]);
    let is_most = |length: &i64| count > 1 && lengths.iter().filter(|other| *other == length).count() * 100 >= count * MOST;
    comes_around.or_else(|| lengths.iter().copied().find(is_most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_go_round_tell_the_next_one() {
        assert_eq!((next(&[]), next(&[2_000]), next(&[2_000, 2_000])), (None, None, Some(2_000)));
        assert_eq!(next(&[8_333, 8_333, 8_334, 8_333, 8_333, 8_334]), Some(8_333));
        assert_eq!(next(&[8_333, 8_334, 8_333, 8_333, 8_334, 8_333, 8_333]), Some(8_334));
        assert_eq!((next(&[4, 7, 4, 7, 4]), next(&[4, 7, 9, 4, 7])), (Some(7), None));
    }

    #[test]
    fn a_length_is_as_most_are() {
        assert_eq!((next(&[2_000, 2_001]), next(&[2_000, 2_000, 2_700])), (None, Some(2_000)));
        assert_eq!(next(&[2_000, 2_700, 2_000, 2_000, 2_400, 2_000]), Some(2_000));
        assert_eq!(next(&[2_000, 2_700, 2_000, 2_300, 2_400, 2_000]), None);
    }
}
