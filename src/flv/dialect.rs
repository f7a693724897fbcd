//! The forms in which FLV bodies go out.

use crate::media::Selection;

/// What one group of viewers gets of a stream, and how: they share one feed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FlvVariant {
    /// Which tracks.
    pub selection: Selection,
    /// In whose language.
    pub dialect: Dialect,
    /// How HEVC of the default track is written.
    pub hevc: HevcForm,
    /// Whether presentation times finer than a millisecond are told in ModEx blocks; only for peers that announced them (`capsEx` 8).
    pub nanos: bool,
}

/// Which headers the readers know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Dialect {
    /// Players in browsers (mpegts.js): legacy headers, and Enhanced ones for some codecs without another. One track of each kind. They give
    /// up the whole stream over a codec or packet type that they do not know.
    #[default]
    Players,
    /// FFmpeg's family and peers of Enhanced RTMP v2: every codec that has a FourCC, and further tracks as multitrack.
    Enhanced,
}

/// How HEVC of the default track is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum HevcForm {
    /// With the Enhanced header, as `hvc1`.
    #[default]
    Enhanced,
    /// As CodecID 12 of the legacy header, which players of some content networks know and the standard does not.
    Legacy,
}
