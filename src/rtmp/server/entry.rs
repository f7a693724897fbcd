//! The first moments of a connection: what it speaks, and whether it came to the right port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::farewell;
use crate::net::{Hello, Tls, Transport, tls};

/// Which listener a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// `rtmp.listen`
    Plain,
    /// `rtmp.tls_listen`
    Encrypted,
}

/// What is behind the doors.
#[derive(Debug)]
pub(super) struct Entry {
    pub tls: Option<Arc<Tls>>,
    /// Where HTTP is served.
    pub http: Option<SocketAddr>,
    /// Whether the plain port takes whatever comes.
    pub sniff: bool,
}

/// Why a connection got no further than the door.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnedAway {
    #[error("the peer speaks TLS, but no certificate is configured: set tls.certificate and tls.key, or let it use rtmp://")]
    NoCertificate,
    #[error("the peer speaks {0} to the RTMPS port: let it use rtmps:// there, or rtmp:// with the port of rtmp.listen")]
    NotTls(Hello),
    #[error("the peer speaks HTTP to an RTMP port, and was told where HTTP is served")]
    Http,
    #[error("TLS handshake failed: {0}")]
    Handshake(String),
    #[error("TLS handshake not finished in time")]
    Late,
    #[error("closed by the peer before the handshake was begun")]
    Cut,
}

impl TurnedAway {
    /// In one word, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::NotTls(_) => "not_tls",
            Self::Http => "http",
            Self::Handshake(_) => "bad_tls",
            Self::Late => "late_tls",
            Self::Cut => "cut_handshake",
        }
    }
}

impl Entry {
    /// Finds out what a connection speaks and, where that is TLS, shakes hands; all of it before `deadline`.
    ///
    /// At the plain port, who says nothing or hangs up comes through as it is: the session knows how to tell that.
    pub async fn admit(&self, mut socket: TcpStream, door: Door, deadline: Instant) -> Result<Transport, TurnedAway> {
        if door == Door::Plain && !self.sniff {
            return Ok(socket.into());
        }
        let heard = timeout_at(deadline.into(), Hello::peek(&socket)).await;
        let hello = match (heard, door) {
            (Ok(Ok(Some(hello))), _) => hello,
            (_, Door::Plain) => return Ok(socket.into()),
            (Ok(_), Door::Encrypted) => return Err(TurnedAway::Cut),
            (Err(_), Door::Encrypted) => return Err(TurnedAway::Late),
        };
        match (hello, door, &self.tls) {
            (Hello::Tls, _, Some(tls)) => match timeout_at(deadline.into(), tls.accept(socket, tls::Purpose::Rtmp)).await {
                Ok(Ok(stream)) => Ok(Transport::Encrypted(Box::new(stream))),
                Ok(Err(error)) => Err(TurnedAway::Handshake(tls::explain(&error))),
                Err(_) => Err(TurnedAway::Late),
            },
            (Hello::Tls, _, None) => Err(TurnedAway::NoCertificate),
            (Hello::Http, ..) => {
                let answer = self.answer_http(&socket);
                if matches!(timeout_at(deadline.into(), socket.write_all(answer.as_bytes())).await, Ok(Ok(()))) {
                    farewell::say(socket.into(), BytesMut::new()).await;
                }
                Err(TurnedAway::Http)
            }
            (Hello::Rtmp | Hello::Unknown(_), Door::Encrypted, _) => Err(TurnedAway::NotTls(hello)),
            (Hello::Rtmp | Hello::Unknown(_), Door::Plain, _) => Ok(socket.into()),
        }
    }

    /// The address of the HTTP listener, as a peer at the other end of `socket` may know it.
    fn answer_http(&self, socket: &TcpStream) -> String {
        let place = self.http.map_or_else(String::new, |http| {
            let here = socket.local_addr().map_or(http.ip(), |local| local.ip().to_canonical());
            let ip = if http.ip().is_unspecified() { here } else { http.ip() };
            format!(
                " Pages, players and the API find HTTP on port {} of this machine: http://{}/",
                http.port(),
                SocketAddr::new(ip, http.port())
            )
        });
        let text = format!("This port speaks RTMP, for encoders and RTMP players.{place}\n");
        let length = text.len();
        format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{text}"
        )
    }
}
