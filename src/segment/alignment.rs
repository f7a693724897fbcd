//! Whether a video track's sync samples fall where the stream is cut, so that players can change to it from another.
//!
//! The leading track decides where segments begin. What counts is the cuts, for only there do players change: a track with more sync
//! samples than cuts is as good as one with just enough, one whose sync samples lie elsewhere is of no use.

use crate::media::{Span, Timestamp};

/// So many cuts running without a sync sample of its own take a track out of the adaptive set.
const MOST_MISSES: u32 = 3;
/// No frame is taken to be longer: a picture that stood while nothing came must not make room for any keyframe.
const LONGEST_FRAME: Span = Span::from_millis(100);
/// Publishers round decoding and composition time to milliseconds, each for itself.
const ROUNDING: Span = Span::from_millis(2);

/// How a following video track has met the cuts so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alignment {
    misses: u32,
}

impl Alignment {
    /// Notes a cut at a sync sample of the leading track, and whether the following track has one there, too.
    pub fn note(&mut self, hit: bool) {
        self.misses = if hit { 0 } else { self.misses.saturating_add(1) };
    }

    /// Whether the track can no longer be offered beside the leading one.
    pub fn is_lost(self) -> bool {
        self.misses >= MOST_MISSES
    }
}

/// How far from a cut a sync sample may be: the longer frame of both tracks.
pub(super) fn tolerance(leading: Span, following: Span) -> Span {
    leading.max(following).min(LONGEST_FRAME) + ROUNDING
}

/// On which side of a cut the oldest waiting sample is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// In the segment that ends there.
    Before,
    /// In the segment that begins there; it is the first one in it.
    Behind {
        /// Whether it is a sync sample within the tolerance.
        hit: bool,
    },
    /// A sample that has not come yet decides.
    Unknown,
}

/// Finds the side of the first of `samples` (start and whether it is a sync sample, in decoding order): the segment begins at the sync
/// sample that is nearest to the cut, or where none is within `tolerance` at the first sample behind it. `whole` says that no sample
/// will follow.
pub(super) fn side(samples: impl Iterator<Item = (Timestamp, bool)>, cut: Timestamp, tolerance: Span, whole: bool) -> Side {
    let (mut nearest, mut front, mut whole): (Option<(usize, Span)>, _, _) = (None, None, whole);
    for (position, (start, is_sync)) in samples.enumerate() {
        let distance = start.since(cut);
        // Whatever follows, a sample before all that can begin the segment is not behind the cut.
        if *front.get_or_insert(distance) < Span::ZERO - tolerance {
            return Side::Before;
        }
        if distance > tolerance {
            whole = true;
            break;
        }
        if is_sync && distance.abs() <= tolerance && nearest.is_none_or(|(_, least)| distance.abs() < least) {
            nearest = Some((position, distance.abs()));
            if distance == Span::ZERO {
                whole = true;
                break;
            }
        }
    }
    match (nearest, front) {
        (_, None) => Side::Unknown,
        (Some((0, _)), _) if whole => Side::Behind { hit: true },
        (Some((0, _)), _) => Side::Unknown,
        (Some(_), _) => Side::Before,
        (None, Some(front)) if front < Span::ZERO => Side::Before,
        (None, Some(_)) if whole => Side::Behind { hit: false },
        (None, Some(_)) => Side::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: bool = true;
    const P: bool = false;

    /// The side of the first of these samples, given in milliseconds beside a cut at ten seconds, with a tolerance of 35 ms.
    fn beside(samples: &[(i64, bool)], whole: bool) -> Side {
        let samples = samples.iter().map(|&(at, is_sync)| (Timestamp::from_millis(10_000 + at), is_sync));
        side(samples, Timestamp::from_millis(10_000), Span::from_millis(35), whole)
    }

    #[test]
    fn the_nearest_sync_sample_begins_the_segment() {
        let begins = Side::Behind { hit: true };
        assert_eq!(beside(&[(0, K)], false), begins, "nothing is nearer");
        assert_eq!(beside(&[(-1, K), (32, P), (65, P)], false), begins);
        assert_eq!(beside(&[(-1, K), (32, P)], false), Side::Unknown, "a nearer one may follow");
        assert_eq!(beside(&[(-1, K), (32, P)], true), begins);
        assert_eq!(beside(&[(-33, K), (0, K)], false), Side::Before, "all of its samples are sync samples");
        assert_eq!(beside(&[(-40, K), (-7, P)], false), Side::Before, "too early to belong to the cut");
        assert_eq!(beside(&[(0, P), (33, K)], false), Side::Before, "a frame late");
    }

    #[test]
    fn without_one_the_first_sample_behind_the_cut_does() {
        assert_eq!(beside(&[(-10, P), (23, P)], false), Side::Before);
        assert_eq!(beside(&[(10, P), (20, P)], false), Side::Unknown);
        assert_eq!(beside(&[(10, P), (43, P)], false), Side::Behind { hit: false });
        assert_eq!(beside(&[(10, P)], true), Side::Behind { hit: false });
        assert_eq!(beside(&[(40, K)], false), Side::Behind { hit: false }, "more than a frame late");
        assert_eq!(beside(&[], true), Side::Unknown);
    }

    #[test]
    fn a_sample_well_before_the_cut_is_told_without_a_look_at_those_behind_it() {
        let mut seen = 0;
        let samples = (0..1_000_000).map(|at| (Timestamp::from_millis(at), K)).inspect(|_| seen += 1);
        assert_eq!(side(samples, Timestamp::from_millis(10_000), Span::from_millis(35), false), Side::Before);
        assert_eq!(seen, 1);
    }

    #[test]
    fn three_misses_running_are_too_many() {
        let mut alignment = Alignment::default();
        let lost: Vec<bool> = [false, false, true, false, false, false]
            .into_iter()
            .map(|hit| {
                alignment.note(hit);
                alignment.is_lost()
            })
            .collect();
        assert_eq!(lost, [false, false, false, false, false, true]);
    }

    #[test]
    fn a_frame_of_the_slower_track_is_forgiven_but_not_a_still_picture() {
        let millis = Span::from_millis;
        assert_eq!(tolerance(millis(33), millis(17)), millis(35));
        assert_eq!(tolerance(millis(17), millis(3_000)), millis(102));
    }
}
