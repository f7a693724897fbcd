//! Playing by RTMP: finds the stream that a player asks for, and serves it through the viewers' way out.
//!
//! The media are messages that all players share; what is said to one player alone comes from its [`Session`] and goes between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::connection::Connection;
use super::pulse::Pulse;
use super::rate::Wishes;
use super::verdict::{Refusal, encoder};
use super::{Place, Shared};
use crate::bus::ladder::RungRendition;
use crate::bus::{End, From, Registry, State, Stream, StreamName, Totals};
use crate::egress::{
    self, Batch, Breach, Departure, Hub, Hubs, Kinds, Over, Policy, Pump, Source, Talk, Unanswered, Viewer, Who, Wish, solo,
};
use crate::feed::RtmpVariant;
use crate::media::{Selection, SelectionError};
use crate::net::Transport;
use crate::net::workers::{Seat, Seats};
use crate::outlet::Outlets;
use crate::rtmp::session::{Event, PlayControl, Request, Session};
use crate::rtmp::status::Code;

/// How a player is counted and logged.
const EXIT: &str = "rtmp";

/// How long the feed of a stream that has media may take to begin. It takes as long as a task takes to run: only a machine that is busy beyond
/// use needs so much.
const FEED_START: Duration = Duration::from_secs(5);

/// How long the first picture of a rung may take that is made for the first time or anew.
const RUNG_START: Duration = Duration::from_secs(5);

/// How often a stream is looked at that is there without the rung that is asked for: nobody announces rungs.
const LOOK: Duration = Duration::from_millis(250);

/// Most bytes of answers that wait for a player: it asks, but takes no answer.
const MAX_UNSAID: usize = 64 << 10;

/// Most bytes kept behind the command that ends a play, until somebody reads the connection again.
const MAX_KEPT: usize = 64 << 10;

/// In `capsEx`: the client plays more than one track of a kind, and reads nanoseconds in ModEx blocks.
const CAP_MULTITRACK: u32 = 2;
const CAP_NANOS: u32 = 8;

/// What it takes to serve players.
#[derive(Clone, Debug)]
pub struct Players {
    /// Where messages come from.
    pub outlets: Arc<Outlets>,
    /// How players are served.
    pub policy: Arc<Policy>,
    /// Who writes to them.
    pub hubs: Arc<Hubs>,
    /// Their places among all viewers.
    pub seats: Seats,
}

/// A stream that is ready to be played.
#[derive(Debug)]
pub(super) struct Found {
    stream: Arc<Stream>,
    source: Box<dyn Source>,
    who: Who,
}

/// Finds what is asked for. An absent stream is waited for, and so is one that does not know its tracks yet: players and encoders are
/// often started together, and no player asks twice.
pub(super) async fn find(shared: &Shared, name: &StreamName, request: &Request, address: SocketAddr) -> Result<Found, Refusal> {
    let Shared { registry, options, players, .. } = shared;
    let (variant, wait) = (variant(request)?, options.play_wait());
    let (stream, rung) = timeout(wait, published(registry, name)).await.map_err(|_| Refusal::Absent(name.clone()))?;
    let demand = rung.as_ref().map(|_| stream.want_rungs());
    let feeds = players.outlets.of(&stream).feeds(rung.as_ref());
    let settled = async {
        let program = feeds.samples().settled().await;
        program.ok_or_else(|| Refusal::Absent(name.clone()))
    };
    let wait = if rung.is_some() { wait.max(RUNG_START) } else { wait };
    let program = timeout(wait, settled).await.map_err(|_| Refusal::Unsettled(name.clone()))??;
    if let Some(missing) = variant.selection.missing(&program.tracks) {
        return Err(Refusal::NoTrack(name.clone(), missing));
    }
    let lazy = feeds.rtmp(variant, &program)?;
    let joined = async {
        let feed = lazy.acquire().await;
        feed.channel().settled().await.map(|head| (feed, head))
    };
    let joined = timeout(FEED_START, joined).await.map_err(|_| Refusal::Unsettled(name.clone()))?;
    let (feed, head) = joined.ok_or_else(|| Refusal::Absent(name.clone()))?;
    if !head.is_playable() {
        return Err(Refusal::Unplayable(name.clone()));
    }
    let channel = Arc::clone(feed.channel());
    let guard = stream.enter(EXIT, Some(address), Instant::now());
    let who = Who::of(&guard);
    let pump = Pump::new(channel, from(request), (), Arc::clone(&players.policy), Arc::clone(&who.viewing), (feed, guard, demand));
    Ok(Found { stream, source: Box::new(pump), who })
}

impl Players {
    fn hand_over(&self, worker: usize, socket: TcpStream, viewer: Viewer, seat: Seat) -> io::Result<()> {
        self.hub(worker)?.admit_from_afar(socket.into_std()?, viewer, Bytes::new(), seat)
    }

    /// Serves a player whose socket no hub can write to, on its worker all the same: encryption for a crowd must not hold up what comes in.
    /// Gives the stream back where the player only ends its play.
    async fn host(&self, worker: usize, mut io: Transport, viewer: Viewer, seat: Seat) -> io::Result<Option<Transport>> {
        let hub = self.hub(worker)?;
        let host = hub.clone();
        let served = async move {
            let _seat = seat;
            io.move_here()?;
            io::Result::Ok(solo::serve(io, viewer, Some(hub)).await)
        };
        let kept = host.host(served.in_current_span()).await??;
        kept.map(|mut io| io.move_here().map(|()| io)).transpose()
    }

    fn hub(&self, worker: usize) -> io::Result<Hub> {
        self.hubs.of(worker).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// The stream of that name, once it is there and has not ended; or the rung that is called so.
async fn published(registry: &Registry, name: &StreamName) -> (Arc<Stream>, Option<RungRendition>) {
    let found = || {
        let stream = live(registry, name).map(|stream| (stream, None));
        stream.or_else(|| rung(registry, name).map(|(stream, rung)| (stream, Some(rung))))
    };
    if let Some(found) = found() {
        return found;
    }
    let changes = registry.announcements();
    loop {
        match found() {
            Some(found) => return found,
            None => drop(timeout(LOOK, changes.changed()).await),
        }
    }
}

fn live(registry: &Registry, name: &StreamName) -> Option<Arc<Stream>> {
    registry.find(name).filter(|stream| !matches!(stream.state(), State::Ended { .. }))
}

/// `NAME_720p` is the rung 720p of the stream NAME, unless a stream is called so.
fn rung(registry: &Registry, name: &StreamName) -> Option<(Arc<Stream>, RungRendition)> {
    let (base, label) = name.as_str().rsplit_once('_')?;
    let stream = live(registry, &StreamName::parse(base).ok()?)?;
    let rung = stream.ladder().find(label)?;
    Some((stream, rung))
}

/// The stream whose tokens open what is asked for: for the name of a rung, the stream that it is made from.
pub(super) fn guarded_as(registry: &Registry, name: &StreamName) -> StreamName {
    let rung = || rung(registry, name).map(|(stream, _)| stream.name().clone());
    if live(registry, name).is_some() { name.clone() } else { rung().unwrap_or_else(|| name.clone()) }
}

/// Serves a player until it leaves. Gives the connection back where it only ended its play.
pub(super) async fn serve(mut connection: Connection, request: &Request, found: Found, shutdown: &CancellationToken) -> Option<Connection> {
    let Found { stream, source, who } = found;
    let players = connection.shared.players.clone();
    let now = Instant::now();
    connection.session.accept_play(request.id, now).ok()?;
    tracing::info!(stream = %stream.name(), player = encoder(request.connect.flash_ver()), "playing");
    let Connection { io, address, id, shared, limiter, session, input, ceiling, place, opened, wishes, received, messages, .. } =
        connection;
    let Place::Viewer(worker, seat) = place else { return None };
    let (give, back) = oneshot::channel();
    let policy = Arc::clone(&players.policy);
    let mut player = Player::new(session, stream, &policy, shutdown.clone(), give, now);
    (player.input, player.wishes) = (input, wishes);
    let mut viewer = Viewer::new(who, source, egress::Envelope::Talking(Box::new(player)), Bytes::new(), policy, now);
    // What it sent behind its request.
    viewer.input(&[], now);
    let handed = match egress::prepare(io.socket(), players.policy.options.unsent_kib) {
        Err(error) => Err(error),
        Ok(()) => match io.into_plain() {
            Ok(socket) => players.hand_over(worker, socket, viewer, seat).map(|()| None),
            Err(encrypted) => players.host(worker, encrypted, viewer, seat).await,
        },
    };
    let kept = handed.inspect_err(|error| tracing::warn!(%error, "a player's socket could not be handed on")).ok()?;
    // An error says that the player has left.
    let Back { session, input, wishes, socket } = back.await.ok()?;
    let io = match (kept, socket) {
        (Some(kept), _) => kept,
        (None, Some(socket)) => TcpStream::from_std(socket.into_std().ok()?).ok()?.into(),
        (None, None) => return None,
    };
    let place = limiter.take(address).inspect_err(|refused| tracing::info!(%refused, "a player that stopped is not kept")).ok()?;
    let (ingest, before, ended, asked, leaves, closed) = (None, Totals::default(), None, None, None, None);
    Some(Connection {
        io,
        address,
        id,
        shared,
        limiter,
        session,
        input,
        ingest,
        before,
        ended,
        ceiling,
        place,
        opened,
        wishes,
        asked,
        leaves,
        closed,
        received,
        messages,
    })
}

/// Which tracks, and how: by the address, else by what the client said that it knows (a client that said nothing gets one of each kind).
fn variant(request: &Request) -> Result<RtmpVariant, SelectionError> {
    let caps = request.connect.caps_ex();
    let selection = match request.address.query.get("track") {
        Some(text) => Selection::parse(text)?,
        None if caps & CAP_MULTITRACK != 0 => Selection::ALL,
        None => Selection::default(),
    };
    Ok(RtmpVariant { selection, nanos: caps & CAP_NANOS != 0 })
}

/// Where the player begins: at the newest key frame, or with `?start=live` at the next.
fn from(request: &Request) -> From {
    if request.address.query.get("start") == Some("live") { From::NextSync } else { From::NewestSync }
}

/// A connection whose player has ended its play.
#[derive(Debug)]
struct Back {
    session: Session,
    input: BytesMut,
    wishes: Wishes,
    /// None where whoever served the player has kept it.
    socket: Option<TcpStream>,
}

/// One player's conversation while media flows.
#[derive(Debug)]
struct Player {
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
    fn new(
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
                if *over == Over::Ended(End::Shutdown) {
                    self.session.close(Code::ConnectAppShutdown, CLOSING);
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
