//! Codecs and their out-of-band configurations, parsed from the records that publishers send.
//!
//! Each configuration keeps the record's bytes (rebuilt where the sender's were broken) beside what was read from them.

pub mod aac;
pub mod ac3;
pub mod access_unit;
pub mod av1;
pub mod avc;
mod error;
mod fields;
pub mod flac;
pub mod hevc;
pub mod mp3;
pub mod nal;
pub mod opus;
pub mod sei;
mod sets;
pub mod vpx;
pub mod vvc;

use super::color::{ColorInfo, Hdr};
use super::time::{Span, Timescale};
use super::track::Kind;

pub use aac::AacConfig;
pub use ac3::{Ac3Config, Eac3Config};
pub use av1::Av1Config;
pub use avc::AvcConfig;
pub use error::{ConfigError, ConfigProblem};
pub use flac::FlacConfig;
pub use hevc::HevcConfig;
pub use mp3::Mp3Config;
pub use opus::OpusConfig;
pub use vpx::VpConfig;
pub use vvc::VvcConfig;

/// The smallest width and height of pictures accepted: one macroblock.
pub const MIN_PICTURE: u32 = 16;

/// The largest width and height of pictures accepted: 16K, beyond what any decoder takes.
pub const MAX_PICTURE: u32 = 16_384;

/// A codec together with its out-of-band configuration: a closed set, so that every exit says what it does with each.
#[derive(Clone, PartialEq, Debug)]
pub enum Codec {
    /// H.264 / AVC (ISO/IEC 14496-10).
    Avc(AvcConfig),
    /// H.265 / HEVC (ISO/IEC 23008-2).
    Hevc(HevcConfig),
    /// AV1.
    Av1(Av1Config),
    /// VP8 (RFC 6386).
    Vp8(VpConfig),
    /// VP9.
    Vp9(VpConfig),
    /// H.266 / VVC (ISO/IEC 23090-3).
    Vvc(VvcConfig),
    /// AAC (ISO/IEC 14496-3).
    Aac(AacConfig),
    /// MPEG-1, MPEG-2 and MPEG-2.5 layer III.
    Mp3(Mp3Config),
    /// Opus (RFC 6716).
    Opus(OpusConfig),
    /// FLAC (RFC 9639).
    Flac(FlacConfig),
    /// AC-3 (ETSI TS 102 366).
    Ac3(Ac3Config),
    /// E-AC-3 (ETSI TS 102 366 annex E).
    Eac3(Eac3Config),
    /// Script data of the data track.
    Script,
}

/// What a picture track looks like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct VideoShape {
    /// Displayed width in pixels, after cropping.
    pub width: u32,
    /// Displayed height in pixels, after cropping.
    pub height: u32,
    /// Frames per second where the bitstream declares them.
    pub frame_rate: Option<f64>,
    /// What its colours mean, as far as the bitstream tells.
    pub color: ColorInfo,
    /// The static metadata of HDR where it stands beside the parameter sets.
    pub hdr: Hdr,
}

impl VideoShape {
    /// Pictures of this size, of which the bitstream tells nothing else.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, frame_rate: None, color: ColorInfo::default(), hdr: Hdr::default() }
    }
}

/// What a sound track sounds like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioShape {
    /// Samples per second at the decoder's output; also the track's timescale.
    pub sample_rate: u32,
    /// Channels at the decoder's output.
    pub channels: u8,
    /// Ticks of `sample_rate` that one access unit lasts: 1024 for AAC-LC, 1152 for MPEG-1 layer III, most often 960
    /// for Opus.
    pub frame_samples: u32,
}

impl AudioShape {
    /// How long one access unit lasts.
    pub fn frame(self) -> Span {
        Timescale::new(self.sample_rate).map_or(Span::ZERO, |scale| Span::from_ticks(self.frame_samples.into(), scale))
    }
}

impl Codec {
    /// The kind of track that carries this codec.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Avc(_) | Self::Hevc(_) | Self::Av1(_) | Self::Vp8(_) | Self::Vp9(_) | Self::Vvc(_) => Kind::Video,
            Self::Aac(_) | Self::Mp3(_) | Self::Opus(_) | Self::Flac(_) | Self::Ac3(_) | Self::Eac3(_) => Kind::Audio,
            Self::Script => Kind::Data,
        }
    }

    /// The clock that its samples count in: 90 kHz for video, the sample rate for audio, milliseconds for data.
    pub fn timescale(&self) -> Timescale {
        match self.kind() {
            Kind::Video => Timescale::VIDEO,
            Kind::Audio => self.audio().and_then(|shape| Timescale::new(shape.sample_rate)).unwrap_or(Timescale::MILLIS),
            Kind::Data => Timescale::MILLIS,
        }
    }

    /// The codec's name for people: `H.264`, `AAC`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Avc(_) => "H.264",
            Self::Hevc(_) => "H.265",
            Self::Av1(_) => "AV1",
            Self::Vp8(_) => "VP8",
            Self::Vp9(_) => "VP9",
            Self::Vvc(_) => "H.266",
            Self::Aac(_) => "AAC",
            Self::Mp3(_) => "MP3",
            Self::Opus(_) => "Opus",
            Self::Flac(_) => "FLAC",
            Self::Ac3(_) => "AC-3",
            Self::Eac3(_) => "E-AC-3",
            Self::Script => "script data",
        }
    }

    /// The `codecs` parameter for this configuration, such as `avc1.64001f` (RFC 6381); empty for script data.
    pub fn rfc6381(&self) -> String {
        match self {
            Self::Avc(config) => config.rfc6381(),
            Self::Hevc(config) => config.rfc6381(),
            Self::Av1(config) => config.rfc6381(),
            Self::Vp8(config) => config.rfc6381_vp8(),
            Self::Vp9(config) => config.rfc6381_vp9(),
            Self::Vvc(config) => config.rfc6381(),
            Self::Aac(config) => config.rfc6381(),
            Self::Mp3(config) => config.rfc6381(),
            Self::Opus(config) => config.rfc6381(),
            Self::Flac(config) => config.rfc6381(),
            Self::Ac3(config) => config.rfc6381(),
            Self::Eac3(config) => config.rfc6381(),
            Self::Script => String::new(),
        }
    }

    /// The shape of its pictures, for a video codec.
    pub fn video(&self) -> Option<VideoShape> {
        match self {
            Self::Avc(config) => Some(config.shape),
            Self::Hevc(config) => Some(config.shape),
            Self::Av1(config) => Some(config.shape),
            Self::Vp8(config) | Self::Vp9(config) => Some(config.shape),
            Self::Vvc(config) => Some(config.shape),
            _ => None,
        }
    }

    /// The shape of its sound, for an audio codec.
    pub fn audio(&self) -> Option<AudioShape> {
        match self {
            Self::Aac(config) => Some(config.shape),
            Self::Mp3(config) => Some(config.shape),
            Self::Opus(config) => Some(config.shape),
            Self::Flac(config) => Some(config.shape),
            Self::Ac3(config) => Some(config.shape),
            Self::Eac3(config) => Some(config.shape),
            _ => None,
        }
    }
}

/// Checks a picture size that a bitstream announced.
fn picture_size(record: &'static str, width: u32, height: u32) -> Result<VideoShape, ConfigError> {
    let accepted = MIN_PICTURE..=MAX_PICTURE;
    if accepted.contains(&width) && accepted.contains(&height) {
        return Ok(VideoShape::new(width, height));
    }
    Err(ConfigError::new(record, 0, ConfigProblem::PictureSize { width, height }))
}

/// Frames per second from a bitstream's clock, where it is one that pictures can have.
fn frame_rate(time_scale: u32, ticks_per_frame: u64) -> Option<f64> {
    let rate = f64::from(time_scale) / ticks_per_frame as f64;
    (0.1..=1000.0).contains(&rate).then_some(rate)
}
