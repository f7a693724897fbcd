//! The whole way through the gateway: from a picture's coming in by RTMP to its being there, in a rung, for viewers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluicegate::bus::{Budget, Channel, From, Gate, Read, StreamName};
use sluicegate::config::Config;
use sluicegate::gateway::Gateway;
use sluicegate::media::{Kind, Sample};
use sluicegate::transcode::supervisor::Make;

use super::pace;

/// When each picture of the source was there, by its presentation time in ticks.
type Came = Arc<Mutex<HashMap<i64, Instant>>>;

/// Publishes the file at its pace to a gateway with the default rungs, and tells how much later than the source's each rung's pictures are
/// there.
pub fn run(input: &Path) {
    tokio::runtime::Runtime::new().expect("threads can be had").block_on(publish(input));
}

async fn publish(input: &Path) {
    let mut config = Config::default();
    config.rtmp.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.ladder.make = Make::Always;
    config.ladder.worker = PathBuf::from(env!("CARGO_BIN_EXE_sluicegate-ladder"));
    let gateway = Gateway::start(config).await.expect("ports are free");
    let mut encoder = tokio::process::Command::new("ffmpeg");
    encoder.args(["-nostdin", "-v", "error", "-re", "-i"]).arg(input).args(["-c", "copy", "-f", "flv"]);
    let mut encoder = encoder.arg(format!("rtmp://{}/live/bench", gateway.rtmp)).spawn().expect("ffmpeg is installed");
    let name = StreamName::parse("live/bench").expect("it is a name");
    let stream = loop {
        match gateway.registry.find(&name) {
            Some(stream) if !stream.ladder().rungs().is_empty() => break stream,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let came = Came::default();
    let source = tokio::spawn(read(Arc::clone(&stream.source().samples), {
        let came = Arc::clone(&came);
        move |sample, now| came.lock().extend([(sample.pts().ticks(), now)])
    }));
    let rungs = stream.ladder().rungs();
    let delays: Vec<_> = rungs.iter().map(|_| Arc::new(Mutex::new(Vec::new()))).collect();
    let readers = rungs.iter().zip(&delays).map(|(rung, delays)| {
        let (came, delays) = (Arc::clone(&came), Arc::clone(delays));
        tokio::spawn(read(Arc::clone(&rung.samples), move |sample, now| {
            let at = came.lock().get(&sample.pts().ticks()).copied();
            delays.lock().extend(at.map(|at| now.saturating_duration_since(at)));
        }))
    });
    let readers: Vec<_> = readers.collect();
    encoder.wait().await.expect("it is our child");
    // The last pictures are still on their way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    source.abort();
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    println!("{:>6} {:>8} {:>9} {:>9} {:>9}", "rung", "frames", "p50 ms", "p99 ms", "most ms");
    for (rung, delays) in rungs.iter().zip(delays) {
        let [half, most, all] = pace::shares(&mut delays.lock());
        println!("{:>6} {:>8} {half:>9.1} {most:>9.1} {all:>9.1}", rung.rung.label, delays.lock().len());
    }
    gateway.stop().await;
}

/// Tells of each picture of a channel as it comes.
async fn read(samples: Arc<Channel<Sample>>, note: impl Fn(&Sample, Instant)) {
    let mut reader = samples.subscribe(From::NewestSync, &Arc::new(Gate::new()));
    let mut batch = Vec::new();
    loop {
        match reader.next(Budget::default(), &mut batch).await {
            Read::Batch => {
                let now = Instant::now();
                batch.drain(..).filter(|sample| sample.track.kind == Kind::Video).for_each(|sample| note(&sample, now));
            }
            Read::Head { .. } | Read::Empty => {}
            Read::End(_) => return,
        }
    }
}
