//! Status codes: how either side says what became of a command (RTMP 1.0 section 7.2, and what encoders act upon).

use crate::amf0::{Value, object};

/// A status code, as `code` in the information object of `_result`, `_error` and `onStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The connection is open.
    ConnectSuccess,
    /// The connection is refused.
    ConnectRejected,
    /// There is no such app.
    ConnectInvalidApp,
    /// The server closes the connection.
    ConnectClosed,
    /// The server shuts down.
    ConnectAppShutdown,
    /// The client should connect anew, while this connection still serves it (Enhanced RTMP v2, section "Reconnect Request").
    ConnectReconnectRequest,
    /// A command could not be carried out.
    CallFailed,
    /// The stream may be sent.
    PublishStart,
    /// The name is taken or cannot be one.
    PublishBadName,
    /// This client may not publish here.
    PublishDenied,
    /// The stream has ended.
    UnpublishSuccess,
    /// The player starts afresh.
    PlayReset,
    /// The stream follows.
    PlayStart,
    /// The stream has ended.
    PlayStop,
    /// There is no such stream.
    PlayStreamNotFound,
    /// The stream cannot be played.
    PlayFailed,
    /// The stream has a publisher again.
    PlayPublishNotify,
    /// The stream has no publisher any more.
    PlayUnpublishNotify,
    /// The player's halt is granted.
    PauseNotify,
    /// The player's going on is granted.
    UnpauseNotify,
    /// The player's seek is answered.
    SeekNotify,
}

impl Code {
    /// As it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectSuccess => "NetConnection.Connect.Success",
            Self::ConnectRejected => "NetConnection.Connect.Rejected",
            Self::ConnectInvalidApp => "NetConnection.Connect.InvalidApp",
            Self::ConnectClosed => "NetConnection.Connect.Closed",
            Self::ConnectAppShutdown => "NetConnection.Connect.AppShutdown",
            Self::ConnectReconnectRequest => "NetConnection.Connect.ReconnectRequest",
            Self::CallFailed => "NetConnection.Call.Failed",
            Self::PublishStart => "NetStream.Publish.Start",
            Self::PublishBadName => "NetStream.Publish.BadName",
            Self::PublishDenied => "NetStream.Publish.Denied",
            Self::UnpublishSuccess => "NetStream.Unpublish.Success",
            Self::PlayReset => "NetStream.Play.Reset",
            Self::PlayStart => "NetStream.Play.Start",
            Self::PlayStop => "NetStream.Play.Stop",
            Self::PlayStreamNotFound => "NetStream.Play.StreamNotFound",
            Self::PlayFailed => "NetStream.Play.Failed",
            Self::PlayPublishNotify => "NetStream.Play.PublishNotify",
            Self::PlayUnpublishNotify => "NetStream.Play.UnpublishNotify",
            Self::PauseNotify => "NetStream.Pause.Notify",
            Self::UnpauseNotify => "NetStream.Unpause.Notify",
            Self::SeekNotify => "NetStream.Seek.Notify",
        }
    }

    /// `error` where the command failed; FFmpeg gives up on any error, whatever its code.
    #[must_use]
    pub const fn level(self) -> &'static str {
        match self {
            Self::ConnectRejected
            | Self::ConnectInvalidApp
            | Self::CallFailed
            | Self::PublishBadName
            | Self::PublishDenied
            | Self::PlayStreamNotFound
            | Self::PlayFailed => "error",
            _ => "status",
        }
    }

    /// The information object.
    #[must_use]
    pub fn information(self, description: &str) -> Value {
        object([("level", self.level().into()), ("code", self.as_str().into()), ("description", description.into())])
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
