//! A TCP socket that tells its driver how writing goes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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

    /// How long the socket has taken nothing of what is to be written.
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

/// The socket.
#[derive(Debug)]
pub struct Socket {
    io: TcpStream,
    writing: Arc<Writing>,
}

impl Socket {
    /// Wraps a socket.
    pub fn new(io: TcpStream, writing: Arc<Writing>) -> Self {
        Self { io, writing }
    }

    /// The bare socket.
    pub fn into_inner(self) -> TcpStream {
        self.io
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, room)
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
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.io).poll_flush(cx));
        self.writing.flushes.fetch_add(1, Ordering::Release);
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
