//! Standard input: bytes to frames with exact times.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::Bytes;
use sluicegate::flv::reader::Event;
use sluicegate::flv::tag::TIMESTAMP_SPAN;
use sluicegate::flv::{Demuxer, Item, ReadError, Reader, TagKind};
use sluicegate::media::{Codec, TrackId};
use sluicegate::transcode::plan::MAX_TAG;

use super::gauges::{Gauges, Mark, add};
use super::sound;

/// Frames that may wait for the decoder: the longest GOP that a gateway keeps, at 50 a second.
pub const MAX_QUEUED: usize = 512;
/// Bytes of them.
const MAX_QUEUED_BYTES: u64 = 64 * 1024 * 1024;
/// How often it is looked whether there is room for more of them.
const ROOM_INTERVAL: Duration = Duration::from_millis(5);
/// Bytes read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// What goes to the decoder.
pub enum Unit {
    /// The codec, or its configuration, from here on.
    Config(Codec),
    Frame {
        /// Nanoseconds.
        pts: i64,
        is_sync: bool,
        data: Bytes,
        mark: Mark,
    },
}

/// Why the input is over before its end.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("standard input: {0}")]
    Io(#[from] std::io::Error),
    #[error("standard input is no FLV: {0}")]
    Flv(#[from] ReadError),
}

/// Reads until the end of the input, or until nobody wants more. Sound goes where it is wanted.
pub fn run(mut input: File, to: &SyncSender<Unit>, to_sound: Option<&SyncSender<sound::Unit>>, gauges: &Gauges) -> Result<(), IntakeError> {
    let mut reader = Reader::new(MAX_TAG);
    // What is not decoded has to be told of, and so has to get there.
    let mut demuxer = Demuxer::new().with_vvc(true);
    let (mut clock, mut sound_clock) = (Clock::default(), Clock::default());
    let mut chunk = vec![0; CHUNK];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => reader.push(&chunk[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        while let Some(event) = reader.poll()? {
            let Event::Tag { kind: kind @ (TagKind::Video | TagKind::Audio), timestamp_ms, body } = event else { continue };
            if kind == TagKind::Audio && to_sound.is_none() {
                continue;
            }
            demuxer.push(kind, timestamp_ms, &body);
            while let Some(item) = demuxer.poll() {
                let unit = match item {
                    Ok(Item::Config { track: TrackId::VIDEO, codec }) => Unit::Config(codec),
                    Ok(Item::Coded { track: TrackId::VIDEO, dts_ms, cts_ms, extra_nanos, is_sync, data }) => {
                        let pts = clock.nanos(dts_ms, cts_ms, extra_nanos);
                        Unit::Frame { pts, is_sync, data, mark: gauges.mark(pts) }
                    }
                    Ok(item) => {
                        let unit = sound_of(item, &mut sound_clock);
                        if let Some((to, unit)) = to_sound.zip(unit)
                            && to.send(unit).is_err()
                        {
                            return Ok(());
                        }
                        continue;
                    }
                    Err(_) => {
                        add(if kind == TagKind::Video { &gauges.decode_errors } else { &gauges.sound_errors }, 1);
                        continue;
                    }
                };
                if let Unit::Frame { data, .. } = &unit {
                    wait_for_room(gauges);
                    add(&gauges.queued_bytes, data.len() as u64);
                }
                if to.send(unit).is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// What an item means for the sound.
fn sound_of(item: Item, clock: &mut Clock) -> Option<sound::Unit> {
    match item {
        Item::Config { track: TrackId::AUDIO, codec } => Some(sound::Unit::Config(codec)),
        Item::Coded { track: TrackId::AUDIO, dts_ms, extra_nanos, data, .. } => {
            Some(sound::Unit::Frame { pts: clock.nanos(dts_ms, 0, extra_nanos), data })
        }
        _ => None,
    }
}

fn wait_for_room(gauges: &Gauges) {
    while gauges.queued_bytes.load(Ordering::Relaxed) > MAX_QUEUED_BYTES {
        std::thread::sleep(ROOM_INTERVAL);
    }
}

/// Counts on where the 31 bits of FLV's timestamps begin anew.
#[derive(Default)]
struct Clock {
    last: Option<i64>,
}

impl Clock {
    fn nanos(&mut self, dts_ms: u32, cts_ms: i32, extra_nanos: u32) -> i64 {
        let span = i64::from(TIMESTAMP_SPAN);
        let stamp = i64::from(dts_ms) % span;
        let unwrapped = match self.last {
            // The nearest moment with this stamp, before or behind.
            Some(last) => last + (stamp - last + span / 2).rem_euclid(span) - span / 2,
            None => stamp,
        };
        self.last = Some(unwrapped);
        (unwrapped + i64::from(cts_ms)) * 1_000_000 + i64::from(extra_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_on_where_the_stamps_begin_anew() {
        let mut clock = Clock::default();
        assert_eq!(clock.nanos(TIMESTAMP_SPAN - 20, 7, 333_333), (i64::from(TIMESTAMP_SPAN) - 13) * 1_000_000 + 333_333);
        assert_eq!(clock.nanos(13, 0, 0), (i64::from(TIMESTAMP_SPAN) + 13) * 1_000_000);
        assert_eq!(clock.nanos(TIMESTAMP_SPAN - 1, 0, 0), (i64::from(TIMESTAMP_SPAN) - 1) * 1_000_000);
    }
}
