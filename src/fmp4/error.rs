//! What can be wrong with tracks and samples that are to become fragmented MP4.

use crate::media::{Timestamp, TrackId};

/// Why an init segment or a fragment could not be made. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An init segment of no tracks.
    #[error("an init segment needs at least one track")]
    NoTracks,
    /// A track whose samples have no place in a media file.
    #[error("track {track} carries {codec}, which has no MP4 sample entry")]
    NoSampleEntry {
        /// The track.
        track: TrackId,
        /// Its codec, for people.
        codec: &'static str,
    },
    /// A picture larger than the 16-bit fields of the visual sample entry, or of no size at all.
    #[error("track {track} announces a picture of {width}x{height}; both must be between 1 and 65535")]
    PictureSize {
        /// The track.
        track: TrackId,
        /// Announced width in pixels.
        width: u32,
        /// Announced height in pixels.
        height: u32,
    },
    /// The box library refused a value.
    #[error("a box of the init segment could not be written: {0}")]
    Box(#[from] mp4_atom::Error),
    /// A sample of another track, or in another timescale, than this fragmenter, batch or fragment holds.
    #[error("a sample of track {got} at {at:?} came where track {expected} in ticks of 1/{scale} s is written")]
    WrongTrack {
        /// The track that is written here.
        expected: TrackId,
        /// Its ticks per second.
        scale: u32,
        /// The sample's track.
        got: TrackId,
        /// The sample's decoding time.
        at: Timestamp,
    },
    /// A sample without bytes; players reject it.
    #[error("the sample of track {track} at {at:?} is empty")]
    EmptySample {
        /// The track.
        track: TrackId,
        /// The sample's decoding time.
        at: Timestamp,
    },
    /// A track that begins with a sample nothing can be decoded from.
    #[error("track {track} begins at {at:?} with a sample that is no sync sample")]
    BeforeFirstSync {
        /// The track.
        track: TrackId,
        /// The sample's decoding time.
        at: Timestamp,
    },
    /// A sample that is not decoded later than the one before it, so that the one before would last no time.
    #[error("the sample of track {track} at {at:?} is not later than the one before it at {last:?}")]
    NotIncreasing {
        /// The track.
        track: TrackId,
        /// Decoding time of the sample before.
        last: Timestamp,
        /// The sample's decoding time.
        at: Timestamp,
    },
    /// A sample that would last longer than a `trun` can say.
    #[error("the sample of track {track} at {at:?} would last {ticks} ticks, more than 32 bits hold")]
    TooLong {
        /// The track.
        track: TrackId,
        /// The sample's decoding time.
        at: Timestamp,
        /// Its would-be duration in ticks.
        ticks: i64,
    },
    /// A decoding time before zero, which `tfdt` cannot say.
    #[error("the fragment of track {track} would begin at {ticks} ticks; a tfdt is never negative")]
    BeforeZero {
        /// The track.
        track: TrackId,
        /// The would-be base media decode time in ticks.
        ticks: i64,
    },
    /// A composition offset beyond 32 bits.
    #[error("the composition offset of the sample of track {track} at {at:?} is {ticks} ticks, more than 32 bits hold")]
    CompositionOffset {
        /// The track.
        track: TrackId,
        /// The sample's decoding time.
        at: Timestamp,
        /// The would-be offset in ticks.
        ticks: i64,
    },
    /// A fragment of no samples.
    #[error("a fragment needs at least one sample")]
    NoSamples,
    /// A sample that does not begin where the one before it in the same fragment ends.
    #[error("the sample of track {track} at {at:?} does not begin where the one before it ends, at {expected} ticks")]
    Discontinuous {
        /// The track.
        track: TrackId,
        /// The sample's decoding time.
        at: Timestamp,
        /// Where the sample before it ends, in ticks.
        expected: i64,
    },
    /// More in one fragment than [`MAX_SAMPLES`](super::fragment::MAX_SAMPLES) or [`MAX_BYTES`](super::fragment::MAX_BYTES) allow.
    #[error("a fragment of track {track} would hold {samples} samples in {bytes} bytes")]
    TooLarge {
        /// The track.
        track: TrackId,
        /// Samples it would hold.
        samples: usize,
        /// Bytes of media it would hold.
        bytes: usize,
    },
}
