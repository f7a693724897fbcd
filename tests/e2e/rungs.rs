//! Rungs that are made here, and what a worker that is none does to a stream: nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluicegate::bus::Stream;
use sluicegate::bus::ladder::LadderState;
use sluicegate::transcode::ladder::RungOptions;
use sluicegate::transcode::supervisor::Make;
use tokio::time::{Instant, sleep, timeout};

use crate::support::house::{House, Program, config};
use crate::support::show::Show;
use crate::support::{PATIENCE, POLL, http};

const STREAM: &str = "live/show";

/// A program that is started as the worker; it tells its process by a file.
fn worker(dir: &Path, name: &str, does: &str) -> (PathBuf, PathBuf) {
    let (program, pid) = (dir.join(name), dir.join(format!("{name}.pid")));
    fs::write(&program, format!("#!/bin/sh\necho $$ > {}\n{does}\n", pid.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, pid)
}

async fn until(stream: &Stream, what: &str, holds: impl Fn(&Stream) -> bool) {
    let waited = async {
        while !holds(stream) {
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("{what}: {:?}", stream.ladder().status()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_stands_in_the_workers_place_the_source_is_served_and_it_is_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("leaves", "exit 3", "it ended by itself (exit status: 3)"),
        ("silent", "exec sleep 600", "it gave no sign of life for"),
        ("garbage", "echo this is no FLV at all; exec sleep 600", "it wrote what is no FLV"),
        (
            "other-media",
            "printf 'FLV\\1\\1\\0\\0\\0\\11\\0\\0\\0\\0\\11\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\377\\0\\0\\0\\14'; exec sleep 600",
            "it wrote what is no media",
        ),
        ("deaf", "exec 0<&-; exec sleep 600", "it gave no sign of life for"),
    ];
    let plays = cases.map(|(name, does, trouble)| {
        let (program, pid) = worker(dir.path(), name, does);
        async move {
            let mut config = config();
            config.segments.segment_ms = 1_000;
            (config.ladder.make, config.ladder.worker, config.ladder.stall_s) = (Make::Always, program, 2);
            config.ladder.rungs = vec![RungOptions::new(360, 0.0, 400_000)];
            let house = House::start(config).await;
            let mut show = Show::publish(&house, STREAM, 2_000);
            let stream = house.stream(STREAM).await;
            show.play(7, 1).await;
            until(&stream, name, |stream| stream.ladder().status().is_some_and(|status| status.starts >= 2)).await;
            let status = stream.ladder().status().unwrap();
            assert!(status.trouble.as_ref().is_some_and(|told| told.starts_with(trouble)), "{name}: {status:?}");
            let list = http::get(house.http, "/live/show/v0.m3u8").await;
            let list = list.text();
            assert!(
                list.matches("#EXTINF").count() >= 5 && !list.contains("GAP") && !list.contains("#EXT-X-DISCONTINUITY\n"),
                "{name}: {list}"
            );
            let index = http::get(house.http, "/live/show/index.m3u8").await;
            assert!(index.text().contains("\nv16.m3u8\n") && index.text().contains("RESOLUTION=640x360"), "{name}: {}", index.text());
            let rung = http::get(house.http, "/live/show/v16.m3u8").await;
            assert_eq!(rung.text().matches("#EXT-X-GAP").count(), rung.text().matches("#EXTINF").count(), "{name}");
            let api = http::get(house.http, "/api/v1/streams/live/show").await.json();
            assert_eq!((&api["ladder"]["rungs"][0]["label"], &api["renditions"][0]["id"]), (&"360p".into(), &"v16".into()), "{name}");
            let missing = http::get(house.http, "/live/show.flv?rendition=720p").await.assert_problem(404);
            assert!(missing.contains("it has source, 360p"), "{missing}");
            drop(show);
            house.stop().await;
            let process = format!("/proc/{}", fs::read_to_string(&pid).unwrap().trim());
            let began = Instant::now();
            while Path::new(&process).exists() && began.elapsed() < PATIENCE {
                sleep(POLL).await;
            }
            assert!(!Path::new(&process).exists(), "{name}: no worker outlives its gateway");
        }
    });
    for play in plays.map(tokio::spawn) {
        play.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ladder_begins_with_somebody_who_watches_and_ends_some_time_after_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let (program, _) = worker(dir.path(), "idle", "exec sleep 600");
    let mut config = config();
    config.segments.segment_ms = 1_000;
    (config.ladder.make, config.ladder.worker, config.ladder.linger_s, config.ladder.stall_s) = (Make::Demand, program, 1, 60);
    let house = House::start(config).await;
    let mut show = Show::publish(&house, STREAM, 2_000);
    let stream = house.stream(STREAM).await;
    show.play(3, 1).await;
    let state = |stream: &Stream| stream.ladder().status().map(|status| status.state);
    assert_eq!(state(&stream), Some(LadderState::Idle));
    http::get(house.http, "/live/show/info.json").await;
    sleep(Duration::from_millis(700)).await;
    assert_eq!(state(&stream), Some(LadderState::Idle), "who asks what there is does not watch");
    let first = http::get(house.http, "/live/show/index.m3u8").await;
    let variants: Vec<_> = first.text().lines().filter(|line| line.starts_with('v')).collect();
    assert_eq!(variants, ["v0.m3u8", "v18.m3u8", "v19.m3u8"], "the first request is told of every rung: {}", first.text());
    until(&stream, "it begins", |stream| state(stream) == Some(LadderState::Starting)).await;
    until(&stream, "it ends", |stream| state(stream) == Some(LadderState::Idle)).await;
    let player = stream.want_rungs();
    until(&stream, "it begins again", |stream| state(stream) == Some(LadderState::Starting)).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(state(&stream), Some(LadderState::Starting), "it goes on for as long as somebody plays a rung");
    drop(player);
    until(&stream, "it ends again", |stream| state(stream) == Some(LadderState::Idle)).await;
    drop(show);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ladder_beyond_the_most_waits_for_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    let (program, _) = worker(dir.path(), "idle", "exec sleep 600");
    let mut config = config();
    (config.ladder.make, config.ladder.worker, config.ladder.linger_s, config.ladder.stall_s) = (Make::Demand, program, 1, 60);
    config.ladder.max_ladders = 1;
    let house = House::start(config).await;
    let names = ["live/one", "live/other"];
    let mut shows = names.map(|name| Show::publish(&house, name, 2_000));
    for show in &mut shows {
        show.play(3, 1).await;
    }
    let [one, other] = [house.stream(names[0]).await, house.stream(names[1]).await];
    let is = |stream: &Stream, wanted| stream.ladder().status().is_some_and(|status| status.state == wanted);
    let player = one.want_rungs();
    until(&one, "the first has a worker", |stream| is(stream, LadderState::Starting)).await;
    let _waiting = other.want_rungs();
    until(&other, "the second waits", |stream| is(stream, LadderState::Queued)).await;
    drop(player);
    until(&other, "it has its turn", |stream| is(stream, LadderState::Starting)).await;
    assert!(is(&one, LadderState::Idle), "{:?}", one.ladder().status());
    drop(shows);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_worker_it_is_said_at_the_start_and_the_source_is_served_alone() {
    let environment = [("SLUICEGATE_LADDER_MAKE", "always"), ("SLUICEGATE_LADDER_WORKER", "/nonexistent/sluicegate-ladder")];
    let program = Program::serve(&[], &environment).await;
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success());
    assert!(log.contains("sluicegate-ladder is not there") && log.contains("/nonexistent/sluicegate-ladder"), "{log}");
    assert!(log.contains(" WARN "), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_said_of_ladders_a_missing_worker_is_a_line_of_information() {
    let dir = tempfile::tempdir().unwrap();
    // Where nothing lies beside it.
    let alone = dir.path().join("sluicegate");
    fs::copy(env!("CARGO_BIN_EXE_sluicegate"), &alone).unwrap();
    let mut command = tokio::process::Command::new(&alone);
    command.env("PATH", dir.path()).args(["serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let program = Program::started(command).await;
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success());
    let told: Vec<_> = log.lines().filter(|line| line.contains("sluicegate-ladder")).collect();
    assert!(told.len() == 1 && told[0].contains(" INFO ") && told[0].contains("--features transcode"), "{log}");
}
