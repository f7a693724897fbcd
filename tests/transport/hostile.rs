//! Floods and frames against the rules: they end their own connection, and the one beside it does not notice.

use http::StatusCode;

use crate::house::House;
use crate::raw::{self, CONTINUATION, DATA, END_HEADERS, ENHANCE_YOUR_CALM, Frame, GOAWAY, HEADERS, Raw};

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
