//! The vocabulary of media: time, tracks, samples and codec configurations.
//!
//! Pure, and knows no container, protocol or runtime.

pub mod bits;
pub mod captions;
pub mod channels;
pub mod clock;
pub mod codec;
pub mod color;
pub mod date;
pub mod rung;
pub mod sample;
pub mod scte35;
pub mod selection;
pub mod time;
pub mod track;

pub use captions::Captions;
pub use channels::ChannelLayout;
pub use codec::{AudioShape, Codec, VideoShape};
pub use color::{ColorInfo, Hdr};
pub use rung::Rung;
pub use sample::{Sample, Script};
pub use selection::{Pick, Selection, SelectionError};
pub use time::{Span, Timescale, Timestamp, WallClock};
pub use track::{Epoch, Kind, MetaValue, Metadata, Program, Track, TrackId, TrackSet};
