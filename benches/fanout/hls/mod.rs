//! Low-Latency HLS: viewers who reload and fetch, and nginx beside them, which serves them the same bytes at the same times.

mod connection;
mod crowd;
mod library;
mod nginx;
mod player;
mod playlist;
mod report;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::options::Options;
use crate::process::Usage;
use crate::publish::Publisher;
use crate::stamp::now;
use crate::tally::{Spread, Tally};
use crate::target::{Play, Publish};
use crate::{GOPS_IN, STARTED_WITHIN};

use crowd::Crowd;
use library::{Delays, Library, Step};
use nginx::Nginx;
use player::Habit;
pub use report::{Row, print};

/// After the last step of a replay: what was told last is still being fetched.
const LAST_STEP: Duration = Duration::from_millis(300);

/// What was recorded, for others to serve.
#[derive(Debug)]
pub struct Recording {
    library: Library,
    steps: Vec<Step>,
}

/// Publishes to a server and lets viewers watch it.
pub fn measure(options: &Options, count: usize, play: &Play, publish: &Publish, pid: Option<u32>) -> anyhow::Result<(Row, Recording)> {
    let habit = if options.hints { Habit::Hints } else { Habit::Reload };
    eprintln!("{count} viewers by ll-hls");
    let mut publisher = Publisher::start(publish, options.bitrate)?;
    thread::sleep(GOPS_IN);
    let mut meter = Meter::new(pid, options.bitrate / 8)?;
    let mut crowd = Crowd::new(play.address, habit, Library::new(&play.host, options.whole_playlists))?;
    crowd.join(&play.path, count, options.joins_per_second)?;
    crowd.run_until_started(Instant::now() + STARTED_WITHIN)?;
    crowd.run_until(Instant::now() + Duration::from_secs(options.warmup))?;

    meter.begin()?;
    crowd.library.begin();
    crowd.begin();
    crowd.run_until(Instant::now() + Duration::from_secs(options.seconds))?;
    let steps = crowd.library.end();
    let mut row = meter.end("ll-hls", count, &crowd.tally)?;

    let completed = crowd.library.completed(&publisher.sent);
    row.publisher_late = publisher.finish()?;
    row.count(crowd.library.delays(&completed.context("what viewers got")?, meter.interval, count));
    row.finish(&mut crowd);
    Ok((row, Recording { library: crowd.library, steps }))
}

/// Lets nginx serve what was recorded to as many viewers, each step at its time. `None` where there is no nginx.
pub fn floor(options: &Options, core: usize, count: usize, recording: Recording) -> anyhow::Result<Option<Row>> {
    if !nginx::is_installed() {
        eprintln!("nginx is not installed, so there is nothing to compare with: apt-get install nginx-light");
        return Ok(None);
    }
    eprintln!("{count} viewers of the same bytes by nginx");
    let Recording { mut library, steps } = recording;
    let nginx = Nginx::start(core, &library, &steps)?;
    let mut meter = Meter::new(Some(nginx.pid()), 0)?;
    library.forget_arrivals();
    let mut crowd = Crowd::new(nginx.address, Habit::Told, library)?;
    crowd.join("", count, options.joins_per_second)?;

    meter.begin()?;
    crowd.begin();
    let began = now();
    crowd.replay(&steps)?;
    crowd.run_until(Instant::now() + LAST_STEP)?;
    let mut row = meter.end("nginx, plain files", count, &crowd.tally)?;

    let parts = steps.iter().flat_map(|step| step.files.iter().skip(1).map(|part| (*part, began + step.at)));
    let completed = parts.collect();
    row.count(crowd.library.delays(&completed, meter.interval, count));
    row.finish(&mut crowd);
    Ok(Some(row))
}

/// What a server and the load side use within the interval.
#[derive(Debug)]
struct Meter {
    pid: Option<u32>,
    /// Before the first viewer, and when that was.
    alone: (Option<Usage>, u64),
    /// Bytes of media that the server comes to keep in each second, whoever watches.
    keeps: u64,
    before: Option<(Option<Usage>, Usage)>,
    interval: (u64, u64),
}

impl Meter {
    /// Before the first viewer.
    fn new(pid: Option<u32>, keeps: u64) -> anyhow::Result<Self> {
        let alone = (pid.map(Usage::of).transpose()?, now());
        Ok(Self { pid, alone, keeps, before: None, interval: (0, 0) })
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.before = Some((self.pid.map(Usage::of).transpose()?, Usage::of(std::process::id())?));
        self.interval = (now(), u64::MAX);
        Ok(())
    }

    fn end(&mut self, name: &str, viewers: usize, tally: &Tally) -> anyhow::Result<Row> {
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
    fn count(&mut self, delays: Delays) {
        let Delays { by_track: [mut video, mut audio], missing } = delays;
        self.late = video.iter().filter(|took| **took > report::LATE.as_micros() as u32).count() as u64;
        self.parts = video.len() as u64;
        self.missing = missing;
        (self.video, self.audio) = (Spread::of(&mut video), Spread::of(&mut audio));
    }

    fn finish(&mut self, crowd: &mut Crowd) {
        crowd.finish();
        self.start = Spread::of(&mut crowd.tally.first_keys);
        self.faults = std::mem::take(&mut crowd.tally.faults).into_iter().collect();
    }
}
