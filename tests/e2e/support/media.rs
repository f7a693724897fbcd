//! Clips to publish, and what FFmpeg finds in what came back.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A clip of thirty seconds; encoded now if `scripts/media.sh` has not run yet.
pub fn clip(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new("bash").arg(root.join("scripts/media.sh")).status().unwrap();
    assert!(made.success(), "scripts/media.sh makes the clips");
    root.join("target/media").join(name).with_extension("mp4")
}

/// One packet of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    pub is_video: bool,
    /// Decoding time in milliseconds.
    pub dts: i64,
    /// Presentation time in milliseconds.
    pub pts: i64,
    pub is_key: bool,
    /// Of the coded bytes.
    pub hash: String,
}

/// What is sent when the first `seconds` of a clip are published.
pub fn sent(clip: &Path, seconds: &str, dir: &Path) -> Vec<Packet> {
    let file = dir.join("sent.flv");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(clip).args(["-c", "copy", "-t", seconds]);
    assert!(command.arg(&file).status().unwrap().success());
    let mut packets = packets(&file);
    // The gateway's time begins with the first picture, or sound where there is none.
    let has_video = packets.iter().any(|packet| packet.is_video);
    let zero = packets.iter().find(|packet| packet.is_video == has_video).unwrap().dts;
    for packet in &mut packets {
        packet.dts -= zero;
        packet.pts -= zero;
    }
    packets
}

/// All packets of a file, in its order.
pub fn packets(file: &Path) -> Vec<Packet> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_data_hash", "md5", "-show_entries", "packet=codec_type,dts_time,pts_time,flags,data_hash"]);
    let output = command.args(["-of", "compact=p=0"]).arg(file).output().unwrap();
    let (text, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(errors, "", "{} is read without complaint", file.display());
    // Where a configuration comes again its packet's line is broken in two.
    text.replace("|\n|", "|").lines().filter(|line| line.contains("codec_type=")).map(|line| packet(file, line)).collect()
}

fn packet(file: &Path, line: &str) -> Packet {
    let field = |name: &str| line.split('|').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    let millis = |name: &str| {
        let seconds: f64 = field(name).parse().unwrap_or_else(|_| panic!("{}: a time in {line}", file.display()));
        (seconds * 1_000.0).round() as i64
    };
    let kind = field("codec_type");
    assert!(matches!(kind, "video" | "audio"), "{}: nothing but pictures and sound in {line}", file.display());
    Packet {
        is_video: kind == "video",
        dts: millis("dts_time"),
        pts: millis("pts_time"),
        is_key: field("flags").starts_with('K'),
        hash: field("data_hash").to_owned(),
    }
}

/// Decodes all of a file; nothing may be wrong with it.
pub fn assert_decodes(file: &Path) {
    let output = Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-f", "null", "-"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", file.display());
}

/// A gapless stretch of what was sent, as one track of a recording has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// Position of the first packet among those sent.
    pub from: usize,
    pub count: usize,
    /// How much later the first one is presented than it was sent for, in milliseconds.
    pub shift: i64,
    /// Whether the last packet sent is in it.
    pub to_the_end: bool,
}

/// The stretches of one kind in a recording: each packet is there once, in its place in time; a new stretch begins where the sender began
/// anew. Sound is counted in samples and its times were rounded to milliseconds more than once.
pub fn stretches(label: &str, sent: &[Packet], got: &[Packet], is_video: bool) -> Vec<Stretch> {
    let sent: Vec<_> = sent.iter().filter(|packet| packet.is_video == is_video).collect();
    let got: Vec<_> = got.iter().filter(|packet| packet.is_video == is_video).collect();
    for pair in got.windows(2) {
        assert!(pair[0].dts < pair[1].dts, "{label}: decoding time runs on: {:?} then {:?}", pair[0], pair[1]);
    }
    let mut found: Vec<Stretch> = Vec::new();
    for packet in got {
        if let Some(stretch) = found.last_mut()
            && let Some(expected) = sent.get(stretch.from + stretch.count)
            && expected.hash == packet.hash
        {
            let (dts, pts) = (packet.dts - expected.dts - stretch.shift, packet.pts - expected.pts - stretch.shift);
            let tolerance = if is_video { 1 } else { 3 };
            assert!(dts.abs() <= tolerance && pts.abs() <= tolerance, "{label}: {packet:?} was sent as {expected:?}, {stretch:?}");
            stretch.count += 1;
            stretch.to_the_end = stretch.from + stretch.count == sent.len();
            continue;
        }
        let from = sent.iter().position(|sent| sent.hash == packet.hash);
        let from = from.unwrap_or_else(|| panic!("{label}: {packet:?} was never sent; {found:?} before it"));
        assert!(!is_video || packet.is_key, "{label}: begins where decoding can: {packet:?}, {found:?} before it");
        found.push(Stretch { from, count: 1, shift: packet.pts - sent[from].pts, to_the_end: from + 1 == sent.len() });
    }
    found
}

/// The one stretch of a kind, which must be there exactly if that kind was sent.
pub fn stretch(label: &str, sent: &[Packet], got: &[Packet], is_video: bool) -> Option<Stretch> {
    let found = stretches(label, sent, got, is_video);
    let expected = usize::from(sent.iter().any(|packet| packet.is_video == is_video));
    assert_eq!(found.len(), expected, "{label}: nothing is missing in the middle: {found:?}");
    found.first().copied()
}

/// Sound and picture are as far apart as they were sent, within what nobody notices.
pub fn assert_together(label: &str, video: Option<Stretch>, audio: Option<Stretch>) {
    if let (Some(video), Some(audio)) = (video, audio) {
        assert!((video.shift - audio.shift).abs() <= 40, "{label}: picture {video:?}, sound {audio:?}");
    }
}
