//! A publisher made of numbers: tracks, samples with a payload that names them, and their order of arrival.

use std::sync::Arc;

use bytes::Bytes;
use sluicegate::media::codec::{AacConfig, AudioShape, AvcConfig, VideoShape};
use sluicegate::media::{Codec, Epoch, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet, WallClock};

/// The presentation of every test begins here: 2026-09-21T14:13:20.000Z.
pub const EPOCH: i64 = 1_790_000_000_000;

pub fn wall(millis: i64) -> WallClock {
    WallClock::from_unix_millis(EPOCH + millis)
}

/// A video track; another `level` is another configuration.
pub fn video(level: u8) -> Track {
    let record = Bytes::from(vec![
        1, 0x64, 0, level, 0xff, 0xe1, 0, 8, 0x67, 0x64, 0, level, 0xac, 0xd9, 0x40, 0x50, 1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb,
    ]);
    let shape = VideoShape { frame_rate: Some(30.0), ..VideoShape::new(1280, 720) };
    let codec = Codec::Avc(AvcConfig { record, length_size: 4, shape });
    Track::new(TrackId::VIDEO, codec)
}

pub fn audio(sample_rate: u32) -> Track {
    let record = Bytes::from_static(&[0x11, 0x90]);
    let codec = Codec::Aac(AacConfig { record, object_type: 2, shape: AudioShape { sample_rate, channels: 2, frame_samples: 1024 } });
    let timescale = Timescale::new(sample_rate).unwrap();
    Track { timescale, ..Track::new(TrackId::AUDIO, codec) }
}

pub fn program(tracks: Vec<Track>) -> Arc<Program> {
    let metadata = Metadata { video_bit_rate: Some(2_000_000), audio_bit_rate: Some(128_000), ..Metadata::default() };
    Arc::new(Program { epoch: Epoch(EPOCH as u64), tracks: TrackSet::new(tracks), metadata })
}

/// A stream in order of decoding time. Times in milliseconds, as RTMP has them, unless said otherwise.
#[derive(Clone, Debug)]
pub struct Source {
    pub frames_per_second: i64,
    /// Frames of each GOP, over and over; empty for no video.
    pub gops: Vec<usize>,
    /// Pictures between two that others refer to.
    pub b_frames: usize,
    /// `None` for no audio.
    pub sample_rate: Option<u32>,
    /// How much later (or, if negative, earlier) than video of the same time audio arrives.
    pub audio_late: i64,
    /// Bytes of each sample.
    pub size: usize,
}

impl Default for Source {
    fn default() -> Self {
        Self { frames_per_second: 30, gops: vec![60], b_frames: 0, sample_rate: Some(48_000), audio_late: 0, size: 100 }
    }
}

impl Source {
    pub fn tracks(&self, level: u8) -> Vec<Track> {
        let video = (!self.gops.is_empty()).then(|| video(level));
        video.into_iter().chain(self.sample_rate.map(audio)).collect()
    }

    /// The samples of `from..to` milliseconds with the time at which each arrives, in order of arrival.
    pub fn samples(&self, from: i64, to: i64) -> Vec<(i64, Sample)> {
        let mut samples = self.pictures(from, to);
        samples.extend(self.sounds(from, to));
        samples.sort_by_key(|(arrival, sample)| (*arrival, sample.track));
        samples
    }

    fn pictures(&self, from: i64, to: i64) -> Vec<(i64, Sample)> {
        let mut samples = Vec::new();
        let mut gop = self.gops.iter().cycle();
        let (mut left, mut position) = (0, 0);
        for n in 0.. {
            let dts = from + n * 1_000 / self.frames_per_second;
            if dts >= to || self.gops.is_empty() {
                break;
            }
            if left == 0 {
                left = *gop.next().unwrap();
                position = 0;
            }
            // In decoding order a reference picture comes before the B-frames that are shown before it.
            let delay = i64::from(self.b_frames > 0);
            let frames = match position {
                0 => delay,
                p if (p - 1) % (self.b_frames + 1) == 0 => delay + self.b_frames.min(left - 1) as i64,
                _ => delay - 1,
            };
            let cts = (n + frames) * 1_000 / self.frames_per_second - n * 1_000 / self.frames_per_second;
            let sample = self.sample(TrackId::VIDEO, Timestamp::new(dts * 90, Timescale::VIDEO), cts * 90, position == 0);
            samples.push((dts, sample));
            left -= 1;
            position += 1;
        }
        samples
    }

    fn sounds(&self, from: i64, to: i64) -> Vec<(i64, Sample)> {
        let Some(scale) = self.sample_rate.and_then(Timescale::new) else { return Vec::new() };
        let first = Timestamp::from_millis(from).rescale(scale).div_euclid(1_024) + 1;
        let all = (first..).map(|n| Timestamp::new(n * 1_024, scale)).take_while(|dts| dts.millis() < to);
        all.map(|dts| (dts.millis() + self.audio_late, self.sample(TrackId::AUDIO, dts, 0, true))).collect()
    }

    /// The payload names the sample, so that tests can tell what became of it.
    fn sample(&self, track: TrackId, dts: Timestamp, cts: i64, is_sync: bool) -> Sample {
        let mut data = format!("{track}@{};", dts.ticks()).into_bytes();
        data.resize(self.size.max(data.len()), b'.');
        Sample { track, dts, cts: i32::try_from(cts).unwrap(), is_sync, data: Bytes::from(data) }
    }
}
