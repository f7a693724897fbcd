//! Each deadline and bound of connections by TLS and HTTP/2.

use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::client::Http;
use crate::house::{House, PATIENCE};
use crate::raw::{
    self, ACK, CANCEL, DATA, Frame, GOAWAY, HEADERS, INITIAL_WINDOW, MAX_STREAMS, NO_ERROR, PING, REFUSED_STREAM, RST_STREAM,
};
use crate::raw::{Raw, SETTINGS, WINDOW_UPDATE};

#[tokio::test(flavor = "multi_thread")]
async fn the_hundred_and_first_request_is_refused_and_the_others_are_not() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let mut raw = Raw::connect(house.http, &[]).await;
    let settings = raw.next(SETTINGS).await;
    let most = settings.payload.chunks(6).find(|pair| pair[..2] == MAX_STREAMS.to_be_bytes()).unwrap();
    assert_eq!(most[2..], 100_u32.to_be_bytes());
    // Endless answers, so that each stays open.
    let requests: Vec<_> = (0..101).map(|n| raw::get(2 * n + 1, "/live/show.flv")).collect();
    raw.send(&requests).await;
    let (mut refused, mut answered) = (Vec::new(), 0);
    while refused.len() + answered < 101 {
        let frame = raw.frame().await.expect("the connection stays");
        match frame.kind {
            RST_STREAM => refused.push((frame.stream, frame.code())),
            HEADERS => answered += 1,
            _ => {}
        }
    }
    assert_eq!((answered, refused), (100, vec![(201, REFUSED_STREAM)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let house = House::start().await;
    let client = house.h2().await;
    let with = |bytes: usize| Request::get("http://localhost/healthz").header("x-long", "x".repeat(bytes)).body(()).unwrap();
    assert_eq!(client.begin(with(15 << 10)).await.unwrap().status, StatusCode::OK);
    assert_eq!(client.begin(with(17 << 10)).await.unwrap().status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(client.get("/healthz").await.status, StatusCode::OK);
}

/// Waits for the end of a connection, which must come by itself.
async fn assert_cut_off(mut io: impl tokio::io::AsyncRead + Unpin, what: &str) {
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, io.read_to_end(&mut rest)).await.unwrap_or_else(|_| panic!("{what}: not cut off"));
    println!("{what}: cut off after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_come_to_its_first_request_in_time_is_cut_off() {
    let house = House::with(|config| config.connections.head_s = 1).await;
    let silent = TcpStream::connect(house.https).await.unwrap();
    let mut half = TcpStream::connect(house.https).await.unwrap();
    half.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
    let idle_by_tls = house.certificate.connect(house.https, &[]).await;
    let no_preface = house.certificate.connect(house.https, &[b"h2"]).await;
    let mut half_preface = TcpStream::connect(house.http).await.unwrap();
    half_preface.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let no_request = Raw::connect(house.http, &[]).await.io;
    let mut half_head = Raw::connect(house.http, &[]).await;
    half_head.send(&[Frame::new(HEADERS, 0, 1, raw::head("/healthz"))]).await;
    tokio::join!(
        assert_cut_off(silent, "silence"),
        assert_cut_off(half, "half a ClientHello"),
        assert_cut_off(idle_by_tls, "TLS without a request"),
        assert_cut_off(no_preface, "HTTP/2 by TLS without its preface"),
        assert_cut_off(half_preface, "half a preface"),
        assert_cut_off(no_request, "HTTP/2 without a request"),
        assert_cut_off(half_head.io, "half a head"),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_is_taken_back_and_those_beside_it_go_on() {
    let house = House::with(|config| (config.connections.write_s, config.egress.stuck_s) = (1, 1)).await;
    let _show = house.on_air().await;
    // Windows of nothing: answers wait for them.
    let mut raw = Raw::connect(house.http, &[(INITIAL_WINDOW, 0)]).await;
    raw.send(&[raw::get(1, "/live/show/index.m3u8"), raw::get(3, "/live/show.flv"), raw::get(5, "/live/show/v0.m3u8")]).await;
    let window = Frame::new(WINDOW_UPDATE, 0, 5, 100_000_u32.to_be_bytes());
    raw.send(&[window]).await;
    let (mut taken_back, mut taken) = (Vec::new(), Vec::new());
    while taken_back.len() < 2 {
        let frame = raw.frame().await.expect("the connection stays");
        match frame.kind {
            RST_STREAM => taken_back.push((frame.stream, frame.code())),
            DATA => taken.push(frame),
            _ => {}
        }
    }
    taken_back.sort_unstable();
    assert_eq!(taken_back, [(1, CANCEL), (3, CANCEL)]);
    assert!(taken.iter().all(|frame| frame.stream == 5) && taken.last().unwrap().flags & raw::END_STREAM != 0, "{taken:?}");
    raw.send(&[raw::get(7, "/healthz"), Frame::new(WINDOW_UPDATE, 0, 7, 100_u32.to_be_bytes())]).await;
    assert_eq!(raw.next(DATA).await.payload, b"ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_a_ping_is_let_go() {
    let house = House::with(|config| (config.http2.ping_s, config.http2.pong_s) = (1, 1)).await;
    let _show = house.on_air().await;
    let ask = |stream| raw::get(stream, "/live/show.flv");
    let mut deaf = Raw::connect(house.http, &[]).await;
    deaf.send(&[ask(1)]).await;
    let mut alive = Raw::connect(house.http, &[]).await;
    alive.send(&[ask(1)]).await;
    let answers = tokio::spawn(async move {
        for _ in 0..4 {
            let ping = alive.next(PING).await;
            alive.send(&[Frame::new(PING, ACK, 0, ping.payload)]).await;
        }
    });
    deaf.next(PING).await;
    while deaf.frame().await.is_some() {}
    answers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_says_goodbye_after_a_while_and_one_with_a_request_does_not() {
    let house = House::with(|config| config.connections.keep_alive_s = 1).await;
    let _show = house.on_air().await;
    let mut busy = Raw::connect(house.http, &[]).await;
    busy.send(&[raw::get(1, "/live/show.flv")]).await;
    let mut idle = Raw::connect(house.http, &[]).await;
    idle.send(&[raw::get(1, "/healthz")]).await;
    assert_eq!(idle.next(GOAWAY).await.code(), NO_ERROR);
    // It does not even answer the ping that a goodbye comes with.
    while idle.frame().await.is_some() {}
    busy.send(&[raw::get(3, "/healthz")]).await;
    while busy.next(DATA).await.stream != 3 {}
    // The same holds for HTTP/1.1 by TLS.
    let mut http = Http::over(house.certificate.connect(house.https, &[]).await);
    http.get("/healthz").await;
    http.head().await;
    assert_eq!(http.rest().await, b"ok\n");
}
