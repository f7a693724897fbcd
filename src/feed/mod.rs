//! Feeds: a stream's samples made into shared wire units, once for all viewers of a format.
//!
//! A feed runs while somebody watches. Knows formats, but neither sockets nor viewers.

pub mod bodies;
pub mod flv;
pub mod foretell;
pub mod fragment;
pub mod framed;
pub mod lazy;
pub mod rtmp;
#[cfg(test)]
mod tests;

pub use flv::{FlvPreamble, FlvUnit};
pub use fragment::{Fragment, FragmentHead};
pub use framed::Framed;
pub use lazy::{FeedGuard, Item, Lazy, Maker, Options, Unit};
pub use rtmp::{RtmpPreamble, RtmpUnit, RtmpVariant};
