//! One stream's ladder over the stream's life: which rungs there are, when a worker makes them, and what becomes of it.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::audio::remade;
use super::output::Heard;
use super::session::{Ending, Session};
use super::{House, Make};
use crate::bus::ladder::{LadderState, LadderStatus, RungRendition, RungStatus, SoundStatus};
use crate::bus::{Channel, State, Stream};
use crate::flv::Muxer;
use crate::media::{Codec, Kind, Program, Rung, Sample, Track, TrackId};
use crate::transcode::ladder::{self, RungOptions, Source};
use crate::transcode::plan::{Plan, SOURCE};

/// How often a stream without a worker is looked at; somebody who comes to watch is seen at once.
const LOOK: Duration = Duration::from_millis(500);
/// How long a worker that failed is left alone, at first and at most: twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A worker that did well for so long may fail again without a longer pause.
const HEALTHY: Duration = Duration::from_secs(60);
/// What an encoder's peaks are above the rate that it aims at, in percent.
const PEAK: u64 = 125;

/// What is made of a program.
struct Made {
    program: Arc<Program>,
    plan: Option<Plan>,
    /// At the places of the plan.
    rungs: Vec<RungRendition>,
    /// Where the sound goes, where it is coded anew.
    sound: Option<Arc<Channel<Sample>>>,
    is_undecodable: bool,
}

/// Keeps the ladder of a stream until the stream ends.
pub(super) async fn keep(stream: Arc<Stream>, house: Arc<House>) {
    let mut keeper = Keeper { status: LadderStatus::new(), stream, house, pause: FIRST_PAUSE, undecodable: None };
    if keeper.stream.source().samples.settled().await.is_none() {
        return;
    }
    let mut made: Option<Made> = None;
    while !matches!(keeper.stream.state(), State::Ended { .. }) {
        let Some(program) = keeper.stream.program() else { return };
        let current = match made.take().filter(|made| Arc::ptr_eq(&made.program, &program)) {
            Some(made) => made,
            None => keeper.resolve(program),
        };
        made = keeper.turn(&current).await.then_some(current);
    }
}

struct Keeper {
    stream: Arc<Stream>,
    house: Arc<House>,
    status: LadderStatus,
    /// How long the next failure is waited out.
    pause: Duration,
    /// A codec that the worker has refused; of such sources no rungs are made.
    undecodable: Option<Discriminant<Codec>>,
}

impl Keeper {
    /// Decides which rungs there are, and says so.
    fn resolve(&mut self, program: Arc<Program>) -> Made {
        let options = &self.house.options;
        let wishes = options.of(self.stream.name());
        let is_undecodable = self.undecodable.is_some() && self.undecodable == leading(&program).map(|track| discriminant(&track.codec));
        let resolved = if is_undecodable { Vec::new() } else { resolved(wishes.rungs, &program) };
        let before = self.stream.ladder().rungs();
        let bounds = self.stream.source().samples.bounds();
        let rendition = |rung: Rung| {
            let known = before.iter().find(|known| known.rung.track == rung.track);
            match known {
                Some(known) if *known.rung == rung => known.clone(),
                // Who plays it goes on in the same channel, with another picture.
                Some(known) => RungRendition { rung: Arc::new(rung), samples: Arc::clone(&known.samples) },
                None => RungRendition { rung: Arc::new(rung), samples: Channel::new(bounds) },
            }
        };
        let (rungs, plans): (Vec<_>, Vec<_>) = resolved.into_iter().map(|(told, rung)| (rendition(told), rung)).unzip();
        let is_same = before.len() == rungs.len() && before.iter().zip(&rungs).all(|(one, other)| Arc::ptr_eq(&one.rung, &other.rung));
        if !is_same {
            self.stream.ladder().set_rungs(rungs.clone());
        }
        let sound = remade(&program, wishes.audio).map(|(_, sound)| sound);
        let samples = sound.map(|_| self.stream.ladder().sound().unwrap_or_else(|| Channel::new(bounds)));
        self.stream.ladder().set_sound(samples.clone());
        let plan = (!plans.is_empty() || sound.is_some()).then(|| Plan {
            sound,
            decoder_threads: options.decoder_threads,
            encoder_threads: options.encoder_threads,
            nice: options.nice,
            ..Plan::new(plans)
        });
        Made { program, plan, rungs, sound: samples, is_undecodable }
    }

    /// Runs a worker, if there is reason to, or lets a little time pass. False where what is made has to be decided anew.
    async fn turn(&mut self, made: &Made) -> bool {
        let Some(plan) = made.plan.as_ref().filter(|_| is_wanted(&self.stream, &self.house)) else {
            self.stream.ladder().forget_asked();
            self.tell(LadderState::Idle, made, None);
            tokio::select! {
                () = self.stream.ladder().asked() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            return true;
        };
        let Some(place) = self.place() else {
            self.tell(LadderState::Queued, made, None);
            tokio::time::sleep(LOOK).await;
            return true;
        };
        self.work(plan, made, place).await
    }

    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.house.places).try_acquire_owned().ok()
    }

    async fn work(&mut self, plan: &Plan, made: &Made, place: OwnedSemaphorePermit) -> bool {
        let began = Instant::now();
        self.status.starts += 1;
        self.tell(LadderState::Starting, made, None);
        metrics::counter!("sluicegate_ladder_starts_total").increment(1);
        let names = plan.rungs.iter().map(|rung| rung.name.as_str()).collect::<Vec<_>>().join(" ");
        tracing::info!(stream = %self.stream.name(), rungs = names, sound = plan.sound.is_some(), "a ladder begins");
        let (stream, house) = (Arc::clone(&self.stream), Arc::clone(&self.house));
        let session = Session {
            stream: &stream,
            worker: &house.worker,
            plan,
            rungs: &made.rungs,
            sound: made.sound.as_ref(),
            audio: house.options.of(stream.name()).audio,
            program: &made.program,
            stall: house.options.stall(),
        };
        let ending = session
            .run(|heard| {
                let state = if heard.has_media { LadderState::Running } else { LadderState::Starting };
                self.tell(state, made, Some(heard));
                is_wanted(&stream, &house)
            })
            .await;
        drop(place);
        if began.elapsed() >= HEALTHY {
            self.pause = FIRST_PAUSE;
        }
        match ending {
            Ending::Called => tracing::info!(stream = %stream.name(), "a ladder ends, as nobody watches any more"),
            Ending::Replan => tracing::info!(stream = %stream.name(), "the source has other pictures; its ladder begins anew"),
            Ending::Over => {}
            Ending::Failed(why) => self.failed(why, made).await,
            Ending::Undecodable => {
                self.give_up(made);
                return false;
            }
        }
        true
    }

    /// A worker would say the same again: there are no rungs until the source is in another codec.
    fn give_up(&mut self, made: &Made) {
        let Some(codec) = leading(&made.program).map(|track| &track.codec) else { return };
        let why = format!("{} is not decoded here", codec.name());
        tracing::warn!(stream = %self.stream.name(), %why, "a stream has no ladder; it is served as it is published");
        (self.status.trouble, self.undecodable) = (Some(why), Some(discriminant(codec)));
    }

    async fn failed(&mut self, why: String, made: &Made) {
        metrics::counter!("sluicegate_ladder_failures_total").increment(1);
        tracing::warn!(stream = %self.stream.name(), %why, again_in = ?self.pause, "a ladder's worker failed; the source goes on");
        self.status.trouble = Some(why);
        self.tell(LadderState::Failed, made, None);
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn tell(&mut self, state: LadderState, made: &Made, heard: Option<&Heard>) {
        // What is made of the sound alone does not mend that.
        self.status.state = if made.is_undecodable && state != LadderState::Failed { LadderState::Unable } else { state };
        if let Some(heard) = heard {
            (self.status.lag_ms, self.status.decode_errors) = (heard.report.lag_ms, heard.report.decode_errors);
            self.status.misses = heard.misses;
        }
        let of = |(place, one): (usize, &RungRendition)| {
            let told = heard.and_then(|heard| heard.report.rungs.get(place)).cloned().unwrap_or_default();
            RungStatus {
                id: one.rung.track.to_string(),
                label: Arc::clone(&one.rung.label),
                width: one.rung.width,
                height: one.rung.height,
                encoder: told.encoder,
                frames: told.frames,
                dropped: told.dropped,
                shed: told.shed,
            }
        };
        let sound = made.plan.as_ref().and_then(|plan| plan.sound);
        self.status.sound = sound.map(|sound| {
            let told = heard.map(|heard| heard.report.sound).unwrap_or_default();
            SoundStatus {
                id: TrackId::SOUND.to_string(),
                sample_rate: sound.sample_rate,
                channels: sound.channels,
                bit_rate: sound.bit_rate,
                frames: told.frames,
                decode_errors: told.decode_errors,
            }
        });
        self.status.rungs = made.rungs.iter().enumerate().map(of).collect();
        self.stream.ladder().set_status(self.status.clone());
    }
}

fn is_wanted(stream: &Stream, house: &House) -> bool {
    match house.options.of(stream.name()).make {
        Make::Off => false,
        Make::Always => true,
        Make::Auto | Make::Demand => stream.ladder().is_wanted(house.options.linger(), Instant::now()),
    }
}

/// The rungs of a program: what is told of each, and what the worker is told. A rung's track is its place among the wishes, so that it is
/// the same whatever the source is like.
fn resolved(wishes: &[RungOptions], program: &Arc<Program>) -> Vec<(Rung, ladder::Rung)> {
    let size = |id: TrackId| program.tracks.get(id)?.codec.video().map(|shape| (shape.width, shape.height));
    let Some(track) = leading(program) else { return Vec::new() };
    let Some((width, height)) = size(track.id) else { return Vec::new() };
    let present: Vec<_> = program.tracks.of(Kind::Video).filter(|other| other.id != track.id).filter_map(|other| size(other.id)).collect();
    let source = Source { width, height, frame_rate: track.frame_rate };
    let told = |rung: ladder::Rung| {
        let place = wishes.iter().position(|wish| wish.name() == rung.name)?;
        let bit_rate = u64::from(rung.bit_rate);
        let told = Rung {
            track: TrackId::rung(place)?,
            label: rung.name.as_str().into(),
            codecs: rung.rfc6381(),
            width: rung.width,
            height: rung.height,
            frame_rate: source.frame_rate.map(|_| rung.frame_rate),
            bit_rate,
            peak: bit_rate * PEAK / 100,
        };
        Some((told, rung))
    };
    ladder::resolve(wishes, &source, &present).into_iter().filter_map(told).collect()
}

/// The track that rungs are made from.
fn leading(program: &Arc<Program>) -> Option<&Track> {
    let leading = Muxer::new(SOURCE, Arc::clone(program)).leading()?;
    program.tracks.get(leading).map(|track| &**track)
}
