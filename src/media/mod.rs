//! The vocabulary of media: time, tracks, samples and codec configurations.
//!
//! Pure, and knows no container, protocol or runtime.
