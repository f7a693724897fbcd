//! What every parsed viewer has to see: a keyframe first, continuous units, decoding times that rise, no picture lost in silence.

use crate::source::GOP;
use crate::stamp::Stamp;

/// Which track a unit is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Track {
    Video,
    Audio,
}

/// All of them.
pub const TRACKS: [Track; 2] = [Track::Video, Track::Audio];

/// One access unit as it arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    pub track: Track,
    /// Decoding time in ticks of the container's clock.
    pub dts: u64,
    /// Whether the container calls it a sync sample.
    pub is_key: bool,
    /// Its mark.
    pub stamp: Option<Stamp>,
}

/// Why a viewer is not content.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error("connection refused or lost: {0}")]
    Connection(std::io::ErrorKind),
    #[error("the server closed the connection")]
    Closed,
    #[error("RTMP: {0}")]
    Rtmp(String),
    #[error("HTTP answer {0:?}")]
    Status(String),
    #[error("the HTTP head is longer than {0} bytes")]
    HeadTooLong(usize),
    #[error("the WebSocket answer does not accept our key")]
    NotAccepted,
    #[error("broken chunk header {0:?}")]
    Chunk(String),
    #[error("HTTP/2 frame of type {0} is padded, or longer than it may be")]
    Http2(u8),
    #[error("WebSocket opcode {0} is masked, reserved or too long")]
    Frame(u8),
    #[error("not an FLV header: {0:02x?}")]
    NotFlv([u8; 4]),
    #[error("FLV tag type {0}")]
    TagType(u8),
    #[error("PreviousTagSize {found} behind a tag of {expected} bytes")]
    Trailer { found: u32, expected: u32 },
    #[error("MP4 box {kind:?} of {size} bytes")]
    Box { kind: String, size: u64 },
    #[error("MP4 fragment: {0}")]
    Fragment(&'static str),
    #[error("a picture or a sound without its mark")]
    NoStamp,
    #[error("the first picture is no keyframe")]
    NoKeyFirst,
    #[error("a picture is marked as sync sample wrongly, or wrongly not")]
    WrongKey,
    #[error("decoding times of one track do not rise")]
    Backwards,
    #[error("a picture came twice or out of order")]
    Order,
    #[error("pictures are missing and what follows is no keyframe")]
    ResumedInGop,
    #[error("more bytes came than were asked for")]
    Surplus,
    #[error("playlist: {0}")]
    Playlist(&'static str),
    #[error("parts are missing between what was listed and what is")]
    PartsMissing,
    #[error("one file had different bytes for different viewers")]
    OtherBytes,
    #[error("no byte came in the whole interval")]
    Silent,
    #[error("no keyframe came before the interval began")]
    NeverStarted,
}

/// What a unit means for the figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// The viewer's first picture.
    FirstKey(Stamp),
    /// A later picture, and how many were missing before it.
    Picture { stamp: Stamp, missing: u64 },
    /// A sound.
    Sound(Stamp),
}

/// The memory of one viewer.
#[derive(Debug, Default)]
pub struct Checker {
    video_dts: Option<u64>,
    audio_dts: Option<u64>,
    frame: Option<u64>,
}

impl Checker {
    /// Judges the next unit.
    pub fn take(&mut self, unit: Unit) -> Result<Seen, Fault> {
        let last = match unit.track {
            Track::Video => &mut self.video_dts,
            Track::Audio => &mut self.audio_dts,
        };
        if last.replace(unit.dts).is_some_and(|last| last >= unit.dts) {
            return Err(Fault::Backwards);
        }
        let stamp = unit.stamp.ok_or(Fault::NoStamp)?;
        if unit.track == Track::Audio {
            return Ok(Seen::Sound(stamp));
        }
        let Some(before) = self.frame.replace(stamp.frame) else {
            return if unit.is_key && stamp.frame % GOP == 0 { Ok(Seen::FirstKey(stamp)) } else { Err(Fault::NoKeyFirst) };
        };
        if unit.is_key != stamp.frame.is_multiple_of(GOP) {
            return Err(Fault::WrongKey);
        }
        let missing = stamp.frame.checked_sub(before + 1).ok_or(Fault::Order)?;
        if missing > 0 && !unit.is_key {
            return Err(Fault::ResumedInGop);
        }
        Ok(Seen::Picture { stamp, missing })
    }
}
