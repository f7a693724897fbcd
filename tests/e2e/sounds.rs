//! Sound that the real worker codes anew: beside the rungs in HLS and DASH, and in them where one is played alone.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use m3u8_rs::MediaPlaylist;
use sluicegate::bus::ladder::LadderState;
use sluicegate::media::TrackId;
use sluicegate::transcode::ladder::RungOptions;
use sluicegate::transcode::sound::Audio;
use tokio::time::{sleep, timeout};

use crate::ingest_support;
use crate::made::{signal, until, with_rungs, worker};
use crate::support::house::House;
use crate::support::{PATIENCE, POLL, http, media};

/// How far sound and picture may be apart, in milliseconds.
const APART: i64 = 40;

/// White pictures and a tone for the first fifth of each second, in H.264 and Opus.
fn flashes(dir: &Path) -> PathBuf {
    let pictures = "color=black:size=320x180:rate=25:duration=20,drawbox=color=white:t=fill:enable='lt(mod(t,1),0.2)'";
    let sound = "aevalsrc='if(lt(mod(t,1),0.2),0.5*sin(2*PI*1000*t),0)':sample_rate=48000:duration=20";
    let inputs = ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound];
    let video = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p"];
    ingest_support::media(dir, "flashes.mp4", &[&inputs[..], &video, &["-c:a", "libopus", "-b:a", "96k"]].concat())
}

/// When pictures get white and when tones begin, in milliseconds, as FFmpeg tells of the first seconds of these addresses.
async fn seen_and_heard(inputs: &[String]) -> (Vec<i64>, Vec<i64>) {
    let mut command = tokio::process::Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "info", "-copyts"]);
    command.args(inputs.iter().flat_map(|input| ["-t", "6", "-i", input]));
    command.args(["-vf", "blackdetect=d=0.2:pix_th=0.2", "-af", "silencedetect=noise=-30dB:d=0.2", "-f", "null", "-"]);
    let output = timeout(PATIENCE, command.stdin(Stdio::null()).kill_on_drop(true).output()).await.expect("FFmpeg plays it").unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{inputs:?}: {text}");
    let after = |word: &str| {
        let told = text.split(word).skip(1).filter_map(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        let mut told: Vec<_> = told.map(|seconds| (seconds * 1_000.0).round() as i64).collect();
        // What lasts to the end of what is played ends there.
        told.pop();
        told
    };
    (after("black_end:"), after("silence_end: "))
}

/// Each tone that has a flash near it is together with it, and most have.
async fn assert_together(inputs: &[String]) {
    let (seen, heard) = seen_and_heard(inputs).await;
    let apart: Vec<_> = heard.iter().filter_map(|at| seen.iter().map(|flash| at - flash).min_by_key(|apart| apart.abs())).collect();
    let near: Vec<_> = apart.iter().filter(|apart| apart.abs() < 400).collect();
    println!("{inputs:?}: {near:?} ms");
    assert!(near.len() >= 3 && near.iter().all(|apart| apart.abs() <= APART), "{inputs:?}: seen at {seen:?}, heard at {heard:?}");
}

async fn listed(house: &House, file: &str, what: &str) -> String {
    let found = async {
        loop {
            let answer = http::get(house.http, &format!("/live/{file}")).await;
            if answer.status == 200 && answer.text().contains(what) {
                return answer.text().to_owned();
            }
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{file} tells of {what}"))
}

/// Waits until so many segments at a playlist's end are none of them a gap.
async fn ends_in(house: &House, file: &str, count: usize) {
    let found = async {
        loop {
            let list = http::get(house.http, &format!("/live/{file}")).await;
            let list: MediaPlaylist = m3u8_rs::parse_media_playlist_res(&list.body).unwrap();
            let newest = list.segments.iter().rev().take(count);
            if newest.filter(|segment| segment.unknown_tags.iter().all(|tag| tag.tag != "X-GAP")).count() == count {
                return;
            }
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{file} ends in {count} segments"));
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_opus_is_heard_as_aac_with_its_pictures_and_again_when_the_worker_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = with_rungs();
    config.ladder.rungs = vec![RungOptions::new(90, 0.0, 150_000)];
    config.ladder.audio = Audio::Auto;
    let house = House::start(config).await;
    let encoder = ingest_support::publish_enhanced(&flashes(dir.path()), &format!("rtmp://{}/live/flashes", house.gateway.rtmp));
    let stream = house.stream("live/flashes").await;
    let is_made = |starts: u64| {
        move |stream: &sluicegate::bus::Stream| {
            stream.ladder().made().len() == 2 && stream.ladder().status().is_some_and(|status| status.starts == starts)
        }
    };
    until(&stream, "a rung and its sound are made", is_made(1)).await;
    let index = listed(&house, "flashes/index.m3u8", "a16.m3u8").await;
    assert!(index.find("AUDIO=\"audio-0\"") < index.find("AUDIO=\"audio-1\"") && index.contains("mp4a.40.2"), "{index}");
    assert!(listed(&house, "flashes/manifest.mpd", "\"a16\"").await.contains("codecs=\"Opus\""));
    let api = http::get(house.http, "/api/v1/streams/live/flashes").await.json();
    assert_eq!((&api["ladder"]["sound"]["id"], &api["ladder"]["sound"]["sample_rate"]), (&"a16".into(), &48_000.into()));
    let told = http::get(house.http, "/metrics").await.text().to_owned();
    assert!(told.contains("sluicegate_ladder_sound_frames{stream=\"live/flashes\"} "), "{told}");

    // FFmpeg begins with the third from the end, and is given the source in the place of one that was not made.
    tokio::join!(ends_in(&house, "flashes/v16.m3u8", 3), ends_in(&house, "flashes/a16.m3u8", 3));
    let of = |file: &str| format!("http://{}/live/flashes{file}", house.http);
    let (own, made, alone) = ([of("/v0.m3u8"), of("/a0.m3u8")], [of("/v16.m3u8"), of("/a16.m3u8")], [of(".flv?rendition=90p")]);
    tokio::join!(assert_together(&own), assert_together(&made), assert_together(&alone));
    let mut probe = tokio::process::Command::new("ffprobe");
    probe.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", &alone[0]]);
    let output = timeout(PATIENCE, probe.output()).await.unwrap().unwrap();
    let codecs = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(matches!(codecs.as_str(), "h264 aac" | "aac h264"), "{codecs}");

    signal(worker().expect("a worker runs"), "KILL");
    until(&stream, "both are made again", is_made(2)).await;
    let list = listed(&house, "flashes/a16.m3u8", "#EXT-X-GAP").await;
    assert!(!list.contains("#EXT-X-DISCONTINUITY\n"), "{list}");
    ends_in(&house, "flashes/a16.m3u8", 1).await;
    assert!(stream.ladder().made().contains(&TrackId::SOUND));
    assert_eq!(stream.ladder().status().unwrap().misses, 0);
    drop(encoder);
    house.stop().await;
}

/// The codec of what is below an address, and how loud its first seconds are, in decibels below the loudest.
async fn coded_and_loud(input: &str) -> (String, f64) {
    let mut command = tokio::process::Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "info", "-t", "2", "-i", input, "-af", "volumedetect", "-f", "null", "-"]);
    let output = timeout(PATIENCE, command.stdin(Stdio::null()).kill_on_drop(true).output()).await.expect("FFmpeg plays it").unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let after = |word: &str| text.split(word).nth(1).and_then(|rest| rest.split([' ', ',']).next()).map(str::to_owned);
    let told = after("Audio: ").zip(after("mean_volume: ").and_then(|loud| loud.parse().ok()));
    told.unwrap_or_else(|| panic!("{input}: {text}"))
}

/// A stream has AAC beside its Opus, and no rungs.
async fn assert_sound_alone(house: &House, name: &str) {
    let stream = house.stream(&format!("live/{name}")).await;
    until(&stream, name, |stream| stream.ladder().made().contains(&TrackId::SOUND)).await;
    let index = listed(house, &format!("{name}/index.m3u8"), "a16.m3u8").await;
    assert!(index.contains("mp4a.40.2") && index.contains("Opus"), "{index}");
    assert!(listed(house, &format!("{name}/manifest.mpd"), "\"a16\"").await.contains("codecs=\"mp4a.40.2\""));
    ends_in(house, &format!("{name}/a16.m3u8"), 3).await;
    let (codec, loud) = coded_and_loud(&format!("http://{}/live/{name}/a16.m3u8", house.http)).await;
    assert!(codec == "aac" && loud > -50.0, "{name}: {codec}, {loud} dB");
    until(&stream, name, |stream| stream.ladder().status().is_some_and(|status| status.state == LadderState::Running)).await;
    let status = stream.ladder().status().unwrap();
    assert_eq!((status.starts, status.rungs.len(), status.misses), (1, 0, 0), "{name}: {status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_sound_is_made_where_there_are_no_pictures_and_where_no_rung_is_below_them() {
    let mut config = with_rungs();
    config.ladder.audio = Audio::Auto;
    let house = House::start(config).await;
    let clips = ["opus", "av1-opus"].map(|name| (name, media::clip(&format!("codecs/{name}"))));
    let publish =
        |(name, clip): &(&str, PathBuf)| ingest_support::publish_enhanced(clip, &format!("rtmp://{}/live/{name}", house.gateway.rtmp));
    let encoders = clips.each_ref().map(publish);
    tokio::join!(assert_sound_alone(&house, "opus"), assert_sound_alone(&house, "av1-opus"));
    drop(encoders);
    house.stop().await;
}
