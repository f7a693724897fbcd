//! Hours to go back to: what does not fit into memory goes to disk and comes back as it was, and a disk that fails or fills up hurts
//! neither the live edge nor the truth of playlists.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::support::hls;
use crate::support::house::{self, House, Program, config};
use crate::support::show::Show;
use crate::support::{PATIENCE, http};

const STREAM: &str = "live/show";
/// A second of it is a segment of some 300 kB.
const PICTURE: usize = 10_000;
/// Parts stay in memory for three seconds whatever the speed, and with them their segments: 45 of them at this one.
const SPEED: u32 = 15;

fn timeshift(spool: &Path, window_ms: u64, memory_mib: usize, spool_mib: u64) -> sluicegate::config::Config {
    let mut config = config();
    let segments = &mut config.segments;
    (segments.segment_ms, segments.window_ms, segments.memory_bytes) = (1_000, window_ms, memory_mib << 20);
    (segments.spool, segments.spool_bytes) = (spool.to_owned(), spool_mib << 20);
    config
}

fn folder(spool: &Path) -> PathBuf {
    spool.join("sluicegate-spool")
}

/// Names and lengths of its files.
fn volumes(spool: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(folder(spool)).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file() && entry.file_name() != "SPOOL");
    files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())).collect()
}

/// The segments that a playlist lists.
async fn listed(address: SocketAddr, track: &str) -> Vec<String> {
    let answer = http::get(address, &format!("/{STREAM}/{track}.m3u8")).await;
    let lines = if answer.status == 200 { answer.text() } else { "" }.lines();
    lines.filter(|line| line.ends_with(".m4s") && !line.starts_with('#')).map(str::to_owned).collect()
}

/// A viewer who keeps every segment that it ever saw listed, as it was when it was new.
#[derive(Default)]
struct Archive(BTreeMap<String, Vec<u8>>);

impl Archive {
    /// Fetches what is new.
    async fn follow(&mut self, address: SocketAddr) {
        for track in ["v0", "a0"] {
            for name in listed(address, track).await {
                if let Entry::Vacant(new) = self.0.entry(name) {
                    let file = hls::fetch(address, STREAM, new.key()).await;
                    new.insert(file);
                }
            }
        }
    }

    /// Fetches all that is listed once more. Returns how many segments that is.
    async fn compare(&mut self, address: SocketAddr) -> usize {
        let mut count = 0;
        for track in ["v0", "a0"] {
            for name in listed(address, track).await {
                let file = hls::fetch(address, STREAM, &name).await;
                assert!(self.0.get(&name).is_none_or(|known| *known == file), "{name} is what it was");
                self.0.insert(name, file);
                count += 1;
            }
        }
        count
    }
}

async fn status(address: SocketAddr, stream: &str) -> Value {
    http::get(address, &format!("/api/v1/streams/{stream}")).await.json()["segments"].clone()
}

/// A figure of `/metrics`, by its name with labels.
async fn figure(address: SocketAddr, name: &str) -> f64 {
    let metrics = http::get(address, "/metrics").await;
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("{name} in {}", metrics.text())).parse().unwrap()
}

async fn until(address: SocketAddr, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(address, STREAM).await;
        if holds(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "never: {what}: {status}");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn play(show: &mut Show, archive: &mut Archive, address: SocketAddr, seconds: i64) {
    for _ in 0..seconds / 3 {
        show.play(3, SPEED).await;
        archive.follow(address).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_what_was_played_minutes_ago_comes_from_disk_as_it_was() {
    let disk = tempfile::tempdir().unwrap();
    let house = House::start(timeshift(disk.path(), 120_000, 24, 1_024)).await;
    let mut show = Show::publish(&house, STREAM, PICTURE);
    let mut archive = Archive::default();
    play(&mut show, &mut archive, house.http, 120).await;

    let status = until(house.http, "most of it is on disk", |status| status["spooled"].as_u64() > Some(50)).await;
    assert!(status["listed"].as_u64().unwrap() >= 118 && status["listed_ms"].as_i64().unwrap() > 117_000, "{status}");
    assert_eq!((status["evicted"].as_u64(), status["overflowed"].as_u64()), (Some(0), Some(0)), "{status}");
    assert!(status["memory_bytes"].as_u64().unwrap() <= 24 << 20, "{status}");
    let on_disk: u64 = volumes(disk.path()).values().sum();
    assert!(on_disk > 15 << 20 && on_disk.abs_diff(status["spool_bytes"].as_u64().unwrap()) < 2 << 20, "{on_disk}: {status}");
    assert!(figure(house.http, "sluicegate_spool_used_bytes").await > (15 << 20) as f64);
    assert!(figure(house.http, "sluicegate_segments_memory_used_bytes").await < (25 << 20) as f64);
    assert_eq!(figure(house.http, "sluicegate_spool_errors_total{what=\"write\"}").await, 0.0);
    assert!(archive.compare(house.http).await >= 236, "all that is listed is there");

    // The oldest is on disk: parts of it, and what it is without it.
    let oldest = &listed(house.http, "v0").await[0];
    let (path, whole) = (format!("/{STREAM}/{oldest}"), &archive.0[oldest]);
    let head = http::request(house.http, "HEAD", &path, "").await;
    assert_eq!((head.status, head.field("content-length")), (200, whole.len().to_string().as_str()));
    for range in [0..=0, 0..=262_143, 262_143..=262_144, 299_000..=whole.len() - 1] {
        let field = format!("Range: bytes={}-{}\r\n", range.start(), range.end());
        let answer = http::request(house.http, "GET", &path, &field).await;
        assert_eq!((answer.status, answer.body.as_slice()), (206, &whole[range.clone()]));
        assert_eq!(answer.field("content-range"), format!("bytes {}-{}/{}", range.start(), range.end(), whole.len()));
    }
    let behind = http::request(house.http, "GET", &path, "Range: bytes=9999999-\r\n").await;
    assert_eq!((behind.status, behind.field("content-range")), (416, format!("bytes */{}", whole.len()).as_str()));

    // A disk that is gone is no reason to hang up without a word.
    fs::rename(folder(disk.path()), disk.path().join("away")).unwrap();
    http::get(house.http, &path).await.assert_problem(503);
    fs::rename(disk.path().join("away"), folder(disk.path())).unwrap();
    assert_eq!(http::get(house.http, &path).await.body, *whole);
    assert_eq!(figure(house.http, "sluicegate_spool_errors_total{what=\"read\"}").await, 1.0);
    house.stop().await;
    assert!(volumes(disk.path()).is_empty(), "nothing survives the gateway");
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_full_spool_lets_go_of_the_oldest_and_tells_so() {
    let disk = tempfile::tempdir().unwrap();
    let house = House::start(timeshift(disk.path(), 120_000, 24, 8)).await;
    let mut show = Show::publish(&house, STREAM, PICTURE);
    let mut archive = Archive::default();
    play(&mut show, &mut archive, house.http, 100).await;
    let status = until(house.http, "the spool is full", |status| status["overflowed"].as_u64() > Some(0)).await;
    assert!(volumes(disk.path()).values().sum::<u64>() <= 8 << 20);
    assert!(status["listed"].as_u64().unwrap() < 90, "{status}");
    assert!(figure(house.http, "sluicegate_segment_deviations_total{kind=\"overflowed_segment\"}").await > 0.0);
    // It goes on like this: what is listed is there, from the oldest to the newest.
    show.play(3, SPEED).await;
    let count = archive.compare(house.http).await;
    assert!(count >= 100, "{count}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_disk_that_takes_nothing_costs_history_and_not_the_live_edge() {
    let disk = tempfile::tempdir().unwrap();
    let house = House::start(timeshift(disk.path(), 120_000, 24, 1_024)).await;
    let mut show = Show::publish(&house, STREAM, PICTURE);
    let mut archive = Archive::default();
    play(&mut show, &mut archive, house.http, 81).await;
    until(house.http, "the first are on disk", |status| status["spooled"].as_u64() > Some(0)).await;
    // Whatever file it wants to make next, something else is in its place. One that is being filled goes on.
    (1..500).for_each(|number| drop(fs::create_dir(folder(disk.path()).join(format!("{number}.segments")))));
    let oldest = listed(house.http, "v0").await[0].clone();
    play(&mut show, &mut archive, house.http, 75).await;
    let status = until(house.http, "memory is full", |status| status["evicted"].as_u64() > Some(0)).await;
    assert!(figure(house.http, "sluicegate_spool_errors_total{what=\"write\"}").await > 0.0);
    assert!(status["memory_bytes"].as_u64().unwrap() <= 24 << 20, "{status}");
    let count = archive.compare(house.http).await;
    assert!((30..200).contains(&count), "{count} listed: {status}");
    assert_ne!(listed(house.http, "v0").await[0], oldest, "a playlist has no holes");
    assert_eq!(hls::fetch(house.http, STREAM, &oldest).await, archive.0[&oldest], "who still lists what is on disk gets it");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_streams_share_memory_and_who_has_least_keeps_it_all() {
    let mut config = config();
    (config.segments.segment_ms, config.segments.window_ms, config.segments.total_memory_bytes) = (1_000, 120_000, 8 << 20);
    let house = House::start(config).await;
    let (mut large, mut small) = (Show::publish(&house, STREAM, PICTURE), Show::publish(&house, "live/small", PICTURE / 10));
    tokio::join!(large.play(60, SPEED), small.play(60, SPEED));
    let (large, small) = (status(house.http, STREAM).await, status(house.http, "live/small").await);
    assert!(large["evicted"].as_u64() > Some(20) && large["listed"].as_u64() > Some(10), "{large}");
    assert_eq!((small["evicted"].as_u64(), small["listed"].as_u64() > Some(55)), (Some(0), true), "{small}");
    let held = [&large, &small].map(|status| status["memory_bytes"].as_u64().unwrap()).iter().sum::<u64>();
    assert!((6 << 20..=8 << 20).contains(&held), "{large} {small}");
    assert!(figure(house.http, "sluicegate_segments_memory_used_bytes").await <= (9 << 20) as f64);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_cleans_up_and_a_second_gateway_is_told_why_not() {
    let disk = tempfile::tempdir().unwrap();
    let path = disk.path().to_str().unwrap();
    let environment = [("SLUICEGATE_SEGMENTS_SPOOL", path)];
    let first = Program::serve(&[], &environment).await;
    let arguments = ["serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let (started, _, log) = house::run(&arguments, &environment);
    assert!(!started && log.contains("is used by another gateway that is running; give each a directory of its own"), "{log}");
    assert!(log.contains(&format!("segments.spool = \"{path}\"")), "{log}");
    first.signal("KILL");
    first.left().await;

    // What a gateway leaves behind that was killed, and what it would never have made.
    for name in ["1.segments", "23.segments", "photos.zip"] {
        fs::write(folder(disk.path()).join(name), name).unwrap();
    }
    let second = Program::serve(&[], &environment).await;
    assert_eq!(volumes(disk.path()).into_keys().collect::<Vec<_>>(), ["photos.zip"]);
    second.signal("TERM");
    let (status, _, log) = second.left().await;
    assert!(status.success() && log.contains("photos.zip") && log.contains("is left alone"), "{log}");

    fs::remove_file(folder(disk.path()).join("SPOOL")).unwrap();
    let (started, _, log) = house::run(&arguments, &environment);
    assert!(!started && log.contains("choose another directory"), "{log}");
    assert!(folder(disk.path()).join("photos.zip").exists());
    let (started, _, log) = house::run(&arguments, &[("SLUICEGATE_SEGMENTS_SPOOL", "/proc/no/such")]);
    assert!(!started && log.contains("its parent must be there"), "{log}");
}
