//! What pages of other origins may do: read streams, and see how long that took. The API is not among what they may read.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,OPTIONS");
/// What scripts may read of an answer beside the few fields that they always may (Fetch §3.3.4).
const EXPOSED: HeaderValue = HeaderValue::from_static("date,content-length,content-range,age,etag");
/// Seconds for which a browser need not ask again whether it may ask.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// Lets scripts see how long a transfer took (Resource Timing §4.5.1).
const TIMING: HeaderName = HeaderName::from_static("timing-allow-origin");

/// Opens an answer to pages of every origin (Fetch §3.3.3). It is the same for all of them, so nothing in it depends on who asks.
pub fn open(fields: &mut HeaderMap) {
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    fields.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    fields.insert(TIMING, ANY);
}

/// A layer that opens every answer, and tells whoever asks beforehand (by OPTIONS) that reading is allowed.
pub async fn open_all(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS { preflight() } else { next.run(request).await };
    open(response.headers_mut());
    response
}

fn preflight() -> Response {
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ANY),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    fields.into_response()
}
