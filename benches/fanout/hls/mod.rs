//! Low-Latency HLS: viewers who reload and fetch, and nginx beside them, which serves them the same bytes at the same times.

mod connection;
mod library;
mod nginx;
mod player;
mod playlist;

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::crowd::Crowd;
use crate::load::PARSED_ONE_IN;
use crate::options::Options;
use crate::parts::{Meter, Row};
use crate::publish::Publisher;
use crate::stamp::now;
use crate::target::{Play, Publish};
use crate::{GOPS_IN, STARTED_WITHIN};

use library::{Library, Step};
use nginx::Nginx;
use player::{Habit, Player};

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
    let mut crowd = Crowd::new(Library::new(&play.host, options.whole_playlists))?;
    let path: Rc<str> = play.path.as_str().into();
    let joining = |index: usize, library: &Library| Player::join(play.address, &path, library, habit, index.is_multiple_of(PARSED_ONE_IN));
    crowd.join(count, options.joins_per_second, joining)?;
    crowd.run_until_started(Instant::now() + STARTED_WITHIN)?;
    crowd.run_until(Instant::now() + Duration::from_secs(options.warmup))?;

    meter.begin()?;
    crowd.lore.begin();
    crowd.begin();
    crowd.run_until(Instant::now() + Duration::from_secs(options.seconds))?;
    let steps = crowd.lore.end();
    let mut row = meter.end("ll-hls", count, &crowd.tally)?;

    let completed = crowd.lore.completed(&publisher.sent);
    row.publisher_late = publisher.finish()?;
    row.count(crowd.lore.delays(&completed.context("what viewers got")?, meter.interval, count));
    row.finish(&mut crowd);
    Ok((row, Recording { library: crowd.lore, steps }))
}

/// Lets nginx serve what was recorded to as many viewers, each step at its time. `None` where there is no nginx.
pub fn floor(options: &Options, core: &str, count: usize, recording: Recording) -> anyhow::Result<Option<Row>> {
    if !nginx::is_installed() {
        eprintln!("nginx is not installed, so there is nothing to compare with: apt-get install nginx-light");
        return Ok(None);
    }
    eprintln!("{count} viewers of the same bytes by nginx");
    let Recording { mut library, steps } = recording;
    let nginx = Nginx::start(core, &library, &steps)?;
    let mut meter = Meter::new(Some(nginx.pid()), 0)?;
    library.forget_arrivals();
    let mut crowd = Crowd::new(library)?;
    let joining = |index: usize, library: &Library| {
        Player::join(nginx.address, &"".into(), library, Habit::Told, index.is_multiple_of(PARSED_ONE_IN))
    };
    crowd.join(count, options.joins_per_second, joining)?;

    meter.begin()?;
    crowd.begin();
    let began = now();
    let replayed = Instant::now();
    for step in &steps {
        crowd.run_until(replayed + Duration::from_nanos(step.at))?;
        crowd.tell(|player, library| player.tell(step.track, &step.files, library));
    }
    crowd.run_until(Instant::now() + LAST_STEP)?;
    let mut row = meter.end("nginx, plain files", count, &crowd.tally)?;

    let parts = steps.iter().flat_map(|step| step.files.iter().skip(1).map(|part| (*part, began + step.at)));
    let completed = parts.collect();
    row.count(crowd.lore.delays(&completed, meter.interval, count));
    row.finish(&mut crowd);
    Ok(Some(row))
}
