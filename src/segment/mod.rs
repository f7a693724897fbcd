//! Cutting a stream into parts and segments, and the window of those that viewers can still ask for.
//!
//! Samples and times go in, a [`snapshot::Snapshot`] comes out; HLS and DASH are both written from it and share every media file. Only
//! `task` reads a clock. What does not belong here: playlist or manifest syntax, HTTP, and waiting.
//!
//! | module | what it does |
//! |---|---|
//! | [`segmenter`] | decides where all tracks are cut |
//! | `alignment` | tells whether a video track can be changed to at the cuts |
//! | `lane` | gathers one track's samples into parts and segments |
//! | `chunks` | writes the samples of a part |
//! | [`iframes`] | the pictures that can be shown by themselves, and where they lie in the segments |
//! | [`cue`], `cues` | moments that the publisher marks: read from script messages, set on the wall clock and kept |
//! | [`events`] | the same as events in the parts, for players of DASH |
//! | [`forecast`] | tells where the next cuts will fall |
//! | [`steady`] | tells whether slots are equally long |
//! | `presentation` | sets finished slots on the wall clock and gathers them into periods |
//! | `meter` | measures bit rates |
//! | [`window`] | keeps slots while viewers may ask for them |
//! | [`body`] | where a segment's bytes are |
//! | [`pieces`] | a file whose bytes lie in several places |
//! | [`budget`] | bytes that all streams share |
//! | [`snapshot`] | what viewers can know at one instant |
//! | [`listing`] | one track of a snapshot, as a playlist lists it |
//! | [`slots`] | long runs of slots that many snapshots share |
//! | [`request`] | the names of all files |
//! | `task` | feeds a segmenter from the bus |

mod alignment;
pub mod body;
pub mod budget;
mod chunks;
pub mod cue;
mod cues;
pub mod events;
pub mod forecast;
pub mod iframes;
mod lane;
pub mod listing;
mod meter;
pub mod options;
pub mod pieces;
mod presentation;
pub mod request;
pub mod segmenter;
pub mod slots;
pub mod snapshot;
pub mod steady;
#[cfg(feature = "server")]
pub mod task;
pub mod window;
