//! One live stream: its renditions, its state and what is counted about it.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::audience::Audience;
use super::channel::Channel;
use super::ladder::{DemandGuard, Ladder};
use super::name::StreamName;
use super::registry::Options;
use super::viewing::Viewing;
use super::window::End;
use crate::media::{Epoch, Program, Sample, Timestamp, TrackId, WallClock};

/// The tracks of a stream as they were published.
#[derive(Clone, Debug)]
pub struct Rendition {
    /// `source`.
    pub label: Arc<str>,
    /// Its samples: all tracks, in order of arrival.
    pub samples: Arc<Channel<Sample>>,
}

/// Whether a stream has a publisher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// A publisher is connected.
    Live,
    /// The publisher went away; viewers are held until `until`.
    Waiting {
        /// When it went away.
        since: Instant,
        /// When the grace runs out.
        until: Instant,
    },
    /// It is over; kept for a while so that players can read the last playlists.
    Ended {
        /// When the stream is forgotten.
        until: Instant,
        /// Why it ended.
        why: End,
    },
}

/// Who publishes, as the operator sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PublisherInfo {
    /// The connection's id in the log.
    pub connection: u64,
    /// Where it comes from.
    pub address: SocketAddr,
    /// The protocol it speaks: `rtmp` or `rtmps`.
    pub protocol: &'static str,
    /// What the encoder calls itself, as far as the handshake told.
    pub encoder: Option<String>,
}

/// A stream that outlives its publisher's connection.
#[derive(Debug)]
pub struct Stream {
    name: StreamName,
    epoch: Epoch,
    started: Instant,
    started_at: WallClock,
    source: Rendition,
    ladder: Ladder,
    /// How long it is remembered when it is over.
    linger: Duration,
    pub(super) seat: Mutex<Seat>,
    received: Received,
    sent: Arc<Sent>,
    left_out: Mutex<BTreeMap<TrackId, LeftOut>>,
    /// Those who stay connected.
    viewers: Mutex<Viewers>,
    /// Those who come and go, by exit.
    audiences: Mutex<BTreeMap<&'static str, Audience>>,
}

/// Why HLS and DASH are without a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LeftOut {
    /// Its key frames are not where the leading video track's are, so that no player could change to it.
    Keyframes,
    /// Its codec cannot be carried there.
    Format,
}

/// Who sits at the publisher's place. Guarded by one lock, so that state and publisher never disagree.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) state: State,
    pub(super) publisher: Option<PublisherInfo>,
    /// Counts publishers; only the latest may change the state.
    pub(super) session: u64,
}

/// What came in, written by ingest and read by the API.
#[derive(Debug, Default)]
pub struct Received {
    bytes: AtomicU64,
    messages: AtomicU64,
    dropped: AtomicU64,
    repaired: AtomicU64,
    latest: Mutex<Option<(Timestamp, WallClock)>>,
}

/// How much came in up to one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// See [`Received::bytes`].
    pub bytes: u64,
    /// See [`Received::messages`].
    pub messages: u64,
    /// See [`Received::dropped`].
    pub dropped: u64,
    /// See [`Received::repaired`].
    pub repaired: u64,
}

/// Those who stay connected.
#[derive(Debug, Default)]
struct Viewers {
    /// How many, by exit: an exit that was ever used stays, so that its figure goes back to zero.
    counts: BTreeMap<&'static str, u64>,
    /// By numbers that are never reused.
    all: HashMap<u64, Arc<Viewing>>,
    next: u64,
}

/// What went out to viewers by all exits, written by whoever serves them and read by the API.
#[derive(Debug, Default)]
pub struct Sent(AtomicU64);

/// Keeps one viewer counted for as long as it lives.
#[derive(Debug)]
pub struct ViewerGuard {
    stream: Arc<Stream>,
    viewing: Arc<Viewing>,
    number: u64,
}

impl Stream {
    pub(super) fn new(name: StreamName, epoch: Epoch, options: &Options, now: Instant, wall: WallClock) -> Arc<Self> {
        Arc::new(Self {
            name,
            epoch,
            started: now,
            started_at: wall,
            ladder: Ladder::new(now),
            source: Rendition { label: "source".into(), samples: Channel::new(options.bounds()) },
            linger: options.linger(),
            seat: Mutex::new(Seat { state: State::Live, publisher: None, session: 0 }),
            received: Received::default(),
            sent: Arc::default(),
            left_out: Mutex::default(),
            viewers: Mutex::default(),
            audiences: Mutex::default(),
        })
    }

    /// The stream's canonical name.
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The presentation's number, part of every immutable address.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// When the presentation began, for measuring.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When the presentation began, for people.
    pub fn started_at(&self) -> WallClock {
        self.started_at
    }

    /// Whether there is a publisher.
    pub fn state(&self) -> State {
        self.seat.lock().state
    }

    /// Who publishes right now.
    pub fn publisher(&self) -> Option<PublisherInfo> {
        self.seat.lock().publisher.clone()
    }

    /// The stream as it was published.
    pub fn source(&self) -> &Rendition {
        &self.source
    }

    /// The rungs that are made from it.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// Wants rungs until the guard is dropped.
    pub fn want_rungs(self: &Arc<Self>) -> DemandGuard {
        DemandGuard::new(Arc::clone(self))
    }

    /// Ends it for good: its publisher is told, and readers drain what is left. False where it has ended already.
    pub(super) fn end(&self, why: End, now: Instant) -> bool {
        {
            let mut seat = self.seat.lock();
            if matches!(seat.state, State::Ended { .. }) {
                return false;
            }
            seat.publisher = None;
            seat.state = State::Ended { until: now + self.linger, why };
        }
        self.close(why);
        true
    }

    /// Ends it, as a mistake of ours broke what only goes on from its beginning: its encoder comes back to a stream that is made anew, and
    /// players to that.
    pub fn fail(&self, now: Instant) {
        self.end(End::Failed, now);
    }

    /// Ends the source and its rungs.
    pub(super) fn close(&self, why: End) {
        tracing::info!(stream = %self.name, ?why, "stream ended");
        self.source.samples.end(why);
        self.ladder.end(why);
    }

    /// The source's program, once its tracks are settled.
    pub fn program(&self) -> Option<Arc<Program>> {
        self.source.samples.head()
    }

    /// Bits per second of one track over the samples still in the source's window; `None` while they span less than a second.
    pub fn bit_rate(&self, track: TrackId) -> Option<u64> {
        self.source.samples.inspect(|window| {
            let mut samples = window.iter().filter(|sample| sample.track == track);
            let first = samples.next()?;
            // The newest sample's own duration is not known: its bytes are left out with it.
            let (mut bytes, mut last) = (0, first);
            for sample in samples {
                bytes += last.data.len() as u64;
                last = sample;
            }
            let span = last.dts.since(first.dts).millis();
            (span >= 1_000).then(|| bytes * 8_000 / span as u64)
        })
    }

    /// What came in.
    pub fn received(&self) -> &Received {
        &self.received
    }

    /// What went out.
    pub fn sent(&self) -> &Arc<Sent> {
        &self.sent
    }

    /// Tells which tracks HLS and DASH are without; written by whoever makes segments.
    pub fn set_left_out(&self, tracks: BTreeMap<TrackId, LeftOut>) {
        *self.left_out.lock() = tracks;
    }

    /// The tracks that HLS and DASH are without.
    pub fn left_out(&self) -> BTreeMap<TrackId, LeftOut> {
        self.left_out.lock().clone()
    }

    /// Counts a viewer of `exit` (a protocol's name, such as `http_flv`) until the guard is dropped.
    pub fn enter(self: &Arc<Self>, exit: &'static str, address: Option<SocketAddr>, now: Instant) -> ViewerGuard {
        let viewing = Arc::new(Viewing::new(exit, address, now));
        let mut viewers = self.viewers.lock();
        let number = viewers.next;
        viewers.next += 1;
        *viewers.counts.entry(exit).or_default() += 1;
        viewers.all.insert(number, Arc::clone(&viewing));
        ViewerGuard { stream: Arc::clone(self), viewing, number }
    }

    /// Each viewer who stays connected, in no order.
    pub fn viewings(&self) -> Vec<Arc<Viewing>> {
        self.viewers.lock().all.values().cloned().collect()
    }

    /// Notes a request of a viewer who does not stay connected; `viewer` is whatever tells it from others.
    pub fn note_request(&self, exit: &'static str, viewer: u64, now: Instant) {
        self.audiences.lock().entry(exit).or_default().note(viewer, now);
    }

    /// Viewers right now, by exit; of those who come and go, an estimate.
    pub fn viewers(&self, now: Instant) -> BTreeMap<&'static str, u64> {
        let mut viewers = self.viewers.lock().counts.clone();
        viewers.extend(self.audiences.lock().iter().map(|(exit, audience)| (*exit, audience.count(now))));
        viewers
    }
}

impl Totals {
    /// What was added since then.
    pub fn since(self, then: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(then.bytes),
            messages: self.messages.saturating_sub(then.messages),
            dropped: self.dropped.saturating_sub(then.dropped),
            repaired: self.repaired.saturating_sub(then.repaired),
        }
    }
}

impl Received {
    /// Counts one media message of `bytes`.
    pub fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one message that could not be used.
    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one timestamp that had to be repaired.
    pub fn count_repaired(&self) {
        self.repaired.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that media time `at` was received at `wall`: lets players tell their distance to live.
    pub fn note(&self, at: Timestamp, wall: WallClock) {
        *self.latest.lock() = Some((at, wall));
    }

    /// Bytes of media received.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Media messages received.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Messages that could not be used.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Timestamps that had to be repaired.
    pub fn repaired(&self) -> u64 {
        self.repaired.load(Ordering::Relaxed)
    }

    /// All that is counted.
    pub fn totals(&self) -> Totals {
        Totals { bytes: self.bytes(), messages: self.messages(), dropped: self.dropped(), repaired: self.repaired() }
    }

    /// The newest media time and when it was received.
    pub fn latest(&self) -> Option<(Timestamp, WallClock)> {
        *self.latest.lock()
    }
}

impl ViewerGuard {
    /// What is watched.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// What is told of the viewer.
    pub fn viewing(&self) -> &Arc<Viewing> {
        &self.viewing
    }
}

impl Sent {
    /// Counts `bytes` more.
    pub fn count(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that went out since the stream began.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for ViewerGuard {
    fn drop(&mut self) {
        let mut viewers = self.stream.viewers.lock();
        viewers.all.remove(&self.number);
        if let Some(count) = viewers.counts.get_mut(self.viewing.exit()) {
            *count = count.saturating_sub(1);
        }
    }
}
