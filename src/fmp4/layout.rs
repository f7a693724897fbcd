//! How a fragment is to be written: its numbers, its times, and what stands before its `moof`.

use std::time::Duration;

use bytes::Bytes;

/// A track_ID: the number of a track within its init segment, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackNumber(u32);

impl TrackNumber {
    /// The only track of a CMAF track file.
    pub const ONLY: Self = Self(1);

    /// The track at that position, from 0, among those given to [`init_segment`](super::init_segment).
    pub fn at(position: usize) -> Self {
        Self(u32::try_from(position).map_or(u32::MAX, |position| position.saturating_add(1)))
    }

    /// The number as written.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The number of a fragment in its `mfhd`: one more than that of the fragment before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SequenceNumber(u32);

impl SequenceNumber {
    /// The first one.
    pub const FIRST: Self = Self(1);

    /// A given number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number as written.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The one behind it; the numbers begin anew when 32 bits are used up.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl Default for SequenceNumber {
    fn default() -> Self {
        Self::FIRST
    }
}

/// D: the composition time of a track's first sync sample of the epoch, in ticks of the track.
///
/// A fragment's decoding times are written D later and its composition offsets D smaller, so that presentation times stay where they
/// are and the first `tfdt` equals the first presentation time, with and without B-frames.
///
/// FFmpeg's demuxer (seen in 5.1) adds the largest negative offset back to every presentation time where no edit list speaks against
/// it, so that it shows such video D later than its sound; [`ReorderDelay::NONE`] is legal too and read exactly by all, which is why
/// every exit uses that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReorderDelay(pub i32);

impl ReorderDelay {
    /// Decoding times as they are, composition offsets as sent.
    pub const NONE: Self = Self(0);
}

/// What the wall-clock time of a [`Prft`] means (ISO/IEC 14496-12 §8.16.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeMeaning {
    /// When the picture entered the encoder.
    EncoderInput,
    /// When it left the encoder.
    EncoderOutput,
    /// When the `moof` was finished.
    Finalised,
    /// When the `moof` was written.
    Written,
    /// Arbitrary, but consistent within the track.
    Arbitrary,
    /// The real time of the event shown, but for a small consistent offset.
    Captured,
}

impl TimeMeaning {
    /// The flags of the box.
    pub(super) const fn flags(self) -> u32 {
        match self {
            Self::EncoderInput => 0,
            Self::EncoderOutput => 1,
            Self::Finalised => 2,
            Self::Written => 4,
            Self::Arbitrary => 8,
            Self::Captured => 24,
        }
    }
}

/// A producer reference time: which moment of the wall clock belongs to the fragment's earliest presentation time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prft {
    /// Time since the Unix epoch.
    pub unix: Duration,
    /// What that time means.
    pub meaning: TimeMeaning,
}

/// How a fragment is written.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The track's number in its init segment.
    pub track: TrackNumber,
    /// The fragment's own number.
    pub sequence: SequenceNumber,
    /// The track's D.
    pub delay: ReorderDelay,
    /// Whether a [`STYP`](super::fragment::STYP) comes first: only for the first fragment of a segment.
    pub styp: bool,
    /// A producer reference time to put before the `moof`.
    pub prft: Option<Prft>,
    /// Event messages to put there: whole boxes.
    pub events: Bytes,
    /// Zero bytes to leave before everything, for a frame header of the transport.
    pub reserve_front: usize,
}

impl Layout {
    /// A bare `moof` and `mdat`.
    pub fn new(track: TrackNumber, sequence: SequenceNumber, delay: ReorderDelay) -> Self {
        Self { track, sequence, delay, styp: false, prft: None, events: Bytes::new(), reserve_front: 0 }
    }
}
