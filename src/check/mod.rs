//! `sluicegate check URL`: watches a live stream as a player would, ours or another's, and tells every rule that it breaks.
//!
//! The rules are pure: a playlist, its history, the boxes of a segment and the fields of an answer go in, [`Finding`](finding::Finding)s
//! come out. Each rule is one [`Rule`](finding::Rule) with the section that demands it, and has a broken specimen among the tests.

pub mod catalogue;
pub mod dash;
pub mod exchange;
pub mod finding;
pub mod hls;
pub mod media;
pub mod transport;
pub mod watch;
