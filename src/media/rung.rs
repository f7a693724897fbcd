//! Rungs: video tracks that the gateway makes from its source, and what can be told of one before it has a picture.

use std::sync::Arc;

use super::track::{Kind, TrackId};

/// The number of the first rung's track. Publishers number theirs below it, so a rung is never taken for one of those, nor ever leads.
pub const FIRST_RUNG: u8 = 16;

/// What a rung is to be. Players choose by this until its first pictures tell more.
#[derive(Clone, PartialEq, Debug)]
pub struct Rung {
    /// Its track, which keeps its number for as long as the stream is configured so.
    pub track: TrackId,
    /// Its name in addresses, such as `720p`.
    pub label: Arc<str>,
    /// RFC 6381, such as `avc1.64001f`.
    pub codecs: String,
    /// Picture width in pixels.
    pub width: u32,
    /// Picture height in pixels.
    pub height: u32,
    /// Frames per second, where the source's are known.
    pub frame_rate: Option<f64>,
    /// Bits per second that its encoder aims at.
    pub bit_rate: u64,
    /// Bits per second that it does not exceed for long.
    pub peak: u64,
}

impl TrackId {
    /// The ladder's sound, where it is coded anew.
    pub const SOUND: Self = Self { kind: Kind::Audio, index: FIRST_RUNG };

    /// The track of the rung at that place of the configured list, counted from 0; none for a place that no track number is left for.
    pub fn rung(place: usize) -> Option<Self> {
        let index = u8::try_from(place).ok()?.checked_add(FIRST_RUNG)?;
        Some(Self { kind: Kind::Video, index })
    }

    /// Whether it is a rung's, or the sound beside them.
    pub fn is_rung(self) -> bool {
        self.kind != Kind::Data && self.index >= FIRST_RUNG
    }
}
