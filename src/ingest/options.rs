//! How publications are taken in.

use std::time::Duration;

/// How one publication is taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long the first media waits for a track of the other kind before the stream is shown without it.
    pub settle: Duration,
    /// How much faster than real time media may come at most: a publisher that is further ahead is held back.
    pub max_ahead: Duration,
    /// Whether VVC is carried.
    pub vvc: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { settle: Duration::from_secs(1), max_ahead: Duration::from_secs(5), vvc: false }
    }
}
