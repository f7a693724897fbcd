//! The times that were sent to a worker, to find them again in what comes back.

use std::collections::{HashMap, VecDeque};

use crate::flv::WireTime;
use crate::media::{Sample, Timestamp};

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
    fn what_is_remembered_is_bounded() {
        let mut stamps = Stamps::default();
        (0..10_000).for_each(|n| stamps.note(&sample(n * 3_600, 0)));
        assert_eq!((stamps.sent.len(), stamps.order.len()), (MOST, MOST));
        assert!(stamps.find(0, 0, 0).is_none() && stamps.find(9_999 * 40, 0, 0).is_some());
    }
}
