//! What those hear for whom there is no place: that the gateway is well, which does not end where its places do, and else that it is full.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::problem::Problem;
use crate::net::workers::TurnedAway;
use crate::net::{Refused, Throttle};

/// Most who are listened to at a time: each holds an open file, of which few are left. Beyond them connections are closed unheard.
const MOST: usize = 16;
/// How long one of them may take to ask, and as long again to take the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most bytes of a request's head.
const MAX_HEAD: usize = 8 << 10;
/// When it is worth asking again, in seconds.
const RETRY_AFTER: u32 = 5;
/// What ends a head (RFC 9112 §2.1).
const END: &[u8] = b"\r\n\r\n";

/// Where connections go that are turned away.
#[derive(Debug)]
pub struct Lobby {
    limit: &'static str,
    places: Arc<Semaphore>,
    full: Mutex<Throttle>,
}

impl Lobby {
    /// In front of a listener whose connections are all taken when `limit` is reached, as the log calls it.
    pub fn new(limit: &'static str) -> Self {
        Self { limit, places: Arc::new(Semaphore::new(MOST)), full: Mutex::default() }
    }

    /// Answers a connection in a task of its own and closes it. One that wants `tls` is only closed: its handshake is dearer than a request.
    pub fn answer(&self, turned: TurnedAway, tls: bool) {
        let TurnedAway { io, peer, why } = turned;
        metrics::counter!("sluicegate_http_refused_total", "reason" => why.label()).increment(1);
        tracing::debug!(%peer, %why, "connection refused");
        // An operator must hear that somebody is lost to the limit on all; one address with too many is its own affair.
        if matches!(why, Refused::Full(_))
            && let Some(times) = self.full.lock().tell(Instant::now())
        {
            tracing::warn!(%why, times, "connections are turned away: {} is reached", self.limit);
        }
        if tls {
            return;
        }
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            tokio::spawn(async move {
                // Whoever does not ask, or does not listen, is let go.
                let _ = attend(io, why).await;
                drop(place);
            });
        }
    }
}

async fn attend(mut io: TcpStream, why: Refused) -> io::Result<()> {
    let mut head = Vec::new();
    let asked = async {
        while !head.windows(END.len()).any(|bytes| bytes == END) {
            if head.len() >= MAX_HEAD || io.read_buf(&mut head).await? == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        io::Result::Ok(())
    };
    timeout(PATIENCE, asked).await??;
    let told = async {
        io.write_all(reply(&head, why).as_bytes()).await?;
        io.shutdown().await?;
        // A socket that is closed with something unread is reset, and the answer may be lost with it.
        tokio::io::copy(&mut (&mut io).take(MAX_HEAD as u64), &mut tokio::io::sink()).await.map(|_| ())
    };
    timeout(PATIENCE, told).await?
}

/// The whole answer to a request with that head.
fn reply(head: &[u8], why: Refused) -> String {
    let mut words = head.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, kind, body) = if target == b"/healthz" {
        (StatusCode::OK, "text/plain; charset=utf-8", "ok\n".to_owned())
    } else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        (status, "application/problem+json", Problem::new(status, format!("{why}: try again later")).body())
    };
    let length = body.len();
    let body = if method == b"HEAD" { "" } else { &body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\nRetry-After: {RETRY_AFTER}\r\n\
         Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_told_without_a_place_and_all_else_is_full() {
        let told = |head: &str| reply(head.as_bytes(), Refused::Full(8));
        let well = told("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(well.starts_with("HTTP/1.1 200 OK\r\n") && well.ends_with("\r\n\r\nok\n"), "{well}");
        let full = told("GET /live/a.flv HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(full.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{full}");
        assert!(full.contains("Retry-After: 5\r\n") && full.contains("all 8 connections are taken: try again later"), "{full}");
        let head = told("HEAD /live/a.flv HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 503 ") && head.ends_with("\r\n\r\n"), "{head}");
    }
}
