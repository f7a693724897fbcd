//! I-frame playlists against the pictures that they list.

use crate::check::finding::Finding;
use crate::check::finding::Level::{Must, Should};
use crate::check::finding::Rule;
use crate::check::media::Picture;
use crate::media::{Span, Timestamp};

use super::model::Segment;
use super::notes::{Notes, rules};

rules! {
    SYNC "hls-iframe-sync" Must "RFC 8216bis §4.4.3.6"
        "Each entry of an I-frame playlist is a picture that can be shown by itself."
    WHOLE "hls-iframe-whole" Must "RFC 8216bis §4.4.3.6"
        "Each entry of an I-frame playlist names all bytes of its picture."
    DURATION "hls-iframe-duration" Should "RFC 8216bis §4.4.3.6"
        "EXTINF of an I-frame is the time until the next one is shown."
}

/// How far that time may be off: a frame, or a rounding in old playlists.
pub const DURATION_TOLERANCE: Span = Span::from_millis(100);

/// The pictures of one playlist, in its order.
#[derive(Debug, Default)]
pub struct Pictures {
    /// Number, moment and `EXTINF` of the last one.
    last: Option<(u64, Timestamp, Span)>,
}

impl Pictures {
    /// Holds the picture of the entry `segment` to the rules; `None` is an entry that shows none.
    pub fn follow(&mut self, subject: &str, segment: &Segment, picture: Option<Picture>) -> Vec<Finding> {
        let mut notes = Notes::new(subject);
        let Some(picture) = picture else {
            self.last = None;
            notes.add(&SYNC, format_args!("{}: {} has no picture", segment.msn, segment.uri));
            return notes.into_findings();
        };
        if !picture.is_sync {
            notes.add(&SYNC, format_args!("{}: {} begins with a sample that is no sync sample", segment.msn, segment.uri));
        }
        if !picture.is_whole {
            notes.add(&WHOLE, format_args!("{}: {} ends within the picture", segment.msn, segment.uri));
        }
        let last = self.last.replace((segment.msn, picture.at, segment.duration));
        if let Some((msn, at, told)) = last.filter(|(msn, ..)| msn.checked_add(1) == Some(segment.msn) && !segment.discontinuity) {
            let real = picture.at.since(at);
            if (real - told).abs() > DURATION_TOLERANCE {
                let (told, real) = (told.as_secs_f64(), real.as_secs_f64());
                notes.add(&DURATION, format_args!("{msn}: EXTINF of {told} s, and the next picture is shown after {real} s"));
            }
        }
        notes.into_findings()
    }
}
