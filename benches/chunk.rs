//! What RTMP's chunk stream costs: a second of video and sound read as an encoder sends it, and one picture written for players.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::rtmp::chunk::{Message, Options, Reader, SET_CHUNK_SIZE, Writer, write_independent};

/// Bytes of each picture: 30 of them a second are 2.5 Mb/s.
const FRAME_BYTES: usize = 10_400;
const AUDIO_BYTES: usize = 340;
const FRAMES: u32 = 30;
/// What a socket gives in one read.
const READ_BYTES: usize = 16 << 10;
/// The protocol's default, FFmpeg's and OBS's usual choice, and one that holds any picture whole.
const CHUNK_SIZES: [u32; 3] = [128, 4096, 1 << 20];

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

fn message(type_id: u8, csid: u32, timestamp: u32, length: usize) -> Message {
    Message { csid, timestamp, type_id, msid: 1, payload: Bytes::from(vec![0x5a; length]) }
}

/// A second of video with one and a half audio messages for each picture, behind the announcement of the chunk size.
fn second(chunk_size: u32) -> (Bytes, usize) {
    let (mut writer, mut out, mut messages) = (Writer::default(), BytesMut::new(), 0);
    let announcement =
        Message { csid: 2, timestamp: 0, type_id: SET_CHUNK_SIZE, msid: 0, payload: chunk_size.to_be_bytes().to_vec().into() };
    writer.write(&announcement, &mut out);
    writer.set_chunk_size(chunk_size);
    for frame in 0..FRAMES {
        let at = frame * 1000 / FRAMES;
        writer.write(&message(VIDEO, 6, at, FRAME_BYTES), &mut out);
        for _ in 0..1 + frame % 2 {
            writer.write(&message(AUDIO, 4, at, AUDIO_BYTES), &mut out);
            messages += 1;
        }
        messages += 1;
    }
    (out.freeze(), messages)
}

/// Reads what arrives in pieces of a socket's size; how many messages came out.
fn read_all(wire: &Bytes) -> usize {
    let (mut reader, mut input, mut messages) = (Reader::new(Options::default()), BytesMut::with_capacity(2 * READ_BYTES), 0);
    for piece in wire.chunks(READ_BYTES) {
        input.extend_from_slice(piece);
        while let Some(message) = reader.read(&mut input).expect("the bytes were written by our own writer") {
            black_box(message);
            messages += 1;
        }
    }
    messages
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunk");
    for size in CHUNK_SIZES {
        let (wire, messages) = second(size);
        assert_eq!(read_all(&wire), messages, "every message comes out");
        group.throughput(Throughput::Bytes(wire.len() as u64));
        group
            .bench_with_input(BenchmarkId::new("read a second at chunk size", size), &wire, |b, wire| b.iter(|| read_all(black_box(wire))));
    }
    let picture = message(VIDEO, 6, 40, FRAME_BYTES);
    group.throughput(Throughput::Bytes(FRAME_BYTES as u64));
    for size in CHUNK_SIZES {
        group.bench_with_input(BenchmarkId::new("write a picture at chunk size", size), &picture, |b, picture| {
            // Let go of at once, as an allocator sees it at work: thousands of fresh buffers would measure the system's page faults.
            b.iter(|| {
                let mut out = BytesMut::new();
                write_independent(black_box(picture), size, &mut out);
                black_box(out)
            });
        });
    }
    group.finish();
}

criterion_group!(chunk, benches);
criterion_main!(chunk);
