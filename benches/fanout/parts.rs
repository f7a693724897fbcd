//! Those who fetch parts and chunks: what a run of them uses, and the table.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Context;

use crate::crowd::{Crowd, Member};
use crate::delays::Delays;
use crate::process::Usage;
use crate::report::{GIB, LOAD_IS_BUSY};
use crate::stamp::now;
use crate::tally::{Spread, Tally};

/// A part that took longer came after the next one was due; a player of three parts' delay has used up a third of its reserve.
pub const LATE: Duration = Duration::from_millis(334);

/// What one run showed.
#[derive(Debug, Default)]
pub struct Row {
    pub viewers: usize,
    pub name: String,
    /// Seconds of the measured interval.
    pub seconds: f64,
    pub bytes: u64,
    pub answers: u64,
    /// CPU seconds of the server, where its process is known.
    pub cpu: Option<f64>,
    /// CPU seconds of publisher and viewers.
    pub load_cpu: f64,
    /// Resident bytes that the viewers added, the media kept meanwhile taken off.
    pub memory: Option<i64>,
    /// From a part's being complete to a viewer's holding it.
    pub video: Option<Spread>,
    pub audio: Option<Spread>,
    /// From connecting to holding the first part.
    pub start: Option<Spread>,
    pub publisher_late: Option<Spread>,
    /// Video parts received, and those that took longer than [`LATE`].
    pub parts: u64,
    pub late: u64,
    /// Parts not received at all, of both tracks.
    pub missing: u64,
    pub faults: Vec<(String, u64)>,
}

impl Row {
    /// CPU microseconds of an answer.
    fn per_answer(&self) -> Option<f64> {
        Some(self.cpu? * 1e6 / self.answers.max(1) as f64)
    }

    fn line(&self, floor: Option<&Self>) -> String {
        let number = |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
        let spread = |spread: Option<Spread>| {
            spread.map_or_else(|| "-".to_owned(), |Spread { p50, p99, max }| format!("{p50:.1} / {p99:.1} / {max:.0}"))
        };
        let viewers = self.viewers.max(1) as f64;
        format!(
            "{:>7}  {:<18} {:>6} {:>10} {:>8} {:>8} {:>7} {:>10} {:>8.0} {:>22} {:>22} {:>7} {:>7} {:>6.2} {:>6} {:>4.0}%",
            self.viewers,
            self.name,
            number(self.cpu.map(|cpu| 100.0 * cpu / self.seconds), 0),
            number(self.cpu.map(|cpu| 1e3 * cpu / self.seconds / viewers), 3),
            number(self.cpu.filter(|_| self.bytes > 0).map(|cpu| cpu * GIB / self.bytes as f64), 2),
            number(self.per_answer(), 1),
            number(floor.and_then(|floor| Some(self.per_answer()? / floor.per_answer()?)), 2),
            number(self.memory.map(|added| added as f64 / 1024.0 / viewers), 1),
            self.answers as f64 / self.seconds,
            spread(self.video),
            spread(self.audio),
            self.late,
            self.missing,
            self.bytes as f64 * 8.0 / 1e6 / self.seconds / viewers,
            self.faults.iter().map(|(_, count)| count).sum::<u64>(),
            100.0 * self.load_cpu / self.seconds,
        )
    }

    fn notes(&self, notes: &mut String) {
        let mut note = |text: String| writeln!(notes, "  {} x {}: {text}", self.viewers, self.name).expect("a string takes all");
        for (fault, count) in self.faults.iter().take(5) {
            note(format!("{count} viewers: {fault}"));
        }
        if self.late > 0 {
            note(format!("{} of {} video parts took longer than {} ms", self.late, self.parts, LATE.as_millis()));
        }
        if let Some(Spread { p50, p99, .. }) = self.start {
            note(format!("from connecting to the first part: {p50:.0} ms, p99 {p99:.0} ms"));
        }
        if let Some(late) = self.publisher_late.filter(|late| late.p99 > 5.0) {
            note(format!("the publisher sent late: p99 {:.1} ms, max {:.1} ms; delays count from the sending", late.p99, late.max));
        }
        if self.load_cpu / self.seconds > LOAD_IS_BUSY {
            note("the load side was busy: its own waiting is in the delays".to_owned());
        }
    }
}

/// What a server and the load side use within the interval.
#[derive(Debug)]
pub struct Meter {
    pid: Option<u32>,
    /// Before the first viewer, and when that was.
    alone: (Option<Usage>, u64),
    /// Bytes of media that the server comes to keep in each second, whoever watches.
    keeps: u64,
    before: Option<(Option<Usage>, Usage)>,
    /// The interval, on [`now`]'s clock.
    pub interval: (u64, u64),
}

impl Meter {
    /// Before the first viewer.
    pub fn new(pid: Option<u32>, keeps: u64) -> anyhow::Result<Self> {
        let alone = (pid.map(Usage::of).transpose()?, now());
        Ok(Self { pid, alone, keeps, before: None, interval: (0, 0) })
    }

    /// The interval begins now.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        self.before = Some((self.pid.map(Usage::of).transpose()?, Usage::of(std::process::id())?));
        self.interval = (now(), u64::MAX);
        Ok(())
    }

    /// The interval ends now: a row with all that was used, and nothing of the delays.
    pub fn end(&mut self, name: &str, viewers: usize, tally: &Tally) -> anyhow::Result<Row> {
        self.interval.1 = now();
        let (after, own_after) = (self.pid.map(Usage::of).transpose()?, Usage::of(std::process::id())?);
        let (before, own_before) = self.before.context("an interval that never began")?;
        let (alone, since) = self.alone;
        let kept = ((self.interval.1 - since) as f64 / 1e9 * self.keeps as f64) as i64;
        Ok(Row {
            viewers,
            name: name.to_owned(),
            seconds: (self.interval.1 - self.interval.0) as f64 / 1e9,
            bytes: tally.bytes,
            answers: tally.answers,
            cpu: before.zip(after).map(|(before, after)| after.cpu_seconds - before.cpu_seconds),
            load_cpu: own_after.cpu_seconds - own_before.cpu_seconds,
            memory: alone.zip(after).map(|(alone, after)| after.resident as i64 - alone.resident as i64 - kept),
            ..Row::default()
        })
    }
}

impl Row {
    /// Takes in how long parts took.
    pub fn count(&mut self, delays: Delays) {
        let Delays { by_track: [mut video, mut audio], missing } = delays;
        self.late = video.iter().filter(|took| **took > LATE.as_micros() as u32).count() as u64;
        self.parts = video.len() as u64;
        self.missing = missing;
        (self.video, self.audio) = (Spread::of(&mut video), Spread::of(&mut audio));
    }

    /// Takes in what the viewers say at the end.
    pub fn finish<M: Member>(&mut self, crowd: &mut Crowd<M>) {
        crowd.finish();
        self.start = Spread::of(&mut crowd.tally.first_keys);
        self.faults = std::mem::take(&mut crowd.tally.faults).into_iter().collect();
    }
}

/// Prints rows, each with its floor beside it.
pub fn print(rows: &[(Row, Option<Row>)]) {
    if rows.is_empty() {
        return;
    }
    let heads = [
        [
            "viewers",
            "what",
            "core",
            "CPU",
            "CPU",
            "CPU",
            "over",
            "memory",
            "answers",
            "video part, ms",
            "audio part, ms",
            "late",
            "missing",
            "Mb/s",
            "errors",
            "load",
        ],
        [
            "",
            "",
            "%",
            "ms/view s",
            "s/GiB",
            "us/answ",
            "floor",
            "KiB/viewer",
            "/s",
            "p50 / p99 / max",
            "p50 / p99 / max",
            "parts",
            "parts",
            "each",
            "",
            "core",
        ],
    ];
    for [viewers, what, core, cpu, gib, answer, over, memory, answers, video, audio, late, missing, rate, errors, load] in heads {
        println!(
            "{viewers:>7}  {what:<18} {core:>6} {cpu:>10} {gib:>8} {answer:>8} {over:>7} {memory:>10} {answers:>8} {video:>22} {audio:>22} \
             {late:>7} {missing:>7} {rate:>6} {errors:>6} {load:>5}"
        );
    }
    let mut notes = String::new();
    for (row, floor) in rows {
        println!("{}", row.line(floor.as_ref()));
        row.notes(&mut notes);
        if let Some(floor) = floor {
            println!("{}", floor.line(None));
            floor.notes(&mut notes);
        }
    }
    if !notes.is_empty() {
        println!("\n{}", notes.trim_end());
    }
}
