//! What the console is told by server-sent events.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::house::{House, config};
use crate::support::show::Show;
use crate::support::{PATIENCE, http};

const EVENTS: &str = "/api/v1/events";
/// As many may listen at once.
const MOST: usize = 64;

/// Somebody who listens.
struct Listener(BufReader<TcpStream>);

impl Listener {
    async fn begin(address: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(format!("GET {EVENTS} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.unwrap();
        Self(BufReader::new(socket))
    }

    /// The next event of that name; none when there will be no more.
    async fn next(&mut self, name: &str) -> Option<serde_json::Value> {
        let wanted = format!("event: {name}");
        let mut is_next = false;
        loop {
            let mut line = String::new();
            if timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("a line, or the end").ok()? == 0 {
                return None;
            }
            match line.strip_prefix("data: ") {
                Some(data) if is_next => return Some(serde_json::from_str(data).unwrap()),
                Some(_) => is_next = false,
                None => is_next |= line.trim_end() == wanted,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_hears_of_a_stream_as_it_comes_and_how_it_does() {
    let house = House::start(config()).await;
    let mut console = Listener::begin(house.http).await;
    assert_eq!(console.next("history").await.unwrap(), serde_json::json!({}));
    let told = console.next("streams").await.unwrap();
    let entrance = serde_json::json!({ "rtmp": house.gateway.rtmp.port(), "rtmps": null, "app": "live", "key": false });
    assert_eq!(told, serde_json::json!({ "streams": [], "publish": entrance }));

    let mut show = Show::publish(&house, "live/show", 5_000);
    let told = timeout(Duration::from_secs(2), console.next("streams")).await.expect("within two seconds").unwrap();
    assert_eq!((&told["streams"][0]["name"], &told["streams"][0]["state"]), (&"show".into(), &"live".into()));
    show.play(4, 1).await;
    let stream = loop {
        let told = console.next("streams").await.unwrap()["streams"][0].clone();
        if told["figures"]["frame_rate"].is_f64() && told["figures"]["keyframe_ms"].is_i64() {
            break told;
        }
    };
    assert_eq!((&stream["figures"]["keyframe_ms"], &stream["figures"]["b_frames"]), (&1_000.into(), &false.into()));
    assert_eq!(stream["warnings"], serde_json::json!([]), "{stream}");

    let mut second = Listener::begin(house.http).await;
    let history = second.next("history").await.unwrap();
    let points = history["live/show"].as_array().unwrap();
    assert!(points.len() >= 3 && points.iter().all(|point| point.as_array().unwrap().len() == 6), "{history}");
    // They end with the gateway, in order.
    drop(show);
    house.stop().await;
    while console.next("streams").await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_may_listen_and_a_seat_is_free_again() {
    let house = House::start(config()).await;
    let mut listeners = Vec::new();
    for _ in 0..MOST {
        let mut listener = Listener::begin(house.http).await;
        listener.next("history").await.unwrap();
        listeners.push(listener);
    }
    let problem = http::get(house.http, EVENTS).await.assert_problem(503);
    assert!(problem.contains("64"), "{problem}");
    drop(listeners.pop());
    // Its seat is free once the next message finds nobody there.
    let mut late = Listener::begin(house.http).await;
    while late.next("history").await.is_none() {
        late = Listener::begin(house.http).await;
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_for_operators_alone() {
    let mut config = config();
    config.http.admin_token = "secret".into();
    let house = House::start(config).await;
    http::get(house.http, EVENTS).await.assert_problem(401);
    http::get(house.http, "/api/v1/streams/live/show/thumbnail.mp4").await.assert_problem(401);
    let authorised = http::request(house.http, "GET", "/api/v1/streams/live/show/thumbnail.mp4", "Authorization: Bearer secret\r\n").await;
    authorised.assert_problem(404);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_nothing_inline_and_the_component_may_be_loaded_from_elsewhere() {
    let house = House::start(config()).await;
    // The console takes a token, so no other page may frame it.
    for (path, frames) in [("/", "'self'"), ("/watch/live/show", "*"), ("/embed/live/show", "*")] {
        let page = http::get(house.http, path).await;
        assert_eq!((page.status, page.field("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        let policy = page.field("content-security-policy");
        assert!(policy.contains("script-src 'self'; style-src 'self'"), "{path}");
        assert!(policy.ends_with(&format!("; frame-ancestors {frames}")), "{path}: {policy}");
        let has_inline = page.text().split("<script").skip(1).any(|tag| !tag.contains(" src="));
        assert!(!has_inline && !page.text().contains("style="), "{path}: {}", page.text());
    }
    let element = http::get(house.http, "/sluicegate-player.js").await;
    assert_eq!(element.field("access-control-allow-origin"), "*");
    // Nothing but the build makes it.
    if sluicegate::http::assets::built() {
        assert_eq!((element.status, element.field("content-type")), (200, "text/javascript; charset=utf-8"));
    } else {
        element.assert_problem(404);
    }
    house.stop().await;
}
