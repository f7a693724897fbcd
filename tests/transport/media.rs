//! Endless media over TLS and HTTP/2, and how connections end when the gateway does.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::Either;
use sluicegate::config::Config;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Http, Tag, bare_tags, tags};
use crate::house::{Begun, Client, House, PATIENCE, request};
use crate::raw::{self, Frame, GOAWAY, NO_ERROR, PING, Raw};
use crate::show::GOP;

async fn begin(client: &Client, path: &str) -> Begun {
    let begun = client.begin(request("GET", path, &[])).await.unwrap();
    assert_eq!(begun.status, 200);
    begun
}

/// What a viewer needs is there: the beginning, and every picture from the newest keyframe to the end.
fn assert_whole(tags: &[Tag], pictures: i64) {
    assert_eq!(tags.iter().map(|tag| tag.kind).take(4).collect::<Vec<_>>(), [18, 9, 8, 9]);
    assert!(tags[3].is_keyframe());
    assert_eq!(tags.iter().filter(|tag| tag.kind == 9 && !tag.is_config()).count() as i64, pictures);
}

#[tokio::test(flavor = "multi_thread")]
async fn flv_and_fragments_flow_by_https_and_http_2_as_they_do_by_http_1_1() {
    let house = House::start().await;
    let mut show = house.on_air().await;
    let by_tls = house.h2().await;
    let flv = [begin(&by_tls, "/live/show.flv").await, begin(&house.h2c().await, "/live/show.flv").await];
    let mp4 = begin(&by_tls, "/live/show.mp4").await;
    for (begun, mime) in flv.iter().map(|begun| (begun, "video/x-flv")).chain([(&mp4, "video/mp4")]) {
        assert_eq!(begun.fields["content-type"], mime);
        assert_eq!(begun.fields["access-control-allow-origin"], "*");
        assert!(!begun.fields.contains_key("content-length"));
    }
    let mut old = Http::over(house.certificate.connect(house.https, &[]).await);
    old.get("/live/show.flv").await;
    assert!(old.head().await.contains("transfer-encoding: chunked"));
    house.until_viewers(4).await;
    show.send(2 * GOP);
    show.finish();
    let pictures = 10 + 2 * GOP;
    // All at once: one that is not read would use up the window that they share.
    let read = |mut begun: Begun| tokio::spawn(async move { begun.rest().await.unwrap() });
    let (flv, mp4) = (flv.map(read), read(mp4));
    for begun in flv {
        assert_whole(&tags(&begun.await.unwrap()), pictures);
    }
    assert_eq!(&mp4.await.unwrap()[4..8], b"ftyp");
    let mut chunked = Vec::new();
    loop {
        let chunk = old.chunk().await;
        if chunk.is_empty() {
            break;
        }
        chunked.extend(chunk);
    }
    assert_whole(&tags(&chunked), pictures);
    assert!(old.rest().await.is_empty(), "the connection closes behind the last chunk");
    assert_eq!(by_tls.get("/healthz").await.status, 200, "others go on by the same connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_flv_flows_by_tls() {
    let house = House::start().await;
    let show = house.on_air().await;
    let stream = house.certificate.connect(house.https, &[b"http/1.1"]).await;
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/live/show.flv", stream).await.expect("the upgrade is accepted");
    let mut next = async || timeout(PATIENCE, socket.next()).await.expect("the server fell silent");
    assert_eq!(tags(&next().await.unwrap().unwrap().into_data()).iter().map(|tag| tag.kind).collect::<Vec<_>>(), [18, 9, 8]);
    assert!(bare_tags(&next().await.unwrap().unwrap().into_data())[0].is_keyframe());
    show.finish();
    loop {
        match next().await.expect("it ends with a goodbye").unwrap() {
            Message::Close(frame) => break assert_eq!(u16::from(frame.unwrap().code), 1000),
            _ => continue,
        }
    }
    // The client's library answers the close by itself; then the server closes, in TLS, too.
    while let Some(message) = next().await {
        message.expect("the end is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_takes_its_request_back_is_let_go_and_its_connection_stays() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let client = house.h2().await;
    let mut begun = begin(&client, "/live/show.flv").await;
    begun.piece().await.unwrap().unwrap();
    house.until_viewers(1).await;
    drop(begun);
    house.until_viewers(0).await;
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_that_is_waited_for_holds_its_place_until_it_comes_or_the_player_leaves() {
    let house = House::with(|config| config.segments.max_held = 1).await;
    let mut show = house.on_air().await;
    let client = house.h2().await;
    let listed = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let first: u64 = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).unwrap().parse().unwrap();
        first + text.lines().filter(|line| line.starts_with("#EXTINF")).count() as u64
    };
    let next = listed(&client.get("/live/show/v0.m3u8").await.body);
    let path = format!("/live/show/v0.m3u8?_HLS_msn={next}");
    let ask = || {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move { client.get(&path).await })
    };
    // Whoever comes first waits; a second one finds no place.
    let (one, other) = (ask(), ask());
    let (refused, waiting) = match timeout(PATIENCE, futures_util::future::select(one, other)).await.unwrap() {
        Either::Left((answer, waiting)) | Either::Right((answer, waiting)) => (answer.unwrap(), waiting),
    };
    assert_eq!(refused.status, 503);
    waiting.abort();
    let begun = Instant::now();
    let held = loop {
        let mut held = ask();
        match timeout(Duration::from_millis(200), &mut held).await {
            Err(_) => break held,
            Ok(answer) => assert_eq!(answer.unwrap().status, 503),
        }
        assert!(begun.elapsed() < PATIENCE, "the place of the one who left is not free");
    };
    show.send(3 * GOP);
    let answer = timeout(PATIENCE, held).await.unwrap().unwrap();
    assert_eq!(answer.status, 200);
    assert!(listed(&answer.body) > next);
}

fn quick(config: &mut Config) {
    config.gateway.drain_s = 5;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_gateway_stops_clients_hear_it_and_media_come_to_an_end() {
    let house = House::with(quick).await;
    let _show = house.on_air().await;
    let client = house.h2().await;
    let mut begun = begin(&client, "/live/show.flv").await;
    begun.piece().await.unwrap().unwrap();
    let mut idle = Raw::connect(house.http, &[]).await;
    idle.send(&[raw::get(1, "/healthz")]).await;
    idle.next(raw::DATA).await;
    let stopping = tokio::spawn(house.gateway.stop());
    begun.rest().await.expect("the media end as they should");
    let goodbye = idle.next(GOAWAY).await;
    assert_eq!((goodbye.code(), goodbye.stream), (NO_ERROR, 0));
    let ping = idle.next(PING).await;
    idle.send(&[Frame::new(PING, raw::ACK, 0, ping.payload)]).await;
    assert_eq!(idle.next(GOAWAY).await.payload[..4], 1_u32.to_be_bytes(), "the last request that was answered");
    assert_eq!(idle.frame().await, None);
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
}
