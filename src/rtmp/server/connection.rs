//! One connection: bytes between its socket and its session, media from the session to ingest.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Shared, farewell};
use crate::bus::{Departure, NameError, PublishRefused, PublisherInfo, Revoked, StreamName};
use crate::flv::TagKind;
use crate::ingest::{Ingest, IngestError};
use crate::media::WallClock;
use crate::net::{ConnectionId, Hello, Permit, Transport};
use crate::rtmp::handshake;
use crate::rtmp::session::{CloseReason, Deadline, Error, Event, Request, Session, UnpublishReason};
use crate::rtmp::status::Code;

/// Most bytes read at a time, and held unread: what a session leaves of them is less than a handshake.
const READ_SIZE: usize = 64 << 10;

/// Our answers are a few hundred bytes; a peer that does not take them is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Connection {
    io: Transport,
    address: SocketAddr,
    id: ConnectionId,
    shared: Shared,
    session: Session,
    input: BytesMut,
    /// While something is published.
    ingest: Option<Ingest>,
    /// Until something is published.
    pending: Option<Permit>,
    opened: Instant,
    closed: Option<CloseReason>,
    received: u64,
    messages: u64,
}

/// Why a publication is refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("Not a stream name: {0}.")]
    Name(#[from] NameError),
    #[error("Application '{0}' is not open to publishers.")]
    App(String),
    #[error("Refused: {0}.")]
    Registry(#[from] PublishRefused),
}

impl Refusal {
    /// The code that encoders act upon.
    fn code(&self) -> Code {
        match self {
            Self::Name(_) | Self::Registry(PublishRefused::NameTaken(_)) => Code::PublishBadName,
            Self::App(_) | Self::Registry(PublishRefused::Full(_)) => Code::PublishDenied,
            Self::Registry(PublishRefused::ShuttingDown) => Code::ConnectAppShutdown,
        }
    }
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
    /// Of a connection accepted at `opened`, from where its deadlines count.
    pub(super) fn new(io: Transport, address: SocketAddr, id: ConnectionId, shared: Shared, pending: Permit, opened: Instant) -> Self {
        Self {
            io,
            address,
            id,
            session: Session::new(shared.options.session(), opened, &mut rand::rng()),
            shared,
            input: BytesMut::new(),
            ingest: None,
            pending: Some(pending),
            opened,
            closed: None,
            received: 0,
            messages: 0,
        }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            self.handle_events();
            if self.write().await.is_err() {
                self.session.handle_eof();
                self.handle_events();
            }
            if self.closed.is_some() {
                break;
            }
            let wake = self.wait(&shutdown).await;
            self.handle(wake);
        }
        self.tell_close();
        farewell::say(self.io, self.input).await;
    }

    async fn wait(&mut self, shutdown: &CancellationToken) -> Wake {
        let held_back = self.ingest.as_mut().and_then(Ingest::hold_back);
        let total = self.pending.is_some().then(|| self.opened + self.shared.options.publish_timeout());
        let deadline = self.session.deadline().into_iter().chain(total).min();
        let Self { io, input, ingest, .. } = self;
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
            () = shutdown.cancelled() => Wake::Shutdown,
        }
    }

    fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Read(Ok(0)) => self.session.handle_eof(),
            Wake::Read(Ok(count)) => self.received += count as u64,
            Wake::Read(Err(error)) => {
                tracing::debug!(%error, "read failed");
                self.session.handle_eof();
            }
            Wake::Revoked(why) => self.send_away(why),
            Wake::Deadline => {
                let now = Instant::now();
                self.session.handle_timeout(now);
                if self.pending.is_some() && now >= self.opened + self.shared.options.publish_timeout() {
                    self.session.give_up();
                }
            }
            Wake::HeldBack => {
                if let Some(ingest) = &mut self.ingest {
                    ingest.tick(Instant::now());
                }
            }
            Wake::Shutdown => self.session.close(Code::ConnectAppShutdown, "The gateway is shutting down."),
        }
    }

    fn handle_events(&mut self) {
        let now = Instant::now();
        while let Some(event) = self.session.poll_event(now, &mut self.input) {
            match event {
                Event::PublishRequested(request) => self.on_publish(&request, now),
                Event::PlayRequested(request) => {
                    let description = "Playing by RTMP is not offered here.";
                    // The session holds the request open until it is answered.
                    let _ = self.session.refuse(request.id, Code::PlayStreamNotFound, description);
                }
                Event::Audio { timestamp, payload } => self.on_media(TagKind::Audio, timestamp, &payload, now),
                Event::Video { timestamp, payload } => self.on_media(TagKind::Video, timestamp, &payload, now),
                Event::Data { timestamp, payload, .. } => self.on_media(TagKind::Script, timestamp, &payload, now),
                Event::MalformedData { error, .. } => {
                    if let Some(ingest) = &mut self.ingest {
                        ingest.malformed(error, now);
                    }
                }
                Event::Control(_) => {}
                Event::Unpublish { reason } => self.on_unpublish(reason, now),
                Event::Closed(reason) => self.closed = Some(reason),
            }
            // What was read already waits, too: a read may hold seconds of media.
            if self.ingest.as_mut().is_some_and(|ingest| ingest.hold_back().is_some()) {
                break;
            }
        }
    }

    /// Authorises first; only then the encoder hears that it may send.
    fn on_publish(&mut self, request: &Request, now: Instant) {
        match self.authorise(request, now) {
            Ok(ingest) => {
                tracing::info!(stream = %ingest.stream().name(), encoder = request.connect.flash_ver(), "publishing");
                if self.session.accept_publish(request.id, now).is_ok() {
                    self.ingest = Some(ingest);
                    self.pending = None;
                }
            }
            Err(refusal) => {
                metrics::counter!("sluicegate_rtmp_publish_refused_total", "code" => refusal.code().as_str()).increment(1);
                tracing::warn!(path = %request.address.path.escape_debug(), %refusal, "publication refused");
                let _ = self.session.refuse(request.id, refusal.code(), &refusal.to_string());
            }
        }
    }

    fn authorise(&self, request: &Request, now: Instant) -> Result<Ingest, Refusal> {
        let name = StreamName::parse(&request.address.path)?;
        if !self.shared.options.is_open(&name) {
            return Err(Refusal::App(name.app().to_owned()));
        }
        let encoder = request.connect.flash_ver();
        let info = PublisherInfo {
            connection: self.id.0,
            address: self.address,
            protocol: if self.io.is_encrypted() { "rtmps" } else { "rtmp" },
            encoder: (!encoder.is_empty()).then(|| encoder.chars().filter(|c| !c.is_control()).take(MAX_ENCODER).collect()),
        };
        let session = self.shared.registry.publish(&name, info, self.shared.options.takeover, now, WallClock::from(SystemTime::now()))?;
        Ok(Ingest::new(session, self.shared.options.ingest()))
    }

    fn on_media(&mut self, kind: TagKind, timestamp: u32, body: &Bytes, now: Instant) {
        self.messages += 1;
        let Some(ingest) = &mut self.ingest else { return };
        match ingest.push(kind, timestamp, body, now, WallClock::from(SystemTime::now())) {
            Ok(()) => {}
            Err(IngestError::Revoked(why)) => self.send_away(why),
            Err(error) => {
                metrics::counter!("sluicegate_rtmp_publish_failed_total", "reason" => error.label()).increment(1);
                tracing::warn!(%error, "publication ended");
                self.session.close(Code::PublishDenied, &error.to_string());
            }
        }
    }

    /// An encoder that was taken over must not come back by itself and take over in its turn: most stay away after BadName.
    fn send_away(&mut self, why: Revoked) {
        let code = match why {
            Revoked::Superseded => Code::PublishBadName,
            Revoked::Kicked => Code::PublishDenied,
            Revoked::Ended => Code::ConnectAppShutdown,
        };
        self.session.close(code, &format!("Publishing ended: {why}."));
    }

    fn on_unpublish(&mut self, reason: UnpublishReason, now: Instant) {
        let Some(ingest) = self.ingest.take() else { return };
        let how = match reason {
            UnpublishReason::Encoder => Departure::Clean,
            UnpublishReason::ConnectionLost | UnpublishReason::Server => Departure::Lost,
        };
        let received = ingest.stream().received();
        tracing::info!(
            stream = %ingest.stream().name(), %reason, bytes = received.bytes(), messages = received.messages(),
            dropped = received.dropped(), repaired = received.repaired(), "publication closed"
        );
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
        let (seconds, bytes, messages) = (self.opened.elapsed().as_secs(), self.received, self.messages);
        if matches!(reason, CloseReason::Failed(_) | CloseReason::SecondRequest | CloseReason::Deadline(_)) {
            tracing::warn!(%reason, hint = hint(reason), seconds, bytes, messages, "connection closed");
        } else {
            tracing::info!(%reason, seconds, bytes, messages, "connection closed");
        }
    }
}

/// What to do about a peer that came to the wrong port.
fn hint(reason: &CloseReason) -> Option<&'static str> {
    let CloseReason::Failed(Error::Handshake(handshake::Error::NotRtmp(first))) = reason else { return None };
    match Hello::of(*first) {
        Hello::Tls => Some("it speaks TLS: RTMPS needs a port of its own (rtmp.tls_listen), or rtmp.sniff = true"),
        Hello::Http => Some("it speaks HTTP: that is served at http.listen; rtmp.sniff = true would tell it so"),
        Hello::Rtmp | Hello::Unknown(_) => None,
    }
}

/// Why a connection ended, in one word for metrics.
fn label(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Failed(Error::Handshake(_)) => "bad_handshake",
        CloseReason::Failed(Error::Chunk(_)) => "bad_chunk",
        CloseReason::Failed(Error::Message { .. }) => "bad_message",
        CloseReason::Failed(Error::Command { .. } | Error::NotConnected { .. } | Error::SecondConnect { .. }) => "bad_command",
        CloseReason::Refused(_) => "refused",
        CloseReason::SecondRequest => "second_request",
        CloseReason::Deadline(Deadline::Handshake) => "late_handshake",
        CloseReason::Deadline(Deadline::Media) => "silent",
        CloseReason::Deadline(Deadline::Connect | Deadline::Request) => "late_request",
        CloseReason::HandshakeCut => "cut_handshake",
        CloseReason::Eof => "peer",
        CloseReason::Server(Code::PublishBadName) => "superseded",
        CloseReason::Server(Code::PublishDenied) => "sent_away",
        CloseReason::Server(_) => "shutdown",
    }
}

/// Longest encoder name kept for the operator, in characters.
const MAX_ENCODER: usize = 128;
