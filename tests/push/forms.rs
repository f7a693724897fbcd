//! What each viewer gets of a stream with several tracks, and in which dialect of FLV.

use bytes::Bytes;
use sluicegate::bus::Why;
use sluicegate::flv::reader::Event;
use sluicegate::flv::{Demuxer, Item, Reader};
use sluicegate::fmp4;
use sluicegate::media::codec::{Ac3Config, FlacConfig};
use sluicegate::media::{Codec, Sample, Timestamp, Track, TrackId, TrackSet};

use super::client::Http;
use super::on_air;
use super::show::{Show, tracks, until};
use super::station::{Settings, Station};

const SECOND_PICTURE: TrackId = TrackId { index: 1, ..TrackId::VIDEO };
const SECOND_SOUND: TrackId = TrackId { index: 1, ..TrackId::AUDIO };
const THIRD_SOUND: TrackId = TrackId { index: 2, ..TrackId::AUDIO };

fn ac3() -> (Codec, Bytes) {
    let mut frame = vec![0x0B, 0x77, 0xFE, 0x95, 0x14, 0x40, 0x43, 0xE1];
    frame.resize(768, 0);
    (Codec::Ac3(Ac3Config::parse(&frame).unwrap()), frame.into())
}

fn flac() -> (Codec, Bytes) {
    let block = [&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0x10, 0x98, 0x0b, 0xb8, 0x02, 0xf0][..], &[0; 20]].concat();
    (Codec::Flac(FlacConfig::parse(&block).unwrap()), Bytes::from_static(&[0xFF, 0xF8, 0xAA, 0x88, 0]))
}

/// Two pictures, and sound in AAC, AC-3 and FLAC.
fn many() -> TrackSet {
    let mut all = tracks(1280);
    let small = Track::clone(tracks(640).video().unwrap());
    all.insert(Track { id: SECOND_PICTURE, ..small });
    all.insert(Track::new(SECOND_SOUND, ac3().0));
    all.insert(Track::new(THIRD_SOUND, flac().0));
    all
}

/// A second of it.
fn send(show: &mut Show) {
    for number in 0..30 {
        let is_sync = number % 15 == 0;
        for (track, byte) in [(TrackId::VIDEO, 1), (SECOND_PICTURE, 2)] {
            let data = vec![0, 0, 0, 3, if is_sync { 0x65 } else { 0x41 }, byte, number as u8];
            let dts = Timestamp::new(number * 3_000, tracks(1280).video().unwrap().timescale);
            show.push(Sample { track, dts, cts: 0, is_sync, data: data.into() });
        }
        for (track, data) in [(TrackId::AUDIO, Bytes::from_static(&[0x21; 50])), (SECOND_SOUND, ac3().1), (THIRD_SOUND, flac().1)] {
            let dts = Timestamp::new(number * 1_600, tracks(1280).audio().unwrap().timescale);
            show.push(Sample { track, dts, cts: 0, is_sync: true, data });
        }
    }
}

async fn many_on_air() -> (Station, Show) {
    let station = Station::start(Settings::default()).await;
    let mut show = station.publish("show");
    show.head_of(many(), Why::Joined);
    send(&mut show);
    (station, show)
}

/// The whole answer to a request, and its head.
async fn answer(station: &Station, show: Show, path: &str) -> (String, Vec<u8>) {
    let mut http = Http::connect(station.address).await;
    http.get(path).await;
    let head = http.head().await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    station.until_viewers("show", 1).await;
    show.finish();
    let mut media = Vec::new();
    loop {
        let chunk = http.chunk().await;
        if chunk.is_empty() {
            return (head, media);
        }
        media.extend(chunk);
    }
}

/// Which tracks an FLV file has by its own configurations, and how many samples of each.
fn found(flv: &[u8]) -> Vec<(String, &'static str, u32, usize)> {
    let mut reader = Reader::default();
    reader.push(flv);
    let mut demuxer = Demuxer::new();
    let mut found: Vec<(String, &'static str, u32, usize)> = Vec::new();
    while let Some(event) = reader.poll().unwrap() {
        let Event::Tag { kind, timestamp_ms, body } = event else { continue };
        demuxer.push(kind, timestamp_ms, &body);
        while let Some(item) = demuxer.poll() {
            match item.unwrap() {
                Item::Config { track, codec } => {
                    found.push((track.to_string(), codec.name(), codec.video().map_or(0, |shape| shape.width), 0));
                }
                Item::Coded { track, .. } => found.iter_mut().find(|(id, ..)| *id == track.to_string()).unwrap().3 += 1,
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The answer's status and what its problem says.
async fn refusal(station: &Station, path: &str) -> (u16, String) {
    let mut http = Http::connect(station.address).await;
    http.get(path).await;
    let head = http.head().await;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&http.exactly(length).await).unwrap();
    let status = body["status"].as_u64().unwrap() as u16;
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
    (status, body["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_gets_one_track_of_each_kind_in_the_headers_that_it_knows() {
    let (station, show) = many_on_air().await;
    let (_, flv) = answer(&station, show, "/live/show.flv").await;
    let [(a, aac, _, sounds), (v, avc, _, pictures)] = &found(&flv)[..] else { panic!("{:?}", found(&flv)) };
    assert_eq!((a.as_str(), *aac, v.as_str(), *avc), ("a0", "AAC", "v0", "H.264"));
    assert!(*pictures == 15 && *sounds >= 15, "from the newest keyframe: {pictures}, {sounds}");
    assert!(flv.windows(3).any(|w| w == [0x65, 1, 15]) && !flv.windows(3).any(|w| w == [0x65, 2, 15]), "the first picture, not the second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_is_asked_for_comes_as_if_it_were_the_only_one() {
    let (station, show) = many_on_air().await;
    let (_, flv) = answer(&station, show, "/live/show.flv?track=v1%2Ca2").await;
    let names: Vec<_> = found(&flv).into_iter().map(|(id, name, ..)| (id, name)).collect();
    assert_eq!(names, [("a0".to_owned(), "FLAC"), ("v0".to_owned(), "H.264")]);
    assert!(flv.windows(3).any(|w| w == [0x65, 2, 15]) && !flv.windows(3).any(|w| w == [0x65, 1, 15]), "the second picture, not the first");
}

#[tokio::test(flavor = "multi_thread")]
async fn enhanced_flv_with_all_tracks_brings_all_by_their_numbers() {
    let (station, show) = many_on_air().await;
    let (_, flv) = answer(&station, show, "/live/show.flv?flv=enhanced&track=all").await;
    let names: Vec<_> = found(&flv).into_iter().map(|(id, name, _, count)| (id, name, count >= 15)).collect();
    let expected = [("a0", "AAC"), ("a1", "AC-3"), ("a2", "FLAC"), ("v0", "H.264"), ("v1", "H.264")];
    assert_eq!(names, expected.map(|(id, name)| (id.to_owned(), name, true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_hold_the_tracks_that_were_asked_for() {
    for (query, expected) in [("", 2), ("?track=v1,a1", 2), ("?track=noaudio", 1), ("?track=all", 5)] {
        let (station, show) = many_on_air().await;
        let (_, file) = answer(&station, show, &format!("/live/show.mp4{query}")).await;
        let tracks = file.windows(4).filter(|w| *w == b"trak").count();
        assert_eq!(tracks, expected, "{query}");
        assert_eq!(file.windows(4).any(|w| w == b"ac-3"), query.contains("a1") || query.contains("all"), "{query}");
        let second = file.windows(3).any(|w| w == [0x65, 2, 15]);
        assert_eq!(second, query.contains("v1") || query.contains("all"), "{query}");
    }
    assert!(fmp4::is_carried(&ac3().0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_cannot_be_carried_is_refused_in_words_that_help() {
    let (station, mut show) = many_on_air().await;
    let (status, detail) = refusal(&station, "/live/show.flv?track=v7").await;
    assert_eq!(status, 404);
    assert!(detail.contains("no track v7") && detail.contains("v0 (H.264), v1 (H.264), a0 (AAC), a1 (AC-3), a2 (FLAC)"), "{detail}");
    assert_eq!(refusal(&station, "/live/show.mp4?track=a9").await.0, 404);
    let (status, detail) = refusal(&station, "/live/show.flv?track=a1").await;
    assert_eq!(status, 415);
    assert!(detail.contains("a1 (AC-3)") && detail.contains("/live/show/index.m3u8") && detail.contains("?flv=enhanced"), "{detail}");
    for wrong in ["flv?track=1", "flv?flv=x", "flv?hevc=1", "flv?track=all", "mp4?flv=enhanced", "mp4?track=v0,v1"] {
        assert_eq!(refusal(&station, &format!("/live/show.{wrong}")).await.0, 400, "{wrong}");
    }
    assert_eq!(station.viewers("show"), 0);

    show.head_of(TrackSet::new([Track::new(TrackId::AUDIO, ac3().0)]), Why::Config);
    let (status, detail) = refusal(&station, "/live/show.flv").await;
    assert_eq!((status, detail.contains("a0 (AC-3)")), (415, true), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_whose_track_goes_away_is_let_go_and_told_by_its_next_request() {
    let (station, mut show) = many_on_air().await;
    let mut viewers = Vec::new();
    for path in ["/live/show.flv?track=v1,noaudio", "/live/show.mp4?track=v1,noaudio"] {
        let mut http = Http::connect(station.address).await;
        http.get(path).await;
        assert!(http.head().await.starts_with("http/1.1 200 "));
        viewers.push((path, http));
    }
    station.until_viewers("show", 2).await;
    show.head(1280, Why::Config);
    show.send(10);
    for (path, http) in &mut viewers {
        while !http.chunk().await.is_empty() {}
        assert_eq!(refusal(&station, path).await.0, 404);
    }
    station.until_viewers("show", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_selections_than_a_stream_offers_are_refused_and_the_default_is_not() {
    let (station, mut show) = on_air(Settings::default()).await;
    let mut all = tracks(1280);
    for index in 1..16 {
        all.insert(Track { id: TrackId { index, ..TrackId::AUDIO }, ..Track::clone(&tracks(1280).audio().cloned().unwrap()) });
    }
    show.head_of(all, Why::Config);
    let mut watching = Vec::new();
    for query in (1..16).map(|index| format!("a{index}")).chain(["noaudio".to_owned()]) {
        let mut http = Http::connect(station.address).await;
        http.get(&format!("/live/show.mp4?track={query}")).await;
        assert!(http.head().await.starts_with("http/1.1 200 "), "{query}");
        watching.push(http);
    }
    station.until_viewers("show", 16).await;
    let (status, detail) = refusal(&station, "/live/show.mp4?track=a*").await;
    assert_eq!(status, 503);
    assert!(detail.contains("too many different selections"), "{detail}");
    let mut default = Vec::new();
    for spelling in ["", "?track=v0,a0", "?track=v*"] {
        let mut http = Http::connect(station.address).await;
        http.get(&format!("/live/show.mp4{spelling}")).await;
        assert!(http.head().await.starts_with("http/1.1 200 "), "{spelling}");
        default.push(http);
    }
    drop(watching);
    until(|| station.viewers("show") == 3).await;
}
