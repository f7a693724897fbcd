//! A window shared between one publisher and any number of readers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64 as Count;
use std::time::Duration;

use super::gate::Gate;
use super::sync::{AtomicU8, AtomicU64, Mutex, Ordering};
use super::window::{Bounds, Budget, Cursor, End, Entry, From, Lag, Near, Read, Seq, Why, Window};

/// A window behind a lock, with the gates of those who wait for it.
#[derive(Debug)]
pub struct Channel<T: Entry> {
    /// Tells it from all others that there are or were.
    id: u64,
    pub(super) state: Mutex<State<T>>,
    /// Counts changes of the window, so that readers know without its lock whether there is anything new.
    changes: AtomicU64,
}

/// The holders of a [`Shared`] that only one reader uses: itself, and the list of gates.
const ALONE: usize = 2;

#[derive(Debug)]
pub(super) struct State<T: Entry> {
    window: Window<T>,
    /// Replaced, never changed, so that a publisher can ring outside the lock.
    pub(super) gates: Arc<[Registered<T>]>,
    lease: Option<Arc<Lease>>,
}

#[derive(Debug)]
pub(super) struct Registered<T: Entry> {
    gate: Arc<Gate>,
    near: Arc<Mutex<Shared<T>>>,
    /// Subscribers that share the gate.
    users: usize,
}

/// What readers with one gate share. They are one worker's, so nobody waits for its lock.
#[derive(Debug)]
struct Shared<T: Entry> {
    near: Near<T>,
    /// [`Channel::changes`] when it was looked at.
    seen: u64,
}

/// A read of all that there was: who stands where it began finds the same, and stands where it ended, until the channel changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    channel: u64,
    from: Cursor,
    to: Cursor,
    /// [`Channel::changes`] then.
    seen: u64,
}

/// Why a publisher may not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Revoked {
    /// Another publisher holds the lease now.
    #[error("another publisher took over")]
    Superseded,
    /// An operator disconnected the publisher.
    #[error("disconnected by an operator")]
    Kicked,
    /// The channel has ended.
    #[error("the stream has ended")]
    Ended,
    /// The channel has [failed](End::Failed).
    #[error("the gateway has failed to carry it; publish it again")]
    Failed,
}

/// The one writer of a channel. Dropping it leaves the channel idle, not ended.
#[derive(Debug)]
pub struct Publisher<T: Entry> {
    channel: Arc<Channel<T>>,
    lease: Arc<Lease>,
}

/// A reader of a channel: a cursor, and the gate that is rung for it.
#[derive(Debug)]
pub struct Subscriber<T: Entry> {
    channel: Arc<Channel<T>>,
    cursor: Cursor,
    gate: Arc<Gate>,
    near: Arc<Mutex<Shared<T>>>,
    /// [`Channel::changes`] when nothing was left to read; 0 where that is not known.
    drained: u64,
}

impl<T: Entry> Channel<T> {
    /// An empty channel.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        static NEXT: Count = Count::new(0);
        let state = State { window: Window::new(bounds), gates: Arc::new([]), lease: None };
        Arc::new(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), state: Mutex::new(state), changes: AtomicU64::new(0) })
    }

    /// Makes the caller the one publisher; whoever was it before is told [`Revoked::Superseded`].
    pub fn lease(self: &Arc<Self>) -> Publisher<T> {
        let lease = Arc::new(Lease::default());
        if let Some(before) = self.state.lock().lease.replace(Arc::clone(&lease)) {
            before.revoke(Revoked::Superseded);
        }
        Publisher { channel: Arc::clone(self), lease }
    }

    /// Takes the lease from the publisher without giving it to another. False where there is none.
    pub fn revoke(&self, why: Revoked) -> bool {
        let lease = self.state.lock().lease.take();
        lease.inspect(|lease| lease.revoke(why)).is_some()
    }

    /// A reader whose `gate` is rung for every push. Workers share one gate among all their readers.
    ///
    /// The gate rings at once, so that what is already there is found without waiting for the next push.
    pub fn subscribe(self: &Arc<Self>, from: From, gate: &Arc<Gate>) -> Subscriber<T> {
        let subscriber = self.join(from, gate);
        gate.ring();
        subscriber
    }

    /// The same without that first ring, for those who read at once: a newcomer then does not send its whole worker looking.
    pub fn join(self: &Arc<Self>, from: From, gate: &Arc<Gate>) -> Subscriber<T> {
        let mut state = self.state.lock();
        let cursor = state.window.join(from);
        let mut gates = state.gates.to_vec();
        let near = match gates.iter_mut().find(|known| Arc::ptr_eq(&known.gate, gate)) {
            Some(known) => {
                known.users += 1;
                Arc::clone(&known.near)
            }
            None => {
                let near = Arc::new(Mutex::new(Shared { near: Near::default(), seen: 0 }));
                gates.push(Registered { gate: Arc::clone(gate), near: Arc::clone(&near), users: 1 });
                near
            }
        };
        state.gates = gates.into();
        drop(state);
        Subscriber { channel: Arc::clone(self), cursor, gate: Arc::clone(gate), near, drained: 0 }
    }

    /// Ends the channel for good: readers drain it, the publisher is told.
    pub fn end(&self, why: End) {
        let (gates, lease) = {
            let mut state = self.state.lock();
            state.window.end(why);
            self.changes.fetch_add(1, Ordering::Release);
            (Arc::clone(&state.gates), state.lease.take())
        };
        if let Some(lease) = lease {
            lease.revoke(if why == End::Failed { Revoked::Failed } else { Revoked::Ended });
        }
        ring(&gates);
    }

    /// How much its window keeps.
    pub fn bounds(&self) -> Bounds {
        self.inspect(Window::bounds)
    }

    /// Why the channel ended, once it has.
    pub fn ended(&self) -> Option<End> {
        self.state.lock().window.ended()
    }

    /// The head in force for the next entry.
    pub fn head(&self) -> Option<Arc<T::Head>> {
        self.state.lock().window.head().cloned()
    }

    /// The head, waited for; none when the channel ends without one. Cancel safe.
    pub async fn settled(self: &Arc<Self>) -> Option<Arc<T::Head>> {
        // Nearly always it is there, and to subscribe is to copy the list of gates, twice, under the lock that the publisher needs.
        if let Some(known) = self.settlement() {
            return known;
        }
        let gate = Arc::new(Gate::new());
        let _listener = self.subscribe(From::NextSync, &gate);
        loop {
            // Looked at again: it may have come before the gate was hung up.
            if let Some(known) = self.settlement() {
                return known;
            }
            gate.rung().await;
        }
    }

    /// Looks at the window under the lock; keep it short.
    pub fn inspect<R>(&self, look: impl FnOnce(&Window<T>) -> R) -> R {
        look(&self.state.lock().window)
    }

    /// The head or, inside, none where the channel has ended without one; nothing where it is still to come.
    fn settlement(&self) -> Option<Option<Arc<T::Head>>> {
        self.inspect(|window| window.head().cloned().map(Some).or_else(|| window.ended().map(|_| None)))
    }

    /// How many gates each push rings.
    #[cfg(all(test, feature = "server"))]
    pub(crate) fn gates(&self) -> usize {
        self.state.lock().gates.len()
    }

    fn leave(&self, gate: &Arc<Gate>) {
        let mut state = self.state.lock();
        let mut gates = state.gates.to_vec();
        if let Some(at) = gates.iter().position(|known| Arc::ptr_eq(&known.gate, gate)) {
            gates[at].users -= 1;
            if gates[at].users == 0 {
                gates.swap_remove(at);
            }
        }
        state.gates = gates.into();
    }

    fn write<R>(&self, lease: &Arc<Lease>, write: impl FnOnce(&mut Window<T>) -> R) -> Result<R, Revoked> {
        let (written, follow, gates) = {
            let mut state = self.state.lock();
            if let Some(why) = lease.revoked() {
                return Err(why);
            }
            let written = write(&mut state.window);
            self.changes.fetch_add(1, Ordering::Release);
            (written, state.window.follow(), Arc::clone(&state.gates))
        };
        match follow {
            Some(gap) => gates.iter().for_each(|registered| registered.gate.beat(Duration::from_nanos(gap.nanos().unsigned_abs()))),
            None => ring(&gates),
        }
        Ok(written)
    }
}

impl<T: Entry> Publisher<T> {
    /// Puts a head in force from the next entry on.
    ///
    /// # Errors
    /// When the lease was revoked.
    pub fn set_head(&mut self, head: Arc<T::Head>, why: Why) -> Result<(), Revoked> {
        self.channel.write(&self.lease, |window| window.set_head(head, why))
    }

    /// Appends an entry. Never waits for readers.
    ///
    /// # Errors
    /// When the lease was revoked.
    pub fn push(&mut self, entry: T) -> Result<Seq, Revoked> {
        self.channel.write(&self.lease, |window| window.push(entry))
    }

    /// Waits until the lease is revoked. Cancel safe; one waiter at a time.
    pub async fn revoked(&self) -> Revoked {
        loop {
            if let Some(why) = self.lease.revoked() {
                return why;
            }
            self.lease.gate.rung().await;
        }
    }
}

impl<T: Entry> Drop for Publisher<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        if state.lease.as_ref().is_some_and(|held| Arc::ptr_eq(held, &self.lease)) {
            state.lease = None;
        }
    }
}

impl<T: Entry> Subscriber<T> {
    /// Reads on: see [`Window::read`].
    pub fn read(&mut self, budget: Budget, out: &mut Vec<T>) -> Read<T> {
        self.channel.state.lock().window.read(&mut self.cursor, budget, out)
    }

    /// Reads on without a copy of the entries: see [`Window::visit`]. Readers with one gate ask the window once for all of them; for one
    /// that is behind it is locked meanwhile, so `each` must be quick.
    pub fn visit(&mut self, budget: Budget, mut each: impl FnMut(&T)) -> Read<T> {
        // Whoever asks until there is nothing more learns it here without any lock.
        if self.drained != 0 && self.drained == self.channel.changes.load(Ordering::Acquire) {
            return Read::Empty;
        }
        if Arc::strong_count(&self.near) > ALONE {
            let mut shared = self.near.lock();
            if shared.seen != self.channel.changes.load(Ordering::Acquire) {
                let state = self.channel.state.lock();
                shared.seen = self.channel.changes.load(Ordering::Acquire);
                shared.near.refresh(&state.window);
            }
            if let Some(found) = shared.near.visit(&mut self.cursor, budget, &mut each) {
                self.drained = if shared.near.is_drained(&self.cursor) { shared.seen } else { 0 };
                return found;
            }
        }
        self.channel.state.lock().window.visit(&mut self.cursor, budget, each)
    }

    /// Where this reader is.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The step from there to here, for others with the same gate to take; none where there may be more to read.
    pub fn step_from(&self, from: Cursor) -> Option<Step> {
        (self.drained != 0).then_some(Step { channel: self.channel.id, from, to: self.cursor, seen: self.drained })
    }

    /// Takes a step of another reader. False, and nothing happens, where this one does not stand where it began, or there is more by now.
    pub fn take_step(&mut self, step: &Step) -> bool {
        let takes =
            step.channel == self.channel.id && step.from == self.cursor && step.seen == self.channel.changes.load(Ordering::Acquire);
        if takes {
            (self.cursor, self.drained) = (step.to, step.seen);
        }
        takes
    }

    /// Waits until there is something to read. Only for a reader whose gate is its own. Cancel safe: what was read is in `out`.
    pub async fn next(&mut self, budget: Budget, out: &mut Vec<T>) -> Read<T> {
        loop {
            match self.read(budget, out) {
                Read::Empty => self.gate.rung().await,
                found => return found,
            }
        }
    }

    /// Skips to the newest sync entry: see [`Window::skip`].
    pub fn skip(&mut self) -> bool {
        self.drained = 0;
        self.channel.state.lock().window.skip(&mut self.cursor)
    }

    /// How far behind this reader is.
    pub fn lag(&self) -> Lag {
        self.channel.state.lock().window.lag(&self.cursor)
    }

    /// The gate that is rung for this reader.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl<T: Entry> Drop for Subscriber<T> {
    fn drop(&mut self) {
        self.channel.leave(&self.gate);
    }
}

/// A publisher's right to write, revocable from outside.
#[derive(Debug, Default)]
struct Lease {
    revoked: AtomicU8,
    gate: Gate,
}

impl Lease {
    fn revoke(&self, why: Revoked) {
        let code = match why {
            Revoked::Superseded => 1,
            Revoked::Kicked => 2,
            Revoked::Ended => 3,
            Revoked::Failed => 4,
        };
        self.revoked.store(code, Ordering::Release);
        self.gate.ring();
    }

    fn revoked(&self) -> Option<Revoked> {
        match self.revoked.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Revoked::Superseded),
            2 => Some(Revoked::Kicked),
            3 => Some(Revoked::Ended),
            _ => Some(Revoked::Failed),
        }
    }
}

impl<T: Entry> Clone for Registered<T> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), near: Arc::clone(&self.near), users: self.users }
    }
}

fn ring<T: Entry>(gates: &[Registered<T>]) {
    for registered in gates {
        registered.gate.ring();
    }
}
