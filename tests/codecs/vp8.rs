//! VP8, which no encoder here sends: FFmpeg's pictures in messages made here.

use std::path::Path;
use std::time::Duration;

use sluicegate::flv::reader::Event;
use sluicegate::flv::{Demuxer, Item, Reader};
use tokio::time::{Instant, sleep_until};

use crate::exits::until_published;
use crate::ffmpeg::{self, Depth};
use crate::ingest_support::peer::Peer;
use crate::support::house::{House, config};
use crate::support::viewers::Exit;
use crate::support::{http, media};

const STREAM: &str = "live/vp8";
/// Pictures in a second.
const RATE: u64 = 15;

#[tokio::test(flavor = "multi_thread")]
async fn realtime_vp8_leaves_by_every_exit_that_knows_it() {
    let mut config = config();
    config.segments.segment_ms = 1_000;
    config.segments.first_segments = 1;
    let house = House::start(config).await;
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.ivf");
    encode(&clip);
    let pictures = frames(&std::fs::read(&clip).unwrap());
    let publisher = tokio::spawn(publish(house.gateway.rtmp.port(), pictures.clone()));
    until_published(house.http, STREAM).await;
    let reason = http::get(house.http, "/live/vp8.flv").await.assert_problem(415);
    assert!(reason.contains("cannot carry v0 (VP8)"), "{reason}");
    let address = |exit: &str| format!("http://{}/{STREAM}{exit}", house.http);
    let (file, list) = (address(".mp4"), address("/index.m3u8"));
    let (file, list, socket, tags) = tokio::join!(
        ffmpeg::read(&file, &[], Depth::Decoded),
        ffmpeg::read(&list, &["-live_start_index", "0"], Depth::Decoded),
        Exit::WsMp4.watch(house.http, STREAM),
        http::get(house.http, "/live/vp8.flv?flv=enhanced"),
    );
    publisher.await.unwrap();
    let tagged = tagged(&tags.body);
    assert!(tags.whole && tagged.len() > 30 && pictures.ends_with(&tagged), "{} pictures by FLV", tagged.len());
    assert!(socket.texts[0].contains(r#"codecs=\"vp08.00.10.08\""#), "{}", socket.texts[0]);
    let saved = dir.path().join("ws.mp4");
    std::fs::write(&saved, &socket.media).unwrap();
    let socket = ffmpeg::read(saved.to_str().unwrap(), &[], Depth::Decoded).await;
    let playlist = http::get(house.http, "/live/vp8/index.m3u8").await;
    assert!(playlist.text().contains("CODECS=\"vp08.00.10.08\""), "{}", playlist.text());
    let manifest = ffmpeg::read(&address("/manifest.mpd"), &[], Depth::Decoded).await;

    let sent = ffmpeg::sent(&clip).await;
    for (label, mut got) in [("mp4", file), ("hls", list), ("ws", socket), ("dash", manifest)] {
        ffmpeg::mark_as_sent(&mut got, &sent);
        assert_eq!(got.tracks[&0].about, sent.tracks[&0].about, "{label}");
        let stretch = media::stretch(label, &sent.packets(), &got.packets(), true).unwrap();
        assert!(stretch.to_the_end, "{label}: until the end: {stretch:?}");
    }
    house.stop().await;
}

fn encode(file: &Path) {
    let mut command = std::process::Command::new(ffmpeg::program());
    command.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", &format!("testsrc2=size=160x90:rate={RATE}:duration=5")]);
    command.args(["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "150k", "-g", "16"]).arg(file);
    assert!(command.status().expect("scripts/test.sh installs ffmpeg9").success());
}

/// The frames of an IVF file: 32 bytes of header, then 12 before each frame, of which four tell its size.
fn frames(ivf: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &ivf[32..];
    let mut frames = Vec::new();
    while let Some((head, behind)) = rest.split_at_checked(12) {
        let size = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        frames.push(behind[..size].to_vec());
        rest = &behind[size..];
    }
    frames
}

/// The pictures in FLV: FFmpeg reads none of this codec there.
fn tagged(flv: &[u8]) -> Vec<Vec<u8>> {
    let (mut reader, mut demuxer) = (Reader::default(), Demuxer::default());
    reader.push(flv);
    while let Some(event) = reader.poll().unwrap() {
        if let Event::Tag { kind, timestamp_ms, body } = event {
            demuxer.push(kind, timestamp_ms, &body);
        }
    }
    let items = std::iter::from_fn(|| demuxer.poll());
    items.filter_map(|item| if let Item::Coded { data, .. } = item.unwrap() { Some(data.to_vec()) } else { None }).collect()
}

async fn publish(port: u16, frames: Vec<Vec<u8>>) {
    let mut peer = Peer::connect(port, "live", "vp8").await;
    peer.started().await;
    let began = Instant::now();
    for (number, frame) in (0..).zip(frames) {
        let at = number * 1_000 / RATE;
        sleep_until(began + Duration::from_millis(at)).await;
        // The lowest bit of a frame is clear where decoding can begin (RFC 6386 section 9.1).
        let head = if frame[0] & 1 == 0 { 0x91 } else { 0xA1 };
        peer.client.send_video(at as u32, [&[head][..], b"vp08", &frame].concat().into());
        peer.flush().await;
    }
    peer.client.unpublish();
    peer.flush().await;
}
