//! Which handler answers what.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, FromRequestParts, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::admin::{Door, Guard};
use super::api::{Entrance, StreamList, StreamStatus, ViewerList};
use super::monitor::{self, Monitor};
use super::problem::Problem;
use super::push::Push;
use super::{assets, cors, files, negotiation, streams, thumbnail};
use crate::auth::Authority;
use crate::bus::{Registry, Stream, StreamName, wall};
use crate::egress::Hubs;
use crate::media::WallClock;
use crate::segment::snapshot::Snapshot;
use crate::telemetry::Metrics;

/// Where the pages of streams are.
const WATCH: &str = "/watch/";
/// Where the players are that stand in frames of other pages.
const EMBED: &str = "/embed/";
/// The web component.
const ELEMENT: &str = "/sluicegate-player.js";
/// Where the files of the pages are.
const ASSETS: &str = "/assets/";
/// Where the API tells of single streams.
const STREAMS: &str = "/api/v1/streams/";
/// Behind a stream's address there: its viewers.
const VIEWERS: &str = "/viewers";
/// Behind it: its newest keyframe.
const THUMBNAIL: &str = "/thumbnail.mp4";

/// `[http]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where viewers connect.
    pub listen: SocketAddr,
    /// Where viewers connect by HTTPS; empty for nowhere.
    pub tls_listen: String,
    /// A listener of their own for the API, the metrics and the console; empty for none.
    pub admin: String,
    /// A secret that opens the API on the public listener; empty for none, which leaves it to programs on this machine.
    pub admin_token: String,
    /// Seconds for which a playlist of a stream that has just begun, or a segment that is just being made, is held.
    pub playlist_wait_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8080)),
            tls_listen: String::new(),
            admin: String::new(),
            admin_token: String::new(),
            playlist_wait_s: 15,
        }
    }
}

/// What the handlers share.
#[derive(Debug)]
pub struct Shared {
    /// The live streams.
    pub registry: Arc<Registry>,
    /// The endless exits, and with them what streams offer to viewers.
    pub push: Push,
    /// The workers' hubs, for their figures.
    pub hubs: Arc<Hubs>,
    /// Who may play.
    pub authority: Arc<Authority>,
    /// The metrics of this process.
    pub metrics: Metrics,
    /// How the streams do.
    pub monitor: Monitor,
    /// Where to publish.
    pub entrance: Entrance,
    /// Options of this module.
    pub options: Options,
}

#[derive(Clone, Debug)]
struct Context {
    shared: Arc<Shared>,
    guard: Guard,
    door: Door,
}

/// What stands behind a route's own part of the path, percent-decoded.
struct Below(String);

impl<S: Send + Sync> FromRequestParts<S> for Below {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |error: PathRejection| Problem::not_found(error.body_text());
        Path::from_request_parts(parts, state).await.map(|Path(path)| Self(path)).map_err(refused)
    }
}

/// All routes, as one of the two listeners serves them. Requests must carry [`ConnectInfo`].
pub fn router(shared: Arc<Shared>, door: Door) -> Router {
    let guard = Guard { token: shared.options.admin_token.clone(), separate: !shared.options.admin.is_empty() };
    let context = Context { shared, guard, door };
    let below = |place: &str| format!("{place}{{*path}}");
    let operators = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/streams", get(list))
        .route("/api/v1/events", get(events))
        .route(&below(STREAMS), get(status).delete(kick))
        .route_layer(middleware::from_fn_with_state(context.clone(), operators_only));
    // Pages of other origins may play a stream; they may not speak to the API, which therefore stands outside this layer.
    let public = Router::new()
        .route(files::CLOCK, get(time))
        .route(ELEMENT, get(element))
        .fallback(stream)
        .layer(middleware::from_fn(cors::open_all));
    Router::new()
        .route("/", get(page_index))
        .route(&below(WATCH), get(page_watch))
        .route(&below(EMBED), get(page_embed))
        .route(&below(ASSETS), get(asset))
        .route("/healthz", get(healthz))
        .merge(operators)
        .merge(public)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(tell_refusal))
        .with_state(context)
}

/// Whether a path, though it looks like that of a stream's file, is one of our own routes.
pub(super) fn is_own(path: &str) -> bool {
    [WATCH, EMBED, ASSETS, STREAMS].iter().any(|place| path.starts_with(place))
}

/// A layer in front of all that is the operators' alone.
async fn operators_only(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    context.guard.admit(context.door, peer.ip(), request.uri(), request.headers())?;
    Ok(next.run(request).await)
}

async fn tell_refusal(request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    note_refusal(&response, &method, uri.path());
    response
}

/// Counts requests that are refused, by status, and tells each to whoever debugs: players ask for what is not there all the time.
pub(super) fn note_refusal(response: &Response, method: &Method, path: &str) {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        metrics::counter!("sluicegate_http_refusals_total", "status" => status.as_str().to_owned()).increment(1);
        // Without its query, which may hold a key.
        tracing::debug!(status = status.as_u16(), %method, path, "request refused");
    }
}

async fn page_index(method: Method, headers: HeaderMap) -> Response {
    assets::page(&method, &headers, "index.html")
}

async fn page_watch(method: Method, headers: HeaderMap) -> Response {
    assets::page(&method, &headers, "watch.html")
}

async fn page_embed(method: Method, headers: HeaderMap) -> Response {
    assets::page(&method, &headers, "embed.html")
}

async fn element(method: Method, headers: HeaderMap) -> Response {
    assets::element(&method, &headers, ELEMENT)
}

async fn asset(Below(path): Below, method: Method, headers: HeaderMap) -> Response {
    assets::asset(&method, &headers, &path)
}

async fn healthz() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

/// Our clock, as DASH players want it (UTCTiming http-iso and http-head): the one that presentations lie on.
async fn time() -> Response {
    let now = wall::now();
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now.since_unix());
    let fields = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::DATE, date.as_str())];
    (fields, now.to_string()).into_response()
}

async fn method_not_allowed(method: Method) -> Response {
    let detail = format!("{method} is not possible here; the Allow field says what is");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response()
}

async fn metrics(State(context): State<Context>) -> Response {
    let push = &context.shared.push;
    super::gauges::refresh(&context.shared.registry, push, &context.shared.hubs);
    let text = context.shared.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4"), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

async fn list(State(context): State<Context>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(context.shared.list())).into_response()
}

async fn events(State(context): State<Context>) -> Result<Response, Problem> {
    monitor::listen(&context.shared)
}

/// `GET /api/v1/streams/{app}/{name}`, and `…/viewers` and `…/thumbnail.mp4` behind it
async fn status(State(context): State<Context>, Below(path): Below) -> Result<Response, Problem> {
    let registry = &context.shared.registry;
    let fields = [(header::CACHE_CONTROL, "no-store")];
    let viewers = || path.strip_suffix(VIEWERS);
    let picture = || path.strip_suffix(THUMBNAIL);
    // A stream whose own name is one of those words goes first.
    let stream = match find(registry, &path) {
        Ok(stream) => stream,
        Err(absent) => match (viewers(), picture()) {
            (Some(path), _) => return Ok((fields, Json(ViewerList::of(&*find(registry, path)?, Instant::now()))).into_response()),
            (_, Some(path)) => return thumbnail::thumbnail(context.shared.snapshot(&*find(registry, path)?).as_deref()),
            _ => return Err(absent),
        },
    };
    let status = context.shared.status(&stream, Instant::now(), wall::now());
    Ok((fields, Json(status)).into_response())
}

impl Shared {
    /// All streams, as their operator sees them.
    pub fn list(&self) -> StreamList {
        let (now, wall) = (Instant::now(), wall::now());
        let streams = self.registry.list().iter().map(|stream| self.status(stream, now, wall)).collect();
        StreamList { streams, publish: self.entrance.clone() }
    }

    fn status(&self, stream: &Stream, now: Instant, wall: WallClock) -> StreamStatus {
        let segments = self.snapshot(stream);
        StreamStatus::of(stream, segments.as_deref(), self.monitor.figures(stream), now, wall)
    }

    fn snapshot(&self, stream: &Stream) -> Option<Arc<Snapshot>> {
        self.push.outlets.find(stream).and_then(|outlet| outlet.shelf().snapshot())
    }
}

/// `DELETE /api/v1/streams/{app}/{name}/publisher`
async fn kick(State(context): State<Context>, ConnectInfo(peer): ConnectInfo<SocketAddr>, Below(path): Below) -> Result<Response, Problem> {
    let name = path
        .strip_suffix("/publisher")
        .ok_or_else(|| Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only /api/v1/streams/{app}/{name}/publisher can be deleted"))?;
    let stream = find(&context.shared.registry, name)?;
    if !context.shared.registry.kick(&stream) {
        return Err(Problem::new(StatusCode::CONFLICT, format!("nobody publishes '{name}' right now")));
    }
    tracing::info!(stream = %stream.name(), by = %peer, "publisher disconnected by an operator");
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn stream(State(context): State<Context>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let page = negotiation::wants_page(request.headers()).then(|| request.method().clone());
    let response = streams::stream(&context.shared, request, peer).await;
    match page {
        Some(method) if response.status() == StatusCode::NOT_FOUND => assets::missing(&method),
        _ => response,
    }
}

fn find(registry: &Registry, path: &str) -> Result<Arc<Stream>, Problem> {
    let name = StreamName::parse(path).map_err(|error| Problem::bad_request(error.to_string()))?;
    registry.find(&name).ok_or_else(|| Problem::not_found(format!("there is no stream '{name}'")))
}
