//! Cutting a stream into parts and segments, and the window of those that viewers can still ask for.
//!
//! Bytes and times go in, a [`Snapshot`] comes out; HLS and DASH are both written from it and share every media file. Nothing here reads a
//! clock: the caller says what time it is. What does not belong here: playlist or manifest syntax, HTTP, and waiting.

mod lane;
pub mod options;
mod presentation;
pub mod request;
pub mod segmenter;
pub mod snapshot;
pub mod window;

pub use options::Options;
pub use request::{Request, RequestError};
pub use segmenter::{Boundary, Segmenter};
pub use snapshot::{
    Counters, Edge, Init, MediaSequence, OpenSegment, Part, PartNumber, Period, Phase, Rate, Segment, Slot, Snapshot, TrackStatus,
};
pub use window::Window;
