//! A ladder that its encoder makes, as players of HLS and DASH and as its operator find it.

use std::sync::Arc;
use std::time::Duration;

use sluicegate::bus::LeftOut;
use sluicegate::flv::{Dialect, FlvVariant, Muxer};
use sluicegate::media::codec::{AacConfig, AvcConfig};
use sluicegate::media::{Codec, Epoch, Kind, Metadata, Program, Sample, Selection, Timescale, Timestamp, Track, TrackId, TrackSet};
use tokio::time::{sleep, timeout};

use super::tracks::send;
use crate::ingest_support::peer::{Peer, VIDEO_CONFIG};
use crate::support::house::{House, config};
use crate::support::{PATIENCE, http};

const fn video(index: u8) -> TrackId {
    TrackId { kind: Kind::Video, index }
}

const SECOND_SOUND: TrackId = TrackId { index: 1, ..TrackId::AUDIO };

/// Three video tracks and two of sound.
fn tracks() -> TrackSet {
    let avc = Codec::Avc(AvcConfig::parse(&VIDEO_CONFIG[5..]).unwrap());
    let aac = Codec::Aac(AacConfig::parse(&[0x11, 0x90]).unwrap());
    let pictures = (0..3).map(|index| Track::new(video(index), avc.clone()));
    TrackSet::new(pictures.chain([TrackId::AUDIO, SECOND_SOUND].map(|id| Track::new(id, aac.clone()))))
}

/// A second of 25 pictures: a keyframe at its beginning, on the last track in its middle.
fn samples(second: i64) -> Vec<Sample> {
    let mut samples = Vec::new();
    for number in second * 25..second * 25 + 25 {
        for index in 0..3 {
            let is_sync = number % 25 == if index == 2 { 12 } else { 0 };
            let nal = [&[if is_sync { 0x65 } else { 0x41 }, 0x88][..], &[index; 40]].concat();
            let data = [&(nal.len() as u32).to_be_bytes()[..], &nal].concat();
            let dts = Timestamp::new(number * 3_600, Timescale::VIDEO);
            samples.push(Sample { track: video(index), dts, cts: 0, is_sync, data: data.into() });
        }
        for frame in number * 1_920 / 1_024..(number + 1) * 1_920 / 1_024 {
            let dts = Timestamp::new(frame * 1_024, Timescale::new(48_000).unwrap());
            for track in [TrackId::AUDIO, SECOND_SOUND] {
                samples.push(Sample { track, dts, cts: 0, is_sync: true, data: vec![0x21, 0x10, 0x04, track.index].into() });
            }
        }
    }
    samples
}

/// The representations of a manifest's last period, by set.
fn representations(text: &str) -> Vec<Vec<String>> {
    let mpd = dash_mpd_core::parse(text).unwrap();
    let sets = &mpd.periods.last().unwrap().adaptations;
    sets.iter().map(|set| set.representations.iter().map(|one| one.id.clone().unwrap()).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ladder_is_offered_to_players_without_the_track_that_they_could_not_change_to() {
    let mut config = config();
    config.segments.segment_ms = 1_000;
    let house = House::start(config).await;
    let all = FlvVariant { selection: Selection::ALL, dialect: Dialect::Enhanced, ..FlvVariant::default() };
    let muxer = Muxer::new(all, Arc::new(Program { epoch: Epoch(1), tracks: tracks(), metadata: Metadata::default() }));
    let mut peer = Peer::connect(house.gateway.rtmp.port(), "live", "ladder").await;
    peer.started().await;
    muxer.preamble().iter().for_each(|body| send(&mut peer, body, 0));
    let http = house.http;
    let get = |path: &'static str| async move { http::get(http, path).await };
    let stream = house.stream("live/ladder").await;
    // Segmenting begins at the newest keyframe that it finds when it begins; and the first segments without the track come after it left.
    let left = async {
        let mut seconds = 0..;
        while stream.left_out().is_empty() || representations(get("/live/ladder/manifest.mpd").await.text())[0].len() > 2 {
            for sample in seconds.next().into_iter().flat_map(samples) {
                send(&mut peer, &muxer.sample(&sample).unwrap(), muxer.timestamp(&sample));
            }
            peer.flush().await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, left).await.expect("the track leaves");
    assert_eq!(stream.left_out().into_iter().collect::<Vec<_>>(), [(video(2), LeftOut::Keyframes)]);

    let index = m3u8_rs::parse_master_playlist_res(&get("/live/ladder/index.m3u8?token=t").await.body).unwrap();
    let variants: Vec<_> = index.variants.iter().map(|variant| variant.uri.as_str()).collect();
    assert_eq!(variants, ["v0.m3u8", "v1.m3u8", "v0-iframes.m3u8", "v1-iframes.m3u8"].map(|name| format!("{name}?token=t")));
    let sounds: Vec<_> = index.alternatives.iter().map(|media| (media.uri.as_deref().unwrap(), media.default)).collect();
    assert_eq!(sounds, [("a0.m3u8?token=t", true), ("a1.m3u8?token=t", false)]);
    let lists = ["/live/ladder/v0.m3u8", "/live/ladder/v1.m3u8"].map(get);
    let [one, other] = lists;
    let [one, other] = [one.await, other.await].map(|answer| m3u8_rs::parse_media_playlist_res(&answer.body).unwrap());
    let cuts = |list: &m3u8_rs::MediaPlaylist| list.segments.iter().map(|segment| segment.program_date_time).collect::<Vec<_>>();
    assert!(one.segments.len() >= 2 && cuts(&one).iter().zip(cuts(&other)).all(|(one, other)| *one == other), "cut at the same moments");

    assert_eq!(representations(get("/live/ladder/manifest.mpd").await.text()), [vec!["v0", "v1"], vec!["a0"], vec!["a1"]]);
    assert_eq!(representations(get("/live/ladder/manifest.mpd?track=v1,a1").await.text()), [["v1"], ["a1"]]);
    let chosen = get("/live/ladder/index.m3u8?track=v1&token=t").await;
    assert!(chosen.text().contains("\nv1.m3u8?token=t\n") && !chosen.text().contains("v0.m3u8"), "{}", chosen.text());
    let told = get("/live/ladder/index.m3u8?track=v2").await.assert_problem(404);
    assert!(told.contains("v2") && told.contains("keyframes") && told.contains("/live/ladder.flv?flv=enhanced&track=v2"), "{told}");
    assert!(get("/live/ladder/manifest.mpd?track=v9").await.assert_problem(404).contains("it has v0, v1, a0, a1"));
    get("/live/ladder/manifest.mpd?track=x").await.assert_problem(400);

    let info = get("/live/ladder/info.json").await.json();
    let told: Vec<_> = info["tracks"].as_array().unwrap().iter().map(|track| (track["id"].as_str().unwrap(), &track["left_out"])).collect();
    let none = &serde_json::Value::Null;
    assert_eq!(told, [("v0", none), ("v1", none), ("v2", &"keyframes".into()), ("a0", none), ("a1", none)]);
    peer.client.unpublish();
    peer.flush().await;
    house.stop().await;
}
