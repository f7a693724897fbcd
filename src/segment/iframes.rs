//! The pictures of a video track that can be shown by themselves, and where they lie in the files of its segments: I-frame playlists
//! (RFC 8216bis §4.4.3.6) list them as byte ranges of segments that are there anyway.

use std::ops::Range;

use crate::media::{Span, Timestamp};

use super::snapshot::Segment;

/// Pictures closer than this to the one listed before are left out: two a second are enough for scrubbing, and a source that has nothing
/// but keyframes would make long lists.
const CLOSEST: Span = Span::from_millis(500);

/// A picture that can be shown by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IFrame {
    /// When it is presented.
    pub start: Timestamp,
    /// Where the fragment that holds it and nothing else lies in its segment's file, with the `styp` where that is in front.
    pub range: Range<usize>,
}

/// Those of one segment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IFrames {
    /// In order of time; none in a segment of sound.
    pub pictures: Vec<IFrame>,
    /// By how much the numbers of the I-frame playlist run ahead of the media sequence where the segment begins.
    pub ahead: u64,
}

impl IFrames {
    /// Whether a keyframe at that time is listed, and not too soon after the last one.
    pub(super) fn takes(&self, at: Timestamp) -> bool {
        self.pictures.last().is_none_or(|last| at.since(last.start) >= CLOSEST)
    }

    /// By how much the numbers run ahead behind a segment, in which a decoder can start or not. A segment has a number for each picture
    /// and one for what comes before the first, which cannot be shown.
    pub(super) fn ahead_after(&self, independent: bool) -> u64 {
        let entries = self.pictures.len() as u64 + u64::from(!independent);
        self.ahead + entries.max(1) - 1
    }
}

impl Segment {
    /// The pictures that can be shown by themselves, each with the time to the next one or to the segment's end.
    pub fn pictures(&self) -> impl Iterator<Item = (&IFrame, Span)> {
        let pictures = &self.iframes.pictures;
        let end = self.start.plus_ticks(self.duration);
        let ends = pictures.iter().skip(1).map(|next| next.start).chain([end]);
        pictures.iter().zip(ends).map(|(picture, end)| (picture, end.since(picture.start).max(Span::ZERO)))
    }
}
