//! A gateway's way in without its exits, FFmpeg as publisher, and a reader on the bus.

#![allow(dead_code, reason = "each test binary uses its part of it")]

pub mod peer;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluicegate::auth::{Apps, Authority};
use sluicegate::bus::registry::Options as RegistryOptions;
use sluicegate::bus::{Budget, End, From, Gate, Read, Registry, Stream, StreamName, Why};
use sluicegate::media::{Program, Sample, TrackId};
use sluicegate::net::workers::Seats;
use sluicegate::outlet::Outlets;
use sluicegate::rtmp::server::{self, Doors, Options, Players, Shared};
use sluicegate::{feed, segment};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub struct Gateway {
    pub registry: Arc<Registry>,
    pub port: u16,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<()>,
    sweeper: tokio::task::JoinHandle<()>,
}

impl Gateway {
    pub async fn start(options: Options) -> Self {
        Self::with_grace(options, 10).await
    }

    pub async fn with_grace(options: Options, grace_s: u64) -> Self {
        let registry = Registry::new(RegistryOptions { grace_s, ..RegistryOptions::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shutdown = CancellationToken::new();
        let authority = Authority::new(Apps::default());
        let players = Players {
            outlets: Outlets::new(feed::Options::default(), segment::options::Options::default(), None, Handle::current()),
            policy: Arc::default(),
            hubs: Arc::default(),
            seats: Seats::default(),
        };
        let shared = Shared { registry: Arc::clone(&registry), authority, options: Arc::new(options), players };
        let server = tokio::spawn(server::serve(Doors::plain(listener), shared, shutdown.clone()));
        let swept = Arc::clone(&registry);
        let sweeper = tokio::spawn(async move {
            let announcements = swept.announcements();
            loop {
                match swept.sweep(Instant::now()) {
                    Some(next) => drop(tokio::time::timeout_at(next.into(), announcements.changed()).await),
                    None => announcements.changed().await,
                }
            }
        });
        Self { registry, port, shutdown, server, sweeper }
    }

    pub fn url(&self, path: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{path}", self.port)
    }

    /// The stream of that name, as soon as it is published.
    pub async fn stream(&self, name: &str) -> Arc<Stream> {
        let name = StreamName::parse(name).expect("a legal name");
        let announcements = self.registry.announcements();
        let found = async {
            loop {
                if let Some(stream) = self.registry.find(&name) {
                    return stream;
                }
                announcements.changed().await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the stream is published")
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.server).await.expect("the server stops").expect("and does not panic");
        self.sweeper.abort();
    }
}

/// All that a reader saw of a stream.
#[derive(Debug, Default)]
pub struct Seen {
    pub heads: Vec<(Why, Arc<Program>, usize)>,
    pub samples: Vec<Sample>,
    pub end: Option<End>,
}

impl Seen {
    pub fn of(&self, track: TrackId) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.track == track).collect()
    }

    pub fn assert_strictly_increasing(&self) {
        for track in [TrackId::VIDEO, TrackId::AUDIO, TrackId::DATA] {
            for pair in self.of(track).windows(2) {
                assert!(pair[0].dts < pair[1].dts, "{track}: {:?} then {:?}", pair[0].dts, pair[1].dts);
            }
        }
        assert!(self.samples.iter().all(|sample| sample.dts.ticks() >= 0), "time is never negative");
    }
}

/// Reads until the stream ends, or until `enough`.
pub async fn read_until(stream: &Arc<Stream>, enough: impl Fn(&Seen) -> bool) -> Seen {
    let gate = Arc::new(Gate::new());
    let mut subscriber = stream.source().samples.subscribe(From::NewestSync, &gate);
    let mut seen = Seen::default();
    let reading = async {
        while !enough(&seen) {
            match subscriber.next(Budget::default(), &mut seen.samples).await {
                Read::Head { head, why } => seen.heads.push((why, head, seen.samples.len())),
                Read::End(end) => {
                    seen.end = Some(end);
                    break;
                }
                Read::Batch | Read::Empty => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the stream goes on or ends");
    seen
}

/// What is published: made once for each test binary.
pub fn media(dir: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]).args(arguments).arg(&path);
    let status = command.status().expect("ffmpeg is installed");
    assert!(status.success(), "ffmpeg made {name}");
    path
}

pub const PICTURES: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=4"];
pub const SOUND: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=4"];
pub const H264: [&str; 10] = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p", "-threads", "1"];

/// Publishes a file as it is. With `at_pace`, in real time.
pub fn publish(file: &Path, url: &str, at_pace: bool, more: &[&str]) -> Child {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin"]);
    if at_pace {
        command.arg("-re");
    }
    command.arg("-i").arg(file).args(["-c", "copy"]).args(more).args(["-f", "flv", url]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("ffmpeg is installed")
}

/// Publishes a file in real time, again and again, by a current FFmpeg: the system's sends no new codecs.
pub fn publish_enhanced(file: &Path, url: &str) -> Child {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/ffmpeg9");
    let mut command = Command::new(if ours.exists() { ours } else { "ffmpeg9".into() });
    command.args(["-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i"]).arg(file).args(["-c", "copy", "-f", "flv", url]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("scripts/test.sh installs ffmpeg9")
}

/// A packet of a file: stream's kind, decoding and presentation time in milliseconds, whether decoding can start there.
#[derive(Debug, Clone)]
pub struct Packet {
    pub is_video: bool,
    pub dts: i64,
    pub pts: i64,
    pub is_key: bool,
}

/// What FFmpeg says is in a file.
pub fn packets(file: &Path) -> Vec<Packet> {
    let mut command = std::process::Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "packet=codec_type,dts_time,pts_time,flags", "-of", "compact=p=0:nk=0"]).arg(file);
    let output = command.output().expect("ffprobe is installed");
    let text = String::from_utf8(output.stdout).expect("ffprobe speaks UTF-8");
    let millis = |text: &str| (text.parse::<f64>().expect("seconds") * 1_000.0).round() as i64;
    let field = |line: &str, name: &str| {
        line.split('|').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned).unwrap_or_default()
    };
    let packet = |line: &str| Packet {
        is_video: field(line, "codec_type") == "video",
        dts: millis(&field(line, "dts_time")),
        pts: millis(&field(line, "pts_time")),
        is_key: field(line, "flags").starts_with('K'),
    };
    text.lines().filter(|line| line.contains("codec_type=")).map(packet).collect()
}
