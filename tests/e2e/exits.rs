//! Every exit of one published stream, read back: all that was sent since the join, once, in its time, without an error.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::house::{House, config, until_media};
use crate::support::media::{self, Packet, Stretch};
use crate::support::viewers::{ALL, Exit, Recording};
use crate::support::{PATIENCE, dash, hls};

const STREAM: &str = "live/clip";

/// What a clip holds.
struct Kinds {
    video: bool,
    audio: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_h264_with_b_frames_and_aac_leave_by_every_exit() {
    leaves_by_every_exit("bframes", "13", Kinds { video: true, audio: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_h264_without_b_frames_and_aac_leave_by_every_exit() {
    leaves_by_every_exit("zerolatency", "9", Kinds { video: true, audio: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_h264_and_mp3_leave_by_every_exit() {
    leaves_by_every_exit("mp3", "9", Kinds { video: true, audio: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_pictures_alone_leave_by_every_exit() {
    leaves_by_every_exit("video-only", "9", Kinds { video: true, audio: false }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_sound_alone_leaves_by_every_exit() {
    leaves_by_every_exit("audio-only", "9", Kinds { video: false, audio: true }).await;
}

async fn leaves_by_every_exit(clip: &str, seconds: &str, kinds: Kinds) {
    let clip = media::clip(clip);
    let dir = tempfile::tempdir().unwrap();
    let sent = media::sent(&clip, seconds, dir.path());
    let house = House::start(config()).await;
    let mut publisher = house.publish(&clip, STREAM, seconds);
    let stream = house.stream(STREAM).await;

    let early: Vec<_> = ALL.into_iter().map(|exit| (exit, watch(exit, house.http))).collect();
    let hls = tokio::spawn(hls::play(house.http, STREAM));
    let dash = tokio::spawn(dash::play(house.http, STREAM));
    until_media(&stream, 5_000).await;
    let late: Vec<_> =
        [Exit::HttpFlv, Exit::WsFlv, Exit::HttpMp4, Exit::WsMp4].into_iter().map(|exit| (exit, watch(exit, house.http))).collect();
    let players = ["index.m3u8", "manifest.mpd"].map(|name| ffmpeg(&format!("http://{}/{STREAM}/{name}", house.http), name, dir.path()));
    let by_rtmp = ffmpeg(&format!("rtmp://{}/{STREAM}", house.gateway.rtmp), "rtmp", dir.path());
    assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());

    for (who, viewers) in [("early", early), ("late", late)] {
        for (exit, viewer) in viewers {
            let recording = viewer.await.unwrap();
            assert!(recording.whole, "{exit:?} {who}: the end is said");
            let label = format!("{who}-{exit:?}");
            check_texts(exit, &recording, &kinds);
            let file = dir.path().join(&label).with_extension(if exit.is_flv() { "flv" } else { "mp4" });
            std::fs::write(&file, &recording.media).unwrap();
            let got = media::packets(&file);
            let (video, audio) = check(&label, &sent, &got, &file);
            for stretch in [video, audio].into_iter().flatten() {
                assert!(stretch.to_the_end, "{label}: all until the end: {stretch:?} of {}", sent.len());
                assert!(stretch.shift.abs() <= 3, "{label}: times are the stream's own: {stretch:?}");
            }
            println!("{label}: {:?} pictures, {:?} sounds", video.map(|s| (s.from, s.count)), audio.map(|s| (s.from, s.count)));
        }
    }
    check_hls(&hls.await.unwrap(), &sent, &kinds, dir.path());
    check_dash(&dash.await.unwrap(), &sent, &kinds, dir.path());
    for (player, file) in players.into_iter().chain([by_rtmp]) {
        let output = timeout(PATIENCE, player).await.expect("FFmpeg sees the end").unwrap().unwrap();
        let label = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(output.status.success(), "{label}: {}", String::from_utf8_lossy(&output.stderr));
        let got = media::packets(&file);
        let (video, audio) = check(&label, &sent, &got, &file);
        println!("{label}: {video:?}, {audio:?}; said: {}", String::from_utf8_lossy(&output.stderr));
        if label == "rtmp.flv" {
            for stretch in [video, audio].into_iter().flatten() {
                assert!(stretch.to_the_end && stretch.shift.abs() <= 3, "{label}: {stretch:?} of {}", sent.len());
            }
        }
    }
    house.stop().await;
}

fn watch(exit: Exit, address: SocketAddr) -> JoinHandle<Recording> {
    tokio::spawn(async move { exit.watch(address, STREAM).await })
}

type Reading = (JoinHandle<std::io::Result<std::process::Output>>, PathBuf);

/// FFmpeg plays a stream or a playlist until its end and keeps what it got; of a manifest only a few seconds, for its player of DASH (seen in 5.1)
/// asks for ever on after a manifest has become static.
fn ffmpeg(url: &str, name: &str, dir: &Path) -> Reading {
    let file = dir.join(name).with_extension("flv");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-copyts"]);
    if name.ends_with("m3u8") {
        command.args(["-live_start_index", "0"]);
    }
    command.args(["-i", url, "-c", "copy"]);
    if name.ends_with("mpd") {
        command.args(["-frames:v", "90", "-frames:a", "120"]);
    }
    command.arg(&file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    (tokio::spawn(async move { command.output().await }), file)
}

/// One file with all tracks: decodes, and each track is a gapless stretch of what was sent.
fn check(label: &str, sent: &[Packet], got: &[Packet], file: &Path) -> (Option<Stretch>, Option<Stretch>) {
    media::assert_decodes(file);
    let (video, audio) = (media::stretch(label, sent, got, true), media::stretch(label, sent, got, false));
    media::assert_together(label, video, audio);
    (video, audio)
}

/// What is said before the media: the init message of each dialect.
fn check_texts(exit: Exit, recording: &Recording, kinds: &Kinds) {
    let said = recording.texts.first().map(String::as_str);
    let codecs = |text: &str| {
        assert_eq!(text.contains("avc1."), kinds.video, "{text}");
        assert_eq!(text.contains("mp4a."), kinds.audio, "{text}");
    };
    match exit {
        Exit::HttpFlv | Exit::WsFlv | Exit::HttpMp4 | Exit::Raw => assert_eq!(said, None),
        Exit::Vdk => codecs(said.expect("the codecs")),
        Exit::WsMp4 | Exit::Go2rtc => {
            let message: serde_json::Value = serde_json::from_str(said.expect("an init message")).unwrap();
            let (kind, mime) = if exit == Exit::Go2rtc { ("mse", "value") } else { ("init", "mime") };
            assert_eq!(message["type"], kind);
            codecs(message[mime].as_str().unwrap());
            if exit == Exit::WsMp4 {
                assert_eq!(message["tracks"].as_array().unwrap().len(), usize::from(kinds.video) + usize::from(kinds.audio));
            }
        }
    }
    if exit.is_flv() {
        let flags = u8::from(kinds.video) | u8::from(kinds.audio) << 2;
        assert_eq!(recording.media[..5], [b'F', b'L', b'V', 1, flags], "{exit:?}: the header promises what there is");
    }
}

fn check_hls(player: &hls::Player, sent: &[Packet], kinds: &Kinds, dir: &Path) {
    assert!(player.has_ended);
    assert_eq!(player.codecs.contains("avc1."), kinds.video);
    assert_eq!(player.codecs.contains("mp4a."), kinds.audio);
    assert_eq!(player.tracks.len(), usize::from(kinds.video) + usize::from(kinds.audio));
    player.assert_aligned();
    let mut files = Vec::new();
    for (uri, track) in &player.tracks {
        assert!(track.loads > 3, "played over time");
        assert_eq!((track.gaps(), track.discontinuities()), (0, 0));
        files.push((uri.starts_with('v'), &track.media));
    }
    check_tracks("hls", &files, sent, kinds, dir);
}

fn check_dash(player: &dash::Player, sent: &[Packet], kinds: &Kinds, dir: &Path) {
    assert_eq!(player.periods.len(), 1);
    assert_eq!(player.tracks.len(), usize::from(kinds.video) + usize::from(kinds.audio));
    assert!(player.loads > 3, "played over time");
    let files: Vec<_> = player.tracks.iter().map(|(id, track)| (id.starts_with('v'), &track.media)).collect();
    check_tracks("dash", &files, sent, kinds, dir);
}

/// Tracks in files of their own hold all that was sent from the beginning to the end.
fn check_tracks(label: &str, files: &[(bool, &Vec<u8>)], sent: &[Packet], kinds: &Kinds, dir: &Path) {
    let (mut video, mut audio) = (None, None);
    for (is_video, bytes) in files {
        let file = dir.join(format!("{label}-{is_video}.mp4"));
        std::fs::write(&file, bytes).unwrap();
        media::assert_decodes(&file);
        assert_independent_reader_agrees(bytes);
        let got = media::packets(&file);
        let found = media::stretch(label, sent, &got, *is_video || !kinds.audio).unwrap();
        assert!(found.to_the_end && found.shift.abs() <= 3, "{label}: {found:?}");
        assert_eq!(found.count, got.len());
        assert!(!is_video || found.from == 0, "{label}: from the first picture on");
        *(if *is_video { &mut video } else { &mut audio }) = Some(found);
    }
    media::assert_together(label, video, audio);
    println!("{label}: {video:?}, {audio:?}");
}

/// The `mp4` crate finds a fragmented file of one track.
fn assert_independent_reader_agrees(bytes: &[u8]) {
    let reader = mp4::Mp4Reader::read_header(std::io::Cursor::new(bytes), bytes.len() as u64).unwrap();
    assert!(reader.is_fragmented());
    assert_eq!(reader.tracks().len(), 1);
    assert!(reader.moofs.len() > 3);
    for pair in reader.moofs.windows(2) {
        assert_eq!(pair[1].mfhd.sequence_number, pair[0].mfhd.sequence_number + 1);
    }
    let samples = reader.moofs.iter().flat_map(|moof| &moof.trafs).map(|traf| traf.trun.as_ref().unwrap().sample_count).sum::<u32>();
    assert!(samples > 100, "{samples}");
}
