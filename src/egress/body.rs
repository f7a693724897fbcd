//! The pump as an HTTP body, for connections whose socket cannot be taken: HTTP/2, TLS, or another server around the router.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::batch::Batch;
use super::pump::{Filled, Source};
use crate::bus::Gate;

/// An endless body that pulls its source as fast as the connection takes it.
///
/// The server around it sees to deadlines; a body that is not polled costs no memory but its place in the window.
#[derive(Debug)]
pub struct PumpBody {
    source: Box<dyn Source>,
    gate: Arc<Gate>,
    batch: Batch,
    over: bool,
}

impl PumpBody {
    /// Joins the channel now.
    pub fn new(mut source: Box<dyn Source>) -> Self {
        let gate = Arc::new(Gate::new());
        source.attach(&gate);
        Self { source, gate, batch: Batch::new(), over: false }
    }
}

impl Body for PumpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if let Some(slice) = this.batch.pop() {
                return Poll::Ready(Some(Ok(Frame::data(slice))));
            }
            if this.over {
                return Poll::Ready(None);
            }
            this.source.catch_up();
            match this.source.fill(&mut this.batch) {
                Filled::Bytes => {}
                Filled::Over(_) => this.over = true,
                Filled::Nothing if this.gate.poll_rung(cx).is_ready() => {}
                Filled::Nothing => return Poll::Pending,
            }
        }
    }
}
