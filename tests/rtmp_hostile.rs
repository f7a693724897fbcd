//! What hostile and broken peers get: an answer in their own protocol's words, an end, and no effect on anybody else.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ingest_support;

use std::time::Duration;

use bytes::Bytes;
use ingest_support::peer::{AUDIO, KEY, Peer};
use ingest_support::*;
use sluicegate::amf0::Value;
use sluicegate::bus::{State, StreamName, Takeover};
use sluicegate::media::TrackId;
use sluicegate::rtmp::client::Role;
use sluicegate::rtmp::server::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn quick() -> Options {
    Options { publish_timeout_s: 1, idle_s: 1, ..Options::default() }
}

/// Sends `bytes` on a connection of its own, as its first or behind Publish.Start, while another stream plays.
async fn only_the_sender_is_closed(bytes: &[u8], is_publishing: bool) {
    let gateway = Gateway::start(Options { idle_s: 30, ..quick() }).await;
    let mut good = Peer::connect(gateway.port, "live", "good").await;
    good.started().await;
    good.send_start().await;

    if is_publishing {
        let mut bad = Peer::connect(gateway.port, "live", "bad").await;
        bad.started().await;
        bad.send_start().await;
        bad.send_raw(bytes).await;
        assert_eq!(bad.codes_until_closed().await, ["NetConnection.Call.Failed"]);
        let stream = gateway.stream("live/bad").await;
        assert!(matches!(stream.state(), State::Waiting { .. }), "its viewers have the grace");
        let seen = read_until(&stream, |seen| !seen.samples.is_empty()).await;
        assert_eq!(seen.of(TrackId::VIDEO).len(), 1, "and what had come before");
    } else {
        let mut bad = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
        bad.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, bad.read_to_end(&mut answer)).await;
        closed.expect("the server closes").ok();
    }

    good.client.send_audio(20, Bytes::from_static(AUDIO));
    good.client.send_video(40, Bytes::from_static(KEY));
    good.flush().await;
    let stream = gateway.stream("live/good").await;
    let seen = read_until(&stream, |seen| seen.samples.iter().any(|sample| sample.dts.millis() == 40)).await;
    seen.assert_strictly_increasing();
    gateway.stop().await;
}

#[tokio::test]
async fn a_first_byte_of_another_protocol_is_refused() {
    only_the_sender_is_closed(b"GET / HTTP/1.1\r\n\r\n", false).await;
}

#[tokio::test]
async fn a_handshake_that_never_finishes_is_given_up() {
    only_the_sender_is_closed(&[3, 0, 0, 0, 0], false).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_given_up() {
    only_the_sender_is_closed(&[], false).await;
}

#[tokio::test]
async fn a_continuation_without_a_beginning_ends_the_connection() {
    only_the_sender_is_closed(&[0xC0 | 40], true).await;
}

#[tokio::test]
async fn a_chunk_size_of_zero_ends_the_connection() {
    only_the_sender_is_closed(&[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0], true).await;
}

#[tokio::test]
async fn a_message_that_announces_sixteen_mebibytes_ends_the_connection() {
    only_the_sender_is_closed(&[6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0, 0x17], true).await;
}

#[tokio::test]
async fn unfinished_messages_on_many_chunk_streams_end_the_connection() {
    let bytes: Vec<u8> =
        (3..64).chain(0..200).flat_map(|n: u8| [&[0_u8, n, 0, 0, 0, 0, 0x40, 0, 9, 1, 0, 0, 0][..], &[0; 4096]].concat()).collect();
    only_the_sender_is_closed(&bytes, true).await;
}

#[tokio::test]
async fn a_command_of_nested_objects_without_end_ends_the_connection() {
    let nested = [&[2, 0, 1, b'x'][..], &[3, 0, 1, b'a'].repeat(10_000)].concat();
    let length = nested.len() as u32;
    let header = [&[3, 0, 0, 0][..], &length.to_be_bytes()[1..], &[20, 0, 0, 0, 0]].concat();
    let chunks: Vec<u8> =
        nested.chunks(4096).enumerate().flat_map(|(n, chunk)| [if n == 0 { &[][..] } else { &[0xC3] }, chunk].concat()).collect();
    only_the_sender_is_closed(&[header, chunks].concat(), true).await;
}

#[tokio::test]
async fn illegal_names_are_refused_with_bad_name_and_closed_apps_with_denied() {
    let gateway = Gateway::start(Options::default()).await;
    let long = "x".repeat(300);
    for name in ["..", "a\0b", "a\u{7}b", &long, "a%2Fb", "", ".hidden"] {
        let mut peer = Peer::connect(gateway.port, "live", name).await;
        assert_eq!(peer.codes_until_closed().await, ["NetStream.Publish.BadName"], "{name:?}");
    }
    for (app, code) in [("api", "NetStream.Publish.BadName"), ("secret", "NetStream.Publish.Denied")] {
        let mut peer = Peer::connect(gateway.port, app, "x").await;
        assert_eq!(peer.codes_until_closed().await, [code], "{app}");
    }
    assert!(gateway.registry.list().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_taken_name_is_refused_where_takeover_is_not_allowed() {
    let gateway = Gateway::start(Options { takeover: Takeover::Reject, ..Options::default() }).await;
    let mut first = Peer::connect(gateway.port, "live", "x").await;
    first.started().await;
    let mut second = Peer::connect(gateway.port, "live", "x").await;
    assert_eq!(second.codes_until_closed().await, ["NetStream.Publish.BadName"]);
    assert_eq!(gateway.stream("live/x").await.state(), State::Live);
    gateway.stop().await;
}

#[tokio::test]
async fn a_publisher_taken_over_or_disconnected_hears_why() {
    let gateway = Gateway::start(Options::default()).await;
    let mut first = Peer::connect(gateway.port, "live", "x").await;
    first.started().await;
    let mut second = Peer::connect(gateway.port, "live", "x").await;
    second.started().await;
    assert_eq!(first.codes_until_closed().await, ["NetStream.Publish.BadName"]);
    let stream = gateway.stream("live/x").await;
    assert!(gateway.registry.kick(&stream));
    assert_eq!(second.codes_until_closed().await, ["NetStream.Publish.Denied"]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_second_publish_on_one_connection_ends_it() {
    let gateway = Gateway::start(Options::default()).await;
    let mut peer = Peer::connect(gateway.port, "live", "x").await;
    peer.started().await;
    peer.client.request(Role::Publish, "y");
    assert_eq!(peer.codes_until_closed().await, ["NetStream.Publish.BadName"]);
    assert!(gateway.registry.find(&StreamName::parse("live/y").unwrap()).is_none());
    gateway.stop().await;
}

#[tokio::test]
async fn a_publisher_that_falls_silent_counts_as_lost() {
    let gateway = Gateway::start(quick()).await;
    let mut peer = Peer::connect(gateway.port, "live", "x").await;
    peer.started().await;
    peer.send_start().await;
    assert_eq!(peer.codes_until_closed().await, ["NetConnection.Connect.Closed"]);
    let stream = gateway.stream("live/x").await;
    assert!(matches!(stream.state(), State::Waiting { .. }));
    gateway.stop().await;
}

#[tokio::test]
async fn a_peer_that_connects_but_never_publishes_is_given_up_in_total_time() {
    let gateway = Gateway::start(quick()).await;
    let mut peer = Peer::connect(gateway.port, "live", "x").await;
    // Never lets the client ask for anything, but keeps talking.
    let started = tokio::time::Instant::now();
    let mut shake = vec![3];
    shake.resize(1537, 0);
    peer.socket.write_all(&shake).await.unwrap();
    let mut closed = false;
    let mut buffer = [0; 4096];
    while !closed && started.elapsed() < PATIENCE {
        let _ = peer.socket.write_all(&[0]).await;
        let read = tokio::time::timeout(Duration::from_millis(100), peer.socket.read(&mut buffer)).await;
        closed = matches!(read, Ok(Ok(0) | Err(_)));
    }
    assert!(closed && started.elapsed() < Duration::from_secs(10), "closed: {closed} after {:?}", started.elapsed());
    gateway.stop().await;
}

#[tokio::test]
async fn connections_that_do_not_publish_are_limited_for_each_address() {
    let gateway = Gateway::start(Options { max_pending_per_address: 2, ..Options::default() }).await;
    let mut publisher = Peer::connect(gateway.port, "live", "x").await;
    publisher.started().await;
    let (_first, _second) = (Peer::connect(gateway.port, "live", "a").await, Peer::connect(gateway.port, "live", "b").await);
    let mut third = Peer::connect(gateway.port, "live", "c").await;
    assert_eq!(third.event().await, None, "closed without a word");
    assert_eq!(gateway.stream("live/x").await.state(), State::Live);
    gateway.stop().await;
}

#[tokio::test]
async fn broken_media_is_dropped_and_what_follows_plays() {
    let gateway = Gateway::start(Options::default()).await;
    let mut peer = Peer::connect(gateway.port, "live", "x").await;
    peer.started().await;
    let broken: [&'static [u8]; 5] = [KEY, &[0x17, 0, 0, 0, 0, 1, 0x64], &[0x17], &[0xAF, 0], &[]];
    for body in broken {
        peer.client.send_video(0, Bytes::from_static(body));
        peer.client.send_audio(0, Bytes::from_static(body));
    }
    peer.client.send_data(0, "onMetaData", &[Value::Null]);
    peer.send_start().await;
    let stream = gateway.stream("live/x").await;
    let seen = read_until(&stream, |seen| !seen.of(TrackId::VIDEO).is_empty()).await;
    assert_eq!(seen.samples[0].dts.ticks(), 0);
    assert!(stream.received().dropped() >= 4, "{}", stream.received().dropped());
    gateway.stop().await;
}

#[tokio::test]
async fn a_publisher_above_the_bit_rate_ceiling_is_sent_away_with_a_message() {
    let gateway = Gateway::start(Options { max_bit_rate: 100_000, max_ahead_ms: 100, ..Options::default() }).await;
    let mut steady = Peer::connect(gateway.port, "live", "steady").await;
    steady.started().await;
    steady.send_start().await;
    let mut runaway = Peer::connect(gateway.port, "live", "runaway").await;
    runaway.started().await;
    runaway.send_start().await;
    // Six seconds' worth of bits in a tenth of a second of media.
    for time in 0..10 {
        runaway.client.send_video(time * 10, Bytes::from([KEY, &[0x88; 7_500][..]].concat()));
    }
    runaway.flush().await;
    let answer = runaway.words_until_closed().await;
    assert_eq!(answer, [("NetStream.Publish.Denied".to_owned(), "The stream takes more than the 100 kb/s allowed here.".to_owned())]);
    assert_eq!(gateway.stream("live/steady").await.state(), State::Live);
    gateway.stop().await;
}
