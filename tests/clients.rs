//! Other people's encoders and players against a whole gateway. `scripts/test.sh` installs them.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use sluicegate::bus::{End, State, Stream, StreamName};
use sluicegate::config::Config;
use sluicegate::gateway::Gateway;
use sluicegate::transcode::supervisor::Make;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Nothing here takes longer unless it hangs; OBS without a graphics card takes its time to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what tells nobody that it changed.
const LOOK: Duration = Duration::from_millis(50);

/// Pictures and sound enough for a dozen seconds, the picture's keyframes two seconds apart.
const GSTREAMER: &str = "videotestsrc is-live=true num-buffers=360 ! video/x-raw,width=320,height=180,framerate=30/1 \
    ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 ! video/x-h264,profile=main ! h264parse \
    ! flvmux name=m streamable=true ! SINK \
    audiotestsrc is-live=true num-buffers=563 ! audio/x-raw,rate=48000,channels=2 ! voaacenc ! aacparse ! m.";

fn config() -> Config {
    let mut config = Config::default();
    config.ladder.make = Make::Off;
    config.rtmp.listen = "127.0.0.1:0".parse().unwrap();
    config.http.listen = "127.0.0.1:0".parse().unwrap();
    config
}

async fn gateway() -> Gateway {
    Gateway::start(config()).await.unwrap()
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

async fn published(gateway: &Gateway, name: &str) -> Arc<Stream> {
    let name = StreamName::parse(name).unwrap();
    until("the stream is published", || gateway.registry.find(&name)).await
}

async fn assert_ends_by_itself(stream: &Stream) {
    let why = until("the stream ends", || match stream.state() {
        State::Ended { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(why.await, End::Unpublished);
}

/// Plays some seconds of an exit with FFmpeg, which must find nothing to complain about.
async fn assert_plays(gateway: &Gateway, path: &str) {
    assert_plays_with(Path::new("ffmpeg"), gateway, path, 4).await;
}

async fn assert_plays_with(ffmpeg: &Path, gateway: &Gateway, path: &str, seconds: usize) {
    let mut ffmpeg = Command::new(ffmpeg);
    ffmpeg.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-t", &seconds.to_string()]);
    ffmpeg.args(["-i", &format!("http://{}{path}", gateway.http)]);
    // One line for each picture and each piece of sound that could be decoded.
    ffmpeg.args(["-map", "0:v", "-map", "0:a", "-f", "framecrc", "-"]).kill_on_drop(true);
    let played = timeout(PATIENCE, ffmpeg.output()).await.expect("the player comes to an end").expect("scripts/test.sh installs it");
    let (lines, complaints) = (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
    assert!(played.status.success() && complaints.is_empty(), "{path}: {complaints}");
    let times = |stream: &str| -> Vec<i64> {
        let of_it = lines.lines().filter(|line| line.starts_with(stream));
        of_it.map(|line| line.split(',').nth(2).and_then(|time| time.trim().parse().ok()).unwrap()).collect()
    };
    for (stream, least) in [("0,", 25), ("1,", 38)] {
        let times = times(stream);
        // Of 30 pictures and 47 pieces of sound a second, less what B-frames and the cut at the end may leave out.
        assert!(times.len() > least * seconds, "{path}: {} in {seconds} s of stream {stream}", times.len());
        assert!(times.is_sorted_by(|one, next| one < next), "{path}: times of stream {stream} do not rise: {times:?}");
    }
}

async fn assert_plays_everywhere(gateway: &Gateway, name: &str) {
    let exits = [".flv", ".mp4", "/index.m3u8", "/manifest.mpd"].map(|path| format!("/{name}{path}"));
    tokio::join!(
        assert_plays(gateway, &exits[0]),
        assert_plays(gateway, &exits[1]),
        assert_plays(gateway, &exits[2]),
        assert_plays(gateway, &exits[3]),
    );
}

/// Plays by RTMP until the stream's end with rtmpdump, which keeps the bytes, and GStreamer, which decodes the pictures. Neither speaks of
/// Enhanced RTMP when it connects.
async fn assert_plays_by_rtmp(gateway: &Gateway, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (dumped, pictures) = (dir.path().join("dumped.flv"), dir.path().join("pictures.gray"));
    let address = format!("rtmp://{}/{name}", gateway.rtmp);
    let mut rtmpdump = Command::new("rtmpdump");
    rtmpdump.args(["-q", "--live", "-r", &address, "-o"]).arg(&dumped);
    let chain = format!(
        "rtmp2src location={address} ! flvdemux name=d d.video ! queue ! h264parse ! avdec_h264 ! videoconvert \
         ! video/x-raw,format=GRAY8 ! filesink location={} d.audio ! queue ! aacparse ! avdec_aac ! fakesink",
        pictures.display()
    );
    let mut gst = Command::new("gst-launch-1.0");
    gst.arg("-q").args(chain.split_whitespace());
    let players = [rtmpdump, gst].map(|mut player| {
        let player = player.stdin(Stdio::null()).kill_on_drop(true).output();
        tokio::spawn(async { timeout(PATIENCE, player).await.expect("the player sees the end").expect("scripts/test.sh installs it") })
    });
    for player in players {
        let output = player.await.unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let shown = std::fs::metadata(&pictures).unwrap().len() / (320 * 180);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(&dumped).args(["-f", "framecrc", "-"]);
    let read = ffmpeg.output().await.unwrap();
    assert!(read.stderr.is_empty(), "{}", String::from_utf8_lossy(&read.stderr));
    let kept = String::from_utf8_lossy(&read.stdout).lines().filter(|line| line.starts_with("0,")).count();
    // Of twelve seconds, less what went before the join.
    assert!(shown > 200 && kept > 200, "{shown} pictures shown by GStreamer, {kept} kept by rtmpdump");
}

/// OBS Studio, stopped as its user would when this goes.
struct Obs {
    script: Child,
    dir: tempfile::TempDir,
}

impl Obs {
    fn publish(server: &str, key: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/obs.sh");
        let mut command = Command::new(script);
        command.arg(dir.path()).args([server, key]).stdin(Stdio::null());
        Self { script: command.spawn().unwrap(), dir }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("obs.log")).unwrap_or_default()
    }

    fn ask_to_stop(&self) {
        if let Some(id) = self.script.id() {
            let asked = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
            assert!(asked.unwrap().success());
        }
    }

    async fn stop(mut self) {
        self.ask_to_stop();
        timeout(PATIENCE, self.script.wait()).await.expect("OBS leaves").unwrap();
    }
}

impl Drop for Obs {
    fn drop(&mut self) {
        // After a failure, too, neither OBS nor its X server may stay behind.
        while matches!(self.script.try_wait(), Ok(None)) {
            self.ask_to_stop();
            std::thread::sleep(LOOK);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_obs_plays_everywhere_comes_back_after_a_cut_and_ends_its_stream() {
    let gateway = gateway().await;
    let obs = Obs::publish(&format!("rtmp://{}/live", gateway.rtmp), "obs");
    let stream = published(&gateway, "live/obs").await;
    assert_plays_everywhere(&gateway, "live/obs").await;

    let before = stream.publisher().unwrap().connection;
    assert!(gateway.registry.kick(&stream));
    until("OBS comes back by itself", || stream.publisher().filter(|now| now.connection != before)).await;
    assert_plays(&gateway, "/live/obs.flv").await;

    let received = stream.received();
    assert_eq!((received.dropped(), received.repaired()), (0, 0), "OBS sends nothing that needs mending");
    obs.stop().await;
    assert_ends_by_itself(&stream).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "another fifteen seconds of OBS"]
async fn realtime_obs_shows_its_user_why_it_was_refused() {
    let gateway = gateway().await;
    for (app, key, reason) in [
        ("closed", "obs", "NetStream.Publish.Denied (Application 'closed' is not open to publishers.)"),
        ("live", "two words", "NetStream.Publish.BadName (Not a stream name: character ' '"),
    ] {
        let obs = Obs::publish(&format!("rtmp://{}/{app}", gateway.rtmp), key);
        until("OBS logs the reason", || obs.log().contains(reason).then_some(())).await;
        obs.stop().await;
    }
    assert!(gateway.registry.list().is_empty());
    gateway.stop().await;
}

/// GStreamer, which publishes `live/gst` until it is dropped.
fn publish_without_end(gateway: &Gateway) -> Child {
    let line = GSTREAMER.replace("SINK", &format!("rtmp2sink location=rtmp://{}/live/gst", gateway.rtmp));
    let line = line.replace("num-buffers=360", "").replace("num-buffers=563", "");
    Command::new("gst-launch-1.0").arg("-q").args(line.split_whitespace()).kill_on_drop(true).spawn().expect("gst-launch-1.0 is installed")
}

async fn gstreamer_plays_everywhere(sink: &str) {
    let gateway = gateway().await;
    let sink = format!("{sink} location=rtmp://{}/live/gst", gateway.rtmp);
    let mut gst = Command::new("gst-launch-1.0");
    gst.args(["-q", "-e"]).args(GSTREAMER.replace("SINK", &sink).split_whitespace()).stdin(Stdio::null()).kill_on_drop(true);
    let mut gst = gst.spawn().expect("gst-launch-1.0 is installed");
    let stream = published(&gateway, "live/gst").await;
    // Side by side these take less than the encoder sends.
    tokio::join!(assert_plays_everywhere(&gateway, "live/gst"), assert_plays_by_rtmp(&gateway, "live/gst"));
    assert!(timeout(PATIENCE, gst.wait()).await.unwrap().unwrap().success());
    assert_eq!(stream.received().dropped(), 0);
    assert_ends_by_itself(&stream).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_gstreamer_plays_everywhere_by_its_own_rtmp() {
    gstreamer_plays_everywhere("rtmp2sink").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "its own RTMP is tested by default"]
async fn realtime_gstreamer_plays_everywhere_by_librtmp() {
    gstreamer_plays_everywhere("rtmpsink").await;
}

/// Players by RTMP, as they are called in a shell; each leaves after some seconds.
const PLAYERS: &[(&str, &str)] = &[
    ("mpv", "mpv --no-config --really-quiet --vo=null --ao=null --length=3 URL"),
    ("rtmpdump", "f=$(mktemp); timeout -k 1 4 rtmpdump -q -r URL --live -o $f; test -s $f; s=$?; rm $f; exit $s"),
    (
        "gst-launch-1.0",
        "gst-launch-1.0 -q rtmp2src location=URL num-buffers=150 ! flvdemux name=d d.video ! queue ! h264parse ! avdec_h264 \
        ! fakesink d.audio ! queue ! aacparse ! avdec_aac ! fakesink",
    ),
    ("ffprobe", "ffprobe -v error -show_streams URL"),
    ("ffmpeg", "ffmpeg -nostdin -v error -t 3 -i URL -f null -"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "FFmpeg plays by RTMP in the default tests; the others are installed for this alone"]
async fn realtime_every_player_at_hand_plays_by_rtmp() {
    let gateway = gateway().await;
    let url = format!("rtmp://{}/live/gst", gateway.rtmp);
    let mut publisher = publish_without_end(&gateway);
    let stream = published(&gateway, "live/gst").await;
    until("the tracks are known", || stream.program()).await;
    for (name, line) in PLAYERS {
        let installed =
            Command::new("sh").args(["-c", &format!("command -v {name}")]).stdout(Stdio::null()).status().await.unwrap().success();
        if !installed {
            println!("{name} is not installed");
            continue;
        }
        let line = line.replace("URL", &url);
        let mut player =
            Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let status = timeout(PATIENCE, player.wait()).await.unwrap_or_else(|_| panic!("{name} ends")).unwrap();
        println!("{name}: {status}");
        assert!(status.success(), "{name}: {status}");
    }
    publisher.kill().await.unwrap();
    gateway.stop().await;
}

/// Plays by GStreamer for some seconds, and counts what reaches its sinks.
const GSTREAMER_PLAYS: &str = "timeout -s INT SECONDS gst-launch-1.0 -v uridecodebin3 uri=URL name=d \
    d. ! queue ! video/x-raw ! fakesink name=video silent=false sync=true d. ! queue ! audio/x-raw ! fakesink name=audio silent=false sync=true";

/// At least `least` pictures and pieces of sound are shown in so many seconds, without a complaint.
async fn assert_gstreamer_plays(url: &str, seconds: u32, least: usize) {
    let line = GSTREAMER_PLAYS.replace("URL", url).replace("SECONDS", &seconds.to_string());
    let player = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, player).await.unwrap().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("ERROR") && !said.contains("WARN"), "{said}");
    for sink in ["video", "audio"] {
        let is_buffer = |line: &&str| line.contains("last-message = chain") && line.contains(&format!("({sink}:sink)"));
        let buffers = said.lines().filter(is_buffer).count();
        assert!(buffers > least, "{buffers} of {sink}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_gstreamer_plays_hls_without_a_complaint() {
    let gateway = gateway().await;
    let _publisher = publish_without_end(&gateway);
    published(&gateway, "live/gst").await;
    // Players wait for the first index, too, but then begin with less to play.
    sleep(Duration::from_secs(6)).await;
    assert_gstreamer_plays(&format!("http://{}/live/gst/index.m3u8", gateway.http), 9, 90).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it gathers half a minute of media before it shows any"]
async fn realtime_gstreamer_plays_dash_of_one_duration() {
    let mut config = config();
    config.segments.dash_duration = true;
    let gateway = Gateway::start(config).await.unwrap();
    let _publisher = publish_without_end(&gateway);
    published(&gateway, "live/gst").await;
    // Until four segments were equally long.
    sleep(Duration::from_secs(12)).await;
    assert_gstreamer_plays(&format!("http://{}/live/gst/manifest.mpd", gateway.http), 45, 200).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_current_ffmpeg_follows_live_dash() {
    let gateway = gateway().await;
    let _publisher = publish_without_end(&gateway);
    published(&gateway, "live/gst").await;
    // Further than what is listed when it begins. FFmpeg 5.1 cannot: it takes the place of a segment in a timeline that has grown for its
    // number, and begins anew with the oldest.
    assert_plays_with(&ffmpeg9(), &gateway, "/live/gst/manifest.mpd", 10).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_ffmpeg_of_any_age_follows_live_dash_by_the_times_of_segments() {
    // With segments that are there part by part, and with those that come as a whole.
    let mut whole = config();
    whole.segments.part_ms = 5_000;
    let gateways = [gateway().await, Gateway::start(whole).await.unwrap()];
    let mut publishers = Vec::new();
    for gateway in &gateways {
        publishers.push(publish_without_end(gateway));
        published(gateway, "live/gst").await;
    }
    let times = "/live/gst/manifest-time.mpd";
    let (by_parts, at_once) = (&gateways[0], &gateways[1]);
    let (old, new) = (Path::new("ffmpeg"), &ffmpeg9());
    tokio::join!(
        assert_plays_with(old, by_parts, times, 10),
        assert_plays_with(old, at_once, times, 10),
        assert_plays_with(new, at_once, times, 10),
    );
    for gateway in gateways {
        gateway.stop().await;
    }
}

/// A current FFmpeg beside the system's.
fn ffmpeg9() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/ffmpeg9")
}
