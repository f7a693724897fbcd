//! What operators and pages can ask.

use std::time::{Duration, Instant};

use sluicegate::http::admin::LIMITS;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::house::{House, config, until_media};
use crate::support::{PATIENCE, http, media};

const STREAM: &str = "live/show";

#[tokio::test(flavor = "multi_thread")]
async fn realtime_the_api_tells_of_a_stream_and_sends_its_publisher_away() {
    let house = House::start(config()).await;
    let publisher = house.publish(&media::clip("bframes"), STREAM, "30");
    let stream = house.stream(STREAM).await;
    until_media(&stream, 1_500).await;
    let address = house.http;
    let watching = tokio::spawn(async move { http::get(address, "/live/show.flv").await });
    while stream.viewers(Instant::now()).values().sum::<u64>() == 0 {
        sleep(Duration::from_millis(20)).await;
    }

    // Players of playlists and manifests come and go: one that asks for two playlists is one viewer.
    for path in ["/live/show/v0.m3u8", "/live/show/a0.m3u8", "/live/show/manifest.mpd"] {
        assert_eq!(http::get(address, path).await.status, 200);
    }
    let list = http::get(address, "/api/v1/streams").await;
    assert_eq!((list.status, list.field("content-type"), list.field("cache-control")), (200, "application/json", "no-store"));
    assert_eq!(list.field("access-control-allow-origin"), "", "pages of other origins have no business here");
    let list = list.json();
    let [told] = list["streams"].as_array().unwrap().as_slice() else { panic!("one stream: {list}") };
    assert_eq!((&told["app"], &told["name"], &told["state"]), (&"live".into(), &"show".into(), &"live".into()));
    assert!(told["uptime_ms"].as_u64().unwrap() >= 1_000, "{told}");
    assert_eq!(told["publisher"]["protocol"], "rtmp");
    assert!(told["publisher"]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(told["viewers"], serde_json::json!({ "http_flv": 1, "hls": 1, "dash": 1 }));
    assert!(told["received"]["bytes"].as_u64().unwrap() > 50_000, "{told}");
    assert_eq!((&told["received"]["dropped"], &told["received"]["repaired"]), (&0.into(), &0.into()));
    let tracks = told["tracks"].as_array().unwrap();
    let of = |kind: &str| tracks.iter().find(|track| track["kind"] == kind).unwrap();
    let (video, audio) = (of("video"), of("audio"));
    assert!(video["codec"].as_str().unwrap().starts_with("avc1.64"), "{video}");
    assert_eq!((&video["width"], &video["height"], &video["codec_name"]), (&640.into(), &360.into(), &"H.264".into()));
    assert_eq!((&audio["codec"], &audio["sample_rate"], &audio["channels"]), (&"mp4a.40.2".into(), &48_000.into(), &2.into()));
    let rate = video["bit_rate"].as_u64().unwrap();
    assert!((100_000..3_000_000).contains(&rate), "{rate}");
    let alone = http::get(address, "/api/v1/streams/live/show").await.json();
    // Bit rates move between two looks.
    let codecs = |status: &serde_json::Value| -> Vec<_> {
        status["tracks"].as_array().unwrap().iter().map(|track| (track["id"].clone(), track["codec"].clone())).collect()
    };
    assert_eq!((&alone["name"], codecs(&alone)), (&told["name"], codecs(told)));

    let watchers = http::get(address, "/api/v1/streams/live/show/viewers").await.json();
    let [watcher] = watchers["viewers"].as_array().unwrap().as_slice() else { panic!("one stays connected: {watchers}") };
    assert_eq!((&watchers["total"], &watcher["exit"], &watcher["skips"]), (&1.into(), &"http_flv".into(), &0.into()));
    assert!(watcher["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{watcher}");
    assert!(watcher["joined_behind_ms"].as_i64().unwrap() > 0 && watcher["behind_ms"].as_i64().unwrap() < 1_000, "{watcher}");
    assert!(told["figures"]["in_bit_rate"].as_u64().unwrap() > 50_000, "{told}");
    while http::get(address, "/api/v1/streams/live/show").await.json()["keyframe"].is_null() {
        sleep(Duration::from_millis(50)).await;
    }
    let thumbnail = http::get(address, "/api/v1/streams/live/show/thumbnail.mp4").await;
    assert_eq!((thumbnail.status, thumbnail.field("content-type")), (200, "video/mp4"));
    let file = tempfile::NamedTempFile::with_suffix(".mp4").unwrap();
    std::fs::write(file.path(), &thumbnail.body).unwrap();
    media::assert_decodes(file.path());

    let public = http::get(address, "/live/show/info.json").await;
    public.assert_fit_for_pages("application/json");
    assert!(!public.text().contains("127.0.0.1") && public.json().get("publisher").is_none(), "{}", public.text());
    assert_eq!(public.json()["exits"]["hls"], "/live/show/index.m3u8");
    check_metrics(http::get(address, "/metrics").await.text());

    http::request(address, "DELETE", "/api/v1/streams/live/nobody/publisher", "").await.assert_problem(404);
    http::request(address, "DELETE", "/api/v1/streams/live/show", "").await.assert_problem(405);
    let gone = http::request(address, "DELETE", "/api/v1/streams/live/show/publisher", "").await;
    assert_eq!(gone.status, 204);
    let told = timeout(PATIENCE, publisher.wait_with_output()).await.expect("FFmpeg leaves").unwrap();
    assert!(!told.status.success());
    while http::get(address, "/api/v1/streams/live/show").await.json()["state"] != "waiting" {
        sleep(Duration::from_millis(50)).await;
    }
    http::request(address, "DELETE", "/api/v1/streams/live/show/publisher", "").await.assert_problem(409);
    assert!(http::get(address, "/api/v1/streams/live/show").await.json()["publisher"].is_null());
    assert!(!watching.is_finished(), "viewers are held for the grace");
    watching.abort();
    house.stop().await;
}

/// Each line of the exposition is a comment or a name, labels and a number.
fn check_metrics(text: &str) {
    let mut names = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = name.split('{').next().unwrap();
        assert!(name.starts_with("sluicegate_") && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
        names.push(name.to_owned());
    }
    let workers = ["sluicegate_worker_viewers", "sluicegate_worker_merge_window_seconds"];
    for wanted in ["sluicegate_streams_live", "sluicegate_viewers", "sluicegate_received_bytes"].into_iter().chain(workers) {
        assert!(names.iter().any(|name| name == wanted), "{wanted} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_the_api_and_nothing_else_does() {
    let mut config = config();
    config.http.admin_token = "secret".into();
    let house = House::start(config).await;
    for path in ["/api/v1/streams", "/metrics", "/api/v1/streams/live/x", "/api/v1/streams/live/x/viewers"] {
        http::get(house.http, path).await.assert_problem(401);
        http::request(house.http, "GET", path, "Authorization: Bearer wrong\r\n").await.assert_problem(401);
    }
    assert_eq!(http::request(house.http, "GET", "/api/v1/streams", "Authorization: Bearer secret\r\n").await.status, 200);
    assert_eq!(http::get(house.http, "/healthz").await.text(), "ok\n");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_of_their_own_takes_api_and_metrics_off_the_public_one() {
    let mut config = config();
    config.http.admin = "127.0.0.1:0".into();
    let house = House::start(config).await;
    let admin = house.gateway.admin.unwrap();
    for path in ["/api/v1/streams", "/metrics"] {
        http::get(house.http, path).await.assert_problem(404);
        assert_eq!(http::get(admin, path).await.status, 200);
    }
    house.stop().await;
}

/// Nobody may keep operators out by holding connections, nor viewers by using up the open files.
#[tokio::test(flavor = "multi_thread")]
async fn their_own_listener_takes_so_many_operators_and_lets_go_of_those_who_never_ask() {
    let mut config = config();
    config.http.admin = "127.0.0.1:0".into();
    config.connections.head_s = 5;
    let house = House::start(config).await;
    let admin = house.gateway.admin.unwrap();
    let mut idle = Vec::new();
    for _ in 0..LIMITS.max_connections {
        idle.push(TcpStream::connect(admin).await.unwrap());
    }
    http::get(admin, "/metrics").await.assert_problem(503);
    assert_eq!(http::get(admin, "/healthz").await.text(), "ok\n", "it is well all the same");
    assert_eq!(http::get(house.http, "/time").await.status, 200, "viewers have places of their own");
    for mut socket in idle {
        let left = timeout(PATIENCE, socket.read(&mut [0])).await.expect("who never asks is let go");
        assert!(matches!(left, Ok(0) | Err(_)));
    }
    assert_eq!(http::get(admin, "/metrics").await.status, 200);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxied_request_is_not_taken_for_a_local_one() {
    let house = House::start(config()).await;
    http::request(house.http, "GET", "/metrics", "X-Forwarded-For: 192.0.2.1\r\n").await.assert_problem(403);
    assert_eq!(http::get(house.http, "/metrics").await.status, 200);
    let clock = http::get(house.http, "/time").await;
    assert_eq!((clock.status, clock.field("access-control-allow-origin")), (200, "*"));
    assert!(clock.text().ends_with('Z') && clock.text().contains('T'), "{}", clock.text());
    let preflight =
        http::request(house.http, "OPTIONS", "/live/x/index.m3u8", "Origin: http://a.example\r\nAccess-Control-Request-Method: GET\r\n")
            .await;
    assert_eq!((preflight.status, preflight.field("access-control-allow-origin")), (200, "*"));
    house.stop().await;
}
