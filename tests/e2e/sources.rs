//! What a source may be and go through while rungs are made of it by the real worker.

use std::fs;
use std::path::{Path, PathBuf};

use sluicegate::bus::Stream;
use sluicegate::bus::ladder::LadderState;
use sluicegate::flv::tag::PREAMBLE_LEN;
use sluicegate::transcode::ladder::{RungCodec, RungOptions};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::ingest_support;
use crate::made::{self, STREAM, Track, all_made, until, with_rungs};
use crate::support::house::House;
use crate::support::{PATIENCE, POLL, http, media};

/// The tracks of the source and of its two rungs.
const TRACKS: [&str; 3] = ["v0", "v16", "v17"];

/// Those that read the playlists of all tracks until they are asked what they saw.
struct Players {
    stop: watch::Sender<bool>,
    players: Vec<tokio::task::JoinHandle<Track>>,
}

impl Players {
    fn of(house: &House) -> Self {
        let (stop, stopped) = watch::channel(false);
        let players = TRACKS.map(|track| tokio::spawn(made::follow(house.http, track, stopped.clone())));
        Self { stop, players: players.into() }
    }

    /// What they saw, and which numbers each rung has; the rungs were held to their source.
    async fn saw(self) -> (Track, Vec<Vec<bool>>) {
        self.stop.send_replace(true);
        let mut seen = Vec::new();
        for player in self.players {
            seen.push(player.await.unwrap());
        }
        let source = seen.remove(0);
        let has = TRACKS[1..].iter().zip(&seen).map(|(name, rung)| made::compare(name, rung, &source)).collect();
        (source, has)
    }
}

/// A gateway with rungs of these heights.
async fn house(heights: impl IntoIterator<Item = u32>) -> House {
    let mut config = with_rungs();
    config.rtmp.vvc = true;
    config.ladder.max_ladders = 8;
    config.ladder.rungs = heights.into_iter().map(|height| RungOptions::new(height, 0.0, 150_000)).collect();
    House::start(config).await
}

async fn until_listed(house: &House) {
    let listed = async {
        while http::get(house.http, &format!("/{STREAM}/index.m3u8")).await.status != 200 {
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, listed).await.expect("the stream is listed");
}

fn state(stream: &Stream) -> Option<LadderState> {
    stream.ladder().status().map(|status| status.state)
}

/// The first whole segment of the rung, as a file that plays.
async fn first_segment(house: &House, name: &str, dir: &Path) -> PathBuf {
    let found = async {
        loop {
            let list = http::get(house.http, &format!("/{name}/v16.m3u8")).await.text().to_owned();
            let of_its_own = list.split_once("#EXT-X-MAP:URI=\"").and_then(|(_, rest)| {
                let segment = rest.lines().skip(1).find(|line| line.starts_with("v16-"))?;
                Some([rest.split('"').next()?, segment].map(|file| format!("/{name}/{file}")))
            });
            if let Some([init, media]) = of_its_own {
                break [http::get(house.http, &init).await.body, http::get(house.http, &media).await.body].concat();
            }
            sleep(POLL).await;
        }
    };
    let file = dir.join(format!("{}.mp4", name.replace('/', "-")));
    fs::write(&file, timeout(PATIENCE, found).await.expect("a rung has a segment")).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_sources_of_every_codec_and_shape_have_rungs_and_one_that_is_not_decoded_is_told_of_once() {
    let dir = tempfile::tempdir().unwrap();
    let house = house([64]).await;
    let tall = ["-f", "lavfi", "-i", "testsrc2=size=90x160:rate=15:duration=4", "-c:v", "libx264", "-preset", "veryfast", "-g", "15"];
    let tall = ingest_support::media(dir.path(), "tall.mp4", &tall);
    let clips = [("hevc", "hevc-aac51"), ("av1", "av1-opus"), ("vp9", "vp9-flac"), ("vvc", "vvc-aac")];
    let clips = clips.map(|(name, clip)| (name, media::clip(&format!("codecs/{clip}")))).into_iter().chain([("tall", tall)]);
    let address = |name: &str| format!("rtmp://{}/live/{name}", house.gateway.rtmp);
    let encoders: Vec<_> = clips.map(|(name, clip)| ingest_support::publish_enhanced(&clip, &address(name))).collect();
    for (name, size) in [("hevc", (114, 64)), ("av1", (114, 64)), ("vp9", (114, 64)), ("tall", (64, 114))] {
        let name = format!("live/{name}");
        let stream = house.stream(&name).await;
        until(&stream, &name, |stream| stream.ladder().made().len() == 1).await;
        let rung = stream.ladder().status().unwrap().rungs.remove(0);
        assert_eq!((rung.width, rung.height), size, "{name}");
        media::assert_decodes(&first_segment(&house, &name, dir.path()).await);
    }
    let stream = house.stream("live/vvc").await;
    until(&stream, "it is given up", |stream| state(stream) == Some(LadderState::Unable)).await;
    sleep(POLL * 4).await;
    let status = stream.ladder().status().unwrap();
    assert_eq!((status.state, status.starts, status.trouble.as_deref()), (LadderState::Unable, 1, Some("H.266 is not decoded here")));
    assert_eq!((stream.ladder().rungs().len(), status.rungs.len()), (0, 0));
    drop(encoders);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_rungs_follow_a_source_that_comes_back_larger_and_with_sound() {
    let house = house([120, 90]).await;
    let mut encoder = house.publish(&media::clip("video-only"), STREAM, "20");
    let stream = house.stream(STREAM).await;
    until(&stream, "rungs are made", |stream| all_made(stream, 1)).await;
    until_listed(&house).await;
    let players = Players::of(&house);
    sleep(POLL * 8).await;
    let _ = encoder.kill().await;
    let mut encoder = house.publish(&media::clip("bframes"), STREAM, "20");
    until(&stream, "rungs are made of what came back", |stream| all_made(stream, 2)).await;
    sleep(POLL * 14).await;
    let (source, has) = players.saw().await;
    assert_eq!(source.values().filter(|listed| listed.discontinuity).count(), 1, "it broke off once");
    for has in has {
        let runs = has.chunk_by(|one, other| one == other).filter(|run| run[0]).count();
        assert!((1..=2).contains(&runs) && has.iter().filter(|has| **has).count() >= 3 && has.ends_with(&[true]), "{has:?}");
    }
    let sizes: Vec<_> = stream.ladder().status().unwrap().rungs.iter().map(|rung| (rung.width, rung.height)).collect();
    assert_eq!(sizes, [(214, 120), (160, 90)]);
    let _ = encoder.kill().await;
    house.stop().await;
}

/// Ten seconds of one clip and then another, as a file that says in its middle what its pictures are like from there on.
fn joined(dir: &Path, first: &Path, second: &Path) -> PathBuf {
    let part = |name: &str, clip: &Path, more: [&str; 2]| {
        let arguments = [&["-i", clip.to_str().unwrap(), "-c", "copy"][..], &more].concat();
        fs::read(ingest_support::media(dir, name, &arguments)).unwrap()
    };
    let (first, second) = (part("first.flv", first, ["-t", "10"]), part("second.flv", second, ["-output_ts_offset", "10"]));
    let file = dir.join("joined.flv");
    fs::write(&file, [&first[..], &second[PREAMBLE_LEN..]].concat()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_rungs_follow_a_source_whose_pictures_change_while_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let house = house([120, 90]).await;
    let clip = joined(dir.path(), &media::clip("bframes"), &media::clip("small"));
    let mut encoder = house.publish(&clip, STREAM, "30");
    let stream = house.stream(STREAM).await;
    until(&stream, "rungs are made", |stream| all_made(stream, 1)).await;
    until_listed(&house).await;
    let players = Players::of(&house);
    until(&stream, "rungs are made of the other pictures", |stream| all_made(stream, 2)).await;
    sleep(POLL * 20).await;
    let (source, has) = players.saw().await;
    assert_eq!(source.values().filter(|listed| listed.discontinuity).count(), 1, "its pictures changed once");
    assert!(source.values().all(|listed| !listed.gap), "and nothing is missing of them");
    for has in has {
        let runs = has.chunk_by(|one, other| one == other).filter(|run| run[0]).count();
        assert!(runs <= 2 && has.iter().filter(|has| **has).count() >= 3 && has.ends_with(&[true]), "{has:?}");
    }
    assert!(stream.ladder().status().unwrap().trouble.is_none(), "a change is no failure");
    let _ = encoder.kill().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_damage_and_a_standstill_cost_rungs_their_own_segments_and_no_more() {
    let house = house([120, 90]).await;
    // Pictures that cannot be decoded; further on none at all for three seconds, while the sound goes on.
    let filter = "noise=amount='if(between(n,70,72),30,0)':drop='between(n,150,239)'";
    let address = format!("rtmp://{}/{STREAM}", house.gateway.rtmp);
    let mut encoder = ingest_support::publish(&media::clip("zerolatency"), &address, true, &["-bsf:v", filter, "-t", "14"]);
    let stream = house.stream(STREAM).await;
    until(&stream, "rungs are made", |stream| all_made(stream, 1)).await;
    until_listed(&house).await;
    let players = Players::of(&house);
    timeout(PATIENCE, encoder.wait()).await.unwrap().unwrap();
    sleep(POLL).await;
    let status = stream.ladder().status().unwrap();
    let (source, has) = players.saw().await;
    assert!(status.decode_errors + stream.received().dropped() > 0 && status.starts == 1, "{status:?}");
    let lacks = source.values().filter(|listed| listed.gap).count();
    for has in has {
        // Besides what the source lacks itself: the segment with the damage, and those about the standstill.
        let lost = has.iter().skip_while(|has| !**has).filter(|has| !**has).count();
        assert!(lost <= lacks + 3 && has[has.len() - 2..].contains(&true), "{lacks} {has:?}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_machine_that_cannot_keep_up_gives_up_the_largest_rung_and_says_so() {
    let mut config = with_rungs();
    // No machine encodes this as fast as it comes.
    let heavy = RungOptions { codec: RungCodec::Hevc, preset: "placebo".into(), ..RungOptions::new(340, 0.0, 300_000) };
    config.ladder.rungs = vec![heavy, RungOptions::new(90, 0.0, 100_000)];
    (config.ladder.stall_s, config.ladder.nice) = (20, 19);
    let house = House::start(config).await;
    let mut encoder = house.publish(&media::clip("zerolatency"), STREAM, "28");
    let stream = house.stream(STREAM).await;
    let shed = |stream: &Stream| stream.ladder().status().map(|status| status.rungs.iter().map(|rung| rung.shed).collect::<Vec<_>>());
    until_listed(&house).await;
    let players = Players::of(&house);
    until(&stream, "the largest is given up", |stream| shed(stream).as_deref() == Some(&[true, false])).await;
    sleep(POLL * 16).await;
    let told = http::get(house.http, "/metrics").await.text().to_owned();
    let line = |rung: &str| format!("sluicegate_rung_shed{{stream=\"{STREAM}\",rendition=\"{rung}\"}} ");
    assert!(told.contains(&format!("{}1", line("340p"))) && told.contains(&format!("{}0", line("90p"))), "{told}");
    let api = http::get(house.http, &format!("/api/v1/streams/{STREAM}")).await.json();
    assert_eq!((&api["ladder"]["rungs"][0]["shed"], &api["ladder"]["rungs"][1]["shed"]), (&true.into(), &false.into()));
    assert_eq!((&api["renditions"][0]["shed"], &api["renditions"][1]["shed"]), (&true.into(), &false.into()));
    assert!(api["warnings"].to_string().contains("ladder_shed"), "{api}");
    let (source, has) = players.saw().await;
    assert!(source.values().all(|listed| !listed.gap && !listed.discontinuity));
    assert!(has[0].iter().all(|has| !has) && has[1].ends_with(&[true, true]), "{has:?}");
    let _ = encoder.kill().await;
    house.stop().await;
}
