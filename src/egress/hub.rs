//! One worker's hub: writes to all viewers of the worker, in sweeps.
//!
//! A push into a channel wakes the hub once however many viewers watch. When what was pushed is due it walks the channel's viewers and writes
//! to each what is new, in one vectored write. There is no task, no timer and no queue per viewer.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::batch::Batch;
use super::guests::Guests;
use super::merge::MergeWindow;
use super::options::Policy;
use super::roster::Roster;
use super::tape::Tape;
use super::turn::{alone, listen, write};
use super::viewer::{Departure, Viewer};
use crate::bus::Gate;
use crate::net::workers::Seat;
use crate::telemetry::panics;

/// How often deadlines are looked at; they are all seconds long.
const TICK: Duration = Duration::from_millis(500);
/// Viewers served before other tasks of the worker run.
const STRIDE: usize = 128;
/// Room to read what viewers say; they hardly say anything.
const INPUT: usize = 4 << 10;

/// The way into a worker's hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// The hubs of all workers, by the workers' numbers.
#[derive(Debug, Default)]
pub struct Hubs(Mutex<BTreeMap<usize, Hub>>);

/// A connection that becomes a viewer.
#[derive(Debug)]
pub struct Newcomer {
    /// Its socket, registered with the hub's runtime.
    pub io: TcpStream,
    /// What is to be written to it.
    pub viewer: Viewer,
    /// What it sent behind its request.
    pub input: Bytes,
    /// Its place among the worker's connections.
    pub seat: Seat,
}

#[derive(Debug)]
struct Shared {
    policy: Arc<Policy>,
    /// Where the hub's sockets are registered.
    runtime: Handle,
    newcomers: Mutex<Vec<Newcomer>>,
    arrived: Gate,
    guests: Guests,
    viewers: AtomicU64,
    window_micros: AtomicU64,
}

struct Sweeper {
    shared: Arc<Shared>,
    roster: Roster,
    window: MergeWindow,
    /// Reused for every write that goes through at once.
    scratch: Batch,
    /// What many viewers get alike.
    tape: Tape,
    input: Box<[u8; INPUT]>,
    timer: Pin<Box<Sleep>>,
    next_tick: Instant,
    /// When the first of the rung channels is to be swept.
    due: Option<Instant>,
    /// Since when the hub waits for something to do.
    free: Instant,
    /// How long it has worked since the last sweep began.
    worked: Duration,
    /// Until when that is counted.
    counted: Instant,
    /// Whether guests were woken in this turn.
    woke_guests: bool,
}

/// What woke the hub.
#[derive(Default)]
struct Woken {
    newcomers: bool,
    sockets: bool,
    timer: bool,
}

impl Hub {
    /// Starts a hub on the current runtime, which should be the worker's own.
    pub fn start(policy: Arc<Policy>) -> Self {
        let shared = Arc::new(Shared {
            policy,
            runtime: Handle::current(),
            newcomers: Mutex::default(),
            arrived: Gate::new(),
            guests: Guests::default(),
            viewers: AtomicU64::new(0),
            window_micros: AtomicU64::new(0),
        });
        let hub = Self { shared };
        // A sweeper that panics takes its viewers' connections along: they come back, to another one.
        let sweeping = panics::outlive("hub", {
            let shared = Arc::clone(&hub.shared);
            move || Sweeper::new(Arc::clone(&shared)).run()
        });
        // The cooperative budget is meant for tasks with one socket, not for one with thousands.
        tokio::spawn(tokio::task::unconstrained(sweeping));
        hub
    }

    /// Hands a connection over. The number of newcomers is bounded by that of connections.
    pub fn admit(&self, newcomer: Newcomer) {
        self.shared.newcomers.lock().push(newcomer);
        self.shared.arrived.ring();
    }

    /// Hands a connection over that comes from another thread.
    ///
    /// # Errors
    /// When the socket cannot be registered with the hub's runtime.
    pub fn admit_from_afar(&self, io: std::net::TcpStream, viewer: Viewer, input: Bytes, seat: Seat) -> io::Result<()> {
        let io = {
            let _here = self.shared.runtime.enter();
            TcpStream::from_std(io)?
        };
        self.admit(Newcomer { io, viewer, input, seat });
        Ok(())
    }

    /// Runs a task beside the hub, on its worker: one that serves a viewer by itself.
    pub fn host<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.shared.runtime.spawn(task)
    }

    /// Those who write to their sockets themselves.
    pub(super) fn guests(&self) -> &Guests {
        &self.shared.guests
    }

    /// Viewers right now.
    pub fn viewers(&self) -> u64 {
        self.shared.viewers.load(Ordering::Relaxed) + self.shared.guests.len() as u64
    }

    /// How long the hub gathers media before it writes.
    pub fn merge_window(&self) -> Duration {
        Duration::from_micros(self.shared.window_micros.load(Ordering::Relaxed))
    }
}

/// Makes a socket fit for media: nothing waits for an acknowledgement, and little hides unsent in the system's buffer.
///
/// # Errors
/// When the system refuses.
pub fn prepare(io: &TcpStream, unsent_kib: u32) -> io::Result<()> {
    io.set_nodelay(true)?;
    // The socket then refuses more, though its buffer may grow with the connection's bandwidth-delay product.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(io).set_tcp_notsent_lowat(unsent_kib.saturating_mul(1 << 10))?;
    #[cfg(not(target_os = "linux"))]
    socket2::SockRef::from(io).set_send_buffer_size((unsent_kib as usize).saturating_mul(1 << 10))?;
    Ok(())
}

impl Hubs {
    /// Notes a worker's hub.
    pub fn put(&self, worker: usize, hub: Hub) {
        self.0.lock().insert(worker, hub);
    }

    /// A worker's hub, once the worker has started.
    pub fn of(&self, worker: usize) -> Option<Hub> {
        self.0.lock().get(&worker).cloned()
    }

    /// Those of the workers that have started, by the workers' numbers.
    pub fn all(&self) -> Vec<(usize, Hub)> {
        self.0.lock().iter().map(|(worker, hub)| (*worker, hub.clone())).collect()
    }
}

impl Sweeper {
    fn new(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            roster: Roster::default(),
            window: MergeWindow::new(shared.policy.options.merge_min(), shared.policy.options.merge_max(), now),
            scratch: Batch::new(),
            tape: Tape::default(),
            input: Box::new([0; INPUT]),
            timer: Box::pin(tokio::time::sleep_until((now + TICK).into())),
            next_tick: now + TICK,
            due: None,
            free: now,
            worked: Duration::ZERO,
            counted: now,
            woke_guests: false,
            shared,
        }
    }

    async fn run(mut self) {
        loop {
            let woken = poll_fn(|cx| self.poll_woken(cx)).await;
            let began = Instant::now();
            self.counted = began;
            if woken.newcomers {
                self.welcome().await;
            }
            if woken.sockets {
                self.serve_ready().await;
            }
            let now = Instant::now();
            if self.due.is_some_and(|due| due <= now) {
                self.sweep(began, now).await;
            }
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                self.tick(now).await;
            }
            self.tape.forget();
            self.shared.policy.counters.shared.add(self.tape.take_sent());
            self.shared.viewers.store(self.roster.len() as u64, Ordering::Relaxed);
            self.free = Instant::now();
            self.count(self.free);
            // The sockets' readiness is learnt between two turns of this task.
            tokio::task::yield_now().await;
            if std::mem::take(&mut self.woke_guests) {
                // They have written meanwhile: that is the hub's work, too, and nobody who holds it up.
                self.free = Instant::now();
                self.count(self.free);
            }
        }
    }

    /// What has passed of this turn was work.
    fn count(&mut self, now: Instant) {
        self.worked += now.saturating_duration_since(self.counted);
        self.counted = now;
    }

    fn poll_woken(&mut self, cx: &mut Context<'_>) -> Poll<Woken> {
        let mut woken = Woken {
            newcomers: self.shared.arrived.poll_rung(cx).is_ready(),
            sockets: self.roster.ready.poll_rung(cx).is_ready(),
            timer: false,
        };
        let dues = [self.roster.agenda.poll_due(cx, &self.window), self.shared.guests.poll_due(cx, &self.window)];
        self.due = dues.into_iter().flatten().min();
        let now = Instant::now();
        let alarm = self.due.map_or(self.next_tick, |due| due.min(self.next_tick));
        if alarm <= now {
            woken.timer = true;
        } else {
            let alarm = tokio::time::Instant::from_std(alarm);
            if self.timer.deadline() != alarm {
                self.timer.as_mut().reset(alarm);
            }
            woken.timer = self.timer.as_mut().poll(cx).is_ready();
        }
        let any = woken.newcomers || woken.sockets || woken.timer;
        if any { Poll::Ready(woken) } else { Poll::Pending }
    }

    async fn welcome(&mut self) {
        let newcomers = std::mem::take(&mut *self.shared.newcomers.lock());
        for (nth, Newcomer { io, viewer, input, seat }) in newcomers.into_iter().enumerate() {
            let slot = self.roster.admit(io, viewer, seat);
            let now = Instant::now();
            if let Some(client) = self.roster.get(slot)
                && let Err(why) = alone(|| Ok(client.viewer.input(&input, now)))
            {
                self.drop_client(slot, why, now);
            }
            self.serve(slot, now, true);
            breathe(nth).await;
        }
    }

    async fn serve_ready(&mut self) {
        let mut slots = Vec::new();
        self.roster.ready.take(&mut slots);
        let now = Instant::now();
        for (nth, slot) in slots.into_iter().enumerate() {
            if let Some(client) = self.roster.get(slot) {
                client.rearm();
                client.blocked = false;
            }
            self.serve(slot, now, true);
            breathe(nth).await;
        }
    }

    /// Writes what is due `now`, in a turn that `began` before.
    async fn sweep(&mut self, began: Instant, now: Instant) {
        // What was due while the hub worked could not have begun before it was done, nor before it had done what came first in this turn.
        let late = self.due.take().map_or(Duration::ZERO, |due| began.saturating_duration_since(due.max(self.free)));
        self.count(now);
        self.window.learn(now, late, std::mem::take(&mut self.worked));
        let (slots, gathered) = self.roster.take_due(now);
        self.tape.suit(gathered);
        self.shared.window_micros.store(self.window.width().as_micros() as u64, Ordering::Relaxed);
        self.shared.policy.counters.sweeps.add(1);
        self.woke_guests = self.shared.guests.wake(now);
        for (nth, slot) in slots.into_iter().enumerate() {
            if self.roster.get(slot).is_some_and(|client| !client.blocked) {
                self.serve(slot, now, false);
            }
            breathe(nth).await;
        }
    }

    async fn tick(&mut self, now: Instant) {
        self.shared.guests.remind();
        self.tape.rest();
        for slot in 0..self.roster.slots() {
            let Some(client) = self.roster.get(slot) else { continue };
            match alone(|| client.viewer.tick(now)) {
                Ok(true) if !client.blocked => self.serve(slot, now, false),
                Ok(_) => {}
                Err(why) => self.drop_client(slot, why, now),
            }
            breathe(slot).await;
        }
    }

    /// Writes to one viewer what is due, and reads what it says where its socket has news.
    fn serve(&mut self, slot: usize, now: Instant, read: bool) {
        let Some(client) = self.roster.get(slot) else { return };
        let outcome = alone(|| {
            if read {
                listen(client, &mut self.input[..], now)?;
            }
            write(client, &mut self.scratch, &mut self.tape, now)
        });
        self.scratch.clear();
        if let Err(why) = outcome {
            self.drop_client(slot, why, now);
        }
    }

    fn drop_client(&mut self, slot: usize, why: Departure, now: Instant) {
        let Some(mut client) = self.roster.remove(slot) else { return };
        if client.unsent.is_none()
            && let Some(word) = client.viewer.last_word(&why, now)
        {
            // A socket that takes nothing will not take this either; then the client learns from the reset.
            let _ = client.io.try_write(&word);
        }
        if why == Departure::Stuck {
            // A reset frees what the system holds for a client that does not read.
            let _ = socket2::SockRef::from(&client.io).set_linger(Some(Duration::ZERO));
        }
        client.viewer.log(&why, now);
        if why == Departure::Released && client.unsent.is_none() {
            client.viewer.release(Some(client.io));
        }
    }
}

/// Lets the worker's other tasks run after every so many viewers.
async fn breathe(nth: usize) {
    if nth % STRIDE == STRIDE - 1 {
        tokio::task::yield_now().await;
    }
}
