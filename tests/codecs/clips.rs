//! What is published, and what must become of it at each exit.

use std::path::{Path, PathBuf};

/// A clip of six seconds with at most one track of each kind, which `scripts/media.sh` encodes.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    pub name: &'static str,
    /// How the picture is announced to browsers (RFC 6381).
    pub video: Option<&'static str>,
    /// How the sound is.
    pub audio: Option<&'static str>,
    /// What FLV for players of today leaves out.
    pub left_out_of_flv: &'static [Kind],
    /// Whether FFmpeg takes the configuration for another one there: FLAC's stands behind a block header that players in browsers skip.
    pub is_misread_in_flv: bool,
    /// Whether its pictures are graded for a display in HDR, and every exit has to say so.
    pub is_hdr: bool,
}

/// Most clips go everywhere.
const EVERYWHERE: Clip = Clip { name: "", video: None, audio: None, left_out_of_flv: &[], is_misread_in_flv: false, is_hdr: false };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Video,
    Audio,
}

/// New pictures.
pub const PICTURES: &[Clip] = &[
    Clip { name: "hevc-aac51", video: Some("hvc1.1.6.L30.90"), audio: Some("mp4a.40.2"), ..EVERYWHERE },
    Clip { name: "hdr-opus51", video: Some("hvc1.2.4.L30.90"), audio: Some("Opus"), is_hdr: true, ..EVERYWHERE },
    Clip { name: "av1-opus", video: Some("av01.0.00M.08"), audio: Some("Opus"), ..EVERYWHERE },
    Clip {
        name: "vp9-flac",
        video: Some("vp09.00.10.08.01.02.02.02.00"),
        audio: Some("fLaC"),
        left_out_of_flv: &[Kind::Video],
        is_misread_in_flv: true,
        ..EVERYWHERE
    },
    Clip { name: "vvc-aac", video: Some("vvc1.1.L32.CQA"), audio: Some("mp4a.40.2"), left_out_of_flv: &[Kind::Video], ..EVERYWHERE },
];

/// New sounds.
pub const SOUNDS: &[Clip] = &[
    Clip { name: "avc-ac3", video: Some("avc1.64000a"), audio: Some("ac-3"), left_out_of_flv: &[Kind::Audio], ..EVERYWHERE },
    Clip { name: "avc-eac3", video: Some("avc1.64000a"), audio: Some("ec-3"), left_out_of_flv: &[Kind::Audio], ..EVERYWHERE },
    Clip { name: "avc-flac", video: Some("avc1.64000a"), audio: Some("fLaC"), is_misread_in_flv: true, ..EVERYWHERE },
    Clip { name: "hevc-mp3", video: Some("hvc1.1.6.L30.90"), audio: Some("mp4a.40.34"), ..EVERYWHERE },
    Clip { name: "opus", video: None, audio: Some("Opus"), ..EVERYWHERE },
    Clip { name: "ac3", video: None, audio: Some("ac-3"), left_out_of_flv: &[Kind::Audio], ..EVERYWHERE },
];

impl Clip {
    pub fn stream(&self) -> String {
        format!("live/{}", self.name)
    }

    pub fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Video => self.video.is_some(),
            Kind::Audio => self.audio.is_some(),
        }
    }

    /// The kinds that FLV for players of today carries.
    pub fn in_flv(&self) -> Vec<Kind> {
        self.kinds().into_iter().filter(|kind| !self.left_out_of_flv.contains(kind)).collect()
    }

    pub fn kinds(&self) -> Vec<Kind> {
        [Kind::Video, Kind::Audio].into_iter().filter(|kind| self.has(*kind)).collect()
    }

    /// All that is announced, as `CODECS` has it.
    pub fn codecs(&self) -> String {
        [self.video, self.audio].into_iter().flatten().collect::<Vec<_>>().join(",")
    }
}

/// The file of a clip; encoded now if `scripts/media.sh` has not run yet.
pub fn file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = std::process::Command::new("bash").arg(root.join("scripts/media.sh")).status().unwrap();
    assert!(made.success(), "scripts/media.sh makes the clips");
    root.join("target/media/codecs").join(name).with_extension("mp4")
}
