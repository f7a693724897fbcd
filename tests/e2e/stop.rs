//! The program stops when it is told to, viewers hear of it, and it comes back with names that nobody has met.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::house::{Program, publish};
use crate::support::viewers::Exit;
use crate::support::{PATIENCE, http, media};

const STREAM: &str = "live/show";

/// Asks until there is a playlist.
async fn playlist(program: &Program, name: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = http::get(program.http, &format!("/{STREAM}/{name}")).await;
        if answer.status == 200 {
            return answer.text().to_owned();
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

fn media_sequence(playlist: &str) -> u64 {
    playlist.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).unwrap().parse().unwrap()
}

fn segments(playlist: &str) -> Vec<String> {
    playlist.lines().filter(|line| line.ends_with(".m4s")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_stop_tells_viewers_and_a_restart_reuses_no_name() {
    let clip = media::clip("zerolatency");
    let program = Program::serve(&[], &[("SLUICEGATE_GATEWAY_DRAIN_S", "3")]).await;
    let (rtmp, http) = (program.rtmp, program.http);
    let first = publish(rtmp, &clip, STREAM, "30");
    let before = playlist(&program, "v0.m3u8").await;
    let viewers = [Exit::HttpFlv, Exit::HttpMp4, Exit::WsFlv, Exit::WsMp4];
    let viewers = viewers.map(|exit| (exit, tokio::spawn(async move { exit.watch(http, STREAM).await })));
    sleep(Duration::from_secs(1)).await;
    program.signal("TERM");
    let (status, took, log) = program.left().await;
    assert!(status.success(), "{status:?}: {log}");
    assert!(took < Duration::from_secs(6), "left after {took:?}");
    println!("left {took:?} after SIGTERM");
    for (exit, viewer) in viewers {
        let recording = timeout(PATIENCE, viewer).await.unwrap().unwrap();
        assert!(recording.whole && !recording.media.is_empty(), "{exit:?}: the end is said");
        if exit.is_websocket() {
            assert_eq!(recording.close, Some(CloseCode::Away), "{exit:?}");
        }
    }
    let told = timeout(PATIENCE, first.wait_with_output()).await.unwrap().unwrap();
    assert!(!told.status.success(), "the publisher is told, too");
    assert!(!before.contains("ENDLIST"));

    // On the same addresses: players come back there.
    let program = Program::serve_at(&rtmp.to_string(), &http.to_string(), &[], &[]).await;
    let mut second = publish(rtmp, &clip, STREAM, "12");
    let after = playlist(&program, "v0.m3u8").await;
    let (old, new) = (segments(&before), segments(&after));
    assert!(old.iter().all(|name| !new.contains(name)), "{old:?} {new:?}");
    assert!(media_sequence(&after) >= media_sequence(&before) + old.len() as u64, "{before}\n{after}");
    for name in &old {
        http::get(program.http, &format!("/{STREAM}/{name}")).await.assert_problem(404);
    }
    // Half asleep, it is told a second time.
    second.kill().await.unwrap();
    let watching = tokio::spawn(async move { Exit::HttpFlv.watch(http, STREAM).await });
    program.signal("TERM");
    program.signal("INT");
    let (status, took, _) = program.left().await;
    assert!(status.success() && took < Duration::from_secs(2), "{status:?} after {took:?}");
    watching.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_stop_that_ends_leaves_the_end_readable() {
    let clip = media::clip("zerolatency");
    let environment = [("SLUICEGATE_GATEWAY_SHUTDOWN", "end"), ("SLUICEGATE_GATEWAY_DRAIN_S", "3")];
    let program = Program::serve(&[], &environment).await;
    let _publisher = publish(program.rtmp, &clip, STREAM, "30");
    let before = playlist(&program, "v0.m3u8").await;
    assert!(!before.contains("#EXT-X-ENDLIST"));
    program.signal("TERM");
    sleep(Duration::from_millis(1_000)).await;
    let (video, audio) = (playlist(&program, "v0.m3u8").await, playlist(&program, "a0.m3u8").await);
    assert!(video.ends_with("#EXT-X-ENDLIST\n") && audio.ends_with("#EXT-X-ENDLIST\n"), "{video}\n{audio}");
    for name in segments(&video).iter().chain(&segments(&audio)) {
        assert_eq!(http::get(program.http, &format!("/{STREAM}/{name}")).await.status, 200, "{name}");
    }
    let manifest = playlist(&program, "manifest.mpd").await;
    assert_eq!(dash_mpd_core::parse(&manifest).unwrap().mpdtype.as_deref(), Some("static"));
    let (status, took, log) = program.left().await;
    assert!(status.success() && took < Duration::from_secs(6), "{status:?} after {took:?}: {log}");
}

/// With nobody there, nothing is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_gateway_leaves_without_waiting_out_its_drain() {
    let program = Program::serve(&[], &[("SLUICEGATE_GATEWAY_DRAIN_S", "30")]).await;
    assert_eq!(http::get(program.http, "/healthz").await.text(), "ok\n");
    program.signal("INT");
    let (status, took, log) = program.left().await;
    assert!(status.success() && took < Duration::from_secs(10), "{status:?} after {took:?}: {log}");
}

/// Who asks it to read its configuration again, as other daemons do at that signal, must not end the show.
#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_without_a_terminal_is_passed_over_and_told() {
    let program = Program::serve(&[], &[]).await;
    program.signal("HUP");
    assert_eq!(http::get(program.http, "/healthz").await.text(), "ok\n");
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success() && log.contains("SIGHUP is passed over"), "{status:?}: {log}");
}
