//! From message bodies to samples on the bus.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::watch::Watch;
use super::Options;
use super::error::IngestError;
use super::held::{self, Held, Unit};
use super::left::{self, Left};
use super::limits::{Meter, Pacer, Report};
use super::notes::Notes;
use super::tracks::{Told, Tracks};
use super::words::{self, Words};
use crate::amf0::{self, Value};
use crate::bus::{Cause, Departure, Revoked, Session, Stream, Why};
use crate::flv::{Demuxer, Drops, Item, TagKind};
use crate::media::clock::{self, Clock, Pace};
use crate::media::{Codec, Kind, Metadata, Program, Sample, Span, Timescale, Timestamp, TrackId, WallClock};

mod watch;

/// How long sound waits for the first picture that can be decoded or tells its codec: the longest GOP that is kept anywhere.
const FIRST_SYNC_WAIT: Duration = Duration::from_secs(10);

/// What is sent further from the start than this is no longer compared with it.
const START_ZONE_MS: i64 = 10_000;

/// One publisher's way onto the bus.
#[derive(Debug)]
pub struct Ingest {
    session: Session,
    options: Options,
    demuxer: Demuxer,
    drops: Drops,
    clock: Clock,
    stage: Stage,
    tracks: Tracks,
    metadata: Option<(Metadata, Value)>,
    /// What the metadata says of tracks.
    words: Words,
    /// Where samples of connections before this one ended.
    left: Left,
    /// When the first picture is presented: nothing that is presented before it is played.
    start: Option<u32>,
    newest: Option<Timestamp>,
    jumps: Meter,
    report: Report,
    pacer: Pacer,
    watch: Watch,
}

/// How far a publication has come.
#[derive(Debug)]
enum Stage {
    /// Tracks are waited for.
    Settling(Held),
    /// The tracks are known; a picture that can be decoded is waited for.
    Starting(Held),
    /// Samples are on the bus.
    Live,
}

impl IngestError {
    /// The reason in one word, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Revoked(_) => "revoked",
            Self::NothingPlayable { .. } => "nothing_playable",
            Self::TooManyConfigs => "configs",
            Self::TooManyJumps => "jumps",
        }
    }
}

impl Ingest {
    /// Begins a publication. Where the stream was published before, its timeline goes on behind the newest sample.
    pub fn new(session: Session, options: Options) -> Self {
        let left = Left::of(session.stream());
        let mut clock = match left.end {
            Some(end) => Clock::resume(clock::Options::default(), end),
            None => Clock::new(clock::Options::default()),
        };
        clock.set_track(TrackId::DATA, Pace::Stamped(Timescale::MILLIS), left.newest.get(&TrackId::DATA).copied());
        Self {
            session,
            demuxer: Demuxer::new().with_vvc(options.vvc),
            drops: Drops::default(),
            clock,
            stage: Stage::Settling(Held::default()),
            tracks: Tracks::default(),
            metadata: None,
            words: Words::default(),
            left,
            start: None,
            newest: None,
            jumps: Meter::default(),
            report: Report::default(),
            pacer: Pacer::new(options.max_ahead),
            watch: Watch::default(),
            options,
        }
    }

    /// Takes the body of one message: FLV's audio, video or script body, with its timestamp in milliseconds as sent.
    ///
    /// What cannot be used is dropped, counted and told in the log; it ends nothing.
    ///
    /// # Errors
    /// When the publication cannot go on: see [`IngestError`].
    pub fn push(&mut self, kind: TagKind, timestamp: u32, body: &Bytes, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        self.session.stream().received().count(body.len());
        if matches!(kind, TagKind::Audio | TagKind::Video) {
            self.watch.first_media.get_or_insert(now);
        }
        self.demuxer.push(kind, timestamp, body);
        while let Some(item) = self.demuxer.poll() {
            match item {
                Ok(item) => self.take(item, timestamp, now, wall)?,
                Err(error) => self.dropped(error),
            }
        }
        self.count_drops();
        self.move_on(now, wall)?;
        self.watch(now)
    }

    /// Counts a message that its protocol could not read.
    pub fn malformed(&mut self, why: impl std::fmt::Display, now: Instant) {
        self.dropped(why);
        self.report.tell(now);
    }

    /// How long to wait before more is read, because the media runs too far ahead of real time.
    pub fn hold_back(&mut self) -> Option<Duration> {
        let wait = self.pacer.hold_back()?;
        if !std::mem::replace(&mut self.watch.warned_ahead, true) {
            tracing::warn!("the publisher sends faster than real time and is held back; with ffmpeg, put -re before -i");
        }
        Some(wait)
    }

    /// Lets time pass without media, so that what was held back can go on.
    pub fn tick(&mut self, now: Instant) {
        self.pacer.pass(now);
    }

    /// Waits until this publisher has to go. Cancel safe.
    pub async fn revoked(&self) -> Revoked {
        self.session.revoked().await
    }

    /// The stream that is published.
    pub fn stream(&self) -> &Arc<Stream> {
        self.session.stream()
    }

    /// Leaves the stream.
    pub fn finish(self, how: Departure, now: Instant) {
        self.session.finish(how, now);
    }

    fn take(&mut self, item: Item, timestamp: u32, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        match item {
            Item::Config { track, codec } => self.configure(track, codec, now, wall),
            Item::Color { track, color, hdr } => self.note(track, now, |notes| notes.told = (color, hdr)),
            Item::Hdr { track, hdr } => self.note(track, now, |notes| notes.key_frame = hdr),
            Item::Captions { track, captions } => self.note(track, now, |notes| notes.captions = captions),
            Item::Channels { track, layout } => self.note(track, now, |notes| notes.channels = Some(layout)),
            Item::Coded { track, dts_ms, cts_ms, extra_nanos, is_sync, data } => {
                self.unit(Unit { track, timestamp: dts_ms, cts_ms, extra_nanos, is_sync, data }, now, wall)
            }
            Item::Script { dts_ms, script, data } => self.unit(Unit::script(dts_ms, words::ahead_ms(&script, dts_ms), data), now, wall),
            Item::Metadata { metadata, value } => {
                self.words = Words::of_metadata(&value);
                let before = self.metadata.replace((metadata, value));
                match (before, &self.metadata) {
                    (Some(before), Some(after)) if before != *after => {
                        let data = amf0::encode(&["onMetaData".into(), after.1.clone()]);
                        self.unit(Unit::script(timestamp, 0, data), now, wall)
                    }
                    _ => Ok(()),
                }
            }
            // The track keeps its place: encoders announce the end of a sequence before they begin the next.
            Item::End { .. } => Ok(()),
        }
    }

    fn configure(&mut self, track: TrackId, codec: Codec, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        if self.tracks.knows(track) && matches!(self.stage, Stage::Settling(_)) {
            self.settle(now, wall)?;
        }
        self.clock.set_track(track, pace(&codec), self.left.newest.get(&track).copied());
        tracing::info!(%track, codec = codec.name(), "configured");
        if !self.tracks.configure(track, codec, now) {
            return Err(IngestError::TooManyConfigs);
        }
        if let Stage::Live = self.stage { self.set_head(Why::Config) } else { Ok(()) }
    }

    /// Takes down what was told of a track; if it says anything new of one that viewers have, they are told.
    fn note(&mut self, id: TrackId, now: Instant, take_down: impl FnOnce(&mut Notes)) -> Result<(), IngestError> {
        let is_live = matches!(self.stage, Stage::Live);
        match self.tracks.take_down(id, now, is_live, take_down) {
            Told::Nothing => Ok(()),
            Told::News => self.set_head(Why::Config),
            Told::TooOften => Err(IngestError::TooManyConfigs),
        }
    }

    fn unit(&mut self, unit: Unit, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        match &mut self.stage {
            Stage::Settling(held) => {
                let gone = held.push(unit, now);
                self.count_gone(gone);
                Ok(())
            }
            Stage::Starting(held) => {
                let leads = self.tracks.leading() == Some(unit.track);
                let starts = leads && unit.is_sync;
                // Pictures before the first that can be decoded are of no use to anyone.
                if leads && !starts {
                    return Ok(());
                }
                let gone = held.push(unit, now);
                self.count_gone(gone);
                if starts { self.begin(now, wall) } else { Ok(()) }
            }
            Stage::Live => self.emit(unit, now, wall),
        }
    }

    /// Goes to the next stage when its time has come.
    fn move_on(&mut self, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        match &self.stage {
            Stage::Settling(held) if self.is_settled(held, now) => self.settle(now, wall),
            Stage::Starting(held) if held.since().is_some_and(|since| now.saturating_duration_since(since) >= FIRST_SYNC_WAIT) => {
                tracing::warn!("no picture that can be decoded came; the stream starts with what there is");
                self.tracks.leave_empty(held.units());
                self.begin(now, wall)
            }
            _ => Ok(()),
        }
    }

    /// Encoders send the configurations of all tracks before the first frame, or each before the first frame of its track; the latter tell
    /// in metadata which tracks there will be.
    fn is_settled(&self, held: &Held, now: Instant) -> bool {
        let (video, audio) = (self.tracks.has(Kind::Video), self.tracks.has(Kind::Audio));
        let mut told = self.words.tracks().peekable();
        if told.peek().is_some() && told.all(|track| self.tracks.knows(track)) {
            return true;
        }
        let is_announced = self.words.tracks().len() > 0;
        if !is_announced && video && audio && held.since().is_some() {
            return true;
        }
        let has_begun = |wait: Duration| (video || audio) && (held.waited(now) >= wait || held.is_nearly_full());
        // The configuration comes with the first key frame, and pictures before it are not held.
        if !video && self.demuxer.awaits_config() {
            return has_begun(FIRST_SYNC_WAIT);
        }
        // The metadata may lie: it shortens the wait for the other kind, it does not end it.
        let expected = match &self.metadata {
            Some(_) if !is_announced && !self.words.tell_of(if video { Kind::Audio } else { Kind::Video }) => self.options.settle / 4,
            _ => self.options.settle,
        };
        has_begun(expected)
    }

    /// The tracks are known: the stream begins with the first picture that can be decoded, or at once where there are no pictures.
    fn settle(&mut self, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        let Stage::Settling(held) = &mut self.stage else { return Ok(()) };
        let units = held.take();
        self.tracks.measure(&units);
        let waits = self.tracks.leading().is_some();
        self.stage = Stage::Starting(Held::default());
        for unit in units {
            self.unit(unit, now, wall)?;
        }
        if waits { Ok(()) } else { self.begin(now, wall) }
    }

    /// Puts the head in force and what is held on the bus, but for what is presented before the first picture.
    fn begin(&mut self, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        let Stage::Starting(held) = &mut self.stage else { return Ok(()) };
        let mut units: VecDeque<Unit> = held.take();
        self.stage = Stage::Live;
        let leading = self.tracks.leading();
        let first = units.iter().position(|unit| leading == Some(unit.track) && unit.is_sync).and_then(|at| units.remove(at));
        if let Some(first) = first {
            // A picture of another track that is shown together with it may be decoded before it.
            let anchor = [&first].into_iter().chain(units.iter().filter(|unit| unit.is_shown_with(&first)));
            let anchor = anchor.min_by_key(|unit| held::distance(first.timestamp, unit.timestamp)).unwrap_or(&first);
            let lead = Span::from_millis(i64::from(anchor.cts_ms.max(0)).min(left::MOST_COMPOSITION.millis()));
            self.clock.anchor(anchor.timestamp, lead);
            self.start = Some(first.shown());
            // Viewers join at the picture: what is heard with it must stand behind it.
            units.push_front(first);
        }
        let resumes = self.session.resumed() && self.session.stream().program().is_some();
        self.set_head(if resumes { Why::Break(Cause::Publisher) } else { Why::Config })?;
        for unit in units {
            self.emit(unit, now, wall)?;
        }
        Ok(())
    }

    fn emit(&mut self, unit: Unit, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        if self.is_before_start(&unit) {
            return Ok(());
        }
        let Some(placed) = self.clock.place(unit.track, unit.timestamp, unit.is_sync) else { return Ok(()) };
        let received = self.session.stream().received();
        if placed.is_repaired || placed.is_discontinuity {
            received.count_repaired();
        }
        if placed.is_discontinuity {
            tracing::warn!(track = %unit.track, timestamp = unit.timestamp, "the timestamps jumped and were anchored anew");
            self.start = None;
            self.tracks.await_sync();
            if self.jumps.exceeds(now) {
                return Err(IngestError::TooManyJumps);
            }
            self.set_head(Why::Break(Cause::Timestamps))?;
        }
        if !self.tracks.admits(unit.track, unit.is_sync) {
            return Ok(());
        }
        if self.tracks.note(unit.track, placed.dts) {
            tracing::info!(track = %unit.track, "pictures come again");
            self.set_head(Why::Config)?;
        }
        self.publish(unit, placed.dts, now, wall)
    }

    fn publish(&mut self, unit: Unit, dts: Timestamp, now: Instant, wall: WallClock) -> Result<(), IngestError> {
        let cts = unit.composition(dts.scale());
        let sample = Sample { track: unit.track, dts, cts, is_sync: unit.is_sync, data: unit.data };
        self.clock.present(sample.track, left::presented(&sample));
        if sample.track.kind != Kind::Data {
            self.pacer.advance(dts.millis(), now);
            if self.newest.is_none_or(|newest| newest < dts) {
                self.newest = Some(dts);
                self.session.stream().received().note(dts, wall);
            }
        }
        self.session.publisher().push(sample)?;
        Ok(())
    }

    fn is_before_start(&mut self, unit: &Unit) -> bool {
        let Some(start) = self.start else { return false };
        let distance = held::distance(start, unit.timestamp);
        if distance >= START_ZONE_MS {
            self.start = None;
        }
        unit.track.kind == Kind::Audio && (-START_ZONE_MS..0).contains(&distance)
    }

    fn set_head(&mut self, why: Why) -> Result<(), IngestError> {
        let metadata = self.metadata.as_ref().map(|(metadata, _)| metadata.clone()).unwrap_or_default();
        let tracks = self.tracks.set(&metadata, &self.words);
        let program = Program { epoch: self.session.stream().epoch(), tracks, metadata };
        self.session.publisher().set_head(Arc::new(program), why)?;
        Ok(())
    }
}

fn pace(codec: &Codec) -> Pace {
    match codec.audio() {
        Some(shape) => Pace::Counted { rate: codec.timescale(), frame: shape.frame_samples },
        None => Pace::Stamped(codec.timescale()),
    }
}
