//! Whatever bodies and timestamps a publisher sends, at whatever times: the bus gets tracks in order behind their head, in bounded memory,
//! or the publication ends. The input is read as a list of messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluicegate::bus::registry::Options as RegistryOptions;
use sluicegate::bus::{Bounds, Budget, Departure, From, Gate, PublisherInfo, Read, Registry, Session, StreamName, Subscriber, Takeover};
use sluicegate::flv::TagKind;
use sluicegate::ingest::{Ingest, Options};
use sluicegate::media::{Program, Sample, Timestamp, TrackId, WallClock};

/// Bodies that publishers send, by number.
const BODIES: [(TagKind, &[u8]); 14] = [
    (TagKind::Video, b"\x17\0\0\0\0\x01\x64\0\x0a\xff\xe1\0\x18\x67\x64\0\x0a\xac\xd9\x44\x7b\x01\x10\0\0\x03\0\x10\0\0\x03\x03\x20\xf1\x22\x59\x60\x01\0\x05\x68\xef\x81\x87\x2c\xfd\xf8\xf8\0"),
    (TagKind::Audio, b"\xaf\0\x12\x10"),
    (TagKind::Video, b"\x17\x01\0\0\0\0\0\0\x02\x65\x88"),
    (TagKind::Video, b"\x27\x01\0\0\0\0\0\0\x02\x41\x9a"),
    (TagKind::Audio, b"\xaf\x01\x21\x10\x04"),
    (TagKind::Video, b"\x17\x01\0\0\x50\0\0\0\x02\x65\x88"),
    (TagKind::Video, b"\x27\x01\xff\xff\xb0\0\0\0\x02\x41\x9a"),
    (TagKind::Audio, b"\xaf\0\x11\x90"),
    (TagKind::Video, b"\x17\0\0\0\0\x01\x4d\x40\x1f\xff\xe1\0\x19\x67\x4d\x40\x1f\xd9\0\x50\x05\xbb\x01\x10\0\0\x03\0\x10\0\0\x03\x03\xc0\xf1\x83\x24\x80\x01\0\x05\x68\xeb\xc3\xcb\x20"),
    (TagKind::Script, b"\x02\0\x0aonMetaData\x03\0\x05width\0\x40\x50\0\0\0\0\0\0\0\0\x09"),
    (TagKind::Script, b"\x02\0\x0aonCuePoint\x05"),
    (TagKind::Video, b"\x17\x02\0\0\0"),
    (TagKind::Audio, b"\x95\x01mp4a\x01\x21\x10"),
    (TagKind::Audio, b""),
];

struct Bench {
    registry: Arc<Registry>,
    ingest: Option<Ingest>,
    reader: Subscriber<Sample>,
    program: Option<Arc<Program>>,
    newest: BTreeMap<TrackId, Timestamp>,
    bounds: Bounds,
}

const WALL: WallClock = WallClock::from_unix_millis(1_700_000_000_000);

fn publish(registry: &Arc<Registry>, now: Instant) -> Session {
    let info = PublisherInfo { connection: 1, address: ([127, 0, 0, 1], 9).into(), protocol: "rtmp", encoder: None };
    let name = StreamName::parse("live/test").expect("a legal name");
    registry.publish(&name, info, Takeover::Allow, now, WALL).expect("takeover is allowed")
}

pub fn run(mut data: &[u8]) {
    let mut now = Instant::now();
    let options = RegistryOptions::default();
    let bounds = options.bounds();
    let registry = Registry::new(options);
    let ingest = Ingest::new(publish(&registry, now), Options::default());
    let reader = ingest.stream().source().samples.subscribe(From::NewestSync, &Arc::new(Gate::new()));
    let mut bench = Bench { registry, ingest: Some(ingest), reader, program: None, newest: BTreeMap::new(), bounds };
    let mut stamp = 0_u32;
    while let Some((&[what, step, wait], rest)) = data.split_first_chunk() {
        data = rest;
        now += Duration::from_millis(u64::from(wait) * 8);
        match step {
            0xF0.. => {
                let (wild, rest) = data.split_at(data.len().min(4));
                data = rest;
                stamp = wild.iter().fold(0, |value, &byte| value << 8 | u32::from(byte));
            }
            0xE0.. => stamp = stamp.wrapping_sub(u32::from(step & 0xF) * 20),
            _ => stamp = stamp.wrapping_add(u32::from(step)),
        }
        let (kind, body) = match what {
            0xFF => {
                let ingest = bench.ingest.take();
                bench.ingest = Some(Ingest::new(publish(&bench.registry, now), Options::default()));
                drop(ingest);
                continue;
            }
            0xF0.. => {
                let (body, rest) = data.split_at(data.len().min(usize::from(wait)));
                data = rest;
                ([TagKind::Audio, TagKind::Video, TagKind::Script][usize::from(what) % 3], body)
            }
            _ => BODIES[usize::from(what) % BODIES.len()],
        };
        let Some(ingest) = &mut bench.ingest else { return };
        let result = ingest.push(kind, stamp, &Bytes::copy_from_slice(body), now, WALL);
        assert!(ingest.hold_back().is_none_or(|wait| wait <= Duration::from_millis(500)), "never for long at a time");
        if result.is_err() {
            return;
        }
        bench.check();
    }
    if let Some(ingest) = bench.ingest.take() {
        ingest.finish(Departure::Clean, now);
    }
}

impl Bench {
    fn check(&mut self) {
        let mut samples = Vec::new();
        loop {
            samples.clear();
            let read = self.reader.read(Budget::default(), &mut samples);
            for sample in &samples {
                let track = self.program.as_ref().and_then(|program| program.tracks.get(sample.track));
                assert_eq!(track.expect("announced by its head").timescale, sample.dts.scale());
                assert!(sample.dts.ticks() >= 0);
                if let Some(before) = self.newest.insert(sample.track, sample.dts) {
                    assert!(before < sample.dts, "{}: {before:?} then {:?}", sample.track, sample.dts);
                }
            }
            match read {
                Read::Head { head, .. } => self.program = Some(head),
                Read::Batch => {}
                Read::Empty | Read::End(_) => break,
            }
        }
        let ingest = self.ingest.as_ref().expect("is there while messages come");
        let (count, bytes) = ingest.stream().source().samples.inspect(|window| (window.len(), window.bytes()));
        assert!(count <= self.bounds.entries && bytes <= self.bounds.bytes);
        assert!(self.newest.len() <= 33, "tracks are limited");
    }
}
