//! `sluicegate check`: every rule has something that breaks it and is caught, and our own streams break none.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../ingest_support/mod.rs"]
mod ingest_support;

mod catalogue;
mod conduct;
mod exchange;
mod media;
mod periods;
mod server;
mod transport;
mod watch;
