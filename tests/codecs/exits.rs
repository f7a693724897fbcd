//! One publication of each codec, read back from each exit: the bytes that were sent since the join, once, in their time, and decodable.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::clips::{self, Clip, Kind};
use crate::ffmpeg::{self, Depth, Reading};
use crate::support::house::{House, config};
use crate::support::media;
use crate::support::viewers::{Exit, Recording};
use crate::support::{PATIENCE, dash, hls, http};

#[tokio::test(flavor = "multi_thread")]
async fn realtime_new_pictures_leave_by_every_exit() {
    leave_by_every_exit(clips::PICTURES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_new_sounds_leave_by_every_exit_that_knows_them() {
    leave_by_every_exit(clips::SOUNDS).await;
}

async fn leave_by_every_exit(clips: &'static [Clip]) {
    let mut config = config();
    // A segment for each group of pictures, so that six seconds are enough of them.
    config.segments.segment_ms = 1_000;
    config.segments.first_segments = 1;
    config.rtmp.vvc = true;
    let house = House::start(config).await;
    let shows: Vec<_> = clips.iter().map(|clip| Show::begin(&house, clip)).collect();
    for show in shows {
        show.check(&house).await;
    }
    house.stop().await;
}

/// What FFmpeg must have seen at an exit.
struct Seen {
    /// The end of an HTTP address, or [`RTMP`].
    exit: &'static str,
    kinds: Vec<Kind>,
    depth: Depth,
}

const RTMP: &str = " by RTMP";

type Player<T> = JoinHandle<T>;

/// A publication with a viewer at each exit.
struct Show {
    clip: &'static Clip,
    publisher: Player<()>,
    /// Why FLV is refused, where it can carry nothing of the clip.
    refusal: Option<Player<String>>,
    readings: Vec<(Seen, Player<Reading>)>,
    recording: Player<Recording>,
    hls: Player<hls::Player>,
    dash: Player<dash::Player>,
}

impl Show {
    fn begin(house: &House, clip: &'static Clip) -> Self {
        let (rtmp, http, stream) = (house.gateway.rtmp, house.http, clip.stream());
        let mut child = ffmpeg::publish(house.gateway.rtmp, &clips::file(clip.name), &stream);
        let publisher = tokio::spawn(async move {
            let status = timeout(PATIENCE, child.wait()).await.expect("the publisher comes to an end").unwrap();
            assert!(status.success(), "{}: {status}", clip.name);
        });
        let watched = stream.clone();
        let refusal = clip.in_flv().is_empty().then(|| tokio::spawn(refused(http, watched)));
        let mut readings = Vec::new();
        let mut live = |exit, kinds: Vec<Kind>, depth| {
            let address = if exit == RTMP { format!("rtmp://{rtmp}/{stream}") } else { format!("http://{http}/{stream}{exit}") };
            let reading = tokio::spawn(play(http, stream.clone(), address, depth));
            readings.push((Seen { exit, kinds, depth }, reading));
        };
        if !clip.in_flv().is_empty() {
            live(".flv", clip.in_flv(), if clip.is_misread_in_flv { Depth::Packets } else { Depth::Decoded });
        }
        for exit in [RTMP, ".flv?flv=enhanced", ".mp4", "/index.m3u8"] {
            live(exit, clip.kinds(), Depth::Decoded);
        }
        let (name, watched) = (stream.clone(), stream.clone());
        let recording = tokio::spawn(async move {
            until_published(http, &watched).await;
            Exit::WsMp4.watch(http, &watched).await
        });
        let hls = tokio::spawn(async move { hls::play(http, &name).await });
        let dash = tokio::spawn(async move { dash::play(http, &stream).await });
        Self { clip, publisher, refusal, readings, recording, hls, dash }
    }

    async fn check(self, house: &House) {
        let (clip, dir) = (self.clip, tempfile::tempdir().unwrap());
        let sent = ffmpeg::sent(&clips::file(clip.name)).await;
        if let Some(refusal) = self.refusal {
            let reason = refusal.await.unwrap();
            let words = ["FLV for players in browsers cannot carry a0 (AC-3)", "/index.m3u8 (HLS)", ".mp4 (fMP4", "?flv=enhanced"];
            assert!(words.iter().all(|word| reason.contains(word)), "{}: {reason}", clip.name);
        }
        self.publisher.await.unwrap();
        for (Seen { exit, kinds, depth }, player) in self.readings {
            assert_is_what_was_sent(&format!("{}{exit}", clip.name), &sent.only(&kinds), player.await.unwrap(), depth);
        }
        let recording = self.recording.await.unwrap();
        assert!(recording.whole);
        let told: serde_json::Value = serde_json::from_str(&recording.texts[0]).unwrap();
        let container = if clip.has(Kind::Video) { "video" } else { "audio" };
        assert_eq!(told["mime"], format!("{container}/mp4; codecs=\"{}\"", clip.codecs()));
        let file = save(dir.path(), "ws.mp4", &recording.media);
        check_file(&format!("{} by ws", clip.name), &sent, &file).await;

        let hls = self.hls.await.unwrap();
        assert_eq!(
            (hls.codecs.as_str(), hls.tracks.len(), hls.has_ended),
            (clip.codecs().as_str(), clip.kinds().len(), true),
            "{}",
            clip.name
        );
        if clip.is_hdr {
            check_hdr(house, clip, &hls).await;
        }
        let tracks = hls.tracks.iter().map(|(uri, track)| (uri.as_str(), None, &track.media));
        check_tracks(clip, "hls", &sent, tracks.collect(), dir.path()).await;
        let dash = self.dash.await.unwrap();
        let tracks = dash.tracks.iter().map(|(id, track)| (id.as_str(), Some(track.codecs.as_str()), &track.media));
        check_tracks(clip, "dash", &sent, tracks.collect(), dir.path()).await;
        // FFmpeg asks for segments that are not there yet when it reads a live manifest again; a static one it plays from end to end.
        let manifest = format!("http://{}/{}/manifest.mpd", house.http, clip.stream());
        let got = ffmpeg::read(&manifest, &[], Depth::Decoded).await;
        assert_is_what_was_sent(&format!("{} by dash by ffmpeg", clip.name), &sent, got, Depth::Decoded);
    }
}

/// The pictures are announced as what they are, with the display and the light that `scripts/media.sh` tells the encoder.
async fn check_hdr(house: &House, clip: &Clip, played: &hls::Player) {
    const BOXES: &[u8] = b"\0\0\0\x13colrnclx\0\x09\0\x10\0\x09\0\
        \0\0\0\x20mdcv\x33\xc2\x86\xc4\x1d\x4c\x0b\xb8\x84\xd0\x3e\x80\x3d\x13\x40\x42\0\x98\x96\x80\0\0\0\x32\
        \0\0\0\x0cclli\x03\xe8\x01\x90";
    let has_boxes = |media: &[u8]| media.windows(BOXES.len()).any(|window| window == BOXES);
    assert!(played.tracks.values().any(|track| has_boxes(&track.media)), "{}: no boxes of HDR", clip.name);
    let playlist = http::get(house.http, &format!("/{}/index.m3u8", clip.stream())).await;
    assert!(playlist.text().contains(",VIDEO-RANGE=PQ,"), "{}: {}", clip.name, playlist.text());
}

/// Plays an address by FFmpeg from the moment the stream is there until its end.
async fn play(http: SocketAddr, stream: String, address: String, depth: Depth) -> Reading {
    until_published(http, &stream).await;
    let before: &[&str] = if address.ends_with("m3u8") { &["-live_start_index", "0"] } else { &[] };
    ffmpeg::read(&address, before, depth).await
}

async fn refused(http: SocketAddr, stream: String) -> String {
    until_published(http, &stream).await;
    http::get(http, &format!("/{stream}.flv")).await.assert_problem(415)
}

pub async fn until_published(http: SocketAddr, stream: &str) {
    let published = async {
        while http::request(http, "HEAD", &format!("/{stream}.mp4"), "").await.status == 404 {
            tokio::time::sleep(crate::support::POLL).await;
        }
    };
    timeout(PATIENCE, published).await.expect("the stream is published");
}

fn save(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = dir.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// Tracks of a playlist or manifest, each in a file of its own.
async fn check_tracks(clip: &Clip, exit: &str, sent: &Reading, tracks: Vec<(&str, Option<&str>, &Vec<u8>)>, dir: &Path) {
    for (name, codecs, bytes) in tracks {
        let kind = if name.starts_with('v') { Kind::Video } else { Kind::Audio };
        let expected = if kind == Kind::Video { clip.video } else { clip.audio };
        assert!(codecs.is_none() || codecs == expected, "{} by {exit}: {codecs:?}", clip.name);
        let file = save(dir, &format!("{exit}-{kind:?}.mp4"), bytes);
        check_file(&format!("{} by {exit}", clip.name), &sent.only(&[kind]), &file).await;
    }
}

async fn check_file(label: &str, sent: &Reading, file: &Path) {
    assert_is_what_was_sent(label, sent, ffmpeg::read(file.to_str().unwrap(), &[], Depth::Decoded).await, Depth::Decoded);
}

/// Tracks of the same kinds and, where they were decoded, codecs, sizes and channels, with every packet that was sent since the join until the end.
fn assert_is_what_was_sent(label: &str, sent: &Reading, mut got: Reading, depth: Depth) {
    ffmpeg::mark_as_sent(&mut got, sent);
    for kind in [Kind::Video, Kind::Audio] {
        let about = |reading: &Reading| reading.of(kind).map(|track| track.about.clone());
        assert_eq!(about(&got).is_some(), about(sent).is_some(), "{label}: {kind:?}");
        if depth == Depth::Decoded {
            assert_eq!(about(&got), about(sent), "{label}");
        }
    }
    let (before, after) = (sent.packets(), got.packets());
    let [video, audio] = [true, false].map(|is_video| media::stretch(label, &before, &after, is_video));
    media::assert_together(label, video, audio);
    for stretch in [video, audio].into_iter().flatten() {
        assert!(stretch.to_the_end, "{label}: until the end: {stretch:?}");
    }
    println!("{label}: {:?} pictures, {:?} sounds", video.map(|v| (v.from, v.count)), audio.map(|a| (a.from, a.count)));
}
