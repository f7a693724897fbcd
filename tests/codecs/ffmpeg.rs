//! A current FFmpeg, as publisher and as reader.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::clips::Kind;
use crate::support::PATIENCE;
use crate::support::media::Packet;

/// Pictures in a group, as `scripts/media.sh` encodes them.
const GOP: usize = 16;
/// What FFmpeg 9.0 says when HTTP tells the end of an answer by its last chunk: it reads on behind it. Earlier ones do not.
const READ_PAST_THE_LAST_CHUNK: &str = "Error during demuxing: Input/output error";

/// FFmpeg's own picture of what it read.
#[derive(Debug, Default)]
pub struct Reading {
    pub tracks: BTreeMap<usize, Track>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Track {
    /// Its kind, codec, picture size, sample rate and channels.
    pub about: BTreeMap<String, String>,
    pub packets: Vec<Packet>,
}

impl Track {
    pub fn is_video(&self) -> bool {
        self.about.get("media_type").is_some_and(|kind| kind == "video")
    }
}

impl Reading {
    /// All packets of one kind, which has at most one track.
    pub fn of(&self, kind: Kind) -> Option<&Track> {
        let mut tracks = self.tracks.values().filter(|track| track.is_video() == (kind == Kind::Video));
        let track = tracks.next();
        assert!(tracks.next().is_none(), "one track of a kind");
        track
    }

    /// The same without the other kinds.
    pub fn only(&self, kinds: &[Kind]) -> Self {
        let is_wanted = |track: &Track| kinds.contains(&if track.is_video() { Kind::Video } else { Kind::Audio });
        Self { tracks: self.tracks.iter().filter(|(_, track)| is_wanted(track)).map(|(id, track)| (*id, track.clone())).collect() }
    }

    pub fn packets(&self) -> Vec<Packet> {
        self.tracks.values().flat_map(|track| track.packets.clone()).collect()
    }

    /// The text of FFmpeg's framehash format.
    fn parse(text: &str) -> Self {
        let mut reading = Self::default();
        let mut time_bases: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
        for line in text.lines() {
            if let Some((key, value)) = line.strip_prefix('#').and_then(|line| line.split_once(": ")) {
                let Some((key, id)) = key.rsplit_once(' ').and_then(|(key, id)| Some((key, id.parse().ok()?))) else { continue };
                let track = reading.tracks.entry(id).or_default();
                match key {
                    "tb" => drop(time_bases.insert(id, value.split_once('/').map(|(a, b)| (number(a), number(b))).unwrap())),
                    "media_type" | "codec_id" | "dimensions" | "sample_rate" | "channel_layout_name" => {
                        track.about.insert(key.to_owned(), value.to_owned());
                    }
                    _ => {}
                }
            } else if !line.starts_with('#') {
                let fields: Vec<_> = line.split(',').map(str::trim).collect();
                let id: usize = fields[0].parse().unwrap();
                let (numerator, denominator) = time_bases[&id];
                let millis = |field: &str| (number(field) as f64 * 1e3 * numerator as f64 / denominator as f64).round() as i64;
                let track = reading.tracks.get_mut(&id).unwrap();
                let (is_video, hash) = (track.is_video(), fields[5].to_owned());
                track.packets.push(Packet { is_video, dts: millis(fields[1]), pts: millis(fields[2]), is_key: !is_video, hash });
            }
        }
        reading
    }

    /// Marks pictures with which a group begins, and what has the same bytes elsewhere.
    fn mark_keys(&mut self, keys: &HashSet<String>) {
        for packet in self.tracks.values_mut().flat_map(|track| &mut track.packets) {
            packet.is_key = !packet.is_video || keys.contains(&packet.hash);
        }
    }

    fn keys(&self) -> HashSet<String> {
        let videos = self.tracks.values().filter(|track| track.is_video());
        videos.flat_map(|track| track.packets.iter().step_by(GOP).map(|packet| packet.hash.clone())).collect()
    }
}

fn number(text: &str) -> i64 {
    text.trim().parse().unwrap_or_else(|_| panic!("a number, not {text}"))
}

/// Where `scripts/test.sh` puts it, or on the path.
pub fn program() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/ffmpeg9");
    if ours.exists() { ours } else { "ffmpeg9".into() }
}

/// Publishes a clip in real time, as it is.
pub fn publish(rtmp: SocketAddr, clip: &Path, stream: &str) -> Child {
    let mut command = Command::new(program());
    command.args(["-nostdin", "-loglevel", "error", "-re", "-i"]).arg(clip).args(["-map", "0", "-c", "copy", "-f", "flv"]);
    command.arg(format!("rtmp://{rtmp}/{stream}")).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("scripts/test.sh installs ffmpeg9")
}

/// What to do with what is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Only take the packets, whatever FFmpeg thinks of them.
    Packets,
    /// Decode all of it, too.
    Decoded,
}

/// Reads a file or an address to its end. Where it is decoded there must be nothing to complain about.
pub async fn read(input: &str, before: &[&str], depth: Depth) -> Reading {
    let output = run(input, before, depth).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = errors.lines().filter(|line| !line.ends_with(READ_PAST_THE_LAST_CHUNK)).collect();
    assert!(output.status.success() && complaints.is_empty(), "{input}: {}, {complaints:?}", output.status);
    Reading::parse(&String::from_utf8(output.stdout).unwrap())
}

async fn run(input: &str, before: &[&str], depth: Depth) -> Output {
    let mut command = Command::new(program());
    let level = if depth == Depth::Packets { "fatal" } else { "error" };
    command.args(["-nostdin", "-hide_banner", "-loglevel", level, "-copyts"]).args(before).args(["-i", input]);
    command.args(["-map", "0", "-c", "copy", "-f", "framehash", "-hash", "md5", "-"]);
    if depth == Depth::Decoded {
        command.args(["-map", "0", "-f", "null", "-"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    timeout(PATIENCE, command.output())
        .await
        .unwrap_or_else(|_| panic!("{input} comes to an end"))
        .expect("scripts/test.sh installs ffmpeg9")
}

/// What is sent when a clip is published.
pub async fn sent(clip: &Path) -> Reading {
    let mut reading = read(clip.to_str().unwrap(), &[], Depth::Packets).await;
    let keys = reading.keys();
    reading.mark_keys(&keys);
    reading
}

/// The same marks for what was received.
pub fn mark_as_sent(received: &mut Reading, sent: &Reading) {
    received.mark_keys(&sent.keys());
}
