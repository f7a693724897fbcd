//! The registry of live streams: who may publish, and how long a stream outlives its publisher's connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::channel::{Publisher, Revoked};
use super::gate::Gate;
use super::name::StreamName;
use super::stream::{PublisherInfo, Seat, State, Stream};
use super::window::{Bounds, End};
use crate::media::{Epoch, Sample, Span, WallClock};

/// What happens to a name that is being published when another publisher asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Takeover {
    /// The newcomer takes the stream over at once; whoever held it is disconnected.
    #[default]
    Allow,
    /// The newcomer is refused.
    Reject,
}

/// `[streams]`: how long streams are held, and how much of each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds for which viewers are held after a publisher's connection was lost.
    pub grace_s: u64,
    /// Whether a publisher that says goodbye gets the grace, too.
    pub hold_after_unpublish: bool,
    /// Seconds for which an ended stream's last playlists stay readable.
    pub linger_s: u64,
    /// Most streams at a time.
    pub max_streams: usize,
    /// Longest GOP, in seconds, that is kept whole for viewers who join.
    pub gop_s: u32,
    /// Largest GOP, in bytes of all tracks together, that is kept whole for viewers who join.
    pub gop_bytes: usize,
    /// Seconds kept behind the newest GOP for viewers that are slow.
    pub behind_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { grace_s: 10, hold_after_unpublish: false, linger_s: 30, max_streams: 1_000, gop_s: 10, gop_bytes: 16 << 20, behind_s: 4 }
    }
}

impl Options {
    /// How long viewers are held.
    pub const fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_s)
    }

    /// How long an ended stream is remembered.
    pub const fn linger(&self) -> Duration {
        Duration::from_secs(self.linger_s)
    }

    /// Bounds of each stream's window of samples.
    pub fn bounds(&self) -> Bounds {
        let span = Span::from_secs(i64::from(self.gop_s));
        Bounds { span, bytes: self.gop_bytes, lag: Span::from_secs(i64::from(self.behind_s)), ..Bounds::default() }
    }
}

/// Why a publication is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PublishRefused {
    /// Somebody else publishes that name, and takeover is not allowed.
    #[error("'{0}' is already being published")]
    NameTaken(StreamName),
    /// [`Options::max_streams`] is reached by streams that are live or wait for their publisher.
    #[error("the gateway carries {0} streams, which is its limit")]
    Full(usize),
    /// The gateway is shutting down.
    #[error("the gateway is shutting down")]
    ShuttingDown,
}

/// How a publisher leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
    /// It said goodbye.
    Clean,
    /// Its connection was lost, or it was taken off.
    Lost,
}

/// All live streams by name.
#[derive(Debug)]
pub struct Registry {
    options: Options,
    streams: DashMap<StreamName, Arc<Stream>>,
    last_epoch: AtomicU64,
    listeners: Arc<Listeners>,
    closing: AtomicBool,
}

/// One publisher's hold on a stream. Dropping it counts as a lost connection.
#[derive(Debug)]
pub struct Session {
    registry: Arc<Registry>,
    stream: Arc<Stream>,
    publisher: Publisher<Sample>,
    number: u64,
    resumed: bool,
}

/// Rings when any stream comes, goes or changes its state; the listener looks for itself what. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Announcements {
    gate: Arc<Gate>,
    listeners: Arc<Listeners>,
}

/// Who is told of changes: as many as there are [`Announcements`].
#[derive(Debug, Default)]
struct Listeners(Mutex<Vec<Arc<Gate>>>);

impl Registry {
    /// An empty registry.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            options,
            streams: DashMap::new(),
            last_epoch: AtomicU64::new(0),
            listeners: Arc::default(),
            closing: AtomicBool::new(false),
        })
    }

    /// Makes the caller the publisher of `name`: of a new stream, of one that waits for its publisher, or by taking it over.
    ///
    /// # Errors
    /// When the name is taken and `takeover` rejects, or when the gateway takes no more streams.
    pub fn publish(
        self: &Arc<Self>,
        name: &StreamName,
        info: PublisherInfo,
        takeover: Takeover,
        now: Instant,
        wall: WallClock,
    ) -> Result<Session, PublishRefused> {
        if self.streams.len() >= self.options.max_streams && !self.streams.contains_key(name) {
            self.make_room();
        }
        let count = self.streams.len();
        // The name's entry stays locked until the newcomer is seated, so that two of them cannot both find it free.
        let session = match self.streams.entry(name.clone()) {
            // Looked at under that lock, which whoever shuts down takes later: who gets past is found, and ended, there.
            _ if self.closing.load(Ordering::Acquire) => return Err(PublishRefused::ShuttingDown),
            Slot::Occupied(mut held) => match self.seat(held.get(), &info, takeover)? {
                Some(session) => session,
                None => {
                    held.insert(self.fresh(name, now, wall));
                    self.seat_first(held.get(), info)
                }
            },
            Slot::Vacant(_) if count >= self.options.max_streams => return Err(PublishRefused::Full(count)),
            Slot::Vacant(free) => self.seat_first(free.insert(self.fresh(name, now, wall)).value(), info),
        };
        self.announce();
        Ok(session)
    }

    /// The stream of that name: live, waiting for its publisher, or ended a moment ago.
    pub fn find(&self, name: &StreamName) -> Option<Arc<Stream>> {
        self.streams.get(name).map(|held| Arc::clone(held.value()))
    }

    /// All streams, by name.
    pub fn list(&self) -> Vec<Arc<Stream>> {
        let mut streams: Vec<_> = self.streams.iter().map(|held| Arc::clone(held.value())).collect();
        streams.sort_by(|a, b| a.name().cmp(b.name()));
        streams
    }

    /// Disconnects the publisher of a stream; viewers get the grace. False where nobody publishes.
    pub fn kick(&self, stream: &Stream) -> bool {
        stream.source().samples.revoke(Revoked::Kicked)
    }

    /// Ends streams whose grace ran out and forgets those that ended long enough ago. Returns when to look again.
    pub fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for stream in self.list() {
            let due = match stream.state() {
                State::Live => continue,
                State::Waiting { until, .. } if until <= now => self.end_if_waiting(&stream, now),
                State::Waiting { until, .. } => Some(until),
                State::Ended { until, .. } if until <= now => {
                    self.streams.remove_if(stream.name(), |_, held| Arc::ptr_eq(held, &stream));
                    self.announce();
                    None
                }
                State::Ended { until, .. } => Some(until),
            };
            next = next.into_iter().chain(due).min();
        }
        next
    }

    /// Rings whenever a stream comes, goes or changes its state, and once at the start.
    pub fn announcements(&self) -> Announcements {
        let gate = Arc::new(Gate::new());
        gate.ring();
        self.listeners.0.lock().push(Arc::clone(&gate));
        Announcements { gate, listeners: Arc::clone(&self.listeners) }
    }

    /// Ends all streams and admits no more: readers drain what is left.
    pub fn shut_down(&self, why: End, now: Instant) {
        self.closing.store(true, Ordering::Release);
        for stream in self.list() {
            self.end(&stream, why, now);
        }
    }

    /// Forgets a stream on which nobody loses anything: the one that ended first or, where none has ended, one whose publisher went away
    /// before there was anything to see. Else whoever comes and goes under ever other names would lock all others out.
    fn make_room(&self) {
        let unneeded = |stream: Arc<Stream>| match stream.state() {
            State::Ended { until, .. } => Some((0, until, stream)),
            State::Waiting { until, .. } if stream.program().is_none() => Some((1, until, stream)),
            State::Live | State::Waiting { .. } => None,
        };
        let Some((.., stream)) = self.list().into_iter().filter_map(unneeded).min_by_key(|(order, until, _)| (*order, *until)) else {
            return;
        };
        if let State::Waiting { until, .. } = stream.state() {
            self.end_if_waiting(&stream, until);
        }
        // The publisher may have come back meanwhile.
        let is_over = || matches!(stream.state(), State::Ended { .. });
        self.streams.remove_if(stream.name(), |_, held| Arc::ptr_eq(held, &stream) && is_over());
        self.announce();
    }

    fn fresh(&self, name: &StreamName, now: Instant, wall: WallClock) -> Arc<Stream> {
        let wanted = u64::try_from(wall.unix_millis()).unwrap_or_default();
        // A clock that stands still or runs backwards must not make two presentations share an address.
        let bump = |last: u64| Some(wanted.max(last + 1));
        let last = self.last_epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, bump).unwrap_or_default();
        Stream::new(name.clone(), Epoch(wanted.max(last + 1)), &self.options, now, wall)
    }

    /// Seats a publisher on a stream that is live or waits for one; `None` where the stream has ended.
    fn seat(self: &Arc<Self>, stream: &Arc<Stream>, info: &PublisherInfo, takeover: Takeover) -> Result<Option<Session>, PublishRefused> {
        let mut seat = stream.seat.lock();
        match seat.state {
            State::Live if takeover == Takeover::Reject => Err(PublishRefused::NameTaken(stream.name().clone())),
            State::Live | State::Waiting { .. } => Ok(Some(self.sit(stream, &mut seat, info.clone(), true))),
            State::Ended { .. } => Ok(None),
        }
    }

    fn seat_first(self: &Arc<Self>, stream: &Arc<Stream>, info: PublisherInfo) -> Session {
        self.sit(stream, &mut stream.seat.lock(), info, false)
    }

    fn sit(self: &Arc<Self>, stream: &Arc<Stream>, seat: &mut Seat, info: PublisherInfo, resumed: bool) -> Session {
        seat.session += 1;
        seat.state = State::Live;
        seat.publisher = Some(info);
        // Leased under the seat's lock: whoever is superseded finds the new session already seated.
        let publisher = stream.source().samples.lease();
        Session { registry: Arc::clone(self), stream: Arc::clone(stream), publisher, number: seat.session, resumed }
    }

    fn depart(&self, stream: &Arc<Stream>, number: u64, how: Departure, now: Instant) {
        let mut seat = stream.seat.lock();
        if seat.session != number || !matches!(seat.state, State::Live) {
            return;
        }
        seat.publisher = None;
        let held = how == Departure::Lost || self.options.hold_after_unpublish;
        if held && self.options.grace_s > 0 {
            seat.state = State::Waiting { since: now, until: now + self.options.grace() };
            drop(seat);
            self.announce();
        } else {
            drop(seat);
            self.end(stream, End::Unpublished, now);
        }
    }

    /// The publisher may have come back since the caller looked.
    fn end_if_waiting(&self, stream: &Arc<Stream>, now: Instant) -> Option<Instant> {
        let until = now + self.options.linger();
        {
            let mut seat = stream.seat.lock();
            if !matches!(seat.state, State::Waiting { until, .. } if until <= now) {
                return Some(now);
            }
            seat.state = State::Ended { until, why: End::Unpublished };
        }
        stream.close(End::Unpublished);
        self.announce();
        Some(until)
    }

    fn end(&self, stream: &Arc<Stream>, why: End, now: Instant) {
        if stream.end(why, now) {
            self.announce();
        }
    }

    fn announce(&self) {
        self.listeners.0.lock().iter().for_each(|gate| gate.ring());
    }
}

impl Session {
    /// The stream that is published.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The way to write its samples.
    pub fn publisher(&mut self) -> &mut Publisher<Sample> {
        &mut self.publisher
    }

    /// Waits until this publisher has to go: taken over, disconnected by an operator, or the stream ended. Cancel safe.
    pub async fn revoked(&self) -> Revoked {
        self.publisher.revoked().await
    }

    /// Whether the stream existed before: its timeline goes on, behind a break.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Leaves the stream.
    pub fn finish(self, how: Departure, now: Instant) {
        self.registry.depart(&self.stream, self.number, how, now);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.registry.depart(&self.stream, self.number, Departure::Lost, Instant::now());
    }
}

impl Announcements {
    /// Waits for the next change. Changes in between are one. Cancel safe.
    pub async fn changed(&self) {
        self.gate.rung().await;
    }
}

impl Drop for Announcements {
    fn drop(&mut self) {
        self.listeners.0.lock().retain(|gate| !Arc::ptr_eq(gate, &self.gate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_listening_leaves_nothing_behind_though_nothing_is_announced() {
        let registry = Registry::new(Options::default());
        let kept = registry.announcements();
        for _ in 0..100 {
            drop(registry.announcements());
        }
        assert_eq!(registry.listeners.0.lock().len(), 1);
        drop(kept);
        assert!(registry.listeners.0.lock().is_empty());
    }
}
