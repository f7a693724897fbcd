//! The whole check over real connections: our own stream, and servers with one fault each.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sluicegate::bus::wall;
use sluicegate::check::finding::Level;
use sluicegate::check::watch::{Options, Unwatchable, Watched, open};
use sluicegate::config::Config;
use sluicegate::gateway::Gateway;
use sluicegate::media::Span;
use sluicegate::transcode::supervisor::Make;
use tokio::time::{sleep, timeout};

use crate::ingest_support;
use crate::server::{Reply, Request, Server};

/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);

fn options(url: String, seconds: u64) -> Options {
    Options { url, watch: Duration::from_secs(seconds), insecure: false }
}

async fn watched(url: String, seconds: u64) -> Result<Watched, Unwatchable> {
    timeout(PATIENCE, async { open(options(url, seconds)).await?.watch().await }).await.expect("the check ends")
}

fn broken(watched: &Watched) -> Vec<(&'static str, String)> {
    watched.report.findings().map(|found| (found.first.rule.id, format!("{}: {}", found.first.subject, found.first.detail))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_our_own_stream_breaks_no_must() {
    let made = Command::new("bash").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/media.sh")).status().unwrap();
    assert!(made.success(), "scripts/media.sh makes the clips");
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/media/bframes.mp4");
    let mut config = Config::default();
    config.ladder.make = Make::Off;
    config.rtmp.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let gateway = Gateway::start(config).await.unwrap();
    let mut publisher = ingest_support::publish(&clip, &format!("rtmp://{}/live/clip", gateway.rtmp), true, &["-t", "20"]);
    let at = |file: &str| format!("http://{}/live/clip/{file}", gateway.http);
    let (hls, dash, times) = tokio::join!(
        watched_as_it_comes(at("index.m3u8"), 12),
        watched_as_it_comes(at("manifest.mpd"), 12),
        watched_as_it_comes(at("manifest-time.mpd"), 12)
    );
    for found in [&hls, &dash, &times] {
        assert!(found.is_sound(), "{found}");
        assert_eq!(found.report.count(Level::Should), 0, "{found}");
        let json = found.to_json();
        assert_eq!((&json["counts"]["must"], &json["summary"]["segments"]), (&0.into(), &found.summary.segments.into()));
    }
    let of_hls = &hls.summary;
    assert_eq!(of_hls.playlists, ["v0.m3u8", "a0.m3u8", "v0-iframes.m3u8"]);
    assert!(of_hls.low_latency && of_hls.segments >= 8 && of_hls.parts >= 20 && of_hls.pictures >= 2 && of_hls.latency.is_some(), "{hls}");
    for found in [&dash, &times] {
        let of_dash = &found.summary;
        // Segments of pictures and of sound, and a manifest at least every other second.
        assert!(of_dash.is_dash && of_dash.low_latency && of_dash.segments >= 8 && of_dash.reloads >= 5, "{found}");
    }
    publisher.kill().await.unwrap();
    gateway.stop().await;
}

/// Watches a stream that may still be to come: before its first segments there is nothing to ask for.
async fn watched_as_it_comes(url: String, seconds: u64) -> Watched {
    let found = async {
        loop {
            match watched(url.clone(), seconds).await {
                Err(Unwatchable::Status { status: 404 | 503, .. }) => sleep(POLL).await,
                other => return other,
            }
        }
    };
    timeout(PATIENCE, found).await.expect("the stream comes").unwrap()
}

#[tokio::test]
async fn segments_of_one_duration_that_are_not_there_are_told() {
    let begun = wall::now().plus(Span::from_secs(-60));
    let manifest = include_str!("../../src/check/dash/specimens/low-latency.mpd").replace("2026-09-21T14:00:00Z", &begun.to_string());
    let server = Server::start(move |request| match request.target.as_str() {
        "/manifest.mpd" => Reply::new(200, manifest.as_str()).with("content-type", "application/dash+xml"),
        "/time" => Reply::new(200, wall::now().to_string()).with("content-type", "text/plain"),
        _ => Reply::new(404, ""),
    })
    .await;
    let found = watched(server.url("/manifest.mpd"), 5).await.unwrap();
    assert!(broken(&found).iter().any(|(id, _)| *id == "dash-segment-available"), "{found}");
}

/// A playlist that has ended, of two segments; what `other` answers goes before.
async fn ended(other: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::start(move |request| {
        let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:2.0,\n0.ts\n#EXTINF:2.0,\n1.ts\n#EXT-X-ENDLIST\n";
        let mut packet = vec![0; 188 * 2];
        (packet[0], packet[188]) = (0x47, 0x47);
        let open = |reply: Reply| reply.with("access-control-allow-origin", "*").with("cache-control", "max-age=60");
        other(request).unwrap_or_else(|| match (request.target.as_str(), request.field("range")) {
            ("/v.m3u8", _) => open(Reply::new(200, text)).with("content-type", "application/vnd.apple.mpegurl"),
            ("/0.ts" | "/1.ts", Some("bytes=4-39")) => open(Reply::new(206, &packet[4..40])).with("content-range", "bytes 4-39/376"),
            ("/0.ts" | "/1.ts", _) => open(Reply::new(200, packet)).with("content-type", "video/mp2t"),
            _ => Reply::new(404, "").with("access-control-allow-origin", "*"),
        })
    })
    .await
}

#[tokio::test]
async fn a_stream_that_is_over_is_watched_to_its_end_and_what_is_not_looked_into_is_told() {
    let server = ended(|_| None).await;
    let found = watched(server.url("/v.m3u8"), 30).await.unwrap();
    assert!(found.summary.ended && found.summary.watched < Duration::from_secs(20));
    assert_eq!((found.summary.segments, found.is_sound()), (2, true), "{found}");
    let notes = broken(&found);
    assert!(notes.iter().any(|(id, detail)| *id == "check-not-looked-into" && detail.contains("Transport")), "{found}");
}

#[tokio::test]
async fn faults_of_a_server_are_told_with_the_playlist_and_the_address() {
    let missing = ended(|request| (request.target == "/1.ts").then(|| Reply::new(404, ""))).await;
    let found = watched(missing.url("/v.m3u8"), 30).await.unwrap();
    assert!(!found.is_sound());
    let expected = format!("v.m3u8: {}: status 404", missing.url("/1.ts"));
    assert!(broken(&found).contains(&("hls-listed-is-there", expected)), "{found}");
    assert!(found.to_string().ends_with("notes\n") || found.to_string().ends_with("note\n"));

    let deaf = ended(|request| request.field("range").map(|_| Reply::new(206, "x").with("content-range", "bytes 0-0/376"))).await;
    let found = watched(deaf.url("/v.m3u8"), 30).await.unwrap();
    assert!(broken(&found).iter().any(|(id, _)| *id == "http-range-bytes"), "{found}");
}

#[tokio::test]
async fn what_cannot_be_watched_is_said_to_be() {
    let server = ended(|request| (request.target == "/page").then(|| Reply::new(200, "<html>").with("content-type", "text/html"))).await;
    assert!(matches!(watched(server.url("/page"), 5).await, Err(Unwatchable::Kind { kind, .. }) if kind == "text/html"));
    assert!(matches!(watched(server.url("/nothing"), 5).await, Err(Unwatchable::Status { status: 404, .. })));
    assert!(matches!(watched("http://127.0.0.1:1/v.m3u8".to_owned(), 5).await, Err(Unwatchable::Exchange(_))));
    let page = watched(server.url("/page"), 5).await.unwrap_err();
    assert_eq!(page.hint(), Some("give the address of a playlist of HLS or of a manifest of DASH: http://HOST:8080/live/NAME/index.m3u8"));
}
