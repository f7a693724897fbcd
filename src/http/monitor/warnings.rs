//! What an operator should know of a stream, in plain words, and what to do about it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::vitals::Figures;
use crate::bus::LeftOut;
use crate::bus::ladder::{LadderState, LadderStatus};
use crate::http::api::StreamInfo;
use crate::media::Kind;

/// Keyframes further apart than this keep viewers waiting.
const KEYFRAMES_MS: i64 = 4_000;
/// A publisher that sends less than this much media in a second falls behind.
const SLOW: f64 = 0.95;
/// Sound further from its picture than this is noticed, or will be where buffers are short.
const DRIFT_MS: i64 = 700;
/// So many repaired timestamps in a minute are no illness: a source that begins anew, as a clip in a loop does, has one or two each time.
const REPAIRED: u64 = 5;
/// The exits whose viewers see each picture as soon as it comes.
const PROMPT: [&str; 5] = ["ws_fmp4", "http_fmp4", "ws_flv", "http_flv", "rtmp"];

/// One thing that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Warning {
    /// For programs.
    pub code: &'static str,
    /// What is wrong, and what viewers notice of it.
    pub text: String,
    /// What to do in OBS.
    pub advice: &'static str,
}

impl Warning {
    fn new(code: &'static str, text: impl Into<String>, advice: &'static str) -> Self {
        Self { code, text: text.into(), advice }
    }
}

/// What is to be said of a stream; nothing while its publisher is away, of whom the state tells.
pub fn of(stream: &StreamInfo, figures: &Figures, viewers: &BTreeMap<&'static str, u64>, ladder: Option<&LadderStatus>) -> Vec<Warning> {
    if stream.state != "live" {
        return Vec::new();
    }
    if stream.tracks.is_empty() {
        // All that it has sent may be of no use.
        return dropped(figures).into_iter().collect();
    }
    let found = [
        keyframes(figures),
        b_frames(figures, viewers),
        silence(stream),
        repaired(figures),
        slow(figures),
        drift(figures),
        dropped(figures),
    ];
    found.into_iter().flatten().chain(left_out(stream)).chain(ladder.and_then(rungs)).collect()
}

fn keyframes(figures: &Figures) -> Option<Warning> {
    let ms = figures.keyframe_ms.filter(|ms| *ms > KEYFRAMES_MS)?;
    let text = format!("A keyframe comes only every {:.1} s: viewers begin at one, and HLS and DASH cut at one.", ms as f64 / 1000.0);
    Some(Warning::new("keyframes", text, "Settings → Output, output mode Advanced, tab Streaming: set Keyframe Interval to 2 s."))
}

fn b_frames(figures: &Figures, viewers: &BTreeMap<&'static str, u64>) -> Option<Warning> {
    let prompt: u64 = PROMPT.iter().filter_map(|exit| viewers.get(exit)).sum();
    (figures.b_frames && prompt > 0).then(|| {
        let who = if prompt == 1 { "one viewer watches".to_owned() } else { format!("{prompt} viewers watch") };
        let text = format!("The encoder sends B-frames, while {who} with low latency: each B-frame delays their picture.");
        let advice = "Settings → Output, tab Streaming: x264: set Tune to zerolatency; hardware encoders: set B-Frames to 0.";
        Warning::new("b_frames", text, advice)
    })
}

fn silence(stream: &StreamInfo) -> Option<Warning> {
    let is_silent = stream.tracks.iter().all(|track| track.kind != Kind::Audio);
    let advice = "Look in the Audio Mixer for a muted source, and in Settings → Output, tab Streaming, whether its Audio Track is ticked.";
    is_silent.then(|| Warning::new("no_audio", "There is no sound.", advice))
}

fn repaired(figures: &Figures) -> Option<Warning> {
    let advice =
        "Settings → Audio: use the sample rate of your devices (48 kHz); then restart the capture device or media source that jumps.";
    let text = format!("{} in the last minute had to be repaired: viewers may have noticed jumps.", counted(figures.repaired, "timestamp"));
    (figures.repaired > REPAIRED).then(|| Warning::new("repaired", text, advice))
}

fn slow(figures: &Figures) -> Option<Warning> {
    let speed = figures.speed.filter(|speed| *speed < SLOW)?;
    let text = format!("The publisher sends {speed:.2} s of media each second: viewers will stall.");
    let advice = "View → Stats: for dropped frames lower the Bitrate in Settings → Output; for encoding lag take a faster preset or a smaller picture.";
    Some(Warning::new("slow", text, advice))
}

fn drift(figures: &Figures) -> Option<Warning> {
    let ms = figures.av_drift_ms.filter(|ms| ms.abs() > DRIFT_MS)?;
    let way = if ms > 0 { "ahead of" } else { "behind" };
    let text = format!("The sound arrives {:.1} s {way} its picture.", ms.abs() as f64 / 1000.0);
    Some(Warning::new(
        "av_drift",
        text,
        "Audio Mixer → Advanced Audio Properties: look at Sync Offset; then restart the source that is late.",
    ))
}

fn dropped(figures: &Figures) -> Option<Warning> {
    let text = format!("{} in the last minute could not be used.", counted(figures.dropped, "message"));
    let advice = "Settings → Output, tab Streaming: take H.264 or HEVC with AAC; the gateway's log tells what it could not use.";
    (figures.dropped > 0).then(|| Warning::new("unusable", text, advice))
}

fn left_out(stream: &StreamInfo) -> Option<Warning> {
    let out: Vec<_> =
        stream.tracks.iter().filter(|track| track.left_out == Some(LeftOut::Keyframes)).map(|track| track.id.as_str()).collect();
    let text = format!("Not offered by HLS and DASH: {}. Keyframes there are not where those of the first picture are.", out.join(", "));
    let advice = "Give all qualities of multitrack video the same fixed Keyframe Interval, then begin the stream anew.";
    (!out.is_empty()).then(|| Warning::new("left_out", text, advice))
}

fn rungs(ladder: &LadderStatus) -> Option<Warning> {
    let advice =
        "The gateway's machine has too little power: take a lower Output Resolution or FPS in Settings → Video, or configure fewer rungs.";
    if ladder.state == LadderState::Failed {
        let why = ladder.trouble.as_deref().unwrap_or("its worker ended");
        return Some(Warning::new("ladder_failed", format!("The lower renditions are not made for now: {why}."), advice));
    }
    if ladder.state == LadderState::Unable {
        let why = ladder.trouble.as_deref().unwrap_or("its pictures are not decoded here");
        let advice = "Settings → Output, tab Streaming, Video Encoder: take H.264, HEVC or AV1.";
        return Some(Warning::new("ladder_unable", format!("There are no lower renditions: {why}."), advice));
    }
    let shed: Vec<_> = ladder.rungs.iter().filter(|rung| rung.shed).map(|rung| &*rung.label).collect();
    (!shed.is_empty())
        .then(|| Warning::new("ladder_shed", format!("Left out, as the machine does not keep up: {}.", shed.join(", ")), advice))
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("One {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::bus::ladder::RungStatus;
    use crate::bus::registry::Options;
    use crate::bus::{PublisherInfo, Registry, StreamName, Takeover};
    use crate::media::WallClock;

    fn codes(figures: &Figures, viewers: &[(&'static str, u64)]) -> Vec<&'static str> {
        let found =
            [keyframes(figures), b_frames(figures, &viewers.iter().copied().collect()), repaired(figures), slow(figures), drift(figures)];
        found.into_iter().flatten().map(|warning| warning.code).collect()
    }

    #[test]
    fn each_threshold_has_two_sides() {
        let well = Figures { keyframe_ms: Some(4_000), speed: Some(0.95), av_drift_ms: Some(-700), repaired: 5, ..Figures::default() };
        assert_eq!(codes(&well, &[]), Vec::<&str>::new());
        let ill = Figures { keyframe_ms: Some(4_001), speed: Some(0.94), av_drift_ms: Some(-701), repaired: 6, ..Figures::default() };
        assert_eq!(codes(&ill, &[]), ["keyframes", "repaired", "slow", "av_drift"]);
    }

    #[test]
    fn a_ladder_that_sheds_rungs_is_told_of_and_one_that_failed_all_the_more() {
        let rung = |label: &str, shed| RungStatus {
            id: "v32".into(),
            label: label.into(),
            width: 640,
            height: 360,
            encoder: "libx264".into(),
            frames: 9,
            dropped: 0,
            shed,
        };
        let rungs_there = vec![rung("720p", true), rung("480p", false)];
        let ladder = LadderStatus {
            state: LadderState::Running,
            starts: 1,
            trouble: None,
            lag_ms: 0,
            decode_errors: 0,
            misses: 0,
            sound: None,
            rungs: rungs_there,
        };
        let told = rungs(&ladder).expect("one is shed");
        assert_eq!((told.code, told.text.as_str()), ("ladder_shed", "Left out, as the machine does not keep up: 720p."));
        let failed = LadderStatus { state: LadderState::Failed, trouble: Some("killed by signal 9".into()), ..ladder.clone() };
        assert!(rungs(&failed).is_some_and(|warning| warning.text.ends_with("for now: killed by signal 9.")));
        let unable = LadderStatus { state: LadderState::Unable, trouble: Some("VVC is not decoded here".into()), ..ladder.clone() };
        assert!(rungs(&unable).is_some_and(|warning| warning.text.ends_with("renditions: VVC is not decoded here.")));
        assert_eq!(rungs(&LadderStatus { rungs: vec![rung("720p", false)], ..ladder }), None);
    }

    #[test]
    fn a_publisher_of_nothing_that_can_be_used_is_warned_of_though_it_has_no_tracks() {
        let registry = Registry::new(Options::default());
        let info = PublisherInfo { connection: 1, address: "127.0.0.1:5000".parse().unwrap(), protocol: "rtmp", encoder: None };
        let (name, now, wall) = (StreamName::parse("live/a").unwrap(), Instant::now(), WallClock::from_unix_millis(0));
        let session = registry.publish(&name, info, Takeover::Allow, now, wall).unwrap();
        let stream = StreamInfo::of(session.stream(), now, wall);
        let told = |dropped| {
            let warnings = of(&stream, &Figures { dropped, ..Figures::default() }, &BTreeMap::new(), None);
            warnings.iter().map(|warning| warning.code).collect::<Vec<_>>()
        };
        assert_eq!((told(0), told(3)), (vec![], vec!["unusable"]));
    }

    #[test]
    fn b_frames_matter_only_to_viewers_of_low_latency() {
        let figures = Figures { b_frames: true, ..Figures::default() };
        assert_eq!(codes(&figures, &[("hls", 9), ("dash", 1), ("ws_fmp4", 0)]), Vec::<&str>::new());
        assert_eq!(codes(&figures, &[("ws_fmp4", 1)]), ["b_frames"]);
    }
}
