//! A connection's byte stream that tells its driver how writing goes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::Transport;

/// What is known of a connection's writing.
#[derive(Debug, Default)]
pub struct Writing {
    flushes: AtomicU64,
    blocked: Mutex<Option<Instant>>,
}

impl Writing {
    /// How often the HTTP library has flushed: it does so only when all that it had buffered is written.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    /// How long the connection has taken nothing of what is to be written.
    pub fn blocked_for(&self, now: Instant) -> Duration {
        self.blocked.lock().map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        let mut blocked = self.blocked.lock();
        if written.is_pending() {
            blocked.get_or_insert_with(Instant::now);
        } else {
            *blocked = None;
        }
        written
    }
}

/// The byte stream.
#[derive(Debug)]
pub struct Socket {
    io: Transport,
    /// What was read to find out what the peer speaks, and is read again.
    held: Bytes,
    writing: Arc<Writing>,
}

impl Socket {
    /// Wraps a byte stream of which `held` has been read.
    pub fn new(io: Transport, held: Bytes, writing: Arc<Writing>) -> Self {
        Self { io, held, writing }
    }

    /// The bare byte stream, and what was read of it but not read again.
    pub fn into_parts(self) -> (Transport, Bytes) {
        (self.io, self.held)
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, room);
        }
        let count = self.held.len().min(room.remaining());
        room.put_slice(&self.held[..count]);
        self.held.advance(count);
        if self.held.is_empty() {
            self.held = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.writing.note(written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.writing.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// What is encrypted waits in a buffer of its own, and only this tells that the peer does not take it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        let flushed = ready!(self.writing.note(flushed));
        self.writing.flushes.fetch_add(1, Ordering::Release);
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn what_was_read_before_is_read_again_and_then_what_follows() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (io, _) = listener.accept().await.unwrap();
        peer.write_all(b" world").await.unwrap();
        let mut socket = Socket::new(io.into(), Bytes::from_static(b"hello"), Arc::default());
        let mut text = [0; 2];
        socket.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"he");
        let mut rest = [0; 9];
        socket.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"llo world");
        let socket = Socket::new(socket.into_parts().0, Bytes::from_static(b"left"), Arc::default());
        assert_eq!(socket.into_parts().1, "left");
    }
}
