//! The ladder's worker by itself: real clips go into its standard input, and what comes out is held to the plan.

#![cfg(feature = "transcode")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod captions;
mod damage;
mod linking;
mod orientation;
mod rungs;
mod sound;
mod source;
mod worker;
