//! The content of media files, from memory or from the spool.

use std::convert::Infallible;
use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;

use super::problem::Problem;
use crate::outlet::{File, NOTHING, Outlet};
use crate::segment::body;

/// A range of a media file. Small ones are read from the spool at once, large ones piece by piece as the client takes them.
///
/// # Errors
/// The answer to give when the spool cannot be read.
pub async fn content(outlet: &Outlet, file: File, range: Range<usize>) -> Result<Body, Problem> {
    let place = match file {
        File::Body(body::Body::Memory(bytes)) => return Ok(Body::from(bytes.slice(range))),
        File::StandIn(pieces) => return Ok(Body::from_stream(stream::iter(slices(pieces, range).map(Ok::<_, Infallible>)))),
        File::Nothing => return Ok(Body::from(Bytes::from_static(NOTHING).slice(range))),
        File::Body(body::Body::Spooled(place)) => place,
    };
    let unreadable = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway cannot read this segment from its disk; try again");
    let reading = outlet.spool().ok_or_else(unreadable)?.read(&place, range).await.map_err(|_| unreadable())?;
    Ok(Body::from_stream(reading.into_pieces()))
}

/// What a range of the whole covers of its pieces.
fn slices(pieces: [Bytes; 2], range: Range<usize>) -> impl Iterator<Item = Bytes> {
    let mut begin = 0;
    pieces.into_iter().filter_map(move |piece| {
        let within = |place: usize| place.saturating_sub(begin).min(piece.len());
        let covered = within(range.start)..within(range.end);
        begin += piece.len();
        (!covered.is_empty()).then(|| piece.slice(covered))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_may_begin_and_end_in_either_piece() {
        let whole = b"initsegment";
        for start in 0..=whole.len() {
            for end in start..=whole.len() {
                let pieces = [Bytes::from_static(&whole[..4]), Bytes::from_static(&whole[4..])];
                let covered: Vec<_> = slices(pieces, start..end).collect();
                assert!(covered.iter().all(|piece| !piece.is_empty()));
                assert_eq!(covered.concat(), whole[start..end]);
            }
        }
    }
}
