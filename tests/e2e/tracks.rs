//! A publication of several tracks with Enhanced headers, and what each viewer gets who asks for some of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sluicegate::amf0;
use sluicegate::bus::Stream;
use sluicegate::flv::reader::Event;
use sluicegate::flv::{Demuxer, Dialect, FlvVariant, Item, MessageBody, Muxer, Reader, TagKind};
use sluicegate::media::codec::{AacConfig, AvcConfig, OpusConfig};
use sluicegate::media::{Codec, Epoch, Metadata, Program, Sample, Selection, Timescale, Timestamp, Track, TrackId, TrackSet};
use sluicegate::rtmp::client;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::ingest_support::peer::{Peer, VIDEO_CONFIG};
use crate::support::house::{House, config};
use crate::support::{PATIENCE, http};

const SECOND_PICTURE: TrackId = TrackId { index: 1, ..TrackId::VIDEO };
const SECOND_SOUND: TrackId = TrackId { index: 1, ..TrackId::AUDIO };

/// Pictures of each track: two seconds of them.
const PICTURES: i64 = 50;

/// Two pictures of H.264, and sound in AAC and Opus.
fn tracks() -> TrackSet {
    let avc = Codec::Avc(AvcConfig::parse(&VIDEO_CONFIG[5..]).unwrap());
    let opus = OpusConfig::parse(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0").unwrap().with_packet(&[0xFC]);
    TrackSet::new([
        Track::new(TrackId::VIDEO, avc.clone()),
        Track::new(SECOND_PICTURE, avc),
        Track::new(TrackId::AUDIO, Codec::Aac(AacConfig::parse(&[0x11, 0x90]).unwrap())),
        Track::new(SECOND_SOUND, Codec::Opus(opus)),
    ])
}

/// A picture of each video track each 40 ms, a keyframe each second, and between them 40 ms of sound; no two samples are the same.
fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for number in 0..PICTURES {
        let is_sync = number % 25 == 0;
        for track in [TrackId::VIDEO, SECOND_PICTURE] {
            let nal = [&[if is_sync { 0x65 } else { 0x41 }, 0x88, track.index][..], &[number as u8; 40]].concat();
            let data = [&(nal.len() as u32).to_be_bytes()[..], &nal].concat();
            let dts = Timestamp::new(number * 3_600, Timescale::VIDEO);
            samples.push(Sample { track, dts, cts: 0, is_sync, data: data.into() });
        }
        // AAC is counted in frames of 1,024; Opus in packets of 20 ms, two at a time.
        let hz = Timescale::new(48_000).unwrap();
        let mut sound = |track, head, frame: i64, ticks| {
            let data = [&[head, 0x10, frame as u8, (frame >> 8) as u8][..], &[0x5A; 30]].concat();
            samples.push(Sample { track, dts: Timestamp::new(frame * ticks, hz), cts: 0, is_sync: true, data: data.into() });
        };
        for frame in number * 1_920 / 1_024..(number + 1) * 1_920 / 1_024 {
            sound(TrackId::AUDIO, 0x21, frame, 1_024);
        }
        for packet in number * 2..number * 2 + 2 {
            sound(SECOND_SOUND, 0xFC, packet, 960);
        }
    }
    samples
}

/// Sends a body as a message.
pub fn send(peer: &mut Peer, body: &MessageBody, at: u32) {
    let mut bytes = BytesMut::new();
    body.write(&mut bytes);
    match body.kind {
        TagKind::Video => peer.client.send_video(at, bytes.freeze()),
        TagKind::Audio => peer.client.send_audio(at, bytes.freeze()),
        TagKind::Script | TagKind::ScriptAmf3 => {
            let values = amf0::read_all(&bytes).unwrap();
            peer.client.send_data(at, "@setDataFrame", &values);
        }
    }
}

type Found = BTreeMap<TrackId, Vec<Bytes>>;

/// What an FLV file holds, by track.
fn demuxed(flv: &[u8]) -> Found {
    let mut reader = Reader::default();
    let mut demuxer = Demuxer::new();
    let mut found = Found::new();
    for piece in flv.chunks(10_000) {
        reader.push(piece);
        while let Some(event) = reader.poll().unwrap() {
            let Event::Tag { kind, timestamp_ms, body } = event else { continue };
            demuxer.push(kind, timestamp_ms, &body);
            while let Some(item) = demuxer.poll() {
                if let Item::Coded { track, data, .. } = item.unwrap() {
                    found.entry(track).or_default().push(data);
                }
            }
        }
    }
    found
}

/// What a player of RTMP gets until the end, by track.
async fn played(port: u16, caps: f64) -> Found {
    let mut peer = Peer::player(port, "live", "many", caps).await;
    let (mut demuxer, mut found) = (Demuxer::new(), Found::new());
    while let Some(event) = peer.event().await {
        match event {
            client::Event::Video { timestamp, payload } => demuxer.push(TagKind::Video, timestamp, &payload),
            client::Event::Audio { timestamp, payload } => demuxer.push(TagKind::Audio, timestamp, &payload),
            client::Event::Status { code, .. } if code == "NetStream.Play.UnpublishNotify" => break,
            _ => {}
        }
        while let Some(item) = demuxer.poll() {
            if let Item::Coded { track, data, .. } = item.unwrap() {
                found.entry(track).or_default().push(data);
            }
        }
    }
    found
}

fn of(samples: &[Sample], track: TrackId) -> Vec<Bytes> {
    samples.iter().filter(|sample| sample.track == track).map(|sample| sample.data.clone()).collect()
}

fn watch(address: SocketAddr, path: &'static str) -> JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let answer = http::get(address, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        assert!(answer.whole, "{path}: the end is said");
        answer.body
    })
}

async fn until_viewers(stream: &Arc<Stream>, count: u64) {
    let counted = async {
        while stream.viewers(Instant::now()).values().sum::<u64>() < count {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, counted).await.expect("the viewers join");
}

/// Viewers who come before the newest keyframe has arrived begin at an older one.
async fn until_arrived(stream: &Arc<Stream>, last: &Sample) {
    let arrived = async {
        while !stream.source().samples.inspect(|window| window.iter().any(|sample| sample.data == last.data)) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, arrived).await.expect("all samples arrive");
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_sent_with_enhanced_headers_come_back_to_those_who_choose_them() {
    let house = House::start(config()).await;
    let all = FlvVariant { selection: Selection::ALL, dialect: Dialect::Enhanced, ..FlvVariant::default() };
    let program = Program { epoch: Epoch(1), tracks: tracks(), metadata: Metadata::default() };
    let muxer = Muxer::new(all, Arc::new(program));
    let mut peer = Peer::connect(house.gateway.rtmp.port(), "live", "many").await;
    peer.started().await;
    muxer.preamble().iter().for_each(|body| send(&mut peer, body, 0));
    let samples = samples();
    for sample in &samples {
        send(&mut peer, &muxer.sample(sample).unwrap(), muxer.timestamp(sample));
    }
    peer.flush().await;

    let stream = house.stream("live/many").await;
    until_arrived(&stream, samples.last().unwrap()).await;
    let viewers = [
        "/live/many.flv?flv=enhanced&track=all",
        "/live/many.flv?track=v1",
        "/live/many.flv?track=a1",
        "/live/many.mp4?track=v1,a1",
        "/live/many.mp4?track=noaudio",
    ]
    .map(|path| watch(house.http, path));
    // Players of RTMP, one of which says that it knows several tracks.
    let port = house.gateway.rtmp.port();
    let [several, single] = [2.0, 0.0].map(|caps| tokio::spawn(played(port, caps)));
    until_viewers(&stream, 7).await;
    let missing = http::get(house.http, "/live/many.flv?track=v2").await.assert_problem(404);
    assert!(missing.contains("v0 (H.264), v1 (H.264), a0 (AAC), a1 (Opus)"), "{missing}");
    peer.client.unpublish();
    peer.flush().await;

    let sent = |track| of(&samples, track);
    // Viewers begin at the newest keyframe, and with the sound from there on.
    let newest = |track| sent(track)[25..].to_vec();
    let [everything, second, other_sound, file, silent] = viewers;
    let everything = demuxed(&everything.await.unwrap());
    assert_eq!(everything.len(), 4);
    for (track, found) in &everything {
        let sent = sent(*track);
        assert!(sent.ends_with(found) && found.len() >= sent.len() / 2 - 1, "{track}: {} of {}", found.len(), sent.len());
    }
    assert_eq!((&everything[&TrackId::VIDEO], &everything[&SECOND_PICTURE]), (&newest(TrackId::VIDEO), &newest(SECOND_PICTURE)));

    let several = several.await.unwrap();
    assert_eq!(several.len(), 4);
    assert_eq!((&several[&TrackId::VIDEO], &several[&SECOND_PICTURE]), (&newest(TrackId::VIDEO), &newest(SECOND_PICTURE)));
    let single = single.await.unwrap();
    assert_eq!((single.len(), &single[&TrackId::VIDEO]), (2, &newest(TrackId::VIDEO)));

    let second = demuxed(&second.await.unwrap());
    assert_eq!(second[&TrackId::VIDEO], newest(SECOND_PICTURE), "as if it were the only one");
    assert!(second.len() == 2 && sent(TrackId::AUDIO).ends_with(&second[&TrackId::AUDIO]));
    let other_sound = demuxed(&other_sound.await.unwrap());
    assert_eq!(other_sound[&TrackId::VIDEO], newest(TrackId::VIDEO));
    assert!(other_sound.len() == 2 && sent(SECOND_SOUND).ends_with(&other_sound[&TrackId::AUDIO]));

    let holds = |file: &[u8], track| newest(track).iter().filter(|data| file.windows(data.len()).any(|window| window == &data[..])).count();
    let file = file.await.unwrap();
    let counts = [TrackId::VIDEO, SECOND_PICTURE, TrackId::AUDIO].map(|track| holds(&file, track));
    assert_eq!(counts, [0, 25, 0]);
    assert!(sent(SECOND_SOUND)[60..].iter().all(|data| file.windows(data.len()).any(|window| window == &data[..])));
    let silent = silent.await.unwrap();
    let counts = [TrackId::VIDEO, SECOND_PICTURE, TrackId::AUDIO, SECOND_SOUND].map(|track| holds(&silent, track));
    assert_eq!(counts, [25, 0, 0, 0]);
    house.stop().await;
}
