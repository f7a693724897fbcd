//! FLV tags and their bodies, legacy and Enhanced: demultiplexed into samples, multiplexed into wire units.
//!
//! Pure. RTMP messages carry the same bodies, so this serves both.

mod audio;
mod body;
mod channels;
mod color_info;
mod demux;
mod dialect;
mod error;
mod lane;
pub mod mux;
mod muxer;
mod origin;
pub mod reader;
mod script;
pub mod tag;
mod video;

#[cfg(test)]
mod tests;

pub use body::{MAX_MOD_EX, MAX_TRACKS};
pub use demux::{Demuxer, Drops, Item, Uncarried};
pub use dialect::{Dialect, FlvVariant, HevcForm};
pub use error::{DemuxError, ReadError};
pub use mux::{MessageBody, WireTime};
pub use muxer::Muxer;
pub use origin::{Origin, REBASE_MS};
pub use reader::Reader;
pub use script::{MAX_EXTRA, MAX_EXTRA_TEXT, MAX_SCRIPT, metadata};
pub use tag::{FileHeader, TagHeader, TagKind};
