//! One request and its answer on a connection of HTTP/2: an exchange (RFC 9113 §8.1).
//!
//! The connection is given nothing but what the client has opened its windows for. So what waits for a client is a place in a body that
//! many share, and who opens no window is noticed though the rest of its connection goes on.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body::{Body as _, Frame};
use tokio::time::timeout;
use tracing::Instrument as _;

use super::site::Site;
use crate::egress::Hub;

/// Most bytes of one answer that wait in a connection for its socket.
pub(super) const PIECE: usize = 64 << 10;

/// What the exchanges of a connection share.
#[derive(Clone, Debug)]
pub(super) struct Exchanges {
    pub site: Site,
    pub peer: SocketAddr,
    /// Of the connection's worker.
    pub hub: Hub,
    /// How long a client may open no window for an answer before the answer is taken back.
    pub stall: Duration,
}

/// How long a client may open no window for this answer: an extension of answers for which that differs from others.
#[derive(Clone, Copy, Debug)]
pub struct Stall(pub Duration);

/// Why an answer was not given to its end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// The client does without, or its connection has ended.
    #[error("taken back by the client: {0}")]
    Reset(Reason),
    #[error("the answer was not taken")]
    Stalled,
    #[error("the answer could not be made: {0}")]
    Body(axum::Error),
    #[error(transparent)]
    Connection(#[from] h2::Error),
}

impl Exchanges {
    /// Answers a request, in a task of its own.
    pub fn begin(&self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let this = self.clone();
        let answered = async move {
            match this.answer(request, &mut respond).await {
                Ok(()) => {}
                Err(Broken::Stalled) => {
                    metrics::counter!("sluicegate_http_streams_stalled_total").increment(1);
                    tracing::debug!("the answer was not taken and is taken back");
                    respond.send_reset(Reason::CANCEL);
                }
                Err(Broken::Body(error)) => {
                    tracing::debug!(%error, "the answer could not be made");
                    respond.send_reset(Reason::INTERNAL_ERROR);
                }
                Err(why) => tracing::trace!(%why, "the answer was not given to its end"),
            }
        };
        tokio::spawn(answered.in_current_span());
    }

    async fn answer(self, request: Request<RecvStream>, respond: &mut SendResponse<Bytes>) -> Result<(), Broken> {
        let bodiless = request.method() == Method::HEAD;
        let mut request = as_in_http_1(request);
        request.extensions_mut().insert(self.hub);
        let mut handled = self.site.answer(request, self.peer, None);
        let response = poll_fn(|cx| match handled.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Ok(response)),
            // Who does not wait for a held answer any more shall not hold it either.
            Poll::Pending => respond.poll_reset(cx).map(|reset| Err(reset.map_or_else(Broken::Connection, Broken::Reset))),
        });
        let response = match response.await? {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let stall = response.extensions().get().map_or(self.stall, |&Stall(stall)| stall);
        let (head, body) = head_of(response, bodiless);
        let ends = bodiless || body.is_end_stream();
        let mut out = respond.send_response(head, ends)?;
        if ends { Ok(()) } else { send(&mut out, body, stall).await }
    }
}

/// The request as the handlers know it: with the name of the host where HTTP/1.1 has it (RFC 9113 §8.3.1), and without a body, since
/// none of them takes any.
fn as_in_http_1(request: Request<RecvStream>) -> Request<Body> {
    let mut request = request.map(|_| Body::empty());
    if !request.headers().contains_key(header::HOST)
        && let Some(host) = request.uri().authority().and_then(|name| HeaderValue::from_str(name.as_str()).ok())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

/// The head of an answer, with the fields that a library adds in HTTP/1.1.
fn head_of(response: Response, bodiless: bool) -> (http::Response<()>, Body) {
    let (mut parts, body) = response.into_parts();
    let date = || HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now())).expect("a date is plain ASCII");
    parts.headers.entry(header::DATE).or_insert_with(date);
    let never = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    // An answer to HEAD may come without the body whose length it would tell.
    if let Some(length) = body.size_hint().exact().filter(|length| !never && (*length > 0 || !bodiless)) {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    (http::Response::from_parts(parts, ()), body)
}

async fn send(out: &mut SendStream<Bytes>, mut body: Body, stall: Duration) -> Result<(), Broken> {
    while let Some(frame) = poll_fn(|cx| poll_frame(out, &mut body, cx)).await? {
        // No body here has trailers.
        let mut data = frame.into_data().unwrap_or_default();
        let last = body.is_end_stream();
        while !data.is_empty() {
            out.reserve_capacity(data.len().min(PIECE));
            let room = timeout(stall, poll_fn(|cx| poll_room(out, cx))).await.map_err(|_| Broken::Stalled)??;
            let piece = data.split_to(room.min(data.len()));
            let ends = last && data.is_empty();
            out.send_data(piece, ends)?;
            if ends {
                return Ok(());
            }
        }
    }
    out.send_data(Bytes::new(), true)?;
    Ok(())
}

fn poll_frame(out: &mut SendStream<Bytes>, body: &mut Body, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Broken>> {
    if let Poll::Ready(reset) = out.poll_reset(cx) {
        return Poll::Ready(Err(Broken::Reset(reset?)));
    }
    Pin::new(body).poll_frame(cx).map(|frame| frame.transpose().map_err(Broken::Body))
}

/// How many bytes the client takes, once it takes any.
fn poll_room(out: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
    if let Poll::Ready(reset) = out.poll_reset(cx) {
        return Poll::Ready(Err(Broken::Reset(reset?)));
    }
    // The library tells of capacity that comes, not of what is there.
    if out.capacity() > 0 {
        return Poll::Ready(Ok(out.capacity()));
    }
    match ready!(out.poll_capacity(cx)) {
        Some(Ok(room)) => Poll::Ready(Ok(room)),
        Some(Err(error)) => Poll::Ready(Err(error.into())),
        None => Poll::Ready(Err(Broken::Reset(Reason::STREAM_CLOSED))),
    }
}
