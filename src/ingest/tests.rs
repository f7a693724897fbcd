use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::amf0;
use crate::bus::registry::Options as RegistryOptions;
use crate::bus::{Budget, Cause, Departure, From, Gate, PublisherInfo, Read, Registry, Revoked, StreamName, Subscriber, Takeover, Why};
use crate::flv::TagKind;
use crate::media::{Program, Sample, TrackId, WallClock};

/// x264's High profile, 64x48 at 25 frames per second, behind FLV's AVC sequence header.
const VIDEO_CONFIG: &[u8] = &[
    0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x0A, 0xFF, 0xE1, 0, 24, 0x67, 0x64, 0x00, 0x0A, 0xAC, 0xD9, 0x44, 0x7B, 0x01, 0x10, 0x00, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xF1, 0x22, 0x59, 0x60, 1, 0, 5, 0x68, 0xEF, 0x81, 0x87, 0x2C, 0xFD, 0xF8, 0xF8, 0,
];
/// AAC-LC, 44.1 kHz, and the same at 48 kHz.
const AUDIO_CONFIG: &[u8] = &[0xAF, 0, 0x12, 0x10];
const OTHER_AUDIO_CONFIG: &[u8] = &[0xAF, 0, 0x11, 0x90];
const AUDIO: &[u8] = &[0xAF, 1, 0x21, 0x10, 0x04];
const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88];
const DELTA: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9A];
/// A key frame presented 80 ms after it is decoded.
const LATE_KEY: &[u8] = &[0x17, 1, 0, 0, 80, 0, 0, 0, 2, 0x65, 0x88];

/// VP8 behind Enhanced RTMP's header, 320x180.
const VP8_KEY: &[u8] = b"\x91vp08\xf0\x62\0\x9d\x01\x2a\x40\x01\xb4\0\0\x07";
const VP8_INTER: &[u8] = b"\xa1vp08\x51\x1b\0\x09\x11";

const V: TagKind = TagKind::Video;
const A: TagKind = TagKind::Audio;
const S: TagKind = TagKind::Script;

struct Bench {
    registry: Arc<Registry>,
    ingest: Ingest,
    reader: Subscriber<Sample>,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let registry = Registry::new(RegistryOptions::default());
        let now = Instant::now();
        let ingest = publish(&registry, now);
        let reader = ingest.stream().source().samples.subscribe(From::NewestSync, &Arc::new(Gate::new()));
        Self { registry, ingest, reader, now }
    }

    /// With both tracks configured and a key frame at zero.
    fn live() -> Self {
        let mut bench = Self::new();
        bench.send(V, 0, VIDEO_CONFIG);
        bench.send(A, 0, AUDIO_CONFIG);
        bench.send(V, 0, KEY);
        bench
    }

    fn try_send(&mut self, kind: TagKind, timestamp: u32, body: &[u8]) -> Result<(), IngestError> {
        let wall = WallClock::from_unix_millis(1_700_000_000_000);
        self.ingest.push(kind, timestamp, &Bytes::copy_from_slice(body), self.now, wall)
    }

    fn send(&mut self, kind: TagKind, timestamp: u32, body: &[u8]) {
        self.try_send(kind, timestamp, body).unwrap();
    }

    fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Another connection publishes the same stream.
    fn reconnect(&mut self) {
        self.ingest = publish(&self.registry, self.now);
    }

    /// All that the reader finds, in short: heads as `Err`, samples as track and decoding time in milliseconds.
    fn read(&mut self) -> Vec<Result<(TrackId, i64), Why>> {
        let mut found = Vec::new();
        loop {
            let mut samples = Vec::new();
            let read = self.reader.read(Budget::default(), &mut samples);
            found.extend(samples.iter().map(|sample| Ok((sample.track, sample.dts.millis()))));
            match read {
                Read::Head { why, .. } => found.push(Err(why)),
                Read::Batch => {}
                Read::Empty | Read::End(_) => return found,
            }
        }
    }

    fn program(&self) -> Option<Arc<Program>> {
        self.ingest.stream().program()
    }
}

fn publish(registry: &Arc<Registry>, now: Instant) -> Ingest {
    let info = PublisherInfo { connection: 1, address: ([127, 0, 0, 1], 9).into(), protocol: "rtmp", encoder: None };
    let name = StreamName::parse("live/test").unwrap();
    let session = registry.publish(&name, info, Takeover::Allow, now, WallClock::from_unix_millis(1_700_000_000_000)).unwrap();
    Ingest::new(session, Options::default())
}

fn metadata(values: &[(&str, f64)]) -> Bytes {
    let members = values.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
    amf0::encode(&["onMetaData".into(), amf0::Value::Object(members)])
}

mod multitrack;
mod notes;
mod timeline;

const VIDEO: TrackId = TrackId::VIDEO;
const SOUND: TrackId = TrackId::AUDIO;

#[test]
fn with_both_configurations_the_stream_starts_at_its_first_key_frame() {
    let mut bench = Bench::new();
    bench.send(V, 500, VIDEO_CONFIG);
    bench.send(A, 500, AUDIO_CONFIG);
    bench.send(V, 500, DELTA);
    bench.send(A, 510, AUDIO);
    assert!(bench.program().is_none());
    bench.send(V, 540, KEY);
    bench.send(A, 533, AUDIO);
    bench.send(A, 556, AUDIO);
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((VIDEO, 0)), Ok((SOUND, 16))], "sound from before the picture is left out");
}

#[test]
fn sound_that_came_before_its_picture_but_belongs_behind_it_is_kept() {
    let mut bench = Bench::new();
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(A, 0, AUDIO_CONFIG);
    for stamp in [0, 23, 46, 70, 93] {
        bench.send(A, stamp, AUDIO);
    }
    bench.send(V, 0, LATE_KEY);
    let found = bench.read();
    let sound: Vec<_> = found.iter().flatten().filter(|(track, _)| *track == SOUND).collect();
    assert_eq!(sound, [&(SOUND, 93)], "only what is heard from the first picture on");
}

#[test]
fn one_kind_alone_waits_for_the_other_until_the_settle_time_is_over() {
    let mut bench = Bench::new();
    bench.send(A, 0, AUDIO_CONFIG);
    bench.send(A, 0, AUDIO);
    bench.wait(999);
    bench.send(A, 23, AUDIO);
    assert_eq!(bench.read(), []);
    bench.wait(1);
    bench.send(A, 46, AUDIO);
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((SOUND, 0)), Ok((SOUND, 23)), Ok((SOUND, 46))]);
}

#[test]
fn pictures_that_begin_in_the_middle_of_a_gop_are_waited_for_though_only_their_key_frame_tells_the_codec() {
    let send_gop = |bench: &mut Bench, seconds: u32| {
        bench.send(A, 0, AUDIO_CONFIG);
        bench.send(S, 0, &metadata(&[("audiocodecid", 10.0)]));
        for at in (0..seconds * 1_000).step_by(40) {
            bench.send(V, at, VP8_INTER);
            bench.send(A, at, AUDIO);
            bench.wait(40);
        }
    };
    let mut bench = Bench::new();
    send_gop(&mut bench, 4);
    assert_eq!(bench.read(), []);
    bench.send(V, 4_000, VP8_KEY);
    bench.send(A, 4_000, AUDIO);
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((VIDEO, 0)), Ok((SOUND, 0))]);

    let mut endless = Bench::new();
    endless.send(V, 0, b"\x90vp08\x01\0\0\0\0\x0a\x82\x02\x02\x02\0\0");
    send_gop(&mut endless, 11);
    let found = endless.read();
    assert!(
        found.iter().flatten().any(|(track, _)| *track == SOUND) && !found.iter().flatten().any(|(track, _)| *track == VIDEO),
        "sound alone goes on: {found:?}"
    );
}

#[test]
fn metadata_that_names_one_kind_shortens_the_wait() {
    let mut bench = Bench::new();
    bench.send(S, 0, &metadata(&[("videocodecid", 7.0)]));
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(V, 0, KEY);
    bench.wait(250);
    bench.send(V, 40, DELTA);
    assert_eq!(bench.read().len(), 3);
}

#[test]
fn media_that_comes_faster_than_real_time_settles_by_its_own_time() {
    let mut bench = Bench::new();
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(V, 0, KEY);
    for n in 1..=25 {
        bench.send(V, n * 40, DELTA);
    }
    assert_eq!(bench.read().len(), 27);
}

#[test]
fn a_late_track_comes_with_a_new_head_and_a_repeated_configuration_with_none() {
    let mut bench = Bench::new();
    bench.send(A, 0, AUDIO_CONFIG);
    bench.send(A, 0, AUDIO);
    bench.wait(1_000);
    bench.send(A, 23, AUDIO);
    bench.send(V, 40, VIDEO_CONFIG);
    bench.send(V, 40, DELTA);
    bench.send(A, 46, AUDIO);
    bench.send(V, 80, KEY);
    bench.send(V, 80, VIDEO_CONFIG);
    bench.send(A, 69, AUDIO);
    let found = bench.read();
    let expected = [Err(Why::Joined), Ok((SOUND, 0)), Ok((SOUND, 23)), Err(Why::Config), Ok((SOUND, 46)), Ok((VIDEO, 80)), Ok((SOUND, 70))];
    assert_eq!(found, expected);
    assert!(bench.program().unwrap().tracks.video().is_some());
}

#[test]
fn a_changed_configuration_stands_before_the_samples_that_need_it() {
    let mut bench = Bench::live();
    bench.send(A, 0, AUDIO);
    bench.send(A, 23, OTHER_AUDIO_CONFIG);
    bench.send(A, 23, AUDIO);
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((VIDEO, 0)), Ok((SOUND, 0)), Err(Why::Config), Ok((SOUND, 23))]);
    assert_eq!(bench.program().unwrap().tracks.audio().unwrap().timescale.hz(), 48_000);
}

#[test]
fn timestamps_that_jump_hours_break_once_and_pictures_resume_at_a_key_frame() {
    let mut bench = Bench::live();
    bench.send(V, 40, DELTA);
    bench.send(A, 40, AUDIO);
    bench.read();
    for stamp in [7_200_000, 7_200_040] {
        bench.send(A, stamp, AUDIO);
        bench.send(V, stamp, DELTA);
    }
    bench.send(V, 7_200_080, KEY);
    let found = bench.read();
    let breaks: Vec<usize> = (0..found.len()).filter(|&at| found[at] == Err(Why::Break(Cause::Timestamps))).collect();
    let [at] = breaks[..] else { panic!("one break: {found:?}") };
    assert_eq!(found[at..].iter().flatten().filter(|(track, _)| *track == VIDEO).count(), 1, "{found:?}");
    let times: Vec<i64> = found.iter().flatten().map(|(_, time)| *time).collect();
    assert!(times.iter().all(|time| (40..300).contains(time)), "no hole: {found:?}");
}

#[test]
fn a_new_connection_breaks_and_goes_on_behind_what_was_presented_last() {
    let mut bench = Bench::live();
    for n in 1..10 {
        bench.send(V, n * 40, DELTA);
        bench.send(A, n * 40 - 10, AUDIO);
    }
    bench.read();
    bench.wait(7_000);
    bench.reconnect();
    bench.send(V, 9_000_000, VIDEO_CONFIG);
    bench.send(A, 9_000_000, AUDIO_CONFIG);
    bench.send(V, 9_000_000, LATE_KEY);
    bench.send(A, 9_000_090, AUDIO);
    let found = bench.read();
    // The last picture stands from 360 to 400 ms. A picture is decoded after the one before it, so the first comes 41 ms late.
    assert_eq!(found[0], Err(Why::Break(Cause::Publisher)));
    let [Ok((VIDEO, picture)), Ok((SOUND, sound))] = found[1..] else { panic!("{found:?}") };
    assert!((361..=400).contains(&picture), "{found:?}");
    assert_eq!(sound - picture, 90, "the new connection's own offset");
}

#[test]
fn script_data_travels_in_its_place_and_only_changed_metadata_does() {
    let mut bench = Bench::new();
    bench.send(S, 0, &metadata(&[("width", 64.0)]));
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(A, 0, AUDIO_CONFIG);
    bench.send(V, 0, KEY);
    bench.send(S, 0, &metadata(&[("width", 64.0)]));
    bench.send(S, 0, &metadata(&[("width", 128.0)]));
    bench.send(S, 30, &amf0::encode(&["onTextData".into(), "hello".into()]));
    bench.send(V, 40, DELTA);
    let data = TrackId::DATA;
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((VIDEO, 0)), Ok((data, 0)), Ok((data, 30)), Ok((VIDEO, 40))]);
}

#[test]
fn what_cannot_be_used_is_counted_and_ends_nothing() {
    let mut bench = Bench::live();
    bench.send(V, 40, &[0x17]);
    bench.send(A, 40, &[0xAF, 0, 0x12]);
    bench.send(V, 40, DELTA);
    assert_eq!(bench.read().len(), 3);
    assert_eq!(bench.ingest.stream().received().dropped(), 2);
}

#[test]
fn a_publisher_of_nothing_playable_is_told_what_was_wrong() {
    let mut bench = Bench::new();
    bench.send(V, 0, KEY);
    bench.wait(15_000);
    let error = bench.try_send(V, 15_000, KEY).unwrap_err();
    assert_eq!(error, IngestError::NothingPlayable { last: "v0: frame before its configuration".to_owned() });
}

#[test]
fn configurations_and_jumps_that_never_end_end_the_publication() {
    let mut bench = Bench::live();
    let flood = (0..40).find_map(|n| {
        bench.wait(100);
        bench.try_send(A, n * 100, if n % 2 == 0 { OTHER_AUDIO_CONFIG } else { AUDIO_CONFIG }).err()
    });
    assert_eq!(flood, Some(IngestError::TooManyConfigs));

    let mut bench = Bench::live();
    let flood = (1..40_u32).find_map(|n| {
        bench.wait(100);
        bench.try_send(V, n * 100_000, KEY).err()
    });
    assert_eq!(flood, Some(IngestError::TooManyJumps));
}

#[test]
fn a_publisher_that_was_taken_over_can_write_no_more() {
    let mut bench = Bench::live();
    let newcomer = publish(&bench.registry, bench.now);
    assert_eq!(bench.try_send(V, 40, DELTA), Err(IngestError::Revoked(Revoked::Superseded)));
    newcomer.finish(Departure::Clean, bench.now);
}

/// A body as an arbitrary encoder may send it: well formed ones among noise.
fn body() -> impl Strategy<Value = (TagKind, Vec<u8>)> {
    let good = [
        (V, VIDEO_CONFIG),
        (A, AUDIO_CONFIG),
        (A, OTHER_AUDIO_CONFIG),
        (V, KEY),
        (V, LATE_KEY),
        (V, DELTA),
        (A, AUDIO),
        (S, &[2, 0, 1, b'x'][..]),
    ];
    let noise = (0..3_usize, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(kind, bytes)| ([V, A, S][kind], bytes));
    prop_oneof![9 => (0..good.len()).prop_map(move |at| (good[at].0, good[at].1.to_vec())), 1 => noise]
}

proptest! {
    #[test]
    fn whatever_is_sent_the_bus_gets_tracks_in_order_behind_their_head(
        messages in proptest::collection::vec((body(), prop_oneof![20 => 0_u32..200, 1 => any::<u32>()], 0_u64..2_000), 1..200),
    ) {
        let mut bench = Bench::new();
        let mut stamp = 0_u32;
        for ((kind, bytes), step, wait) in messages {
            stamp = stamp.wrapping_add(step);
            bench.wait(wait);
            if bench.try_send(kind, stamp, &bytes).is_err() {
                break;
            }
        }
        let mut newest = std::collections::BTreeMap::new();
        let mut samples = Vec::new();
        let mut program: Option<Arc<Program>> = None;
        loop {
            samples.clear();
            let read = bench.reader.read(Budget::default(), &mut samples);
            for sample in &samples {
                let track = program.as_ref().and_then(|program| program.tracks.get(sample.track).cloned());
                prop_assert_eq!(track.map(|track| track.timescale), Some(sample.dts.scale()));
                if let Some(before) = newest.insert(sample.track, sample.dts) {
                    prop_assert!(before < sample.dts);
                }
            }
            match read {
                Read::Head { head, .. } => program = Some(head),
                Read::Batch => {}
                Read::Empty | Read::End(_) => break,
            }
        }
    }
}
