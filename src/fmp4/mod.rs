//! Fragmented MP4 (ISO/IEC 14496-12) as CMAF (ISO/IEC 23000-19) wants it: init segments, fragments, and the fragmenter that learns
//! each sample's duration.
//!
//! Pure: samples in, bytes out. When to cut is not decided here, nor where the bytes go.

pub mod batch;
pub mod boxes;
pub mod emsg;
pub mod error;
pub mod fragment;
pub mod fragmenter;
pub mod init;
pub mod layout;
pub mod mime;
pub mod reader;
mod sample_entry;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use emsg::EventMessage;
pub use error::Error;
pub use fragment::{Fragment, FragmentInfo};
pub use fragmenter::{Fragmenter, TimedSample};
pub use init::init_segment;
pub use layout::{Layout, Prft, ReorderDelay, SequenceNumber, TimeMeaning, TrackNumber};
pub use mime::mime;
pub use sample_entry::is_carried;
