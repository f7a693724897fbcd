//! The I-frame playlist of a real encoder's stream: each of its entries is one picture that FFmpeg decodes, fetched as a range.

use std::process::Stdio;
use std::time::Duration;

use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaSegment};
use sluicegate::fmp4::reader;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::support::house::{House, config};
use crate::support::http::{get, request};
use crate::support::{PATIENCE, media};

const STREAM: &str = "live/scrub";

#[tokio::test(flavor = "multi_thread")]
async fn realtime_pictures_for_scrubbing_are_fetched_as_ranges_and_decoded_one_by_one() {
    let clip = media::clip("bframes");
    let house = House::start(config()).await;
    let mut publisher = house.publish(&clip, STREAM, "9");
    house.stream(STREAM).await;

    let index = index(&house).await;
    let line = index.variants.iter().find(|variant| variant.is_i_frame).expect("an I-frame playlist");
    assert_eq!(
        (line.uri.as_str(), line.codecs.as_deref()),
        ("v0-iframes.m3u8", index.variants[0].codecs.as_ref().unwrap().split(',').next())
    );
    let file = tempfile::tempdir().unwrap();
    let decoded = file.path().join("frames");
    // Loads the playlist again and again until it ends, and every range of it.
    let mut command = Command::new("ffmpeg");
    command.args([
        "-nostdin",
        "-v",
        "warning",
        "-copyts",
        "-live_start_index",
        "0",
        "-i",
        &format!("http://{}/{STREAM}/{}", house.http, line.uri),
    ]);
    command.args(["-fps_mode", "passthrough", "-f", "framecrc"]).arg(&decoded);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let player = tokio::spawn(async move { command.output().await.unwrap() });

    let list = until(&house, |list| list.segments.len() == 4).await;
    for entry in &list.segments {
        fetch(&house, &list, entry).await;
    }
    assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
    let last = until(&house, |list| list.end_list).await;
    let output = timeout(PATIENCE, player).await.expect("FFmpeg sees the end").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("rror") && !said.contains("nvalid"), "{said}");
    let frames = std::fs::read_to_string(&decoded).unwrap();
    let times: Vec<i64> =
        frames.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(',').nth(2).unwrap().trim().parse().unwrap()).collect();
    let base: i64 = frames.lines().find_map(|line| line.strip_prefix("#tb 0: 1/")).unwrap().parse().unwrap();
    assert_eq!(times.len(), last.segments.len(), "each entry is one picture: {frames}");
    let apart: Vec<i64> = times.windows(2).map(|pair| (pair[1] - pair[0]) * 1_000 / base).collect();
    assert!(apart.iter().all(|millis| (1_950..=2_050).contains(millis)), "{apart:?}");
    house.stop().await;
}

async fn index(house: &House) -> MasterPlaylist {
    let answer = get(house.http, &format!("/{STREAM}/index.m3u8")).await;
    m3u8_rs::parse_master_playlist_res(&answer.body).unwrap()
}

async fn until(house: &House, is_enough: impl Fn(&MediaPlaylist) -> bool) -> MediaPlaylist {
    let found = async {
        loop {
            let answer = get(house.http, &format!("/{STREAM}/v0-iframes.m3u8")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.assert_fit_for_pages("application/vnd.apple.mpegurl");
            let list = m3u8_rs::parse_media_playlist_res(&answer.body).unwrap();
            if is_enough(&list) {
                return list;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, found).await.expect("the playlist comes to it")
}

/// A range holds one picture and whole boxes, and is part of the segment that everybody gets.
async fn fetch(house: &House, list: &MediaPlaylist, entry: &MediaSegment) {
    let range = entry.byte_range.as_ref().unwrap();
    let (from, to) = (range.offset.unwrap(), range.offset.unwrap() + range.length);
    let path = format!("/{STREAM}/{}", entry.uri);
    let answer = request(house.http, "GET", &path, &format!("Range: bytes={from}-{}\r\n", to - 1)).await;
    assert_eq!((answer.status, answer.body.len() as u64), (206, range.length));
    let whole = get(house.http, &path).await.body;
    assert_eq!(answer.body, whole[from as usize..to as usize]);
    let init = get(house.http, &format!("/{STREAM}/{}", list.segments[0].map.as_ref().unwrap().uri)).await.body;
    let movie = reader::read(&[init.as_slice(), &answer.body].concat()).unwrap();
    let [fragment] = movie.fragments.as_slice() else { panic!("one fragment: {movie:?}") };
    assert!(fragment.samples.len() == 1 && fragment.samples[0].is_sync());
    assert_eq!(fragment.samples[0].data.end, init.len() + answer.body.len(), "nothing behind the picture");
}
