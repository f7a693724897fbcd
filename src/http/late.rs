//! The deadlines that neither HTTP library keeps.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::socket::Writing;

/// Stalls are looked for no more often than this.
const SHORTEST_LOOK: Duration = Duration::from_millis(500);

/// Which of our deadlines a client let pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Late {
    /// TLS or the first bytes.
    #[error("the TLS handshake was not finished in time")]
    Tls,
    /// The whole head of the first request.
    #[error("the first request's head did not arrive in time")]
    Head,
    /// The next request, on a connection of HTTP/2 that has none open.
    #[error("no request for too long")]
    Idle,
    /// An answer was not taken.
    #[error("the answer was not taken")]
    Stalled,
    /// A ping of HTTP/2 was not answered.
    #[error("no answer to a ping")]
    Unanswered,
}

impl Late {
    /// In one word, for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tls => "late_tls",
            Self::Head => "late_head",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Unanswered => "unanswered",
        }
    }

    /// Counts a connection that is closed for it, and tells whoever debugs.
    pub(super) fn tell(self) {
        metrics::counter!("sluicegate_http_closed_total", "reason" => self.label()).increment(1);
        tracing::debug!(reason = %self, "HTTP connection closed");
    }
}

/// How often to look whether a deadline of that length has passed: so seldom that an idle connection costs nothing.
pub fn look(deadline: Duration) -> Duration {
    (deadline / 2).max(SHORTEST_LOOK)
}

/// The deadlines of a connection of HTTP/1.1.
#[derive(Debug)]
pub struct Deadlines {
    /// Rings first when the first head must be there.
    timer: Pin<Box<Sleep>>,
    stall: Duration,
    heard: Arc<AtomicBool>,
    writing: Arc<Writing>,
}

impl Deadlines {
    /// `timer` rings when the first head must be there, of which `heard` tells; `stall` is how long an answer may wait to be taken.
    pub fn new(timer: Pin<Box<Sleep>>, stall: Duration, heard: Arc<AtomicBool>, writing: Arc<Writing>) -> Self {
        Self { timer, stall, heard, writing }
    }

    /// Ready when one has passed. Beyond the first head only stalls are looked for.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if !self.heard.load(Ordering::Relaxed) {
                return Poll::Ready(Late::Head);
            }
            if self.writing.blocked_for(Instant::now()) >= self.stall {
                return Poll::Ready(Late::Stalled);
            }
            self.timer.as_mut().reset(tokio::time::Instant::now() + look(self.stall));
        }
        Poll::Pending
    }
}
