//! FFmpeg publishes by RTMP, and what arrives on the bus is what was sent.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ingest_support;

use ingest_support::*;
use sluicegate::bus::{Cause, End, Why};
use sluicegate::media::{Kind, TrackId};
use sluicegate::rtmp::server::Options;

/// Publishes the file and compares every sample with FFmpeg's own list of packets.
async fn arrives_as_sent(sources: &[&[&str]], codecs: &[&str], kinds: &[Kind]) {
    let dir = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = sources.iter().flat_map(|source| source.iter().copied()).chain(codecs.iter().copied()).collect();
    let file = media(dir.path(), "media.flv", &arguments);
    let gateway = Gateway::start(Options::default()).await;
    let mut ffmpeg = publish(&file, &gateway.url("live/test"), true, &[]);
    let stream = gateway.stream("live/test").await;
    let seen = read_until(&stream, |_| false).await;
    assert!(ffmpeg.wait().await.unwrap().success());
    assert_eq!(seen.end, Some(End::Unpublished), "a clean goodbye ends the stream at once");

    seen.assert_strictly_increasing();
    let [(_, program, 0)] = seen.heads.as_slice() else { panic!("one head: {:?}", seen.heads) };
    let found: Vec<Kind> = program.tracks.iter().map(|track| track.id.kind).filter(|kind| *kind != Kind::Data).collect();
    assert_eq!(found, kinds);

    let sent = packets(&file);
    let first = sent.iter().find(|packet| packet.is_video || kinds == [Kind::Audio]).expect("media");
    let (zero, start) = (first.dts, first.pts);
    for (track, is_video) in [(TrackId::VIDEO, true), (TrackId::AUDIO, false)] {
        let sent: Vec<_> = sent.iter().filter(|packet| packet.is_video == is_video && (is_video || packet.dts >= start)).collect();
        let got = seen.of(track);
        assert_eq!(got.len(), sent.len(), "{track}");
        for (got, sent) in got.iter().zip(sent) {
            // Audio is counted in samples; its timestamps were rounded to milliseconds twice.
            let tolerance = if is_video { 0 } else { 2 };
            assert!((got.dts.millis() - (sent.dts - zero)).abs() <= tolerance, "{track}: {got:?} was {sent:?}");
            assert!((got.pts().millis() - (sent.pts - zero)).abs() <= tolerance, "{track}: {got:?} was {sent:?}");
            assert_eq!(got.is_sync, sent.is_key || !is_video);
        }
    }
    let received = stream.received();
    assert_eq!((received.dropped(), received.repaired()), (0, 0));
    gateway.stop().await;
}

#[tokio::test]
async fn h264_with_b_frames_and_aac_arrive_as_sent() {
    let codecs = [&H264[..], &["-bf", "2", "-c:a", "aac"]].concat();
    arrives_as_sent(&[&PICTURES, &SOUND], &codecs, &[Kind::Video, Kind::Audio]).await;
}

#[tokio::test]
async fn h264_without_b_frames_and_mp3_arrive_as_sent() {
    let codecs = [&H264[..], &["-bf", "0", "-c:a", "libmp3lame"]].concat();
    arrives_as_sent(&[&PICTURES, &SOUND], &codecs, &[Kind::Video, Kind::Audio]).await;
}

#[tokio::test]
async fn pictures_alone_arrive_as_sent() {
    arrives_as_sent(&[&PICTURES], &H264, &[Kind::Video]).await;
}

#[tokio::test]
async fn sound_alone_arrives_as_sent() {
    arrives_as_sent(&[&SOUND], &["-c:a", "aac"], &[Kind::Audio]).await;
}

#[tokio::test]
async fn a_publisher_that_dies_and_comes_back_continues_the_timeline() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = [&PICTURES[..], &SOUND, &H264, &["-bf", "2", "-c:a", "aac"]].concat();
    let file = media(dir.path(), "media.flv", &arguments);
    let gateway = Gateway::start(Options::default()).await;
    let mut first = publish(&file, &gateway.url("live/test"), true, &[]);
    let stream = gateway.stream("live/test").await;
    let reader = tokio::spawn({
        let stream = std::sync::Arc::clone(&stream);
        async move { read_until(&stream, |_| false).await }
    });
    read_until(&stream, |seen| seen.of(TrackId::VIDEO).len() > 30).await;
    first.kill().await.unwrap();
    let mut second = publish(&file, &gateway.url("live/test"), true, &[]);
    assert!(second.wait().await.unwrap().success());
    let seen = reader.await.unwrap();

    seen.assert_strictly_increasing();
    assert_eq!(seen.end, Some(End::Unpublished));
    let [_, (why, _, at)] = seen.heads.as_slice() else { panic!("two heads: {:?}", seen.heads) };
    assert_eq!(*why, Why::Break(Cause::Publisher));
    let (before, after) = seen.samples.split_at(*at);
    let end = before.iter().map(|sample| sample.pts()).max().unwrap();
    let resumed = after.iter().find(|sample| sample.track == TrackId::VIDEO).unwrap();
    assert!(resumed.is_sync);
    let gap = resumed.pts().since(end).millis();
    assert!((1..=120).contains(&gap), "pictures go on {gap} ms after the newest sample");
    let sound = after.iter().find(|sample| sample.track == TrackId::AUDIO).unwrap();
    let offset = sound.pts().since(resumed.pts()).millis();
    assert!((0..=40).contains(&offset), "sound begins {offset} ms after the picture");
    gateway.stop().await;
}

#[tokio::test]
async fn a_newcomer_takes_a_stream_over_and_the_one_before_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = [&PICTURES[..], &SOUND, &H264, &["-c:a", "aac"]].concat();
    let file = media(dir.path(), "media.flv", &arguments);
    let gateway = Gateway::start(Options::default()).await;
    let first = publish(&file, &gateway.url("live/test"), true, &["-loglevel", "verbose"]);
    let stream = gateway.stream("live/test").await;
    read_until(&stream, |seen| seen.samples.len() > 10).await;
    let reader = tokio::spawn({
        let stream = std::sync::Arc::clone(&stream);
        async move { read_until(&stream, |_| false).await }
    });
    let mut second = publish(&file, &gateway.url("live/test"), true, &[]);
    let superseded = first.wait_with_output().await.unwrap();
    assert!(!superseded.status.success(), "FFmpeg gives up on an error status");
    assert!(second.wait().await.unwrap().success());
    let seen = reader.await.unwrap();
    seen.assert_strictly_increasing();
    assert_eq!(seen.heads.iter().filter(|(why, ..)| *why == Why::Break(Cause::Publisher)).count(), 1, "{:?}", seen.heads);
    gateway.stop().await;
}

#[tokio::test]
async fn a_file_sent_at_once_is_held_to_real_time() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = [&PICTURES[..], &SOUND, &H264, &["-c:a", "aac"]].concat();
    let file = media(dir.path(), "media.flv", &arguments);
    let gateway = Gateway::start(Options { max_ahead_ms: 500, ..Options::default() }).await;
    let mut ffmpeg = publish(&file, &gateway.url("live/test"), false, &[]);
    let stream = gateway.stream("live/test").await;
    let seen = read_until(&stream, |_| false).await;
    assert!(ffmpeg.wait().await.unwrap().success());
    assert_eq!(seen.of(TrackId::VIDEO).len(), 100, "nothing is lost");
    let newest = seen.samples.last().unwrap().dts.millis() as f64;
    let took = stream.started().elapsed().as_secs_f64() * 1e3;
    assert!(took >= (newest - 1_000.0) / 1.1, "{newest} ms of media came within {took} ms");
    gateway.stop().await;
}
