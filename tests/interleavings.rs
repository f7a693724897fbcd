//! The ring and the wake-up under every order of events that two or three threads can meet in, as far as it takes no more than two
//! preemptions: the sources of the bus, compiled once more on loom's locks and atomics.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    missing_docs,
    reason = "the sources of the bus, of which only a part is driven here"
)]

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::future::block_on;
use loom::model::Builder;
use loom::thread;

#[path = "../src/bus/channel.rs"]
mod channel;
#[path = "../src/bus/gate.rs"]
mod gate;
#[path = "../src/bus/ready.rs"]
mod ready;
#[path = "interleavings/sync.rs"]
mod sync;

/// Pure, and so the library's own.
mod window {
    pub use sluicegate::bus::window::*;
}

use channel::{Channel, Publisher, Revoked, Subscriber};
use gate::{Gate, Ring};
use ready::{Bell, Ready};
use sluicegate::media::Timestamp;
use window::{Bounds, Budget, End, Entry, From, Read, Why};

/// Most threads that are stopped in the midst of something, in one order of events. Nearly all mistakes take one or two, and without a bound
/// there are too many orders to try.
const PREEMPTIONS: usize = 2;

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(model);
}

/// An entry that is its number; each tenth is a sync.
#[derive(Clone, Debug)]
struct Tick(u64);

impl Entry for Tick {
    type Head = ();

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.0 as i64 * 40)
    }

    fn bytes(&self) -> usize {
        1
    }

    fn leads(&self, (): &()) -> bool {
        true
    }

    fn is_sync(&self) -> bool {
        self.0.is_multiple_of(10)
    }
}

fn on_air(bounds: Bounds) -> (Arc<Channel<Tick>>, Publisher<Tick>) {
    let channel = Channel::new(bounds);
    let mut publisher = channel.lease();
    publisher.set_head(Arc::new(()), Why::Config).unwrap();
    publisher.push(Tick(0)).unwrap();
    (channel, publisher)
}

/// Reads all there is, as a hub does for each of its viewers; the end, once it is there.
fn drain(reader: &mut Subscriber<Tick>, numbers: &mut Vec<u64>) -> Option<End> {
    loop {
        match reader.visit(Budget::default(), |tick| numbers.push(tick.0)) {
            Read::Empty => return None,
            Read::End(end) => return Some(end),
            Read::Batch | Read::Head { .. } => {}
        }
    }
}

#[test]
fn a_ring_is_never_lost() {
    check(|| {
        let gate = Arc::new(Gate::new());
        let ringer = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.ring();
                gate.ring();
            })
        };
        // Would never return if the ring fell between the look and the registration.
        block_on(gate.rung());
        ringer.join().unwrap();
    });
}

#[test]
fn two_who_ring_at_once_wake_the_one_who_waits() {
    check(|| {
        let gate = Arc::new(Gate::new());
        let ringers: Vec<_> = (0..2)
            .map(|_| {
                let gate = Arc::clone(&gate);
                thread::spawn(move || gate.ring())
            })
            .collect();
        block_on(gate.rung());
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
    });
}

#[test]
fn what_rings_at_one_who_stops_dozing_is_heard() {
    check(|| {
        let gate = Arc::new(Gate::new());
        gate.doze(true);
        let ringer = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.ring())
        };
        gate.doze(false);
        block_on(gate.rung());
        ringer.join().unwrap();
    });
}

#[test]
fn a_beat_wakes_one_who_dozes() {
    check(|| {
        let gate = Arc::new(Gate::new());
        gate.doze(true);
        let beaten = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.ring();
                gate.beat(Duration::from_millis(40));
            })
        };
        // Would never end if the ring before it had taken the beat's wake away.
        block_on(async { while poll_fn(|cx| gate.poll_ring(cx)).await.beat.is_none() {} });
        beaten.join().unwrap();
    });
}

#[test]
fn whoever_is_listed_is_looked_at_after_what_it_rang_for() {
    check(|| {
        let ready = Arc::new(Ready::default());
        let (gates, bells): (Vec<_>, Vec<_>) = (0..2).map(|key| (Arc::new(Gate::new()), ready.bell(key))).unzip();
        let wakers: Vec<_> = bells.iter().map(Bell::waker).collect();
        wakers.iter().for_each(Waker::wake_by_ref);
        let ringer = {
            let gates = gates.clone();
            thread::spawn(move || gates.iter().for_each(|gate| gate.ring()))
        };
        let mut rung = [false; 2];
        // Would never end if a ring fell between the look and the next listing.
        block_on(poll_fn(|cx| {
            let mut listed = Vec::new();
            while ready.poll_rung(cx).is_ready() {
                ready.take(&mut listed);
                for key in listed.drain(..) {
                    bells[key].rearm();
                    while gates[key].poll_rung(&mut Context::from_waker(&wakers[key])).is_ready() {
                        rung[key] = true;
                    }
                }
            }
            if rung == [true; 2] { Poll::Ready(()) } else { Poll::Pending }
        }));
        ringer.join().unwrap();
    });
}

#[test]
fn whoever_hears_of_a_beat_knows_what_follows_it() {
    const GAP: Duration = Duration::from_millis(40);
    check(|| {
        let gate = Arc::new(Gate::new());
        let beaten = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || (0..2).for_each(|_| gate.beat(GAP)))
        };
        let mut heard = None;
        let mut hear = |ring: Ring| {
            let Some(beat) = ring.beat else { return };
            assert!(beat.at + GAP <= beat.next);
            assert!(heard.replace(beat).is_none_or(|before| before.next <= beat.next));
        };
        hear(block_on(poll_fn(|cx| gate.poll_ring(cx))));
        beaten.join().unwrap();
        if let Poll::Ready(ring) = block_on(poll_fn(|cx| Poll::Ready(gate.poll_ring(cx)))) {
            hear(ring);
        }
        let heard = heard.expect("no beat is lost");
        assert_eq!(heard.at + GAP, heard.next, "the last is with its own successor");
    });
}

#[test]
fn readers_of_one_worker_get_every_entry_in_order_and_the_end() {
    check(|| {
        let (channel, mut publisher) = on_air(Bounds::default());
        let gate = Arc::new(Gate::new());
        let mut readers: Vec<_> = (0..2).map(|_| (channel.join(From::NewestSync, &gate), Vec::new(), false)).collect();
        let writer = thread::spawn({
            let channel = Arc::clone(&channel);
            move || {
                publisher.push(Tick(1)).unwrap();
                channel.end(End::Unpublished);
            }
        });
        loop {
            for (reader, numbers, over) in &mut readers {
                *over = *over || drain(reader, numbers).is_some();
            }
            if readers.iter().all(|(_, _, over)| *over) {
                break;
            }
            block_on(gate.rung());
        }
        writer.join().unwrap();
        readers.iter().for_each(|(_, numbers, _)| assert_eq!(*numbers, [0, 1]));
    });
}

#[test]
fn a_reader_that_is_overtaken_goes_on_at_a_sync() {
    check(|| {
        let (channel, mut publisher) = on_air(Bounds { entries: 1, ..Bounds::default() });
        let gate = Arc::new(Gate::new());
        let mut readers: Vec<_> = (0..2).map(|_| channel.join(From::NewestSync, &gate)).collect();
        let writer = thread::spawn(move || {
            publisher.push(Tick(1)).unwrap();
            publisher.push(Tick(10)).unwrap();
        });
        let mut all = [Vec::new(), Vec::new()];
        while all.iter().any(|numbers| numbers.last() != Some(&10)) {
            for (reader, numbers) in readers.iter_mut().zip(&mut all) {
                drain(reader, numbers);
            }
            if all.iter().any(|numbers| numbers.last() != Some(&10)) {
                block_on(gate.rung());
            }
        }
        writer.join().unwrap();
        for numbers in all {
            assert!(matches!(numbers[..], [10] | [0, 10] | [0, 1, 10]), "{numbers:?}");
        }
    });
}

#[test]
fn of_two_publishers_the_latest_writes() {
    check(|| {
        let (channel, mut old) = on_air(Bounds::default());
        let newcomer = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.lease().push(Tick(10)).unwrap()
        });
        let kept = old.push(Tick(1)).is_ok();
        newcomer.join().unwrap();
        assert_eq!(old.push(Tick(2)).unwrap_err(), Revoked::Superseded);
        let mut reader = channel.join(From::NewestSync, &Arc::new(Gate::new()));
        let mut numbers = Vec::new();
        drain(&mut reader, &mut numbers);
        assert_eq!(numbers, [10]);
        assert_eq!(channel.inspect(|window| window.len()), if kept { 3 } else { 2 });
    });
}
