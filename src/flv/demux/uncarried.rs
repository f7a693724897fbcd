//! Codecs that are not carried, by the names that people know them by.

use std::fmt;

use super::super::body::CodecTag;
use crate::media::Kind;

/// A codec that a publisher sends and that is not carried. It shows as what there is to say to the operator and to the encoder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uncarried {
    pub(super) kind: Kind,
    pub(super) codec: CodecTag,
}

impl fmt::Display for Uncarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, carried) = match self.kind {
            Kind::Video => ("video", "H.264, HEVC, AV1, VP9 or VP8"),
            Kind::Audio | Kind::Data => ("audio", "AAC, MP3, Opus, FLAC, AC-3 or E-AC-3"),
        };
        match self.codec {
            CodecTag::FourCc(four_cc) => write!(f, "{noun} in '{}'", four_cc.escape_ascii())?,
            CodecTag::Legacy(number) => match legacy(self.kind, number) {
                Some(name) => write!(f, "{noun} in {name}")?,
                None => write!(f, "{noun} in codec number {number}")?,
            },
        }
        write!(f, " is not carried: have the encoder send {carried}")
    }
}

/// What the number of a legacy header stands for (Adobe Video File Format 10.1 §E.4.3.1 and §E.4.2.1).
fn legacy(kind: Kind, number: u8) -> Option<&'static str> {
    Some(match (kind, number) {
        (Kind::Video, 2) => "Sorenson H.263",
        (Kind::Video, 3 | 6) => "Screen Video",
        (Kind::Video, 4 | 5) => "On2 VP6",
        (Kind::Audio, 0 | 3) => "PCM",
        (Kind::Audio, 1) => "ADPCM",
        (Kind::Audio, 4..=6) => "Nellymoser",
        (Kind::Audio, 7 | 8) => "G.711",
        (Kind::Audio, 11) => "Speex",
        _ => return None,
    })
}
