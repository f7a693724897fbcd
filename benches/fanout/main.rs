//! What fan-out costs: a server on one core, N viewers on another, and the floor beside them. `benches/README.md` tells the method.

#![forbid(unsafe_code)]

mod check;
mod chunks;
mod crowd;
mod dash;
mod delays;
mod floor;
mod flv;
mod fmp4;
mod gather;
mod hls;
mod http2;
mod load;
mod options;
mod parts;
mod process;
mod publish;
mod report;
mod rest;
mod rtmp;
mod server;
mod source;
mod stamp;
mod tally;
mod target;
mod tls;
mod viewer;
mod wire;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;

use check::TRACKS;
use load::Load;
use options::Options;
use process::Usage;
use publish::Publisher;
use report::Row;
use server::Server;
use stamp::now;
use tally::Spread;
use target::{Play, Protocol, Publish};
use tls::Identity;

/// How long viewers may take to get their first keyframe.
const STARTED_WITHIN: Duration = Duration::from_secs(15);
/// The server's memory is read for the first time once it holds whole GOPs.
const GOPS_IN: Duration = Duration::from_secs(5);
/// Files a process keeps open beside its viewers.
const SPARE_FILES: usize = 64;
/// The gateway's part, by default.
const PART: Duration = Duration::from_millis(334);
/// Floors whose batches differ by less than this share stand for each other.
const SAME_BATCH: f64 = 0.15;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.floor {
        let batch = Duration::from_micros(options.batch_micros);
        let tls = options.floor_identity.as_deref().map(tls::server).transpose()?;
        return Ok(floor::serve(options.bitrate, batch, options.floor_lifetime(), tls)?);
    }
    let cores = thread::available_parallelism()?.get();
    let server_core = options.server_core.clone().unwrap_or_else(|| (cores - 1).to_string());
    let load_cores = options.load_cores.clone().unwrap_or_else(|| "0".to_owned());
    process::pin_self(&load_cores)?;
    let files = process::raise_file_limit()?;
    let fitting = |wanted: &usize| {
        let fits = wanted * options.connections() + SPARE_FILES <= files;
        if !fits {
            eprintln!("{wanted} viewers need more than the {files} open files this process may have (ulimit -Hn); left out");
        }
        fits
    };
    let viewers: Vec<usize> = options.viewers.iter().copied().filter(fitting).collect();
    println!(
        "{} b/s, 30 pictures a second, keyframe every 2 s; {} s measured; server on core {server_core}, publisher and viewers on {load_cores}, of {cores}",
        options.bitrate, options.seconds
    );
    if cores < 2 {
        println!("one core for both sides: the figures mean little");
    }
    let (warm, rested) = rest::micros_a_page();
    println!("copying a page takes {warm:.2} us, and {rested:.2} where it has rested for 0.3 s");
    let identity = options.tls.then(Identity::make).transpose()?;
    let mut bench = Bench { options, identity, server_core, rows: Vec::new(), floors: Vec::new(), parts: Vec::new() };
    let result = viewers.into_iter().try_for_each(|count| bench.run(count));
    // What was measured before something failed is worth seeing.
    println!();
    report::print(&bench.rows, &bench.floors);
    parts::print(&bench.parts);
    result
}

struct Bench {
    options: Options,
    /// With which viewers are served over TLS.
    identity: Option<Identity>,
    server_core: String,
    /// Each with the floor it is compared with.
    rows: Vec<(Row, Option<usize>)>,
    floors: Vec<Row>,
    /// Those by parts, each with its own floor: nginx, or the bare loop.
    parts: Vec<(parts::Row, Option<parts::Row>)>,
}

impl Bench {
    fn run(&mut self, count: usize) -> anyhow::Result<()> {
        let urls = self.options.play.clone();
        let plays = urls.iter().map(|url| Play::parse(url)).collect::<anyhow::Result<Vec<_>>>()?;
        let protocols = if urls.is_empty() { self.options.protocols() } else { plays.iter().map(|play| play.protocol).collect() };
        if !self.options.no_floor && self.options.beside.is_none() && protocols.iter().any(|protocol| !protocol.is_by_parts()) {
            for batch in self.options.batches.clone() {
                self.floor(count, Duration::from_millis(batch))?;
            }
        }
        if plays.is_empty() {
            for protocol in protocols {
                let server = Server::start(&self.options, self.identity.as_ref(), &self.server_core)?;
                let streams = 0..self.options.streams;
                let publishes = streams.clone().map(|stream| server.publish(stream)).collect::<anyhow::Result<Vec<_>>>()?;
                let plays = streams.map(|stream| server.play(protocol, stream)).collect::<anyhow::Result<Vec<_>>>()?;
                self.watch(count, &plays, &publishes, Some(server.pid())).with_context(|| server.log_tail())?;
                server.finish()?;
            }
        }
        let publish = self.options.publish.as_deref().map(Publish::parse).transpose()?;
        plays.chunks(1).try_for_each(|play| self.watch(count, play, publish.as_slice(), self.options.pid))
    }

    /// Measures a server, and what it is compared with.
    fn watch(&mut self, count: usize, plays: &[Play], publishes: &[Publish], pid: Option<u32>) -> anyhow::Result<()> {
        let play = plays.first().context("there is nothing to watch")?;
        if !play.protocol.is_by_parts() {
            return match self.options.beside {
                Some(batch) => self.side_by_side(count, plays, publishes, pid, Duration::from_millis(batch)),
                None => self.row(count, plays, publishes, pid).and_then(|row| self.compare(row)),
            };
        }
        anyhow::ensure!(plays.len() == 1, "--streams is not for viewers by parts");
        let publish = publishes.first().context("viewers by parts need --publish: only the publisher knows when a part was complete")?;
        let (row, floor) = if play.protocol == Protocol::LlHls {
            let (row, recording) = hls::measure(&self.options, count, play, publish, pid)?;
            let floor = (!self.options.no_floor).then(|| hls::floor(&self.options, &self.server_core, count, recording));
            (row, floor.transpose().map(Option::flatten))
        } else {
            let row = dash::measure(&self.options, count, play, publish, pid)?;
            let floor = (!self.options.no_floor).then(|| self.floor_of_chunks(count));
            (row, floor.transpose())
        };
        let (floor, failed) = floor.map_or_else(|error| (None, Err(error)), |floor| (floor, Ok(())));
        self.parts.push((row, floor));
        failed
    }

    /// The bare loop at as many writes a second as there are chunks of both tracks.
    fn floor_of_chunks(&self, count: usize) -> anyhow::Result<parts::Row> {
        let row = self.measure_floor(count, PART / TRACKS.len() as u32, self.options.floor_seconds)?;
        Ok(parts::Row {
            viewers: count,
            name: row.name,
            seconds: row.seconds,
            bytes: row.bytes,
            answers: row.bursts,
            cpu: row.cpu,
            load_cpu: row.load_cpu,
            faults: row.faults,
            ..parts::Row::default()
        })
    }

    /// Publishes, and lets viewers watch a server.
    fn row(&self, count: usize, plays: &[Play], publishes: &[Publish], pid: Option<u32>) -> anyhow::Result<Row> {
        let name = plays.first().map_or_else(String::new, Play::name)
            + &if plays.len() > 1 { format!(", {} streams", plays.len()) } else { String::new() };
        eprintln!("{count} viewers by {name}");
        let start = |publish| Publisher::start(publish, self.options.bitrate);
        let publishers = publishes.iter().map(start).collect::<anyhow::Result<Vec<_>>>()?;
        thread::sleep(GOPS_IN);
        let seconds = Duration::from_secs(self.options.seconds);
        let mut row = self.measure(name, (count, self.options.stuck_one_in), plays, pid, seconds)?;
        let late = publishers.into_iter().map(|mut publisher| publisher.finish()).collect::<anyhow::Result<Vec<_>>>()?;
        row.publisher_late = late.into_iter().flatten().max_by(|one, other| one.p99.total_cmp(&other.p99));
        Ok(row)
    }

    /// Measures the floor at the batches that a row showed, and keeps both.
    fn compare(&mut self, row: Row) -> anyhow::Result<()> {
        let floor = if self.options.no_floor { None } else { Some(self.matching(&row)?) };
        self.rows.push((row, floor));
        Ok(())
    }

    fn matching(&mut self, row: &Row) -> anyhow::Result<usize> {
        let same = |floor: &Row| floor.viewers == row.viewers && (floor.batch_ms() / row.batch_ms() - 1.0).abs() < SAME_BATCH;
        if let Some(at) = self.floors.iter().position(same) {
            return Ok(at);
        }
        // The batches of the unmerged floor are as small as there are: a packet each.
        let unmerged = self.floors.iter().position(|floor| floor.viewers == row.viewers && floor.batch_ms() >= row.batch_ms());
        match unmerged {
            Some(at) if self.floors[at].name == floor_name(Duration::ZERO) => Ok(at),
            _ => self.floor(row.viewers, Duration::from_secs_f64(row.batch_ms() / 1000.0)),
        }
    }

    fn floor(&mut self, count: usize, batch: Duration) -> anyhow::Result<usize> {
        let row = self.measure_floor(count, batch, self.options.floor_seconds)?;
        self.floors.push(row);
        Ok(self.floors.len() - 1)
    }

    /// Measures a server while the bare loop serves as many viewers beside it: whatever the hour costs, both pay.
    fn side_by_side(
        &mut self,
        count: usize,
        plays: &[Play],
        publishes: &[Publish],
        pid: Option<u32>,
        batch: Duration,
    ) -> anyhow::Result<()> {
        let (row, floor) = thread::scope(|scope| {
            let floor = scope.spawn(|| {
                // As long as the server gathers its first GOPs.
                thread::sleep(GOPS_IN);
                self.measure_floor(count, batch, self.options.seconds)
            });
            let row = self.row(count, plays, publishes, pid);
            (row, floor.join())
        });
        let floor = floor.map_err(|_| anyhow::anyhow!("the floor's viewers broke down"))?;
        self.floors.push(floor?);
        self.rows.push((row?, Some(self.floors.len() - 1)));
        Ok(())
    }

    fn measure_floor(&self, count: usize, batch: Duration, seconds: u64) -> anyhow::Result<Row> {
        let name = floor_name(batch);
        eprintln!("{count} viewers of the {name}");
        let floor = server::floor(&self.options, self.identity.as_ref(), &self.server_core, batch)?;
        let seconds = Duration::from_secs(seconds);
        let mut row = self.measure(name, (count, None), std::slice::from_ref(&floor.play), Some(floor.pid()), seconds)?;
        row.memory = None;
        Ok(row)
    }

    fn measure(
        &self,
        name: String,
        (count, stuck_one_in): (usize, Option<u32>),
        plays: &[Play],
        pid: Option<u32>,
        interval: Duration,
    ) -> anyhow::Result<Row> {
        let usage = || pid.map(Usage::of).transpose();
        let alone = usage()?;
        let mut load = Load::new()?;
        load.join(plays, count, self.options.joins_per_second, stuck_one_in)?;
        load.run_until_started(Instant::now() + STARTED_WITHIN)?;
        load.run_until(Instant::now() + Duration::from_secs(self.options.warmup))?;

        load.begin();
        let (began, before, own_before) = (now(), usage()?, Usage::of(std::process::id())?);
        load.run_until(Instant::now() + interval)?;
        let (bytes, bursts) = (load.tally.bytes, load.tally.bursts);
        let (seconds, after, own_after) = ((now() - began) as f64 / 1e9, usage()?, Usage::of(std::process::id())?);

        let mut tally = load.finish();
        Ok(Row {
            viewers: count,
            name,
            seconds,
            bytes,
            bursts,
            cpu: before.zip(after).map(|(before, after)| after.cpu_seconds - before.cpu_seconds),
            load_cpu: own_after.cpu_seconds - own_before.cpu_seconds,
            memory: alone.zip(after).map(|(alone, after)| (after.resident as i64 - alone.resident as i64, after.resident)),
            delay: Spread::of(&mut tally.delays),
            sound_delay: Spread::of(&mut tally.sound_delays),
            first_key: Spread::of(&mut tally.first_keys),
            publisher_late: None,
            skips: tally.skips,
            missing: tally.missing,
            faults: tally.faults.into_iter().collect(),
        })
    }
}

fn floor_name(batch: Duration) -> String {
    match batch.as_micros() {
        0 => "floor, unmerged".to_owned(),
        micros => format!("floor, every {:.0} ms", micros as f64 / 1000.0),
    }
}
