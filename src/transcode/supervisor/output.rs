//! What comes back from a worker: FLV on its way into the channels of the rungs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;

use super::audio;
use super::session::Sent;
use crate::bus::ladder::RungRendition;
use crate::bus::{Cause, Channel, Publisher, Revoked, Stream, Why};
use crate::flv::reader::Event;
use crate::flv::{DemuxError, Demuxer, Item, ReadError, Reader, TagKind};
use crate::media::{Codec, Kind, Metadata, Program, Sample, Timestamp, Track, TrackId, TrackSet};
use crate::transcode::plan::MAX_TAG;
use crate::transcode::report::Report;

/// What makes the output of a worker useless.
#[derive(Debug, thiserror::Error)]
pub(super) enum Garbage {
    /// Its bytes are no tags.
    #[error("it wrote what is no FLV: {0}")]
    Flv(#[from] ReadError),
    /// Its tags hold no media.
    #[error("it wrote what is no media: {0}")]
    Media(#[from] DemuxError),
    /// There is no rung of that number.
    #[error("it wrote of {0}, which is not in its plan")]
    Track(TrackId),
    /// The rungs have another maker, or ended.
    #[error("{0}")]
    Revoked(#[from] Revoked),
}

/// What a worker told and did last; read by whoever watches it.
#[derive(Debug)]
pub(super) struct Heard {
    /// When it last wrote anything that could be read.
    pub at: Instant,
    /// Since when pictures are with it without any having come back.
    pub unanswered: Option<Instant>,
    /// Whether a picture has ever come back, or sound where that is all.
    pub has_media: bool,
    /// Pictures with a time that the source does not have, or out of order.
    pub misses: u64,
    /// What it tells of itself.
    pub report: Report,
}

/// Reads a worker's output.
pub(super) struct Output {
    stream: Arc<Stream>,
    sent: Arc<Mutex<Sent>>,
    heard: Arc<Mutex<Heard>>,
    reader: Reader,
    demuxer: Demuxer,
    rungs: Vec<Out>,
    sound: Option<audio::Out>,
    made: BTreeSet<TrackId>,
}

/// One rung, at its place in the plan.
struct Out {
    track: TrackId,
    publisher: Publisher<Sample>,
    codec: Option<Codec>,
    /// The source's program when the rung's head was set.
    source: Option<Arc<Program>>,
    last: Option<Timestamp>,
    sounds: u64,
    is_shed: bool,
}

impl Heard {
    pub fn new(now: Instant) -> Self {
        Self { at: now, unanswered: None, has_media: false, misses: 0, report: Report::default() }
    }
}

impl Output {
    /// The way into these rungs, which have the places of the plan, and into the channel of the sound. Whoever wrote there before is
    /// superseded.
    pub fn new(
        stream: &Arc<Stream>,
        (rungs, sound): (&[RungRendition], Option<&Arc<Channel<Sample>>>),
        sent: &Arc<Mutex<Sent>>,
        heard: &Arc<Mutex<Heard>>,
    ) -> Self {
        let out = |one: &RungRendition| Out {
            track: one.rung.track,
            publisher: one.samples.lease(),
            codec: None,
            source: None,
            last: None,
            sounds: 0,
            is_shed: false,
        };
        Self {
            stream: Arc::clone(stream),
            sent: Arc::clone(sent),
            heard: Arc::clone(heard),
            reader: Reader::new(MAX_TAG),
            demuxer: Demuxer::new(),
            rungs: rungs.iter().map(out).collect(),
            sound: sound.map(audio::Out::new),
            made: BTreeSet::new(),
        }
    }

    /// Takes bytes that the worker wrote.
    pub fn take(&mut self, bytes: &[u8], now: Instant) -> Result<(), Garbage> {
        self.reader.push(bytes);
        while let Some(event) = self.reader.poll()? {
            self.heard.lock().at = now;
            match event {
                Event::Header(_) => {}
                Event::Tag { kind: kind @ (TagKind::Video | TagKind::Audio), timestamp_ms, body } => {
                    self.media(kind, timestamp_ms, &body)?
                }
                Event::Tag { body, .. } => {
                    if let Some(report) = Report::parse(&body) {
                        self.report(report);
                    }
                }
            }
        }
        Ok(())
    }

    fn media(&mut self, kind: TagKind, timestamp_ms: u32, body: &Bytes) -> Result<(), Garbage> {
        self.demuxer.push(kind, timestamp_ms, body);
        while let Some(item) = self.demuxer.poll() {
            match item? {
                Item::Config { track: TrackId::AUDIO, codec } => {
                    self.sound.as_mut().ok_or(Garbage::Track(TrackId::AUDIO))?.configure(codec);
                }
                Item::Coded { track: TrackId::AUDIO, dts_ms, extra_nanos, data, .. } => self.sound((dts_ms, extra_nanos), data)?,
                Item::Config { track, codec } => {
                    let rung = self.rungs.get_mut(usize::from(track.index)).ok_or(Garbage::Track(track))?;
                    (rung.codec, rung.source) = (Some(codec), None);
                }
                Item::Coded { track, dts_ms, cts_ms, extra_nanos, is_sync, data } => {
                    let at = usize::from(track.index);
                    if at >= self.rungs.len() {
                        return Err(Garbage::Track(track));
                    }
                    let shown = self.sent.lock().stamps.find(dts_ms, cts_ms, extra_nanos);
                    self.picture(at, shown, is_sync, data)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn sound(&mut self, time: (u32, u32), data: Bytes) -> Result<(), Garbage> {
        let sound = self.sound.as_mut().ok_or(Garbage::Track(TrackId::AUDIO))?;
        if !sound.frame(&mut self.sent.lock(), time, data)? {
            self.heard.lock().misses += 1;
        } else if self.made.insert(TrackId::SOUND) {
            self.heard.lock().has_media |= self.rungs.is_empty();
            self.stream.ladder().set_made(self.made.clone());
        }
        Ok(())
    }

    fn picture(&mut self, at: usize, shown: Option<Timestamp>, is_sync: bool, data: Bytes) -> Result<(), Garbage> {
        let rung = &mut self.rungs[at];
        let Some(shown) = shown.filter(|shown| rung.last.is_none_or(|last| *shown > last)) else {
            self.heard.lock().misses += 1;
            return Ok(());
        };
        {
            let mut heard = self.heard.lock();
            (heard.unanswered, heard.has_media) = (None, true);
        }
        let is_made = self.made.contains(&rung.track) && !rung.is_shed;
        if !is_made && !is_sync {
            return Ok(());
        }
        rung.is_shed = false;
        let mut samples = Vec::new();
        {
            let sent = self.sent.lock();
            if !is_made {
                sent.sounds.skip(&mut rung.sounds, shown);
            }
            let is_told = rung.source.as_ref().is_some_and(|told| Arc::ptr_eq(told, &sent.program));
            if let Some(codec) = rung.codec.as_ref().filter(|_| !is_told || !is_made) {
                let sounds = match (&self.sound, sent.remade) {
                    (Some(sound), Some(made_from)) => sound.in_place(made_from, &sent.program),
                    _ => sent.program.tracks.of(Kind::Audio).map(|track| (**track).clone()).collect(),
                };
                let program = program_of(rung.track, codec, sounds, &sent);
                rung.source = Some(Arc::clone(&sent.program));
                // Whoever plays it has a hole behind him where it was not made.
                let why = if is_made { Why::Config } else { Why::Break(Cause::Loss) };
                rung.publisher.set_head(Arc::new(program), why)?;
            }
            sent.sounds.take(&mut rung.sounds, shown, &mut samples);
        }
        samples.push(Sample { track: rung.track, dts: shown, cts: 0, is_sync, data });
        rung.last = Some(shown);
        for sample in samples {
            rung.publisher.push(sample)?;
        }
        if !is_made {
            self.made.insert(rung.track);
            self.stream.ladder().set_made(self.made.clone());
        }
        Ok(())
    }

    /// Rungs that the worker has given up are not waited for.
    fn report(&mut self, report: Report) {
        for (rung, told) in self.rungs.iter_mut().zip(&report.rungs) {
            if told.shed && self.made.remove(&rung.track) {
                rung.is_shed = true;
                self.stream.ladder().set_made(self.made.clone());
            }
        }
        self.heard.lock().report = report;
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.stream.ladder().set_made(BTreeSet::new());
    }
}

/// The rung's picture with its sound.
fn program_of(id: TrackId, codec: &Codec, sounds: Vec<Track>, sent: &Sent) -> Program {
    let source = &sent.program;
    let of_source = sent.leading.and_then(|id| source.tracks.get(id));
    let mut picture = Track::new(id, codec.clone());
    // The worker keeps what is inside the pictures, and leaves them the colours that they have.
    if let Some(leading) = of_source {
        picture.captions = leading.captions;
        (picture.color, picture.hdr) = (picture.color.or(leading.color), picture.hdr.or(leading.hdr));
    }
    let shape = codec.video();
    let metadata = Metadata {
        width: shape.map(|shape| shape.width),
        height: shape.map(|shape| shape.height),
        frame_rate: picture.frame_rate,
        video_bit_rate: None,
        audio_bit_rate: source.metadata.audio_bit_rate.filter(|_| sent.remade.is_none()),
        ..source.metadata.clone()
    };
    Program { epoch: source.epoch, tracks: TrackSet::new(std::iter::once(picture).chain(sounds)), metadata }
}
