//! What a fragment costs: one picture at a time, as a push feed makes them, and a second of pictures, as a segment does.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::fmp4::{Fragmenter, Layout, ReorderDelay, SequenceNumber, TimedSample, TrackNumber, fragment};
use sluicegate::media::codec::{AvcConfig, Codec, VideoShape};
use sluicegate::media::{Sample, Timescale, Timestamp, Track, TrackId};

const FRAMES: i64 = 60;
const FRAME_TICKS: i64 = 1_500;
/// Bytes of each picture: 60 of them a second are 5 Mb/s.
const FRAME_BYTES: usize = 10_400;

fn track() -> Track {
    let shape = VideoShape { frame_rate: Some(60.0), ..VideoShape::new(1920, 1080) };
    let record = Bytes::from_static(&[1, 0x64, 0, 0x2a, 0xff, 0xe0, 0]);
    let codec = Codec::Avc(AvcConfig { record, length_size: 4, shape });
    Track::new(TrackId::VIDEO, codec)
}

fn samples() -> Vec<Sample> {
    let data = Bytes::from(vec![0x5a; FRAME_BYTES]);
    let sample = |index: i64| Sample {
        track: TrackId::VIDEO,
        dts: Timestamp::new(index * FRAME_TICKS, Timescale::VIDEO),
        cts: if index % 3 == 0 { 3_000 } else { 1_500 },
        is_sync: index == 0,
        data: data.clone(),
    };
    (0..FRAMES).map(sample).collect()
}

fn timed() -> Vec<TimedSample> {
    samples().into_iter().map(|sample| TimedSample { sample, duration: FRAME_TICKS as u32 }).collect()
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("fmp4");
    let layout = Layout { reserve_front: 10, ..Layout::new(TrackNumber::ONLY, SequenceNumber::FIRST, ReorderDelay(3_000)) };
    let timed = timed();
    let write = |samples: &[TimedSample]| fragment::write(samples, &layout).expect("the samples are sound").freeze_with_front();

    group.throughput(Throughput::Bytes(FRAME_BYTES as u64));
    group.bench_function("fragment of one picture", |b| b.iter(|| write(black_box(&timed[..1]))));
    group.throughput(Throughput::Bytes(FRAME_BYTES as u64 * FRAMES as u64));
    group.bench_function("fragment of one second", |b| b.iter(|| write(black_box(&timed))));

    let (track, samples) = (track(), samples());
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function("durations of one second", |b| {
        b.iter(|| {
            let mut fragmenter = Fragmenter::new(&track);
            for sample in &samples {
                black_box(fragmenter.push(sample.clone()).expect("the samples are sound"));
            }
            fragmenter.flush(None)
        });
    });
    group.finish();
}

criterion_group!(fmp4, benches);
criterion_main!(fmp4);
