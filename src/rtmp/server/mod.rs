//! The RTMP listeners: one task for each connection, driving the sans-IO [session](super::session) over a socket.

mod connection;
mod entry;
mod farewell;
mod notices;
mod options;
mod play;
mod player;
mod pulse;
mod rate;
mod verdict;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::auth::Authority;
use crate::bus::Registry;
use crate::net::workers::Seat;
use crate::net::{Acceptor, ConnectionId, Limits, Permit, Permits, Refused, SocketOptions, Tls};
use crate::telemetry::panics;
pub use connection::RECONNECT_PATIENCE;
use connection::{Connection, Peer};
use entry::{Door, Entry, TurnedAway};
use notices::Notices;
pub use options::Options;
pub use play::Players;

/// Where connections come in.
#[derive(Debug)]
pub struct Doors {
    /// Plain RTMP; with [`Options::sniff`] RTMPS and HTTP, too.
    pub plain: TcpListener,
    /// RTMPS.
    pub encrypted: Option<TcpListener>,
    /// The certificate that RTMPS is spoken by.
    pub tls: Option<Arc<Tls>>,
    /// Where HTTP is served, for those who speak it here.
    pub http: Option<SocketAddr>,
    /// How connections are set up.
    pub sockets: SocketOptions,
}

/// What all connections share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The live streams.
    pub registry: Arc<Registry>,
    /// Who may publish and play.
    pub authority: Arc<Authority>,
    /// How this module behaves.
    pub options: Arc<Options>,
    /// What it takes to serve players.
    pub players: Players,
}

/// The limits on connections, and on what is told of them. Those that play are not counted here: they take a place among all viewers.
#[derive(Debug)]
struct Limiter {
    all: Arc<Permits>,
    pending: Arc<Permits>,
    notices: Notices,
}

/// A connection just taken.
#[derive(Debug)]
struct Arrival {
    socket: TcpStream,
    address: SocketAddr,
    id: ConnectionId,
    door: Door,
    place: Place,
}

/// One connection's place.
#[derive(Debug)]
enum Place {
    /// Among those that do not play.
    Plain { _all: Permit, pending: Option<Pending> },
    /// Among all viewers, at the worker of that number: it plays, or waits for what it may play.
    Viewer(usize, Seat),
}

/// A connection has not said yet what it wants, or is not allowed it yet.
#[derive(Debug)]
struct Pending {
    /// From when its time to begin counts: it came, or it came back from playing.
    since: Instant,
    _permit: Permit,
}

impl Doors {
    /// Plain RTMP alone.
    pub fn plain(listener: TcpListener) -> Self {
        Self { plain: listener, encrypted: None, tls: None, http: None, sockets: SocketOptions::default() }
    }
}

/// Those who come in.
struct Threshold {
    entry: Arc<Entry>,
    limiter: Arc<Limiter>,
    shared: Shared,
    shutdown: CancellationToken,
    connections: TaskTracker,
}

/// Serves publishers and players until `shutdown`, then tells all of them and returns when they are gone: publishers within some seconds,
/// players when their streams have ended.
///
/// Every connection has a span with its id and address and, once it publishes, its stream. What publishers do is told at `info`; of
/// connections that come to nothing a few are told each second, and the others counted. The span is there whatever the filter lets through.
pub async fn serve(doors: Doors, shared: Shared, shutdown: CancellationToken) {
    let Doors { plain, encrypted, tls, http, sockets } = doors;
    let threshold = Threshold {
        entry: Arc::new(Entry { tls, http, sniff: shared.options.sniff }),
        limiter: Arc::new(Limiter::new(&shared.options)),
        shared,
        shutdown,
        connections: TaskTracker::new(),
    };
    panics::outlive("door of RTMP", || threshold.stand_open(&plain, encrypted.as_ref(), sockets)).await;
    drop((plain, encrypted));
    threshold.connections.close();
    threshold.connections.wait().await;
    threshold.limiter.notices.sum_up();
}

impl Threshold {
    /// Lets everybody in until the shutdown.
    async fn stand_open(&self, plain: &TcpListener, encrypted: Option<&TcpListener>, sockets: SocketOptions) {
        let mut summaries = tokio::time::interval(notices::INTERVAL);
        let mut at_plain = Acceptor::new(plain, sockets);
        let mut at_encrypted = encrypted.map(|listener| Acceptor::new(listener, sockets));
        loop {
            tokio::select! {
                (socket, address) = at_plain.accept() => self.welcome(socket, address, Door::Plain),
                (socket, address) = async {
                    match &mut at_encrypted {
                        Some(acceptor) => acceptor.accept().await,
                        None => std::future::pending().await,
                    }
                } => self.welcome(socket, address, Door::Encrypted),
                _ = summaries.tick() => self.limiter.notices.sum_up(),
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    fn welcome(&self, socket: TcpStream, address: SocketAddr, door: Door) {
        let Self { entry, limiter, shared, shutdown, connections } = self;
        match limiter.take(address) {
            Ok(place) => {
                let id = ConnectionId::next();
                let span = tracing::error_span!("rtmp", %id, %address, stream = tracing::field::Empty);
                let arrival = Arrival { socket, address, id, door, place };
                let attended = attend(arrival, Arc::clone(entry), shared.clone(), Arc::clone(limiter), shutdown.clone());
                connections.spawn(attended.instrument(span));
            }
            Err(refused) => {
                metrics::counter!("sluicegate_rtmp_refused_total", "reason" => refused.label()).increment(1);
                if limiter.notices.admit() {
                    tracing::warn!(%address, %refused, "RTMP connection not taken");
                } else {
                    tracing::debug!(%address, %refused, "RTMP connection not taken");
                }
            }
        }
    }
}

/// One connection from its first byte to its last.
async fn attend(arrival: Arrival, entry: Arc<Entry>, shared: Shared, limiter: Arc<Limiter>, shutdown: CancellationToken) {
    let Arrival { socket, address, id, door, place } = arrival;
    metrics::counter!("sluicegate_rtmp_connections_total").increment(1);
    tracing::debug!("connection opened");
    let opened = Instant::now();
    // In a box, which is gone when the session begins: a handshake takes more room than what follows.
    let admission = Box::pin(entry.admit(socket, door, opened + shared.options.publish_timeout()));
    let admitted = tokio::select! {
        admitted = admission => admitted,
        () = shutdown.cancelled() => return,
    };
    match admitted {
        Ok(io) => {
            let peer = Peer { address, id, shared, limiter, opened, received: 0, messages: 0 };
            Box::new(Connection::new(io, peer, place)).run(shutdown).await;
        }
        Err(why) => {
            metrics::counter!("sluicegate_rtmp_closed_total", "reason" => why.label()).increment(1);
            if !limiter.notices.admit() {
                tracing::debug!(reason = %why, "connection closed");
            } else if matches!(why, TurnedAway::Cut) {
                tracing::info!(reason = %why, "connection closed");
            } else {
                tracing::warn!(reason = %why, "connection closed");
            }
        }
    }
}

impl Place {
    /// Of a connection that neither publishes nor plays yet: since when it may.
    fn pending(&self) -> Option<Instant> {
        match self {
            Self::Plain { pending: Some(pending), .. } => Some(pending.since),
            Self::Plain { pending: None, .. } | Self::Viewer(..) => None,
        }
    }

    /// It publishes from now on.
    fn settle(&mut self) {
        if let Self::Plain { pending, .. } = self {
            *pending = None;
        }
    }

    fn publishes(&self) -> bool {
        matches!(self, Self::Plain { pending: None, .. })
    }
}

impl Limiter {
    fn new(options: &Options) -> Self {
        let limits = |max_per_address| Limits { max_connections: options.max_connections, max_per_address };
        Self { all: Permits::new(limits(0)), pending: Permits::new(limits(options.max_pending_per_address)), notices: Notices::default() }
    }

    fn take(&self, address: SocketAddr) -> Result<Place, Refused> {
        let (all, permit) = (self.all.take(address.ip())?, self.pending.take(address.ip())?);
        Ok(Place::Plain { _all: all, pending: Some(Pending { since: Instant::now(), _permit: permit }) })
    }
}
