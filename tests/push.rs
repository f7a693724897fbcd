//! The endless exits on real sockets.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall say where")]

#[path = "push/age.rs"]
mod age;
#[path = "push/client.rs"]
mod client;
#[path = "push/forms.rs"]
mod forms;
#[path = "push/show.rs"]
mod show;
#[path = "push/station.rs"]
mod station;

use std::time::{Duration, Instant};

use client::{Http, bare_tags, tags};
use futures_util::{SinkExt, StreamExt};
use show::{GOP, Show, until};
use sluicegate::bus::{Cause, Why};
use sluicegate::egress;
use station::{Settings, Station};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

type WebSocket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn on_air(settings: Settings) -> (Station, Show) {
    let station = Station::start(settings).await;
    let mut show = station.publish("show");
    show.head(1280, Why::Joined);
    show.send(GOP + 10);
    (station, show)
}

async fn websocket(station: &Station, path: &str) -> WebSocket {
    tokio_tungstenite::connect_async(format!("ws://{}{path}", station.address)).await.expect("the handshake is accepted").0
}

async fn message(socket: &mut WebSocket) -> Message {
    let next = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("the server fell silent");
    next.expect("the connection ended").expect("the frames are legal")
}

async fn close_code(socket: &mut WebSocket) -> u16 {
    loop {
        if let Message::Close(frame) = message(socket).await {
            return frame.expect("a code").code.into();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_viewer_starts_at_the_newest_keyframe_and_gets_the_same_bytes() {
    let (station, mut show) = on_air(Settings::default()).await;
    let mut viewers = Vec::new();
    for _ in 0..5 {
        let mut http = Http::connect(station.address).await;
        http.get("/live/show.flv").await;
        let head = http.head().await;
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        for field in
            ["content-type: video/x-flv", "cache-control: no-store", "transfer-encoding: chunked", "access-control-allow-origin: *"]
        {
            assert!(head.contains(field), "{head}");
        }
        viewers.push(http);
    }
    station.until_viewers("show", 5).await;
    show.send(2 * GOP);
    let keyframe = 1_000;
    show.finish();
    let mut first: Option<Vec<u8>> = None;
    for http in &mut viewers {
        let flv = http.all_chunks().await;
        let tags = tags(&flv);
        assert_eq!(tags.iter().map(|t| t.kind).take(4).collect::<Vec<_>>(), [18, 9, 8, 9]);
        assert!(tags[1].is_config() && tags[2].is_config() && tags[3].is_keyframe());
        assert_eq!(tags[3].time, keyframe, "the stream's own time");
        let pictures = tags.iter().filter(|t| t.kind == 9 && !t.is_config());
        assert_eq!(pictures.count() as i64, 10 + 2 * GOP, "not one is missing");
        assert!(tags.iter().filter(|t| t.kind == 9).map(|t| t.time).is_sorted());
        assert_eq!(first.get_or_insert_with(|| flv.clone()), &flv);
        assert!(http.rest().await.is_empty(), "the connection closes behind the last chunk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_gets_the_same_bytes_from_memory_that_it_shares_wherever_a_socket_was_full() {
    const CROWD: usize = 24;
    let egress = egress::Options { merge_min_ms: 40, ..Default::default() };
    let (station, mut show) = on_air(Settings { egress, ..Default::default() }).await;
    let mut viewers = Vec::new();
    for _ in 0..CROWD {
        let mut http = Http::connect(station.address).await;
        http.get("/live/show.flv").await;
        http.head().await;
        viewers.push(http);
    }
    station.until_viewers("show", CROWD as u64).await;
    show.size = 20_000;
    for _ in 0..3 {
        let sent = station.policy.counters.bytes.get();
        show.send(1);
        until(|| station.policy.counters.bytes.get() - sent >= (CROWD * show.size) as u64).await;
    }
    // More than a socket takes while nobody reads, and less than a viewer may lag.
    show.send(GOP);
    show.finish();
    let mut first: Option<Vec<u8>> = None;
    for http in &mut viewers {
        let flv = http.all_chunks().await;
        assert_eq!(tags(&flv).iter().filter(|tag| tag.kind == 9 && !tag.is_config()).count() as i64, 10 + 3 + GOP);
        assert!(*first.get_or_insert_with(|| flv.clone()) == flv, "each gets the same");
    }
    let (shared, bytes) = (station.policy.counters.shared.get(), station.policy.counters.bytes.get());
    assert_eq!(shared > 0, cfg!(target_os = "linux"));
    assert!(shared < bytes, "a few were written to, and so was what did not fit");
    assert_eq!(station.policy.counters.skips.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_of_the_old_protocol_gets_bare_bytes_until_the_connection_closes() {
    let (station, show) = on_air(Settings::default()).await;
    let mut http = Http::connect(station.address).await;
    http.send("GET /live/show.flv HTTP/1.0\r\n\r\n").await;
    let head = http.head().await;
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert_eq!(http.exactly(4).await, b"FLV\x01");
    drop(show);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_asks_to_close_afterwards_still_gets_the_chunk_that_tells_the_end() {
    let (station, show) = on_air(Settings::default()).await;
    let mut http = Http::connect(station.address).await;
    http.send("GET /live/show.flv HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await;
    let head = http.head().await;
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(http.chunk().await.starts_with(b"FLV\x01"));
    show.finish();
    while !http.chunk().await.is_empty() {}
    assert!(http.rest().await.is_empty(), "the connection closes behind the last chunk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_ask_for_other_things_first_even_without_waiting_for_them() {
    let (station, _show) = on_air(Settings::default()).await;
    let mut kept = Http::connect(station.address).await;
    for _ in 0..2 {
        kept.get("/hello").await;
        assert!(kept.head().await.contains("content-length: 5"));
        assert_eq!(kept.exactly(5).await, b"hello");
    }
    kept.get("/live/show.flv").await;
    assert!(kept.head().await.contains("video/x-flv"));
    assert!(tags(&kept.chunked(2_000).await).len() > 3);

    let mut pipelined = Http::connect(station.address).await;
    let hello = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n";
    pipelined.send(&format!("{hello}{hello}GET /live/show.flv HTTP/1.1\r\nHost: test\r\n\r\n{hello}")).await;
    for _ in 0..2 {
        pipelined.head().await;
        assert_eq!(pipelined.exactly(5).await, b"hello");
    }
    assert!(pipelined.head().await.contains("video/x-flv"));
    assert!(tags(&pipelined.chunked(2_000).await).len() > 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_with_content_is_refused_and_told_why() {
    let (station, _show) = on_air(Settings::default()).await;
    for content in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"] {
        for address in [station.address, station.plain] {
            let mut http = Http::connect(address).await;
            let upgrade =
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
            http.send(&format!("GET /live/show.flv HTTP/1.1\r\nHost: test\r\n{upgrade}\r\n{content}")).await;
            let head = http.head().await;
            assert!(head.starts_with("http/1.1 400"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length").parse().unwrap();
            let told = String::from_utf8(http.exactly(length).await).unwrap();
            assert!(told.contains("a WebSocket handshake has no content"), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_server_that_keeps_its_sockets_the_same_media_flows() {
    let (station, mut show) = on_air(Settings::default()).await;
    let mut http = Http::connect(station.plain).await;
    http.get("/live/show.flv").await;
    assert!(http.head().await.contains("video/x-flv"));
    let flv = http.chunked(2_000).await;
    assert_eq!(tags(&flv)[3].time, show.newest_keyframe_ms());

    let url = format!("ws://{}/live/show.flv", station.plain);
    let mut socket = tokio_tungstenite::connect_async(url).await.expect("the handshake is accepted").0;
    assert!(message(&mut socket).await.into_data().starts_with(b"FLV"));
    station.until_viewers("show", 2).await;
    show.send(1);
    show.finish();
    assert_eq!(close_code(&mut socket).await, 1000);
    while !http.chunk().await.is_empty() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_reads_is_cut_off_and_the_others_do_not_notice() {
    let egress = egress::Options { stuck_s: 1, ..Default::default() };
    let (station, mut show) = on_air(Settings { egress, ..Default::default() }).await;
    show.size = 60_000;
    let mut stuck = Http::connect(station.address).await;
    socket2::SockRef::from(&stuck.io).set_recv_buffer_size(64 << 10).unwrap();
    stuck.get("/live/show.flv").await;
    let mut reader = Http::connect(station.address).await;
    reader.get("/live/show.flv").await;
    reader.head().await;
    station.until_viewers("show", 2).await;
    let reads = tokio::spawn(async move {
        let mut flv = Vec::new();
        loop {
            let chunk = reader.chunk().await;
            if chunk.is_empty() {
                return flv;
            }
            flv.extend(chunk);
        }
    });
    let begin = Instant::now();
    while station.policy.counters.stuck.get() == 0 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the stuck viewer is still there");
        show.send(3);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    station.until_viewers("show", 1).await;
    show.finish();
    let tags = tags(&reads.await.unwrap());
    let times: Vec<_> = tags.iter().filter(|t| t.kind == 9 && !t.is_config()).map(|t| t.time).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 34), "the reader missed a picture");
    assert_eq!(station.policy.counters.stuck.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_viewer_skips_to_a_keyframe_with_its_configuration() {
    let egress = egress::Options { max_lag_ms: 500, stuck_s: 60, ..Default::default() };
    let (station, mut show) = on_air(Settings { egress, ..Default::default() }).await;
    show.size = 60_000;
    let mut slow = Http::connect(station.address).await;
    socket2::SockRef::from(&slow.io).set_recv_buffer_size(64 << 10).unwrap();
    slow.get("/live/show.flv").await;
    slow.head().await;
    station.until_viewers("show", 1).await;
    // Much more than sockets hold while nobody reads, at a pace at which the feed is not overtaken.
    for _ in 0..8 * GOP {
        show.send(1);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut flv = Vec::new();
    while station.policy.counters.skips.get() == 0 {
        flv.extend(slow.chunk().await);
    }
    show.send(1);
    show.finish();
    loop {
        let chunk = slow.chunk().await;
        if chunk.is_empty() {
            break;
        }
        flv.extend(chunk);
    }
    let tags = tags(&flv);
    let again = tags.iter().rposition(|t| t.kind == 18).unwrap();
    assert!(again > 0, "metadata came again behind the skip");
    assert!(tags[again + 1].is_config() && tags[again + 2].is_config() && tags[again + 3].is_keyframe());
    // Metadata is of no moment: it always says zero.
    let times: Vec<_> = tags.iter().filter(|t| t.kind == 9).map(|t| t.time).collect();
    assert!(times.is_sorted(), "time never runs backwards");
    assert!(station.policy.counters.skipped_entries.get() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_leaves_is_let_go_at_once_whether_it_closes_resets_or_half_closes() {
    let (station, _show) = on_air(Settings::default()).await;
    for how in 0..3 {
        let mut http = Http::connect(station.address).await;
        http.get("/live/show.flv").await;
        http.head().await;
        station.until_viewers("show", 1).await;
        match how {
            0 => drop(http),
            1 => {
                socket2::SockRef::from(&http.io).set_linger(Some(Duration::ZERO)).unwrap();
                drop(http);
            }
            _ => {
                tokio::io::AsyncWriteExt::shutdown(&mut http.io).await.unwrap();
                http.rest().await;
            }
        }
        station.until_viewers("show", 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_flv_has_one_tag_in_each_message_and_answers_control_frames() {
    let (station, mut show) = on_air(Settings::default()).await;
    let mut socket = websocket(&station, "/live/show.flv").await;
    let opening = message(&mut socket).await.into_data();
    assert_eq!(tags(&opening).iter().map(|t| t.kind).collect::<Vec<_>>(), [18, 9, 8]);
    let first = bare_tags(&message(&mut socket).await.into_data());
    assert!(first.len() == 1 && first[0].is_keyframe());
    socket.send(Message::Ping("are you there".into())).await.unwrap();
    loop {
        if let Message::Pong(payload) = message(&mut socket).await {
            assert_eq!(&payload[..], b"are you there");
            break;
        }
    }
    show.send(1);
    show.finish();
    assert_eq!(close_code(&mut socket).await, 1000);
    // The client's library answers the close by itself; then the server closes.
    while socket.next().await.is_some_and(|next| next.is_ok()) {}
    station.until_viewers("show", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_client_that_says_goodbye_or_talks_too_much_is_let_go() {
    let (station, _show) = on_air(Settings::default()).await;
    let mut polite = websocket(&station, "/live/show.flv").await;
    polite.close(None).await.unwrap();
    while polite.next().await.is_some_and(|next| next.is_ok()) {}
    station.until_viewers("show", 0).await;

    let mut talker = websocket(&station, "/live/show.flv").await;
    talker.send(Message::binary(vec![0; 5_000])).await.unwrap();
    assert_eq!(close_code(&mut talker).await, 1009);
    drop(talker);
    station.until_viewers("show", 0).await;
    assert_eq!(station.policy.counters.misbehaved.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_answer_pings_is_let_go() {
    let egress = egress::Options { ping_s: 1, pong_s: 1, ..Default::default() };
    let (station, _show) = on_air(Settings { egress, ..Default::default() }).await;
    let socket = websocket(&station, "/live/show.flv").await;
    // Not polled, so that its library answers nothing.
    until(|| station.policy.counters.silent.get() == 1).await;
    station.until_viewers("show", 0).await;
    drop(socket);
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_come_behind_their_introduction_and_again_when_the_configuration_changes() {
    let (station, mut show) = on_air(Settings::default()).await;
    let mut socket = websocket(&station, "/live/show.mp4").await;
    let introduction =
        |message: Message| -> serde_json::Value { serde_json::from_str(message.to_text().expect("a text message")).unwrap() };
    let init = introduction(message(&mut socket).await);
    assert_eq!(init["type"], "init");
    assert_eq!(init["mime"], "video/mp4; codecs=\"avc1.64001f,mp4a.40.2\"");
    assert_eq!((&init["why"], &init["base_ms"]), (&"joined".into(), &1_000.into()));
    assert_eq!(init["tracks"][0]["id"], "v0");
    assert_eq!(init["tracks"][0]["width"], 1280);
    assert_eq!(init["tracks"][1]["sample_rate"], 48_000);
    assert_eq!(&message(&mut socket).await.into_data()[4..8], b"ftyp");
    assert_eq!(&message(&mut socket).await.into_data()[4..8], b"moof");
    show.head(1920, Why::Config);
    // The next picture but nineteen is a keyframe.
    show.send(GOP);
    show.head(1920, Why::Break(Cause::Publisher));
    show.send(GOP);
    let mut whys = Vec::new();
    while whys.len() < 2 {
        let next = message(&mut socket).await;
        if next.is_text() {
            let again = introduction(next);
            assert_eq!(again["tracks"][0]["width"], 1920);
            whys.push(again["why"].as_str().unwrap().to_owned());
            assert_eq!(&message(&mut socket).await.into_data()[4..8], b"ftyp");
        }
    }
    assert_eq!(whys, ["config", "break"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_servers_players_are_spoken_to_in_their_dialects() {
    let (station, _show) = on_air(Settings::default()).await;
    let mut vdk = websocket(&station, "/live/show.mp4?fmt=vdk").await;
    assert_eq!(&message(&mut vdk).await.into_data()[..], b"\x09avc1.64001f,mp4a.40.2");
    assert_eq!(&message(&mut vdk).await.into_data()[4..8], b"ftyp");

    let mut raw = websocket(&station, "/live/show.mp4?fmt=raw").await;
    assert_eq!(&message(&mut raw).await.into_data()[4..8], b"ftyp");

    let mut go2rtc = websocket(&station, "/live/show.mp4?fmt=go2rtc").await;
    go2rtc.send(Message::text(r#"{"type":"mse","value":"avc1.640029,mp4a.40.2"}"#)).await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(message(&mut go2rtc).await.to_text().unwrap()).unwrap();
    assert_eq!(answer, serde_json::json!({ "type": "mse", "value": "video/mp4; codecs=\"avc1.64001f,mp4a.40.2\"" }));
    assert_eq!(&message(&mut go2rtc).await.into_data()[4..8], b"ftyp");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_progressive_file_ends_where_its_configuration_would_change() {
    let (station, mut show) = on_air(Settings::default()).await;
    let mut http = Http::connect(station.address).await;
    http.get("/live/show.mp4").await;
    assert!(http.head().await.contains("content-type: video/mp4"));
    let start = http.chunked(2_000).await;
    assert_eq!(&start[4..8], b"ftyp");
    show.head(1280, Why::Break(Cause::Publisher));
    show.send(GOP);
    show.head(1920, Why::Config);
    show.send(GOP);
    while !http.chunk().await.is_empty() {}
    assert!(http.rest().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_settle_and_one_that_is_not_there_are_told_apart() {
    let settings = Settings { push: sluicegate::http::push::Options { join_wait_ms: 50, ..Default::default() }, ..Default::default() };
    let station = Station::start(settings).await;
    let _show = station.publish("show");
    for (path, status) in [("/live/show.flv", "503"), ("/live/other.flv", "404"), ("/live/show.mp4?fmt=avi", "400")] {
        let mut http = Http::connect(station.address).await;
        http.get(path).await;
        let head = http.head().await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert!(head.contains("application/problem+json"), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_may_wait_for_a_stream_that_is_about_to_begin() {
    let station = Station::start(Settings::default()).await;
    let mut show = station.publish("show");
    let mut http = Http::connect(station.address).await;
    http.get("/live/show.flv").await;
    // The request is on its way while the tracks become known; both orders must work.
    show.head(1280, Why::Joined);
    show.send(2);
    http.head().await;
    assert_eq!(tags(&http.chunked(1_000).await)[3].time, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_wants_the_live_edge_waits_for_the_next_keyframe() {
    let (station, mut show) = on_air(Settings::default()).await;
    let mut http = Http::connect(station.address).await;
    http.get("/live/show.flv?start=live").await;
    // The answer begins before there is any media for it.
    http.head().await;
    show.send(GOP);
    let flv = http.chunked(1_000).await;
    assert_eq!(tags(&flv)[3].time, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_tells_the_fields_and_leaves_the_connection_open() {
    let (station, _show) = on_air(Settings::default()).await;
    let mut http = Http::connect(station.address).await;
    for _ in 0..2 {
        http.send("HEAD /live/show.flv HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert!(http.head().await.contains("video/x-flv"));
    }
    assert_eq!(station.viewers("show"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_is_cut_off() {
    let driver = sluicegate::http::driver::Options { head_s: 1, ..Default::default() };
    let (station, _show) = on_air(Settings { driver, ..Default::default() }).await;
    let mut http = Http::connect(station.address).await;
    http.send("GET /live/show.flv HTTP/1.1\r\nHost: te").await;
    assert!(http.rest().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_break_the_rules_are_refused_before_the_upgrade() {
    let (station, _show) = on_air(Settings::default()).await;
    let mut request = format!("ws://{}/live/show.flv", station.address).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-version", "12".parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 426),
        other => panic!("{other:?}"),
    }
}
