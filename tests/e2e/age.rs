//! Streams that have been on the air for an hour, for 24 days, and for as long as milliseconds of 31 bits last.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use sluicegate::bus::Stream;
use sluicegate::flv::REBASE_MS;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::ingest_support;
use crate::play;
use crate::support::PATIENCE;
use crate::support::house::{House, config, until_media};
use crate::support::media::{self, Packet};
use crate::support::show::Show;
use crate::support::viewers::ALL;

/// Seconds.
const AGES: [(&str, i64); 2] = [("live/hour", 3_600), ("live/days", 24 * 24 * 3_600)];
/// Between two looks at what tells nobody that it changed.
const LOOK: Duration = Duration::from_millis(10);
/// Seconds that are published at that age.
const PLAYED: &str = "5";

/// What plays it in a browser: our own player, mpegts.js by HTTP and by WebSocket, and `<video>`.
const IN_BROWSERS: &str = "ws-fmp4,http-flv,ws-flv,native-hls";

type Played = JoinHandle<std::io::Result<std::process::Output>>;

/// A player of its own make that keeps what it gets until the stream's end.
fn player(program: &str, arguments: &[&str], file: &Path) -> Played {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    tokio::spawn(async move { command.output().await })
}

fn players(house: &House, name: &str, dir: &Path) -> Vec<(PathBuf, Played)> {
    let (http, rtmp) = (format!("http://{}/{name}.flv", house.http), format!("rtmp://{}/{name}", house.gateway.rtmp));
    let ffmpeg = |url| ["-nostdin", "-v", "error", "-copyts", "-i", url, "-c", "copy", "-copyts"];
    let file = |player: &str| dir.join(format!("{}-{player}.flv", name.replace('/', "-")));
    vec![
        (file("ffmpeg-http"), player("ffmpeg", &ffmpeg(&http), &file("ffmpeg-http"))),
        (file("ffmpeg-rtmp"), player("ffmpeg", &ffmpeg(&rtmp), &file("ffmpeg-rtmp"))),
        (file("rtmpdump"), player("rtmpdump", &["-q", "--live", "-r", &rtmp, "-o"], &file("rtmpdump"))),
    ]
}

/// Every sample since the join, at the stream's own time; how much later than sent it is.
fn check(label: &str, sent: &[Packet], file: &Path, shift: Option<i64>) {
    media::assert_decodes(file);
    let got = media::packets(file);
    let (video, audio) = (media::stretch(label, sent, &got, true), media::stretch(label, sent, &got, false));
    media::assert_together(label, video, audio);
    for stretch in [video, audio].into_iter().flatten() {
        assert!(stretch.to_the_end && stretch.count > 50, "{label}: {stretch:?}");
        assert!(shift.is_none_or(|shift| (stretch.shift - shift).abs() <= 100), "{label}: {stretch:?}");
    }
}

/// A stream that has been on the air for so many seconds, and of which nothing is kept: whoever publishes takes it up.
async fn grow_old(house: &House, name: &str, age: i64) {
    let mut show = Show::publish_at(house, name, 1_000, age * 1_000 - 1_000);
    show.play(1, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_streams_of_an_hour_and_of_24_days_play_from_wherever_a_viewer_joins() {
    let dir = tempfile::tempdir().unwrap();
    let clip = media::clip("zerolatency");
    let sent = media::sent(&clip, PLAYED, dir.path());
    let house = House::start(config()).await;
    let mut viewers = Vec::new();
    for (name, age) in AGES {
        grow_old(&house, name, age).await;
        let publisher = house.publish(&clip, name, PLAYED);
        let stream = house.stream(name).await;
        until_media(&stream, age * 1_000 + 1_500).await;
        let exits: Vec<_> = ALL.into_iter().map(|exit| (exit, tokio::spawn(exit.watch(house.http, name)))).collect();
        viewers.push((name, age, publisher, exits, players(&house, name, dir.path())));
    }
    for (name, age, mut publisher, exits, players) in viewers {
        assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
        for (exit, viewer) in exits {
            let (label, recording) = (format!("{name} {exit:?}"), viewer.await.unwrap());
            let file = dir.path().join(format!("{exit:?}")).with_extension(if exit.is_flv() { "flv" } else { "mp4" });
            std::fs::write(&file, &recording.media).unwrap();
            check(&label, &sent, &file, Some(age * 1_000));
        }
        for (file, played) in players {
            let output = timeout(PATIENCE, played).await.expect("the player sees the end").unwrap().unwrap();
            let label = file.display().to_string();
            assert!(output.status.success() && output.stderr.is_empty(), "{label}: {}", String::from_utf8_lossy(&output.stderr));
            // rtmpdump begins every recording at zero.
            check(&label, &sent, &file, (!label.contains("rtmpdump")).then_some(age * 1_000));
        }
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes Chromium and the page's libraries: scripts/test.sh runs it beside the plays in browsers"]
async fn realtime_streams_of_an_hour_and_of_24_days_play_in_a_browser() {
    let house = House::start(config()).await;
    let mut plays = Vec::new();
    for (name, age) in AGES {
        grow_old(&house, name, age).await;
        let address = format!("rtmp://{}/{name}", house.gateway.rtmp);
        let publisher = ingest_support::publish_enhanced(&media::clip("zerolatency"), &address);
        until_media(&house.stream(name).await, age * 1_000 + 1_500).await;
        let mut play = Command::new("node");
        play.args(["tests/browser/watch.mjs", &format!("http://{}", house.http), name, IN_BROWSERS]).env("PLAY_S", "2");
        play.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        plays.push((name, publisher, play.spawn().expect("node is installed")));
    }
    for (name, publisher, play) in plays {
        // Each play has a bound of its own.
        let output = play.wait_with_output().await.unwrap();
        let told = [&output.stdout[..], &output.stderr].concat();
        println!("{name}: {}", String::from_utf8_lossy(&told));
        assert!(output.status.success(), "{name}");
        drop(publisher);
    }
    house.stop().await;
}

async fn until_players(stream: &Stream, count: u64) {
    let counted = async {
        while stream.viewers(Instant::now()).get("rtmp") != Some(&count) {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, counted).await.unwrap_or_else(|_| panic!("{count} players"));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_31_bits_are_used_up_players_of_rtmp_are_let_go_once_and_come_again() {
    let house = House::start(config()).await;
    let mut show = Show::publish_at(&house, "live/show", 1_000, REBASE_MS - 3_500);
    show.play(1, 100).await;
    let stream = house.stream("live/show").await;
    let first = tokio::spawn(play::watch(house.gateway.rtmp));
    until_players(&stream, 1).await;
    show.play(4, 4).await;
    let (codes, times) = timeout(PATIENCE, first).await.expect("the player is let go").unwrap();
    assert_eq!(codes.last().map(String::as_str), Some("NetStream.Play.Stop"), "{codes:?}");
    assert!(times[0] > 2_140_000_000 && times.is_sorted_by(|a, b| a < b), "time never runs backwards: {times:?}");
    until_players(&stream, 0).await;

    let second = tokio::spawn(play::watch(house.gateway.rtmp));
    until_players(&stream, 1).await;
    show.play(5, 10).await;
    assert!(!second.is_finished(), "once is enough");
    show.finish();
    let (_, times) = timeout(PATIENCE, second).await.expect("the stream ends").unwrap();
    assert!((10_000..12_000).contains(&times[0]) && times.is_sorted_by(|a, b| a < b), "{times:?}");
    assert!(times.len() > 150, "{times:?}");
    house.stop().await;
}
