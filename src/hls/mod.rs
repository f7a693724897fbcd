//! HLS playlists as pure functions of a segment snapshot, and requests for them parsed into typed values.
