//! One viewer without its socket: what to write next, and what to make of what it sends. Bytes and time in, bytes out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tungstenite::protocol::frame::coding::CloseCode;

use super::batch::Batch;
use super::control::{self, Peer, Said};
use super::options::Policy;
use super::pump::{Filled, Over, Source};
use crate::bus::{End, Gate, StreamName};

/// How long a viewer may take to close its side once we have said goodbye.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a viewer may take to say the message that its protocol begins with.
const GREETING: Duration = Duration::from_secs(10);

/// What is put around the source's bytes on the connection.
#[derive(Debug)]
pub enum Transport {
    /// Nothing: the answer lasts until the connection closes.
    Raw,
    /// HTTP/1.1 chunks, one per batch (RFC 9112 §7.1).
    Chunked,
    /// WebSocket frames, which the source has framed already.
    WebSocket(Box<Peer>),
}

/// Who watches what, for the log.
#[derive(Clone, Debug)]
pub struct Who {
    /// The stream watched.
    pub stream: StreamName,
    /// By which exit, as [`Stream::enter`](crate::bus::Stream::enter) counts it.
    pub exit: &'static str,
    /// The viewer's end of the connection, where it is known.
    pub address: Option<SocketAddr>,
}

/// Why a viewer left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Departure {
    /// There was no more media for it.
    #[error(transparent)]
    Over(Over),
    /// It closed the connection.
    #[error("closed by the viewer")]
    Left,
    /// The connection broke; many players leave like this, with media on its way to them.
    #[error("connection reset")]
    Broken,
    /// It took nothing for too long.
    #[error("too slow: it took nothing for too long")]
    Stuck,
    /// It did not answer a ping.
    #[error("no answer to a ping")]
    Silent,
    /// It sent what it must not.
    #[error(transparent)]
    Misbehaved(control::Refused),
    /// It did not say the message that its protocol begins with.
    #[error("no greeting in time")]
    NoGreeting,
}

/// What a viewer wants of its socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Bytes were put into the batch: write them.
    Write,
    /// Nothing to write for now.
    Idle,
    /// Everything is said: close the sending side and wait for the other.
    Finish,
    /// Both sides have said everything: close the connection.
    Close,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Waits for the client's first message.
    Greeting {
        until: Instant,
    },
    Streaming,
    /// All is said or will be with `farewell`.
    Leaving {
        until: Instant,
        why: Departure,
        /// Whether the client has said goodbye, too.
        answered: bool,
    },
}

/// One viewer.
#[derive(Debug)]
pub struct Viewer {
    who: Who,
    source: Box<dyn Source>,
    transport: Transport,
    policy: Arc<Policy>,
    state: State,
    /// Goes out before everything else: the answer's head.
    head: Bytes,
    /// Goes out after everything else.
    farewell: Bytes,
    opened: Instant,
    sent: u64,
    /// Since when there is something unsent that the socket does not take.
    blocked: Option<Instant>,
    /// Whether it had to wait since it last got something new, so that it may be behind.
    waited: bool,
}

impl Viewer {
    /// A viewer of `source`, whose answer begins with `head`.
    pub fn new(who: Who, source: Box<dyn Source>, transport: Transport, head: Bytes, policy: Arc<Policy>, now: Instant) -> Self {
        let (state, farewell) = (State::Streaming, Bytes::new());
        Self { who, source, transport, policy, state, head, farewell, opened: now, sent: 0, blocked: None, waited: false }
    }

    /// Holds the media back until the client has sent a text message.
    #[must_use]
    pub fn after_greeting(mut self) -> Self {
        self.state = State::Greeting { until: self.opened + GREETING };
        self
    }

    /// Where its media comes from.
    pub fn source(&mut self) -> &mut dyn Source {
        &mut *self.source
    }

    /// Joins the channel: see [`Source::attach`].
    pub fn attach(&mut self, gate: &Arc<Gate>) {
        self.source.attach(gate);
    }

    /// Puts what is to be written next into `out`, which is empty. Whatever it puts must be written before it is asked again.
    pub fn next(&mut self, now: Instant, out: &mut Batch) -> Next {
        if std::mem::take(&mut self.waited) {
            self.source.catch_up();
        }
        out.push(std::mem::take(&mut self.head));
        let leaving = self.is_leaving();
        if let Transport::WebSocket(peer) = &mut self.transport
            && !leaving
            && let Some(frame) = peer.due(Duration::from_secs(self.policy.options.ping_s.into()), now)
        {
            out.push(frame);
        }
        if self.state == State::Streaming {
            self.fill(now, out);
        }
        if let State::Leaving { .. } = self.state {
            out.push(std::mem::take(&mut self.farewell));
        }
        match self.state {
            _ if !out.is_empty() => Next::Write,
            State::Leaving { answered: true, .. } => Next::Close,
            State::Leaving { answered: false, .. } => Next::Finish,
            State::Greeting { .. } | State::Streaming => Next::Idle,
        }
    }

    /// Notes that the socket took `bytes`.
    pub fn wrote(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.blocked = None;
        self.policy.counters.bytes.add(bytes as u64);
        self.policy.counters.writes.add(1);
    }

    /// Notes that the socket takes no more for now.
    pub fn block(&mut self, now: Instant) {
        self.blocked.get_or_insert(now);
        self.waited = true;
    }

    /// Takes what the client sent. True when there is something to write now.
    pub fn input(&mut self, bytes: &[u8], now: Instant) -> bool {
        let Transport::WebSocket(peer) = &mut self.transport else {
            // An HTTP client has nothing more to say; what it says is passed over.
            return false;
        };
        if let State::Leaving { why: Departure::Misbehaved(_), .. } = self.state {
            // What follows a broken frame cannot be told apart from it.
            return false;
        }
        let mut said = Vec::new();
        if let Err(refused) = peer.input(bytes, now, &mut said) {
            self.policy.counters.misbehaved.add(1);
            tracing::debug!(%refused, "a viewer's frames are refused");
            self.leave(Departure::Misbehaved(refused), control::close(refused.code(), ""), now);
            return true;
        }
        for word in said {
            match (word, self.state) {
                (Said::Close(answer), State::Greeting { .. } | State::Streaming) => {
                    self.leave(Departure::Left, answer, now);
                    self.note_answer();
                }
                (Said::Text(_), State::Greeting { .. }) => self.state = State::Streaming,
                (Said::Close(_), State::Leaving { .. }) => self.note_answer(),
                (Said::Text(_), State::Streaming | State::Leaving { .. }) => {}
            }
        }
        true
    }

    /// Looks at the deadlines: `Err` when the connection must be dropped now, `Ok(true)` when there is something to write.
    ///
    /// # Errors
    /// Says why it must be dropped.
    pub fn tick(&mut self, now: Instant) -> Result<bool, Departure> {
        let options = &self.policy.options;
        if self.blocked.is_some_and(|since| now.saturating_duration_since(since) >= options.stuck()) {
            self.policy.counters.stuck.add(1);
            return Err(Departure::Stuck);
        }
        match self.state {
            State::Leaving { until, why, .. } if until <= now => return Err(why),
            State::Greeting { until } if until <= now => {
                self.leave(Departure::NoGreeting, control::close(CloseCode::Policy, "no greeting"), now);
                return Ok(true);
            }
            State::Leaving { .. } | State::Greeting { .. } | State::Streaming => {}
        }
        let Transport::WebSocket(peer) = &self.transport else { return Ok(false) };
        if peer.is_silent(Duration::from_secs(options.pong_s.into()), now) {
            self.policy.counters.silent.add(1);
            return Err(Departure::Silent);
        }
        Ok(!self.is_leaving() && peer.is_due(Duration::from_secs(options.ping_s.into()), now))
    }

    /// The last frame for a client that is dropped while a frame boundary allows one more.
    pub fn last_word(&self, why: Departure) -> Option<Bytes> {
        match (&self.transport, why) {
            (Transport::WebSocket(_), Departure::Stuck) => Some(control::close(CloseCode::Again, "too slow")),
            (Transport::WebSocket(_), Departure::Silent) => Some(control::close(CloseCode::Policy, "no answer to a ping")),
            _ => None,
        }
    }

    /// Why it left, as far as the viewer itself knows; a connection that ends while it streams has left.
    pub fn departure(&self) -> Departure {
        match self.state {
            State::Leaving { why, .. } => why,
            State::Greeting { .. } | State::Streaming => Departure::Left,
        }
    }

    /// Logs the viewer's totals.
    pub fn log(&self, why: Departure, now: Instant) {
        let seconds = now.saturating_duration_since(self.opened).as_secs();
        let Who { stream, exit, address } = &self.who;
        let address = address.map(tracing::field::display);
        tracing::info!(%stream, exit, address, seconds, bytes = self.sent, skips = self.source.skips(), %why, "viewer left");
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    fn fill(&mut self, now: Instant, out: &mut Batch) {
        let mark = out.mark();
        let before = out.len();
        let filled = self.source.fill(out);
        let bytes = out.len() - before;
        if bytes > 0 && matches!(self.transport, Transport::Chunked) {
            out.insert(mark, Bytes::from(format!("{bytes:x}\r\n")));
            out.push(Bytes::from_static(b"\r\n"));
        }
        if let Filled::Over(over) = filled {
            let farewell = match (&self.transport, over) {
                (Transport::Raw, _) => Bytes::new(),
                (Transport::Chunked, _) => Bytes::from_static(b"0\r\n\r\n"),
                (Transport::WebSocket(_), Over::Ended(End::Shutdown)) => control::close(CloseCode::Away, "the gateway is shutting down"),
                (Transport::WebSocket(_), Over::Ended(End::Unpublished)) => control::close(CloseCode::Normal, "the stream has ended"),
                (Transport::WebSocket(_), Over::Changed) => control::close(CloseCode::Restart, "the configuration changed"),
            };
            self.leave(Departure::Over(over), farewell, now);
        }
    }

    fn leave(&mut self, why: Departure, farewell: Bytes, now: Instant) {
        if !self.is_leaving() {
            self.state = State::Leaving { until: now + FAREWELL, why, answered: false };
            self.farewell = farewell;
        }
    }

    /// Both sides have sent their close frame, so that the server closes the connection (RFC 6455 §7.1.1).
    fn note_answer(&mut self) {
        if let State::Leaving { answered, .. } = &mut self.state {
            *answered = true;
        }
    }
}
