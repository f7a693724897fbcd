//! A publisher of synthetic samples, straight into the registry.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use sluicegate::bus::{Departure, PublisherInfo, Registry, Session, StreamName, Takeover, Why};
use sluicegate::media::codec::{AacConfig, AudioShape, AvcConfig, VideoShape};
use sluicegate::media::{Codec, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet};

/// Pictures of one GOP.
pub const GOP: i64 = 30;
/// Ticks of one picture at 30 per second.
const PICTURE: i64 = 3_000;

const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0x1a, 0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3,
    3, 0xc0, 0xf1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0,
];

/// Waits for something that no event tells.
pub async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come to pass");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A publication: 30 pictures a second with a keyframe each second, and sound.
pub struct Show {
    session: Session,
    /// The next picture's number.
    next: i64,
    /// Bytes of each picture.
    pub size: usize,
}

impl Show {
    /// A publication of `live/{name}` that has sent nothing.
    pub fn begin(registry: &Arc<Registry>, name: &str) -> Self {
        let name = StreamName::parse(&format!("live/{name}")).unwrap();
        let info =
            PublisherInfo { connection: 1, address: "127.0.0.1:1".parse().unwrap(), protocol: "rtmp", encoder: Some("test".to_owned()) };
        let session = registry.publish(&name, info, Takeover::Allow, Instant::now(), SystemTime::now().into()).unwrap();
        Self { session, next: 0, size: 1_000 }
    }

    /// Goes on as if so many seconds had been sent.
    pub fn skip_to(&mut self, seconds: i64) {
        self.next = seconds * GOP;
    }

    pub fn head(&mut self, width: u32, why: Why) {
        self.head_of(tracks(width), why);
    }

    pub fn head_of(&mut self, tracks: TrackSet, why: Why) {
        let program = Program { epoch: self.session.stream().epoch(), tracks, metadata: Metadata::default() };
        self.session.publisher().set_head(Arc::new(program), why).unwrap();
    }

    /// Sends so many pictures with their sound.
    pub fn send(&mut self, pictures: i64) {
        for _ in 0..pictures {
            let number = self.next;
            self.next += 1;
            let mut data = vec![0, 0, 0, 0, if number % GOP == 0 { 0x65 } else { 0x41 }];
            data.resize(self.size.max(5), number as u8);
            data[..4].copy_from_slice(&(self.size as u32 - 4).to_be_bytes());
            let dts = Timestamp::new(number * PICTURE, Timescale::VIDEO);
            let picture = Sample { track: TrackId::VIDEO, dts, cts: 0, is_sync: number % GOP == 0, data: data.into() };
            self.session.publisher().push(picture).unwrap();
            let dts = Timestamp::new(number * 1_600, Timescale::new(48_000).unwrap());
            let sound = Sample { track: TrackId::AUDIO, dts, cts: 0, is_sync: true, data: Bytes::from_static(&[7; 100]) };
            self.session.publisher().push(sound).unwrap();
        }
    }

    pub fn push(&mut self, sample: Sample) {
        self.session.publisher().push(sample).unwrap();
    }

    /// Milliseconds of the newest keyframe that was sent.
    pub fn newest_keyframe_ms(&self) -> i64 {
        (self.next - 1) / GOP * 1_000
    }

    pub fn finish(self) {
        self.session.finish(Departure::Clean, Instant::now());
    }
}

pub fn tracks(width: u32) -> TrackSet {
    let shape = VideoShape::new(width, 720);
    let avc = Codec::Avc(AvcConfig { record: Bytes::from_static(AVCC), length_size: 4, shape });
    let shape = AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1_024 };
    let aac = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape });
    let track = |id, timescale, codec, frame_rate| Track { timescale, frame_rate, ..Track::new(id, codec) };
    TrackSet::new([
        track(TrackId::VIDEO, Timescale::VIDEO, avc, Some(30.0)),
        track(TrackId::AUDIO, Timescale::new(48_000).unwrap(), aac, None),
    ])
}
