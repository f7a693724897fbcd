//! Which HTTP is spoken with whom, and that each gives the same answers.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;

use crate::client::Http;
use crate::house::{Client, House, PATIENCE};
use crate::tls::try_connect;

const H2: &[u8] = b"h2";
const HTTP_11: &[u8] = b"http/1.1";

/// All segments and init segments of a media playlist.
fn files(playlist: &str) -> Vec<String> {
    let init = playlist.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let segments = playlist.lines().filter(|line| !line.starts_with('#') && line.ends_with(".m4s"));
    [init].into_iter().chain(segments).map(|name| format!("/live/show/{name}")).collect()
}

/// The body of an answer of HTTP/1.1.
async fn by_http_1(house: &House, path: &str) -> Vec<u8> {
    let mut http = Http::connect(house.http).await;
    http.get(path).await;
    let head = http.head().await;
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{path}: {head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    http.exactly(length).await
}

async fn a_whole_visit(house: &House, client: Client) {
    let index = client.get("/live/show/index.m3u8").await;
    assert_eq!(index.status, StatusCode::OK);
    assert_eq!(index.fields["content-type"], "application/vnd.apple.mpegurl");
    assert_eq!(index.fields["content-length"], index.body.len().to_string());
    assert!(index.fields.contains_key("date") && !index.fields.contains_key("connection"), "{:?}", index.fields);
    let playlist = client.get("/live/show/v0.m3u8").await;
    let names = files(std::str::from_utf8(&playlist.body).unwrap());
    assert!(names.len() > 5, "{names:?}");
    let asked = names.iter().map(|name| {
        let (client, name) = (client.clone(), name.clone());
        tokio::spawn(async move { client.get(&name).await })
    });
    for (name, answer) in names.iter().zip(asked.collect::<Vec<_>>()) {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        // Behind it init segments name their codec.
        assert_eq!(answer.fields["content-type"].to_str().unwrap().split(';').next(), Some("video/mp4"), "{name}");
        assert_eq!(answer.body, by_http_1(house, name).await, "{name}");
    }
    let head = client.ask("HEAD", &names[1], &[]).await;
    assert!(head.body.is_empty() && head.fields["content-length"] != "0", "{head:?}");
    let part = client.ask("GET", &names[1], &[("range", "bytes=0-7")]).await;
    assert_eq!((part.status, part.body.len()), (StatusCode::PARTIAL_CONTENT, 8));
    let refused = client.ask("POST", "/live/show/index.m3u8", &[]).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(client.get("/live/nobody/index.m3u8").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_chosen_by_alpn_and_gives_playlist_and_all_segments_at_once() {
    let house = House::start().await;
    let _show = house.on_air().await;
    a_whole_visit(&house, house.h2().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_without_encryption_by_those_who_know_that_it_is() {
    let house = House::start().await;
    let _show = house.on_air().await;
    a_whole_visit(&house, house.h2c().await).await;
    let strict = House::with(|config| config.http2.cleartext = false).await;
    let mut raw = crate::raw::Raw::connect(strict.http, &[]).await;
    assert_eq!(raw.frame().await, None, "the option is off");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_1_is_spoken_by_tls_with_those_who_know_no_other() {
    let house = House::start().await;
    let _show = house.on_air().await;
    for offers in [&[][..], &[HTTP_11]] {
        let mut http = Http::over(house.certificate.connect(house.https, offers).await);
        for _ in 0..2 {
            http.get("/live/show/index.m3u8").await;
            let head = http.head().await;
            assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
            assert!(http.exactly(length).await.starts_with(b"#EXTM3U"));
        }
    }
    let none = try_connect(house.certificate.der(), house.https, &[b"spdy/1"]).await;
    assert!(none.is_err(), "nothing in common");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_the_wrong_port_is_told_where_that_is_possible() {
    let house = House::start().await;
    let mut stray = TcpStream::connect(house.https).await.unwrap();
    stray.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    stray.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stray.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{answer}");
    let stray = try_connect(house.certificate.der(), house.http, &[H2]).await;
    assert!(stray.is_err(), "no certificate there");
}

/// The certificate that a peer showed.
fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_shown_to_who_comes_next_and_disturbs_nobody() {
    let mut house = House::start().await;
    let _show = house.on_air().await;
    let before = house.h2().await;
    assert_eq!(before.get("/healthz").await.status, StatusCode::OK);
    let old = house.certificate.replace();
    let begun = Instant::now();
    let after = loop {
        match try_connect(house.certificate.der(), house.https, &[H2]).await {
            Ok(stream) => break stream,
            Err(_) => assert!(begun.elapsed() < PATIENCE, "the new one is not taken up"),
        }
        sleep(Duration::from_millis(100)).await;
    };
    assert!(shown(&after) == house.certificate.der().to_vec() && shown(&after) != old.to_vec());
    assert_eq!(Client::over(after).await.get("/live/show/v0.m3u8").await.status, StatusCode::OK);
    assert_eq!(before.get("/live/show/v0.m3u8").await.status, StatusCode::OK, "who was there before goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_host_is_looked_at_in_http_2_as_well() {
    let house = House::start().await;
    let ask = async |host: &str| {
        let request = http::Request::get(format!("http://{host}/api/v1/streams")).body(()).unwrap();
        house.h2c().await.begin(request).await.unwrap().status
    };
    assert_eq!(ask("localhost:8080").await, StatusCode::OK);
    assert_eq!(ask("rebound.example").await, StatusCode::FORBIDDEN, "a page elsewhere has pointed its own name here");
}
