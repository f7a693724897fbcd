//! The content of media files, from memory or from the spool.

use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};

use super::problem::Problem;
use crate::outlet::{File, NOTHING, Outlet};
use crate::segment::body;
use crate::segment::pieces::Pieces;

/// A range of a media file. What is in memory is sent from where it lies. Of the spool, small ones are read at once, large ones piece by
/// piece as the client takes them.
///
/// # Errors
/// The answer to give when the spool cannot be read.
pub async fn content(outlet: &Outlet, file: File, range: Range<usize>) -> Result<Body, Problem> {
    let place = match file {
        File::Body(body::Body::Memory(pieces)) => return Ok(in_memory(&pieces, range)),
        File::Body(body::Body::Spooled(place)) => place,
        File::Nothing => return Ok(Body::from(Bytes::from_static(NOTHING).slice(range))),
    };
    let unreadable = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway cannot read this segment from its disk; try again");
    let reading = outlet.spool().ok_or_else(unreadable)?.read(&place, range).await.map_err(|_| unreadable())?;
    Ok(Body::from_stream(reading.into_pieces()))
}

fn in_memory(pieces: &Pieces, range: Range<usize>) -> Body {
    let pieces = pieces.slice(range);
    match pieces.as_slice() {
        [only] => Body::from(only.clone()),
        _ => Body::new(Sending { left: pieces.len(), pieces, next: 0 }),
    }
}

/// Several pieces as the body of an answer, a frame each.
#[derive(Debug)]
struct Sending {
    pieces: Pieces,
    /// The piece that is next.
    next: usize,
    /// Bytes of it and those behind it.
    left: usize,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.as_slice().get(self.next).cloned();
        self.next += 1;
        self.left -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;

    use super::*;

    const WHOLE: &[u8] = b"initsegment";

    /// The frames of a range of the whole, which lies in three pieces.
    async fn frames(range: Range<usize>) -> Vec<Bytes> {
        let pieces: Pieces = [0..4, 4..7, 7..11].map(|piece| Bytes::from_static(&WHOLE[piece])).into_iter().collect();
        let (mut left, mut body, mut frames) = (range.len(), in_memory(&pieces, range), Vec::new());
        assert_eq!(body.size_hint().exact(), Some(left as u64));
        while let Some(frame) = body.frame().await {
            frames.push(frame.unwrap().into_data().unwrap());
            left -= frames[frames.len() - 1].len();
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left as u64), left == 0));
        }
        frames
    }

    #[tokio::test]
    async fn what_lies_in_several_pieces_is_sent_from_there_and_its_length_is_known() {
        for (range, expected) in [
            (0..11, &["init", "seg", "ment"][..]),
            (2..8, &["it", "seg", "m"]),
            (6..8, &["g", "m"]),
            (4..7, &["seg"]),
            (5..6, &["e"]),
            (7..11, &["ment"]),
        ] {
            let frames = frames(range).await;
            assert_eq!(frames, expected);
            assert!(frames.iter().all(|frame| WHOLE.as_ptr_range().contains(&frame.as_ptr())), "nothing is copied");
        }
    }
}
