//! The bit rates of one track, measured as multivariant playlists and manifests announce them.
//!
//! The peak is the highest rate of any contiguous run of segments that lasts between half and one and a half target durations, the average
//! all bits over all time (RFC 8216bis §4.1). Both are taken over the segments that the playlists list, for that is what these definitions
//! are about: what was on hours ago is forgotten with its segments. Where little is listed, the last minute counts, as a few seconds say
//! little of what will come ("a representative period of similar content", RFC 8216 §4.3.4.2). Gaps take no time.

use std::collections::VecDeque;

use crate::media::Span;

use super::snapshot::{MediaSequence, Rate, Segment};

/// Media that must have been seen before what was measured is announced in place of what the publisher declares.
const ENOUGH: Span = Span::from_secs(30);
/// How far back is measured, however little is listed.
const LEAST_REACH: Span = Span::from_secs(60);
/// Margin until then, in percent: encoders exceed the rate that they declare, the container adds to it, and a few segments are not the peak.
const MARGIN: u64 = 125;
/// What rounding may add to the length of a run or take from it.
const ROUNDING: Span = Span::from_millis(1);

/// The rates of one playlist.
#[derive(Debug)]
pub(super) struct Meter {
    /// How long the runs last that count for the peak.
    runs: (Span, Span),
    pieces: VecDeque<Piece>,
    /// Of all pieces.
    bits: u64,
    span: Span,
    /// Media seen altogether.
    seen: Span,
    /// The highest run.
    peak: u64,
}

/// A segment, or a picture of an I-frame playlist.
#[derive(Debug)]
struct Piece {
    msn: MediaSequence,
    bits: u64,
    span: Span,
    /// Whether it follows the one before without a gap.
    follows: bool,
    /// The highest rate of the runs that begin with it, in bits per second.
    highest: u64,
}

impl Meter {
    /// A meter for a playlist with this target duration in seconds.
    pub fn new(target_duration: u32) -> Self {
        let half = Span::from_millis(i64::from(target_duration) * 500);
        Self {
            runs: (half - ROUNDING, half + half + half + ROUNDING),
            pieces: VecDeque::new(),
            bits: 0,
            span: Span::ZERO,
            seen: Span::ZERO,
            peak: 0,
        }
    }

    /// Takes the next piece of the playlist, which belongs to that segment.
    pub fn add(&mut self, msn: MediaSequence, bytes: usize, span: Span, follows: bool) {
        let bits = bytes as u64 * 8;
        self.pieces.push_back(Piece { msn, bits, span, follows, highest: 0 });
        self.bits += bits;
        self.span = self.span + span;
        self.seen = self.seen + span;
        self.note_runs();
    }

    /// The playlist begins with that segment now: what lies before counts only as far as there is little behind.
    pub fn begin_with(&mut self, first: MediaSequence) {
        let is_gone = |oldest: &&Piece, span: Span| oldest.msn < first && span - oldest.span >= LEAST_REACH;
        while let Some(oldest) = self.pieces.front().filter(|oldest| is_gone(oldest, self.span)) {
            self.bits -= oldest.bits;
            self.span = self.span - oldest.span;
            self.pieces.pop_front();
        }
        self.peak = self.pieces.iter().map(|piece| piece.highest).max().unwrap_or_default();
    }

    /// Bits per second to announce, where the publisher declares so many.
    pub fn rate(&self, declared: Option<u64>) -> Rate {
        let measured = per_second(self.bits, self.span);
        if self.seen >= ENOUGH {
            // Pieces that belong to no run can weigh more than those that do.
            return Rate { peak: self.peak.max(measured), average: measured };
        }
        let average = declared.unwrap_or(measured).max(1);
        let guess = declared.unwrap_or(self.peak).max(average);
        Rate { peak: (guess.saturating_mul(MARGIN) / 100).max(self.peak), average }
    }

    /// Notes the runs that the newest piece ends with those that they begin with.
    fn note_runs(&mut self) {
        let (shortest, longest) = self.runs;
        let (mut bits, mut span) = (0, Span::ZERO);
        for piece in self.pieces.iter_mut().rev() {
            bits += piece.bits;
            span = span + piece.span;
            if span > longest {
                return;
            }
            if span >= shortest {
                piece.highest = piece.highest.max(per_second(bits, span));
            }
            if !piece.follows {
                return;
            }
        }
    }
}

/// What was measured of one track.
#[derive(Debug)]
pub(super) struct Account {
    segments: Meter,
    iframes: Meter,
    target_duration: u32,
    /// The segment before, and which configuration it had.
    last: Option<(MediaSequence, u32)>,
    /// A segment began where no decoder can start.
    pub dependent: bool,
    /// By how much the numbers of the I-frame playlist now run ahead of the media sequence.
    pub iframes_ahead: u64,
}

impl Account {
    pub fn new(target_duration: u32) -> Self {
        let (segments, iframes) = (Meter::new(target_duration), Meter::new(target_duration));
        Self { segments, iframes, target_duration, last: None, dependent: false, iframes_ahead: 0 }
    }

    /// Takes the track's next segment. What was measured of another configuration says nothing of it.
    pub fn add(&mut self, msn: MediaSequence, segment: &Segment) {
        let generation = segment.init.generation;
        if self.last.is_some_and(|(_, before)| before != generation) {
            (self.segments, self.iframes) = (Meter::new(self.target_duration), Meter::new(self.target_duration));
        }
        let follows = self.last.is_some_and(|(before, _)| before.next() == msn);
        self.last = Some((msn, generation));
        self.segments.add(msn, segment.body.len(), segment.span(), follows);
        for (position, (picture, span)) in segment.pictures().enumerate() {
            let follows = position > 0 || follows && segment.independent;
            self.iframes.add(msn, picture.range.len(), span, follows);
        }
        self.dependent |= !segment.independent;
        self.iframes_ahead = segment.iframes.ahead_after(segment.independent);
    }

    /// The playlists begin with that segment now.
    pub fn begin_with(&mut self, first: MediaSequence) {
        self.segments.begin_with(first);
        self.iframes.begin_with(first);
    }

    /// The rate of the track's playlist, where the publisher declares so much.
    pub fn rate(&self, declared: Option<u64>) -> Rate {
        self.segments.rate(declared)
    }

    /// The rate of its I-frame playlist.
    pub fn iframe_rate(&self) -> Rate {
        self.iframes.rate(None)
    }
}

/// Rounded up, as a rate that is announced must never be too low.
fn per_second(bits: u64, span: Span) -> u64 {
    let nanos = u128::try_from(span.nanos()).unwrap_or(0).max(1);
    u64::try_from((u128::from(bits) * 1_000_000_000).div_ceil(nanos)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TARGET: u32 = 2;

    /// What counts: the pieces from the first that is listed on, and at least a minute.
    fn counted(pieces: &[(usize, i64, bool)], first: usize) -> &[(usize, i64, bool)] {
        let mut from = 0;
        while from < first && pieces[from + 1..].iter().map(|piece| piece.1).sum::<i64>() >= LEAST_REACH.millis() {
            from += 1;
        }
        &pieces[from..]
    }

    /// Peak and average by their definitions.
    fn brute_force(pieces: &[(usize, i64, bool)]) -> (f64, f64) {
        let rate = |run: &[(usize, i64, bool)]| {
            let (bytes, millis) = run.iter().fold((0, 0), |(bytes, millis), piece| (bytes + piece.0, millis + piece.1));
            (bytes as f64 * 8_000.0 / millis as f64, millis)
        };
        let mut peak = 0.0_f64;
        for from in 0..pieces.len() {
            for to in from..pieces.len() {
                let run = &pieces[from..=to];
                let (bits, millis) = rate(run);
                let slack = ROUNDING.millis();
                let counts = (millis + slack) * 2 >= i64::from(TARGET) * 1_000 && (millis - slack) * 2 <= i64::from(TARGET) * 3_000;
                if counts && run[1..].iter().all(|piece| piece.2) {
                    peak = peak.max(bits);
                }
            }
        }
        (peak, rate(pieces).0)
    }

    /// All of them, of which `first` and those behind it are listed.
    fn metered(pieces: &[(usize, i64, bool)], first: usize) -> Meter {
        let mut meter = Meter::new(TARGET);
        for (n, (bytes, millis, follows)) in pieces.iter().enumerate() {
            meter.add(MediaSequence(n as u64), *bytes, Span::from_millis(*millis), *follows);
        }
        meter.begin_with(MediaSequence(first as u64));
        meter
    }

    #[test]
    fn a_peak_is_of_a_run_and_not_of_a_scrap() {
        let mut pieces = vec![(250_000, 2_000, true); 20];
        // 8 Mb/s for a tenth of a second, which the run around it dilutes.
        pieces.insert(10, (100_000, 100, true));
        let rate = metered(&pieces, 11).rate(Some(5_000_000));
        assert_eq!(rate.peak, (350_000_u64 * 8 * 10).div_ceil(21));
        assert_eq!(rate.average, (20 * 250_000 + 100_000) * 8 * 10 / 401 + 1);
    }

    #[test]
    fn what_is_declared_holds_until_enough_was_seen() {
        let rate = |count, declared| metered(&vec![(250_000, 2_000, true); count], 0).rate(declared);
        assert_eq!(rate(14, Some(4_000_000)), Rate { peak: 5_000_000, average: 4_000_000 });
        assert_eq!(rate(14, Some(100_000)), Rate { peak: 1_000_000, average: 100_000 }, "but never less than the peak so far");
        assert_eq!(rate(14, None), Rate { peak: 1_250_000, average: 1_000_000 });
        assert_eq!(rate(15, Some(4_000_000)), Rate { peak: 1_000_000, average: 1_000_000 });
        assert_eq!(rate(0, None), Rate { peak: 1, average: 1 });
    }

    #[test]
    fn a_rate_that_changes_is_followed_within_a_minute() {
        let fast = vec![(2_500_000, 2_000, true); 1_800];
        let slow = vec![(250_000, 2_000, true); 31];
        let rate = metered(&[fast.as_slice(), &slow[..29]].concat(), 1_819).rate(None);
        assert_eq!(rate.peak, 10_000_000, "a minute ago it was fast");
        let rate = metered(&[fast, slow].concat(), 1_821).rate(None);
        assert_eq!(rate, Rate { peak: 1_000_000, average: 1_000_000 });
    }

    proptest! {
        #[test]
        fn what_is_announced_is_what_the_definitions_say(
            pieces in proptest::collection::vec((1..3_000_000_usize, 40..2_400_i64, proptest::bool::weighted(0.95)), 1..120),
            listed in 6..130_usize,
        ) {
            let seen: i64 = pieces.iter().map(|piece| piece.1).sum();
            prop_assume!(seen >= 30_000);
            let first = pieces.len().saturating_sub(listed);
            let rate = metered(&pieces, first).rate(Some(1));
            let (peak, average) = brute_force(counted(&pieces, first));
            let near = |announced: u64, true_rate: f64| (announced as f64 - true_rate).abs() <= 2.0;
            prop_assert!(near(rate.average, average), "{} for {average}", rate.average);
            prop_assert!(near(rate.peak, peak.max(average)), "{} for {peak}", rate.peak);
        }
    }
}
