//! What holds at every instant of any stream.
