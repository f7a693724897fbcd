//! The content of media files, from memory or from the spool.

use std::ops::Range;

use axum::body::Body;
use http::StatusCode;

use super::problem::Problem;
use crate::outlet::Outlet;
use crate::segment::body;

/// A range of a media file. Small ones are read from the spool at once, large ones piece by piece as the client takes them.
///
/// # Errors
/// The answer to give when the spool cannot be read.
pub async fn content(outlet: &Outlet, body: body::Body, range: Range<usize>) -> Result<Body, Problem> {
    let place = match body {
        body::Body::Memory(bytes) => return Ok(Body::from(bytes.slice(range))),
        body::Body::Spooled(place) => place,
    };
    let unreadable = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway cannot read this segment from its disk; try again");
    let reading = outlet.spool().ok_or_else(unreadable)?.read(&place, range).await.map_err(|_| unreadable())?;
    Ok(Body::from_stream(reading.into_pieces()))
}
