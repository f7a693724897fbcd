//! What taking in one stream costs, from the socket's bytes to the samples on the bus: chunks joined, the session's rules, FLV taken apart,
//! time repaired, samples pushed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sluicegate::amf0::Value;
use sluicegate::bus::registry::Options as RegistryOptions;
use sluicegate::bus::{PublisherInfo, Registry, StreamName, Takeover};
use sluicegate::flv::TagKind;
use sluicegate::ingest::{Ingest, Options as IngestOptions};
use sluicegate::media::WallClock;
use sluicegate::rtmp::chunk::{Message, SET_CHUNK_SIZE, Writer};
use sluicegate::rtmp::command;
use sluicegate::rtmp::handshake::PACKET;
use sluicegate::rtmp::session::{Event, Options, Session};

/// What a socket gives in one read.
const READ_BYTES: usize = 64 << 10;
const AUDIO_BYTES: usize = 340;
const FRAMES: u32 = 30;
/// Seconds that are read in one round: the first is not like the others.
const SECONDS: u32 = 10;
/// Bits per second.
const RATES: [u32; 3] = [200_000, 2_500_000, 20_000_000];
const WALL: WallClock = WallClock::from_unix_millis(1_700_000_000_000);

/// 1280x720 at 30 frames a second, Main profile, and AAC at 48 kHz.
const AVC_CONFIG: &[u8] = &[
    0x17, 0, 0, 0, 0, 0x01, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x4d, 0x40, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10,
    0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80, 0x01, 0x00, 0x05, 0x68, 0xeb, 0xc3, 0xcb, 0x20,
];
const AAC_CONFIG: &[u8] = &[0xaf, 0, 0x11, 0x90];

/// A publisher's bytes from the handshake on, and how many media messages they hold.
fn publication(rate: u32) -> (Bytes, u64) {
    let mut out = BytesMut::from(&[3][..]);
    out.extend_from_slice(&[0; 2 * PACKET]);
    let (mut writer, mut messages) = (Writer::default(), 0);
    let mut write = |csid, type_id, timestamp, payload: Bytes, out: &mut BytesMut| {
        writer.write(&Message { csid, timestamp, type_id, msid: 1, payload }, out);
        if type_id == SET_CHUNK_SIZE {
            writer.set_chunk_size(4096);
        }
    };
    write(2, SET_CHUNK_SIZE, 0, Bytes::copy_from_slice(&4096_u32.to_be_bytes()), &mut out);
    write(3, 20, 0, command::command("connect", 1.0, [Value::Object(vec![("app".into(), "live".into())])]), &mut out);
    write(3, 20, 0, command::command("publish", 5.0, [Value::Null, "key".into(), "live".into()]), &mut out);
    write(4, 9, 0, Bytes::from_static(AVC_CONFIG), &mut out);
    write(4, 8, 0, Bytes::from_static(AAC_CONFIG), &mut out);
    let length = ((rate / 8).saturating_sub(AUDIO_BYTES as u32 * 47) / FRAMES).max(64);
    let sound = Bytes::from([&[0xaf, 1][..], &[0x21; AUDIO_BYTES]].concat());
    for frame in 0..SECONDS * FRAMES {
        let at = frame * 1_000 / FRAMES;
        let (kind, nal) = if frame % 60 == 0 { (0x17, 0x65) } else { (0x27, 0x41) };
        let body = [&[kind, 1, 0, 0, 0][..], &length.to_be_bytes(), &[nal], &vec![0x5a; length as usize - 1]].concat();
        write(4, 9, at, body.into(), &mut out);
        for _ in 0..1 + frame % 2 {
            write(4, 8, at, sound.clone(), &mut out);
            messages += 1;
        }
        messages += 1;
    }
    (out.freeze(), messages)
}

/// Takes in all of it; how many samples are on the bus in the end.
fn take_in(wire: &Bytes) -> usize {
    let mut now = Instant::now();
    let registry = Registry::new(RegistryOptions::default());
    let mut session = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(7));
    let (mut input, mut ingest) = (BytesMut::new(), None);
    for piece in wire.chunks(READ_BYTES) {
        input.extend_from_slice(piece);
        now += Duration::from_millis(1);
        while let Some(event) = session.poll_event(now, &mut input) {
            let (kind, timestamp, payload) = match event {
                Event::PublishRequested(request) => {
                    let name = StreamName::parse(&request.address.path).expect("a legal name");
                    let info = PublisherInfo { connection: 1, address: ([127, 0, 0, 1], 9).into(), protocol: "rtmp", encoder: None };
                    let stream = registry.publish(&name, info, Takeover::Allow, now, WALL).expect("is free");
                    ingest = Some(Ingest::new(stream, IngestOptions::default()));
                    session.accept_publish(request.id, now).expect("is open");
                    continue;
                }
                Event::Audio { timestamp, payload } => (TagKind::Audio, timestamp, payload),
                Event::Video { timestamp, payload } => (TagKind::Video, timestamp, payload),
                other => panic!("{other:?}"),
            };
            ingest.as_mut().expect("is publishing").push(kind, timestamp, &payload, now, WALL).expect("goes on");
        }
        black_box(session.poll_output());
    }
    ingest.map_or(0, |ingest| ingest.stream().source().samples.inspect(|window| window.len()))
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("ingest");
    for rate in RATES {
        let (wire, messages) = publication(rate);
        assert!(take_in(&wire) > 100, "samples reach the bus");
        // Nanoseconds per message are the time by this many elements; CPU seconds per Mb are the time by the bytes.
        group.throughput(Throughput::ElementsAndBytes { elements: messages, bytes: wire.len() as u64 });
        group.bench_with_input(BenchmarkId::new("ten seconds at b/s", rate), &wire, |b, wire| b.iter(|| take_in(black_box(wire))));
    }
    group.finish();
}

criterion_group!(ingest, benches);
criterion_main!(ingest);
