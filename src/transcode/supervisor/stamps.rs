//! The times that were sent to a worker, to find them again in what comes back.

use std::collections::{HashMap, VecDeque};

use crate::flv::WireTime;
use crate::flv::tag::TIMESTAMP_SPAN;
use crate::media::{Sample, Timescale, Timestamp};

/// Most times that are remembered: half a minute at 120 frames per second. A worker that is further behind has long been stopped.
const MOST: usize = 4_096;

/// A presentation time as it crosses the pipe: milliseconds, begun afresh when 32 bits are used up, and nanoseconds.
type Wire = (u32, u32);

/// Presentation times to the tick, by what the worker was told of them.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    sent: HashMap<Wire, Timestamp>,
    order: VecDeque<Wire>,
}

impl Stamps {
    /// Remembers when a sample that is sent is shown.
    pub fn note(&mut self, sample: &Sample) {
        let WireTime { timestamp_ms, cts_ms, extra_nanos } = WireTime::exact(sample);
        let wire = (timestamp_ms.wrapping_add_signed(cts_ms), extra_nanos);
        if self.sent.insert(wire, sample.pts()).is_none() {
            self.order.push_back(wire);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.sent.remove(&oldest);
        }
    }

    /// The time that was sent as this; none where none was.
    pub fn find(&self, dts_ms: u32, cts_ms: i32, extra_nanos: u32) -> Option<Timestamp> {
        self.sent.get(&(dts_ms.wrapping_add_signed(cts_ms), extra_nanos)).copied()
    }
}

/// The moment near `reference` that is told as these milliseconds, which begin afresh when their bits are used up, and nanoseconds: to the
/// nearest tick of `scale`.
pub fn near(reference: Timestamp, timestamp_ms: u32, extra_nanos: u32, scale: Timescale) -> Timestamp {
    let span = i64::from(TIMESTAMP_SPAN);
    let known = reference.millis();
    let millis = known + (i64::from(timestamp_ms) - known + span / 2).rem_euclid(span) - span / 2;
    let nanos = i128::from(millis) * 1_000_000 + i128::from(extra_nanos);
    let ticks = (nanos * i128::from(scale.hz()) + 500_000_000).div_euclid(1_000_000_000);
    Timestamp::new(ticks as i64, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Timescale, TrackId};

    fn sample(pts: i64, cts: i32) -> Sample {
        let dts = Timestamp::new(pts - i64::from(cts), Timescale::VIDEO);
        Sample { track: TrackId::VIDEO, dts, cts, is_sync: true, data: bytes::Bytes::new() }
    }

    #[test]
    fn a_time_is_found_to_the_tick_whatever_the_decoding_time_was_and_however_long_the_stream_is() {
        let mut stamps = Stamps::default();
        // Two ticks of one millisecond, and one beyond the milliseconds that 32 bits hold.
        let all = [(90_001, 3_000), (90_002, 0), ((1_i64 << 32) * 90 + 90_001, 6_000)];
        all.iter().take(2).for_each(|&(pts, cts)| stamps.note(&sample(pts, cts)));
        assert_eq!(stamps.find(1_000, 0, 11_111).map(Timestamp::ticks), Some(90_001));
        assert_eq!(stamps.find(1_000, 0, 22_222).map(Timestamp::ticks), Some(90_002));
        assert_eq!(stamps.find(1_000, 0, 0), None);
        stamps.note(&sample(all[2].0, all[2].1));
        assert_eq!(stamps.find(1_000, 0, 11_111).map(Timestamp::ticks), Some(all[2].0), "the newer one counts");
    }

    #[test]
    fn a_moment_is_told_to_the_tick_by_one_that_is_near() {
        let scale = Timescale::new(44_100).unwrap();
        for ticks in [0, 1, 1_024, 44_100 * 3_600, (44_100 << 31) / 1_000 + 1, 44_100 << 22] {
            let at = Timestamp::new(ticks, scale);
            let WireTime { timestamp_ms, extra_nanos, .. } =
                WireTime::exact(&Sample { track: TrackId::AUDIO, dts: at, cts: 0, is_sync: true, data: bytes::Bytes::new() });
            for apart in [-5_000, 0, 5_000] {
                let reference = Timestamp::from_millis(at.millis() + apart);
                assert_eq!(near(reference, timestamp_ms, extra_nanos, scale), at, "{ticks} {apart}");
            }
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut stamps = Stamps::default();
        (0..10_000).for_each(|n| stamps.note(&sample(n * 3_600, 0)));
        assert_eq!((stamps.sent.len(), stamps.order.len()), (MOST, MOST));
        assert!(stamps.find(0, 0, 0).is_none() && stamps.find(9_999 * 40, 0, 0).is_some());
    }
}
