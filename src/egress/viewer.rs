//! One viewer without its socket: what to write next, and what to make of what it sends. Bytes and time in, bytes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;

use super::batch::Batch;
use super::options::Policy;
use super::pump::{Filled, Kinds, Over, Source, Step};
use super::talk::{Breach, Talk, Unanswered, Wish};
use crate::bus::{Gate, Sent, StreamName, ViewerGuard, Viewing};

/// How long a viewer may take to close its side once we have said goodbye.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a viewer may take to say the message that its protocol begins with.
const GREETING: Duration = Duration::from_secs(10);
/// Who leaves sooner has hardly watched, as those do who try again and again.
const BRIEF: Duration = Duration::from_secs(5);

/// What is put around the source's bytes on the connection.
#[derive(Debug)]
pub enum Envelope {
    /// Nothing: the answer lasts until the connection closes.
    Raw,
    /// HTTP/1.1 chunks, one per batch (RFC 9112 §7.1).
    Chunked,
    /// A protocol that goes on talking; the source's bytes are framed already.
    Talking(Box<dyn Talk>),
}

/// Who watches what.
#[derive(Clone, Debug)]
pub struct Who {
    /// The stream watched.
    pub stream: StreamName,
    /// What is told of the viewer.
    pub viewing: Arc<Viewing>,
    /// Where what it gets is counted for the stream as a whole.
    pub sent: Arc<Sent>,
}

/// Why a viewer left.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
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
    Misbehaved(Breach),
    /// It did not say the message that its protocol begins with.
    #[error("no greeting in time")]
    NoGreeting,
    /// It goes on without media.
    #[error("stopped by the viewer")]
    Released,
}

impl Who {
    /// The viewer that `guard` counts.
    pub fn of(guard: &ViewerGuard) -> Self {
        Self { stream: guard.stream().name().clone(), viewing: Arc::clone(guard.viewing()), sent: Arc::clone(guard.stream().sent()) }
    }
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
    /// The connection goes on without media: give it to [`Viewer::release`].
    Release,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// Waits for the client's first message.
    Greeting {
        until: Instant,
    },
    Streaming,
    /// The client wants no media for now.
    Halted,
    /// The client does without media from now on.
    Releasing,
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
    envelope: Envelope,
    policy: Arc<Policy>,
    state: State,
    /// Goes out before everything else: the answer's head.
    head: Bytes,
    /// Goes out after everything else.
    farewell: Bytes,
    opened: Instant,
    /// Since when there is something unsent that the socket does not take.
    blocked: Option<Instant>,
    /// Whether the conversation may have something to say: it is not asked before each batch, being far from what a batch needs.
    speaks: bool,
    /// Whether it had to wait since it last got something new, so that it may be behind.
    waited: bool,
    kinds: Kinds,
}

impl Viewer {
    /// A viewer of `source`, whose answer begins with `head`.
    pub fn new(who: Who, source: Box<dyn Source>, envelope: Envelope, head: Bytes, policy: Arc<Policy>, now: Instant) -> Self {
        Self {
            who,
            source,
            envelope,
            policy,
            state: State::Streaming,
            head,
            farewell: Bytes::new(),
            opened: now,
            blocked: None,
            speaks: true,
            waited: false,
            kinds: Kinds::ALL,
        }
    }

    /// Holds the media back until the client's greeting: [`Wish::Begin`].
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
        if let Envelope::Talking(talk) = &mut self.envelope
            && !leaving
            && std::mem::take(&mut self.speaks)
        {
            talk.put(now, out);
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
            State::Releasing => Next::Release,
            State::Greeting { .. } | State::Streaming | State::Halted => Next::Idle,
        }
    }

    /// Takes another viewer's step: see [`Source::take_step`]. Not where it has something of its own to say as well.
    pub fn take_step(&mut self, step: &Step) -> bool {
        let speaks = self.speaks && matches!(self.envelope, Envelope::Talking(_));
        let is_plain = self.state == State::Streaming && self.head.is_empty() && !speaks && !self.waited;
        is_plain && step.chunked == matches!(self.envelope, Envelope::Chunked) && self.source.take_step(step)
    }

    /// Notes that the socket took `bytes`.
    pub fn wrote(&mut self, bytes: usize) {
        self.who.viewing.note_sent(bytes as u64);
        self.blocked = None;
        self.who.sent.count(bytes);
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
        let Envelope::Talking(talk) = &mut self.envelope else {
            // An HTTP client has nothing more to say; what it says is passed over.
            return false;
        };
        if let State::Leaving { why: Departure::Misbehaved(_), .. } = self.state {
            // What follows a broken frame cannot be told apart from it.
            return false;
        }
        self.speaks = true;
        let mut wishes = Vec::new();
        let heard = talk.input(bytes, now, &mut wishes);
        self.grant(&wishes, now);
        if let Err(breach) = heard {
            self.policy.counters.misbehaved.add(1);
            tracing::debug!(%breach, "a viewer is sent away");
            self.leave(Departure::Misbehaved(breach), now);
        }
        true
    }

    /// Looks at the deadlines: `Err` when the connection must be dropped now, `Ok(true)` when there is something to write.
    ///
    /// # Errors
    /// Says why it must be dropped.
    pub fn tick(&mut self, now: Instant) -> Result<bool, Departure> {
        if self.blocked.is_some_and(|since| self.is_stuck(since, now)) {
            return Err(Departure::Stuck);
        }
        match &self.state {
            State::Leaving { until, why, .. } if *until <= now => return Err(why.clone()),
            State::Greeting { until } if *until <= now => {
                self.leave(Departure::NoGreeting, now);
                return Ok(true);
            }
            // Who takes no media does not come upon their end.
            State::Halted | State::Greeting { .. } => {
                if let Some(over) = self.source.over() {
                    self.leave(Departure::Over(over), now);
                    return Ok(true);
                }
            }
            State::Leaving { .. } | State::Streaming | State::Releasing => {}
        }
        let Envelope::Talking(talk) = &mut self.envelope else { return Ok(false) };
        match talk.tick(self.who.viewing.bytes(), now) {
            Ok(due) => {
                self.speaks |= due;
                Ok(due && !self.is_leaving())
            }
            Err(Unanswered) => {
                self.policy.counters.silent.add(1);
                Err(Departure::Silent)
            }
        }
    }

    /// Whether one that takes nothing since then is given up, which is counted.
    pub fn is_stuck(&self, since: Instant, now: Instant) -> bool {
        let stuck = now.saturating_duration_since(since) >= self.policy.options.stuck();
        if stuck {
            self.policy.counters.stuck.add(1);
        }
        stuck
    }

    /// The last words for a client that is dropped where the end of a unit allows some.
    pub fn last_word(&mut self, why: &Departure, now: Instant) -> Option<Bytes> {
        match (&mut self.envelope, why) {
            (Envelope::Talking(talk), Departure::Stuck | Departure::Silent) => Some(talk.farewell(why, now)),
            _ => None,
        }
    }

    /// Lets the conversation go on without media, on `io` if that was given to whoever serves the viewer.
    pub fn release(self, io: Option<TcpStream>) {
        if let Envelope::Talking(talk) = self.envelope {
            talk.release(io);
        }
    }

    /// Why it left, as far as the viewer itself knows; a connection that ends while it streams has left.
    pub fn departure(&self) -> Departure {
        match &self.state {
            State::Leaving { why, .. } => why.clone(),
            State::Releasing => Departure::Released,
            State::Greeting { .. } | State::Streaming | State::Halted => Departure::Left,
        }
    }

    /// Logs the viewer's totals.
    pub fn log(&self, why: &Departure, now: Instant) {
        let stayed = now.saturating_duration_since(self.opened);
        let seconds = stayed.as_secs();
        let Who { stream, viewing, .. } = &self.who;
        let (exit, bytes, skips) = (viewing.exit(), viewing.bytes(), viewing.skips());
        let address = viewing.address().map(tracing::field::display);
        // Told in two places, as a flood of lines from one is left out of the log: those who come and go then hide nobody who watched.
        if stayed < BRIEF {
            tracing::info!(%stream, exit, address, seconds, bytes, skips, %why, "viewer left");
        } else {
            tracing::info!(%stream, exit, address, seconds, bytes, skips, %why, "viewer left");
        }
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    fn fill(&mut self, now: Instant, out: &mut Batch) {
        let mark = out.mark();
        let before = out.len();
        let filled = self.source.fill(out);
        let bytes = out.len() - before;
        let chunked = matches!(self.envelope, Envelope::Chunked);
        // What is before it is for this viewer alone.
        out.note_step(out.step().filter(|_| before == 0).map(|step| step.as_chunk(chunked)));
        if bytes > 0 && chunked {
            let line = out.size_line(bytes);
            out.insert(mark, line);
            out.push(Bytes::from_static(b"\r\n"));
        }
        if let Filled::Over(over) = filled {
            self.leave(Departure::Over(over), now);
        }
    }

    fn grant(&mut self, wishes: &[Wish], now: Instant) {
        let mut anew = false;
        for wish in wishes {
            match (*wish, &mut self.state) {
                (Wish::Leave, State::Leaving { answered, .. }) => *answered = true,
                (_, State::Leaving { .. } | State::Releasing) => {}
                (Wish::Leave, _) => {
                    self.leave(Departure::Left, now);
                    self.note_answer();
                }
                (Wish::Release, _) => self.state = State::Releasing,
                (Wish::Begin, State::Greeting { .. }) => self.state = State::Streaming,
                (Wish::Halt, State::Streaming) => self.state = State::Halted,
                (Wish::Resume, State::Halted) => {
                    self.state = State::Streaming;
                    anew = true;
                }
                (Wish::Receive(kinds), _) => {
                    anew |= (kinds.audio && !self.kinds.audio) || (kinds.video && !self.kinds.video);
                    self.kinds = kinds;
                    self.source.set_kinds(kinds);
                }
                (Wish::Begin | Wish::Halt | Wish::Resume, _) => {}
            }
        }
        // Once, however often they changed their mind.
        if anew {
            self.source.rejoin();
        }
    }

    fn leave(&mut self, why: Departure, now: Instant) {
        if self.is_leaving() {
            return;
        }
        self.farewell = match &mut self.envelope {
            Envelope::Raw => Bytes::new(),
            Envelope::Chunked => Bytes::from_static(b"0\r\n\r\n"),
            Envelope::Talking(talk) => talk.farewell(&why, now),
        };
        self.state = State::Leaving { until: now + FAREWELL, why, answered: false };
    }

    /// Both sides have said their farewell, so that the server closes the connection (for WebSocket RFC 6455 §7.1.1).
    fn note_answer(&mut self) {
        if let State::Leaving { answered, .. } = &mut self.state {
            *answered = true;
        }
    }
}
