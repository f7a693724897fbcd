//! The source's sound, decoded and coded anew, on a thread of its own.

use std::sync::mpsc::{Receiver, SyncSender};

use bytes::Bytes;
use ffmpeg_next::frame::Audio as Frame;
use sluicegate::media::Codec;
use sluicegate::transcode::plan::WORKER;
use sluicegate::transcode::sound::Sound;

use super::gauges::{Gauges, add};
use super::output::Message;
use super::pcm::{Coded, Decoder, Encoder, Form, Resampler, form};
use super::timeline::{Fit, Timeline, samples_of};

/// Frames that may wait to be decoded: ten seconds of the shortest usual ones.
pub const MAX_QUEUED: usize = 512;

/// What goes to the thread.
pub enum Unit {
    /// The codec, or its configuration, from here on.
    Config(Codec),
    Frame {
        /// Nanoseconds.
        pts: i64,
        data: Bytes,
    },
}

/// Sound on its way through.
pub struct Sounding<'a> {
    sound: Sound,
    encoder: Encoder,
    gauges: &'a Gauges,
    to: SyncSender<Message>,
    source: Option<(Decoder, Codec)>,
    /// Whether it has been said that a codec is not decoded.
    is_mute: bool,
    resampler: Option<(Resampler, Form, Timeline)>,
    /// Samples that wait for a frame to be full, a plane for each channel, and where the first belongs.
    planes: Vec<Vec<f32>>,
    at: i64,
}

impl<'a> Sounding<'a> {
    /// Opens the encoder and tells its configuration; none where there can be no sound, which is said.
    pub fn begin(sound: Sound, gauges: &'a Gauges, to: SyncSender<Message>) -> Option<Self> {
        let encoder = match Encoder::open(sound) {
            Ok(encoder) => encoder,
            Err(error) => {
                eprintln!("{WORKER}: there is no sound, as AAC is not encoded here: {error}");
                return None;
            }
        };
        // The writer has only just begun.
        let _ = to.send(Message::SoundOpened(encoder.config()));
        let planes = vec![Vec::new(); sound.channels.into()];
        Some(Self { sound, encoder, gauges, to, source: None, is_mute: false, resampler: None, planes, at: 0 })
    }

    /// Works until there is no more.
    pub fn run(mut self, from: &Receiver<Unit>) {
        for unit in from {
            match unit {
                Unit::Config(codec) => self.configure(codec),
                Unit::Frame { pts, data } => self.frame(pts, &data),
            }
        }
        self.fill();
        self.encoder.finish();
        self.hand_on();
    }

    fn configure(&mut self, codec: Codec) {
        if self.source.as_ref().is_some_and(|(_, known)| *known == codec) {
            return;
        }
        match Decoder::open(&codec) {
            Ok(Some(decoder)) => self.source = Some((decoder, codec)),
            told => {
                self.source = None;
                if !std::mem::replace(&mut self.is_mute, true) {
                    let why = told.err().map_or_else(String::new, |error| format!(": {error}"));
                    eprintln!("{WORKER}: there is no sound, as {} is not decoded here{why}", codec.name());
                }
            }
        }
    }

    fn frame(&mut self, pts: i64, data: &[u8]) {
        let Some((decoder, _)) = &mut self.source else { return };
        if decoder.send(data, pts).is_err() {
            add(&self.gauges.sound_errors, 1);
        }
        loop {
            let Some((decoder, _)) = &mut self.source else { return };
            match decoder.receive() {
                Ok(Some(mut frame)) => {
                    if self.decoded(&mut frame).is_err() {
                        add(&self.gauges.sound_errors, 1);
                    }
                }
                Ok(None) => return,
                Err(_) => add(&self.gauges.sound_errors, 1),
            }
        }
    }

    /// Puts a run of samples where it belongs, and codes what is full.
    fn decoded(&mut self, frame: &mut Frame) -> Result<(), ffmpeg_next::Error> {
        let is_known = self.resampler.as_ref().is_some_and(|(_, known, _)| *known == form(frame));
        if !is_known {
            self.resampler = Some((Resampler::new(frame, self.sound)?, form(frame), Timeline::new(frame.rate())));
        }
        let Some((resampler, (.., rate), timeline)) = &mut self.resampler else { return Ok(()) };
        let (of_output, rate) = (u64::from(self.sound.sample_rate), u64::from(*rate));
        let as_output = |samples: usize| (samples as u64 * of_output / rate) as usize;
        let fit = timeline.fit(frame.pts(), frame.samples());
        if let Fit::Anew(_) = fit
            && is_known
        {
            // What the old one has kept back belongs before the hole.
            *resampler = Resampler::new(frame, self.sound)?;
        }
        let made = resampler.run(frame)?;
        let from = match fit {
            Fit::Follows => 0,
            Fit::Behind(missing) => {
                let length = self.planes[0].len() + as_output(missing);
                self.planes.iter_mut().for_each(|plane| plane.resize(length, 0.0));
                0
            }
            Fit::Overlaps(there) => as_output(there).min(made.samples()),
            Fit::Anew(nanos) => {
                self.fill();
                self.at = samples_of(nanos, self.sound.sample_rate);
                0
            }
        };
        for (channel, plane) in self.planes.iter_mut().enumerate() {
            plane.extend_from_slice(&made.plane::<f32>(channel)[from..]);
        }
        self.code();
        Ok(())
    }

    /// Codes the frames that are full.
    fn code(&mut self) {
        let length = self.encoder.frame_samples();
        while self.planes[0].len() >= length {
            let frame: Vec<_> = self.planes.iter().map(|plane| &plane[..length]).collect();
            if self.encoder.send(&frame, self.at).is_err() {
                add(&self.gauges.sound_errors, 1);
            }
            self.planes.iter_mut().for_each(|plane| drop(plane.drain(..length)));
            self.at += length as i64;
            self.hand_on();
        }
    }

    /// Codes what waits, with silence behind it.
    fn fill(&mut self) {
        let length = self.encoder.frame_samples();
        if !self.planes[0].is_empty() {
            self.planes.iter_mut().for_each(|plane| plane.resize(length, 0.0));
            self.code();
        }
    }

    fn hand_on(&mut self) {
        while let Ok(Some(Coded { at, data })) = self.encoder.receive() {
            // A writer that has gone has ended the process, or is about to.
            let _ = self.to.send(Message::Sound { at, data: data.into() });
        }
    }
}
