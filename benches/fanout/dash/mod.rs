//! Low-Latency DASH: viewers who read each segment while it is being made.

mod arrivals;
mod manifest;
mod viewer;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::crowd::Crowd;
use crate::options::Options;
use crate::parts::{Meter, Row};
use crate::publish::Publisher;
use crate::target::{Play, Publish};
use crate::{GOPS_IN, STARTED_WITHIN};

use arrivals::Arrivals;
use manifest::Template;
use viewer::{Lore, Viewer};

/// How long the first manifest may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes to a server and lets viewers watch it.
pub fn measure(options: &Options, count: usize, play: &Play, publish: &Publish, pid: Option<u32>) -> anyhow::Result<Row> {
    eprintln!("{count} viewers by ll-dash");
    let mut publisher = Publisher::start(publish, options.bitrate)?;
    thread::sleep(GOPS_IN);
    let mut meter = Meter::new(pid, options.bitrate / 8)?;
    let templates = first_manifest(play).with_context(|| format!("the manifest {}", play.path))?;
    let lore = Lore { host: play.host.clone(), manifest: play.path.clone(), templates, arrivals: Arrivals::default() };
    let mut crowd = Crowd::new(lore)?;
    crowd.join(count, options.joins_per_second, |index, lore| Viewer::join(play.address, index == 0, lore))?;
    crowd.run_until_started(Instant::now() + STARTED_WITHIN)?;
    crowd.run_until(Instant::now() + Duration::from_secs(options.warmup))?;

    meter.begin()?;
    crowd.lore.arrivals = Arrivals::default();
    crowd.begin();
    crowd.run_until(Instant::now() + Duration::from_secs(options.seconds))?;
    let mut row = meter.end("ll-dash", count, &crowd.tally)?;

    row.count(crowd.lore.arrivals.delays(&publisher.sent, meter.interval, count));
    row.publisher_late = publisher.finish()?;
    row.finish(&mut crowd);
    Ok(row)
}

/// The manifest by which the first viewers join.
fn first_manifest(play: &Play) -> anyhow::Result<Vec<Template>> {
    let mut socket = TcpStream::connect_timeout(&play.address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(socket, "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", play.path, play.host)?;
    let mut text = String::new();
    socket.read_to_string(&mut text)?;
    Ok(manifest::templates(&text)?)
}
