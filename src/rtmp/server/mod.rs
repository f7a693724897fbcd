//! The RTMP listener: one task for each connection, driving the sans-IO [session](super::session) over a socket.

mod connection;
mod options;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::bus::Registry;
use crate::net::{self, ConnectionId, Limits, Permits};
use connection::Connection;
pub use options::Options;

/// Serves publishers until `shutdown`, then tells all of them and returns when they are gone (within some seconds).
///
/// Every connection has a span with its id and address; its opening and closing are told at `info`.
pub async fn serve(listener: TcpListener, registry: Arc<Registry>, options: Arc<Options>, shutdown: CancellationToken) {
    let all = Permits::new(Limits { max_connections: options.max_connections, max_per_address: 0 });
    let pending = Permits::new(Limits { max_connections: options.max_connections, max_per_address: options.max_pending_per_address });
    let mut connections = JoinSet::new();
    let mut acceptor = net::Acceptor::new(&listener);
    loop {
        let (socket, address) = tokio::select! {
            accepted = acceptor.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = shutdown.cancelled() => break,
        };
        let permits = all.take(address.ip()).and_then(|all| Ok((all, pending.take(address.ip())?)));
        let (permit, pending) = match permits {
            Ok(permits) => permits,
            Err(refused) => {
                metrics::counter!("sluicegate_rtmp_refused_total", "reason" => refused.label()).increment(1);
                tracing::warn!(%address, %refused, "RTMP connection not taken");
                continue;
            }
        };
        net::tune(&socket);
        let id = ConnectionId::next();
        let connection = Connection::new(socket, address, id, Arc::clone(&registry), Arc::clone(&options), pending);
        let span = tracing::info_span!("rtmp", %id, %address);
        let shutdown = shutdown.clone();
        let run = async move {
            let _permit = permit;
            connection.run(shutdown).await;
        };
        connections.spawn(run.instrument(span));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
