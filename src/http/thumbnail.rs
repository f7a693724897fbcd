//! The newest keyframe as a small MP4 of its own: browsers draw thumbnails from it, so that the gateway decodes nothing.

use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::header;

use super::problem::Problem;
use crate::media::{Kind, TrackId};
use crate::segment::pieces::Pieces;
use crate::segment::snapshot::{Init, Progress, Segment, Snapshot};

/// A keyframe that there is, and what tells it from others.
#[derive(Debug)]
pub struct Keyframe<'a> {
    init: &'a Init,
    media: Pieces,
    /// The number of its segment, which is in its address so that another picture has another.
    pub number: u64,
}

impl<'a> Keyframe<'a> {
    /// The newest of the leading video track that is in memory.
    pub fn newest(snapshot: &'a Snapshot) -> Option<Self> {
        let track = snapshot.tracks.iter().map(|status| status.track.id).find(|id| id.kind == Kind::Video)?;
        Self::in_progress(snapshot, track).or_else(|| {
            let slot = snapshot.slots.iter().rev().find(|slot| slot.segment(track).is_some())?;
            let segment = slot.segment(track)?;
            Some(Self { init: &segment.init, media: of_segment(segment)?, number: slot.msn.0 })
        })
    }

    fn in_progress(snapshot: &'a Snapshot, track: TrackId) -> Option<Self> {
        snapshot.open.iter().rev().filter(|open| open.track() == track).find_map(|open| {
            let media = match &open.progress {
                Progress::Filling(parts) => parts.first().filter(|part| part.independent).map(|part| part.bytes.clone().into())?,
                Progress::Whole(segment) => of_segment(segment)?,
                Progress::Gap(_) => return None,
            };
            Some(Self { init: &open.init, media, number: open.msn.0 })
        })
    }

    /// The file.
    pub fn file(&self) -> Bytes {
        let mut file = BytesMut::with_capacity(self.init.bytes.len() + self.media.len());
        file.extend_from_slice(&self.init.bytes);
        self.media.as_slice().iter().for_each(|piece| file.extend_from_slice(piece));
        file.freeze()
    }
}

fn of_segment(segment: &Segment) -> Option<Pieces> {
    let pieces = segment.body.in_memory()?;
    segment.iframes.pictures.last().map(|picture| pieces.slice(picture.range.clone()))
}

/// Answers with the newest keyframe.
///
/// # Errors
/// When there is none yet, or no picture at all.
pub fn thumbnail(snapshot: Option<&Snapshot>) -> Result<Response, Problem> {
    let absent = || Problem::not_found("there is no keyframe to show: the stream has no picture, or has just begun");
    let file = snapshot.and_then(Keyframe::newest).ok_or_else(absent)?.file();
    Ok(([(header::CONTENT_TYPE, "video/mp4"), (header::CACHE_CONTROL, "no-store")], file).into_response())
}
