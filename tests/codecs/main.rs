//! Every codec through every exit: a current FFmpeg publishes, and a reader that knows the codec gets each exit.
//!
//! `clips.rs` is the table: what is published, under which names it is announced, and which exit must leave out what.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../ingest_support/mod.rs"]
mod ingest_support;
#[allow(dead_code, reason = "the players that this binary does not need")]
#[path = "../e2e/support/mod.rs"]
mod support;

mod clips;
mod exits;
mod ffmpeg;
mod tracks;
mod vp8;
