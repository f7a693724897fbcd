//! One connection: bytes between its socket and its session, media from the session to ingest.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::play::{self, Found};
use super::player::{CLOSING, RECONNECT};
use super::rate::{Ceiling, Excess, Wishes};
use super::verdict::{Refusal, encoder, hint, label, loggable};
use super::{Limiter, Place, Shared, farewell};
use crate::auth::{Action, Question};
use crate::bus::{Departure, PublishRefused, PublisherInfo, Revoked, StreamName, Totals, wall};
use crate::flv::TagKind;
use crate::ingest::{Ingest, IngestError};
use crate::net::{ConnectionId, Transport};
use crate::rtmp::session::{CloseReason, Event, Request, Session, UnpublishReason};
use crate::rtmp::status::Code;

/// Most bytes read at a time, and held unread: what a session leaves of them is less than a handshake.
const READ_SIZE: usize = 64 << 10;

/// How long a publisher that was asked to connect anew is still heard while the gateway stops: it goes at its next key frame.
pub const RECONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Our answers are a few hundred bytes; a peer that does not take them is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is connected. All that is left of a connection while its player is served elsewhere: little, as there are thousands.
#[derive(Debug)]
pub(super) struct Peer {
    pub address: SocketAddr,
    pub id: ConnectionId,
    pub shared: Shared,
    pub limiter: Arc<Limiter>,
    pub opened: Instant,
    /// Bytes and media messages that came from it.
    pub received: u64,
    pub messages: u64,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub io: Transport,
    pub peer: Peer,
    pub place: Place,
    pub session: Session,
    /// What the session has not taken yet.
    pub input: BytesMut,
    /// How often it may ask to play.
    pub wishes: Wishes,
    /// While something is published.
    ingest: Option<Ingest>,
    /// What its stream had received, from this publisher or earlier ones, when it began to publish.
    before: Totals,
    /// Why we ended what it published, if we did.
    ended: Option<String>,
    /// How much it may send.
    ceiling: Ceiling,
    /// A wish that is to be answered before anything else.
    asked: Option<(Action, Box<Request>)>,
    /// Until when it is heard, once it was asked to connect anew.
    leaves: Option<Instant>,
    closed: Option<CloseReason>,
}

/// What a connection waited for has happened.
#[derive(Debug)]
enum Wake {
    Read(io::Result<usize>),
    Revoked(Revoked),
    Deadline,
    HeldBack,
    Shutdown,
}

impl Connection {
    /// Of a peer that has said nothing yet.
    pub(super) fn new(io: Transport, peer: Peer, place: Place) -> Self {
        let session = Session::new(peer.shared.options.session(), peer.opened, &mut rand::rng());
        let wishes = Wishes::new(peer.opened);
        Self::back(io, peer, place, session, BytesMut::new(), wishes)
    }

    /// Of one that has ended its play and may go on to something else.
    pub(super) fn back(io: Transport, peer: Peer, place: Place, session: Session, input: BytesMut, wishes: Wishes) -> Self {
        let ceiling = Ceiling::new(0, Duration::ZERO, peer.opened);
        let (ingest, before, ended, asked, leaves, closed) = (None, Totals::default(), None, None, None, None);
        Self { io, peer, place, session, input, wishes, ingest, before, ended, ceiling, asked, leaves, closed }
    }

    /// In a box, so that its task keeps no room for it while what it asked for is played elsewhere.
    pub(super) async fn run(mut self: Box<Self>, shutdown: CancellationToken) {
        loop {
            self.handle_events();
            if self.write().await.is_err() {
                self.session.handle_eof();
                self.handle_events();
            }
            if self.closed.is_some() {
                break;
            }
            match self.asked.take() {
                Some((action, request)) => {
                    if let Some(found) = Box::pin(self.answer(action, &request, &shutdown)).await {
                        match play::serve(self, request, found, &shutdown).await {
                            Some(back) => self = back,
                            None => return,
                        }
                    }
                }
                None => {
                    let wake = self.wait(&shutdown).await;
                    self.handle(wake);
                }
            }
        }
        self.tell_close();
        farewell::say(self.io, self.input).await;
    }

    async fn wait(&mut self, shutdown: &CancellationToken) -> Wake {
        let held_back = self.ingest.as_mut().and_then(Ingest::hold_back);
        let deadline = self.session.deadline().into_iter().chain(self.begins_by()).chain(self.leaves).min();
        let Self { io, input, ingest, leaves, .. } = self;
        let read = async {
            match held_back {
                Some(wait) => {
                    tokio::time::sleep(wait).await;
                    Wake::HeldBack
                }
                None => {
                    input.reserve(READ_SIZE);
                    Wake::Read(io.read_buf(&mut input.limit(READ_SIZE)).await)
                }
            }
        };
        tokio::select! {
            wake = read => wake,
            why = async {
                match ingest {
                    Some(ingest) => ingest.revoked().await,
                    None => std::future::pending().await,
                }
            } => Wake::Revoked(why),
            () = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            } => Wake::Deadline,
            () = shutdown.cancelled(), if leaves.is_none() => Wake::Shutdown,
        }
    }

    fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Read(Ok(0)) => self.session.handle_eof(),
            Wake::Read(Ok(count)) => {
                self.peer.received += count as u64;
                self.weigh(count);
            }
            Wake::Read(Err(error)) => {
                tracing::debug!(%error, "read failed");
                self.session.handle_eof();
            }
            Wake::Revoked(why) => self.send_away(why),
            Wake::Deadline => {
                let now = Instant::now();
                self.session.handle_timeout(now);
                if self.begins_by().is_some_and(|deadline| now >= deadline) {
                    self.session.give_up();
                }
                if self.leaves.is_some_and(|leaves| now >= leaves) {
                    self.session.close(Code::ConnectAppShutdown, CLOSING);
                }
            }
            Wake::HeldBack => {
                if let Some(ingest) = &mut self.ingest {
                    ingest.tick(Instant::now());
                }
            }
            // Its media is taken until it has moved on; whoever does not know how to is sent away, and comes back by itself.
            Wake::Shutdown if self.ingest.is_some() && self.session.request_reconnect(RECONNECT) => {
                self.leaves = Some(Instant::now() + RECONNECT_PATIENCE);
            }
            Wake::Shutdown => self.session.close(Code::ConnectAppShutdown, CLOSING),
        }
    }

    fn handle_events(&mut self) {
        let now = Instant::now();
        while let Some(event) = self.session.poll_event(now, &mut self.input) {
            match event {
                Event::PublishRequested(request) => self.asked = Some((Action::Publish, request)),
                Event::PlayRequested(_) if !self.wishes.note(now) => self.session.close(Code::ConnectClosed, Wishes::EXCESS),
                Event::PlayRequested(request) => self.asked = Some((Action::Play, request)),
                Event::Audio { timestamp, payload } => self.on_media(TagKind::Audio, timestamp, &payload, now),
                Event::Video { timestamp, payload } => self.on_media(TagKind::Video, timestamp, &payload, now),
                Event::Data { timestamp, payload, .. } => self.on_media(TagKind::Script, timestamp, &payload, now),
                Event::MalformedData { error, .. } => {
                    if let Some(ingest) = &mut self.ingest {
                        ingest.malformed(error, now);
                    }
                }
                // While it plays, a connection is served elsewhere.
                Event::Control(_) | Event::PlayStopped => {}
                Event::Unpublish { reason } => self.on_unpublish(reason, now),
                Event::Closed(reason) => self.closed = Some(reason),
            }
            // What was read already waits, too: a read may hold seconds of media.
            if self.ingest.as_mut().is_some_and(|ingest| ingest.hold_back().is_some()) {
                break;
            }
        }
    }

    /// Answers a wish, unless it is granted and what was found is to be played.
    async fn answer(&mut self, action: Action, request: &Request, shutdown: &CancellationToken) -> Option<Found> {
        let answered = tokio::select! {
            answered = self.decide(action, request) => answered,
            () = shutdown.cancelled() => Err(PublishRefused::ShuttingDown.into()),
        };
        answered.unwrap_or_else(|refusal| {
            let code = refusal.code(action);
            let (what, counter) = match action {
                Action::Publish => ("publication refused", "sluicegate_rtmp_publish_refused_total"),
                Action::Play => ("play refused", "sluicegate_rtmp_play_refused_total"),
            };
            metrics::counter!(counter, "code" => code.as_str()).increment(1);
            let path = loggable(&request.address.path);
            if self.peer.limiter.notices.admit() {
                tracing::warn!(path, %refusal, "{what}");
            } else {
                tracing::debug!(path, %refusal, "{what}");
            }
            // The session holds the request open until it is answered.
            let _ = self.session.refuse(request.id, code, &refusal.to_string());
            None
        })
    }

    /// Authorises first; only then the peer hears that it may send, or gets anything.
    async fn decide(&mut self, action: Action, request: &Request) -> Result<Option<Found>, Refusal> {
        let name = self.authorise(action, request).await?;
        match action {
            Action::Publish => self.on_publish(&name, request).map(|()| None),
            Action::Play => {
                let (worker, seat) = self.peer.shared.players.seats.take(self.peer.address.ip())?;
                // A household that waits for its stream to begin leaves room for those who come.
                self.place = Place::Viewer(worker, seat);
                play::find(&self.peer.shared, &name, request, self.peer.address).await.map(Some)
            }
        }
    }

    /// Whether the peer may do that, found out before its time to begin is over.
    async fn authorise(&self, action: Action, request: &Request) -> Result<StreamName, Refusal> {
        let name = StreamName::parse(&request.address.path)?;
        let parameter = match action {
            Action::Publish => "key",
            Action::Play => "token",
        };
        let secret = request.address.query.get(parameter);
        let guarded = match action {
            Action::Publish => name.clone(),
            Action::Play => play::guarded_as(&self.peer.shared.registry, &name),
        };
        let question = Question { action, name: &guarded, secret, peer: self.peer.address, protocol: self.protocol() };
        let deadline = self.begins_by().unwrap_or_else(|| Instant::now() + self.peer.shared.options.publish_timeout());
        timeout_at(deadline.into(), self.peer.shared.authority.check(&question)).await.map_err(|_| Refusal::Late)??;
        Ok(name)
    }

    fn on_publish(&mut self, name: &StreamName, request: &Request) -> Result<(), Refusal> {
        let now = Instant::now();
        let encoder = encoder(request.connect.flash_ver());
        let info =
            PublisherInfo { connection: self.peer.id.0, address: self.peer.address, protocol: self.protocol(), encoder: encoder.clone() };
        let options = &self.peer.shared.options;
        let session = self.peer.shared.registry.publish(name, info, options.takeover, now, wall::now())?;
        tracing::info!(stream = %name, encoder, resumed = session.resumed(), "publishing");
        // So that each line about it from here on says whose it is.
        tracing::Span::current().record("stream", tracing::field::display(name));
        let ingest = Ingest::new(session, options.ingest());
        if self.session.accept_publish(request.id, now).is_ok() {
            self.before = ingest.stream().received().totals();
            self.ingest = Some(ingest);
            self.ceiling = Ceiling::new(options.max_bit_rate, options.ingest().max_ahead, now);
            self.place.settle();
        }
        Ok(())
    }

    /// When it must publish or have asked to play, as long as it does neither.
    fn begins_by(&self) -> Option<Instant> {
        self.place.pending().map(|since| since + self.peer.shared.options.publish_timeout())
    }

    fn protocol(&self) -> &'static str {
        if self.io.is_encrypted() { "rtmps" } else { "rtmp" }
    }

    /// Holds a publisher to its bit rate: one that runs away would take the line of all others.
    fn weigh(&mut self, bytes: usize) {
        let most = self.peer.shared.options.max_bit_rate;
        let excess = if self.ingest.is_some() { self.ceiling.note(bytes, Instant::now()) } else { None };
        match excess {
            None => {}
            Some(Excess::Warn) => tracing::warn!(max_bit_rate = most, "the publisher sends more than it may, and will be disconnected"),
            Some(Excess::End) => {
                metrics::counter!("sluicegate_rtmp_publish_failed_total", "reason" => "bit_rate").increment(1);
                tracing::warn!(max_bit_rate = most, "publication ended: more bits per second than allowed");
                let description = format!("The stream takes more than the {} kb/s allowed here.", most / 1_000);
                self.end(Code::PublishDenied, description);
            }
        }
    }

    fn on_media(&mut self, kind: TagKind, timestamp: u32, body: &Bytes, now: Instant) {
        self.peer.messages += 1;
        let Some(ingest) = &mut self.ingest else { return };
        match ingest.push(kind, timestamp, body, now, wall::now()) {
            Ok(()) => {}
            Err(IngestError::Revoked(why)) => self.send_away(why),
            Err(error) => {
                metrics::counter!("sluicegate_rtmp_publish_failed_total", "reason" => error.label()).increment(1);
                tracing::warn!(%error, "publication ended");
                self.end(Code::PublishDenied, error.to_string());
            }
        }
    }

    /// An encoder that was taken over must not come back by itself and take over in its turn: most stay away after BadName.
    fn send_away(&mut self, why: Revoked) {
        let code = match why {
            Revoked::Superseded => Code::PublishBadName,
            Revoked::Kicked => Code::PublishDenied,
            Revoked::Ended | Revoked::Failed => Code::ConnectAppShutdown,
        };
        self.end(code, format!("Publishing ended: {why}."));
    }

    /// Ends what is published, and tells the encoder and later the log why.
    fn end(&mut self, code: Code, why: String) {
        self.session.close(code, &why);
        self.ended = Some(why);
    }

    fn on_unpublish(&mut self, reason: UnpublishReason, now: Instant) {
        let Some(ingest) = self.ingest.take() else { return };
        let how = match reason {
            UnpublishReason::Encoder => Departure::Clean,
            UnpublishReason::ConnectionLost | UnpublishReason::Server => Departure::Lost,
        };
        let reason = self.ended.take().unwrap_or_else(|| reason.to_string());
        let Totals { bytes, messages, dropped, repaired } = ingest.stream().received().totals().since(self.before);
        tracing::info!(reason, bytes, messages, dropped, repaired, "publication closed");
        ingest.finish(how, now);
    }

    async fn write(&mut self) -> io::Result<()> {
        while let Some(bytes) = self.session.poll_output() {
            // What is encrypted may wait in a buffer of its own.
            let written = async {
                self.io.write_all(&bytes).await?;
                self.io.flush().await
            };
            timeout(WRITE_TIMEOUT, written).await.map_err(io::Error::from)??;
        }
        Ok(())
    }

    fn tell_close(&self) {
        let Some(reason) = &self.closed else { return };
        metrics::counter!("sluicegate_rtmp_closed_total", "reason" => label(reason)).increment(1);
        metrics::counter!("sluicegate_rtmp_ignored_messages_total").increment(self.session.ignored());
        metrics::counter!("sluicegate_rtmp_repeated_timestamps_total").increment(self.session.chunks().repeated_absolutes());
        let (seconds, bytes, messages) = (self.peer.opened.elapsed().as_secs(), self.peer.received, self.peer.messages);
        // Who published is always told of; so are viewers, where they are served.
        let told = self.place.publishes() || self.peer.limiter.notices.admit();
        if !told {
            tracing::debug!(%reason, seconds, bytes, messages, "connection closed");
        } else if matches!(reason, CloseReason::Failed(_) | CloseReason::SecondRequest | CloseReason::Deadline(_)) {
            tracing::warn!(%reason, hint = hint(reason), seconds, bytes, messages, "connection closed");
        } else {
            tracing::info!(%reason, seconds, bytes, messages, "connection closed");
        }
    }
}
