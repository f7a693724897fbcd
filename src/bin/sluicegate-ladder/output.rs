//! Standard output: coded frames and reports as FLV.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate::flv::tag::{FileHeader, TagHeader, TagKind};
use sluicegate::flv::{Muxer, WireTime};
use sluicegate::media::codec::access_unit::{self, NalSets};
use sluicegate::media::codec::{AacConfig, Av1Config, AvcConfig, Codec, ConfigError, HevcConfig, av1, avc, hevc, nal};
use sluicegate::media::{Epoch, Kind, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet};
use sluicegate::transcode::ladder::{Rung, RungCodec};
use sluicegate::transcode::plan::{Plan, RUNGS};
use sluicegate::transcode::report::Report;

use super::gauges::{Gauges, add};
use super::messages::Messages;

/// What goes out.
pub enum Message {
    /// A rung's encoder is open; its configuration as libav has it.
    Opened {
        rung: usize,
        config: Vec<u8>,
    },
    Frame(Frame),
    /// The encoder of the sound is open; its configuration as libav has it.
    SoundOpened(Vec<u8>),
    /// One coded frame of sound, and where it belongs in samples.
    Sound {
        at: i64,
        data: Bytes,
    },
    Report(Report),
}

/// One coded frame as libav has it.
pub struct Frame {
    pub rung: usize,
    /// Nanoseconds.
    pub pts: i64,
    pub is_sync: bool,
    pub data: Bytes,
    /// Those that the picture came with.
    pub messages: Messages,
    pub arrived: Instant,
}

/// Why nothing more goes out.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("standard output: {0}")]
    Io(#[from] std::io::Error),
    #[error("{rung}: the encoder's configuration is none: {source}")]
    Config { rung: String, source: ConfigError },
    #[error("the sound encoder's configuration is none: {0}")]
    Sound(#[from] ConfigError),
}

/// Writes all that comes.
pub struct Output<'a> {
    file: File,
    rungs: &'a [Rung],
    has_sound: bool,
    gauges: &'a Gauges,
    program: Program,
    muxer: Muxer,
    buffer: BytesMut,
    /// Where script tags go, and configurations.
    timestamp_ms: u32,
}

impl<'a> Output<'a> {
    pub fn new(file: File, plan: &'a Plan, gauges: &'a Gauges) -> Self {
        let program = Program { epoch: Epoch(0), tracks: TrackSet::default(), metadata: Metadata::default() };
        let muxer = Muxer::new(RUNGS, Arc::new(program.clone()));
        let (rungs, has_sound) = (plan.rungs.as_slice(), plan.sound.is_some());
        Self { file, rungs, has_sound, gauges, program, muxer, buffer: BytesMut::new(), timestamp_ms: 0 }
    }

    /// Writes until there is no more.
    pub fn run(mut self, from: &Receiver<Message>) -> Result<(), OutputError> {
        FileHeader { has_audio: self.has_sound, has_video: !self.rungs.is_empty() }.write(&mut self.buffer);
        for message in from {
            match message {
                Message::Opened { rung, config } => self.open(rung, config)?,
                Message::Frame(frame) => self.frame(frame),
                Message::SoundOpened(config) => self.introduce(Track::new(TrackId::AUDIO, Codec::Aac(AacConfig::parse(&config)?))),
                Message::Sound { at, data } => self.sound(at, data),
                Message::Report(report) => self.script(&report.body()),
            }
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        // The last word counts all that went out.
        self.script(&self.gauges.report().body());
        self.file.write_all(&self.buffer)?;
        Ok(())
    }

    fn open(&mut self, rung: usize, config: Vec<u8>) -> Result<(), OutputError> {
        let codec = codec(self.rungs[rung].codec, &config);
        let codec = codec.map_err(|source| OutputError::Config { rung: self.rungs[rung].name.clone(), source })?;
        self.introduce(Track::new(track(rung), codec));
        Ok(())
    }

    fn introduce(&mut self, track: Track) {
        self.program.tracks.insert(track);
        self.muxer = Muxer::new(RUNGS, Arc::new(self.program.clone()));
        for body in self.muxer.preamble() {
            body.write_tag(self.timestamp_ms, &mut self.buffer);
        }
    }

    fn frame(&mut self, Frame { rung, pts, is_sync, data, messages, arrived }: Frame) {
        let (codec, track, dts) = (self.rungs[rung].codec, track(rung), Timestamp::new(pts, NANOS));
        let data = canonical(codec, &data).map(|data| messages.put_into(codec, data));
        let sample = data.map(|data| Sample { track, dts, cts: 0, is_sync, data });
        let body = sample.as_ref().and_then(|sample| self.muxer.sample(sample));
        let (Some(sample), Some(body)) = (sample, body) else { return self.gauges.rungs[rung].drop_frame() };
        self.timestamp_ms = WireTime::exact(&sample).timestamp_ms;
        body.write_tag(self.timestamp_ms, &mut self.buffer);
        self.gauges.went_out(rung, sample.data.len(), arrived);
    }

    fn sound(&mut self, at: i64, data: Bytes) {
        let Some(scale) = self.program.tracks.get(TrackId::AUDIO).map(|track| track.timescale) else { return };
        let sample = Sample { track: TrackId::AUDIO, dts: Timestamp::new(at, scale), cts: 0, is_sync: true, data };
        let Some(body) = self.muxer.sample(&sample) else { return };
        body.write_tag(WireTime::exact(&sample).timestamp_ms, &mut self.buffer);
        add(&self.gauges.sound_frames, 1);
    }

    fn script(&mut self, body: &[u8]) {
        let tag = TagHeader { kind: TagKind::Script, body_len: body.len(), timestamp_ms: self.timestamp_ms };
        let start = self.buffer.len();
        tag.write(&mut self.buffer);
        self.buffer.put_slice(body);
        self.buffer.put_u32((self.buffer.len() - start) as u32);
    }
}

const NANOS: Timescale = match Timescale::new(1_000_000_000) {
    Some(nanos) => nanos,
    None => Timescale::MILLIS,
};

fn track(rung: usize) -> TrackId {
    TrackId { kind: Kind::Video, index: rung as u8 }
}

/// The configuration of an encoder: parameter sets behind start codes, or a sequence header.
fn codec(codec: RungCodec, config: &[u8]) -> Result<Codec, ConfigError> {
    Ok(match codec {
        RungCodec::H264 => Codec::Avc(AvcConfig::parse(config)?),
        RungCodec::Hevc => Codec::Hevc(HevcConfig::parse(config)?),
        // Some versions of libav put the record's four bytes before the sequence header.
        RungCodec::Av1 => Codec::Av1(Av1Config::from_sequence_header(without_record(config))?),
    })
}

/// The frame as the bus carries it: NAL units behind lengths, units without temporal delimiters. None where it holds no picture.
fn canonical(codec: RungCodec, data: &Bytes) -> Option<Bytes> {
    let data = match codec {
        RungCodec::H264 => units::<avc::ParameterSets>(data)?,
        RungCodec::Hevc => units::<hevc::ParameterSets>(data)?,
        RungCodec::Av1 => av1::canonical(data).ok()?.data,
    };
    (!data.is_empty()).then_some(data)
}

fn without_record(config: &[u8]) -> &[u8] {
    match config {
        [0x81, _, _, _, header @ ..] => header,
        header => header,
    }
}

fn units<S: NalSets>(data: &Bytes) -> Option<Bytes> {
    let nals = nal::by_start_code(data).ok()?;
    let joined = nal::join(data, &nals);
    access_unit::canonical(&joined, 4, &S::default()).ok().map(|unit| unit.data)
}
