//! The worker as a process, and what it writes.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluicegate::flv::reader::{DEFAULT_MAX_TAG, Event};
use sluicegate::flv::{Demuxer, Item, Reader, TagKind};
use sluicegate::media::{Codec, TrackId};
use sluicegate::transcode::ladder::{Encoder, Rung, RungCodec};
use sluicegate::transcode::plan::Plan;
use sluicegate::transcode::report::{Report, SoundReport};

/// No test takes so long.
pub const PATIENCE: Duration = Duration::from_secs(50);

/// One frame of a rung.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// In ticks of 90 kHz; that it is a whole one has been looked at.
    pub pts: i64,
    pub is_sync: bool,
    pub data: Bytes,
}

/// The sound that came out.
#[derive(Default)]
pub struct Sounded {
    pub codec: Option<Codec>,
    /// When each frame is heard, in nanoseconds, and its bytes.
    pub frames: Vec<(i64, Bytes)>,
    pub report: SoundReport,
}

/// What came out.
#[derive(Default)]
pub struct Output {
    pub codecs: Vec<Option<Codec>>,
    pub rungs: Vec<Vec<Frame>>,
    pub sound: Sounded,
    pub report: Report,
    pub errors: String,
    pub status: Option<ExitStatus>,
}

impl Output {
    pub fn times(&self, rung: usize) -> Vec<(i64, bool)> {
        self.rungs[rung].iter().map(|frame| (frame.pts, frame.is_sync)).collect()
    }

    pub fn size(&self, rung: usize) -> (u32, u32) {
        self.codecs[rung].as_ref().and_then(Codec::video).map(|shape| (shape.width, shape.height)).unwrap()
    }

    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}

/// A rung of H.264 that costs little.
pub fn rung(name: &str, width: u32, height: u32) -> Rung {
    Rung {
        name: name.to_owned(),
        width,
        height,
        every: 1,
        frame_rate: 29.97,
        bit_rate: 300_000,
        codec: RungCodec::H264,
        preset: "veryfast".to_owned(),
        profile: "high".to_owned(),
        level: 30,
        encoder: Encoder::Software,
        priority: 0,
    }
}

/// A plan for input from a file.
pub fn plan(rungs: impl Into<Vec<Rung>>) -> Plan {
    Plan { live: false, ..Plan::new(rungs.into()) }
}

/// A worker at work.
pub struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    events: Receiver<Event>,
    demuxer: Demuxer,
    output: Output,
}

impl Worker {
    pub fn start(arguments: &[String], rungs: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate-ladder"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, mut stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (to, events) = channel();
        std::thread::spawn(move || {
            let (mut reader, mut chunk) = (Reader::new(DEFAULT_MAX_TAG), vec![0; 65_536]);
            while let Ok(read @ 1..) = stdout.read(&mut chunk) {
                reader.push(&chunk[..read]);
                while let Some(event) = reader.poll().unwrap() {
                    let _ = to.send(event);
                }
            }
        });
        let output = Output { codecs: vec![None; rungs], rungs: vec![Vec::new(); rungs], ..Output::default() };
        Self { child, input, events, demuxer: Demuxer::new(), output }
    }

    /// Writes on a thread of its own: the worker stops reading while nobody takes what it makes. The pipe closes behind it, or stays open for
    /// what it returns.
    pub fn feed(&mut self, bytes: Bytes, stays_open: bool) -> std::thread::JoinHandle<Option<ChildStdin>> {
        let mut input = self.input.take().unwrap();
        std::thread::spawn(move || {
            // A worker that does not want it has its reasons, which its status tells.
            let _ = input.write_all(&bytes);
            stays_open.then_some(input)
        })
    }

    /// Takes what comes until `is_enough`, or until it ends.
    pub fn take(&mut self, is_enough: impl Fn(&Output) -> bool) -> &Output {
        let deadline = Instant::now() + PATIENCE;
        while !is_enough(&self.output) {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => self.event(event),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("{error}; so far {:?}", self.output.report),
            }
        }
        &self.output
    }

    /// The nice level of each of its threads.
    pub fn nice(&self) -> Vec<i64> {
        nice_of(&self.child.id().to_string())
    }

    /// Waits for its end.
    pub fn end(mut self) -> Output {
        self.take(|_| false);
        self.output.status = Some(self.child.wait().unwrap());
        self.child.stderr.take().unwrap().read_to_string(&mut self.output.errors).unwrap();
        std::mem::take(&mut self.output)
    }

    fn event(&mut self, event: Event) {
        let Event::Tag { kind, timestamp_ms, body } = event else { return };
        if kind == TagKind::Script {
            if let Some(report) = Report::parse(&body) {
                self.output.sound.report = report.sound;
                self.output.report = report;
            }
            return;
        }
        self.demuxer.push(kind, timestamp_ms, &body);
        while let Some(item) = self.demuxer.poll() {
            match item.unwrap() {
                Item::Config { track: TrackId::AUDIO, codec } => self.output.sound.codec = Some(codec),
                Item::Coded { track: TrackId::AUDIO, dts_ms, extra_nanos, data, .. } => {
                    self.output.sound.frames.push((i64::from(dts_ms) * 1_000_000 + i64::from(extra_nanos), data));
                }
                Item::Config { track, codec } => self.output.codecs[usize::from(track.index)] = Some(codec),
                Item::Coded { track, dts_ms, cts_ms, extra_nanos, is_sync, data } => {
                    assert_eq!(cts_ms, 0, "rungs have no B-frames");
                    let nanos = i64::from(dts_ms) * 1_000_000 + i64::from(extra_nanos);
                    let pts = (nanos * 9 + 50_000) / 100_000;
                    assert_eq!(pts * 100_000 / 9, nanos, "the nanoseconds are those of a whole tick");
                    self.output.rungs[usize::from(track.index)].push(Frame { pts, is_sync, data });
                }
                _ => {}
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The nice level of each thread of a process (proc(5), field 19 of stat).
pub fn nice_of(process: &str) -> Vec<i64> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let stats = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap());
    stats.map(|stat| stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()).collect()
}

/// Gives it all and waits for its end.
pub fn run(plan: &Plan, input: Bytes) -> Output {
    let mut worker = Worker::start(&plan.arguments(), plan.rungs.len());
    let feeder = worker.feed(input, false);
    let output = worker.end();
    feeder.join().unwrap();
    output
}
