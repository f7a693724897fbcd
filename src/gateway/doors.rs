//! The listeners of HTTP, and who serves what comes in by them.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::http::lobby::Lobby;
use crate::net::{Acceptor, Buffers, SocketOptions, Tls, Workers, listen};
use crate::telemetry::panics;

/// Where viewers come in, or operators.
pub(super) struct HttpDoors {
    pub plain: TcpListener,
    pub encrypted: Option<(TcpListener, Arc<Tls>)>,
    pub sockets: SocketOptions,
    /// Hears those for whom there is no place.
    pub lobby: Lobby,
}

/// Doors that are open, until their workers are given back.
pub(super) type Open = JoinHandle<Workers>;

impl HttpDoors {
    /// Lets everybody in until `closing`, and then gives the workers back, to be joined.
    pub fn open(self, workers: Workers, closing: CancellationToken) -> Open {
        tokio::spawn(self.accept(workers, closing))
    }

    async fn accept(self, workers: Workers, closing: CancellationToken) -> Workers {
        let Self { plain, encrypted, sockets, lobby } = self;
        let at_plain = panics::outlive("door", || async {
            let mut acceptor = Acceptor::new(&plain, sockets);
            loop {
                lobby.answer(workers.accept(&mut acceptor, None).await, false);
            }
        });
        let at_encrypted = panics::outlive("door of TLS", || async {
            let Some((listener, tls)) = &encrypted else { return std::future::pending().await };
            let mut acceptor = Acceptor::new(listener, sockets);
            loop {
                lobby.answer(workers.accept(&mut acceptor, Some(tls)).await, true);
            }
        });
        tokio::select! {
            () = at_plain => {}
            () = at_encrypted => {}
            () = closing.cancelled() => {}
        }
        workers
    }
}

/// Waits until all who are left behind closed doors have gone, or their patience has.
pub(super) async fn empty(doors: Open) {
    if let Ok(workers) = doors.await {
        let _ = tokio::task::spawn_blocking(move || workers.join()).await;
    }
}

/// Binds an address that may be left out.
pub(super) fn bind_if(
    address: &str,
    sockets: SocketOptions,
    buffers: Buffers,
    key: &'static str,
) -> Result<Option<(TcpListener, SocketAddr)>> {
    if address.is_empty() {
        return Ok(None);
    }
    bind(address.parse().context(key)?, sockets, buffers, key).map(Some)
}

/// Binds an address, or says what to do.
pub(super) fn bind(address: SocketAddr, sockets: SocketOptions, buffers: Buffers, key: &str) -> Result<(TcpListener, SocketAddr)> {
    let listener = listen(address, sockets, buffers).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => "another program listens there already; stop it or choose another port",
            ErrorKind::AddrNotAvailable => "this machine has no such address",
            ErrorKind::PermissionDenied => "the system allows ports below 1024 only to programs with CAP_NET_BIND_SERVICE",
            _ => "the system does not allow it",
        };
        anyhow::Error::new(error).context(format!("{key} = \"{address}\" cannot be bound: {hint}"))
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
