//! Drives connections of HTTP/2 (RFC 9113): which limits hold on them, and how they end. What is answered is in [`exchange`](super::exchange).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::{Ping, PingPong, Reason, server};
use serde::{Deserialize, Serialize};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::driver;
use super::exchange::{Exchanges, PIECE};
use super::late::{Late, look};
use super::socket::{Socket, Writing};

/// Most requests that a client may take back before they were looked at; more at a time is the flood called rapid reset (CVE-2023-44487).
const MAX_RESET_UNSEEN: usize = 20;
/// Most streams that we are made to reset, over a connection's life, by frames that break the protocol. Players send none.
const MAX_MALFORMED: usize = 100;
/// How long a client may take to close a connection that has no request open once we have said goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

/// `[http2]`: how connections of HTTP/2 are driven, beyond what holds for all connections.
///
/// There is no window to set for media: by how much they may run ahead the client says. Ours would be for what clients send, and nothing
/// here takes any of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether the listener without TLS takes HTTP/2, too, from clients that begin with it (prior knowledge, RFC 9113 §3.3).
    pub cleartext: bool,
    /// Most requests that one connection may have open.
    pub max_streams: u32,
    /// Seconds between pings while a request is open.
    pub ping_s: u32,
    /// Seconds that a client may take to answer a ping.
    pub pong_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { cleartext: true, max_streams: 100, ping_s: 20, pong_s: 20 }
    }
}

/// One connection.
struct Connection {
    h2: server::Connection<Socket, Bytes>,
    exchanges: Exchanges,
    writing: Arc<Writing>,
    patience: Patience,
    /// Rings first when the first request must be there.
    timer: Pin<Box<Sleep>>,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whether a request has arrived.
    heard: bool,
    /// When a request was last seen.
    active: Instant,
    ping: Option<PingPong>,
    last_ping: Instant,
    /// When the ping was sent that is not answered yet.
    pinged: Option<Instant>,
    /// Since when it takes no more requests.
    leaving: Option<Instant>,
}

/// How long what may take.
#[derive(Clone, Copy)]
struct Patience {
    stall: Duration,
    keep_alive: Duration,
    ping: Duration,
    pong: Duration,
    /// Between two looks at the others.
    look: Duration,
}

/// Why a connection ended before its time.
enum Broken {
    Late(Late),
    Protocol(h2::Error),
}

/// Serves a connection until it ends. `timer` rings when the first request must be there; once `closing` is ready, no further ones are
/// taken.
pub(super) async fn serve(
    socket: Socket,
    writing: Arc<Writing>,
    exchanges: Exchanges,
    (options, http2): (driver::Options, Options),
    mut timer: Pin<Box<Sleep>>,
    mut closing: Pin<Box<WaitForCancellationFutureOwned>>,
) {
    let shaken = tokio::select! {
        biased;
        shaken = builder(&options, &http2).handshake(socket) => shaken,
        () = closing.as_mut() => return,
        () = timer.as_mut() => return Late::Head.tell(),
    };
    let mut h2 = match shaken {
        Ok(h2) => h2,
        Err(error) => return tell(&error),
    };
    let now = Instant::now();
    let mut connection = Connection {
        ping: h2.ping_pong(),
        h2,
        exchanges,
        writing,
        patience: Patience::new(&options, &http2),
        timer,
        closing,
        heard: false,
        active: now,
        last_ping: now,
        pinged: None,
        leaving: None,
    };
    match poll_fn(|cx| connection.poll(cx)).await {
        Ok(()) => {}
        Err(Broken::Late(late)) => late.tell(),
        Err(Broken::Protocol(error)) => tell(&error),
    }
}

fn builder(options: &driver::Options, http2: &Options) -> server::Builder {
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(http2.max_streams)
        .max_header_list_size(options.max_head_kib.saturating_mul(1 << 10))
        .max_pending_accept_reset_streams(MAX_RESET_UNSEEN)
        .max_local_error_reset_streams(Some(MAX_MALFORMED))
        .max_send_buffer_size(PIECE);
    builder
}

impl Patience {
    fn new(options: &driver::Options, http2: &Options) -> Self {
        let seconds = |count: u32| Duration::from_secs(count.into());
        let (stall, keep_alive) = (seconds(options.write_s), seconds(options.keep_alive_s));
        let (ping, pong) = (seconds(http2.ping_s), seconds(http2.pong_s));
        Self { stall, keep_alive, ping, pong, look: look(stall.min(keep_alive).min(ping).min(pong)) }
    }
}

impl Connection {
    /// Ready when it has ended, or must be dropped.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let now = Instant::now();
        if self.leaving.is_none() && self.closing.as_mut().poll(cx).is_ready() {
            self.leave(now);
        }
        loop {
            match self.h2.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    if !self.heard {
                        self.timer.as_mut().reset((now + self.patience.look).into());
                    }
                    (self.heard, self.active) = (true, now);
                    self.exchanges.begin(request, respond);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Broken::Protocol(error))),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        if let Some(ping) = &mut self.ping
            && ping.poll_pong(cx).is_ready()
        {
            self.pinged = None;
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if let Err(late) = self.look(now) {
                return Poll::Ready(Err(Broken::Late(late)));
            }
            if self.has_gone(now) {
                return Poll::Ready(Ok(()));
            }
            // What was begun here is to be written.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Looks at the deadlines, and sets the timer to the next look.
    fn look(&mut self, now: Instant) -> Result<(), Late> {
        let patience = self.patience;
        self.timer.as_mut().reset((now + patience.look).into());
        let since = |then: Instant| now.saturating_duration_since(then);
        if !self.heard && self.leaving.is_none() {
            return Err(Late::Head);
        }
        if self.writing.blocked_for(now) >= patience.stall {
            return Err(Late::Stalled);
        }
        if self.pinged.is_some_and(|sent| since(sent) >= patience.pong) {
            return Err(Late::Unanswered);
        }
        if self.h2.has_streams() {
            self.active = now;
            if self.pinged.is_none()
                && since(self.last_ping) >= patience.ping
                && self.ping.as_mut().is_some_and(|ping| ping.send_ping(Ping::opaque()).is_ok())
            {
                (self.last_ping, self.pinged) = (now, Some(now));
            }
        } else if self.leaving.is_none() && since(self.active) >= patience.keep_alive {
            Late::Idle.tell();
            self.leave(now);
        }
        Ok(())
    }

    /// Says goodbye (GOAWAY): what is open is answered, and no more is taken.
    fn leave(&mut self, now: Instant) {
        self.leaving = Some(now);
        self.h2.graceful_shutdown();
        self.timer.as_mut().reset((now + FAREWELL.min(self.patience.look)).into());
    }

    /// Whether the client has had its time to say goodbye, too, and nothing is open any more.
    fn has_gone(&self, now: Instant) -> bool {
        self.leaving.is_some_and(|since| now.saturating_duration_since(since) >= FAREWELL) && !self.h2.has_streams()
    }
}

fn tell(error: &h2::Error) {
    metrics::counter!("sluicegate_http_closed_total", "reason" => label(error)).increment(1);
    tracing::debug!(%error, "HTTP/2 connection ended by an error");
}

/// Why the connection was given up, in one word for metrics.
fn label(error: &h2::Error) -> &'static str {
    match error.reason() {
        _ if error.is_io() || error.is_remote() => "broken",
        Some(Reason::ENHANCE_YOUR_CALM) => "flood",
        _ => "malformed",
    }
}
