//! Watching a stream: asks for playlists and manifests as a player does, for parts and segments as they are listed, and for
//! what a server must refuse.
//!
//! Finds nothing by itself but the order of events: what is wrong with an answer, a playlist or a segment is said by the pure modules.

pub mod conduct;
mod dash;
mod fetch;
mod follow;
mod ledger;
mod open;
mod probes;
pub mod tell;

pub use ledger::Summary;
pub use open::{Opened, Options, Unwatchable, Watched, open};
