//! The worker fed as fast as the source plays, and no faster.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sluicegate::flv::mux::timestamp;
use sluicegate::flv::reader::{DEFAULT_MAX_TAG, Event};
use sluicegate::flv::tag::{FileHeader, TagHeader, TagKind};
use sluicegate::flv::{Demuxer, Item, Reader};
use sluicegate::media::Timestamp;
use sluicegate::transcode::plan::Plan;
use sluicegate::transcode::report::Report;

use super::command;

/// When each frame went in, by its presentation time in milliseconds.
type Written = Arc<Mutex<HashMap<u32, Instant>>>;

/// Feeds the file, and tells of each rung how long its frames took and how many there were.
pub fn run(plan: &Plan, input: &Path) {
    let tags = tags(&std::fs::read(input).expect("the source has been made"));
    let mut command = command::worker(plan);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the worker is there");
    let written = Written::default();
    let (stdin, to) = (child.stdin.take().expect("it is piped"), Arc::clone(&written));
    let frames = tags.iter().filter(|tag| tag.pts.is_some()).count();
    let feeder = thread::spawn(move || feed(stdin, &tags, &to));
    let (delays, report) = collect(child.stdout.take().expect("it is piped"), plan.rungs.len(), &written);
    feeder.join().expect("it only writes");
    child.wait().expect("it is our child");
    println!("{:>6} {:>8} {:>8} {:>6} {:>9} {:>9} {:>9}", "rung", "frames", "dropped", "shed", "p50 ms", "p99 ms", "most ms");
    for ((rung, mut delays), told) in plan.rungs.iter().zip(delays).zip(report.rungs) {
        let [half, most, all] = shares(&mut delays);
        let dropped = frames - delays.len();
        println!("{:>6} {:>8} {dropped:>8} {:>6} {half:>9.1} {most:>9.1} {all:>9.1}", rung.name, delays.len(), told.sheds);
    }
}

/// What half of the delays, 99 % of them and all do not exceed, in milliseconds.
pub fn shares(delays: &mut [Duration]) -> [f64; 3] {
    delays.sort_unstable();
    [50, 99, 100].map(|share| delays.get((delays.len() * share / 100).min(delays.len().saturating_sub(1))).map_or(0.0, millis))
}

fn millis(delay: &Duration) -> f64 {
    delay.as_secs_f64() * 1e3
}

/// One tag of the source.
struct Tag {
    timestamp_ms: u32,
    /// Of a frame, in milliseconds.
    pts: Option<u32>,
    bytes: Bytes,
}

fn tags(file: &[u8]) -> Vec<Tag> {
    let (mut reader, mut demuxer) = (Reader::new(DEFAULT_MAX_TAG), Demuxer::new());
    reader.push(file);
    let mut tags = Vec::new();
    while let Some(event) = reader.poll().expect("FFmpeg writes FLV") {
        let Event::Tag { kind: kind @ TagKind::Video, timestamp_ms, body } = event else { continue };
        demuxer.push(kind, timestamp_ms, &body);
        let mut pts = None;
        while let Some(item) = demuxer.poll() {
            if let Ok(Item::Coded { dts_ms, cts_ms, .. }) = item {
                pts = Some(timestamp(Timestamp::from_millis(i64::from(dts_ms) + i64::from(cts_ms))));
            }
        }
        let mut bytes = BytesMut::new();
        TagHeader { kind, body_len: body.len(), timestamp_ms }.write(&mut bytes);
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(&(body.len() as u32 + 11).to_be_bytes());
        tags.push(Tag { timestamp_ms, pts, bytes: bytes.freeze() });
    }
    tags
}

fn feed(mut to: ChildStdin, tags: &[Tag], written: &Written) {
    let mut header = BytesMut::new();
    FileHeader { has_audio: false, has_video: true }.write(&mut header);
    to.write_all(&header).expect("the worker reads");
    let began = Instant::now();
    for tag in tags {
        thread::sleep(Duration::from_millis(tag.timestamp_ms.into()).saturating_sub(began.elapsed()));
        if let Some(pts) = tag.pts {
            written.lock().expect("nobody panics").insert(pts, Instant::now());
        }
        to.write_all(&tag.bytes).expect("the worker reads");
    }
}

/// Reads until the end: the delay of each frame of each rung, and the last report.
fn collect(mut from: impl Read, rungs: usize, written: &Written) -> (Vec<Vec<Duration>>, Report) {
    let (mut reader, mut demuxer, mut chunk) = (Reader::new(DEFAULT_MAX_TAG), Demuxer::new(), vec![0; 65_536]);
    let (mut delays, mut last) = (vec![Vec::new(); rungs], Report::default());
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        reader.push(&chunk[..read]);
        while let Some(event) = reader.poll().expect("the worker writes FLV") {
            let Event::Tag { kind, timestamp_ms, body } = event else { continue };
            if kind == TagKind::Script {
                last = Report::parse(&body).unwrap_or(last);
                continue;
            }
            demuxer.push(kind, timestamp_ms, &body);
            while let Some(item) = demuxer.poll() {
                let Ok(Item::Coded { track, dts_ms, .. }) = item else { continue };
                let at = written.lock().expect("nobody panics").get(&dts_ms).copied();
                delays[usize::from(track.index)].extend(at.map(|at| at.elapsed()));
            }
        }
    }
    (delays, last)
}
