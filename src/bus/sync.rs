//! What threads meet at here. The sources of [`gate`](super::gate) and [`channel`](super::channel) are checked once more with other ones in
//! their place, by a test that tries every order of events (`tests/interleavings.rs`).

pub use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

pub use atomic_waker::AtomicWaker;
pub use parking_lot::Mutex;
