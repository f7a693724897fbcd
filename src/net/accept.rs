//! Taking connections from a listener, whatever the machine runs out of.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use super::listen::SocketOptions;

/// The number of a connection in log lines and in the API, unique within the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// Takes connections from one listener.
#[derive(Debug)]
pub struct Acceptor<'a> {
    listener: &'a TcpListener,
    options: SocketOptions,
    trouble: Trouble,
}

/// Between two tries when the process has no descriptor left: long enough for some to come back, too short for anyone to notice.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Between two lines of the log while the machine refuses: it may do so for hours, and the log lives on the same machine.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

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
        Self { listener, options, trouble: Trouble::default() }
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
                Err(error) if matches!(error.kind(), std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    if let Some(times) = self.trouble.tell(Instant::now()) {
                        tracing::error!(%error, times, "cannot accept connections");
                    }
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }
}

/// Counts what would be told too often.
#[derive(Debug, Default)]
struct Trouble {
    told: Option<Instant>,
    times: u64,
}

impl Trouble {
    /// Counts one more. How many there were since the last line, if it is time for another.
    fn tell(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_INTERVAL) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

/// An IPv4 peer of a listener for both families by its own address: nobody looks for `[::ffff:192.0.2.1]` in a log.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_at_once_and_then_once_a_second() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let told: Vec<_> = (0..25).filter_map(|n| trouble.tell(start + EXHAUSTED_PAUSE * n)).collect();
        assert_eq!(told, [1, 10, 10]);
    }
}
