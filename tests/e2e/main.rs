//! The gateway as a whole on real sockets: FFmpeg publishes, and each exit is read back and compared with what was sent.
//!
//! Tests called `realtime_*` publish in real time and run one at a time.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../ingest_support/mod.rs"]
mod ingest_support;
mod support;

mod age;
mod api;
mod beginning;
mod cli;
mod console;
mod crowd;
mod door;
mod exits;
mod guests;
mod hostile;
mod keys;
mod ladder;
mod low_latency;
#[cfg(feature = "transcode")]
mod made;
mod misuse;
mod play;
mod reconnect;
mod rungs;
mod scrub;
mod siege;
mod slow;
#[cfg(feature = "transcode")]
mod sounds;
#[cfg(feature = "transcode")]
mod sources;
mod stop;
mod throng;
mod timeshift;
mod tracks;
