//! What is said of a connection: to its peer in codes, to the operator in words.

use crate::auth::{Action, Denied};
use crate::bus::{NameError, PublishRefused, StreamName};
use crate::media::{SelectionError, TrackId};
use crate::net::{Hello, Refused};
use crate::outlet::TooManyVariants;
use crate::rtmp::handshake;
use crate::rtmp::session::{CloseReason, Deadline, Error};
use crate::rtmp::status::Code;

/// Longest encoder name kept for the operator, in characters.
const MAX_ENCODER: usize = 128;
/// Longest path that is logged, in characters: a name that is valid is no longer, and a message may hold megabytes.
const MAX_LOGGED_PATH: usize = 256;

/// Why publishing or playing is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Not a stream name: {0}.")]
    Name(#[from] NameError),
    #[error("Refused: {0}.")]
    Denied(#[from] Denied),
    #[error("Refused: whether this is allowed could not be found out in time.")]
    Late,
    #[error("Refused: {0}.")]
    Registry(#[from] PublishRefused),
    #[error("'{0}' is not being published.")]
    Absent(StreamName),
    #[error("'{0}' is there, but has not sent any media yet; try again.")]
    Unsettled(StreamName),
    #[error("track: {0}.")]
    Selection(#[from] SelectionError),
    #[error("'{0}' has no track {1}.")]
    NoTrack(StreamName, TrackId),
    #[error("'{0}' has nothing that RTMP can carry.")]
    Unplayable(StreamName),
    #[error("Refused: {0}.")]
    Variants(#[from] TooManyVariants),
    #[error("No more viewers are taken: {0}.")]
    Full(#[from] Refused),
}

impl Refusal {
    /// The code that encoders and players act upon.
    pub fn code(&self, action: Action) -> Code {
        match (self, action) {
            (Self::Registry(PublishRefused::ShuttingDown), _) => Code::ConnectAppShutdown,
            (Self::Name(_) | Self::Registry(PublishRefused::NameTaken(_)), Action::Publish) => Code::PublishBadName,
            (Self::Denied(_) | Self::Late | Self::Registry(PublishRefused::Full(_)), Action::Publish) => Code::PublishDenied,
            (Self::Name(_) | Self::Absent(_) | Self::Unsettled(_) | Self::NoTrack(..), _) => Code::PlayStreamNotFound,
            (Self::Selection(_) | Self::Unplayable(_) | Self::Variants(_) | Self::Full(_), _) => Code::PlayFailed,
            (Self::Denied(_) | Self::Late | Self::Registry(_), Action::Play) => Code::PlayFailed,
        }
    }
}

/// Why a connection ended, in one word for metrics.
pub(super) fn label(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Failed(Error::Handshake(_)) => "bad_handshake",
        CloseReason::Failed(Error::Chunk(_)) => "bad_chunk",
        CloseReason::Failed(Error::Message { .. }) => "bad_message",
        CloseReason::Failed(Error::Command { .. } | Error::NotConnected { .. } | Error::SecondConnect { .. }) => "bad_command",
        CloseReason::Refused(_) => "refused",
        CloseReason::SecondRequest => "second_request",
        CloseReason::Deadline(Deadline::Handshake) => "late_handshake",
        CloseReason::Deadline(Deadline::Media) => "silent",
        CloseReason::Deadline(Deadline::Connect | Deadline::Request) => "late_request",
        CloseReason::HandshakeCut => "cut_handshake",
        CloseReason::Eof => "peer",
        CloseReason::Server(Code::PublishBadName) => "superseded",
        CloseReason::Server(Code::PublishDenied) => "sent_away",
        CloseReason::Server(_) => "shutdown",
    }
}

/// What to do about a peer that came to the wrong port.
pub(super) fn hint(reason: &CloseReason) -> Option<&'static str> {
    let CloseReason::Failed(Error::Handshake(handshake::Error::NotRtmp(first))) = reason else { return None };
    match Hello::of(*first) {
        Hello::Tls => Some("it speaks TLS: RTMPS needs a port of its own (rtmp.tls_listen), or rtmp.sniff = true"),
        Hello::Http => Some("it speaks HTTP: that is served at http.listen; rtmp.sniff = true would tell it so"),
        Hello::Rtmp | Hello::Unknown(_) => None,
    }
}

/// A path as it may stand in the log: some encoders percent-encode the question mark, and a key behind it must not be read there.
pub(super) fn loggable(path: &str) -> String {
    let end = path.find(['?', '&', '=']).unwrap_or(path.len());
    let end = path[..end].char_indices().nth(MAX_LOGGED_PATH).map_or(end, |(at, _)| at);
    let hidden = if end < path.len() { "…" } else { "" };
    format!("{}{hidden}", path[..end].escape_debug())
}

/// What an encoder calls itself, fit for the log and the API.
pub(super) fn encoder(flash_ver: &str) -> Option<String> {
    (!flash_ver.is_empty()).then(|| flash_ver.chars().filter(|c| !c.is_control()).take(MAX_ENCODER).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_encoded_into_the_name_is_not_logged() {
        assert_eq!(loggable("live/a"), "live/a");
        assert_eq!(loggable("live/a?key=hunter2"), "live/a…");
        assert_eq!(loggable("live/key=hunter2"), "live/key…");
        assert_eq!(loggable("live/a\u{1b}[2J"), "live/a\\u{1b}[2J");
    }

    #[test]
    fn what_is_logged_of_a_peer_has_an_end() {
        let long = "ü".repeat(100_000);
        assert_eq!(loggable(&long), format!("{}…", "ü".repeat(MAX_LOGGED_PATH)));
        assert_eq!(encoder(&long), Some("ü".repeat(MAX_ENCODER)));
        assert_eq!(encoder("\u{1b}[2JOBS"), Some("[2JOBS".to_owned()));
    }
}
