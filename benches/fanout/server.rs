//! The servers that the harness starts itself: the gateway, and the floor.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::options::Options;
use crate::process::Owned;
use crate::target::{PROTOCOLS, Play, Protocol, Publish};
use crate::tls::Identity;

/// How long the gateway may take to listen.
const UP_WITHIN: Duration = Duration::from_secs(10);
const LOG_LINES: usize = 20;

/// A gateway of ours, alone on its core.
#[derive(Debug)]
pub struct Server {
    process: Owned,
    log: PathBuf,
    rtmp: u16,
    /// Where viewers connect by HTTP, or HTTPS.
    http: u16,
    identity: Option<Identity>,
}

/// The floor, alone on the same core.
#[derive(Debug)]
pub struct Floor {
    process: Owned,
    /// Where to watch it.
    pub play: Play,
}

impl Server {
    /// Starts the gateway on free ports; returns when it listens.
    pub fn start(options: &Options, identity: Option<&Identity>, core: &str) -> anyhow::Result<Self> {
        let program = options.gateway.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_sluicegate")));
        let [rtmp, http] = [free_port()?, free_port()?];
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fanout-gateway.log");
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        let mut arguments = Vec::new();
        let mut viewers = http;
        if let Some(identity) = identity {
            viewers = free_port()?;
            arguments.push(format!("SLUICEGATE_HTTP_TLS_LISTEN=127.0.0.1:{viewers}"));
            arguments.push(format!("SLUICEGATE_TLS_CERTIFICATE={}", identity.file.display()));
        }
        arguments.extend([program.display().to_string(), "serve".into()]);
        arguments.extend(["--rtmp".into(), format!("127.0.0.1:{rtmp}"), "--http".into(), format!("127.0.0.1:{http}")]);
        arguments.extend(options.gateway_args.iter().cloned());
        // Which becomes the gateway.
        let process = Owned::start(core, Path::new("env"), &arguments, output.try_clone()?.into(), output.into())?;
        let mut server = Self { process, log, rtmp, http: viewers, identity: identity.cloned() };
        server.wait([rtmp, viewers]).with_context(|| format!("{}: {}", program.display(), server.log_tail()))?;
        Ok(server)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where to publish the stream of that number.
    pub fn publish(&self, stream: u32) -> anyhow::Result<Publish> {
        Publish::parse(&format!("rtmp://127.0.0.1:{}/live/fanout-{stream}", self.rtmp))
    }

    /// Where to watch it.
    pub fn play(&self, protocol: Protocol, stream: u32) -> anyhow::Result<Play> {
        let &(_, scheme, ending) = PROTOCOLS.iter().find(|(known, ..)| *known == protocol).context("not one protocol")?;
        let port = if protocol == Protocol::Rtmp { self.rtmp } else { self.http };
        let play = Play::parse(&format!("{scheme}://127.0.0.1:{port}/live/fanout-{stream}{ending}"))?;
        Ok(Play { tls: self.identity.as_ref().map(|identity| identity.viewers(protocol == Protocol::H2Flv)), ..play })
    }

    /// Its last lines, for the one who asks why.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("the gateway's last lines:\n{}", lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
    }

    /// Asks it to leave.
    pub fn finish(self) -> anyhow::Result<()> {
        self.process.finish()
    }

    fn wait(&mut self, ports: [u16; 2]) -> anyhow::Result<()> {
        let deadline = Instant::now() + UP_WITHIN;
        while !ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
            if let Some(status) = self.process.child().try_wait()? {
                bail!("it ended at once: {status}");
            }
            if Instant::now() > deadline {
                bail!("it did not listen within {UP_WITHIN:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Floor {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// Starts this very program as the floor.
pub fn floor(options: &Options, identity: Option<&Identity>, core: &str, batch: Duration) -> anyhow::Result<Floor> {
    let numbers = [
        ("--batch-micros", batch.as_micros() as u64),
        ("--bitrate", options.bitrate),
        ("--floor-seconds", options.floor_seconds),
        ("--warmup", options.warmup),
    ];
    let mut arguments = vec!["--floor".to_owned()];
    arguments.extend(numbers.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]));
    if let Some(identity) = identity {
        arguments.extend(["--floor-identity".into(), identity.file.display().to_string()]);
    }
    let mut process = Owned::start(core, &std::env::current_exe()?, &arguments, Stdio::piped(), Stdio::inherit())?;
    let mut port = String::new();
    BufReader::new(process.child().stdout.take().context("no output of the floor")?).read_line(&mut port)?;
    let play = Play::parse(&format!("http://127.0.0.1:{}/floor.flv", port.trim()))?;
    Ok(Floor { process, play: Play { tls: identity.map(|identity| identity.viewers(false)), ..play } })
}

/// A port that nobody listens on now.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
