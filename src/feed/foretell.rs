//! Durations foretold, so that a picture leaves when it comes and not when the next one tells how long it lasts.
//!
//! A fragment says how long its samples last, and media sources let go of all pictures up to the next sync sample where one comes later
//! than twice what the one before was said to last. So nothing is promised that is not kept: a sample begins where the one before it was said
//! to end, whatever its own decoding time, and its own duration puts the next one right. Who sends at a steady rate loses nothing by it; where a
//! sample is late after all, it is shown early by what it was late, once. Samples of an uneven rate, and pictures that are not presented in
//! the order they are decoded, are held back for their true duration.

use crate::fmp4::{Error, Fragmenter, TimedSample};
use crate::media::{Sample, Timestamp, Track};

/// Even intervals in a row before the next is foretold.
const RUN: u32 = 8;
/// An interval is even that differs from the usual one by less than this part of it: publishers round their times, and jitter a little.
const SLACK: i64 = 4;
/// The weight of a new interval in the usual one is one in so many.
const SMOOTHING: i64 = 8;

/// Gives each sample of one track its duration, as early as can be.
#[derive(Debug)]
pub struct Foreteller {
    fragmenter: Fragmenter,
    cadence: Cadence,
    /// Where the newest sample begins, as told.
    start: Option<Timestamp>,
    /// Where it was said to end, if it has left.
    told: Option<Timestamp>,
}

/// How evenly samples come.
#[derive(Debug, Default)]
struct Cadence {
    /// Decoding time and composition offset of the newest sample, in ticks.
    newest: Option<(i64, i64)>,
    /// The usual distance between two decoding times, in ticks.
    usual: i64,
    /// Even intervals since the last uneven one.
    run: u32,
}

impl Foreteller {
    /// One that has seen nothing.
    pub fn new(track: &Track) -> Self {
        Self { fragmenter: Fragmenter::new(track), cadence: Cadence::default(), start: None, told: None }
    }

    /// Takes a sample. Gives the one before it, if that was held back, and this one, if its duration can be foretold.
    ///
    /// # Errors
    /// Those of [`Fragmenter::push`]; the sample is then left out.
    pub fn push(&mut self, mut sample: Sample) -> Result<[Option<TimedSample>; 2], Error> {
        let (dts, cts) = (sample.dts, i64::from(sample.cts));
        let earliest = self.start.map_or(dts, |start| start.plus_ticks(1));
        let start = self.told.unwrap_or(dts.max(earliest));
        sample.dts = start;
        let before = self.fragmenter.push(sample)?;
        let foretold = self.cadence.learn(dts.ticks(), cts).map(|usual| dts.plus_ticks(usual).max(start.plus_ticks(1)));
        (self.start, self.told) = (Some(start), foretold);
        let now = foretold.and_then(|end| self.fragmenter.release(u32::try_from(end.ticks() - start.ticks()).unwrap_or(u32::MAX)));
        Ok([before, now])
    }

    /// Gives the sample that is held back, as the stream ends or breaks here.
    pub fn flush(&mut self) -> Option<TimedSample> {
        self.fragmenter.flush(None)
    }
}

impl Cadence {
    /// Learns from the next sample; gives how far behind it the one after is expected, where the last ones came evenly.
    fn learn(&mut self, dts: i64, cts: i64) -> Option<i64> {
        let (before, offset) = self.newest.replace((dts, cts))?;
        let interval = dts - before;
        if offset == cts && (interval - self.usual).abs() * SLACK < self.usual {
            self.usual += (interval - self.usual) / SMOOTHING;
            self.run += 1;
        } else {
            (self.usual, self.run) = (interval, 0);
        }
        (self.run >= RUN).then_some(self.usual)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::codec::{AvcConfig, VideoShape};
    use crate::media::{Codec, Timescale, TrackId};

    fn video() -> Foreteller {
        let avc = AvcConfig { record: Bytes::from_static(&[1]), length_size: 4, shape: VideoShape::new(640, 360) };
        Foreteller::new(&Track::new(TrackId::VIDEO, Codec::Avc(avc)))
    }

    fn picture(millis: i64, cts: i32) -> Sample {
        let dts = Timestamp::new(millis * 90, Timescale::VIDEO);
        Sample { track: TrackId::VIDEO, dts, cts, is_sync: millis == 0, data: Bytes::from_static(b"picture") }
    }

    /// What left at each picture: where it begins and how long it lasts, in milliseconds.
    fn leave(times: impl IntoIterator<Item = (i64, i32)>) -> Vec<Vec<(i64, i64)>> {
        let mut foreteller = video();
        let told = |timed: TimedSample| (timed.sample.dts.millis(), i64::from(timed.duration) / 90);
        let push = |(millis, cts)| foreteller.push(picture(millis, cts)).unwrap().into_iter().flatten().map(told).collect();
        times.into_iter().map(push).collect()
    }

    /// All that left; each begins where the one before ends.
    fn timeline(left: &[Vec<(i64, i64)>]) -> Vec<(i64, i64)> {
        let timeline: Vec<_> = left.concat();
        for pair in timeline.windows(2) {
            assert!((pair[0].0 + pair[0].1 - pair[1].0).abs() <= 1, "{pair:?}");
        }
        timeline
    }

    #[test]
    fn pictures_of_a_steady_rate_leave_when_they_come_and_at_their_own_times() {
        let times: Vec<_> = (0..60).map(|nth| nth * 100 / 3).collect();
        let left = leave(times.iter().map(|millis| (*millis, 0)));
        assert!(left[..=RUN as usize].iter().all(|left| left.len() <= 1), "held back until the rate is known");
        assert_eq!(left[RUN as usize + 1].len(), 2, "the one that was held, and the first that is not");
        assert!(left[RUN as usize + 2..].iter().all(|left| left.len() == 1));
        for ((told, lasts), millis) in timeline(&left).into_iter().zip(times) {
            assert!((told - millis).abs() <= 1 && (32..=35).contains(&lasts), "{told} for {millis}, {lasts}");
        }
    }

    #[test]
    fn a_late_picture_begins_where_the_one_before_was_said_to_end_and_the_next_is_right_again() {
        let times = (0..20).map(|nth| nth * 40).chain((20..40).map(|nth| nth * 40 + 500));
        let timeline = timeline(&leave(times.map(|millis| (millis, 0))));
        assert_eq!(timeline[19..22], [(760, 40), (800, 540), (1_340, 40)]);
    }

    #[test]
    fn where_the_rate_rises_time_runs_on() {
        let times = (0..20).map(|nth| nth * 40).chain((1..60).map(|nth| 760 + nth * 8));
        let timeline = timeline(&leave(times.map(|millis| (millis, 0))));
        assert_eq!(timeline[40], (760 + 21 * 8, 8));
    }

    #[test]
    fn pictures_that_come_unevenly_or_out_of_order_are_held_back_for_their_true_duration() {
        let uneven = leave((0..60).map(|nth| (nth * 40 + nth % 2 * 15, 0)));
        assert!(uneven.iter().all(|left| left.len() <= 1));
        assert_eq!(uneven[30], [(29 * 40 + 15, 25)]);
        let reordered = leave((0..60).map(|nth| (nth * 40, [7_200, 0][nth as usize % 2])));
        assert_eq!(reordered[30], [(29 * 40, 40)]);
    }
}
