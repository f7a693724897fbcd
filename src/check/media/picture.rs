//! The piece of a segment that an entry of an I-frame playlist names: it may end within its fragment, behind the picture.

use std::borrow::Cow;

use crate::fmp4::reader::{MovieFragment, MovieSample, ReadError, read_after};
use crate::media::{Kind, Timestamp};

use super::facts::Init;

/// Bytes of a box's type and size, and of a size that does not fit in there.
const HEADER: usize = 8;
const LARGE_HEADER: usize = 16;
/// The most that a piece may lack to the end of its fragment.
const MAX_MISSING: usize = 64 << 20;

/// The first picture of such a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// When it is shown.
    pub at: Timestamp,
    /// Whether it is a sync sample.
    pub is_sync: bool,
    /// Whether all of it is there.
    pub is_whole: bool,
}

/// Reads the first picture of `data`, whose init segment is `init`; `None` where there is none.
///
/// # Errors
/// When the boxes cannot be read, or belong to a track that was not announced.
pub fn read_picture(init: &Init, data: &[u8]) -> Result<Option<Picture>, ReadError> {
    let movie = read_after(&init.movie, &completed(data))?;
    let Some(track) = init.tracks.iter().find(|track| track.kind == Kind::Video) else { return Ok(None) };
    let first = |fragment: &MovieFragment| (fragment.track == track.number).then(|| fragment.samples.first().cloned()).flatten();
    let told = |sample: MovieSample| Picture {
        at: Timestamp::new(i64::try_from(sample.pts()).unwrap_or(i64::MAX), track.timescale),
        is_sync: sample.is_sync(),
        is_whole: sample.data.end <= data.len(),
    };
    Ok(movie.fragments.iter().find_map(first).map(told))
}

/// The same bytes, drawn out by zeros to the end of a media data box that they end in.
fn completed(data: &[u8]) -> Cow<'_, [u8]> {
    let mut at = 0;
    while let Some(rest) = data.get(at..).filter(|rest| rest.len() >= HEADER) {
        let small = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]);
        let large = rest.get(HEADER..LARGE_HEADER).and_then(|field| Some(u64::from_be_bytes(field.try_into().ok()?)));
        let size = if small == 1 { large } else { Some(u64::from(small)) };
        let Some(end) = size.filter(|size| *size >= HEADER as u64).and_then(|size| at.checked_add(usize::try_from(size).ok()?)) else {
            break;
        };
        if end > data.len() {
            let is_media = &rest[4..HEADER] == b"mdat";
            let missing = end - data.len();
            if is_media && missing <= MAX_MISSING {
                let mut whole = data.to_vec();
                whole.resize(end, 0);
                return Cow::Owned(whole);
            }
            break;
        }
        at = end;
    }
    Cow::Borrowed(data)
}
