//! What goes in: the pictures of a clip, with times of our own making, as the gateway would send them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sluicegate::flv::reader::{DEFAULT_MAX_TAG, Event};
use sluicegate::flv::{Demuxer, Item, Muxer, Reader};
use sluicegate::media::{Codec, Epoch, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet};
use sluicegate::transcode::plan::SOURCE;

/// Ticks of a frame: 29.97 a second, which no millisecond divides.
pub const FRAME: i64 = 3_003;
/// Where the timeline begins, in ticks: late enough for any composition time.
pub const START: i64 = 900_000;

/// A source's configuration and samples, in the order of decoding.
#[derive(Clone)]
pub struct Source {
    pub codec: Codec,
    pub samples: Vec<Sample>,
}

/// The first frames of a clip that `scripts/media.sh` encodes; encoded now if it has not run yet.
pub fn clip(name: &str, frames: usize) -> Source {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new("bash").arg(root.join("scripts/media.sh")).status().unwrap();
    assert!(made.success(), "scripts/media.sh makes the clips");
    let file = root.join("target/media").join(name).with_extension("mp4");
    read(&file, frames)
}

/// The first frames of a file's pictures.
pub fn read(file: &Path, frames: usize) -> Source {
    let mut command = Command::new(current_ffmpeg());
    command.args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-map", "0:v:0", "-c", "copy", "-f", "flv", "-"]);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    let (mut reader, mut demuxer) = (Reader::new(DEFAULT_MAX_TAG), Demuxer::new());
    reader.push(&output.stdout);
    let (mut codec, mut coded) = (None, Vec::new());
    while let Some(event) = reader.poll().unwrap() {
        let Event::Tag { kind, timestamp_ms, body } = event else { continue };
        demuxer.push(kind, timestamp_ms, &body);
        while let Some(item) = demuxer.poll() {
            match item.unwrap() {
                Item::Config { codec: told, .. } => codec = Some(told),
                Item::Coded { dts_ms, cts_ms, is_sync, data, .. } => coded.push((i64::from(dts_ms) + i64::from(cts_ms), is_sync, data)),
                _ => {}
            }
        }
    }
    coded.truncate(frames);
    assert_eq!(coded.len(), frames, "{} is long enough", file.display());
    Source { codec: codec.unwrap(), samples: timed(&coded) }
}

/// The same frames, each presented where it stood among the others, on a timeline of whole ticks.
fn timed(coded: &[(i64, bool, Bytes)]) -> Vec<Sample> {
    let rank = |pts: i64| coded.iter().filter(|(other, ..)| *other < pts).count() as i64;
    // Two frames of room between decoding and presentation, but for codecs that know no such difference.
    let is_reordered = coded.iter().enumerate().any(|(at, (pts, ..))| rank(*pts) != at as i64);
    let room = if is_reordered { 2 } else { 0 };
    let timed = coded.iter().enumerate().map(|(at, (pts, is_sync, data))| {
        let dts = START + at as i64 * FRAME;
        let cts = (rank(*pts) + room - at as i64) * FRAME;
        sample(dts, cts as i32, *is_sync, data.clone())
    });
    timed.collect()
}

pub fn sample(dts: i64, cts: i32, is_sync: bool, data: Bytes) -> Sample {
    Sample { track: TrackId::VIDEO, dts: Timestamp::new(dts, Timescale::VIDEO), cts, is_sync, data }
}

impl Source {
    /// Presentation times in ticks and whether each is a sync sample, in the order of presentation.
    pub fn times(&self) -> Vec<(i64, bool)> {
        let mut times: Vec<_> = self.samples.iter().map(|sample| (sample.pts().ticks(), sample.is_sync)).collect();
        times.sort_unstable();
        times
    }

    /// The other source's samples behind these, as if it had followed.
    pub fn then(mut self, other: &Self) -> (Self, Bytes) {
        // Behind the last that is presented, too.
        let shift = (self.samples.len() as i64 + 2) * FRAME;
        let moved: Vec<_> = other.samples.iter().map(|sample| Sample { dts: sample.dts.plus_ticks(shift), ..sample.clone() }).collect();
        let mut bytes = BytesMut::from(self.flv());
        bytes.extend_from_slice(&Self { codec: other.codec.clone(), samples: moved.clone() }.flv()[13..]);
        self.samples.extend(moved);
        (self, bytes.freeze())
    }

    /// All of it as FLV.
    pub fn flv(&self) -> Bytes {
        let tracks = TrackSet::new([Track::new(TrackId::VIDEO, self.codec.clone())]);
        let program = Program { epoch: Epoch(0), tracks, metadata: Metadata::default() };
        let muxer = Muxer::new(SOURCE, Arc::new(program));
        let mut out = BytesMut::new();
        muxer.file_header().write(&mut out);
        muxer.preamble().iter().for_each(|body| body.write_tag(0, &mut out));
        for sample in &self.samples {
            muxer.sample(sample).unwrap().write_tag(muxer.timestamp(sample), &mut out);
        }
        out.freeze()
    }
}

/// Where `scripts/test.sh` puts it, or on the path: Debian's writes only H.264 into FLV.
pub fn current_ffmpeg() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/ffmpeg9");
    if ours.exists() { ours } else { "ffmpeg9".into() }
}
