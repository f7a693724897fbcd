//! What the operator hears of a stream whose segments are not what they should be.

use tracing::warn;

use crate::bus::Stream;
use crate::media::{Span, WallClock};
use crate::segment::snapshot::{Counters, Snapshot};

/// Between two warnings of the same kind.
const REMIND: Span = Span::from_secs(60);
/// The same for what can go on for days and does no harm to those who watch live.
const REMIND_RARELY: Span = Span::from_secs(600);

/// What the operator was told of a stream that is not what its playlists promise.
#[derive(Default)]
pub(super) struct Told {
    counted: Counters,
    forced_cuts: Option<WallClock>,
    long_parts: Option<WallClock>,
    evicted: Option<WallClock>,
    overflowed: Option<WallClock>,
}

impl Told {
    /// Counts what is new, and warns of each kind now and then.
    pub fn tell(&mut self, stream: &Stream, snapshot: &Snapshot, has_spool: bool, now: WallClock) {
        let (counters, before) = (snapshot.counters, std::mem::replace(&mut self.counted, snapshot.counters));
        let count = |kind: &'static str, now: u64, before: u64| {
            if now > before {
                metrics::counter!("sluicegate_segment_deviations_total", "kind" => kind).increment(now - before);
            }
            now > before
        };
        let is_due = |last: &mut Option<WallClock>, pause: Span| {
            let due = last.is_none_or(|last| now.since(last) >= pause);
            if due {
                *last = Some(now);
            }
            due
        };
        count("track_gap", counters.track_gaps, before.track_gaps);
        count("dropped_sample", counters.dropped_samples, before.dropped_samples);
        if count("forced_cut", counters.forced_cuts, before.forced_cuts) && is_due(&mut self.forced_cuts, REMIND) {
            warn!(
                stream = %stream.name(), forced_cuts = counters.forced_cuts, target_duration = snapshot.target_duration,
                "keyframes are further apart than a segment of this stream may last, so segments begin where no decoder can start and \
                 players of HLS and DASH join late; set the encoder's keyframe interval to 2 s, fixed, and publish anew"
            );
        }
        if count("long_part", counters.long_parts, before.long_parts) && is_due(&mut self.long_parts, REMIND) {
            warn!(
                stream = %stream.name(), long_parts = counters.long_parts, part_target = ?snapshot.part_target,
                "single frames last longer than a part of this stream may: its frame rate has fallen, or pictures are missing; strict \
                 players of Low-Latency HLS may stop; set a fixed frame rate in the encoder and publish anew"
            );
        }
        let evicted = counters.evicted_segments;
        if count("evicted_segment", evicted, before.evicted_segments) && is_due(&mut self.evicted, REMIND_RARELY) {
            let stream = stream.name();
            match has_spool {
                false => warn!(
                    %stream, evicted,
                    "memory for segments is full: the oldest were forgotten before their time; set segments.spool, raise \
                     segments.memory_bytes and segments.total_memory_bytes, or shorten segments.window_ms"
                ),
                true => warn!(
                    %stream, evicted,
                    "memory for segments is full before the spool has taken them: the oldest were forgotten before their time; see to its \
                     disk, or raise segments.memory_bytes and segments.total_memory_bytes"
                ),
            }
        }
        let overflowed = counters.overflowed_segments;
        if count("overflowed_segment", overflowed, before.overflowed_segments) && is_due(&mut self.overflowed, REMIND_RARELY) {
            warn!(
                stream = %stream.name(), overflowed,
                "the spool is full: the oldest segments were forgotten before their time; raise segments.spool_bytes or shorten \
                 segments.window_ms (a window needs room for twice its length, as what leaves it stays for players that still list it)"
            );
        }
    }
}
