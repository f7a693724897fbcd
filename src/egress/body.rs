//! A viewer as an HTTP body, for connections whose socket cannot be taken: HTTP/2, or another server around the router.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame};

use super::batch::Batch;
use super::guests::Guest;
use super::hub::Hub;
use super::viewer::{Departure, Next, Viewer};

/// An endless body that pulls its viewer's source as fast as the connection takes it.
///
/// The server around it sees to deadlines; a body that is not polled costs no memory but its place in the window.
#[derive(Debug)]
pub struct ViewerBody {
    viewer: Viewer,
    guest: Guest,
    batch: Batch,
    /// When the connection got something of which it is not known yet that it went on.
    given: Option<Instant>,
}

impl ViewerBody {
    /// Joins the channel now, as a guest of the worker's hub where there is one.
    pub fn new(mut viewer: Viewer, hub: Option<Hub>) -> Self {
        let guest = Guest::join(&mut viewer, hub);
        Self { viewer, guest, batch: Batch::new(), given: None }
    }
}

impl Body for ViewerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let now = Instant::now();
        this.given = None;
        loop {
            if let Some(slice) = this.batch.pop() {
                this.viewer.wrote(slice.len());
                this.given = Some(now);
                return Poll::Ready(Some(Ok(Frame::data(slice))));
            }
            // How long the connection took over what it got only it knows; so the viewer may always be behind.
            this.viewer.block(now);
            match this.viewer.next(now, &mut this.batch) {
                Next::Write => {}
                Next::Idle if this.guest.gate().poll_rung(cx).is_ready() => {}
                Next::Idle => {
                    this.batch.rest();
                    return Poll::Pending;
                }
                Next::Finish | Next::Close | Next::Release => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for ViewerBody {
    fn drop(&mut self) {
        let now = Instant::now();
        let stuck = self.given.is_some_and(|given| self.viewer.is_stuck(given, now));
        let why = if stuck { Departure::Stuck } else { self.viewer.departure() };
        self.viewer.log(&why, now);
    }
}
