//! Every rule that a stream can be held to.

use super::finding::Rule;
use super::{dash, hls, media, transport, watch};

/// All rules, those of each module together.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    media::rules().chain(transport::rules()).chain(hls::rules()).chain(dash::rules()).chain(watch::conduct::rules())
}
