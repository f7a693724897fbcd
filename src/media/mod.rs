//! The vocabulary of media: time, tracks, samples and codec configurations.
//!
//! Pure, and knows no container, protocol or runtime.

pub mod bits;
pub mod clock;
pub mod codec;
pub mod date;
pub mod sample;
pub mod selection;
pub mod time;
pub mod track;

pub use codec::{AudioShape, Codec, VideoShape};
pub use sample::{Sample, Script};
pub use selection::{Pick, Selection, SelectionError};
pub use time::{Span, Timescale, Timestamp, WallClock};
pub use track::{Epoch, Kind, MetaValue, Metadata, Program, Track, TrackId, TrackSet};
