//! Rungs made by the real worker: cut with the source to the tick, played by themselves, and back when their worker was killed or stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use m3u8_rs::MediaPlaylist;
use sluicegate::bus::{Budget, From, Gate, Stream};
use sluicegate::config::Config;
use sluicegate::fmp4::reader;
use sluicegate::transcode::ladder::RungOptions;
use sluicegate::transcode::supervisor::Make;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::support::house::{House, config};
use crate::support::media::{self, Packet};
use crate::support::{PATIENCE, POLL, http};

pub const STREAM: &str = "live/show";
/// Seconds that a picture of the clips lasts.
const FRAME: f32 = 0.034;
const RUNGS: [&str; 2] = ["v16", "v17"];

/// Ladders for every stream, of two rungs, by the real worker.
pub fn with_rungs() -> Config {
    let mut config = config();
    (config.ladder.make, config.ladder.stall_s) = (Make::Always, 2);
    config.ladder.worker = PathBuf::from(env!("CARGO_BIN_EXE_sluicegate-ladder"));
    config.ladder.rungs = vec![RungOptions::new(240, 0.0, 300_000), RungOptions::new(180, 15.0, 150_000)];
    config
}

/// The worker, which is a child of this process as the gateway is in it.
pub fn worker() -> Option<u32> {
    let ours = std::process::id().to_string();
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let mut ladders = stats.filter_map(|stat| {
        let (pid, rest) = stat.split_once(" (sluicegate-ladd) ")?;
        let mut fields = rest.split(' ');
        // One that has ended is listed until somebody has asked for its status.
        let is_alive = fields.next()? != "Z";
        (fields.next()? == ours && is_alive).then(|| pid.parse().ok())?
    });
    ladders.next()
}

/// Waits until that holds of a stream.
pub async fn until(stream: &Arc<Stream>, what: &str, holds: impl Fn(&Stream) -> bool) {
    let waited = async {
        while !holds(stream) {
            sleep(POLL / 4).await;
        }
    };
    timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("{what}: {:?}", stream.ladder().status()));
}

/// Whether all rungs are made, by the worker of that number.
pub fn all_made(stream: &Stream, starts: u64) -> bool {
    stream.ladder().made().len() == RUNGS.len() && stream.ladder().status().is_some_and(|status| status.starts == starts)
}

/// What a track's playlist said of a number: its moment, its length, whether it is a gap, and its media with the init segment before it.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    wall: i64,
    seconds: f32,
    pub gap: bool,
    pub discontinuity: bool,
    pub media: Option<(Vec<u8>, Vec<u8>)>,
}

pub type Track = BTreeMap<u64, Listed>;

/// Reloads the playlist of a track and fetches all that it lists until told to stop. What was listed once never changes.
pub async fn follow(address: SocketAddr, track: &'static str, mut stop: watch::Receiver<bool>) -> Track {
    let mut seen = Track::new();
    let (mut init, mut inits) = (String::new(), BTreeMap::new());
    while !*stop.borrow_and_update() {
        let answer = http::get(address, &format!("/{STREAM}/{track}.m3u8")).await;
        let list: MediaPlaylist = m3u8_rs::parse_media_playlist_res(&answer.body).unwrap();
        for (number, segment) in (list.media_sequence..).zip(&list.segments) {
            if let Some(map) = &segment.map {
                init.clone_from(&map.uri);
            }
            let gap = segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP");
            let wall = segment.program_date_time.unwrap().timestamp_millis();
            let mut listed = Listed { wall, seconds: segment.duration, gap, discontinuity: segment.discontinuity, media: None };
            if let Some(known) = seen.get(&number) {
                listed.media.clone_from(&known.media);
                assert_eq!(*known, listed, "{track} {number}");
                continue;
            }
            if !gap {
                if !inits.contains_key(&init) {
                    inits.insert(init.clone(), http::get(address, &format!("/{STREAM}/{init}")).await.body);
                }
                let media = http::get(address, &format!("/{STREAM}/{}", segment.uri)).await;
                assert_eq!(media.status, 200, "{track} {number}");
                listed.media = Some((inits[&init].clone(), media.body));
            }
            seen.insert(number, listed);
        }
        let _ = timeout(POLL, stop.changed()).await;
    }
    seen
}

/// Presentation times of the pictures in a segment, in ticks.
pub fn shown((init, media): &(Vec<u8>, Vec<u8>)) -> BTreeSet<i128> {
    let movie = reader::read_after(&reader::read(init).unwrap().tracks, media).unwrap();
    movie.fragments.iter().flat_map(|fragment| &fragment.samples).map(|sample| sample.pts()).collect()
}

/// The rung against the source: numbers, moments, lengths and, where it has a segment, its pictures. Returns which numbers it has.
pub fn compare(name: &str, rung: &Track, source: &Track) -> Vec<bool> {
    let mut has = Vec::new();
    for (number, of_source) in source {
        let Some(listed) = rung.get(number) else { continue };
        let placed = |one: &Listed| (one.wall, one.discontinuity);
        assert_eq!(placed(listed), placed(of_source), "{name} {number}");
        // Where sound leads, as pictures stand still, the source's last one ends with its frame and a gap with the sound's.
        assert!((listed.seconds - of_source.seconds).abs() < FRAME, "{name} {number}: {} {}", listed.seconds, of_source.seconds);
        has.push(!listed.gap);
        if let Some(media) = &listed.media {
            let (pictures, all) = (shown(media), shown(of_source.media.as_ref().unwrap()));
            assert_eq!(pictures.first(), all.first(), "{name} {number} begins at the cut, to the tick");
            assert!(pictures.is_subset(&all), "{name} {number}: every picture is one of the source's");
        }
    }
    has
}

pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_rungs_are_cut_with_the_source_and_return_when_their_worker_is_killed_or_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::start(with_rungs()).await;
    let mut encoder = house.publish(&media::clip("bframes"), STREAM, "29");
    let stream = house.stream(STREAM).await;
    until(&stream, "rungs are made", |stream| all_made(stream, 1)).await;
    let index = async {
        loop {
            let answer = http::get(house.http, &format!("/{STREAM}/index.m3u8")).await;
            if answer.status == 200 {
                return answer.text().to_owned();
            }
        }
    };
    let index = timeout(PATIENCE, index).await.unwrap();
    assert!(index.find("\nv0.m3u8") < index.find("\nv16.m3u8") && index.contains("\nv17.m3u8"), "{index}");
    let (stop, stopped) = watch::channel(false);
    let players = ["v0", "v16", "v17"].map(|track| tokio::spawn(follow(house.http, track, stopped.clone())));

    sleep(POLL * 12).await;
    signal(worker().expect("a worker runs"), "KILL");
    until(&stream, "rungs are made again", |stream| all_made(stream, 2)).await;
    sleep(POLL * 8).await;
    signal(worker().expect("another worker runs"), "STOP");
    until(&stream, "and once more", |stream| all_made(stream, 3)).await;
    let trouble = stream.ladder().status().and_then(|status| status.trouble);
    assert!(trouble.is_some_and(|told| told.starts_with("it gave no sign of life")));
    sleep(POLL * 14).await;
    stop.send_replace(true);
    let [source, first, second] = players;
    let (source, first, second) = (source.await.unwrap(), first.await.unwrap(), second.await.unwrap());
    assert!(source.values().all(|listed| !listed.gap && !listed.discontinuity), "the source never stutters");
    let starts: Vec<_> = source.values().map(|listed| shown(listed.media.as_ref().unwrap()).first().copied().unwrap()).collect();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == 180_000), "{starts:?}");
    for (name, rung) in [("v16", &first), ("v17", &second)] {
        let has = compare(name, rung, &source);
        println!("{name}: {has:?}");
        assert!(has.windows(2).filter(|pair| *pair == [false, true]).count() >= 2, "{name} has returned twice: {has:?}");
        assert!(has.iter().filter(|has| **has).count() >= 4, "{name}: {has:?}");
        for (number, listed) in rung.iter().filter(|(_, listed)| !listed.gap) {
            let (init, media) = listed.media.as_ref().unwrap();
            let file = dir.path().join(format!("{name}-{number}.mp4"));
            fs::write(&file, [&init[..], media].concat()).unwrap();
            media::assert_decodes(&file);
        }
    }
    assert_eq!(stream.ladder().status().unwrap().misses, 0);
    let _ = encoder.kill().await;
    house.stop().await;
    let gone = async {
        while worker().is_some() {
            sleep(POLL / 4).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("no worker outlives its gateway");
}

/// What FFmpeg records of an address in so many seconds.
async fn record(address: String, seconds: &str, file: PathBuf) -> Vec<Packet> {
    let mut command = tokio::process::Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-copyts", "-t", seconds, "-i", &address, "-c", "copy"]).arg(&file);
    assert!(timeout(PATIENCE, command.status()).await.unwrap().unwrap().success(), "{address}");
    media::assert_decodes(&file);
    media::packets(&file)
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_rung_plays_by_itself_with_the_sources_sound_where_the_source_has_it_whoever_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::start(with_rungs()).await;
    let mut encoder = house.publish(&media::clip("bframes"), STREAM, "25");
    let stream = house.stream(STREAM).await;
    until(&stream, "rungs are made", |stream| all_made(stream, 1)).await;
    let (http, rtmp) = (house.http, house.gateway.rtmp);
    let file = |name: &str| dir.path().join(name).with_extension("flv");
    // Soon behind a keyframe, so that the next worker begins with that, which these have had already.
    let kill = async {
        sleep(POLL * 5).await;
        let mut source = stream.source().samples.subscribe(From::NextSync, &Arc::new(Gate::new()));
        let mut keyframe = Vec::new();
        while keyframe.is_empty() {
            source.next(Budget::default(), &mut keyframe).await;
        }
        sleep(POLL).await;
        signal(worker().expect("a worker runs"), "KILL");
    };
    let (source, by_flv, by_rtmp, ()) = tokio::join!(
        record(format!("http://{http}/{STREAM}.flv"), "12", file("source")),
        record(format!("http://{http}/{STREAM}.flv?rendition=240p"), "10", file("flv")),
        record(format!("rtmp://{rtmp}/{STREAM}_180p"), "10", file("rtmp")),
        kill,
    );
    assert!(all_made(&stream, 2), "{:?}", stream.ladder().status());
    for (name, rung, least) in [("flv", by_flv, 100), ("rtmp", by_rtmp, 40)] {
        let pictures: BTreeSet<_> = source.iter().filter(|packet| packet.is_video).map(|packet| packet.pts).collect();
        let sounds: BTreeMap<_, _> = source.iter().filter(|packet| !packet.is_video).map(|packet| (&packet.hash, packet.pts)).collect();
        let shared = rung
            .iter()
            .filter(|packet| packet.is_video && packet.pts <= *pictures.last().unwrap() && packet.pts >= *pictures.first().unwrap());
        assert!(shared.clone().count() >= least, "{name}: {}", shared.count());
        assert!(shared.clone().is_sorted_by(|one, next| one.pts < next.pts), "{name}: time goes on");
        for packet in shared {
            assert!((-1..=1).any(|off| pictures.contains(&(packet.pts + off))), "{name}: {packet:?} is shown when the source's picture is");
        }
        let heard: Vec<_> =
            rung.iter().filter(|packet| !packet.is_video).filter_map(|packet| Some(packet.pts - sounds.get(&packet.hash)?)).collect();
        assert!(heard.len() >= 100 && heard.iter().all(|apart| apart.abs() <= 1), "{name}: sound is where it was: {heard:?}");
    }
    let _ = encoder.kill().await;
    house.stop().await;
}
