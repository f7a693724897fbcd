//! The state machine.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rand::Rng;

use super::event::{CloseReason, Deadline, Event, PlayControl, Request, RequestId, StaleRequest, UnpublishReason};
use super::{Error, Options, enhanced};
use crate::amf0::Value;
use crate::rtmp::address::Address;
use crate::rtmp::command::{self, Command, Connect};
use crate::rtmp::link::{Incoming, Link};
use crate::rtmp::message::{self, Limit, Typed, UserControl};
use crate::rtmp::status::Code;
use crate::rtmp::unit::{CHUNK_SIZE, MESSAGE_STREAM};
use crate::rtmp::{chunk, handshake};

/// The server's end of one connection.
///
/// Its owner reads bytes into a buffer, calls [`Session::poll_event`] until there is none, sends what [`Session::poll_output`] gives, and
/// calls [`Session::handle_timeout`] when [`Session::deadline`] comes. It reads on only while no
/// request waits for its answer and while its own writing keeps up: that bounds the answers a peer can provoke.
#[derive(Debug)]
pub struct Session {
    pub(super) options: Options,
    pub(super) link: Link,
    pub(super) stage: Stage,
    pub(super) connect: Option<Connect>,
    pub(super) events: VecDeque<Event>,
    /// What is left of an aggregate: read one by one, so that small messages do not become many large values at a time.
    pub(super) aggregated: VecDeque<message::Aggregated>,
    /// When the present stage began or, while publishing, when media last came.
    pub(super) since: Instant,
    next_request: u32,
    pub(super) ignored: u64,
}

#[derive(Debug)]
pub(super) enum Stage {
    Handshake(handshake::Server),
    /// Before connect, and between connect and a request.
    Open,
    Deciding {
        id: RequestId,
        msid: u32,
        intent: Intent,
    },
    Publishing {
        msid: u32,
    },
    Playing {
        msid: u32,
    },
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Publish,
    Play {
        /// Whether what played before is to be dropped.
        reset: bool,
    },
}

impl Session {
    /// For a connection accepted now. `rng` fills the handshake's arbitrary bytes.
    #[must_use]
    pub fn new(options: Options, now: Instant, rng: &mut impl Rng) -> Self {
        Self {
            link: Link::new(options.chunk.for_commands()),
            options,
            stage: Stage::Handshake(handshake::Server::new(rng)),
            connect: None,
            events: VecDeque::new(),
            aggregated: VecDeque::new(),
            since: now,
            next_request: 0,
            ignored: 0,
        }
    }

    /// The next event, taking from `input` what it needs. None: everything usable has been taken, or an answer to a request is awaited.
    pub fn poll_event(&mut self, now: Instant, input: &mut BytesMut) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Some(message) = self.aggregated.pop_front() {
                self.on_aggregated(message, now);
                continue;
            }
            let step = match &mut self.stage {
                Stage::Deciding { .. } | Stage::Closed => return None,
                Stage::Handshake(handshake) => match handshake.advance(input, self.link.output()) {
                    Ok(handshake::Progress::Waiting) => return None,
                    Ok(handshake::Progress::Done) => {
                        self.enter(Stage::Open, now);
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                },
                Stage::Open | Stage::Publishing { .. } | Stage::Playing { .. } => match self.link.next(input) {
                    Ok(Some(incoming)) => self.on_message(incoming, now),
                    Ok(None) => return None,
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = step {
                self.say(Code::CallFailed, &error.to_string());
                self.end(CloseReason::Failed(error), UnpublishReason::ConnectionLost);
            }
        }
    }

    /// Bytes to send, as many as there are.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        self.link.take_output()
    }

    /// Bytes that [`Session::poll_output`] would give.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.link.unsent()
    }

    /// When to call [`Session::handle_timeout`], unless something happens before. None: nothing is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.awaited().map(|(_, wait)| self.since + wait)
    }

    /// Ends the connection if its deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.give_up();
        }
    }

    /// Waits no longer for what the peer owes, whatever the deadline: its owner's patience has ended.
    pub fn give_up(&mut self) {
        if let Some((deadline, _)) = self.awaited() {
            self.say(Code::ConnectClosed, &deadline.to_string());
            self.end(CloseReason::Deadline(deadline), UnpublishReason::ConnectionLost);
        }
    }

    /// The peer has closed its socket, or it broke.
    pub fn handle_eof(&mut self) {
        let reason = if matches!(self.stage, Stage::Handshake(_)) { CloseReason::HandshakeCut } else { CloseReason::Eof };
        self.end(reason, UnpublishReason::ConnectionLost);
    }

    /// Lets the client publish: only now does it hear Publish.Start.
    ///
    /// # Errors
    /// The request is no longer open.
    pub fn accept_publish(&mut self, id: RequestId, now: Instant) -> Result<(), StaleRequest> {
        let (msid, Intent::Publish) = self.open_request(id)? else { return Err(StaleRequest) };
        self.link.set_limits(self.options.chunk);
        self.link.control(Typed::UserControl(UserControl::StreamBegin(msid)));
        self.link.command(msid, command::on_status(Code::PublishStart, "Publishing."));
        self.enter(Stage::Publishing { msid }, now);
        Ok(())
    }

    /// Refuses a request and ends the connection: encoders act on the code, but not all of them hang up.
    ///
    /// # Errors
    /// The request is no longer open.
    pub fn refuse(&mut self, id: RequestId, code: Code, description: &str) -> Result<(), StaleRequest> {
        match self.stage {
            Stage::Deciding { id: open, .. } if open == id => {
                self.say(code, description);
                self.end(CloseReason::Refused(code), UnpublishReason::Server);
                Ok(())
            }
            _ => Err(StaleRequest),
        }
    }

    /// Ends the connection by our own will, telling the peer why.
    pub fn close(&mut self, code: Code, description: &str) {
        if !matches!(self.stage, Stage::Closed) {
            self.say(code, description);
            self.end(CloseReason::Server(code), UnpublishReason::Server);
        }
    }

    /// Messages that nothing was done with: unknown types, and media outside a publish.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The state of the chunk stream, for what it counts.
    #[must_use]
    pub fn chunks(&self) -> &chunk::Reader {
        self.link.reader()
    }

    fn on_message(&mut self, Incoming { timestamp, msid, body }: Incoming, now: Instant) -> Result<(), Error> {
        match body {
            Typed::Audio(payload) => self.on_media(now, Event::Audio { timestamp, payload }),
            Typed::Video(payload) => self.on_media(now, Event::Video { timestamp, payload }),
            Typed::Data(payload) => self.on_data(timestamp, &payload),
            Typed::Command(payload) => {
                let parsed = Command::parse(&payload);
                let command = parsed.map_err(|error| Error::Command { position: self.link.position(), error })?;
                self.on_command(command, msid, now)?;
            }
            Typed::Aggregate(payload) => {
                let messages = message::split_aggregate(timestamp, payload).map_err(|error| self.link.message_error(error))?;
                self.aggregated = messages.into();
            }
            _ => self.ignored += 1,
        }
        Ok(())
    }

    fn on_command(&mut self, command: Command, msid: u32, now: Instant) -> Result<(), Error> {
        let position = self.link.position();
        match command {
            Command::Connect(_) if self.connect.is_some() => return Err(Error::SecondConnect { position }),
            Command::Connect(connect) => self.on_connect(*connect, now),
            Command::Publish { name, kind, .. } => {
                let connect = self.connect.clone().ok_or(Error::NotConnected { position, command: "publish" })?;
                self.on_request(Intent::Publish, connect, &name, kind, msid);
            }
            Command::Play2 { .. } => self.on_play2(msid),
            Command::Play { name, reset, .. } => {
                let connect = self.connect.clone().ok_or(Error::NotConnected { position, command: "play" })?;
                self.on_request(Intent::Play { reset }, connect, &name, String::new(), msid);
            }
            Command::CreateStream { tx } => self.answer(tx, Value::Number(f64::from(MESSAGE_STREAM))),
            Command::GetStreamLength { tx } => self.answer(tx, Value::Number(0.0)),
            Command::ReleaseStream { tx } | Command::CheckBandwidth { tx } | Command::Other { tx, .. } => self.answer(tx, Value::Undefined),
            Command::FcPublish { tx, name } => {
                self.answer(tx, Value::Undefined);
                // Appliances wait for this, one of them for its own transaction id in it.
                let information = Code::PublishStart.information(&name);
                self.link.command(0, command::command("onFCPublish", tx, [Value::Null, information]));
            }
            Command::FcUnpublish { tx, name } => {
                let information = Code::UnpublishSuccess.information(&name);
                self.link.command(0, command::command("onFCUnpublish", tx, [Value::Null, information]));
                self.answer(tx, Value::Undefined);
                self.on_unpublish(now);
            }
            Command::DeleteStream { msid: Some(other) } if other != MESSAGE_STREAM && Some(other) != self.stream() => self.ignored += 1,
            Command::DeleteStream { .. } | Command::CloseStream => self.on_unpublish(now),
            Command::Pause { paused, .. } => self.on_pause(paused),
            Command::Seek { .. } => self.on_seek(),
            Command::ReceiveAudio(wanted) => self.on_receive(PlayControl::ReceiveAudio(wanted), wanted),
            Command::ReceiveVideo(wanted) => self.on_receive(PlayControl::ReceiveVideo(wanted), wanted),
            Command::Result { .. } | Command::Error { .. } | Command::OnStatus { .. } => self.ignored += 1,
        }
        Ok(())
    }

    fn on_connect(&mut self, connect: Connect, now: Instant) {
        let window = self.options.window;
        self.link.control(Typed::WindowAckSize(window));
        self.link.control(Typed::SetPeerBandwidth { window, limit: Limit::Dynamic });
        self.link.control(Typed::UserControl(UserControl::StreamBegin(0)));
        self.link.announce_chunk_size(CHUNK_SIZE);
        let capabilities = if connect.is_enhanced() { enhanced::capabilities(self.options.carries_vvc) } else { Vec::new() };
        self.link.command(0, command::connect_result(&connect, capabilities));
        self.connect = Some(connect);
        self.since = now;
    }

    fn on_request(&mut self, intent: Intent, connect: Connect, name: &str, kind: String, msid: u32) {
        // A player that asks for another stream has done with the one before.
        if let (Stage::Playing { .. }, Intent::Play { .. }) = (&self.stage, intent) {
            self.events.push_back(Event::PlayStopped);
        } else if !matches!(self.stage, Stage::Open) {
            let code = if intent == Intent::Publish { Code::PublishBadName } else { Code::PlayFailed };
            self.link.command(msid, command::on_status(code, "This connection already has a stream."));
            self.end(CloseReason::SecondRequest, UnpublishReason::ConnectionLost);
            return;
        }
        let id = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        let address = Address::resolve(connect.app(), connect.tc_url(), name);
        let request = Box::new(Request { id, msid, address, connect, kind });
        self.stage = Stage::Deciding { id, msid, intent };
        self.events.push_back(match intent {
            Intent::Publish => Event::PublishRequested(request),
            Intent::Play { .. } => Event::PlayRequested(request),
        });
    }

    fn on_unpublish(&mut self, now: Instant) {
        match self.stage {
            Stage::Publishing { msid } => {
                self.link.command(msid, command::on_status(Code::UnpublishSuccess, "Unpublished."));
                self.events.push_back(Event::Unpublish { reason: UnpublishReason::Encoder });
                self.enter(Stage::Open, now);
            }
            Stage::Playing { msid } => {
                self.stop_play(msid);
                self.enter(Stage::Open, now);
            }
            _ => {}
        }
    }

    /// Every command with a transaction id gets an answer, known or not: some encoders wait for each.
    fn answer(&mut self, tx: f64, value: Value) {
        if tx != 0.0 {
            self.link.command(0, command::result(tx, [Value::Null, value]));
        }
    }

    pub(super) fn open_request(&self, id: RequestId) -> Result<(u32, Intent), StaleRequest> {
        match self.stage {
            Stage::Deciding { id: open, msid, intent } if open == id => Ok((msid, intent)),
            _ => Err(StaleRequest),
        }
    }

    fn stream(&self) -> Option<u32> {
        match self.stage {
            Stage::Deciding { msid, .. } | Stage::Publishing { msid } | Stage::Playing { msid } => Some(msid),
            Stage::Handshake(_) | Stage::Open | Stage::Closed => None,
        }
    }

    /// Tells the peer how it stands, once it can understand that.
    fn say(&mut self, code: Code, description: &str) {
        if !matches!(self.stage, Stage::Handshake(_) | Stage::Closed) {
            self.link.command(self.stream().unwrap_or(0), command::on_status(code, description));
        }
    }

    fn awaited(&self) -> Option<(Deadline, Duration)> {
        match self.stage {
            Stage::Handshake(_) => Some((Deadline::Handshake, self.options.handshake_timeout)),
            Stage::Open if self.connect.is_none() => Some((Deadline::Connect, self.options.connect_timeout)),
            Stage::Open => Some((Deadline::Request, self.options.request_timeout)),
            Stage::Publishing { .. } => Some((Deadline::Media, self.options.media_timeout)),
            Stage::Deciding { .. } | Stage::Playing { .. } | Stage::Closed => None,
        }
    }

    pub(super) fn enter(&mut self, stage: Stage, now: Instant) {
        self.stage = stage;
        self.since = now;
    }

    fn end(&mut self, reason: CloseReason, unpublish: UnpublishReason) {
        if matches!(self.stage, Stage::Closed) {
            return;
        }
        if matches!(self.stage, Stage::Publishing { .. }) {
            self.events.push_back(Event::Unpublish { reason: unpublish });
        }
        self.stage = Stage::Closed;
        self.events.push_back(Event::Closed(reason));
    }
}
