//! The ladder's worker: one video track in, with its sound or without, or sound alone, and its rungs out, as [`sluicegate::transcode::plan`]
//! tells. It alone links libav, and the gateway lives on when it does not.
//!
//! A thread reads, one decodes, one scales, one for each rung encodes, one makes the sound where there is to be any, one writes, and one looks
//! whether all of them keep up. Between them are short queues; who finds one full waits, back to the pipe.

mod av;
mod decode;
mod encode;
mod gauges;
mod intake;
mod messages;
mod orientation;
mod output;
mod overload;
mod pcm;
mod scale;
mod settings;
mod sound;
mod timeline;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use sluicegate::transcode::ladder::shedding_order;
use sluicegate::transcode::plan::{CANNOT_DECODE, Plan, WORKER};

use decode::{DecodeError, Decoding};
use encode::{Choice, Encoding};
use gauges::{Gauges, add};
use intake::IntakeError;
use output::{Message, Output, OutputError};
use overload::{Change, Overload};
use scale::Scaling;
use sound::Sounding;

/// What the exit status means (sysexits.h).
const USAGE: u8 = 64;
const DATA: u8 = 65;
const SOFTWARE: u8 = 70;

/// Pictures of the source's size that may wait to be scaled.
const MAX_DECODED: usize = 4;
/// Coded frames and reports that may wait to be written.
const MAX_CODED: usize = 64;
/// How often it is looked whether the worker keeps up.
const WATCH: Duration = Duration::from_millis(250);
/// How many of those pass between two reports.
const REPORT_EVERY: u32 = 4;

/// Why the worker stops before its input does.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("standard input and output: {0}")]
    Pipes(io::Error),
}

fn main() -> ExitCode {
    // A thread that panics ends the process: what is left of it would wait for ever.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{WORKER}: {panic}");
        std::process::exit(SOFTWARE.into());
    }));
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{WORKER}: {error}");
            return USAGE.into();
        }
    };
    if let Err(error) = av::begin() {
        eprintln!("{WORKER}: libav: {error}");
        return SOFTWARE.into();
    }
    // Lower priority is never refused; should it be, the machine's other work suffers and not this.
    let _ = rustix::process::nice(plan.nice.into());
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads any more: the gateway needs no rungs, or is gone.
        Err(Failure::Output(OutputError::Io(error))) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{WORKER}: {error}");
            match error {
                Failure::Intake(_) => DATA.into(),
                _ => SOFTWARE.into(),
            }
        }
    }
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (Some("--plan"), Some(json), None) => Plan::parse(&json).map_err(|error| error.to_string()),
        _ => Err("it is started by the gateway: --plan JSON".to_owned()),
    }
}

/// Works until the input is over, or something fails for good. Failures of a thread end the process from there, for the others may be
/// waiting for it, or in a read that nothing ends.
fn run(plan: &Plan) -> Result<(), Failure> {
    let input = owned(io::stdin().as_fd())?;
    let output = owned(io::stdout().as_fd())?;
    let gauges = &Gauges::new(plan.rungs.len());
    let choices: Vec<_> = plan.rungs.iter().map(|rung| Choice::of(rung, plan.encoder_threads)).collect();
    let formats: Vec<_> = choices.iter().map(|choice| choice.format).collect();
    std::thread::scope(|scope| {
        let (coded, to_write) = sync_channel(MAX_CODED);
        let writer = scope.spawn(move || end_on(Output::new(output, plan, gauges).run(&to_write)));
        let (mut encoders, mut encoding_threads) = (Vec::new(), Vec::new());
        // Before all pictures: who reads them knows then whether there is sound.
        let sounding = plan.sound.and_then(|sound| Sounding::begin(sound, gauges, coded.clone()));
        let to_sound = sounding.map(|sounding| {
            let (to, units) = sync_channel(sound::MAX_QUEUED);
            encoding_threads.push(scope.spawn(move || sounding.run(&units)));
            to
        });
        for (at, (rung, &choice)) in plan.rungs.iter().zip(&choices).enumerate() {
            let (to, jobs) = sync_channel(encode::MAX_QUEUED);
            let encoding = Encoding { at, rung, threads: plan.encoder_threads, choice, gauges, to: coded.clone() };
            encoding_threads.push(scope.spawn(move || encoding.run(&jobs)));
            encoders.push(to);
        }
        let (to_scale, decoded) = sync_channel(MAX_DECODED);
        scope.spawn(move || Scaling::new(&plan.rungs, &formats, encoders, gauges).run(&decoded));
        let (to_decode, units) = sync_channel(intake::MAX_QUEUED);
        let decoding = Decoding::new(plan.decoder_threads, gauges, to_scale);
        scope.spawn(move || end_on(decoding.run(&units)));
        let (over, is_over) = channel::<()>();
        scope.spawn(move || {
            let mut governor =
                Governor { plan, gauges, overload: Overload::new(shedding_order(&plan.rungs)), began: Instant::now(), to: coded };
            governor.run(|| matches!(is_over.recv_timeout(WATCH), Err(RecvTimeoutError::Timeout)));
        });
        let result = intake::run(input, &to_decode, to_sound.as_ref(), gauges);
        drop((to_decode, to_sound));
        // Each thread ends when the one before it has, and the writer when those that write through it have.
        for thread in encoding_threads {
            let _ = thread.join();
        }
        drop(over);
        let _ = writer.join();
        result.map_err(Failure::from)
    })
}

fn owned(fd: BorrowedFd<'_>) -> Result<File, Failure> {
    fd.try_clone_to_owned().map(File::from).map_err(Failure::Pipes)
}

/// Ends the process where a thread cannot go on.
fn end_on<E: Into<Failure>>(result: Result<(), E>) {
    let Err(error) = result.map_err(Into::into) else { return };
    match error {
        Failure::Output(OutputError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        error => {
            eprintln!("{WORKER}: {error}");
            let status = if matches!(error, Failure::Decode(DecodeError::Codec(_))) { CANNOT_DECODE } else { SOFTWARE };
            std::process::exit(status.into());
        }
    }
}

/// Looks whether the worker keeps up, gives rungs up and takes them up again, and reports.
struct Governor<'a> {
    plan: &'a Plan,
    gauges: &'a Gauges,
    overload: Overload,
    began: Instant,
    to: SyncSender<Message>,
}

impl Governor<'_> {
    /// Looks as long as `goes_on`, which waits in between.
    fn run(&mut self, goes_on: impl Fn() -> bool) {
        let mut looks = 0u32;
        while goes_on() {
            if self.plan.live
                && let Some(change) = self.overload.observe(self.began.elapsed(), self.gauges.behind_ms())
            {
                self.apply(change);
            }
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(REPORT_EVERY) {
                self.report();
            }
        }
    }

    fn apply(&self, change: Change) {
        let behind = self.gauges.behind_ms();
        match change {
            Change::Shed(rung) => {
                eprintln!("{}: given up, {behind} ms behind", self.plan.rungs[rung].name);
                add(&self.gauges.rungs[rung].sheds, 1);
                self.gauges.rungs[rung].shed.store(true, Ordering::Relaxed);
            }
            Change::Restore(rung) => {
                eprintln!("{}: taken up again", self.plan.rungs[rung].name);
                self.gauges.rungs[rung].shed.store(false, Ordering::Relaxed);
            }
            Change::Skip => {
                eprintln!("one rung alone is too much: skipping to the next keyframe, {behind} ms behind");
                self.gauges.skips.store(true, Ordering::Relaxed);
            }
        }
    }

    fn report(&self) {
        // A writer that has gone has ended the process, or is about to.
        let _ = self.to.send(Message::Report(self.gauges.report()));
    }
}
