//! Worker threads for viewers: each with a runtime of its own, so that a worker knows how late it is and no socket changes threads.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use super::accept::Acceptor;
use super::permits::{Limits, Permit, Permits, Refused};
use super::tls::Tls;

/// Accepted sockets that may wait for one worker; beyond them the acceptor waits, and the system's backlog holds the rest.
const QUEUE: usize = 1_024;

/// What is done with the sockets. One value serves all workers; `Local` lives on a worker's own thread.
pub trait Serve: Send + Sync + 'static {
    /// What one worker keeps.
    type Local;

    /// Called once on each worker's thread, inside its runtime.
    fn start(&self, worker: usize) -> Self::Local;

    /// Takes a socket, on the worker's thread and inside its runtime. Must not block: long work goes into a task. With `tls` the listener
    /// speaks TLS, and hands are still to be shaken.
    fn serve(&self, local: &Self::Local, io: TcpStream, peer: SocketAddr, seat: Seat, tls: Option<Arc<Tls>>);
}

/// A connection's place at a worker; dropping it gives the place and the permit back.
#[derive(Debug)]
pub struct Seat {
    load: Arc<Load>,
    _permit: Permit,
}

/// The workers' places, for connections that come by another door than [`Workers::accept`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Seats {
    loads: Arc<[Arc<Load>]>,
    permits: Arc<Permits>,
}

/// The worker threads. Dropping it lets them end without waiting for their connections.
#[derive(Debug)]
pub struct Workers {
    workers: Vec<Worker>,
    seats: Seats,
}

/// A connection for which there is no place.
#[derive(Debug)]
pub struct TurnedAway {
    /// Its socket.
    pub io: TcpStream,
    /// Its peer.
    pub peer: SocketAddr,
    /// Which limit is reached.
    pub why: Refused,
}

#[derive(Debug)]
struct Worker {
    sockets: mpsc::Sender<Accepted>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Accepted {
    io: std::net::TcpStream,
    peer: SocketAddr,
    seat: Seat,
    tls: Option<Arc<Tls>>,
}

#[derive(Debug, Default)]
struct Load {
    connections: AtomicUsize,
    left: Notify,
}

impl Workers {
    /// Starts `threads` workers, or one for each core where that is 0, on threads of that name. Connections that are left at the end get
    /// `patience`.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be made.
    pub fn start<S: Serve>(name: &str, threads: usize, service: &Arc<S>, permits: Arc<Permits>, patience: Duration) -> io::Result<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = if threads == 0 { cores() } else { threads };
        let loads: Arc<[_]> = (0..threads).map(|_| Arc::new(Load::default())).collect();
        let start = |(number, load)| Worker::start(name, number, Arc::clone(service), load, patience);
        let workers = loads.iter().enumerate().map(start).collect::<io::Result<_>>()?;
        Ok(Self { workers, seats: Seats { loads, permits } })
    }

    /// Accepts connections and gives each to the worker with the fewest, until one finds no place; with `tls` from a listener that speaks
    /// TLS. Cancel safe.
    pub async fn accept(&self, acceptor: &mut Acceptor<'_>, tls: Option<&Arc<Tls>>) -> TurnedAway {
        loop {
            let (io, peer) = acceptor.accept().await;
            match self.seats.take(peer.ip()) {
                Ok((number, seat)) => self.assign(number, seat, io, peer, tls.cloned()).await,
                Err(why) => return TurnedAway { io, peer, why },
            }
        }
    }

    /// The workers' places.
    pub fn seats(&self) -> &Seats {
        &self.seats
    }

    /// Connections right now, by worker.
    pub fn connections(&self) -> Vec<usize> {
        self.seats.loads.iter().map(|load| load.connections.load(Ordering::Relaxed)).collect()
    }

    /// Takes no more connections and waits, blocking, until all have ended or their patience has.
    pub fn join(self) {
        let threads: Vec<_> = self.workers.into_iter().map(|worker| worker.thread).collect();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }

    async fn assign(&self, number: usize, seat: Seat, io: TcpStream, peer: SocketAddr, tls: Option<Arc<Tls>>) {
        let Some(worker) = self.workers.get(number) else { return };
        // Taken out of this runtime, to be registered with the worker's.
        match io.into_std() {
            Ok(io) => {
                if worker.sockets.send(Accepted { io, peer, seat, tls }).await.is_err() {
                    tracing::error!(%peer, "a worker is gone; its connection is dropped");
                }
            }
            Err(error) => tracing::debug!(%error, %peer, "a socket could not be handed on"),
        }
    }
}

impl Worker {
    fn start<S: Serve>(name: &str, number: usize, service: Arc<S>, load: &Arc<Load>, patience: Duration) -> io::Result<Self> {
        let (sockets, mut accepted) = mpsc::channel::<Accepted>(QUEUE);
        let left = Arc::clone(load);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Made on the thread it runs on: what a worker keeps need not be fit for others.
        let work = move || {
            runtime.block_on(async move {
                let local = service.start(number);
                while let Some(Accepted { io, peer, seat, tls }) = accepted.recv().await {
                    match TcpStream::from_std(io) {
                        // What panics costs its own connection: with the worker would go all that it serves, and its places for ever.
                        Ok(io) => drop(catch_unwind(AssertUnwindSafe(|| service.serve(&local, io, peer, seat, tls)))),
                        Err(error) => tracing::debug!(%error, %peer, "a socket could not be registered"),
                    }
                }
                let _ = tokio::time::timeout(patience, left.emptied()).await;
            })
        };
        let thread = std::thread::Builder::new().name(format!("{name}-{number}")).spawn(work)?;
        Ok(Self { sockets, thread })
    }
}

impl Default for Seats {
    /// No places at all.
    fn default() -> Self {
        Self { loads: Arc::default(), permits: Permits::new(Limits { max_connections: 0, max_per_address: 0 }) }
    }
}

impl Seats {
    /// A place at the worker with the fewest connections, and that worker's number.
    ///
    /// # Errors
    /// Says which limit is reached.
    pub fn take(&self, address: IpAddr) -> Result<(usize, Seat), Refused> {
        let permit = self.permits.take(address)?;
        let fewest = self.loads.iter().enumerate().min_by_key(|(_, load)| load.connections.load(Ordering::Relaxed));
        let (number, load) = fewest.expect("without a worker there is no permit either");
        Ok((number, Seat::new(load, permit)))
    }
}

impl Seat {
    fn new(load: &Arc<Load>, permit: Permit) -> Self {
        load.connections.fetch_add(1, Ordering::Relaxed);
        Self { load: Arc::clone(load), _permit: permit }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.load.connections.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.load.left.notify_one();
        }
    }
}

impl Load {
    async fn emptied(&self) {
        while self.connections.load(Ordering::Acquire) > 0 {
            self.left.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::listen::SocketOptions;
    use super::*;

    /// Breaks at its first connection, and says a word to each later one.
    #[derive(Default)]
    struct Fragile(AtomicUsize);

    impl Serve for Fragile {
        type Local = ();

        fn start(&self, _: usize) {}

        fn serve(&self, (): &(), mut io: TcpStream, _: SocketAddr, seat: Seat, _: Option<Arc<Tls>>) {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "this panic is meant");
            tokio::spawn(async move {
                let _seat = seat;
                io.write_all(b"welcome").await
            });
        }
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_served_takes_nothing_along() {
        let workers = Workers::start("test", 1, &Arc::new(Fragile::default()), Permits::new(Limits::default()), Duration::ZERO).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let heard = async {
            let mut heard = Vec::new();
            for _ in 0..2 {
                let mut io = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                let mut words = String::new();
                // One that is dropped may be reset.
                let _ = io.read_to_string(&mut words).await;
                heard.push(words);
            }
            heard
        };
        let mut acceptor = Acceptor::new(&listener, SocketOptions::default());
        let heard = tokio::select! {
            heard = heard => heard,
            turned_away = workers.accept(&mut acceptor, None) => panic!("{turned_away:?}"),
        };
        assert_eq!(heard, ["", "welcome"]);
        tokio::time::timeout(Duration::from_secs(10), workers.seats.loads[0].emptied()).await.expect("both places are free again");
    }
}
