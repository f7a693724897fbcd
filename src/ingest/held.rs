//! What waits until it is known which tracks there are and where the stream can start.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::media::{Kind, Span, Timescale, TrackId};

/// Most bytes that wait: a second at 100 Mb/s, with room for a large picture.
const MOST_BYTES: usize = 16 << 20;

/// Most samples that wait: some seconds of video, several tracks of audio and data.
const MOST_UNITS: usize = 4_096;

/// An access unit or a script message, as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) track: TrackId,
    pub(super) timestamp: u32,
    pub(super) cts_ms: i32,
    pub(super) extra_nanos: u32,
    pub(super) is_sync: bool,
    pub(super) data: Bytes,
}

impl Unit {
    /// A script message, as the data track carries it, which is about a moment so much later.
    pub(super) fn script(timestamp: u32, ahead_ms: i32, data: Bytes) -> Self {
        Self { track: TrackId::DATA, timestamp, cts_ms: ahead_ms, extra_nanos: 0, is_sync: true, data }
    }

    /// When it is presented, in milliseconds as sent.
    pub(super) fn shown(&self) -> u32 {
        self.timestamp.wrapping_add_signed(self.cts_ms)
    }

    /// Whether this is the picture of another track that belongs to `other`, one that can be decoded.
    pub(super) fn is_shown_with(&self, other: &Self) -> bool {
        /// What encoders send as one moment, with pictures of half the rate beside.
        const TOGETHER_MS: i64 = 100;
        self.track.kind == Kind::Video && self.is_sync && distance(other.shown(), self.shown()).abs() <= TOGETHER_MS
    }

    /// Composition time as sent, in ticks; nanoseconds are rounded to the nearest.
    pub(super) fn composition(&self, scale: Timescale) -> i32 {
        let nanos = i64::from(self.cts_ms) * 1_000_000 + i64::from(self.extra_nanos);
        let ticks = Span::from_nanos(nanos).ticks(scale);
        i32::try_from(ticks).unwrap_or(if ticks < 0 { i32::MIN } else { i32::MAX })
    }
}

/// Units in order of arrival, bounded in bytes and number: of too many the oldest are let go.
#[derive(Debug, Default)]
pub(super) struct Held {
    units: VecDeque<Unit>,
    bytes: usize,
    /// When the first media came, and its timestamp.
    first: Option<(Instant, u32)>,
    newest: u32,
}

impl Held {
    /// Holds a unit. Returns how many had to go for it.
    pub(super) fn push(&mut self, unit: Unit, now: Instant) -> usize {
        if unit.track.kind != Kind::Data {
            self.first.get_or_insert((now, unit.timestamp));
            self.newest = unit.timestamp;
        }
        self.bytes += unit.data.len();
        self.units.push_back(unit);
        let before = self.units.len();
        while self.is_full() {
            let Some(gone) = self.units.pop_front() else { break };
            self.bytes -= gone.data.len();
        }
        before - self.units.len()
    }

    /// How long media has been waiting, by the clock or by its timestamps if they run faster.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        self.first.map_or(Duration::ZERO, |(at, timestamp)| {
            let media = i64::from(self.newest.wrapping_sub(timestamp) as i32);
            now.saturating_duration_since(at).max(Duration::from_millis(media.max(0) as u64))
        })
    }

    /// When the first media came.
    pub(super) fn since(&self) -> Option<Instant> {
        self.first.map(|(at, _)| at)
    }

    /// What is held, oldest first.
    pub(super) fn units(&self) -> &VecDeque<Unit> {
        &self.units
    }

    /// Whether more would cost what is held.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.units.len() * 2 > MOST_UNITS || self.bytes * 2 > MOST_BYTES
    }

    /// Takes out what is held.
    pub(super) fn take(&mut self) -> VecDeque<Unit> {
        self.bytes = 0;
        std::mem::take(&mut self.units)
    }

    fn is_full(&self) -> bool {
        self.units.len() > MOST_UNITS || self.bytes > MOST_BYTES
    }
}

/// Signed distance from `from` to `to`, in milliseconds.
pub(super) fn distance(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from) as i32)
}

/// The frames per second that the held pictures of `track` show, if they are enough to tell.
pub(super) fn measured_rate(units: &VecDeque<Unit>, track: TrackId) -> Option<f64> {
    /// Fewer steps than this say little, their milliseconds being rounded.
    const ENOUGH: usize = 8;
    let stamps: Vec<u32> = units.iter().filter(|unit| unit.track == track).map(|unit| unit.timestamp).collect();
    let (first, last) = (*stamps.first()?, *stamps.last()?);
    let (steps, span) = (stamps.len() - 1, distance(first, last));
    (steps >= ENOUGH && span > 0).then(|| (steps as f64 * 1e5 / span as f64).round() / 100.0)
}
