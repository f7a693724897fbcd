//! What taking in costs: many publishers at once against the gateway on one core, beside a bare loop that reads the same bytes from as many
//! sockets. Asserts nothing; `benches/README.md` tells how to read the table.

#[allow(dead_code, reason = "shared with the fan-out harness")]
#[path = "../fanout/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with the fan-out harness")]
#[path = "../fanout/source.rs"]
mod source;
#[allow(dead_code, reason = "shared with the fan-out harness")]
#[path = "../fanout/stamp.rs"]
mod stamp;

mod floor;
mod load;

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;

use load::{Crowd, Peer};
use process::{Owned, Usage};

/// How long a server may take to listen.
const UP_WITHIN: Duration = Duration::from_secs(10);
/// Descriptors that each side needs beside its sockets.
const SPARE: usize = 200;

/// Measures what taking in costs: CPU time of a stream's second and memory of a publisher, beside a bare socket reader. Asserts nothing.
#[derive(Parser, Debug)]
#[command(name = "publishers")]
struct Options {
    /// How many publishers, one row after another
    #[arg(long, default_value = "200", value_delimiter = ',', value_name = "N,...")]
    publishers: Vec<usize>,
    /// Each stream's bits per second, sound included
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(64_000..=100_000_000))]
    bitrate: u64,
    /// Length of the measured interval
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Between the last publisher's start and the measured interval; long enough for whole GOPs and segments
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600), value_name = "SECONDS")]
    warmup: u64,
    /// The core of the server and of the floor [default: the last]
    #[arg(long, value_name = "CORE")]
    server_core: Option<usize>,
    /// The cores of the publishers, as taskset writes them [default: the first]
    #[arg(long, default_value = "0", value_name = "CORES")]
    load_cores: String,
    /// The gateway to start [default: the one built with this harness]
    #[arg(long, env = "FANOUT_GATEWAY", value_name = "PATH")]
    gateway: Option<PathBuf>,
    /// Be the floor: read until ended
    #[arg(long, hide = true)]
    floor: bool,
    /// Cargo says this to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// One measured interval.
struct Row {
    what: &'static str,
    cpu_seconds: f64,
    interval: f64,
    /// Growth of the server's resident memory since before the first publisher.
    grown: u64,
    sent: load::Sent,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.floor {
        return floor::serve().context("the floor");
    }
    let files = process::raise_file_limit()?;
    let last = thread::available_parallelism()?.get() - 1;
    let core = options.server_core.unwrap_or(last).to_string();
    process::pin_self(&options.load_cores)?;
    println!("{} b/s each; server on core {core}, publishers on {}; {} s", options.bitrate, options.load_cores, options.seconds);
    println!(
        "{:>10} {:>8} {:>7} {:>12} {:>10} {:>12} {:>11} {:>12}",
        "publishers", "server", "core", "ms/stream s", "us/message", "CPU s/GiB", "over floor", "KiB each"
    );
    for &publishers in &options.publishers {
        if publishers + SPARE > files {
            println!("{publishers:>10} left out: {files} open files are allowed");
            continue;
        }
        let rows = [floor_row(&options, &core, publishers)?, gateway_row(&options, &core, publishers)?];
        for row in &rows {
            row.print(publishers, &rows[0]);
        }
    }
    Ok(())
}

impl Row {
    fn print(&self, publishers: usize, floor: &Row) {
        let streams = publishers as f64 * self.interval;
        let each = |row: &Row| row.cpu_seconds / row.sent.bytes as f64;
        println!(
            "{publishers:>10} {:>8} {:>6.1}% {:>12.3} {:>10.2} {:>12.2} {:>11.2} {:>12.1}",
            self.what,
            self.cpu_seconds / self.interval * 100.0,
            self.cpu_seconds / streams * 1e3,
            self.cpu_seconds / self.sent.messages as f64 * 1e6,
            each(self) * f64::from(1 << 30),
            each(self) / each(floor),
            self.grown as f64 / 1024.0 / publishers as f64,
        );
        if self.sent.late > Duration::from_millis(100) || self.sent.blocked > 0 {
            println!(
                "{:>10} the load side was up to {:?} late, and {} writes were not taken at once",
                "", self.sent.late, self.sent.blocked
            );
        }
    }
}

fn floor_row(options: &Options, core: &str, publishers: usize) -> anyhow::Result<Row> {
    let mut process = Owned::start(core, &std::env::current_exe()?, &["--floor".into()], Stdio::piped(), Stdio::inherit())?;
    let mut port = String::new();
    BufReader::new(process.child().stdout.take().context("no output of the floor")?).read_line(&mut port)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port.trim().parse()?));
    let row = measure("floor", options, process.pid(), publishers, |_| Peer::raw(address))?;
    process.finish().map(|()| row)
}

fn gateway_row(options: &Options, core: &str, publishers: usize) -> anyhow::Result<Row> {
    let program = options.gateway.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_sluicegate")));
    let [rtmp, http] = free_ports()?;
    // The limits are for strangers: here everybody comes from one address.
    let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join("publishers.toml");
    let most = publishers + 10;
    let limits = format!(
        "[rtmp]\nmax_connections = {most}\nmax_pending_per_address = 0\n[streams]\nmax_streams = {most}\n[log]\nfilter = \"warn\"\n"
    );
    std::fs::write(&config, limits)?;
    let arguments = [
        "serve",
        "--config",
        &config.display().to_string(),
        "--rtmp",
        &format!("127.0.0.1:{rtmp}"),
        "--http",
        &format!("127.0.0.1:{http}"),
    ];
    let process = Owned::start(core, &program, &arguments.map(str::to_owned), Stdio::null(), Stdio::inherit())?;
    let deadline = Instant::now() + UP_WITHIN;
    while TcpStream::connect(("127.0.0.1", rtmp)).is_err() {
        if Instant::now() > deadline {
            bail!("{} did not listen within {UP_WITHIN:?}", program.display());
        }
        thread::sleep(Duration::from_millis(20));
    }
    let row = measure("gateway", options, process.pid(), publishers, |number| {
        Peer::publish(([127, 0, 0, 1], rtmp).into(), &format!("stream-{number}"))
    })?;
    process.finish().map(|()| row)
}

fn measure(
    what: &'static str,
    options: &Options,
    pid: u32,
    publishers: usize,
    open: impl Fn(usize) -> anyhow::Result<Peer>,
) -> anyhow::Result<Row> {
    let before = Usage::of(pid)?;
    let mut crowd = Crowd::new(options.bitrate);
    for number in 0..publishers {
        crowd.add(open(number)?);
    }
    crowd.run(Duration::from_secs(options.warmup))?;
    let (from, began) = (Usage::of(pid)?, Instant::now());
    let sent = crowd.run(Duration::from_secs(options.seconds))?;
    let to = Usage::of(pid)?;
    Ok(Row {
        what,
        cpu_seconds: to.cpu_seconds - from.cpu_seconds,
        interval: began.elapsed().as_secs_f64(),
        grown: to.resident.saturating_sub(before.resident),
        sent,
    })
}

/// Ports that nobody listens on now.
fn free_ports() -> anyhow::Result<[u16; 2]> {
    let listeners = [TcpListener::bind(("127.0.0.1", 0))?, TcpListener::bind(("127.0.0.1", 0))?];
    let port = |listener: &TcpListener| Ok::<_, std::io::Error>(listener.local_addr()?.port());
    Ok([port(&listeners[0])?, port(&listeners[1])?])
}
