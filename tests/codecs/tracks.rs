//! Two pictures and two sounds of one publication: as FFmpeg sends them, a track in each message, and in the layouts that no encoder here
//! makes, with several tracks of one message and times to the nanosecond.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use sluicegate::flv::reader::Event;
use sluicegate::flv::{Reader, TagKind};
use tokio::time::{Instant, sleep_until, timeout};

use crate::clips;
use crate::exits::until_published;
use crate::ffmpeg::{self, Depth, Reading};
use crate::ingest_support::peer::Peer;
use crate::support::house::{House, config};
use crate::support::{PATIENCE, media};

/// Positions of a clip's tracks, and the addresses at which just these are to be had.
const CHOICES: [(&str, &[usize]); 5] = [
    (".flv?flv=enhanced&track=all", &[0, 1, 2, 3]),
    (".flv", &[0, 2]),
    (".flv?track=v1,a1", &[1, 3]),
    (".mp4?track=v1,a0", &[1, 2]),
    ("/index.m3u8", &[0, 1, 2, 3]),
];

#[tokio::test(flavor = "multi_thread")]
async fn realtime_tracks_in_every_layout_leave_as_the_tracks_that_they_are() {
    let mut config = config();
    config.segments.segment_ms = 1_000;
    config.segments.first_segments = 1;
    let house = House::start(config).await;
    let clip = clips::file("two-and-two");
    let mut publisher = ffmpeg::publish(house.gateway.rtmp, &clip, "live/each");
    let rewritten = tokio::spawn(publish_rewritten(house.gateway.rtmp.port(), clip.clone()));
    let played = tokio::join!(play(house.http, "live/each"), play(house.http, "live/many"));
    assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
    rewritten.await.unwrap();

    let sent = ffmpeg::sent(&clip).await;
    for (name, readings) in [("each", played.0), ("many", played.1)] {
        for ((exit, tracks), got) in CHOICES.into_iter().zip(readings) {
            check(&format!("{name}{exit}"), &sent, tracks, got);
        }
    }
    house.stop().await;
}

async fn play(http: SocketAddr, stream: &str) -> Vec<Reading> {
    until_published(http, stream).await;
    let readers = CHOICES.map(|(exit, _)| {
        let address = format!("http://{http}/{stream}{exit}");
        tokio::spawn(async move {
            let before: &[&str] = if exit.ends_with("m3u8") { &["-live_start_index", "0"] } else { &[] };
            ffmpeg::read(&address, before, Depth::Decoded).await
        })
    });
    let mut readings = Vec::new();
    for reader in readers {
        readings.push(reader.await.unwrap());
    }
    readings
}

/// Each of these tracks is there, whole since the join, and nothing else is. Players of playlists number tracks by themselves.
fn check(label: &str, sent: &Reading, tracks: &[usize], mut got: Reading) {
    ffmpeg::mark_as_sent(&mut got, sent);
    assert_eq!(got.tracks.len(), tracks.len(), "{label}: {:?}", got.tracks.values().map(|track| &track.about).collect::<Vec<_>>());
    for track in tracks {
        let expected = &sent.tracks[track];
        let found: Vec<_> = got.tracks.values().filter(|found| found.about == expected.about).collect();
        assert_eq!(found.len(), 1, "{label}: {:?}", expected.about);
        let stretch = media::stretch(label, &expected.packets, &found[0].packets, expected.is_video()).unwrap();
        assert!(stretch.to_the_end, "{label}: track {track} until the end: {stretch:?}");
        println!("{label}: track {track}: {} from {}", stretch.count, stretch.from);
    }
}

/// Publishes what FFmpeg would, in other layouts, in real time.
async fn publish_rewritten(port: u16, clip: PathBuf) {
    let mut peer = Peer::connect(port, "live", "many").await;
    peer.started().await;
    let began = Instant::now();
    for (at, kind, body) in rewritten(&clip) {
        sleep_until(began + Duration::from_millis(at.into())).await;
        match kind {
            TagKind::Video => peer.client.send_video(at, body),
            _ => peer.client.send_audio(at, body),
        }
        peer.flush().await;
    }
    peer.client.unpublish();
    peer.flush().await;
}

/// A frame or configuration of one track.
struct Part {
    at: u32,
    kind: TagKind,
    is_key: bool,
    packet_type: u8,
    four_cc: [u8; 4],
    track: u8,
    body: Bytes,
}

/// The messages of a clip: pictures of the same moment together in the layout of many tracks with one codec, behind 999,999 ns more; sound
/// in the layout of many tracks with a codec each.
fn rewritten(clip: &Path) -> Vec<(u32, TagKind, Bytes)> {
    let mut messages = Vec::new();
    let mut waiting: Option<Part> = None;
    for part in parts(clip) {
        if part.kind == TagKind::Audio {
            let entry = [&part.four_cc[..], &entry(&part)].concat();
            messages.push((part.at, part.kind, [&[0x95, 0x20 | part.packet_type][..], &entry].concat().into()));
            continue;
        }
        match waiting.take() {
            None => waiting = Some(part),
            Some(first) => {
                assert_eq!(
                    (first.at, first.packet_type, first.four_cc),
                    (part.at, part.packet_type, part.four_cc),
                    "pictures come in pairs"
                );
                let frame_type = if first.is_key { 0x90 } else { 0xA0 };
                let head = [&[frame_type | 7, 2, 0x0F, 0x42, 0x3F, 6, 0x10 | part.packet_type][..], &part.four_cc].concat();
                messages.push((part.at, part.kind, [head, entry(&first), entry(&part)].concat().into()));
            }
        }
    }
    messages
}

/// A track's number, size and body.
fn entry(part: &Part) -> Vec<u8> {
    [&[part.track][..], &(part.body.len() as u32).to_be_bytes()[1..], &part.body].concat()
}

/// What FFmpeg sends: its first tracks with legacy headers, the others each in a message of its own.
fn parts(clip: &Path) -> Vec<Part> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sent.flv");
    let mut command = std::process::Command::new(ffmpeg::program());
    command.args(["-nostdin", "-loglevel", "error", "-i"]).arg(clip).args(["-map", "0", "-c", "copy"]).arg(&file);
    assert!(command.status().expect("scripts/test.sh installs ffmpeg9").success());
    let mut reader = Reader::default();
    reader.push(&std::fs::read(&file).unwrap());
    let mut parts = Vec::new();
    while let Some(event) = reader.poll().unwrap() {
        let Event::Tag { kind, timestamp_ms: at, body } = event else { continue };
        let is_key = body[0] >> 4 & 7 == 1;
        let (packet_type, four_cc, track, from) = match (kind, body[0]) {
            (TagKind::Video, 0x17 | 0x27) => (body[1], *b"avc1", 0, if body[1] == 1 { 2 } else { 5 }),
            (TagKind::Audio, 0xAF) => (body[1], *b"mp4a", 0, 2),
            (TagKind::Video, 0x96 | 0xA6) | (TagKind::Audio, 0x95) => (body[1], body[2..6].try_into().unwrap(), body[6], 7),
            (TagKind::Video | TagKind::Audio, head) => panic!("{kind:?} with {head:#x}"),
            _ => continue,
        };
        match (kind, packet_type) {
            // Without composition times is the same as with none.
            (TagKind::Video, 3) => {
                let body = [&[0, 0, 0], &body[from..]].concat().into();
                parts.push(Part { at, kind, is_key, packet_type: 1, four_cc, track, body });
            }
            (_, 0 | 1) => parts.push(Part { at, kind, is_key, packet_type, four_cc, track, body: body.slice(from..) }),
            // The end of a track, or its channels' speakers.
            _ => {}
        }
    }
    parts
}
