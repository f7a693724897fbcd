//! Server-sent events (HTML Living Standard §9.2).

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use serde::Serialize;

use super::MAX_LISTENERS;
use crate::http::problem::Problem;
use crate::http::router::Shared;

/// `GET /api/v1/events`: the history of all streams, then their state whenever it changes and each second.
///
/// # Errors
/// When too many listen already.
pub fn listen(shared: &Shared) -> Result<Response, Problem> {
    let monitor = &shared.monitor;
    let seat = Arc::clone(&monitor.seats).try_acquire_owned().map_err(|_| {
        let detail = format!("{MAX_LISTENERS} consoles listen already, which is the limit; close one");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let mut news = monitor.news.subscribe();
    if news.borrow().is_none() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway is shutting down"));
    }
    // What is there may be as old as the last one who listened.
    monitor.tell(shared);
    news.mark_changed();
    let history = monitor.history();
    let messages = futures_util::stream::unfold((Some(history), news, seat), |(first, mut news, seat)| async {
        if let Some(history) = first {
            return Some((Ok::<_, std::convert::Infallible>(history), (None, news, seat)));
        }
        news.changed().await.ok()?;
        let message = news.borrow_and_update().clone()?;
        Some((Ok(message), (None, news, seat)))
    });
    let fields = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies of the nginx family would gather the messages in a buffer.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((fields, Body::from_stream(messages)).into_response())
}

/// An event with JSON for its data, which has no line breaks.
pub(super) fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("maps with text for keys and plain structs always serialise");
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
