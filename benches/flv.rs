//! What FLV costs once per stream: one picture and one audio frame put into tags, and a second of message bodies taken apart.

use std::hint::black_box;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::flv::{Demuxer, FlvVariant, Muxer, TagKind};
use sluicegate::media::codec::{AacConfig, AvcConfig, Codec};
use sluicegate::media::{Epoch, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet};

/// Bytes of each picture: 30 of them a second are 2.5 Mb/s.
const FRAME_BYTES: usize = 10_400;
const AUDIO_BYTES: usize = 340;
const FRAMES: i64 = 30;
const FRAME_TICKS: i64 = 3_000;
/// Room for the WebSocket header in front of each tag, as the shared feed leaves it.
const RESERVED: usize = 10;

/// 1280x720 at 30 frames a second, Main profile.
const AVC_RECORD: &[u8] = &[
    0x01, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x4d, 0x40, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80, 0x01, 0x00, 0x05, 0x68, 0xeb, 0xc3, 0xcb, 0x20,
];
/// 48 kHz, two channels, AAC-LC.
const AAC_RECORD: &[u8] = &[0x11, 0x90];

/// One access unit: a slice behind its length.
fn picture(index: i64) -> Sample {
    let mut data = vec![0x5a; FRAME_BYTES];
    data[..4].copy_from_slice(&(FRAME_BYTES as u32 - 4).to_be_bytes());
    data[4] = if index == 0 { 0x65 } else { 0x41 };
    let dts = Timestamp::new(index * FRAME_TICKS, Timescale::VIDEO);
    Sample { track: TrackId::VIDEO, dts, cts: 3_000, is_sync: index == 0, data: data.into() }
}

fn sound() -> Sample {
    let dts = Timestamp::new(0, Timescale::VIDEO);
    Sample { track: TrackId::AUDIO, dts, cts: 0, is_sync: true, data: Bytes::from(vec![0x21; AUDIO_BYTES]) }
}

/// The configuration of the video, then a second of it, as RTMP messages carry them.
fn bodies(muxer: &Muxer) -> Vec<(u32, Bytes)> {
    let config = [&[0x17, 0, 0, 0, 0], AVC_RECORD].concat();
    let coded = (0..FRAMES).map(|index| {
        let sample = picture(index);
        let mut body = BytesMut::new();
        muxer.sample(&sample).expect("H.264 is carried").write(&mut body);
        (muxer.timestamp(&sample), body.freeze())
    });
    std::iter::once((0, config.into())).chain(coded).collect()
}

/// How many items the bodies hold.
fn demux(bodies: &[(u32, Bytes)]) -> usize {
    let (mut demuxer, mut items) = (Demuxer::new(), 0);
    for (at, body) in bodies {
        demuxer.push(TagKind::Video, *at, body);
        while let Some(item) = demuxer.poll() {
            black_box(item.expect("the bodies are sound"));
            items += 1;
        }
    }
    items
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("flv");
    let avc = Codec::Avc(AvcConfig::parse(AVC_RECORD).expect("the record is sound"));
    let aac = Codec::Aac(AacConfig::parse(AAC_RECORD).expect("the record is sound"));
    let tracks = TrackSet::new([Track::new(TrackId::VIDEO, avc), Track::new(TrackId::AUDIO, aac)]);
    let program = Program { epoch: Epoch(1), tracks, metadata: Metadata::default() };
    let muxer = Muxer::new(FlvVariant::default(), Arc::new(program));
    let tag = |sample: &Sample| {
        let at = muxer.timestamp(sample);
        muxer.sample(sample).map(|body| body.to_tag(at, RESERVED)).expect("both are carried")
    };

    let (picture, sound) = (picture(1), sound());
    group.throughput(Throughput::Bytes(FRAME_BYTES as u64));
    group.bench_function("tag of one picture", |b| b.iter(|| tag(black_box(&picture))));
    group.throughput(Throughput::Bytes(AUDIO_BYTES as u64));
    group.bench_function("tag of one audio frame", |b| b.iter(|| tag(black_box(&sound))));

    let bodies = bodies(&muxer);
    assert_eq!(demux(&bodies), bodies.len(), "the configuration and every picture come out");
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function("samples of one second of bodies", |b| b.iter(|| demux(black_box(&bodies))));
    group.finish();
}

criterion_group!(flv, benches);
criterion_main!(flv);
