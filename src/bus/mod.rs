//! The media bus: a window of entries, channels that publish and subscribe to it, and the registry of live streams.
//!
//! Knows no wire format and no runtime.
