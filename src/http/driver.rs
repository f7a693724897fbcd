//! Serves a site on the sockets of worker threads, in HTTP/1.1 and HTTP/2, encrypted and not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::exchange::Exchanges;
use super::http2;
use super::late::Late;
use super::opening::{self, Opened, Unopened, Version};
use super::site::Site;
use super::socket::{Socket, Writing};
use crate::egress::{self, Hub, Hubs, Policy};
use crate::net::workers::{Seat, Serve};
use crate::net::{ConnectionId, Throttle, Tls};

/// How HTTP connections are driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds in which the whole head of a connection's first request must arrive, and the TLS handshake before it.
    pub head_s: u32,
    /// Seconds from an answer to the whole head of the next request on the same connection.
    pub keep_alive_s: u32,
    /// Seconds without a byte taken, while an answer is being written, after which the connection is closed, or the stream of HTTP/2 reset.
    pub write_s: u32,
    /// Most KiB of a request's head; at least 8.
    pub max_head_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { head_s: 10, keep_alive_s: 60, write_s: 30, max_head_kib: 16 }
    }
}

/// Serves a site on the sockets of worker threads.
#[derive(Debug)]
pub struct Driver {
    front: Arc<Front>,
    hubs: Arc<Hubs>,
}

/// What all connections share.
#[derive(Debug)]
struct Front {
    site: Site,
    options: Options,
    http1: http1::Builder,
    http2: http2::Options,
    policy: Arc<Policy>,
    closing: CancellationToken,
    strays: Mutex<Throttle>,
}

/// What is known of a connection when it is accepted.
struct Arrival {
    io: TcpStream,
    peer: SocketAddr,
    seat: Seat,
    tls: Option<Arc<Tls>>,
    hub: Hub,
}

impl Driver {
    /// A driver of `site` that leaves its workers' hubs in `hubs`. Connections say goodbye after their next answer once `closing` is cancelled.
    pub fn new(
        site: Site,
        (options, http2): (Options, http2::Options),
        policy: Arc<Policy>,
        hubs: Arc<Hubs>,
        closing: CancellationToken,
    ) -> Arc<Self> {
        let http1 = super::http1::builder(&options);
        Arc::new(Self { front: Arc::new(Front { site, options, http1, http2, policy, closing, strays: Mutex::default() }), hubs })
    }
}

impl Serve for Driver {
    type Local = Hub;

    fn start(&self, worker: usize) -> Hub {
        let hub = Hub::start(Arc::clone(&self.front.policy));
        self.hubs.put(worker, hub.clone());
        hub
    }

    fn serve(&self, hub: &Hub, io: TcpStream, peer: SocketAddr, seat: Seat, tls: Option<Arc<Tls>>) {
        if let Err(error) = egress::prepare(&io, self.front.policy.options.unsent_kib) {
            tracing::debug!(%peer, %error, "a socket could not be prepared");
            return;
        }
        let span = tracing::error_span!("http", id = %ConnectionId::next(), address = %peer);
        let arrival = Arrival { io, peer, seat, tls, hub: hub.clone() };
        tokio::spawn(Arc::clone(&self.front).drive(arrival).instrument(span));
    }
}

impl Front {
    async fn drive(self: Arc<Self>, Arrival { io, peer, seat, tls, hub }: Arrival) {
        let mut timer = Box::pin(sleep(Duration::from_secs(self.options.head_s.into())));
        let mut closing = Box::pin(self.closing.clone().cancelled_owned());
        let late = if tls.is_some() { Late::Tls } else { Late::Head };
        // In a box, which is gone when requests follow: a handshake takes more room than they do.
        let opening = Box::pin(opening::open(io, tls, self.http2.cleartext));
        let opened = tokio::select! {
            biased;
            opened = opening => opened,
            () = closing.as_mut() => return,
            () = timer.as_mut() => return late.tell(),
        };
        let Opened { io, held, version } = match opened {
            Ok(opened) => opened,
            Err(why) => return self.tell(&why),
        };
        let writing = Arc::new(Writing::default());
        let socket = Socket::new(io, held, Arc::clone(&writing));
        let stall = Duration::from_secs(self.options.write_s.into());
        match version {
            Version::Http1 => {
                let site = self.site.clone();
                let connection = super::http1::Connection::new(&self.http1, (socket, writing), site, peer, timer, stall);
                connection.serve(closing, hub, seat).await;
            }
            Version::Http2 => {
                let exchanges = Exchanges { site: self.site.clone(), peer, hub, stall };
                let served = http2::serve(socket, writing, exchanges, (self.options, self.http2), timer, closing);
                Box::pin(served).await;
                drop(seat);
            }
        }
    }

    fn tell(&self, why: &Unopened) {
        // Whoever only looks whether somebody listens, as balancers do all the time, is not worth a word.
        if matches!(why, Unopened::Cut) {
            return;
        }
        metrics::counter!("sluicegate_http_closed_total", "reason" => why.label()).increment(1);
        tracing::debug!(reason = %why, "connection turned away");
        if why.is_stray()
            && let Some(times) = self.strays.lock().tell(Instant::now())
        {
            tracing::warn!(reason = %why, times, "somebody came to the wrong port");
        }
    }
}
