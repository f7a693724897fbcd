//! One worker from its start to its end: fed on its standard input, read on its output, and watched.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::MissedTickBehavior;

use super::audio::remade;
use super::output::{Heard, Output};
use super::sounds::Sounds;
use super::stamps::Stamps;
use crate::bus::ladder::RungRendition;
use crate::bus::{Budget, Channel, From, Gate, Read, Stream, Subscriber};
use crate::flv::{FlvVariant, Muxer};
use crate::media::{Kind, Program, Sample, Timestamp, TrackId};
use crate::transcode::plan::{CANNOT_DECODE, Plan};
use crate::transcode::sound::Audio;

/// How often the worker is looked after.
const LOOK: Duration = Duration::from_millis(250);
/// So many times as long as a worker may be without a sign of life, it may be without a picture though it was sent some.
const STALLS_WITHOUT_PICTURE: u32 = 3;
/// How long the exit status of a worker is waited for that has closed its output.
const EXIT: Duration = Duration::from_secs(1);
/// Bytes read from a worker at a time.
const READ: usize = 64 << 10;
/// Longest line of a worker's that is told, in bytes.
const LINE: usize = 512;

/// What was sent to a worker, to make sense of what comes back.
#[derive(Debug)]
pub(super) struct Sent {
    pub stamps: Stamps,
    pub sounds: Sounds,
    pub program: Arc<Program>,
    /// The pictures that it is fed; none where it makes sound alone.
    pub leading: Option<TrackId>,
    /// The track of sound that it codes anew.
    pub remade: Option<TrackId>,
    /// When the newest of that which was sent is heard.
    pub newest_sound: Option<Timestamp>,
}

/// How a worker came to its end.
#[derive(Debug)]
pub(super) enum Ending {
    /// It is no longer to go on, as `look` said.
    Called,
    /// The source has other pictures now, and may need another plan.
    Replan,
    /// The stream is over.
    Over,
    /// It failed.
    Failed(String),
    /// It cannot decode what the source is in.
    Undecodable,
}

/// What it takes to run a worker.
pub(super) struct Session<'a> {
    pub stream: &'a Arc<Stream>,
    pub worker: &'a Path,
    pub plan: &'a Plan,
    /// At the places of the plan.
    pub rungs: &'a [RungRendition],
    /// Where the sound goes that is coded anew.
    pub sound: Option<&'a Arc<Channel<Sample>>>,
    /// What is wished of the sound.
    pub audio: (Audio, u32),
    pub program: &'a Arc<Program>,
    pub stall: Duration,
}

impl Session<'_> {
    /// Runs a worker until it fails, the source changes, or `look` says so, which sees four times a second how it is coming along.
    pub async fn run(self, mut look: impl FnMut(&Heard) -> bool) -> Ending {
        let now = Instant::now();
        let leading = pictures(&Muxer::new(self.plan.source(), Arc::clone(self.program)));
        if leading.is_none() && !self.plan.rungs.is_empty() {
            return Ending::Replan;
        }
        let sent = Sent {
            stamps: Stamps::default(),
            sounds: Sounds::default(),
            program: Arc::clone(self.program),
            leading,
            remade: remade(self.program, self.audio).map(|(track, _)| track),
            newest_sound: None,
        };
        let (sent, heard) = (Arc::new(Mutex::new(sent)), Arc::new(Mutex::new(Heard::new(now))));
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return Ending::Failed(format!("{} cannot be started: {error}", self.worker.display())),
        };
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Ending::Failed("it has no pipes".to_owned());
        };
        let mut output = Output::new(self.stream, (self.rungs, self.sound), &sent, &heard);
        let ending = {
            let source = self.stream.source().samples.subscribe(From::NewestSync, &Arc::new(Gate::new()));
            let is_newest = |program: &Arc<Program>| self.stream.program().is_some_and(|newest| Arc::ptr_eq(&newest, program));
            let feeding = feed(stdin, source, (self.plan.source(), self.audio), is_newest, &sent, &heard);
            let reading = read(stdout, &mut output);
            let telling = tell(stderr, self.stream);
            tokio::pin!(feeding, reading, telling);
            let mut looks = tokio::time::interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut is_fed, mut has_told) = (true, false);
            loop {
                tokio::select! {
                    ending = &mut feeding, if is_fed => match ending {
                        Some(ending) => break ending,
                        // Whoever does not read any more has ended, or is about to: its output tells how, or its silence does.
                        None => is_fed = false,
                    },
                    ending = &mut reading => break ending,
                    () = &mut telling, if !has_told => has_told = true,
                    _ = looks.tick() => {
                        let heard = heard.lock();
                        if let Some(why) = self.stalled(&heard, Instant::now()) {
                            break Ending::Failed(why);
                        }
                        if !look(&heard) {
                            break Ending::Called;
                        }
                    }
                }
            }
        };
        drop(output);
        let ending = match ending {
            Ending::Failed(why) if why.is_empty() => exit(&mut child).await,
            ending => ending,
        };
        // Also one that is stopped, or does not listen.
        if let Err(error) = child.kill().await {
            tracing::warn!(stream = %self.stream.name(), %error, "a worker could not be ended");
        }
        ending
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(self.worker);
        command.args(self.plan.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // A terminal sends Ctrl-C to the gateway's whole group; when a worker ends is the gateway's affair.
        command.process_group(0);
        command.spawn()
    }

    fn stalled(&self, heard: &Heard, now: Instant) -> Option<String> {
        let silent = now.saturating_duration_since(heard.at);
        if silent > self.stall {
            return Some(format!("it gave no sign of life for {} s", silent.as_secs()));
        }
        let all_shed = !heard.report.rungs.is_empty() && heard.report.rungs.iter().all(|rung| rung.shed);
        let since = heard.unanswered.filter(|_| !all_shed)?;
        let without = now.saturating_duration_since(since);
        (without > self.stall * STALLS_WITHOUT_PICTURE).then(|| format!("no picture came back for {} s", without.as_secs()))
    }
}

/// Writes the source to the worker. Ends where the source asks for another plan, or, with none, where the worker reads no more.
async fn feed(
    mut stdin: ChildStdin,
    mut source: Subscriber<Sample>,
    (variant, audio): (FlvVariant, (Audio, u32)),
    is_newest: impl Fn(&Arc<Program>) -> bool,
    sent: &Mutex<Sent>,
    heard: &Mutex<Heard>,
) -> Option<Ending> {
    let mut muxer: Option<Muxer> = None;
    let (mut samples, mut out) = (Vec::new(), BytesMut::new());
    loop {
        let mut has_pictures = false;
        match source.next(Budget::default(), &mut samples).await {
            Read::Head { head, .. } => {
                let next = Muxer::new(variant, Arc::clone(&head));
                if !goes_on(&sent.lock(), &head, &next, audio) {
                    if muxer.is_some() || is_newest(&head) {
                        return Some(Ending::Replan);
                    }
                    // The plan is for what comes behind this.
                    continue;
                }
                if muxer.is_none() {
                    next.file_header().write(&mut out);
                }
                next.preamble().iter().for_each(|body| body.write_tag(0, &mut out));
                sent.lock().program = head;
                muxer = Some(next);
            }
            Read::Batch => {
                let mut sent = sent.lock();
                for sample in samples.drain(..) {
                    let is_remade = sent.remade == Some(sample.track);
                    if sample.track.kind == Kind::Audio && !is_remade {
                        sent.sounds.push(sample);
                    } else if (is_remade || Some(sample.track) == sent.leading)
                        && let Some(muxer) = &muxer
                        && let Some(body) = muxer.sample(&sample)
                    {
                        if is_remade {
                            sent.newest_sound = Some(sample.dts);
                        } else {
                            sent.stamps.note(&sample);
                            has_pictures = true;
                        }
                        body.write_tag(muxer.timestamp(&sample), &mut out);
                    }
                }
            }
            Read::Empty => {}
            Read::End(_) => return Some(Ending::Over),
        }
        if out.is_empty() {
            continue;
        }
        if has_pictures {
            heard.lock().unanswered.get_or_insert_with(Instant::now);
        }
        if stdin.write_all(&out).await.is_err() {
            return None;
        }
        out.clear();
    }
}

/// The pictures that go to a worker.
fn pictures(muxer: &Muxer) -> Option<TrackId> {
    muxer.leading().filter(|track| track.kind == Kind::Video)
}

/// Whether a worker can go on with what a new program has for it: pictures of the same size and rate, in the same codec, and sound of which the
/// same is made.
fn goes_on(sent: &Sent, program: &Program, muxer: &Muxer, audio: (Audio, u32)) -> bool {
    let picture = |program: &Program| {
        sent.leading
            .and_then(|id| program.tracks.get(id))
            .map(|track| (std::mem::discriminant(&track.codec), track.codec.video(), track.frame_rate))
    };
    let sizes = |program: &Program| {
        program.tracks.of(Kind::Video).map(|track| track.codec.video().map(|shape| (shape.width, shape.height))).collect::<Vec<_>>()
    };
    pictures(muxer) == sent.leading
        && picture(program) == picture(&sent.program)
        && sizes(program) == sizes(&sent.program)
        && remade(program, audio) == remade(&sent.program, audio)
}

/// Reads what comes back. The reason is empty where the worker closed its output: its exit status tells more.
async fn read(mut stdout: impl AsyncRead + Unpin, output: &mut Output) -> Ending {
    let mut buffer = vec![0; READ];
    loop {
        match stdout.read(&mut buffer).await {
            Ok(0) => return Ending::Failed(String::new()),
            Ok(length) => {
                if let Err(garbage) = output.take(&buffer[..length], Instant::now()) {
                    return Ending::Failed(garbage.to_string());
                }
            }
            Err(error) => return Ending::Failed(format!("its output cannot be read: {error}")),
        }
    }
}

/// Passes on what the worker says to people.
async fn tell(stderr: impl AsyncRead + Unpin, stream: &Stream) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end must not grow without one.
        let mut bounded = (&mut lines).take(LINE as u64);
        match bounded.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                tracing::info!(stream = %stream.name(), "ladder: {}", text.trim_end());
            }
        }
    }
}

/// How the worker ended that has closed its output.
async fn exit(child: &mut Child) -> Ending {
    match tokio::time::timeout(EXIT, child.wait()).await {
        Ok(Ok(status)) if status.code() == Some(CANNOT_DECODE.into()) => Ending::Undecodable,
        Ok(Ok(status)) => Ending::Failed(format!("it ended by itself ({status})")),
        Ok(Err(error)) => Ending::Failed(format!("it ended by itself ({error})")),
        Err(_) => Ending::Failed("it closed its output".to_owned()),
    }
}
