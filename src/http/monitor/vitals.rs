//! How one stream does, measured by looking at what has passed since the last look. Pure: the time is an argument.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bus::{Seq, Stream};
use crate::media::{Kind, Program, Sample, Span, Timestamp, Track};

/// Looks over which rates are averaged: one alone would flutter by a frame.
const RATE_LOOKS: usize = 3;
/// Looks over which it is told whether a publisher keeps up: many send in lumps of half a second.
const SPEED_LOOKS: usize = 20;
/// Looks of which the distance between sound and picture is the median.
const DRIFT_LOOKS: usize = 10;
/// Looks that are remembered.
const MEMORY: usize = 60;
/// Pictures out of order are remembered for so long.
const REORDERED: Duration = Duration::from_secs(10);

/// What looks at one stream leave behind.
#[derive(Debug, Default)]
pub struct Vitals {
    next: Seq,
    pictures: Pictures,
    /// The newest sound.
    sound: Option<Timestamp>,
    /// One for each look, the oldest first.
    marks: VecDeque<Mark>,
}

/// The leading video track.
#[derive(Debug, Default)]
struct Pictures {
    count: u64,
    newest: Option<Timestamp>,
    keyframe: Option<Timestamp>,
    interval: Option<Span>,
    /// The latest presentation time so far: a picture before it was reordered.
    highest: Option<Timestamp>,
    reordered: Option<Instant>,
}

/// Totals at one look.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    received: u64,
    sent: u64,
    repaired: u64,
    dropped: u64,
    pictures: u64,
    media: Option<Timestamp>,
    drift: Option<Span>,
    connection: Option<u64>,
}

/// How a stream does, in numbers.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Figures {
    /// Bits per second that came in over the last three seconds.
    pub in_bit_rate: Option<u64>,
    /// Bits per second that went out to all viewers over the last three seconds.
    pub out_bit_rate: Option<u64>,
    /// Pictures per second of the leading video track that arrived over the last three seconds.
    pub frame_rate: Option<f64>,
    /// Milliseconds between its last two keyframes, or since the last one where that is longer already: the length of a GOP.
    pub keyframe_ms: Option<i64>,
    /// Whether its pictures come in another order than they are shown in.
    pub b_frames: bool,
    /// Milliseconds by which the newest sound is ahead of the newest picture; what encoders interleave well stays within some tenths of a second.
    pub av_drift_ms: Option<i64>,
    /// Seconds of media that arrive in a second; known after twenty seconds of one connection.
    pub speed: Option<f64>,
    /// Timestamps that had to be repaired in the last minute.
    pub repaired: u64,
    /// Messages that could not be used in the last minute.
    pub dropped: u64,
}

impl Vitals {
    /// Looks at what has come since the last look.
    pub fn look(&mut self, stream: &Stream, now: Instant) {
        stream.source().samples.inspect(|window| {
            let (samples, next) = window.since(self.next);
            if let Some(program) = window.head() {
                samples.for_each(|sample| self.take(sample, program, now));
            }
            self.next = next;
        });
        let received = stream.received();
        self.mark(Mark {
            at: now,
            received: received.bytes(),
            sent: stream.sent().bytes(),
            repaired: received.repaired(),
            dropped: received.dropped(),
            pictures: self.pictures.count,
            media: self.pictures.newest.or(self.sound),
            drift: self.sound.zip(self.pictures.newest).map(|(sound, picture)| sound.since(picture)),
            connection: stream.publisher().map(|publisher| publisher.connection),
        });
    }

    fn mark(&mut self, mark: Mark) {
        if self.marks.len() == MEMORY {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
    }

    fn take(&mut self, sample: &Sample, program: &Program, now: Instant) {
        let is_leading = |track: Option<&Arc<Track>>| track.is_some_and(|track| track.id == sample.track);
        match sample.track.kind {
            Kind::Video if is_leading(program.tracks.video()) => self.pictures.take(sample, now),
            Kind::Audio if is_leading(program.tracks.audio()) => self.sound = Some(sample.dts),
            _ => {}
        }
    }

    /// What the looks say.
    pub fn figures(&self) -> Figures {
        let Some(last) = self.marks.back() else { return Figures::default() };
        let rate = self.back(RATE_LOOKS).map(|first| (first, last.at.saturating_duration_since(first.at).as_secs_f64()));
        let rate = rate.filter(|(_, seconds)| *seconds > 0.0);
        let per_second =
            |count: fn(&Mark) -> u64, by: f64| rate.map(|(first, seconds)| count(last).saturating_sub(count(first)) as f64 * by / seconds);
        let oldest = self.marks.front().unwrap_or(last);
        let has_pictures = self.pictures.newest.is_some();
        Figures {
            in_bit_rate: per_second(|mark| mark.received, 8.0).map(|bits| bits as u64),
            out_bit_rate: per_second(|mark| mark.sent, 8.0).map(|bits| bits as u64),
            frame_rate: per_second(|mark| mark.pictures, 1.0).filter(|_| has_pictures).map(|rate| (rate * 10.0).round() / 10.0),
            keyframe_ms: self.pictures.keyframe_interval().map(Span::millis),
            b_frames: self.pictures.reordered.is_some_and(|at| last.at.saturating_duration_since(at) < REORDERED),
            av_drift_ms: self.drift().map(Span::millis),
            speed: self.speed(),
            repaired: last.repaired - oldest.repaired,
            dropped: last.dropped - oldest.dropped,
        }
    }

    /// The look so many before the last, or the first where there are fewer; none where there is only one.
    fn back(&self, looks: usize) -> Option<&Mark> {
        let last = self.marks.len().checked_sub(1)?;
        (last > 0).then(|| &self.marks[last.saturating_sub(looks)])
    }

    fn drift(&self) -> Option<Span> {
        let mut recent: Vec<Span> = self.marks.iter().rev().take(DRIFT_LOOKS).filter_map(|mark| mark.drift).collect();
        recent.sort_unstable();
        recent.get(recent.len() / 2).copied()
    }

    /// Only where the same publisher was there at each look: an absence is no slowness.
    fn speed(&self) -> Option<f64> {
        let first = self.marks.len().checked_sub(SPEED_LOOKS + 1)?;
        let (first, last) = (&self.marks[first], self.marks.back()?);
        let stayed =
            self.marks.iter().rev().take(SPEED_LOOKS + 1).all(|mark| mark.connection.is_some() && mark.connection == last.connection);
        let media = last.media?.since(first.media?).as_secs_f64();
        let seconds = last.at.saturating_duration_since(first.at).as_secs_f64();
        (stayed && seconds > 0.0).then(|| (media / seconds * 100.0).round() / 100.0)
    }
}

impl Pictures {
    fn take(&mut self, sample: &Sample, now: Instant) {
        self.count += 1;
        self.newest = Some(sample.dts);
        if sample.is_sync {
            self.interval = self.keyframe.map(|before| sample.dts.since(before)).or(self.interval);
            self.keyframe = Some(sample.dts);
        }
        match self.highest {
            Some(highest) if sample.pts() < highest => self.reordered = Some(now),
            _ => self.highest = Some(sample.pts()),
        }
    }

    fn keyframe_interval(&self) -> Option<Span> {
        let since = self.newest.zip(self.keyframe).map(|(newest, keyframe)| newest.since(keyframe));
        // The first GOP has no length before it is over, unless it is long already.
        self.interval
            .map(|interval| since.map_or(interval, |since| since.max(interval)))
            .or(since.filter(|since| *since > Span::from_secs(4)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Timescale, TrackId};
    use bytes::Bytes;

    fn picture(ms: i64, cts_ms: i32, is_sync: bool) -> Sample {
        let dts = Timestamp::new(ms, Timescale::MILLIS);
        Sample { track: TrackId::VIDEO, dts, cts: cts_ms, is_sync, data: Bytes::from_static(b"x") }
    }

    fn mark(at: Instant, seconds: u64, media_ms: i64) -> Mark {
        Mark {
            at: at + Duration::from_secs(seconds),
            received: seconds * 250_000,
            sent: seconds * 500_000,
            repaired: seconds,
            dropped: 0,
            pictures: seconds * 30,
            media: Some(Timestamp::from_millis(media_ms)),
            drift: Some(Span::from_millis(if seconds.is_multiple_of(3) { 900 } else { 40 })),
            connection: Some(1),
        }
    }

    #[test]
    fn rates_are_those_of_the_last_looks() {
        let (mut vitals, began) = (Vitals::default(), Instant::now());
        (0..30).for_each(|s| vitals.mark(mark(began, s, s as i64 * 900)));
        let figures = vitals.figures();
        assert_eq!((figures.in_bit_rate, figures.out_bit_rate), (Some(2_000_000), Some(4_000_000)));
        assert_eq!((figures.speed, figures.av_drift_ms, figures.repaired), (Some(0.9), Some(40), 29));
        assert_eq!(figures.frame_rate, None, "no picture was seen");
    }

    #[test]
    fn an_absence_is_no_slowness() {
        let (mut vitals, began) = (Vitals::default(), Instant::now());
        (0..30).for_each(|s| vitals.mark(Mark { connection: (s != 20).then_some(1), ..mark(began, s, s as i64 * 500) }));
        assert_eq!(vitals.figures().speed, None);
    }

    #[test]
    fn keyframes_and_their_order_are_seen() {
        let (mut vitals, now) = (Vitals::default(), Instant::now());
        for ms in (0..=4_000).step_by(40) {
            vitals.pictures.take(&picture(ms, 0, ms % 2_000 == 0), now);
        }
        vitals.mark(mark(now, 0, 0));
        assert_eq!((vitals.figures().keyframe_ms, vitals.figures().b_frames), (Some(2_000), false));
        for ms in (4_040..12_000).step_by(40) {
            vitals.pictures.take(&picture(ms, if ms % 80 == 0 { 80 } else { 0 }, false), now);
        }
        assert_eq!((vitals.figures().keyframe_ms, vitals.figures().b_frames), (Some(7_960), true));
    }
}
