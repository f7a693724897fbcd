//! Floods and frames against the rules: they end their own connection, and the one beside it does not notice.

use http::StatusCode;

use crate::house::House;
use crate::raw::{self, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame, GOAWAY, HEADERS, Raw};

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_at_once_end_their_connection_when_they_are_many() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let beside = house.h2().await;
    let mut raw = Raw::connect(house.http, &[]).await;
    let flood = (0..200).flat_map(|n| [raw::get(2 * n + 1, "/live/show.flv"), raw::reset(2 * n + 1)]);
    raw.send(&flood.collect::<Vec<_>>()).await;
    assert_eq!(raw.next(GOAWAY).await.code(), ENHANCE_YOUR_CALM);
    while raw.frame().await.is_some() {}
    assert_eq!(beside.get("/live/show/v0.m3u8").await.status, StatusCode::OK);
    house.until_viewers(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end_ends_its_connection() {
    let house = House::start().await;
    let mut raw = Raw::connect(house.http, &[]).await;
    let field = [&[0x00, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let mut frames = vec![Frame::new(HEADERS, 0, 1, raw::head("/healthz"))];
    frames.extend((0..2_000).map(|_| Frame::new(CONTINUATION, 0, 1, field.clone())));
    // The connection may end while it is sent.
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    let _ = tokio::io::AsyncWriteExt::write_all(&mut raw.io, &bytes).await;
    while raw.frame().await.is_some() {}
    assert_eq!(house.h2().await.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_with_a_request_is_passed_over() {
    let house = House::start().await;
    let mut raw = Raw::connect(house.http, &[]).await;
    // More than any window, if it were kept.
    raw.send(&[Frame::new(HEADERS, END_HEADERS, 1, raw::head("/healthz"))]).await;
    let answer = raw.next(DATA).await;
    assert_eq!((answer.stream, &answer.payload[..]), (1, &b"ok\n"[..]));
    raw.send(&[Frame::new(DATA, 0, 1, vec![0; 10_000]), raw::get(3, "/healthz")]).await;
    assert_eq!(raw.next(DATA).await.stream, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_no_path_are_refused_like_others() {
    let house = House::start().await;
    let mut raw = Raw::connect(house.http, &[]).await;
    // `CONNECT localhost:80` has no scheme and no path (RFC 9113 §8.5); `OPTIONS *` names no resource.
    let connect = [&[0x02, 7][..], b"CONNECT", &[0x01, 12], b"localhost:80"].concat();
    let options = [&[0x02, 7][..], b"OPTIONS", &[0x86, 0x04, 1], b"*", &[0x01, 9], b"localhost"].concat();
    for (stream, head) in [(1, connect), (3, options)] {
        raw.send(&[Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, head)]).await;
        assert_eq!(raw.next(HEADERS).await.stream, stream);
    }
    raw.send(&[raw::get(5, "/healthz")]).await;
    while raw.next(DATA).await.payload != b"ok\n" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_against_the_rules_end_their_connection_alone() {
    let house = House::start().await;
    let beside = house.h2().await;
    let table = [
        ("data without a request", Frame::new(DATA, 0, 1, [0; 8])),
        ("a head on stream 0", Frame::new(HEADERS, END_HEADERS, 0, raw::head("/healthz"))),
        ("a frame that is too long", Frame::new(DATA, 0, 1, vec![0; 100_000])),
        ("a continuation of nothing", Frame::new(CONTINUATION, END_HEADERS, 1, raw::head("/healthz"))),
        ("a table that is not there", Frame::new(HEADERS, END_HEADERS, 1, [0xFF; 20])),
    ];
    for (what, frame) in table {
        let mut raw = Raw::connect(house.http, &[]).await;
        raw.send(&[frame]).await;
        assert_ne!(raw.next(GOAWAY).await.code(), raw::NO_ERROR, "{what}");
        while raw.frame().await.is_some() {}
    }
    assert_eq!(beside.get("/healthz").await.status, StatusCode::OK);
}
