//! What the operator may set about cutting and keeping segments.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Allowance;
use super::window::Limits;
use crate::media::Span;

/// The part of a memory limit at which segments begin to move to the spool, one in so many before it is reached: the disk's time to take them.
pub const MEMORY_SLACK: u64 = 4;
/// The part of the spool's limit that is left free for what is written while the oldest is being removed.
pub const SPOOL_SLACK: u64 = 16;

/// How a stream is cut and how much of it is kept. Lengths of time are whole milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A segment ends at the first keyframe at least this long after its start.
    pub segment_ms: u64,
    /// No segment is longer than this: a longer GOP is cut where no decoder can start.
    pub longest_segment_ms: u64,
    /// Parts are the smallest whole number of frames that is this long. A source whose frames are longer has no parts.
    pub part_ms: u64,
    /// Whole segments that must exist before the stream is announced, or as many seconds as twice their length. The target duration can never change afterwards, so it should have
    /// seen two GOPs; with two, a player that begins at the first segment also has the next in hand while the third is being made.
    pub first_segments: usize,
    /// In DASH, tell of segments by one duration and their numbers where all are equally long, in place of a timeline.
    pub dash_duration: bool,
    /// In HLS, offer the sound alone beside the pictures, to players whose line carries none.
    pub audio_only: bool,
    /// How much of the stream the playlists list, never less than six segments.
    pub window_ms: u64,
    /// Bytes of segments kept in memory for one stream, listed or recently removed.
    pub memory_bytes: usize,
    /// Bytes of segments kept in memory for all streams together.
    pub total_memory_bytes: usize,
    /// A directory for what does not fit into memory; empty for none.
    pub spool: PathBuf,
    /// Bytes kept there, for all streams together.
    pub spool_bytes: u64,
    /// Requests of one stream that may wait at a time for what is still being made.
    pub max_held: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_ms: 2_000,
            longest_segment_ms: 10_000,
            part_ms: 334,
            first_segments: 2,
            dash_duration: false,
            audio_only: false,
            window_ms: 20_000,
            memory_bytes: 256 << 20,
            total_memory_bytes: 4 << 30,
            spool: PathBuf::new(),
            spool_bytes: 16 << 30,
            max_held: 20_000,
        }
    }
}

/// The shortest and longest values that make sense, each key with its range; outside of it the value is refused at the door. Segments
/// shorter than a second would let their numbers run ahead of the Unix time that a restart begins with.
const RANGES: [(&str, u64, u64); 4] =
    [("segment_ms", 1_000, 30_000), ("longest_segment_ms", 1_000, 60_000), ("part_ms", 100, 5_000), ("window_ms", 3_000, 86_400_000)];

/// A few segments of a usual stream.
const LEAST_MEMORY: u64 = 8 << 20;
/// Less is better kept in memory.
const LEAST_SPOOL: u64 = 64 << 20;

impl Options {
    /// Every value that is out of its range, as key, value, lowest and highest allowed.
    pub fn out_of_range(&self) -> Vec<(&'static str, u64, u64, u64)> {
        let values = [self.segment_ms, self.longest_segment_ms, self.part_ms, self.window_ms];
        let mut wrong: Vec<_> = RANGES
            .iter()
            .zip(values)
            .filter(|((_, low, high), value)| value < low || value > high)
            .map(|(&(key, low, high), value)| (key, value, low, high))
            .collect();
        if self.longest_segment_ms < self.segment_ms && wrong.is_empty() {
            wrong.push(("longest_segment_ms", self.longest_segment_ms, self.segment_ms, 60_000));
        }
        if !(1..=6).contains(&self.first_segments) {
            wrong.push(("first_segments", self.first_segments as u64, 1, 6));
        }
        for (key, bytes) in [("memory_bytes", self.memory_bytes as u64), ("total_memory_bytes", self.total_memory_bytes as u64)] {
            if bytes < LEAST_MEMORY {
                wrong.push((key, bytes, LEAST_MEMORY, i64::MAX as u64));
            }
        }
        if self.spool_bytes < LEAST_SPOOL {
            wrong.push(("spool_bytes", self.spool_bytes, LEAST_SPOOL, i64::MAX as u64));
        }
        wrong
    }

    pub(super) fn segment(&self) -> Span {
        span(self.segment_ms)
    }

    pub(super) fn longest_segment(&self) -> Span {
        span(self.longest_segment_ms.max(self.segment_ms))
    }

    pub(super) fn part(&self) -> Span {
        span(self.part_ms)
    }

    /// So much media can be announced however few segments it makes: encoders left to themselves are eight seconds and more from one keyframe
    /// to the next, and players do not wait for two of them.
    pub(super) fn first_media(&self) -> Span {
        span(self.segment_ms.saturating_mul(2 * self.first_segments as u64))
    }

    /// What one stream may hold if it shares nothing with others.
    pub fn limits(&self) -> Limits {
        Limits { memory: Allowance::of(self.memory_bytes as u64, MEMORY_SLACK), spool: self.spool_bytes }
    }

    pub(super) fn window(&self) -> Span {
        span(self.window_ms)
    }
}

fn span(millis: u64) -> Span {
    Duration::from_millis(millis).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        assert_eq!(Options::default().out_of_range(), []);
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        let options = Options { segment_ms: 10, part_ms: 0, first_segments: 0, memory_bytes: 1, ..Options::default() };
        let keys: Vec<_> = options.out_of_range().iter().map(|w| w.0).collect();
        assert_eq!(keys, ["segment_ms", "part_ms", "first_segments", "memory_bytes"]);
    }
}
