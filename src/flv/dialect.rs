//! The forms in which FLV bodies go out, and what each can carry.

use super::audio::{AAC, MP3};
use super::video::{AVC, HEVC};
use crate::media::{Codec, Selection, TrackSet};

/// What one group of viewers gets of a stream, and how: they share one feed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FlvVariant {
    /// Which tracks.
    pub selection: Selection,
    /// In whose language.
    pub dialect: Dialect,
    /// How HEVC of the default track is written.
    pub hevc: HevcForm,
    /// Whether presentation times finer than a millisecond are told, in [`Dialect::Enhanced`] alone: for peers that announced that they
    /// read ModEx and its nanoseconds (`capsEx` 4 and 8). Only the Enhanced header has room for them, so that all tracks get it.
    pub nanos: bool,
}

/// Which headers the readers know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Dialect {
    /// Players in browsers (mpegts.js): legacy headers, and Enhanced ones for some codecs without another. One track of each kind. They give
    /// up the whole stream over a codec or packet type that they do not know.
    #[default]
    Players,
    /// FFmpeg's family and peers of Enhanced RTMP v2: every codec that has a FourCC, and further tracks as multitrack. What has a legacy
    /// header still gets it where it is the default track.
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

/// How a track's bodies name its codec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Naming {
    /// CodecID 7 or 12, with a packet type and a composition time behind it.
    LegacyPicture(u8),
    /// SoundFormat 10, with a packet type behind it.
    LegacyAac,
    /// SoundFormat 2 or 14.
    LegacyMp3,
    /// The Enhanced header.
    FourCc([u8; 4]),
}

impl Dialect {
    /// Whether its readers know the codec.
    pub fn carries(self, codec: &Codec) -> bool {
        match self {
            Self::Players => match codec {
                Codec::Avc(_) | Codec::Hevc(_) | Codec::Av1(_) => true,
                Codec::Aac(_) | Codec::Mp3(_) | Codec::Opus(_) | Codec::Flac(_) => true,
                Codec::Vp8(_) | Codec::Vp9(_) | Codec::Vvc(_) => false,
                Codec::Ac3(_) | Codec::Eac3(_) | Codec::Script => false,
            },
            Self::Enhanced => four_cc(codec).is_some(),
        }
    }
}

impl FlvVariant {
    /// The one way to say the same of these tracks: see [`Selection::canonical`]. How HEVC is written says nothing where there is none.
    pub fn canonical(self, tracks: &TrackSet) -> Self {
        let selection = self.selection.canonical(tracks, |track| self.dialect.carries(&track.codec));
        let chosen = selection.tracks(tracks, |track| self.dialect.carries(&track.codec));
        let has_hevc = chosen.iter().any(|track| matches!(track.codec, Codec::Hevc(_)));
        let hevc = if has_hevc { self.hevc } else { HevcForm::default() };
        Self { selection, hevc, nanos: self.is_exact(), ..self }
    }

    /// How the codec is named; none for script data, which has no codec. `is_default` where the track is its kind's default on the wire.
    pub(super) fn naming(&self, codec: &Codec, is_default: bool) -> Option<Naming> {
        let four_cc = Naming::FourCc(four_cc(codec)?);
        if !is_default || self.is_exact() {
            return Some(four_cc);
        }
        Some(match (codec, self.hevc) {
            (Codec::Avc(_), _) => Naming::LegacyPicture(AVC),
            (Codec::Hevc(_), HevcForm::Legacy) => Naming::LegacyPicture(HEVC),
            (Codec::Aac(_), _) => Naming::LegacyAac,
            (Codec::Mp3(_), _) => Naming::LegacyMp3,
            _ => four_cc,
        })
    }

    /// Whether times go out to the nanosecond.
    pub(super) fn is_exact(&self) -> bool {
        self.nanos && self.dialect == Dialect::Enhanced
    }
}

impl Naming {
    /// The number in onMetaData: the legacy one, or the FourCC's.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::LegacyPicture(codec_id) => codec_id.into(),
            Self::LegacyAac => AAC.into(),
            Self::LegacyMp3 => MP3.into(),
            Self::FourCc(four_cc) => u32::from_be_bytes(four_cc),
        }
    }
}

/// The FourCC of Enhanced RTMP v2.
fn four_cc(codec: &Codec) -> Option<[u8; 4]> {
    Some(match codec {
        Codec::Avc(_) => *b"avc1",
        Codec::Hevc(_) => *b"hvc1",
        Codec::Av1(_) => *b"av01",
        Codec::Vp8(_) => *b"vp08",
        Codec::Vp9(_) => *b"vp09",
        Codec::Vvc(_) => *b"vvc1",
        Codec::Aac(_) => *b"mp4a",
        Codec::Mp3(_) => *b".mp3",
        Codec::Opus(_) => *b"Opus",
        Codec::Flac(_) => *b"fLaC",
        Codec::Ac3(_) => *b"ac-3",
        Codec::Eac3(_) => *b"ec-3",
        Codec::Script => return None,
    })
}
