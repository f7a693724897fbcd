//! The gateway under test: in this process, or as the program that is shipped.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluicegate::bus::{Stream, StreamName};
use sluicegate::config::Config;
use sluicegate::gateway::Gateway;
use sluicegate::transcode::supervisor::Make;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::PATIENCE;
use crate::ingest_support;

/// The defaults, on loopback and at free ports; no ladders, wherever there is a worker.
pub fn config() -> Config {
    let mut config = Config::default();
    config.ladder.make = Make::Off;
    config.rtmp.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config
}

/// A gateway in this process.
pub struct House {
    pub gateway: Gateway,
    pub http: SocketAddr,
}

impl House {
    pub async fn start(config: Config) -> Self {
        let gateway = Gateway::start(config).await.unwrap();
        let http = gateway.http;
        Self { gateway, http }
    }

    pub fn publish(&self, clip: &Path, name: &str, seconds: &str) -> Child {
        publish(self.gateway.rtmp, clip, name, seconds)
    }

    /// The stream of that name, as soon as it is published.
    pub async fn stream(&self, name: &str) -> Arc<Stream> {
        let name = StreamName::parse(name).unwrap();
        let announcements = self.gateway.registry.announcements();
        let found = async {
            loop {
                if let Some(stream) = self.gateway.registry.find(&name) {
                    return stream;
                }
                announcements.changed().await;
            }
        };
        timeout(PATIENCE, found).await.expect("the stream is published")
    }

    pub async fn stop(self) {
        timeout(PATIENCE, self.gateway.stop()).await.expect("the gateway stops");
    }
}

/// FFmpeg publishes the first `seconds` of a clip in real time, and says goodbye.
pub fn publish(rtmp: SocketAddr, clip: &Path, name: &str, seconds: &str) -> Child {
    ingest_support::publish(clip, &format!("rtmp://{rtmp}/{name}"), true, &["-t", seconds])
}

/// Waits until a stream carries samples that are `millis` old.
pub async fn until_media(stream: &Arc<Stream>, millis: i64) {
    ingest_support::read_until(stream, |seen| seen.samples.last().is_some_and(|sample| sample.dts.millis() >= millis)).await;
}

/// The program in a process of its own.
pub struct Program {
    pub child: Child,
    pub rtmp: SocketAddr,
    pub rtmps: Option<SocketAddr>,
    pub http: SocketAddr,
    log: tokio::task::JoinHandle<String>,
}

impl Program {
    /// Starts `serve` with these arguments behind addresses at free ports, and waits until it says where it listens.
    pub async fn serve(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::serve_at("127.0.0.1:0", "127.0.0.1:0", arguments, environment).await
    }

    pub async fn serve_at(rtmp: &str, http: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        command.env("SLUICEGATE_LADDER_MAKE", "off").envs(environment.iter().copied());
        command.args(["serve", "--rtmp", rtmp, "--http", http]).args(arguments);
        Self::started(command).await
    }

    /// Starts it as it is set up, at the addresses that it tells.
    pub async fn started(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        // Read all the time: a full pipe would stop the program.
        let log = tokio::spawn(async move {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text).await;
            text
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut rtmp, mut rtmps, mut http) = (None, None, None);
        let told = async {
            while rtmp.is_none() || http.is_none() {
                let line = lines.next_line().await.unwrap().expect("the program says where it listens");
                rtmp = rtmp.or_else(|| address(&line, "publish   rtmp://"));
                rtmps = rtmps.or_else(|| address(&line, "encrypted rtmps://"));
                http = http.or_else(|| address(&line, "watch     http://"));
            }
        };
        timeout(PATIENCE, told).await.expect("the program starts");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, rtmp: rtmp.unwrap(), rtmps, http: http.unwrap(), log }
    }

    /// Sends a signal, such as `TERM`, to this one process.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ended, after how long, and what it logged.
    pub async fn left(mut self) -> (ExitStatus, Duration, String) {
        let began = Instant::now();
        let status = timeout(PATIENCE, self.child.wait()).await.expect("the program leaves").unwrap();
        (status, began.elapsed(), self.log.await.unwrap())
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().expect("it runs"))).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }
}

fn address(line: &str, before: &str) -> Option<SocketAddr> {
    line.trim().strip_prefix(before)?.split('/').next()?.parse().ok()
}

/// Runs the program to its end.
pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    let output = command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}
