//! What a session tells its owner.

use bytes::Bytes;

use super::Error;
use crate::amf0::{self, Value};
use crate::rtmp::address::Address;
use crate::rtmp::command::Connect;
use crate::rtmp::status::Code;

/// What happened on the connection, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The client wants to send a stream. Nothing more is read until `accept_publish` or `refuse`.
    PublishRequested(Box<Request>),
    /// The client wants to receive a stream. Nothing more is read until `accept_play` or `refuse`.
    PlayRequested(Box<Request>),
    /// Audio of the stream being published.
    Audio {
        /// Milliseconds modulo 2^32, as sent.
        timestamp: u32,
        /// An FLV audio tag's body.
        payload: Bytes,
    },
    /// Video of the stream being published.
    Video {
        /// Milliseconds modulo 2^32, as sent.
        timestamp: u32,
        /// An FLV video tag's body.
        payload: Bytes,
    },
    /// Script data of the stream being published, `@setDataFrame` taken off.
    Data {
        /// Milliseconds modulo 2^32, as sent.
        timestamp: u32,
        /// What it is: `onMetaData`, `onTextData`, `onCuePoint`, ...
        name: String,
        /// The values behind the name.
        values: Vec<Value>,
        /// Name and values written anew as AMF 0, an FLV script tag's body: well formed even where the encoder's was not.
        payload: Bytes,
    },
    /// Script data that could not be read, and was dropped.
    MalformedData {
        /// Milliseconds modulo 2^32, as sent.
        timestamp: u32,
        /// What is wrong with it.
        error: amf0::Error,
    },
    /// A player's wish about what it receives, already answered.
    Control(PlayControl),
    /// The player has ended its play; the connection may ask for another stream.
    PlayStopped,
    /// Nothing more of the stream comes. Always precedes [`Event::Closed`] where a stream was being published.
    Unpublish {
        /// By whose will.
        reason: UnpublishReason,
    },
    /// The last event: send what `poll_output` still holds, then close the socket.
    Closed(CloseReason),
}

/// A wish to publish or to play.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// To be given with the answer.
    pub id: RequestId,
    /// The message stream it came on.
    pub msid: u32,
    /// What for.
    pub address: Address,
    /// What the client said about itself.
    pub connect: Connect,
    /// `live`, `record` or `append` of a publisher; empty of a player.
    pub kind: String,
}

/// Names one request of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub(super) u32);

/// The request was answered already, or its connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request is no longer open")]
pub struct StaleRequest;

/// A player's wish about what it receives. What is sent again begins with the configurations and the newest key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayControl {
    /// True to halt, false to go on.
    Pause(bool),
    /// Whether audio is wanted.
    ReceiveAudio(bool),
    /// Whether video is wanted.
    ReceiveVideo(bool),
}

/// By whose will a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnpublishReason {
    /// The encoder said so (FCUnpublish, closeStream or deleteStream).
    #[error("stopped by the encoder")]
    Encoder,
    /// The connection ended without a word; the encoder may come back.
    #[error("connection lost")]
    ConnectionLost,
    /// We closed it: [`super::Session::close`].
    #[error("ended by the gateway")]
    Server,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// What the peer sent cannot be understood.
    #[error(transparent)]
    Failed(#[from] Error),
    /// A request was refused with this code.
    #[error("refused: {0}")]
    Refused(Code),
    /// Publish or play on a connection that already does one.
    #[error("a second publish or play on one connection")]
    SecondRequest,
    /// The peer let a deadline pass.
    #[error("{0}")]
    Deadline(Deadline),
    /// The peer closed the socket before hands were shaken, as port scanners and health checks do.
    #[error("closed by the peer before the handshake was finished")]
    HandshakeCut,
    /// The peer closed the socket.
    #[error("closed by the peer")]
    Eof,
    /// We closed it, with this code.
    #[error("closed by the gateway: {0}")]
    Server(Code),
}

/// What a peer was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Deadline {
    /// The handshake.
    #[error("handshake not finished in time")]
    Handshake,
    /// Connect.
    #[error("no connect in time")]
    Connect,
    /// Publish or play.
    #[error("no publish or play in time")]
    Request,
    /// Audio or video of the stream being published.
    #[error("publisher fell silent")]
    Media,
}
