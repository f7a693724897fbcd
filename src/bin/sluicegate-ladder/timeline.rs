//! Where decoded sound belongs: one after another by the count of its samples, as long as its times agree. Pure.

/// By how much a time may differ from the count and be taken for rounding: publishers tell milliseconds, and some count badly.
const TOLERANCE_NANOS: i64 = 20_000_000;
/// A hole up to this length becomes silence, and an overlap is cut off. Beyond, the count begins anew.
const LONGEST_MENDED_NANOS: i64 = 1_000_000_000;
const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// How a run of samples follows what came before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// Directly.
    Follows,
    /// Behind so many samples that are missing.
    Behind(usize),
    /// Its first so many samples were there already.
    Overlaps(usize),
    /// At a time of its own: nanoseconds.
    Anew(i64),
}

/// Counts the samples of one rate.
pub struct Timeline {
    rate: u32,
    /// Where the count began in nanoseconds, and how many samples there were since.
    counted: Option<(i64, i64)>,
}

impl Timeline {
    /// Nothing has come yet of sound with so many samples per second.
    pub fn new(rate: u32) -> Self {
        Self { rate, counted: None }
    }

    /// So many samples come next, of which the first belongs at that time, if it is known.
    pub fn fit(&mut self, at: Option<i64>, samples: usize) -> Fit {
        let samples = samples as i64;
        let Some((from, count)) = self.counted else {
            let at = at.unwrap_or_default();
            self.counted = Some((at, samples));
            return Fit::Anew(at);
        };
        let off = at.map_or(0, |at| at - from - nanos(count, self.rate));
        let missing = samples_of(off, self.rate);
        let (fit, more) = match off.abs() {
            0..=TOLERANCE_NANOS => (Fit::Follows, samples),
            ..=LONGEST_MENDED_NANOS if off > 0 => (Fit::Behind(missing as usize), missing + samples),
            ..=LONGEST_MENDED_NANOS => {
                let there = (-missing).min(samples);
                (Fit::Overlaps(there as usize), samples - there)
            }
            _ => {
                let at = from + nanos(count, self.rate) + off;
                self.counted = Some((at, samples));
                return Fit::Anew(at);
            }
        };
        self.counted = Some((from, count + more));
        fit
    }
}

/// How long so many samples last.
fn nanos(samples: i64, rate: u32) -> i64 {
    (i128::from(samples) * NANOS_PER_SECOND / i128::from(rate.max(1))) as i64
}

/// The samples of that many nanoseconds, to the nearest.
pub fn samples_of(nanos: i64, rate: u32) -> i64 {
    let ticks = i128::from(nanos) * i128::from(rate);
    (ticks + NANOS_PER_SECOND / 2).div_euclid(NANOS_PER_SECOND) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: i64 = 1_000_000;

    #[test]
    fn times_in_milliseconds_never_move_the_count() {
        let mut timeline = Timeline::new(44_100);
        assert_eq!(timeline.fit(Some(5_000 * MILLI), 1_152), Fit::Anew(5_000 * MILLI));
        for frame in 1..100_000 {
            let millis = 5_000 + frame * 1_152 * 1_000 / 44_100;
            assert_eq!(timeline.fit(Some(millis * MILLI), 1_152), Fit::Follows, "{frame}");
        }
    }

    #[test]
    fn holes_are_filled_overlaps_cut_off_and_jumps_begin_anew() {
        let mut timeline = Timeline::new(48_000);
        timeline.fit(Some(0), 960);
        assert_eq!(timeline.fit(Some(120 * MILLI), 960), Fit::Behind(4_800));
        assert_eq!(timeline.fit(Some(140 * MILLI), 960), Fit::Follows, "what was missing counts");
        assert_eq!(timeline.fit(Some(100 * MILLI), 960), Fit::Overlaps(960));
        assert_eq!(timeline.fit(Some(120 * MILLI), 4_800), Fit::Overlaps(1_920));
        assert_eq!(timeline.fit(Some(220 * MILLI), 960), Fit::Follows, "what was there already does not");
        assert_eq!(timeline.fit(None, 960), Fit::Follows);
        assert_eq!(timeline.fit(Some(9_000 * MILLI), 960), Fit::Anew(9_000 * MILLI));
        assert_eq!(timeline.fit(Some(9_020 * MILLI), 960), Fit::Follows);
        assert_eq!(timeline.fit(Some(20 * MILLI), 960), Fit::Anew(20 * MILLI));
    }
}
