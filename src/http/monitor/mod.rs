//! What the console is told: figures of each stream once a second, their history, and warnings, as server-sent events.
//!
//! Each message is written once, and all who listen share it. One that is slow misses some and goes on with the newest.

mod events;
pub mod vitals;
pub mod warnings;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::router::Shared;
use crate::bus::{Registry, Stream, StreamName, wall};
use crate::media::{Epoch, WallClock};
use vitals::{Figures, Vitals};

pub use events::listen;

/// Between two looks at all streams.
const LOOK: Duration = Duration::from_secs(1);
/// Between two messages that something changed: many streams may come at once.
const SPACING: Duration = Duration::from_millis(100);
/// Bytes of a message for which the next one waits a second longer: a console of a thousand streams does not need each second.
const BYTES_PER_SECOND: usize = 256 << 10;
/// Looks that the history goes back: five minutes.
const HISTORY: usize = 300;
/// Most who listen at once; they are few, and each may ask for a message a second.
const MAX_LISTENERS: usize = 64;

/// Looks after all streams.
#[derive(Debug)]
pub struct Monitor {
    watched: Mutex<BTreeMap<StreamName, Watched>>,
    /// The newest message, which is empty before there was any; none once there will be no more.
    news: watch::Sender<Option<Bytes>>,
    /// The history as it was told since the last look; empty where nobody asked.
    told: Mutex<Bytes>,
    seats: Arc<Semaphore>,
}

/// One stream under watch.
#[derive(Debug)]
struct Watched {
    epoch: Epoch,
    vitals: Vitals,
    history: VecDeque<Point>,
}

/// What a chart shows of one look: Unix seconds, kilobits per second in and out, pictures per second, milliseconds between keyframes, viewers.
#[derive(Clone, Copy, Debug, Serialize)]
struct Point(i64, u64, u64, f64, i64, u64);

impl Default for Monitor {
    fn default() -> Self {
        Self {
            watched: Mutex::default(),
            news: watch::Sender::new(Some(Bytes::new())),
            told: Mutex::default(),
            seats: Arc::new(Semaphore::new(MAX_LISTENERS)),
        }
    }
}

impl Monitor {
    /// The figures of a stream; nothing in them before the first look.
    pub fn figures(&self, stream: &Stream) -> Figures {
        let watched = self.watched.lock();
        let found = watched.get(stream.name()).filter(|watched| watched.epoch == stream.epoch());
        found.map(|watched| watched.vitals.figures()).unwrap_or_default()
    }

    /// Looks at all streams, and forgets those that are over.
    fn look(&self, registry: &Registry, now: Instant, wall: WallClock) {
        let streams = registry.list();
        let mut watched = self.watched.lock();
        watched.retain(|name, held| streams.iter().any(|stream| stream.name() == name && stream.epoch() == held.epoch));
        for stream in streams {
            let fresh = || Watched { epoch: stream.epoch(), vitals: Vitals::default(), history: VecDeque::new() };
            watched.entry(stream.name().clone()).or_insert_with(fresh).look(&stream, now, wall);
        }
        *self.told.lock() = Bytes::new();
    }

    /// The history of all streams as an event, written once for each look.
    fn history(&self) -> Bytes {
        let watched = self.watched.lock();
        let mut told = self.told.lock();
        if told.is_empty() {
            let all: BTreeMap<String, &VecDeque<Point>> = watched.iter().map(|(name, held)| (name.to_string(), &held.history)).collect();
            *told = events::event("history", &all);
        }
        told.clone()
    }

    /// Tells all who listen how the streams are now; returns the length of the message.
    fn tell(&self, shared: &Shared) -> usize {
        let message = events::event("streams", &shared.list());
        let length = message.len();
        self.news.send_replace(Some(message));
        length
    }
}

impl Watched {
    fn look(&mut self, stream: &Stream, now: Instant, wall: WallClock) {
        self.vitals.look(stream, now);
        let figures = self.vitals.figures();
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        let kilo = |bits: Option<u64>| bits.unwrap_or_default() / 1_000;
        self.history.push_back(Point(
            wall.unix_secs(),
            kilo(figures.in_bit_rate),
            kilo(figures.out_bit_rate),
            figures.frame_rate.unwrap_or_default(),
            figures.keyframe_ms.unwrap_or_default(),
            stream.viewers(now).values().sum(),
        ));
    }
}

/// Looks after all streams until `closing`, and tells whoever listens.
pub async fn run(shared: Arc<Shared>, closing: CancellationToken) {
    let changes = shared.registry.announcements();
    let monitor = &shared.monitor;
    let (mut look_at, mut tell_at) = (Instant::now(), Instant::now());
    loop {
        let now = Instant::now();
        if now >= look_at {
            monitor.look(&shared.registry, now, wall::now());
            look_at = now + LOOK;
        }
        if now >= tell_at && monitor.news.receiver_count() > 0 {
            let length = monitor.tell(&shared);
            tell_at = now + Duration::from_secs((length / BYTES_PER_SECOND) as u64);
        }
        tokio::select! {
            () = closing.cancelled() => break,
            () = tokio::time::sleep_until(look_at.into()) => {}
            () = changes.changed() => tokio::time::sleep(SPACING).await,
        }
    }
    monitor.news.send_replace(None);
}
