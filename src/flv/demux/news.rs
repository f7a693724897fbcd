//! What frames' messages tell that was not told before.

use crate::media::codec::sei::Messages;
use crate::media::{Captions, Hdr};

/// What was told of a track by its frames.
#[derive(Debug, Default)]
pub(super) struct News {
    captions: Captions,
    /// Whether there was a key frame since the configuration.
    looked: bool,
}

impl News {
    /// A new configuration is in force.
    pub fn begin(&mut self) {
        self.looked = false;
    }

    /// Of what a frame tells, that which is new. Of HDR only the first key frame behind a configuration is asked: a change costs viewers
    /// more than it gives them.
    pub fn of(&mut self, messages: Messages, is_key: bool) -> Messages {
        let hdr = if is_key && !std::mem::replace(&mut self.looked, true) { messages.hdr } else { Hdr::default() };
        let captions = self.captions.and(messages.captions);
        let before = std::mem::replace(&mut self.captions, captions);
        Messages { hdr, captions: if captions == before { Captions::default() } else { captions } }
    }
}
