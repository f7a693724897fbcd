//! Drives cleartext HTTP/1.1 connections, and takes the socket back from a request whose answer is endless media.
//!
//! The handler of such a request parks: it leaves a [`Viewer`] in the connection's [`Slot`] and never answers. The driver sees it, makes
//! sure that nothing of an earlier answer is still to be written, takes the connection apart and gives the socket to the worker's
//! [`Hub`]. So a viewer keeps none of the HTTP machinery's buffers, and its media never passes through it.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;
use tower::Service as _;
use tracing::Instrument as _;

use super::socket::{Socket, Writing};
use crate::egress::{self, Hub, Hubs, Newcomer, Policy, Viewer};
use crate::net::ConnectionId;
use crate::net::workers::{Seat, Serve};

/// Smallest head buffer that the HTTP library takes.
const MIN_HEAD: usize = 8 << 10;
/// Most header fields of a request.
const MAX_FIELDS: usize = 100;
/// Stalls are looked for no more often than this.
const SHORTEST_LOOK: Duration = Duration::from_millis(500);

/// How HTTP connections are driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds in which the whole head of a connection's first request must arrive.
    pub head_s: u32,
    /// Seconds from an answer to the whole head of the next request on the same connection.
    pub keep_alive_s: u32,
    /// Seconds without a byte taken, while an answer is being written, after which the connection is closed.
    pub write_s: u32,
    /// Most KiB of a request's head; at least 8.
    pub max_head_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { head_s: 10, keep_alive_s: 60, write_s: 30, max_head_kib: 16 }
    }
}

/// Serves a router on the sockets of worker threads.
#[derive(Debug)]
pub struct Driver {
    router: Router,
    options: Options,
    http: http1::Builder,
    policy: Arc<Policy>,
    closing: CancellationToken,
    hubs: Arc<Hubs>,
}

/// Where a request's handler leaves its [`Viewer`]. An extension of each request whose socket can be taken.
#[derive(Clone, Debug)]
pub struct Slot {
    parked: Arc<Mutex<Option<Parked>>>,
    writing: Arc<Writing>,
}

/// A viewer who waits for the socket.
#[derive(Debug)]
struct Parked {
    viewer: Viewer,
    /// How often the connection had been flushed by then. One flush more proves that nothing of an earlier answer is left to write.
    flushes: u64,
}

impl Slot {
    /// Leaves the viewer, whose first bytes are the answer's head, and parks. The request's future is dropped with its connection.
    pub async fn hand_over(self, viewer: Viewer) -> Infallible {
        *self.parked.lock() = Some(Parked { viewer, flushes: self.writing.flushes() });
        std::future::pending().await
    }

    fn is_waiting(&self) -> bool {
        self.parked.lock().is_some()
    }

    fn take(&self) -> Option<Viewer> {
        let mut parked = self.parked.lock();
        let flushed = parked.as_ref().is_some_and(|parked| self.writing.flushes() > parked.flushes);
        if flushed { parked.take().map(|parked| parked.viewer) } else { None }
    }
}

impl Driver {
    /// A driver of `router` that leaves its workers' hubs in `hubs`. Connections say goodbye after their next answer once `closing` is cancelled.
    pub fn new(router: Router, options: Options, policy: Arc<Policy>, hubs: Arc<Hubs>, closing: CancellationToken) -> Arc<Self> {
        let mut http = http1::Builder::new();
        // The library's deadline covers the wait for the next head and the head itself.
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(options.keep_alive_s.into()))
            .max_buf_size((options.max_head_kib as usize).saturating_mul(1 << 10).max(MIN_HEAD))
            .max_headers(MAX_FIELDS);
        Arc::new(Self { router, options, http, policy, closing, hubs })
    }
}

impl Serve for Driver {
    type Local = Hub;

    fn start(&self, worker: usize) -> Hub {
        let hub = Hub::start(Arc::clone(&self.policy));
        self.hubs.put(worker, hub.clone());
        hub
    }

    fn serve(&self, hub: &Hub, io: TcpStream, peer: SocketAddr, seat: Seat) {
        if let Err(error) = egress::prepare(&io, self.policy.options.unsent_kib) {
            tracing::debug!(%peer, %error, "a socket could not be prepared");
            return;
        }
        let writing = Arc::new(Writing::default());
        let slot = Slot { parked: Arc::default(), writing: Arc::clone(&writing) };
        let heard = Arc::new(AtomicBool::new(false));
        let requests = Requests { router: self.router.clone(), slot: slot.clone(), heard: Arc::clone(&heard), peer };
        let http = self.http.serve_connection(TokioIo::new(Socket::new(io, Arc::clone(&writing))), requests);
        let deadlines = Deadlines::new(&self.options, heard, writing);
        let closing = self.closing.clone();
        let span = tracing::info_span!("http", id = %ConnectionId::next(), address = %peer);
        tokio::spawn(drive(http, slot, deadlines, closing, hub.clone(), seat).instrument(span));
    }
}

type Http = http1::Connection<TokioIo<Socket>, Requests>;

/// How a connection's life as HTTP ended.
enum Closed {
    /// By the rules of HTTP, or by an error.
    Done(hyper::Result<()>),
    /// By one of our deadlines.
    Late(Late),
    /// Its socket is wanted for a viewer.
    HandedOver(Box<Viewer>),
}

/// Which of our deadlines a client let pass.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Late {
    #[error("the first request's head did not arrive in time")]
    Head,
    #[error("the answer was not taken")]
    Stalled,
}

impl Late {
    fn label(self) -> &'static str {
        match self {
            Self::Head => "late_head",
            Self::Stalled => "stalled",
        }
    }
}

async fn drive(mut http: Http, slot: Slot, mut deadlines: Deadlines, closing: CancellationToken, hub: Hub, seat: Seat) {
    let mut closing = Box::pin(closing.cancelled_owned());
    let mut told = false;
    let closed = poll_fn(|cx| {
        if !told && closing.as_mut().poll(cx).is_ready() {
            told = true;
            Pin::new(&mut http).graceful_shutdown();
        }
        if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
            return Poll::Ready(Closed::Done(result));
        }
        // The handler may have parked behind the last flush of that turn; one turn more flushes, or waits for the socket to take the rest.
        if slot.is_waiting()
            && slot.writing.blocked_for(Instant::now()).is_zero()
            && let Poll::Ready(result) = Pin::new(&mut http).poll(cx)
        {
            return Poll::Ready(Closed::Done(result));
        }
        if let Some(viewer) = slot.take() {
            return Poll::Ready(Closed::HandedOver(Box::new(viewer)));
        }
        deadlines.poll_late(cx).map(Closed::Late)
    })
    .await;
    match closed {
        Closed::Done(Ok(())) => {}
        Closed::Done(Err(error)) => {
            metrics::counter!("sluicegate_http_closed_total", "reason" => label(&error)).increment(1);
            tracing::debug!(%error, "HTTP connection ended by an error");
        }
        Closed::Late(late) => {
            metrics::counter!("sluicegate_http_closed_total", "reason" => late.label()).increment(1);
            tracing::debug!(reason = %late, "HTTP connection closed");
        }
        Closed::HandedOver(viewer) => {
            let parts = http.into_parts();
            hub.admit(Newcomer { io: parts.io.into_inner().into_inner(), viewer: *viewer, input: parts.read_buf, seat });
        }
    }
}

/// Why the HTTP library gave a connection up, in one word for metrics.
fn label(error: &hyper::Error) -> &'static str {
    if error.is_parse() {
        "malformed"
    } else if error.is_timeout() {
        "idle"
    } else {
        "broken"
    }
}

/// The router with what one connection adds to its requests.
#[derive(Debug)]
struct Requests {
    router: Router,
    slot: Slot,
    /// Whether a whole head has arrived.
    heard: Arc<AtomicBool>,
    peer: SocketAddr,
}

impl hyper::service::Service<Request<Incoming>> for Requests {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.heard.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.slot.clone());
        self.router.clone().call(request)
    }
}

/// The deadlines that the HTTP library does not keep.
#[derive(Debug)]
struct Deadlines {
    timer: Pin<Box<Sleep>>,
    stall: Duration,
    heard: Arc<AtomicBool>,
    writing: Arc<Writing>,
}

impl Deadlines {
    fn new(options: &Options, heard: Arc<AtomicBool>, writing: Arc<Writing>) -> Self {
        let head = Duration::from_secs(options.head_s.into());
        Self { timer: Box::pin(sleep(head)), stall: Duration::from_secs(options.write_s.into()), heard, writing }
    }

    /// Ready when one has passed. Beyond the first head only stalls are looked for, so seldom that an idle connection costs nothing.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if !self.heard.load(Ordering::Relaxed) {
                return Poll::Ready(Late::Head);
            }
            if self.writing.blocked_for(Instant::now()) >= self.stall {
                return Poll::Ready(Late::Stalled);
            }
            let next = tokio::time::Instant::now() + (self.stall / 2).max(SHORTEST_LOOK);
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }
}
