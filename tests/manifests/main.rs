//! The segmenter with the playlists and manifests written from it: whole texts, behaviour, and properties of any stream.

// A helper that panics fails its test, which is what it is for.
#![allow(clippy::unwrap_used)]

mod behaviour;
mod boxes;
#[cfg(feature = "server")]
mod checked;
mod cues;
mod day;
mod drift;
mod events;
mod foretold;
#[cfg(feature = "server")]
mod held;
mod iframes;
mod ladder;
mod low_latency;
mod periods;
mod properties;
mod rates;
mod references;
mod regular;
mod rungs;
mod shapes;
mod sounds;
mod source;
mod stage;
mod texts;
mod times;
