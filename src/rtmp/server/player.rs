//! A player's conversation while its media flows: what is said to it alone goes between the messages that all players share.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::pulse::Pulse;
use super::rate::Wishes;
use crate::bus::{End, State, Stream};
use crate::egress::{Batch, Breach, Departure, Kinds, Over, Policy, Talk, Unanswered, Wish};
use crate::rtmp::session::{Event, PlayControl, Session};
use crate::rtmp::status::Code;

/// Most bytes of answers that wait for a player: it asks, but takes no answer.
const MAX_UNSAID: usize = 64 << 10;

/// Most bytes kept behind the command that ends a play, until somebody reads the connection again.
const MAX_KEPT: usize = 64 << 10;

/// A connection whose player has ended its play.
#[derive(Debug)]
pub(super) struct Back {
    pub session: Session,
    pub input: BytesMut,
    pub wishes: Wishes,
    /// None where whoever served the player has kept it.
    pub socket: Option<TcpStream>,
}

/// One player's conversation while media flows.
#[derive(Debug)]
pub(super) struct Player {
    session: Session,
    input: BytesMut,
    stream: Arc<Stream>,
    back: oneshot::Sender<Back>,
    draining: CancellationToken,
    kinds: Kinds,
    wishes: Wishes,
    pulse: Pulse,
    /// It has ended its play: what it sends now is for whoever reads the connection next.
    stopped: bool,
    /// It was told that nothing comes for now.
    is_dry: bool,
    asked_to_reconnect: bool,
}

impl Player {
    /// Of a session that has just accepted to play `stream`. The connection comes back through `back` if the player only ends its play.
    pub fn new(
        session: Session,
        stream: Arc<Stream>,
        policy: &Policy,
        draining: CancellationToken,
        back: oneshot::Sender<Back>,
        now: Instant,
    ) -> Self {
        let pulse = Pulse::new(&policy.options, now);
        let kinds = Kinds::ALL;
        Self {
            session,
            input: BytesMut::new(),
            stream,
            back,
            draining,
            kinds,
            wishes: Wishes::new(now),
            pulse,
            stopped: false,
            is_dry: false,
            asked_to_reconnect: false,
        }
    }

    /// With what its connection has read already, and what it has asked for before.
    pub fn going_on(mut self, input: BytesMut, wishes: Wishes) -> Self {
        (self.input, self.wishes) = (input, wishes);
        self
    }

    /// Once, when the gateway stops.
    fn ask_to_reconnect(&mut self) {
        if !self.asked_to_reconnect && self.draining.is_cancelled() {
            self.asked_to_reconnect = true;
            self.session.request_reconnect(RECONNECT);
        }
    }

    fn take_output(&mut self) -> Bytes {
        let mut parts = std::iter::from_fn(|| self.session.poll_output());
        let Some(first) = parts.next() else { return Bytes::new() };
        let rest: Vec<Bytes> = parts.collect();
        if rest.is_empty() { first } else { std::iter::once(first).chain(rest).collect::<Vec<_>>().concat().into() }
    }
}

impl Talk for Player {
    fn input(&mut self, bytes: &[u8], now: Instant, wishes: &mut Vec<Wish>) -> Result<(), Breach> {
        self.pulse.heard(now);
        self.input.extend_from_slice(bytes);
        while !self.stopped {
            let Some(event) = self.session.poll_event(now, &mut self.input) else { break };
            match event {
                Event::Control(_) if !self.wishes.note(now) => self.session.close(Code::ConnectClosed, Wishes::EXCESS),
                Event::Control(PlayControl::Pause(true)) => wishes.push(Wish::Halt),
                Event::Control(PlayControl::Pause(false)) => wishes.push(Wish::Resume),
                Event::Control(PlayControl::ReceiveAudio(wanted)) => {
                    self.kinds.audio = wanted;
                    wishes.push(Wish::Receive(self.kinds));
                }
                Event::Control(PlayControl::ReceiveVideo(wanted)) => {
                    self.kinds.video = wanted;
                    wishes.push(Wish::Receive(self.kinds));
                }
                Event::PlayStopped => {
                    self.stopped = true;
                    wishes.push(Wish::Release);
                }
                Event::Closed(reason) => return Err(Breach(reason.to_string())),
                // All others are of publishers.
                _ => {}
            }
        }
        if !self.input.has_remaining() {
            self.input = BytesMut::new();
        }
        if self.input.len() > MAX_KEPT {
            return Err(Breach(format!("more than {MAX_KEPT} bytes behind the end of a play")));
        }
        if self.session.unsent() > MAX_UNSAID {
            return Err(Breach(format!("more than {MAX_UNSAID} bytes of answers wait to be taken")));
        }
        Ok(())
    }

    fn put(&mut self, _: Instant, out: &mut Batch) {
        while let Some(said) = self.session.poll_output() {
            self.pulse.said += said.len() as u64;
            out.push(said);
        }
    }

    fn tick(&mut self, sent: u64, now: Instant) -> Result<bool, Unanswered> {
        self.ask_to_reconnect();
        let is_dry = matches!(self.stream.state(), State::Waiting { .. });
        if is_dry && !self.is_dry {
            self.session.tell_dry();
        }
        self.is_dry = is_dry;
        if self.pulse.beat(sent, now)? {
            self.session.ping(self.pulse.millis(now));
        }
        Ok(self.session.unsent() > 0)
    }

    fn farewell(&mut self, why: &Departure, now: Instant) -> Bytes {
        match why {
            Departure::Over(over) => {
                // The end may come before the look at the clock that would have told it.
                self.ask_to_reconnect();
                self.session.end_play(now);
                match over {
                    Over::Ended(End::Shutdown) => self.session.close(Code::ConnectAppShutdown, CLOSING),
                    Over::Ended(End::Failed) => self.session.close(Code::ConnectAppShutdown, &over.to_string()),
                    Over::Ended(End::Unpublished) | Over::Changed => {}
                }
            }
            Departure::Stuck | Departure::Silent => self.session.close(Code::ConnectClosed, &why.to_string()),
            // Either side has said all, or nothing more reaches the other.
            Departure::Misbehaved(_) | Departure::Left | Departure::Broken | Departure::NoGreeting | Departure::Released => {}
        }
        self.take_output()
    }

    fn release(self: Box<Self>, socket: Option<TcpStream>) {
        let Self { session, input, wishes, back, .. } = *self;
        // Nobody is there to take it back only while the gateway stops.
        let _ = back.send(Back { session, input, wishes, socket });
    }
}

/// What peers are told when the gateway stops.
pub(super) const CLOSING: &str = "The gateway is shutting down.";

/// What those are told that know how to connect anew.
pub(super) const RECONNECT: &str = "The gateway is shutting down; please connect again.";
