//! One viewer on a stream that no hub can write to: a connection inside TLS, or an upgraded one of a foreign server.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::batch::{Batch, MAX_SLICES};
use super::guests::Guest;
use super::hub::Hub;
use super::viewer::{Departure, Next, Viewer};

/// The least time between two looks at deadlines: less than passes between two reminders of a hub.
const LOOK: Duration = Duration::from_millis(400);
/// How often one that has no hub is reminded of them.
const TICK: Duration = Duration::from_millis(500);
/// How long the stream may take to end its sending side: an encrypted one has something to say then, which the socket may not take.
const LAST_WORD: Duration = Duration::from_secs(2);
/// Room to read what the viewer says.
const INPUT: usize = 1 << 10;

/// Serves one viewer until it leaves, woken by its worker's hub where it has one. Gives the stream back where the conversation goes on
/// without media.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut io: S, mut viewer: Viewer, hub: Option<Hub>) -> Option<S> {
    let mut alarm = hub.is_none().then(|| tokio::time::interval(TICK));
    let guest = Guest::join(&mut viewer, hub);
    let gate = guest.gate();
    gate.ring();
    let mut look = Instant::now() + LOOK;
    let mut unsent = Batch::new();
    let mut finished = false;
    let why = loop {
        let turn = std::future::poll_fn(|cx| {
            let now = Instant::now();
            if let Err(why) = poll_read(&mut io, &mut viewer, now, cx) {
                return Poll::Ready(Err(why));
            }
            // Its ring only says that `next` may have something, which is asked anyway; what rings from here on wakes this task again.
            while gate.poll_rung(cx).is_ready() {}
            match poll_write(&mut io, &mut viewer, &mut unsent, now, cx) {
                Poll::Ready(Ok(Next::Close | Next::Release)) => return Poll::Ready(Err(viewer.departure())),
                Poll::Ready(Ok(Next::Finish)) if !finished => return Poll::Ready(Ok(true)),
                Poll::Ready(Err(why)) => return Poll::Ready(Err(why)),
                Poll::Ready(Ok(_)) | Poll::Pending => {}
            }
            let reminded = alarm.as_mut().is_some_and(|alarm| alarm.poll_tick(cx).is_ready());
            if reminded || now >= look {
                look = now + LOOK;
                return Poll::Ready(viewer.tick(now).map(|_| false));
            }
            Poll::Pending
        })
        .await;
        match turn {
            Ok(true) => {
                finished = true;
                if !matches!(timeout(LAST_WORD, io.shutdown()).await, Ok(Ok(()))) {
                    break viewer.departure();
                }
            }
            Ok(false) => {}
            Err(why) => break why,
        }
    };
    viewer.log(&why, Instant::now());
    if why != Departure::Released {
        return None;
    }
    viewer.release(None);
    Some(io)
}

fn poll_read<S: AsyncRead + Unpin>(io: &mut S, viewer: &mut Viewer, now: Instant, cx: &mut Context<'_>) -> Result<(), Departure> {
    let mut room = [0; INPUT];
    loop {
        let mut input = ReadBuf::new(&mut room);
        match Pin::new(&mut *io).poll_read(cx, &mut input) {
            Poll::Ready(Ok(())) if input.filled().is_empty() => return Err(viewer.departure()),
            Poll::Ready(Ok(())) => {
                viewer.input(input.filled(), now);
            }
            Poll::Ready(Err(_)) => return Err(Departure::Broken),
            Poll::Pending => return Ok(()),
        }
    }
}

/// Pending where the stream takes no more; otherwise what is next, which is never [`Next::Write`].
fn poll_write<S: AsyncWrite + Unpin>(
    io: &mut S,
    viewer: &mut Viewer,
    unsent: &mut Batch,
    now: Instant,
    cx: &mut Context<'_>,
) -> Poll<Result<Next, Departure>> {
    loop {
        while !unsent.is_empty() {
            let mut slices = [io::IoSlice::new(&[]); MAX_SLICES];
            match Pin::new(&mut *io).poll_write_vectored(cx, unsent.io_slices(&mut slices)) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    unsent.advance(written);
                    viewer.wrote(written);
                }
                Poll::Ready(_) => return Poll::Ready(Err(Departure::Broken)),
                Poll::Pending => {
                    viewer.block(now);
                    return Poll::Pending;
                }
            }
        }
        match viewer.next(now, unsent) {
            Next::Write => {}
            next => {
                unsent.rest();
                // What was written may wait in a buffer of the stream's own.
                return match Pin::new(&mut *io).poll_flush(cx) {
                    Poll::Ready(Ok(())) => Poll::Ready(Ok(next)),
                    Poll::Ready(Err(_)) => Poll::Ready(Err(Departure::Broken)),
                    Poll::Pending if next != Next::Idle => Poll::Pending,
                    Poll::Pending => Poll::Ready(Ok(next)),
                };
            }
        }
    }
}
