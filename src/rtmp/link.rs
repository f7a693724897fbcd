//! What both ends of a connection do alike once hands are shaken: read messages, acknowledge bytes, answer pings, write.

use bytes::{Bytes, BytesMut};

use super::chunk::{self, Message};
use super::message::{self, Typed, UserControl};
use super::{command, handshake};

/// The smallest window acknowledged at its word: a peer that asks for an answer to every byte gets one for every 64 KiB.
const MIN_WINDOW: u32 = 64 << 10;

/// The window until the peer names one; encoders that wait for acknowledgements do not all ask for them.
const DEFAULT_WINDOW: u32 = 2_500_000;

/// Chunk streams that we write on. A server leaves those of the media, and 8, to [`unit`](super::unit): its own messages say only what
/// changed since the last one on their chunk stream.
pub(super) mod csid {
    pub const CONTROL: u32 = 2;
    pub const COMMAND: u32 = 3;
    pub const AUDIO: u32 = 4;
    pub const STATUS: u32 = 5;
    pub const VIDEO: u32 = 6;
    pub const DATA: u32 = 7;
}

/// What ended a connection: bytes that are not RTMP, or not in their place. Positions count from the end of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// In the handshake.
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    /// In the chunk stream.
    #[error(transparent)]
    Chunk(#[from] chunk::Error),
    /// In a message.
    #[error("before byte {position}: {error}")]
    Message {
        /// Where the message ends.
        position: u64,
        /// What is wrong with it.
        error: message::Error,
    },
    /// In a command.
    #[error("before byte {position}: {error}")]
    Command {
        /// Where the command ends.
        position: u64,
        /// What is wrong with it.
        error: command::Error,
    },
    /// A command that needs a connection came before connect.
    #[error("before byte {position}: {command} before connect")]
    NotConnected {
        /// Where the command ends.
        position: u64,
        /// Its name.
        command: &'static str,
    },
    /// Connect came twice.
    #[error("before byte {position}: connect on a connection that is open")]
    SecondConnect {
        /// Where the command ends.
        position: u64,
    },
}

/// A message that is not about the connection itself.
#[derive(Debug)]
pub(super) struct Incoming {
    pub timestamp: u32,
    pub msid: u32,
    pub body: Typed,
}

#[derive(Debug)]
pub(super) struct Link {
    reader: chunk::Reader,
    writer: chunk::Writer,
    out: BytesMut,
    peer_window: u32,
    acknowledged: u64,
    own_window: Option<u32>,
}

impl Link {
    pub fn new(options: chunk::Options) -> Self {
        Self {
            reader: chunk::Reader::new(options),
            writer: chunk::Writer::default(),
            out: BytesMut::new(),
            peer_window: DEFAULT_WINDOW,
            acknowledged: 0,
            own_window: None,
        }
    }

    /// What the peer may send from here on.
    pub fn set_limits(&mut self, options: chunk::Options) {
        self.reader.set_options(options);
    }

    /// The next message that the connection itself has no answer to.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Incoming>, Error> {
        loop {
            let message = self.reader.read(input)?;
            self.acknowledge();
            let Some(Message { timestamp, type_id, msid, payload, .. }) = message else { return Ok(None) };
            let body = Typed::parse(type_id, payload).map_err(|error| self.message_error(error))?;
            match body {
                Typed::WindowAckSize(window) => self.peer_window = window.max(MIN_WINDOW),
                Typed::SetPeerBandwidth { window, .. } if self.own_window != Some(window) => {
                    self.own_window = Some(window);
                    self.control(Typed::WindowAckSize(window));
                }
                Typed::UserControl(UserControl::PingRequest(value)) => self.control(Typed::UserControl(UserControl::PingResponse(value))),
                Typed::Acknowledgement(_) | Typed::SetPeerBandwidth { .. } => {}
                body => return Ok(Some(Incoming { timestamp, msid, body })),
            }
        }
    }

    pub fn message_error(&self, error: message::Error) -> Error {
        Error::Message { position: self.position(), error }
    }

    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    pub fn reader(&self) -> &chunk::Reader {
        &self.reader
    }

    /// Bytes that wait to be taken.
    pub fn unsent(&self) -> usize {
        self.out.len()
    }

    /// Where the handshake writes.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    pub fn take_output(&mut self) -> Option<Bytes> {
        // With the room behind it, which would be that of the handshake for as long as the connection lasts.
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out).freeze())
    }

    pub fn control(&mut self, body: Typed) {
        if let Typed::WindowAckSize(window) = body {
            self.own_window = Some(window);
        }
        self.send(csid::CONTROL, 0, 0, body);
    }

    pub fn announce_chunk_size(&mut self, size: u32) {
        let payload = Bytes::copy_from_slice(&size.to_be_bytes());
        let message = Message { csid: csid::CONTROL, timestamp: 0, type_id: chunk::SET_CHUNK_SIZE, msid: 0, payload };
        self.writer.write(&message, &mut self.out);
        self.writer.set_chunk_size(size);
    }

    pub fn command(&mut self, msid: u32, payload: Bytes) {
        let csid = if msid == 0 { csid::COMMAND } else { csid::STATUS };
        self.send(csid, msid, 0, Typed::Command(payload));
    }

    pub fn send(&mut self, csid: u32, msid: u32, timestamp: u32, body: Typed) {
        let (type_id, payload) = body.into_wire();
        self.writer.write(&Message { csid, timestamp, type_id, msid, payload }, &mut self.out);
    }

    fn acknowledge(&mut self) {
        let position = self.reader.position();
        if position - self.acknowledged >= u64::from(self.peer_window) {
            self.acknowledged = position;
            self.control(Typed::Acknowledgement(position as u32)); // Modulo 2^32, as the specification has it.
        }
    }
}
