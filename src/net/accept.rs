//! Taking connections from a listener, whatever the machine runs out of.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fmt, io};

use tokio::net::{TcpListener, TcpStream};

use super::listen::SocketOptions;
use super::throttle::Throttle;

/// The number of a connection in log lines and in the API, unique within the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// Takes connections from one listener.
#[derive(Debug)]
pub struct Acceptor<'a> {
    listener: &'a TcpListener,
    options: SocketOptions,
    errors: Throttle,
}

/// Between two tries when the process has no descriptor left: long enough for some to come back, too short for anyone to notice.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// ENFILE and EMFILE: the system or this process has no file left to open (POSIX names them; on Linux and the BSDs these are their numbers).
const OUT_OF_FILES: [i32; 2] = [23, 24];

impl ConnectionId {
    /// The next one.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<'a> Acceptor<'a> {
    /// Of `listener`, setting up what it accepts.
    pub fn new(listener: &'a TcpListener, options: SocketOptions) -> Self {
        Self { listener, options, errors: Throttle::default() }
    }

    /// The next connection. Errors of a single connection are passed over; those of the machine are waited out, and told at most once a
    /// second. Cancel safe.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((socket, address)) => {
                    self.options.tune(&socket);
                    return (socket, plain(address));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    if let Some(times) = self.errors.tell(Instant::now()) {
                        tracing::error!(%error, times, hint = hint(&error), "cannot accept connections");
                    }
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }
}

/// What to do about an error of the machine's.
fn hint(error: &io::Error) -> Option<&'static str> {
    let spent = error.raw_os_error().is_some_and(|number| OUT_OF_FILES.contains(&number));
    spent.then_some("all open files that the system allows are in use: raise the limit by ulimit -n or LimitNOFILE")
}

/// An IPv4 peer of a listener for both families by its own address: nobody looks for `[::ffff:192.0.2.1]` in a log.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
