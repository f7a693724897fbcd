//! The DASH manifest as a pure function of a segment snapshot (ISO/IEC 23009-1).
//!
//! Knows neither samples nor sockets. File names come from [`segment::request`](crate::segment::request).

mod adaptation;
mod descriptors;
mod events;
mod following;
pub mod low_latency;
mod manifest;
mod text;

pub use manifest::{manifest, manifest_after, manifest_by};
