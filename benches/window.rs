//! What a long window costs: a snapshot for each part, and the texts that are rendered from it. Prints how large these are, and how much
//! memory a slot takes when its media is in the spool.

use std::fs;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sluicegate::media::codec::{AacConfig, AudioShape, AvcConfig, Codec, VideoShape};
use sluicegate::media::{Epoch, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet, WallClock};
use sluicegate::segment::body::{Place, Spooled, Volume};
use sluicegate::segment::budget::Allowance;
use sluicegate::segment::options::Options;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::Segmenter;
use sluicegate::segment::snapshot::{PartNumber, Snapshot};
use sluicegate::segment::window::Limits;
use sluicegate::{dash, hls};

const EPOCH: i64 = 1_790_000_000_000;
/// Seconds.
const WINDOWS: [(&str, i64); 3] = [("20 s", 20), ("4 h", 4 * 3_600), ("24 h", 24 * 3_600)];
/// Slots of one file of the spool.
const VOLUME: u64 = 64;

fn program() -> Arc<Program> {
    let record = Bytes::from_static(&[1, 0x64, 0, 0x2a, 0xff, 0xe0, 0]);
    let video = Codec::Avc(AvcConfig { record, length_size: 4, shape: VideoShape::new(1920, 1080) });
    // One frame a second, as long as a picture: what is measured depends on slots, not on samples.
    let shape = AudioShape { sample_rate: 1_024, channels: 2, frame_samples: 1_024 };
    let audio = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape });
    let tracks = TrackSet::new([Track::new(TrackId::VIDEO, video), Track::new(TrackId::AUDIO, audio)]);
    Arc::new(Program { epoch: Epoch(EPOCH as u64), tracks, metadata: Metadata::default() })
}

/// A stream whose window is full: as long as it lists, and as much again that can be fetched.
struct Stream {
    segmenter: Segmenter,
    second: i64,
}

impl Stream {
    fn with_window(seconds: i64) -> Self {
        let options = Options { window_ms: seconds as u64 * 1_000, part_ms: 1_000, ..Options::default() };
        let (mut segmenter, _) = Segmenter::new(options, program());
        segmenter.set_limits(Limits { memory: Allowance { keep: 0, most: u64::MAX }, spool: u64::MAX });
        let mut stream = Self { segmenter, second: 0 };
        (0..2 * seconds + 60).for_each(|_| stream.play());
        stream
    }

    /// A second: a part of each track, and every other time a slot.
    fn play(&mut self) {
        let now = WallClock::from_unix_millis(EPOCH + self.second * 1_000);
        let audio = Timescale::new(1_024).expect("not zero");
        let dts = [(TrackId::VIDEO, Timescale::VIDEO, self.second % 2 == 0), (TrackId::AUDIO, audio, true)];
        for (track, scale, is_sync) in dts {
            let dts = Timestamp::new(self.second * i64::from(scale.hz()), scale);
            self.segmenter.push(Sample { track, dts, cts: 0, is_sync, data: Bytes::from_static(&[0; 40]) }, now);
        }
        self.segmenter.tick(now);
        while let Some(slot) = self.segmenter.offer() {
            let number = slot.msn.0 / VOLUME;
            let place = |_| Place { volume: Volume::new(number, ()), offset: 0, length: 1 };
            self.segmenter.spooled(&Spooled { msn: slot.msn, places: slot.segments.iter().map(place).collect() });
        }
        self.second += 1;
    }

    fn snapshot(&mut self) -> Arc<Snapshot> {
        self.segmenter.snapshot().expect("there is something to list")
    }
}

/// Bytes of resident memory.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("window");
    for (name, seconds) in WINDOWS {
        let before = resident();
        let mut stream = Stream::with_window(seconds);
        let snapshot = stream.snapshot();
        let slots = snapshot.slots.len() + snapshot.retained.len();
        if seconds > 3_600 {
            println!("{name}: {slots} slots, {} bytes of memory each", (resident() - before) / slots);
        }
        for (what, text) in texts(&snapshot) {
            println!("{name}: {what} of {} bytes", text.len());
        }
        drop(snapshot);

        group.bench_function(BenchmarkId::new("a second with two parts, and a snapshot", name), |b| {
            b.iter(|| {
                stream.play();
                stream.snapshot()
            });
        });
        let snapshot = stream.snapshot();
        group.bench_function(BenchmarkId::new("for comparison, a plain copy of the list", name), |b| {
            b.iter(|| snapshot.slots.iter().chain(&snapshot.retained).cloned().collect::<Vec<_>>());
        });
        let last = snapshot.slots.last().expect("there is something to list").msn;
        let requests = [
            ("the oldest segment", Request::Segment { track: TrackId::VIDEO, epoch: snapshot.epoch, generation: 1, msn: snapshot.first() }),
            ("the newest segment", Request::Segment { track: TrackId::VIDEO, epoch: snapshot.epoch, generation: 1, msn: last }),
            ("a part that is long gone", Request::Part { track: TrackId::VIDEO, epoch: snapshot.epoch, number: PartNumber(1) }),
        ];
        for (what, request) in requests {
            group.bench_function(BenchmarkId::new(what, name), |b| b.iter(|| snapshot.media(black_box(&request))));
        }
        group.bench_function(BenchmarkId::new("playlist", name), |b| b.iter(|| hls::media(&snapshot, TrackId::VIDEO, "", false)));
        group.bench_function(BenchmarkId::new("delta update", name), |b| b.iter(|| hls::media(&snapshot, TrackId::VIDEO, "", true)));
        group.bench_function(BenchmarkId::new("manifest", name), |b| b.iter(|| dash::manifest(&snapshot, "/time", "")));
    }
    group.finish();
}

fn texts(snapshot: &Snapshot) -> [(&'static str, String); 3] {
    let playlist = |delta| hls::media(snapshot, TrackId::VIDEO, "", delta).unwrap_or_default();
    [("playlist", playlist(false)), ("delta update", playlist(true)), ("manifest", dash::manifest(snapshot, "/time", ""))]
}

criterion_group!(window, benches);
criterion_main!(window);
