//! A viewer that never reads: nobody else notices, and it is sent away.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};

use crate::support::house::{Program, publish};
use crate::support::viewers::{Exit, narrow};
use crate::support::{PATIENCE, http, media};

const STREAM: &str = "live/show";
const SLOW: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn realtime_viewers_that_never_read_are_sent_away_and_cost_nobody_anything() {
    let dir = tempfile::tempdir().unwrap();
    let clip = media::clip("zerolatency");
    let sent = media::sent(&clip, "14", dir.path());
    let program = Program::serve(&[], &[("SLUICEGATE_EGRESS_STUCK_S", "2"), ("SLUICEGATE_EGRESS_UNSENT_KIB", "16")]).await;
    let mut publisher = publish(program.rtmp, &clip, STREAM, "14");
    while http::get(program.http, "/live/show/info.json").await.status != 200 {
        sleep(Duration::from_millis(50)).await;
    }
    let address = program.http;
    let good = [Exit::HttpFlv, Exit::WsMp4].map(|exit| (exit, tokio::spawn(async move { exit.watch(address, STREAM).await })));
    sleep(Duration::from_secs(2)).await;
    let before = program.resident_kib();
    let mut slow = Vec::new();
    for number in 0..SLOW {
        slow.push(narrow(program.http, if number % 2 == 0 { "/live/show.flv" } else { "/live/show.mp4" }).await);
    }
    let began = Instant::now();
    let mut most = before;
    // The gateway counts them out; nothing is read meanwhile.
    loop {
        most = most.max(program.resident_kib());
        let status = http::get(program.http, "/api/v1/streams/live/show").await.json();
        let viewers: u64 = status["viewers"].as_object().unwrap().values().filter_map(serde_json::Value::as_u64).sum();
        if viewers == good.len() as u64 && began.elapsed() > Duration::from_secs(1) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(11), "viewers that take nothing are still there: {status}");
        sleep(Duration::from_millis(250)).await;
    }
    println!("{SLOW} stuck viewers gone after {:?}; resident {before} KiB before, {most} KiB at most", began.elapsed());
    for mut socket in slow {
        let mut rest = Vec::new();
        // An orderly end or a reset: over, in any case.
        let _ = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("the connection is closed");
        assert!(rest.starts_with(b"HTTP/1.1 200"), "what had been sent can still be read");
    }
    assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
    for (exit, viewer) in good {
        let label = format!("{exit:?}");
        let file = dir.path().join(&label).with_extension(if exit.is_flv() { "flv" } else { "mp4" });
        std::fs::write(&file, viewer.await.unwrap().media).unwrap();
        let got = media::packets(&file);
        for is_video in [true, false] {
            let stretch = media::stretch(&label, &sent, &got, is_video).unwrap();
            assert!(stretch.to_the_end, "{label}: {stretch:?}");
        }
    }
    let metrics = http::get(program.http, "/metrics").await;
    println!("{}", metrics.text().lines().filter(|line| line.contains("stuck")).collect::<Vec<_>>().join("\n"));
    program.signal("TERM");
    assert!(program.left().await.0.success());
}
