//! Which rungs a source gets: what the operator wishes, resolved against what the publisher sends.

use serde::{Deserialize, Serialize};

use super::level;
use super::sound::AUDIO_BIT_RATES;
use crate::media::codec::MAX_PICTURE;

/// Most rungs of one ladder. With the publisher's own tracks they must be numbered within [`crate::flv::MAX_TRACKS`].
pub const MAX_RUNGS: usize = 8;
/// The lowest rung: smaller pictures tell nothing, and encoders begin to refuse them.
pub const MIN_HEIGHT: u32 = 64;
/// Most pixels of a picture that is decoded here: 8192 by 4352, which level 6.2 of H.264 and HEVC ends with. A decoder may have to hold
/// seventeen of them; of larger ones a publisher of a few bytes could fill the machine's memory.
pub const MAX_SOURCE_PIXELS: u64 = 8_192 * 4_352;
/// The bit rates that encoders are asked for, in bits per second.
pub const BIT_RATES: std::ops::RangeInclusive<u32> = 16_000..=200_000_000;
/// The frame rates that encoders reckon with, in frames per second.
pub const FRAME_RATES: std::ops::RangeInclusive<f64> = 0.01..=1_000.0;
/// Most bytes of a rung's name, which stands in addresses.
pub const MAX_NAME: usize = 32;

/// By how much a frame rate may exceed a cap and still count as within it, in thousandths: 30 means 30.3, too.
const RATE_SLACK: f64 = 1.02;
/// How near two sizes are that viewers would not choose between, in percent of the shorter side.
const ALIKE_PERCENT: u32 = 10;
/// The largest divisor of a frame rate: that of the highest rate and the lowest cap.
const MOST_EVERY: f64 = 1_000.0;
/// The frame rate that is reckoned with where a source tells none.
const UNKNOWN_RATE: f64 = 60.0;

/// One rung as the operator wishes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungOptions {
    /// What it is called in addresses and playlists: letters, digits and hyphens. Empty for its height: `720p`.
    #[serde(default)]
    pub name: String,
    /// Lines of a landscape picture; columns of a portrait one. In both the shorter side, an even number of pixels, and so the same whether or
    /// not the picture is turned before it is shown.
    pub height: u32,
    /// Most frames per second; 0 for as many as the source has. The source's rate is divided by a whole number until it fits.
    #[serde(default)]
    pub max_frame_rate: f64,
    /// Bits per second of video, on average over a second.
    pub bit_rate: u32,
    /// How it is coded.
    #[serde(default)]
    pub codec: RungCodec,
    /// The encoder's preset; empty for the one that suits live streams ([`RungCodec::preset`]). What it means is the encoder's affair.
    #[serde(default)]
    pub preset: String,
    /// The codec's profile; empty for the one that players expect ([`RungCodec::profile`]).
    #[serde(default)]
    pub profile: String,
    /// What encodes it.
    #[serde(default)]
    pub encoder: Encoder,
    /// Rungs of higher priority are kept longer when the machine cannot keep up; of equal ones the smaller.
    #[serde(default)]
    pub priority: u8,
}

/// How a rung is coded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RungCodec {
    /// H.264, which plays everywhere.
    #[default]
    H264,
    /// HEVC.
    Hevc,
    /// AV1.
    Av1,
}

/// What encodes a rung. Where libav does not offer what was asked for, or the hardware refuses, software does it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoder {
    /// x264, x265 or SVT-AV1.
    #[default]
    Software,
    /// VA-API, on the first device there is.
    Vaapi,
    /// NVIDIA's encoder.
    Nvenc,
    /// Intel's Quick Sync Video.
    Qsv,
}

/// What is known of the source's video before anything of it is decoded.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Source {
    /// Width in pixels, after cropping.
    pub width: u32,
    /// Height in pixels, after cropping.
    pub height: u32,
    /// Frames per second, where the bitstream or the publisher tells.
    pub frame_rate: Option<f64>,
}

/// One rung as it is made: a wish resolved against a source.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// What it is called.
    pub name: String,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Every how manieth frame of the source it has, counted from each sync sample on; 1 for all. Sync samples are never left out.
    pub every: u32,
    /// Frames per second to be expected, for the encoder's arithmetic; where the source tells none, a guess from above.
    pub frame_rate: f64,
    /// Bits per second on average over a second. What a second holds may be up to twice that at worst.
    pub bit_rate: u32,
    /// How it is coded.
    pub codec: RungCodec,
    /// The encoder's preset.
    pub preset: String,
    /// The codec's profile.
    pub profile: String,
    /// The level, in the codec's own numbers: see [`level`].
    pub level: u8,
    /// What encodes it.
    pub encoder: Encoder,
    /// See [`RungOptions::priority`].
    pub priority: u8,
}

/// A wish that cannot be fulfilled for any source.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum LadderError {
    /// Too many rungs.
    #[error("{0} rungs, more than {MAX_RUNGS}")]
    TooMany(usize),
    /// A name with other characters, or too long.
    #[error("'{0}' is no name: letters, digits and hyphens, at most {MAX_NAME}")]
    Name(String),
    /// Two rungs of one name.
    #[error("two rungs are called '{0}'")]
    Twice(String),
    /// A height that is odd or out of bounds.
    #[error("{name}: a height of {height}: even, from {MIN_HEIGHT} to {MAX_PICTURE}")]
    Height {
        /// The rung.
        name: String,
        /// Its height.
        height: u32,
    },
    /// A frame rate that is no number or below one.
    #[error("{name}: at most {rate} frames per second: 0 for no limit, or from 1 to 1000")]
    FrameRate {
        /// The rung.
        name: String,
        /// Its cap.
        rate: f64,
    },
    /// A bit rate out of bounds.
    #[error("{name}: {bit_rate} bits per second: from {} to {}", BIT_RATES.start(), BIT_RATES.end())]
    BitRate {
        /// The rung.
        name: String,
        /// Its bit rate.
        bit_rate: u32,
    },
    /// A bit rate of sound out of bounds.
    #[error("{bit_rate} bits per second of sound: from {} to {}", AUDIO_BIT_RATES.start(), AUDIO_BIT_RATES.end())]
    Sound {
        /// The bit rate.
        bit_rate: u32,
    },
    /// A preset or profile that no encoder can have.
    #[error("{name}: '{word}' is no preset or profile: small letters and digits, at most {MAX_NAME}")]
    Word {
        /// The rung.
        name: String,
        /// The word.
        word: String,
    },
}

impl RungOptions {
    /// An H.264 rung of that height, at most `max_frame_rate` frames per second (0 for all) and `bit_rate` bits per second.
    pub fn new(height: u32, max_frame_rate: f64, bit_rate: u32) -> Self {
        Self {
            name: String::new(),
            height,
            max_frame_rate,
            bit_rate,
            codec: RungCodec::default(),
            preset: String::new(),
            profile: String::new(),
            encoder: Encoder::default(),
            priority: 0,
        }
    }

    /// What it is called.
    pub fn name(&self) -> String {
        if self.name.is_empty() { format!("{}p", self.height) } else { self.name.clone() }
    }

    fn check(&self) -> Result<(), LadderError> {
        let name = self.name();
        if !is_name(&name) {
            return Err(LadderError::Name(name));
        }
        if !self.height.is_multiple_of(2) || !(MIN_HEIGHT..=MAX_PICTURE).contains(&self.height) {
            return Err(LadderError::Height { name, height: self.height });
        }
        if self.max_frame_rate != 0.0 && !(1.0..=*FRAME_RATES.end()).contains(&self.max_frame_rate) {
            return Err(LadderError::FrameRate { name, rate: self.max_frame_rate });
        }
        if !BIT_RATES.contains(&self.bit_rate) {
            return Err(LadderError::BitRate { name, bit_rate: self.bit_rate });
        }
        match [&self.preset, &self.profile].into_iter().find(|word| !is_word(word)) {
            Some(word) => Err(LadderError::Word { name, word: word.clone() }),
            None => Ok(()),
        }
    }

    fn resolve(&self, source: &Source) -> Option<Rung> {
        let (width, height) = size(source, self.height)?;
        let every = every(source.frame_rate, self.max_frame_rate);
        let frame_rate = source.frame_rate.unwrap_or(UNKNOWN_RATE) / f64::from(every);
        // To thousandths: what is told in decimals comes back as it was.
        let frame_rate = ((frame_rate * 1e3).round() / 1e3).clamp(*FRAME_RATES.start(), *FRAME_RATES.end());
        let or = |word: &str, default: &str| if word.is_empty() { default.to_owned() } else { word.to_owned() };
        let level = level::lowest(self.codec, (width, height), frame_rate, self.bit_rate);
        Some(Rung {
            name: self.name(),
            width,
            height,
            every,
            frame_rate,
            bit_rate: self.bit_rate,
            codec: self.codec,
            preset: or(&self.preset, self.codec.preset()),
            profile: or(&self.profile, self.codec.profile()),
            level,
            encoder: self.encoder,
            priority: self.priority,
        })
    }
}

impl RungCodec {
    /// The preset of its software encoder that a live stream can afford.
    pub const fn preset(self) -> &'static str {
        match self {
            Self::H264 => "veryfast",
            Self::Hevc => "ultrafast",
            Self::Av1 => "10",
        }
    }

    /// The profile that its players expect.
    pub const fn profile(self) -> &'static str {
        match self {
            Self::H264 => "high",
            Self::Hevc | Self::Av1 => "main",
        }
    }
}

/// The rungs that are made where the operator says nothing of them: 1080p and 720p at the source's rate up to 60, 480p and 360p up to 30.
pub fn default_rungs() -> Vec<RungOptions> {
    [(1080, 60.0, 4_800_000), (720, 60.0, 2_800_000), (480, 30.0, 1_400_000), (360, 30.0, 800_000)]
        .map(|(height, rate, bit_rate)| RungOptions::new(height, rate, bit_rate))
        .into()
}

/// Whether these rungs can be made of some source.
///
/// # Errors
/// The first thing that is wrong with them.
pub fn check(wishes: &[RungOptions]) -> Result<(), LadderError> {
    if wishes.len() > MAX_RUNGS {
        return Err(LadderError::TooMany(wishes.len()));
    }
    for (position, wish) in wishes.iter().enumerate() {
        wish.check()?;
        if wishes[..position].iter().any(|other| other.name() == wish.name()) {
            return Err(LadderError::Twice(wish.name()));
        }
    }
    Ok(())
}

/// The rungs to make of this source, in the order of the wishes. Those at or above the source's size are left out, and those that the
/// publisher sends himself, about as large: `present` are the sizes of his further video tracks. None where the source is too large to be
/// decoded.
pub fn resolve(wishes: &[RungOptions], source: &Source, present: &[(u32, u32)]) -> Vec<Rung> {
    if u64::from(source.width) * u64::from(source.height) > MAX_SOURCE_PIXELS {
        return Vec::new();
    }
    let is_present = |rung: &Rung| present.iter().any(|&size| are_alike(shorter((rung.width, rung.height)), shorter(size)));
    wishes.iter().filter_map(|wish| wish.resolve(source)).filter(|rung| !is_present(rung)).take(MAX_RUNGS).collect()
}

/// In which order rungs are given up when the machine cannot keep up: positions, the first to go first. The costliest go before the
/// others, for their viewers have the source above and a rung below, and those of the smallest have nothing else.
pub fn shedding_order(rungs: &[Rung]) -> Vec<usize> {
    let mut order: Vec<_> = (0..rungs.len()).collect();
    let cost = |rung: &Rung| u64::from(rung.width) * u64::from(rung.height);
    order.sort_by_key(|&at| (rungs[at].priority, std::cmp::Reverse(cost(&rungs[at]))));
    order
}

/// Whether a word can be a rung's name.
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a word can be a preset or a profile, or none.
pub(super) fn is_word(word: &str) -> bool {
    word.len() <= MAX_NAME && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The size with the given shorter side and the source's aspect; none where that is no smaller than the source.
fn size(source: &Source, short: u32) -> Option<(u32, u32)> {
    let (own, long) = (shorter((source.width, source.height)), source.width.max(source.height));
    if short >= own {
        return None;
    }
    // To the nearest even number: chroma has half as many lines and columns.
    let halves = (u64::from(long) * u64::from(short) + u64::from(own)) / (2 * u64::from(own));
    let long = u32::try_from(2 * halves).unwrap_or(MAX_PICTURE);
    Some(if source.width >= source.height { (long, short) } else { (short, long) })
}

/// The least whole number that divides the rate until it fits.
fn every(rate: Option<f64>, cap: f64) -> u32 {
    match rate {
        Some(rate) if cap >= 1.0 => (rate / (cap * RATE_SLACK)).ceil().clamp(1.0, MOST_EVERY) as u32,
        _ => 1,
    }
}

fn shorter((width, height): (u32, u32)) -> u32 {
    width.min(height)
}

fn are_alike(a: u32, b: u32) -> bool {
    u64::from(a.abs_diff(b)) * 100 <= u64::from(a) * u64::from(ALIKE_PERCENT)
}
