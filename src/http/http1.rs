//! Drives connections of HTTP/1.1, and takes the socket back from a request whose answer is endless media.
//!
//! The handler of such a request parks: it leaves a [`Viewer`] in the connection's [`Slot`] and never answers. The driver sees it, makes
//! sure that nothing of an earlier answer is still to be written, takes the connection apart and gives the socket to the worker's
//! [`Hub`], or to a task of its own where it is encrypted. So a viewer keeps none of the HTTP machinery's buffers, and its media never
//! passes through it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::response::Response;
use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::driver::Options;
use super::late::{Deadlines, Late};
use super::site::{Answering, Site};
use super::socket::{Socket, Writing};
use crate::egress::{Hub, Newcomer, Viewer, solo};
use crate::net::workers::Seat;

/// Smallest head buffer that the HTTP library takes.
const MIN_HEAD: usize = 8 << 10;
/// Most header fields of a request.
const MAX_FIELDS: usize = 100;

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

/// The library as it is set for all connections.
pub(super) fn builder(options: &Options) -> http1::Builder {
    let mut http = http1::Builder::new();
    // The library's deadline covers the wait for the next head and the head itself.
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(options.keep_alive_s.into()))
        .max_buf_size((options.max_head_kib as usize).saturating_mul(1 << 10).max(MIN_HEAD))
        .max_headers(MAX_FIELDS);
    http
}

/// What one connection is made of.
pub(super) struct Connection {
    http: http1::Connection<TokioIo<Socket>, Requests>,
    slot: Slot,
    deadlines: Deadlines,
}

/// How a connection's life as HTTP ended.
enum Closed {
    /// By the rules of HTTP, or by an error.
    Done(hyper::Result<()>),
    /// By one of our deadlines.
    Late(Late),
    /// Its socket is wanted for a viewer.
    HandedOver(Box<Viewer>),
}

impl Connection {
    /// Of `socket`, to be answered by `site`. `timer` rings when the first head must be there; `stall` is how long an answer may wait
    /// to be taken.
    pub fn new(
        builder: &http1::Builder,
        (socket, writing): (Socket, Arc<Writing>),
        site: Site,
        peer: SocketAddr,
        timer: Pin<Box<Sleep>>,
        stall: Duration,
    ) -> Self {
        let slot = Slot { parked: Arc::default(), writing: Arc::clone(&writing) };
        let heard = Arc::new(AtomicBool::new(false));
        let requests = Requests { site, slot: slot.clone(), heard: Arc::clone(&heard), peer };
        let http = builder.serve_connection(TokioIo::new(socket), requests);
        Self { http, slot, deadlines: Deadlines::new(timer, stall, heard, writing) }
    }

    /// Serves it until it ends or is a viewer's, and says goodbye after the next answer once `closing` is ready.
    pub async fn serve(self, mut closing: Pin<Box<WaitForCancellationFutureOwned>>, hub: Hub, seat: Seat) {
        let Self { mut http, slot, mut deadlines } = self;
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
            Closed::Late(late) => late.tell(),
            Closed::HandedOver(viewer) => {
                let parts = http.into_parts();
                hand_over(parts.io.into_inner(), parts.read_buf, *viewer, hub, seat);
            }
        }
    }
}

/// Gives a viewer its socket, with what was sent behind its request.
fn hand_over(socket: Socket, input: Bytes, mut viewer: Viewer, hub: Hub, seat: Seat) {
    let (io, held) = socket.into_parts();
    let input = if held.is_empty() { input } else { Bytes::from([&input[..], &held[..]].concat()) };
    match io.into_plain() {
        Ok(io) => hub.admit(Newcomer { io, viewer, input, seat }),
        Err(encrypted) => {
            // In a task of its own, so that the room which HTTP took is free again.
            let served = async move {
                let _seat = seat;
                viewer.input(&input, Instant::now());
                // However little of it was used, it is the whole buffer that heads were read into.
                drop(input);
                drop(solo::serve(encrypted, viewer, Some(hub)).await);
            };
            // Outside the connection's span, as all viewers are: it would be entered and left at each wake-up.
            tokio::spawn(served);
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

/// The site with what one connection adds to its requests.
#[derive(Debug)]
struct Requests {
    site: Site,
    slot: Slot,
    /// Whether a whole head has arrived.
    heard: Arc<AtomicBool>,
    peer: SocketAddr,
}

impl hyper::service::Service<Request<Incoming>> for Requests {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.heard.store(true, Ordering::Relaxed);
        self.site.answer(request, self.peer, Some(&self.slot))
    }
}
