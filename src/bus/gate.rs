//! A coalescing wake-up: however often it rings, its one waiter is woken once.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::sync::{AtomicBool, AtomicU64, AtomicWaker, Ordering};

/// Rung by publishers, waited on by one worker. At most one wake is outstanding: a second ring before the worker has looked costs an
/// atomic exchange, and what a [beat](Gate::beat) notes, so that a publisher's push never grows with the number of viewers behind a gate.
#[derive(Debug, Default)]
pub struct Gate {
    rung: AtomicBool,
    /// When it began to ring, in nanoseconds since [`origin`]: tells its waiter how late it is.
    since: AtomicU64,
    /// When the newest [`Gate::beat`] was, likewise; 0 before the first.
    beat: AtomicU64,
    /// When the one after it is due, likewise.
    next: AtomicU64,
    /// The beat that the waiter heard of last.
    heard: AtomicU64,
    /// See [`Gate::doze`].
    dozes: AtomicBool,
    waiter: AtomicWaker,
}

/// What a gate has rung for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring {
    /// When the first of the rings was.
    pub since: Instant,
    /// The newest beat among them.
    pub beat: Option<Beat>,
}

/// An entry of the leading track, by whose pace its waiter can time what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    /// When it came.
    pub at: Instant,
    /// When the next one is due.
    pub next: Instant,
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
            self.since.store(now(), Ordering::Relaxed);
        }
        // Who stops dozing looks afterwards, at the flag that is exchanged here: one of the two sees the other.
        if !self.rung.swap(true, Ordering::AcqRel) && !self.dozes.load(Ordering::Relaxed) {
            self.waiter.wake();
        }
    }

    /// The same for an entry of the leading track, of which another is due after `gap`.
    pub fn beat(&self, gap: Duration) {
        let now = now();
        if !self.rung.load(Ordering::Relaxed) {
            self.since.store(now, Ordering::Relaxed);
        }
        // Who finds this beat finds its successor, or a later one's.
        self.next.store(now.saturating_add(nanos(gap)), Ordering::Relaxed);
        self.beat.store(now, Ordering::Release);
        // A ring before it may have woken nobody.
        if !self.rung.swap(true, Ordering::AcqRel) || self.dozes.load(Ordering::Relaxed) {
            self.waiter.wake();
        }
    }

    /// Whether only beats wake the waiter, who has to look when it stops dozing: that something waits it knows already.
    pub fn doze(&self, dozes: bool) {
        self.dozes.store(dozes, Ordering::Relaxed);
    }

    /// Ready once if the gate has rung since it was last found ready. Only the most recent poller is woken.
    pub fn poll_rung(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.take() {
            self.waiter.register(cx.waker());
            // A ring between the look and the registration must not be lost.
            if !self.take() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// The same, telling of the rings.
    pub fn poll_ring(&self, cx: &mut Context<'_>) -> Poll<Ring> {
        self.poll_rung(cx).map(|()| {
            let since = moment(self.since.load(Ordering::Relaxed));
            let at = self.beat.load(Ordering::Acquire);
            let is_new = at != self.heard.load(Ordering::Relaxed);
            self.heard.store(at, Ordering::Relaxed);
            Ring { since, beat: is_new.then(|| Beat { at: moment(at), next: moment(self.next.load(Ordering::Relaxed)) }) }
        })
    }

    /// Waits for the next ring. Cancel safe.
    pub async fn rung(&self) {
        poll_fn(|cx| self.poll_rung(cx)).await;
    }

    fn take(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

/// Nanoseconds since [`origin`]; never 0, which says that there is no such moment.
fn now() -> u64 {
    nanos(origin().elapsed()).max(1)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn moment(nanos: u64) -> Instant {
    origin() + Duration::from_nanos(nanos)
}

/// The moment that rings are measured from.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}
