//! The composition root: binds, builds, spawns, and drains with a deadline.
