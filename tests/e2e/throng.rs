//! Thousands of viewers who do not behave, by HTTP, WebSocket and RTMP, spread over several streams at once: they read nothing, reset their
//! connections, close half of them, or leave in the middle of a handshake. One publisher is lost among them and comes back. All of them end,
//! memory stays bounded, and the viewers beside them get everything.

use std::net::SocketAddr;
use std::time::Duration;

use sluicegate::rtmp::client::{Options, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::ingest_support::peer::Peer;
use crate::support::house::{Program, publish};
use crate::support::viewers::{Exit, narrow, narrow_socket, narrow_websocket};
use crate::support::{PATIENCE, http, media};

const STREAMS: [&str; 3] = ["live/one", "live/two", "live/lost"];
const RUDE: usize = 3_000;
/// How many begin at once.
const WAVE: usize = 100;
/// Descriptors that each process needs beside them.
const SPARE: u64 = 300;
const SECONDS: &str = "24";
/// What the program may grow by.
const MOST_KIB: u64 = RUDE as u64 * 64;
/// The deadline for those who take nothing (two seconds), that for HTTP, and as much again for a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(20);
const SETTINGS: [(&str, &str); 5] = [
    ("SLUICEGATE_EGRESS_STUCK_S", "2"),
    ("SLUICEGATE_EGRESS_UNSENT_KIB", "16"),
    ("SLUICEGATE_CONNECTIONS_HEAD_S", "3"),
    ("SLUICEGATE_RTMP_MAX_PENDING_PER_ADDRESS", "0"),
    ("SLUICEGATE_LOG_FILTER", "error"),
];

/// Reads nothing until it must have been sent away.
async fn stall(mut socket: TcpStream) {
    sleep(GONE_WITHIN / 2).await;
    let _ = socket.read_to_end(&mut Vec::new()).await;
}

/// A player of RTMP whose stream has begun; it has read no further.
async fn player(rtmp: SocketAddr, stream: &str) -> TcpStream {
    let (app, name) = stream.split_once('/').unwrap();
    let mut peer = Peer::over(narrow_socket(rtmp), Options::new(Role::Play, "127.0.0.1", app, name));
    peer.started().await;
    peer.socket
}

/// Watches in a way of its own, and is done when the connection is.
async fn misbehave(address: SocketAddr, rtmp: SocketAddr, number: usize) {
    let stream = STREAMS[number % STREAMS.len()];
    let path = if number.is_multiple_of(2) { format!("/{stream}.flv") } else { format!("/{stream}.mp4") };
    match number / 2 % 8 {
        0 | 1 => stall(narrow(address, &path).await).await,
        5 => stall(narrow_websocket(address, &path).await).await,
        6 => stall(player(rtmp, stream).await).await,
        7 => {
            let socket = player(rtmp, stream).await;
            sleep(Duration::from_millis(number as u64 % 700)).await;
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
        // Resets the connection with media on its way.
        2 => {
            let mut socket = narrow(address, &path).await;
            let _ = socket.read(&mut [0; 1_000]).await;
            sleep(Duration::from_millis(number as u64 % 700)).await;
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
        // Says that it will say no more, and reads on: for a player that is a goodbye.
        3 => {
            let mut socket = narrow(address, &path).await;
            let _ = socket.read(&mut [0; 1_000]).await;
            let _ = socket.shutdown().await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
        // Breaks off a WebSocket's handshake.
        _ => {
            let mut socket = TcpStream::connect(address).await.unwrap();
            let half = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
            let _ = socket.write_all(half.as_bytes()).await;
            if number.is_multiple_of(3) {
                let _ = socket.read_to_end(&mut Vec::new()).await;
            }
        }
    }
}

async fn viewers(program: &Program) -> u64 {
    let list = http::get(program.http, "/api/v1/streams").await.json();
    let counts = list["streams"].as_array().unwrap().iter().flat_map(|stream| stream["viewers"].as_object().unwrap().values());
    counts.filter_map(serde_json::Value::as_u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_thousands_who_stall_reset_or_half_close_cost_the_others_nothing() {
    let needed = RUDE as u64 + SPARE;
    let allowed = rlimit::increase_nofile_limit(needed).unwrap();
    assert!(allowed >= needed, "the system allows this process {allowed} open files");
    let dir = tempfile::tempdir().unwrap();
    let clip = media::clip("zerolatency");
    let sent = media::sent(&clip, SECONDS, dir.path());
    let program = Program::serve(&[], &SETTINGS).await;
    let mut publishers: Vec<_> = STREAMS.iter().map(|stream| publish(program.rtmp, &clip, stream, SECONDS)).collect();
    let address = program.http;
    for stream in STREAMS {
        while http::get(address, &format!("/{stream}/info.json")).await.status != 200 {
            sleep(Duration::from_millis(50)).await;
        }
    }
    let good: Vec<_> = STREAMS
        .iter()
        .flat_map(|stream| [Exit::HttpFlv, Exit::WsFlv, Exit::WsMp4].map(|exit| (*stream, exit)))
        .map(|(stream, exit)| (stream, exit, tokio::spawn(async move { exit.watch(address, stream).await })))
        .collect();
    while viewers(&program).await < good.len() as u64 {
        sleep(Duration::from_millis(50)).await;
    }
    let before = program.resident_kib();

    let (began, mut crowd) = (Instant::now(), JoinSet::new());
    for number in 0..RUDE {
        let rtmp = program.rtmp;
        crowd.spawn(async move { timeout(GONE_WITHIN, misbehave(address, rtmp, number)).await.expect("nobody is held for ever") });
        if number % WAVE == WAVE - 1 {
            sleep(Duration::from_millis(50)).await;
        }
    }
    // Without a goodbye, in the midst of them.
    let mut lost = publishers.pop().unwrap();
    lost.kill().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    publishers.push(publish(program.rtmp, &clip, STREAMS[2], SECONDS));
    let mut most = before;
    loop {
        match timeout(Duration::from_millis(200), crowd.join_next()).await {
            Ok(Some(left)) => left.unwrap(),
            Ok(None) => break,
            Err(_) => most = most.max(program.resident_kib()),
        }
    }
    println!("{RUDE} gone after {:?}; resident {before} KiB before, {most} KiB at most", began.elapsed());
    assert!(most - before <= MOST_KIB, "grew by {} KiB", most - before);
    while viewers(&program).await > good.len() as u64 {
        assert!(began.elapsed() < 2 * GONE_WITHIN, "some are still counted");
        sleep(Duration::from_millis(100)).await;
    }
    let metrics = http::get(address, "/metrics").await;
    let stuck = metrics.text().lines().find_map(|line| line.strip_prefix(r#"sluicegate_egress_disconnected_total{why="stuck"} "#)).unwrap();
    // Half of them take nothing, by HTTP, WebSocket and RTMP; without those of one protocol it would be less than this.
    assert!(stuck.parse::<usize>().unwrap() >= RUDE * 2 / 5, "{stuck} were sent away because they took nothing");

    for mut publisher in publishers {
        assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
    }
    for (stream, exit, viewer) in good {
        let label = format!("{stream} {exit:?}");
        let file = dir.path().join(label.replace('/', "-")).with_extension(if exit.is_flv() { "flv" } else { "mp4" });
        let recording = viewer.await.unwrap();
        assert!(recording.whole, "{label}: the end is said");
        std::fs::write(&file, recording.media).unwrap();
        let got = media::packets(&file);
        for is_video in [true, false] {
            let stretches = media::stretches(&label, &sent, &got, is_video);
            assert_eq!(stretches.len(), if stream == STREAMS[2] { 2 } else { 1 }, "{label}: {stretches:?}");
            assert!(stretches.last().unwrap().to_the_end, "{label}: {stretches:?}");
        }
    }
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success() && !log.contains("panicked"), "{log}");
}
