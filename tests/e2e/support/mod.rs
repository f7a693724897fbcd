//! What the end-to-end tests share: a gateway to test, clients that read to the letter, and FFmpeg's opinion of what they read.

pub mod dash;
pub mod hls;
pub mod house;
pub mod http;
pub mod media;
pub mod show;
pub mod viewers;

use std::time::Duration;

/// Nothing here takes longer unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often players look for something new.
pub const POLL: Duration = Duration::from_millis(400);
