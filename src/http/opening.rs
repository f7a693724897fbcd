//! How a connection begins: TLS where the listener speaks it, and whether HTTP/1.1 or HTTP/2 follows.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::net::tls::{self, Purpose};
use crate::net::{Hello, Tls, Transport};

/// What every connection of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room for the first read of a connection without encryption: the head of most players' first request.
const FIRST_READ: usize = 1 << 10;
/// Most bytes that are read of a request which came to the wrong port.
const MAX_STRAY: usize = 64 << 10;
/// What a client hears that speaks HTTP where HTTPS is spoken.
const NOT_HERE: &str = "This port speaks HTTPS: write https:// instead of http://.\n";

/// Which HTTP a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// HTTP/1.1, or older.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection whose requests can be read.
#[derive(Debug)]
pub struct Opened {
    /// Its byte stream.
    pub io: Transport,
    /// What has been read of it already.
    pub held: Bytes,
    /// What it speaks.
    pub version: Version,
}

/// Why a connection does not get as far as a request.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// Hands could not be shaken.
    #[error("TLS handshake failed: {0}")]
    Handshake(String),
    /// Something else came to the port of HTTPS.
    #[error("the peer speaks {0} to the HTTPS port: let it use https:// there, or http:// with the port of http.listen")]
    NotTls(Hello),
    /// TLS came to the port that has none.
    #[error("the peer speaks TLS to the port of http.listen: HTTPS needs a port of its own (http.tls_listen)")]
    StrayTls,
    /// RTMP came to the port of HTTP.
    #[error("the peer speaks RTMP to the port of http.listen: encoders and players of RTMP connect to rtmp.listen")]
    StrayRtmp,
    /// It closed before it said anything.
    #[error("closed by the peer before it said anything")]
    Cut,
    /// The socket broke.
    #[error("connection broken: {0}")]
    Broken(#[from] io::Error),
}

impl Unopened {
    /// In one word, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "bad_tls",
            Self::NotTls(_) => "not_tls",
            Self::StrayTls => "stray_tls",
            Self::StrayRtmp => "stray_rtmp",
            Self::Cut => "cut",
            Self::Broken(_) => "broken",
        }
    }

    /// Whether the peer came to the wrong port, which only an operator can mend.
    pub fn is_stray(&self) -> bool {
        matches!(self, Self::NotTls(_) | Self::StrayTls | Self::StrayRtmp)
    }
}

/// Shakes hands where there is `tls`, and finds out what is spoken; without encryption HTTP/2 is recognised by its preface where `cleartext`
/// allows it. The caller keeps the time.
///
/// # Errors
/// Says why nothing can follow.
pub async fn open(io: TcpStream, tls: Option<Arc<Tls>>, cleartext: bool) -> Result<Opened, Unopened> {
    match tls {
        Some(tls) => encrypted(io, &tls).await,
        None => plain(io, cleartext).await,
    }
}

async fn encrypted(io: TcpStream, tls: &Tls) -> Result<Opened, Unopened> {
    match Hello::peek(&io).await? {
        Some(Hello::Tls) => {}
        Some(hello) => {
            if hello == Hello::Http {
                send_away(io).await?;
            }
            return Err(Unopened::NotTls(hello));
        }
        None => return Err(Unopened::Cut),
    }
    let stream = tls.accept(io, Purpose::Http).await.map_err(|error| Unopened::Handshake(tls::explain(&error)))?;
    let version = if tls::is_h2(&stream) { Version::Http2 } else { Version::Http1 };
    Ok(Opened { io: Transport::Encrypted(Box::new(stream)), held: Bytes::new(), version })
}

/// Reads what is there, which costs HTTP/1.1 nothing: its library would have to read it, too, and gets it from here.
async fn plain(mut io: TcpStream, cleartext: bool) -> Result<Opened, Unopened> {
    let mut held = BytesMut::with_capacity(FIRST_READ);
    let version = loop {
        if io.read_buf(&mut held).await? == 0 {
            return Err(Unopened::Cut);
        }
        let seen = &held[..held.len().min(PREFACE.len())];
        if !cleartext || !PREFACE.starts_with(seen) {
            break Version::Http1;
        }
        if seen == PREFACE {
            break Version::Http2;
        }
    };
    match Hello::of(held[0]) {
        Hello::Tls => Err(Unopened::StrayTls),
        Hello::Rtmp => Err(Unopened::StrayRtmp),
        Hello::Http | Hello::Unknown(_) => Ok(Opened { io: io.into(), held: held.freeze(), version }),
    }
}

/// Tells whoever speaks HTTP to the port of HTTPS what to do.
async fn send_away(mut io: TcpStream) -> io::Result<()> {
    let length = NOT_HERE.len();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{NOT_HERE}"
    );
    io.write_all(answer.as_bytes()).await?;
    io.shutdown().await?;
    // A socket that is closed with something unread is reset, and the answer may be lost with it.
    let mut stray = (&mut io).take(MAX_STRAY as u64);
    tokio::io::copy(&mut stray, &mut tokio::io::sink()).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What is made of a connection that sends these pieces one after the other, and hangs up.
    async fn opened(pieces: &[&[u8]], cleartext: bool) -> Result<Opened, Unopened> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (io, _) = listener.accept().await.unwrap();
        let opening = tokio::spawn(open(io, None, cleartext));
        for piece in pieces {
            peer.set_nodelay(true).unwrap();
            peer.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(peer);
        opening.await.unwrap()
    }

    #[tokio::test]
    async fn the_preface_is_recognised_however_it_arrives() {
        for pieces in [&[PREFACE, b"more"][..], &[&PREFACE[..3], &PREFACE[3..20], &PREFACE[20..]], &[&PREFACE[..1], &PREFACE[1..]]] {
            let opened = opened(pieces, true).await.unwrap();
            assert_eq!(opened.version, Version::Http2, "{pieces:?}");
            assert!(opened.held.starts_with(PREFACE));
        }
        assert_eq!(opened(&[PREFACE], false).await.unwrap().version, Version::Http1);
    }

    #[tokio::test]
    async fn everything_else_is_http_1_from_the_first_byte_that_differs() {
        for piece in [&b"GET / HTTP/1.1\r\n"[..], b"P", b"POST ", b"PRI * HTTP/1.1\r\n\r\n", b"\0"] {
            match opened(&[piece], true).await {
                Ok(opened) => assert_eq!((opened.version, &opened.held[..]), (Version::Http1, piece)),
                // Half a preface with nothing behind it is no request of either.
                Err(why) => assert!(piece == b"P" && why.label() == "cut", "{why}"),
            }
        }
    }

    #[tokio::test]
    async fn tls_without_a_certificate_an_encoder_and_silence_are_told_apart() {
        assert_eq!(opened(&[b"\x16\x03\x01\0"], true).await.unwrap_err().label(), "stray_tls");
        assert_eq!(opened(&[b"\x03\0\0\0\0"], true).await.unwrap_err().label(), "stray_rtmp");
        assert_eq!(opened(&[], true).await.unwrap_err().label(), "cut");
    }
}
