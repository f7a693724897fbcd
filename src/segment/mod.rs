//! Cutting a stream into parts and segments, and the window of those that viewers can still ask for.
