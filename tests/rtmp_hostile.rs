//! What hostile and broken peers get: an answer in their own protocol's words, an end, and no effect on anybody else.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ingest_support;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ingest_support::*;
use sluicegate::amf0::Value;
use sluicegate::bus::{State, StreamName, Takeover};
use sluicegate::media::TrackId;
use sluicegate::rtmp::client::{Client, Event, Options as ClientOptions, Role};
use sluicegate::rtmp::server::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// x264's High profile, 64x48 at 25 frames per second, behind FLV's AVC sequence header.
const VIDEO_CONFIG: &[u8] = &[
    0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x0A, 0xFF, 0xE1, 0, 24, 0x67, 0x64, 0x00, 0x0A, 0xAC, 0xD9, 0x44, 0x7B, 0x01, 0x10, 0x00, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xF1, 0x22, 0x59, 0x60, 1, 0, 5, 0x68, 0xEF, 0x81, 0x87, 0x2C, 0xFD, 0xF8, 0xF8, 0,
];
const AUDIO_CONFIG: &[u8] = &[0xAF, 0, 0x12, 0x10];
const AUDIO: &[u8] = &[0xAF, 1, 0x21, 0x10, 0x04];
const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88];

struct Peer {
    socket: TcpStream,
    client: Client,
    input: BytesMut,
}

impl Peer {
    async fn connect(gateway: &Gateway, app: &str, name: &str) -> Self {
        Self::with_role(gateway, Role::Publish, app, name).await
    }

    async fn with_role(gateway: &Gateway, role: Role, app: &str, name: &str) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
        let options = ClientOptions::new(role, "127.0.0.1", app, name);
        Self { socket, client: Client::new(options, &mut rand::rng()), input: BytesMut::new() }
    }

    async fn flush(&mut self) {
        while let Some(bytes) = self.client.poll_output() {
            // The server may have closed already; what it said is still to be read.
            if self.socket.write_all(&bytes).await.is_err() {
                break;
            }
        }
    }

    /// The next event; `None` when the server has closed.
    async fn event(&mut self) -> Option<Event> {
        let next = async {
            loop {
                let event = self.client.poll_event(&mut self.input);
                self.flush().await;
                if event.is_some() {
                    return event;
                }
                if self.socket.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("the server answers or closes")
    }

    async fn started(&mut self) {
        while let Some(event) = self.event().await {
            if event == Event::Started {
                return;
            }
        }
        panic!("the server closed before Publish.Start");
    }

    /// The status codes until the server closes.
    async fn codes_until_closed(&mut self) -> Vec<String> {
        let mut codes = Vec::new();
        while let Some(event) = self.event().await {
            match event {
                Event::Refused { code, .. } | Event::Status { code, .. } => codes.push(code),
                _ => {}
            }
        }
        codes
    }

    async fn send_raw(&mut self, bytes: &[u8]) {
        self.flush().await;
        let _ = self.socket.write_all(bytes).await;
    }

    async fn send_start(&mut self) {
        self.client.send_video(0, Bytes::from_static(VIDEO_CONFIG));
        self.client.send_audio(0, Bytes::from_static(AUDIO_CONFIG));
        self.client.send_video(0, Bytes::from_static(KEY));
        self.flush().await;
    }
}

fn quick() -> Options {
    Options { publish_timeout_s: 1, idle_s: 1, ..Options::default() }
}

/// Sends `bytes` on a connection of its own, as its first or behind Publish.Start, while another stream plays.
async fn only_the_sender_is_closed(bytes: &[u8], is_publishing: bool) {
    let gateway = Gateway::start(Options { idle_s: 30, ..quick() }).await;
    let mut good = Peer::connect(&gateway, "live", "good").await;
    good.started().await;
    good.send_start().await;

    if is_publishing {
        let mut bad = Peer::connect(&gateway, "live", "bad").await;
        bad.started().await;
        bad.send_raw(bytes).await;
        bad.codes_until_closed().await;
        let stream = gateway.stream("live/bad").await;
        assert!(matches!(stream.state(), State::Waiting { .. }), "its viewers have the grace");
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
        let mut peer = Peer::connect(&gateway, "live", name).await;
        assert_eq!(peer.codes_until_closed().await, ["NetStream.Publish.BadName"], "{name:?}");
    }
    for (app, code) in [("api", "NetStream.Publish.BadName"), ("secret", "NetStream.Publish.Denied")] {
        let mut peer = Peer::connect(&gateway, app, "x").await;
        assert_eq!(peer.codes_until_closed().await, [code], "{app}");
    }
    assert!(gateway.registry.list().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_taken_name_is_refused_where_takeover_is_not_allowed() {
    let gateway = Gateway::start(Options { takeover: Takeover::Reject, ..Options::default() }).await;
    let mut first = Peer::connect(&gateway, "live", "x").await;
    first.started().await;
    let mut second = Peer::connect(&gateway, "live", "x").await;
    assert_eq!(second.codes_until_closed().await, ["NetStream.Publish.BadName"]);
    assert_eq!(gateway.stream("live/x").await.state(), State::Live);
    gateway.stop().await;
}

#[tokio::test]
async fn a_publisher_taken_over_or_disconnected_hears_why() {
    let gateway = Gateway::start(Options::default()).await;
    let mut first = Peer::connect(&gateway, "live", "x").await;
    first.started().await;
    let mut second = Peer::connect(&gateway, "live", "x").await;
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
    let mut peer = Peer::connect(&gateway, "live", "x").await;
    peer.started().await;
    peer.client.request(Role::Publish, "y");
    assert_eq!(peer.codes_until_closed().await, ["NetStream.Publish.BadName"]);
    assert!(gateway.registry.find(&StreamName::parse("live/y").unwrap()).is_none());
    gateway.stop().await;
}

#[tokio::test]
async fn a_publisher_that_falls_silent_counts_as_lost() {
    let gateway = Gateway::start(quick()).await;
    let mut peer = Peer::connect(&gateway, "live", "x").await;
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
    let mut peer = Peer::connect(&gateway, "live", "x").await;
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
    let mut publisher = Peer::connect(&gateway, "live", "x").await;
    publisher.started().await;
    let (_first, _second) = (Peer::connect(&gateway, "live", "a").await, Peer::connect(&gateway, "live", "b").await);
    let mut third = Peer::connect(&gateway, "live", "c").await;
    assert_eq!(third.event().await, None, "closed without a word");
    assert_eq!(gateway.stream("live/x").await.state(), State::Live);
    gateway.stop().await;
}

#[tokio::test]
async fn players_are_told_that_there_is_no_such_stream() {
    let gateway = Gateway::start(Options::default()).await;
    let mut player = Peer::with_role(&gateway, Role::Play, "live", "x").await;
    assert_eq!(player.codes_until_closed().await, ["NetStream.Play.StreamNotFound"]);
    gateway.stop().await;
}

#[tokio::test]
async fn broken_media_is_dropped_and_what_follows_plays() {
    let gateway = Gateway::start(Options::default()).await;
    let mut peer = Peer::connect(&gateway, "live", "x").await;
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
