//! Playing by RTMP: finds the stream that a player asks for, and serves it through the viewers' way out.
//!
//! The media are messages that all players share; what is said to one player alone comes from its [`Session`] and goes between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Peer};
use super::player::{Back, Player};
use super::rate::Wishes;
use super::verdict::{Refusal, encoder};
use super::{Place, Shared};
use crate::bus::ladder::RungRendition;
use crate::bus::{From, Registry, State, Stream, StreamName};
use crate::egress::{self, Hub, Hubs, Policy, Pump, Source, Viewer, Who, solo};
use crate::feed::RtmpVariant;
use crate::media::{Selection, SelectionError};
use crate::net::Transport;
use crate::net::workers::{Seat, Seats};
use crate::outlet::Outlets;
use crate::rtmp::session::{Request, Session};

/// How a player is counted and logged.
const EXIT: &str = "rtmp";

/// How long the feed of a stream that has media may take to begin. It takes as long as a task takes to run: only a machine that is busy beyond
/// use needs so much.
const FEED_START: Duration = Duration::from_secs(5);

/// How long the first picture of a rung may take that is made for the first time or anew.
const RUNG_START: Duration = Duration::from_secs(5);

/// How often a stream is looked at that is there without the rung that is asked for: nobody announces rungs.
const LOOK: Duration = Duration::from_millis(250);

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
    fn host(&self, worker: usize, mut io: Transport, viewer: Viewer, seat: Seat) -> io::Result<Hosted> {
        let hub = self.hub(worker)?;
        let host = hub.clone();
        let served = async move {
            let _seat = seat;
            io.move_here()?;
            Ok(solo::serve(io, viewer, Some(hub)).await)
        };
        Ok(host.host(served))
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
pub(super) async fn serve(
    connection: Box<Connection>,
    request: Box<Request>,
    found: Found,
    shutdown: &CancellationToken,
) -> Option<Box<Connection>> {
    let (peer, hosted, back) = begin(connection, &request, found, shutdown)?;
    drop(request);
    let kept = match hosted {
        Some(hosted) => came_back(hosted).await.inspect_err(not_handed_on).ok()?,
        None => None,
    };
    // An error says that the player has left.
    let Back { session, input, wishes, socket } = back.await.ok()?;
    let io = match (kept, socket) {
        (Some(kept), _) => kept,
        (None, Some(socket)) => TcpStream::from_std(socket.into_std().ok()?).ok()?.into(),
        (None, None) => return None,
    };
    resume(peer, io, session, input, wishes)
}

/// Lets a player's media begin, and tells who it is. Where its connection is encrypted, that is served by a task.
fn begin(
    connection: Box<Connection>,
    request: &Request,
    found: Found,
    shutdown: &CancellationToken,
) -> Option<(Peer, Option<Hosted>, oneshot::Receiver<Back>)> {
    let Found { stream, source, who } = found;
    let Connection { io, peer, place, mut session, input, wishes, .. } = *connection;
    let Place::Viewer(worker, seat) = place else { return None };
    let now = Instant::now();
    session.accept_play(request.id, now).ok()?;
    tracing::info!(stream = %stream.name(), player = encoder(request.connect.flash_ver()), "playing");
    let players = &peer.shared.players;
    let (give, back) = oneshot::channel();
    let policy = Arc::clone(&players.policy);
    let player = Player::new(session, stream, &policy, shutdown.clone(), give, now).going_on(input, wishes);
    let mut viewer = Viewer::new(who, source, egress::Envelope::Talking(Box::new(player)), Bytes::new(), policy, now);
    // What it sent behind its request.
    viewer.input(&[], now);
    let handed = egress::prepare(io.socket(), players.policy.options.unsent_kib).and_then(|()| match io.into_plain() {
        Ok(socket) => players.hand_over(worker, socket, viewer, seat).map(|()| None),
        Err(encrypted) => players.host(worker, encrypted, viewer, seat).map(Some),
    });
    let hosted = handed.inspect_err(not_handed_on).ok()?;
    Some((peer, hosted, back))
}

fn not_handed_on(error: &io::Error) {
    tracing::warn!(%error, "a player's socket could not be handed on");
}

/// The stream of a player that only ended its play, on the runtime that this is called in.
async fn came_back(hosted: Hosted) -> io::Result<Option<Transport>> {
    let kept = hosted.await??;
    kept.map(|mut io| io.move_here().map(|()| io)).transpose()
}

/// A task that serves a player, and gives its stream back where that only ends its play.
type Hosted = JoinHandle<io::Result<Option<Transport>>>;

/// The connection of a player that ended its play, if there is a place for it among those that do not play.
fn resume(peer: Peer, io: Transport, session: Session, input: BytesMut, wishes: Wishes) -> Option<Box<Connection>> {
    let place = peer.limiter.take(peer.address);
    let place = place.inspect_err(|refused| tracing::info!(%refused, "a player that stopped is not kept")).ok()?;
    Some(Box::new(Connection::back(io, peer, place, session, input, wishes)))
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::bus::{Bounds, Channel, PublisherInfo, Takeover};
    use crate::media::{Rung, TrackId, WallClock};

    #[tokio::test]
    async fn a_stream_goes_before_the_rung_that_is_called_as_it_is() {
        let registry = Registry::new(crate::bus::registry::Options::default());
        let name = |name: &str| StreamName::parse(name).unwrap();
        let publish = |of: &str| {
            let info = PublisherInfo { connection: 1, address: ([127, 0, 0, 1], 5_000).into(), protocol: "rtmp", encoder: None };
            registry.publish(&name(of), info, Takeover::Reject, Instant::now(), WallClock::from(SystemTime::now())).unwrap()
        };
        let show = publish("live/show");
        let rung = Rung {
            track: TrackId::rung(0).unwrap(),
            label: "720p".into(),
            codecs: "avc1.64001f".to_owned(),
            width: 1_280,
            height: 720,
            frame_rate: None,
            bit_rate: 1,
            peak: 1,
        };
        let rendition = RungRendition { rung: Arc::new(rung), samples: Channel::new(Bounds::default()) };
        show.stream().ladder().set_rungs(vec![rendition]);
        let alias = name("live/show_720p");
        let (stream, rung) = published(&registry, &alias).await;
        assert_eq!((stream.name().as_str(), rung.map(|one| one.rung.label.to_string()).as_deref()), ("live/show", Some("720p")));
        assert_eq!(guarded_as(&registry, &alias), name("live/show"), "its tokens are those of the stream");
        let own = publish("live/show_720p");
        let (stream, rung) = published(&registry, &alias).await;
        assert!(Arc::ptr_eq(&stream, own.stream()) && rung.is_none());
        assert_eq!(guarded_as(&registry, &alias), alias);
    }
}
