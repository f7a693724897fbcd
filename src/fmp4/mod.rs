//! Fragmented MP4 (CMAF): init segments, fragments, and the fragmenter that learns each sample's duration.
//!
//! Pure. Knows nothing of playlists or of sockets.
