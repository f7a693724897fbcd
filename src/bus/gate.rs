//! A coalescing wake-up: however often it rings, its one waiter is woken once.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::sync::{AtomicBool, AtomicU64, AtomicWaker, Ordering};

/// Rung by publishers, waited on by one worker. At most one wake is outstanding: a second ring before the worker has looked costs one
/// atomic exchange, so that a publisher's push never grows with the number of viewers behind a gate.
#[derive(Debug, Default)]
pub struct Gate {
    rung: AtomicBool,
    /// When it began to ring, in nanoseconds since [`origin`]: tells its waiter how late it is.
    since: AtomicU64,
    waiter: AtomicWaker,
}

impl Gate {
    /// A gate that has not rung.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, unless it was already woken and has not looked yet.
    pub fn ring(&self) {
        if !self.rung.load(Ordering::Relaxed) {
            // Stored before the exchange that publishes it.
            self.since.store(origin().elapsed().as_nanos() as u64, Ordering::Relaxed);
        }
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.waiter.wake();
        }
    }

    /// Ready once if the gate has rung since it was last found ready. Only the most recent poller is woken.
    pub fn poll_rung(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_rung_since(cx).map(|_| ())
    }

    /// The same, telling when the first of those rings was.
    pub fn poll_rung_since(&self, cx: &mut Context<'_>) -> Poll<Instant> {
        if !self.take() {
            self.waiter.register(cx.waker());
            // A ring between the look and the registration must not be lost.
            if !self.take() {
                return Poll::Pending;
            }
        }
        Poll::Ready(origin() + Duration::from_nanos(self.since.load(Ordering::Relaxed)))
    }

    /// Waits for the next ring. Cancel safe.
    pub async fn rung(&self) {
        poll_fn(|cx| self.poll_rung(cx)).await;
    }

    fn take(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

/// The moment that rings are measured from.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}
