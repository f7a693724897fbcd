//! Whole manifests, and what an independent parser makes of them.
