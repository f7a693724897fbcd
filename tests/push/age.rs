//! Streams that are old: milliseconds of 31 bits last 24.8 days.

use sluicegate::bus::Why;
use sluicegate::flv::REBASE_MS;

use super::client::{Http, Tag, bare_tags, tags};
use super::show::{GOP, Show};
use super::station::{Settings, Station};
use super::{close_code, websocket};

const HOUR_S: i64 = 3_600;

/// On the air for so many seconds, with a whole GOP and ten pictures more to join at.
async fn aged(seconds: i64) -> (Station, Show) {
    let station = Station::start(Settings::default()).await;
    let mut show = station.publish("show");
    show.skip_to(seconds);
    show.head(1280, Why::Joined);
    show.send(GOP + 10);
    (station, show)
}

/// The times of pictures and sounds, configurations left out.
fn times(tags: &[Tag]) -> Vec<i64> {
    tags.iter().filter(|tag| matches!(tag.kind, 8 | 9) && !tag.is_config()).map(|tag| tag.time).collect()
}

async fn joined(station: &Station) -> (Http, Vec<i64>) {
    let mut http = Http::connect(station.address).await;
    http.get("/live/show.flv").await;
    assert!(http.head().await.contains("200"));
    let first = times(&tags(&http.chunk().await));
    (http, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_of_an_old_stream_begin_in_its_own_time_and_count_on() {
    for age in [HOUR_S, 24 * 24 * HOUR_S] {
        let (station, mut show) = aged(age).await;
        let (mut http, first) = joined(&station).await;
        assert_eq!(first[0], (age + 1) * 1_000, "the newest keyframe's time");
        show.send(GOP);
        let more = times(&bare_tags(&http.chunk().await));
        assert!(more[0] > *first.last().unwrap() - 40 && more[0] < first[0] + 1_000, "{first:?} {more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_its_time_is_used_up_a_stream_counts_anew_once_and_lets_its_viewers_go_in_order() {
    let (station, mut show) = aged(REBASE_MS / 1_000 - 3).await;
    let (mut http, first) = joined(&station).await;
    assert!(first[0] > 2_140_000_000, "{first:?}");
    let mut socket = websocket(&station, "/live/show.flv").await;
    let mut fragments = Http::connect(station.address).await;
    fragments.get("/live/show.mp4").await;
    fragments.head().await;
    fragments.chunk().await;
    show.send(4 * GOP);
    loop {
        let chunk = http.chunk().await;
        if chunk.is_empty() {
            break;
        }
        let more = times(&bare_tags(&chunk));
        assert!(more.iter().all(|time| *time > first[0]), "time never runs backwards: {more:?}");
    }
    assert!(http.rest().await.is_empty(), "the last chunk said so");
    assert_eq!(close_code(&mut socket).await, 1012, "a restart, which players take for leave to come again");
    let (mut again, begun) = joined(&station).await;
    assert!((10_000..20_000).contains(&begun[0]), "{begun:?}");
    show.send(GOP);
    assert!(times(&bare_tags(&again.chunk().await))[0] > begun[0]);
    // Fragments count in 64 bits, and their viewers stay.
    assert!(!fragments.chunk().await.is_empty());
    drop((http, socket));
    station.until_viewers("show", 2).await;
}
