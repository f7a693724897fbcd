//! Publishers that die, come back, are replaced, or say goodbye, while viewers watch.

use std::net::SocketAddr;
use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate::bus::State;
use sluicegate::flv::{FileHeader, TagHeader, TagKind};
use sluicegate::rtmp::client::{Event, Role};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::ingest_support::{self, peer::Peer};
use crate::support::house::{House, config, until_media};
use crate::support::media::{self, Packet};
use crate::support::viewers::{Exit, Recording};
use crate::support::{PATIENCE, POLL, dash, hls, http};

const STREAM: &str = "live/show";
const EXITS: [Exit; 4] = [Exit::HttpFlv, Exit::WsFlv, Exit::HttpMp4, Exit::WsMp4];
/// Longer than a gap segment, so that playlists have to show one.
const AWAY: Duration = Duration::from_secs(4);

struct Audience {
    /// By name, with the ending of what they record.
    viewers: Vec<(String, &'static str, JoinHandle<Recording>)>,
    hls: JoinHandle<hls::Player>,
    dash: JoinHandle<dash::Player>,
}

impl Audience {
    fn watch(house: &House) -> Self {
        let http = house.http;
        let ending = |exit: Exit| if exit.is_flv() { "flv" } else { "mp4" };
        let mut viewers: Vec<_> = EXITS
            .into_iter()
            .map(|exit| (format!("{exit:?}"), ending(exit), tokio::spawn(async move { exit.watch(http, STREAM).await })))
            .collect();
        viewers.push(("Rtmp".to_owned(), "flv", tokio::spawn(record_rtmp(house.gateway.rtmp.port()))));
        Self { viewers, hls: tokio::spawn(hls::play(http, STREAM)), dash: tokio::spawn(dash::play(http, STREAM)) }
    }

    /// What viewers of the endless exits got: all of them the same two stretches of what was sent, and a proper end.
    async fn check(&mut self, sent: &[Packet], dir: &Path) {
        for (label, ending, viewer) in self.viewers.drain(..) {
            let recording = viewer.await.unwrap();
            assert!(recording.whole, "{label}: the end is said");
            let file = dir.join(&label).with_extension(ending);
            std::fs::write(&file, &recording.media).unwrap();
            media::assert_decodes(&file);
            let got = media::packets(&file);
            let video = media::stretches(&label, sent, &got, true);
            let audio = media::stretches(&label, sent, &got, false);
            println!("{label}: pictures {video:?}, sound {audio:?}");
            let ([_, pictures], [_, sound]) = (video.as_slice(), audio.as_slice()) else {
                panic!("{label}: two stretches: {video:?} {audio:?}")
            };
            assert_eq!(pictures.from, 0, "{label}: the newcomer's first picture is there");
            assert!(pictures.shift > 0 && (pictures.shift - sound.shift).abs() <= 40, "{label}: {pictures:?} {sound:?}");
            let joint = got.iter().filter(|packet| packet.is_video).nth(video[0].count).unwrap().pts;
            let last = got.iter().filter(|packet| packet.is_video).nth(video[0].count - 1).unwrap().pts;
            assert!((1..=200).contains(&(joint - last)), "{label}: the timeline goes on: {last} then {joint}");
        }
    }
}

/// Plays by RTMP until the end, and keeps what comes as a file.
async fn record_rtmp(port: u16) -> Recording {
    let (app, name) = STREAM.split_once('/').unwrap();
    let mut player = Peer::with_role(port, Role::Play, app, name).await;
    let mut media = BytesMut::new();
    FileHeader { has_audio: true, has_video: true }.write(&mut media);
    let mut put = |kind, timestamp_ms, body: Bytes| {
        TagHeader { kind, body_len: body.len(), timestamp_ms }.write(&mut media);
        media.put_slice(&body);
        media.put_u32(body.len() as u32 + 11);
    };
    let mut whole = false;
    while let Some(event) = player.event().await {
        match event {
            Event::Audio { timestamp, payload } => put(TagKind::Audio, timestamp, payload),
            Event::Video { timestamp, payload } => put(TagKind::Video, timestamp, payload),
            Event::Status { code, .. } => whole |= code == "NetStream.Play.Stop" || code == "NetStream.Play.UnpublishNotify",
            Event::Refused { code, description } => panic!("{code} {description}"),
            _ => {}
        }
    }
    Recording { media: media.to_vec(), whole, ..Recording::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_viewers_outlast_a_publisher_that_dies_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let clip = media::clip("zerolatency");
    let sent = media::sent(&clip, "30", dir.path());
    let mut config = config();
    config.streams.grace_s = 7;
    let house = House::start(config).await;
    let mut first = house.publish(&clip, STREAM, "30");
    let stream = house.stream(STREAM).await;
    let mut audience = Audience::watch(&house);
    until_media(&stream, 6_500).await;
    // SIGKILL: no goodbye of any kind.
    first.kill().await.unwrap();
    sleep(AWAY).await;
    let mut second = house.publish(&clip, STREAM, "30");
    until_media(&stream, 11_000).await;
    second.kill().await.unwrap();
    let died = Instant::now();
    audience.check(&sent, dir.path()).await;
    let held = died.elapsed();
    assert!((Duration::from_secs(6)..Duration::from_secs(15)).contains(&held), "viewers were held for the grace: {held:?}");

    let hls = audience.hls.await.unwrap();
    hls.assert_aligned();
    for (uri, track) in &hls.tracks {
        assert!(track.gaps() >= 2, "{uri}: gaps while the publisher was away: {track:?}", track = track.listed);
        assert_eq!(track.discontinuities(), 1, "{uri}: {:?}", track.listed);
    }
    let dash = audience.dash.await.unwrap();
    assert_eq!(dash.periods.len(), 2, "{:?}", dash.periods);
    for (id, track) in &dash.tracks {
        let file = dir.path().join(id).with_extension("mp4");
        std::fs::write(&file, &track.media).unwrap();
        media::assert_decodes(&file);
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_newcomer_takes_over_and_viewers_stay() {
    let dir = tempfile::tempdir().unwrap();
    let clip = media::clip("bframes");
    let sent = media::sent(&clip, "30", dir.path());
    let house = House::start(config()).await;
    let first = house.publish(&clip, STREAM, "30");
    let stream = house.stream(STREAM).await;
    let mut audience = Audience::watch(&house);
    until_media(&stream, 4_500).await;
    let mut second = house.publish(&clip, STREAM, "5");
    assert!(!end(first).await, "the first one is told, and FFmpeg calls that an error");
    assert!(timeout(PATIENCE, second.wait()).await.unwrap().unwrap().success());
    audience.check(&sent, dir.path()).await;
    let hls = audience.hls.await.unwrap();
    hls.assert_aligned();
    assert!(hls.has_ended && hls.tracks.values().all(|track| track.discontinuities() == 1 && track.gaps() <= 1));
    assert_eq!(audience.dash.await.unwrap().periods.len(), 2);
    house.stop().await;
}

/// Passes on what comes for `to`, until it is told to hold still. It closes nothing: both ends believe that the other still lives.
async fn flaky_wire(to: SocketAddr, mut holds: watch::Receiver<bool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => {}
            _ = holds.wait_for(|holds| *holds) => {}
        }
        std::future::pending::<()>().await;
        drop((near, far));
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_newcomer_takes_over_from_a_connection_that_is_half_dead() {
    let dir = tempfile::tempdir().unwrap();
    let clip = media::clip("zerolatency");
    let sent = media::sent(&clip, "30", dir.path());
    let house = House::start(config()).await;
    let (hold, holds) = watch::channel(false);
    let wire = flaky_wire(house.gateway.rtmp, holds).await;
    let mut first = ingest_support::publish(&clip, &format!("rtmp://{wire}/{STREAM}"), true, &["-t", "30"]);
    let stream = house.stream(STREAM).await;
    let mut audience = Audience::watch(&house);
    until_media(&stream, 4_500).await;
    hold.send(true).unwrap();
    // Less than the silence by which the gateway itself would find out.
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stream.state(), State::Live, "nobody knows yet");
    let mut second = house.publish(&clip, STREAM, "5");
    assert!(timeout(PATIENCE, second.wait()).await.unwrap().unwrap().success());
    audience.check(&sent, dir.path()).await;
    let hls = audience.hls.await.unwrap();
    hls.assert_aligned();
    assert!(hls.has_ended && hls.tracks.values().all(|track| track.discontinuities() == 1), "{:?}", hls.tracks);
    assert_eq!(audience.dash.await.unwrap().periods.len(), 2);
    first.kill().await.unwrap();
    house.stop().await;
}

async fn end(publisher: Child) -> bool {
    timeout(PATIENCE, publisher.wait_with_output()).await.expect("FFmpeg leaves").unwrap().status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_goodbye_ends_every_exit_at_once() {
    let clip = media::clip("zerolatency");
    let mut config = config();
    // Long enough to tell an end at once from an end by grace.
    config.streams.grace_s = 600;
    let house = House::start(config).await;
    let mut publisher = ingest_support::publish(&clip, &format!("rtmp://{}/{STREAM}", house.gateway.rtmp), true, &["-t", "5"]);
    house.stream(STREAM).await;
    let audience = Audience::watch(&house);
    assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
    let goodbye = Instant::now();
    for (label, _, viewer) in audience.viewers {
        let recording = timeout(PATIENCE, viewer).await.unwrap().unwrap();
        assert!(recording.whole && !recording.media.is_empty(), "{label}");
    }
    println!("the last viewer had its end {:?} after the goodbye", goodbye.elapsed());
    assert!(audience.hls.await.unwrap().has_ended);
    assert!(audience.dash.await.unwrap().is_static);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_an_encoder_that_comes_back_with_other_tracks_is_never_listed_without_any() {
    let house = House::start(config()).await;
    let mut pictures = house.publish(&media::clip("video-only"), STREAM, "20");
    let index = format!("/{STREAM}/index.m3u8");
    let listed = async |track: &str| loop {
        let answer = http::get(house.http, &index).await;
        assert!(answer.status != 200 || answer.text().contains("#EXT-X-STREAM-INF"), "{}", answer.text());
        if answer.status == 200 && answer.text().contains(track) {
            break;
        }
        sleep(POLL).await;
    };
    timeout(PATIENCE, listed("v0.m3u8")).await.expect("the pictures are listed");
    let mut sound = house.publish(&media::clip("audio-only"), STREAM, "20");
    timeout(PATIENCE, listed("a0.m3u8")).await.expect("the sound is listed");
    for encoder in [&mut pictures, &mut sound] {
        encoder.kill().await.unwrap();
    }
    house.stop().await;
}
