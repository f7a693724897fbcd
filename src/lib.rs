//! Sluicegate, a live gateway: one RTMP stream in, every player out.
//!
//! This file is the map. Imports go down the ranks only, never sideways; `tests/architecture.rs` reads the sources and keeps it so.
//!
//! | rank | modules |
//! |---|---|
//! | 0 | [`media`], [`amf0`] |
//! | 1 | [`flv`], [`fmp4`] |
//! | 2 | [`bus`], [`rtmp`] wire and session, [`segment`] segmenter and window, [`transcode`], `net`, `check::finding`, `check::exchange` |
//! | 3 | `auth`, `ingest`, `feed`, `egress`, `segment::task`, `spool`, [`hls`], [`dash`], `check::media` |
//! | 4 | `outlet`, `check::transport`, `check::hls`, `check::dash` |
//! | 5 | `rtmp::server`, `http`, `check`, `transcode::supervisor` |
//! | 6 | `config` |
//! | 7 | `gateway` |
//! | 8 | `main` |
//!
//! `telemetry` is a leaf that ranks 2 and up may name. Everything that needs tokio sits behind the feature `server`.

#![forbid(unsafe_code)]

pub mod amf0;
pub mod bus;
pub mod dash;
pub mod flv;
pub mod fmp4;
pub mod hls;
pub mod ingest;
pub mod media;
pub mod rtmp;
pub mod segment;
pub mod transcode;

#[cfg(feature = "server")]
pub mod auth;
#[cfg(feature = "server")]
pub mod check;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod egress;
#[cfg(feature = "server")]
pub mod feed;
#[cfg(feature = "server")]
pub mod gateway;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "server")]
pub mod outlet;
#[cfg(feature = "server")]
pub mod spool;
#[cfg(feature = "server")]
pub mod telemetry;
