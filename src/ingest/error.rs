//! Why a publication cannot go on.

use std::time::Duration;

use crate::bus::Revoked;

/// A publisher that sends for so long without anything that can be played is sent away.
pub(super) const START_LIMIT: Duration = Duration::from_secs(15);

/// Why a publication cannot go on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IngestError {
    /// Another publisher took over, an operator disconnected this one, or the stream has ended.
    #[error(transparent)]
    Revoked(#[from] Revoked),
    /// Nothing that was sent can be played.
    #[error("nothing playable came within {} s: {last}", START_LIMIT.as_secs())]
    NothingPlayable {
        /// What was wrong last.
        last: String,
    },
    /// More than one change of configuration a second: every viewer would have to start anew each time.
    #[error("the codec configuration changed more than once a second for 10 s")]
    TooManyConfigs,
    /// More than one jump of the timestamps a second.
    #[error("the timestamps jumped more than once a second for 10 s")]
    TooManyJumps,
}
