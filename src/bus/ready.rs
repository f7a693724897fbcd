//! A list of those who have news: each is listed once however often it rings, and their one waiter is woken for all of them.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::gate::Gate;
use super::sync::{AtomicBool, Mutex, Ordering};

/// The keys of those who have rung since they were last taken.
#[derive(Debug, Default)]
pub struct Ready {
    keys: Mutex<Vec<usize>>,
    /// Rings when the list is no longer empty.
    gate: Gate,
}

/// Lists its key when it is woken.
#[derive(Debug)]
pub struct Bell {
    ready: Arc<Ready>,
    key: usize,
    listed: AtomicBool,
}

impl Ready {
    /// A bell that lists `key` here. As a waker it may be handed to whatever is to be heard of.
    pub fn bell(self: &Arc<Self>, key: usize) -> Arc<Bell> {
        Arc::new(Bell { ready: Arc::clone(self), key, listed: AtomicBool::new(false) })
    }

    /// Ready once if anybody was listed since it was last found ready.
    pub fn poll_rung(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.gate.poll_rung(cx)
    }

    /// Takes the listed keys out, behind what is in `out`. Each has to be [rearmed](Bell::rearm) before what rang is looked at: what comes
    /// after the look lists it again then.
    pub fn take(&self, out: &mut Vec<usize>) {
        out.append(&mut self.keys.lock());
    }
}

impl Bell {
    /// Lets it be listed again.
    pub fn rearm(&self) {
        self.listed.store(false, Ordering::Release);
    }

    /// It as a waker.
    pub fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.ready.keys.lock().push(self.key);
            self.ready.gate.ring();
        }
    }
}
