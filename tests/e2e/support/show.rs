//! A publication of synthetic samples, put on the bus of a gateway in this process: it need not take as long as it lasts.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use sluicegate::bus::{Departure, PublisherInfo, Session, StreamName, Takeover, Why};
use sluicegate::media::codec::{AacConfig, AudioShape, AvcConfig, VideoShape};
use sluicegate::media::{Codec, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet};
use tokio::time::sleep;

use super::house::House;

const AVCC: &[u8] = &[1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 8, 0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb];
const FRAMES_PER_SECOND: i64 = 30;
const SAMPLE_RATE: u32 = 48_000;
const SOUND_BYTES: usize = 300;

/// Thirty pictures a second with a keyframe each second, and sound.
pub struct Show {
    session: Session,
    picture_bytes: usize,
    /// Milliseconds of it that were sent.
    sent: i64,
    pictures: i64,
    sounds: i64,
}

impl Show {
    pub fn publish(house: &House, name: &str, picture_bytes: usize) -> Self {
        Self::publish_at(house, name, picture_bytes, 0)
    }

    /// One that has been on the air for so many milliseconds, none of which is kept.
    pub fn publish_at(house: &House, name: &str, picture_bytes: usize, age: i64) -> Self {
        let info = PublisherInfo { connection: 1, address: "127.0.0.1:1".parse().unwrap(), protocol: "rtmp", encoder: None };
        let (name, now, wall) = (StreamName::parse(name).unwrap(), Instant::now(), SystemTime::now().into());
        let mut session = house.gateway.registry.publish(&name, info, Takeover::Allow, now, wall).unwrap();
        let video = AvcConfig { record: Bytes::from_static(AVCC), length_size: 4, shape: VideoShape::new(1280, 720) };
        let shape = AudioShape { sample_rate: SAMPLE_RATE, channels: 2, frame_samples: 1024 };
        let audio = AacConfig { record: Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape };
        let tracks = [Track::new(TrackId::VIDEO, Codec::Avc(video)), Track::new(TrackId::AUDIO, Codec::Aac(audio))];
        let epoch = session.stream().epoch();
        let program = Program { epoch, tracks: TrackSet::new(tracks), metadata: Metadata::default() };
        session.publisher().set_head(Arc::new(program), Why::Joined).unwrap();
        let (pictures, sounds) = (age * FRAMES_PER_SECOND / 1_000, age * i64::from(SAMPLE_RATE) / 1_024_000);
        Self { session, picture_bytes, sent: age, pictures, sounds }
    }

    /// Sends so many seconds, so many times as fast as they last.
    pub async fn play(&mut self, seconds: i64, speed: u32) {
        let until = self.sent + seconds * 1_000;
        let began = (tokio::time::Instant::now(), self.sent);
        while self.sent < until {
            self.sent += 100;
            self.send();
            let due = Duration::from_millis((self.sent - began.1) as u64) / speed;
            tokio::time::sleep_until(began.0 + due).await;
        }
        sleep(Duration::from_millis(50)).await;
    }

    pub fn finish(self) {
        self.session.finish(Departure::Clean, Instant::now());
    }

    fn send(&mut self) {
        let audio = Timescale::new(SAMPLE_RATE).unwrap();
        while self.pictures * 1_000 / FRAMES_PER_SECOND < self.sent {
            let dts = Timestamp::new(self.pictures * 90_000 / FRAMES_PER_SECOND, Timescale::VIDEO);
            self.push(TrackId::VIDEO, dts, self.pictures % FRAMES_PER_SECOND == 0, self.picture_bytes);
            self.pictures += 1;
        }
        while self.sounds * 1_024 * 1_000 / i64::from(SAMPLE_RATE) < self.sent {
            self.push(TrackId::AUDIO, Timestamp::new(self.sounds * 1_024, audio), true, SOUND_BYTES);
            self.sounds += 1;
        }
    }

    /// No two samples are alike.
    fn push(&mut self, track: TrackId, dts: Timestamp, is_sync: bool, size: usize) {
        let seed = dts.ticks().wrapping_mul(0x2545_f491_4f6c_dd1d);
        let data = (0..size as i64).map(|at| (seed.wrapping_add(at * at) >> 24) as u8).collect();
        self.session.publisher().push(Sample { track, dts, cts: 0, is_sync, data }).unwrap();
    }
}
