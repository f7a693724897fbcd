//! The segmenter with the playlists and manifests written from it: whole texts, behaviour, and properties of any stream.

mod behaviour;
mod boxes;
mod properties;
mod source;
mod texts;
