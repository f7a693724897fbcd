//! A presentation of two periods, as it is served once it is over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluicegate::check::watch::{Options, open};
use sluicegate::dash;
use sluicegate::media::codec::{AacConfig, AudioShape, Codec};
use sluicegate::media::{Epoch, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet, WallClock};
use sluicegate::segment::options::Options as Cutting;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::Snapshot;
use tokio::time::timeout;

use crate::server::{Reply, Server};

const PATIENCE: Duration = Duration::from_secs(30);
const EPOCH: i64 = 1_790_000_000_000;
const FRAME: i64 = 1_024;
/// Of a second.
const RATE: i64 = 48_000;
/// What sound is missing between the two.
const HOLE: i64 = 1_072;

fn wall(ticks: i64) -> WallClock {
    WallClock::from_unix_millis(EPOCH + ticks * 1_000 / RATE)
}

/// Sound that breaks off after six seconds, and is taken up again at once.
fn interrupted() -> Arc<Snapshot> {
    let shape = AudioShape { sample_rate: RATE as u32, channels: 2, frame_samples: FRAME as u32 };
    let codec = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape });
    let track = Track { timescale: Timescale::new(RATE as u32).unwrap(), ..Track::new(TrackId::AUDIO, codec) };
    let tracks = TrackSet::new(vec![track]);
    let program = Arc::new(Program { epoch: Epoch(EPOCH as u64), tracks, metadata: Metadata::default() });
    let mut segmenter = Segmenter::new(Cutting::default(), Arc::clone(&program)).0;
    let frames = 6 * RATE / FRAME;
    for (number, missing) in (0..2 * frames).map(|number| (number, if number < frames { 0 } else { HOLE })) {
        let at = number * FRAME + missing;
        if number == frames {
            segmenter.head(Arc::clone(&program), Boundary::Break, wall(at));
        }
        let dts = Timestamp::new(at, Timescale::new(RATE as u32).unwrap());
        segmenter.push(Sample { track: TrackId::AUDIO, dts, cts: 0, is_sync: true, data: Bytes::from_static(&[0; 100]) }, wall(at));
    }
    segmenter.end(wall(2 * frames * FRAME + HOLE));
    segmenter.snapshot().unwrap()
}

#[tokio::test]
async fn sound_need_not_go_on_from_one_period_to_the_next() {
    let snapshot = interrupted();
    assert_eq!(dash::manifest(&snapshot, "/time", "").matches("<Period ").count(), 2);
    let served = Arc::clone(&snapshot);
    let server = Server::start(move |request| {
        let open = |reply: Reply, kind: &str| reply.with("access-control-allow-origin", "*").with("content-type", kind);
        let name = request.target.trim_start_matches('/');
        let media = Request::parse(name)
            .ok()
            .and_then(|request| served.media(&request))
            .and_then(|body| Some(body.in_memory()?.as_slice().concat()));
        match media {
            Some(bytes) => open(Reply::new(200, bytes), "audio/mp4"),
            None if name == "manifest.mpd" => open(Reply::new(200, dash::manifest(&served, "/time", "")), "application/dash+xml"),
            None => open(Reply::new(404, ""), "text/plain"),
        }
    })
    .await;
    let options = Options { url: server.url("/manifest.mpd"), watch: Duration::from_secs(5), insecure: false };
    let found = timeout(PATIENCE, async { open(options).await.unwrap().watch().await }).await.expect("the check ends").unwrap();
    let rules: Vec<_> = found.report.findings().map(|found| found.first.rule.id).collect();
    assert!(found.summary.segments >= 4 && !rules.contains(&"hls-media-continuous"), "{found}");
}
