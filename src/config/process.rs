//! How the process as a whole behaves: the composition root has no module below it to keep this.

use serde::{Deserialize, Serialize};

/// `[gateway]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What viewers see when the gateway stops.
    pub shutdown: Shutdown,
    /// Seconds that viewers get to drain when the gateway stops.
    pub drain_s: u64,
    /// Threads that serve viewers; 0 for one on each core.
    pub threads: usize,
}

/// What viewers see when the gateway stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shutdown {
    /// Playlists and manifests stay open: players wait, and survive a restart.
    #[default]
    Pause,
    /// Playlists and manifests are ended, and stay readable for the drain.
    End,
}

impl Default for Options {
    fn default() -> Self {
        Self { shutdown: Shutdown::Pause, drain_s: 5, threads: 0 }
    }
}
