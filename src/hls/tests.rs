//! Whole playlists, and what independent parsers make of them.
