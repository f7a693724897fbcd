//! What a push costs its publisher while ten thousand viewers read: the time of each call, and how it is spread.
//!
//! Workers walk their viewers as hubs do, with a pause as long as a write call after each; the publisher must never wait for them. Criterion
//! tells means, and here the slowest calls count, so this measures by itself.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluicegate::bus::{Bounds, Budget, Channel, From, Gate, Read, Ready, Why};
use sluicegate::feed::{FlvUnit, Item, Maker, Unit};
use sluicegate::flv::FlvVariant;
use sluicegate::media::codec::mp3::Mp3Config;
use sluicegate::media::{AudioShape, Codec, Epoch, Metadata, Program, Sample, Timestamp, Track, TrackId, TrackSet};

const VIEWERS: usize = 10_000;
const PUSHES: i64 = 4_000;
/// Between two pushes: a stream of 30 pictures and 47 frames of sound a second leaves 13 ms.
const PAUSE: Duration = Duration::from_micros(1_500);
/// A write of some kilobytes to a socket takes a little longer.
const WRITE: Duration = Duration::from_micros(3);

/// Wakes a worker's thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn main() {
    println!("{:>8} {:>8} {:>10} {:>24} {:>12}", "viewers", "workers", "pushes", "us, p50 / p99 / max", "over 50 us");
    for (viewers, workers) in [(0, 0), (1_000, 1), (VIEWERS, 1), (VIEWERS, 2), (VIEWERS, 8)] {
        measure(viewers, workers);
    }
}

fn measure(viewers: usize, workers: usize) {
    let channel = Channel::new(Bounds::default());
    let mut publisher = channel.lease();
    let mut items = Vec::new();
    let shape = AudioShape { sample_rate: 44_100, channels: 2, frame_samples: 1_152 };
    let tracks = TrackSet::new([Track::new(TrackId::AUDIO, Codec::Mp3(Mp3Config { shape }))]);
    let mut maker = FlvUnit::maker(FlvVariant::default());
    maker.program(Arc::new(Program { epoch: Epoch(1), tracks, metadata: Metadata::default() }), Why::Config, &mut items);
    let (done, joined) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(workers + 1)));
    let threads: Vec<_> = (0..workers)
        .map(|_| {
            let (channel, done, joined) = (Arc::clone(&channel), Arc::clone(&done), Arc::clone(&joined));
            thread::spawn(move || work(&channel, viewers / workers, &done, &joined))
        })
        .collect();
    joined.wait();
    let data = Bytes::from(vec![7; 4_000]);
    let (mut took, mut last) = (Vec::with_capacity(PUSHES as usize), Instant::now());
    for number in 0..PUSHES {
        let dts = Timestamp::from_millis(number * 26);
        maker.sample(Sample { track: TrackId::AUDIO, dts, cts: 0, is_sync: true, data: data.clone() }, &mut items);
        for item in items.drain(..) {
            match item {
                Item::Head(head, why) => publisher.set_head(head, why).expect("nobody takes over"),
                Item::Unit(unit) => {
                    let began = Instant::now();
                    publisher.push(unit).expect("nobody takes over");
                    took.push(began.elapsed());
                }
            }
        }
        last += PAUSE;
        thread::sleep(last.saturating_duration_since(Instant::now()));
    }
    done.store(true, Ordering::Release);
    threads.into_iter().for_each(|thread| {
        thread.thread().unpark();
        thread.join().expect("a worker ends");
    });
    took.sort_unstable();
    let micros = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    let slow = took.iter().filter(|took| **took > Duration::from_micros(50)).count();
    let spread = format!("{:.1} / {:.1} / {:.1}", micros(50), micros(99), micros(100));
    println!("{viewers:>8} {workers:>8} {:>10} {spread:>24} {:>10.2} %", took.len(), 100.0 * slow as f64 / took.len() as f64);
}

/// Walks `viewers` of the channel whenever it is rung and so listed, as a hub does.
fn work(channel: &Arc<Channel<FlvUnit>>, viewers: usize, done: &AtomicBool, joined: &Barrier) {
    let gate = Arc::new(Gate::new());
    let mut viewers: Vec<_> = (0..viewers).map(|_| channel.join(From::NewestSync, &gate)).collect();
    joined.wait();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (ready, mut listed) = (Arc::new(Ready::default()), Vec::new());
    let bell = ready.bell(0);
    let listing = bell.waker();
    listing.wake_by_ref();
    while !done.load(Ordering::Acquire) {
        if ready.poll_rung(&mut Context::from_waker(&waker)).is_pending() {
            thread::park();
            continue;
        }
        ready.take(&mut listed);
        listed.clear();
        bell.rearm();
        let mut has_rung = false;
        while gate.poll_rung(&mut Context::from_waker(&listing)).is_ready() {
            has_rung = true;
        }
        if !has_rung {
            continue;
        }
        for viewer in &mut viewers {
            let mut slices = Vec::new();
            while !matches!(viewer.visit(Budget::default(), |unit| slices.push(unit.tag.payload())), Read::Empty | Read::End(_)) {}
            let began = Instant::now();
            while began.elapsed() < WRITE {
                spin_loop();
            }
        }
    }
}
