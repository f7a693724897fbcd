//! Listening, and what every TCP socket of ours is set to.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Probes of a silent connection before it counts as gone.
const PROBES: u32 = 3;

/// `[sockets]`: how TCP connections are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocketOptions {
    /// Whether small writes go out at once instead of waiting to be joined (TCP_NODELAY).
    pub no_delay: bool,
    /// Seconds of silence after which the system asks a peer whether it is still there; 0 never does.
    pub keep_alive_s: u32,
    /// Connections that may wait to be accepted; the system has a bound of its own (net.core.somaxconn).
    pub backlog: u32,
}

/// Sizes of a socket's buffers in the system, in bytes; 0 leaves them to the system, which fits them to the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Buffers {
    /// For what comes in.
    pub receive: u32,
    /// For what goes out.
    pub send: u32,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { no_delay: true, keep_alive_s: 30, backlog: 1_024 }
    }
}

impl SocketOptions {
    /// Sets a connection up. A socket that cannot be works all the same.
    pub fn tune(&self, socket: &TcpStream) {
        let mut tuned = socket.set_nodelay(self.no_delay);
        if self.keep_alive_s > 0 {
            let time = Duration::from_secs(self.keep_alive_s.into());
            let interval = (time / PROBES).max(Duration::from_secs(1));
            let keep_alive = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(PROBES);
            tuned = tuned.and_then(|()| SockRef::from(socket).set_tcp_keepalive(&keep_alive));
        }
        if let Err(error) = tuned {
            tracing::debug!(%error, "socket not tuned");
        }
    }
}

/// Listens at `address`; port 0 takes a free one. The buffers are set here because a connection's window is agreed upon before it is
/// accepted.
///
/// # Errors
/// Why the system does not allow it.
pub fn listen(address: SocketAddr, options: SocketOptions, buffers: Buffers) -> io::Result<TcpListener> {
    match try_listen(address, options, buffers) {
        // Where the system has no IPv6, "every address" can only mean every IPv4 address.
        Err(error)
            if address.ip() == Ipv6Addr::UNSPECIFIED
                && !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) =>
        {
            try_listen((Ipv4Addr::UNSPECIFIED, address.port()).into(), options, buffers)
        }
        listener => listener,
    }
}

fn try_listen(address: SocketAddr, options: SocketOptions, buffers: Buffers) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    // A restart must not wait until the system has forgotten the connections of before.
    socket.set_reuseaddr(true)?;
    if buffers.receive > 0 {
        socket.set_recv_buffer_size(buffers.receive)?;
    }
    if buffers.send > 0 {
        socket.set_send_buffer_size(buffers.send)?;
    }
    socket.bind(address)?;
    socket.listen(options.backlog)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_have_what_was_asked_for() {
        let options = SocketOptions { no_delay: false, keep_alive_s: 9, backlog: 4 };
        let buffers = Buffers { receive: 20_000, send: 30_000 };
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), options, buffers).unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        options.tune(&socket);
        let set = SockRef::from(&socket);
        assert!(!socket.nodelay().unwrap());
        assert!(set.keepalive().unwrap());
        assert_eq!(set.tcp_keepalive_time().unwrap(), Duration::from_secs(9));
        assert_eq!(set.tcp_keepalive_interval().unwrap(), Duration::from_secs(3));
        // Linux doubles what is asked for, to have room for its own accounts.
        assert!((20_000..=40_000).contains(&set.recv_buffer_size().unwrap()));
        assert!((30_000..=60_000).contains(&set.send_buffer_size().unwrap()));
    }
}
