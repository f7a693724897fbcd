//! The endless exits: FLV and fragmented MP4, over HTTP and WebSocket.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use http_body::Body as _;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::time::timeout_at;

use super::choice::{self, Choice};
use super::exchange::Stall;
use super::http1::Slot;
use super::problem::Problem;
use super::websocket::Upgrade;
use crate::bus::ladder::RungRendition;
use crate::bus::{DemandGuard, End, State, Stream};
use crate::egress::{Envelope, Hub, Policy, Pump, Source, Viewer, ViewerBody, Who, Wire, control::Peer, solo};
use crate::feed::{Lazy, Unit};
use crate::media::Program;
use crate::outlet::{Dialect, Feeds, FlvForm, FragmentForm, Outlets, TooManyVariants};

/// MIME types of the media.
const FLV: &str = "video/x-flv";
const MP4: &str = "video/mp4";

/// How the endless exits answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Milliseconds that a viewer waits for a stream that is there but does not know its tracks yet.
    pub join_wait_ms: u32,
    /// Origins of pages that may open a WebSocket, such as `https://example.org`; none allows all.
    pub websocket_origins: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { join_wait_ms: 5_000, websocket_origins: Vec::new() }
    }
}

/// What the endless exits need.
#[derive(Clone, Debug)]
pub struct Push {
    /// Where units come from.
    pub outlets: Arc<Outlets>,
    /// How viewers are served.
    pub policy: Arc<Policy>,
    /// How requests are answered.
    pub options: Arc<Options>,
}

/// `GET /{app}/{name}.flv`, plain or with Upgrade; see [`Choice`] for what the query can ask for.
pub async fn flv(push: &Push, stream: &Arc<Stream>, request: Request) -> Response {
    answer_flv(push, stream, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /{app}/{name}.mp4`, plain or with Upgrade; see [`Choice`] for what the query can ask for.
pub async fn mp4(push: &Push, stream: &Arc<Stream>, request: Request) -> Response {
    answer_mp4(push, stream, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer_flv(push: &Push, stream: &Arc<Stream>, request: Request) -> Result<Response, Problem> {
    let asked = Asked::of(push, stream, &request)?;
    let variant = asked.choice.flv()?;
    let Some(program) = asked.program().await? else { return Ok(head_only(FLV)) };
    choice::check_flv(stream.name(), &program, variant)?;
    let (form, exit) = match asked.wanted {
        Wanted::Head => return Ok(head_only(FLV)),
        Wanted::Plain { .. } => (FlvForm::Plain, "http_flv"),
        Wanted::WebSocket(_) => (FlvForm::WebSocket, "ws_flv"),
    };
    let feed = asked.feeds.flv(variant, &program).map_err(crowded)?;
    let shape = Shape { form, exit, mime: FLV, greets: false };
    asked.serve(push, stream, request, &feed, shape).await
}

async fn answer_mp4(push: &Push, stream: &Arc<Stream>, request: Request) -> Result<Response, Problem> {
    let asked = Asked::of(push, stream, &request)?;
    let selection = asked.choice.fragments()?;
    let Some(program) = asked.program().await? else { return Ok(head_only(MP4)) };
    choice::check_fragments(stream.name(), &program, selection)?;
    let (form, exit) = match asked.wanted {
        Wanted::Head => return Ok(head_only(MP4)),
        Wanted::Plain { .. } => (FragmentForm::Plain, "http_fmp4"),
        Wanted::WebSocket(_) => (FragmentForm::WebSocket(asked.choice.dialect), "ws_fmp4"),
    };
    let feed = asked.feeds.fragments(selection, &program).map_err(crowded)?;
    let shape = Shape { form, exit, mime: MP4, greets: asked.choice.dialect == Dialect::Go2rtc };
    asked.serve(push, stream, request, &feed, shape).await
}

/// What a viewer asked for of a stream.
struct Asked {
    wanted: Wanted,
    choice: Choice,
    playing: Playing,
    feeds: Arc<Feeds>,
    /// Until when it is held.
    deadline: Instant,
}

/// How an exit gives what was asked for.
struct Shape<F> {
    form: F,
    /// What it is called where viewers are counted.
    exit: &'static str,
    mime: &'static str,
    /// Whether the client speaks first.
    greets: bool,
}

impl Asked {
    fn of(push: &Push, stream: &Arc<Stream>, request: &Request) -> Result<Self, Problem> {
        let wanted = Wanted::of(push, stream, request)?;
        let choice = Choice::parse(request.uri().query().unwrap_or_default())?;
        let playing = Playing::of(stream, &choice)?;
        let feeds = push.outlets.of(stream).feeds(playing.rendition());
        let deadline = Instant::now() + Duration::from_millis(push.options.join_wait_ms.into());
        Ok(Self { wanted, choice, playing, feeds, deadline })
    }

    /// What there is now, so that a choice can be refused before a feed is started for it. Waited for; but who asks for the answer's fields
    /// alone does not wait, and there may be none.
    async fn program(&self) -> Result<Option<Arc<Program>>, Problem> {
        let samples = self.feeds.samples();
        match self.wanted {
            Wanted::Head => Ok(samples.head()),
            Wanted::Plain { .. } | Wanted::WebSocket(_) => self.within(samples.settled()).await.map(Some),
        }
    }

    /// Starts the feed, waits until the viewer can be told what follows, and answers with it.
    async fn serve<T: Unit + Wire>(
        self,
        push: &Push,
        stream: &Arc<Stream>,
        request: Request,
        feed: &Arc<Lazy<T>>,
        shape: Shape<T::Form>,
    ) -> Result<Response, Problem> {
        let settled = async {
            let feed = feed.acquire().await;
            feed.channel().settled().await.map(|_| feed)
        };
        let feed = self.within(settled).await?;
        let channel = Arc::clone(feed.channel());
        let guard = stream.enter(shape.exit, address(&request), Instant::now());
        let who = Who::of(&guard);
        let keep = (feed, guard, self.playing);
        let pump = Pump::new(channel, self.choice.from, shape.form, Arc::clone(&push.policy), Arc::clone(&who.viewing), keep);
        Ok(deliver(push, request, self.wanted, Box::new(pump), who, shape.mime, shape.greets).await)
    }

    async fn within<T>(&self, found: impl Future<Output = Option<T>>) -> Result<T, Problem> {
        match timeout_at(self.deadline.into(), found).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(Problem::not_found("the stream has ended")),
            Err(_) => Err(self.playing.still_to_come()),
        }
    }
}

/// What a request asks for.
enum Wanted {
    /// The fields of the answer alone.
    Head,
    /// The media as the answer's body.
    Plain {
        /// Until the connection closes, without chunks: for HTTP/1.0. Everybody else gets chunks, whatever they say of their
        /// connection: only the last chunk tells an ended stream from a broken connection, and FFmpeg's family, which always asks for
        /// `Connection: close`, takes an end without one for an error.
        raw: bool,
    },
    /// The media as WebSocket messages.
    WebSocket(Upgrade),
}

impl Wanted {
    fn of(push: &Push, stream: &Stream, request: &Request) -> Result<Self, Problem> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are understood here"));
        }
        if let State::Ended { why, .. } = stream.state() {
            return Err(ended(stream, why));
        }
        if let Some(upgrade) = Upgrade::of(request, &push.options.websocket_origins)? {
            return Ok(Self::WebSocket(upgrade));
        }
        if request.method() == Method::HEAD {
            return Ok(Self::Head);
        }
        Ok(Self::Plain { raw: request.version() < Version::HTTP_11 })
    }
}

/// What is played of a stream; a rung is wanted for as long as this lives.
enum Playing {
    Source,
    Rung { rung: RungRendition, _demand: DemandGuard },
}

impl Playing {
    fn of(stream: &Arc<Stream>, choice: &Choice) -> Result<Self, Problem> {
        match choice::rung(stream, choice)? {
            None => Ok(Self::Source),
            Some(rung) => Ok(Self::Rung { rung, _demand: stream.want_rungs() }),
        }
    }

    fn rendition(&self) -> Option<&RungRendition> {
        match self {
            Self::Source => None,
            Self::Rung { rung, .. } => Some(rung),
        }
    }

    fn still_to_come(&self) -> Problem {
        let detail = match self {
            Self::Source => "the stream is there, but has not sent any media yet; try again",
            Self::Rung { .. } => "this rendition is not made yet, or not at present; try again",
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

fn crowded(error: TooManyVariants) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// Answers with the media: by giving the socket away where that is possible, otherwise through the server around us.
async fn deliver(
    push: &Push,
    mut request: Request,
    wanted: Wanted,
    source: Box<dyn Source>,
    who: Who,
    mime: &'static str,
    greets: bool,
) -> Response {
    let now = Instant::now();
    let slot = request.extensions().get::<Slot>().filter(|_| request.body().is_end_stream()).cloned();
    let (envelope, status, fields) = match wanted {
        Wanted::Head => return head_only(mime),
        Wanted::WebSocket(upgrade) => {
            (Envelope::Talking(Box::new(Peer::new(&push.policy.options, now))), StatusCode::SWITCHING_PROTOCOLS, upgrade.fields())
        }
        Wanted::Plain { raw } if slot.is_some() => {
            let mut fields = media_fields(mime);
            fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
            if !raw {
                fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            (if raw { Envelope::Raw } else { Envelope::Chunked }, StatusCode::OK, fields)
        }
        Wanted::Plain { .. } => {
            let viewer = Viewer::new(who, source, Envelope::Raw, Bytes::new(), Arc::clone(&push.policy), now);
            let hub = request.extensions().get::<Hub>().cloned();
            let stall = Extension(Stall(push.policy.options.stuck()));
            return (StatusCode::OK, stall, media_fields(mime), Body::new(ViewerBody::new(viewer, hub))).into_response();
        }
    };
    let head = if slot.is_some() { written_head(status, &fields) } else { Bytes::new() };
    let viewer = Viewer::new(who, source, envelope, head, Arc::clone(&push.policy), now);
    let viewer = if greets { viewer.after_greeting() } else { viewer };
    match slot {
        Some(slot) => match slot.hand_over(viewer).await {},
        None => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                match upgraded.await {
                    Ok(io) => drop(solo::serve(TokioIo::new(io), viewer, None).await),
                    Err(error) => tracing::debug!(%error, "a connection could not be upgraded"),
                }
            });
            (status, fields).into_response()
        }
    }
}

fn address(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address)
}

fn head_only(mime: &'static str) -> Response {
    // An empty body would be announced as the length of the media.
    let endless = Body::from_stream(futures_util::stream::empty::<Result<Bytes, Infallible>>());
    (StatusCode::OK, media_fields(mime), endless).into_response()
}

fn media_fields(mime: &'static str) -> HeaderMap {
    let fixed = |text| HeaderValue::from_static(text);
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, fixed(mime)),
        (header::CACHE_CONTROL, fixed("no-store")),
        // Proxies of the nginx family would gather the media in a buffer.
        (header::HeaderName::from_static("x-accel-buffering"), fixed("no")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*")),
        (header::HeaderName::from_static("timing-allow-origin"), fixed("*")),
    ])
}

/// An answer's head as it stands on the wire (RFC 9112 §2.1, §4).
fn written_head(status: StatusCode, fields: &HeaderMap) -> Bytes {
    let mut out = format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default()).into_bytes();
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let date = [("date", date.as_bytes())];
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in date.into_iter().chain(fields) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}

fn ended(stream: &Stream, why: End) -> Problem {
    match why {
        End::Unpublished => Problem::not_found(format!("'{}' has ended", stream.name())),
        End::Shutdown | End::Failed => Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
    }
}
