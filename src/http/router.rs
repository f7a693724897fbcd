//! Which handler answers what.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::extract::{ConnectInfo, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::address::Address;
use super::admin::{Door, Guard};
use super::api::{StreamList, StreamStatus};
use super::problem::Problem;
use super::push::{self, Push};
use super::{assets, files};
use crate::auth::{Action, Authority, Denied, Question};
use crate::bus::{Registry, Stream, StreamName};
use crate::media::WallClock;
use crate::telemetry::Metrics;

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
    /// Who may play.
    pub authority: Arc<Authority>,
    /// The metrics of this process.
    pub metrics: Metrics,
    /// Options of this module.
    pub options: Options,
}

#[derive(Clone, Debug)]
struct Context {
    shared: Arc<Shared>,
    guard: Guard,
    door: Door,
}

/// All routes, as one of the two listeners serves them. Requests must carry [`ConnectInfo`].
pub fn router(shared: Arc<Shared>, door: Door) -> Router {
    let guard = Guard { token: shared.options.admin_token.clone(), separate: !shared.options.admin.is_empty() };
    let expose = [header::DATE, header::CONTENT_LENGTH, header::CONTENT_RANGE, header::AGE, header::ETAG];
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers(Any)
        .expose_headers(expose)
        .max_age(Duration::from_secs(600));
    let timing = HeaderValue::from_static("*");
    let timing = SetResponseHeaderLayer::overriding(http::HeaderName::from_static("timing-allow-origin"), timing);
    // Pages of other origins may play a stream; they may not speak to the API, which therefore stands outside the CORS layer.
    let public = Router::new().route(files::CLOCK, get(time)).fallback(stream).layer(cors).layer(timing);
    Router::new()
        .route("/", get(page_index))
        .route("/watch/{*path}", get(page_watch))
        .route("/assets/{*path}", get(asset))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/api/v1/streams", get(list))
        .route("/api/v1/streams/{*path}", get(status).delete(kick))
        .merge(public)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(tell_refusal))
        .with_state(Context { shared, guard, door })
}

/// Counts requests that are refused, by status, and tells each to whoever debugs: players ask for what is not there all the time.
async fn tell_refusal(request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        metrics::counter!("sluicegate_http_refusals_total", "status" => status.as_str().to_owned()).increment(1);
        // Without its query, which may hold a key.
        tracing::debug!(status = status.as_u16(), %method, path = uri.path(), "request refused");
    }
    response
}

async fn page_index(method: Method, headers: HeaderMap) -> Response {
    assets::page(&method, &headers, "index.html")
}

async fn page_watch(method: Method, headers: HeaderMap) -> Response {
    assets::page(&method, &headers, "watch.html")
}

async fn asset(Path(path): Path<String>, method: Method, headers: HeaderMap) -> Response {
    assets::asset(&method, &headers, &path)
}

async fn healthz() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

/// Our clock, as DASH players want it (UTCTiming http-iso and http-head).
async fn time() -> Response {
    let now = WallClock::from(SystemTime::now());
    ([(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "text/plain; charset=utf-8")], now.to_string()).into_response()
}

async fn method_not_allowed(method: Method) -> Response {
    let detail = format!("{method} is not possible here; the Allow field says what is");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response()
}

async fn metrics(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    context.guard.admit(context.door, peer.ip(), &headers)?;
    let push = &context.shared.push;
    super::gauges::refresh(&context.shared.registry, &push.policy, &push.outlets);
    let text = context.shared.metrics.render();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4"), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

async fn list(State(context): State<Context>, ConnectInfo(peer): ConnectInfo<SocketAddr>, headers: HeaderMap) -> Result<Response, Problem> {
    context.guard.admit(context.door, peer.ip(), &headers)?;
    let (now, wall) = (Instant::now(), WallClock::from(SystemTime::now()));
    let streams = context.shared.registry.list().iter().map(|stream| StreamStatus::of(stream, now, wall)).collect();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(StreamList { streams })).into_response())
}

async fn status(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    context.guard.admit(context.door, peer.ip(), &headers)?;
    let stream = find(&context.shared.registry, &path)?;
    let status = StreamStatus::of(&stream, Instant::now(), WallClock::from(SystemTime::now()));
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(status)).into_response())
}

/// `DELETE /api/v1/streams/{app}/{name}/publisher`
async fn kick(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    context.guard.admit(context.door, peer.ip(), &headers)?;
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

/// Everything below no route of our own is a stream, or one of its files.
async fn stream(State(context): State<Context>, request: Request) -> Response {
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !read {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "streams can only be read: use GET or HEAD");
        return ([(header::ALLOW, "GET, HEAD, OPTIONS")], problem).into_response();
    }
    let address = match Address::parse(request.uri().path()) {
        Ok(address) => address,
        Err(error) => return Problem::not_found(error.to_string()).into_response(),
    };
    let shared = &context.shared;
    let (Address::Flv(name) | Address::Mp4(name) | Address::File(name, _)) = &address;
    // Before the stream is looked for: who may not play does not learn what there is.
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or_else(|| (Ipv6Addr::UNSPECIFIED, 0).into(), |peer| peer.0);
    let token = parameter(request.uri().query().unwrap_or_default(), "token");
    if let Err(problem) = may_play(&shared.authority, name, token, peer).await {
        return problem.into_response();
    }
    let Some(stream) = shared.registry.find(name) else {
        return Problem::not_found(format!("nobody publishes '{name}' right now")).into_response();
    };
    match address {
        Address::File(_, file) => {
            let outlet = shared.push.outlets.of(&stream);
            files::note_viewer(&stream, file, &request);
            let patience = Duration::from_secs(shared.options.playlist_wait_s);
            let query = request.uri().query().unwrap_or_default();
            files::file(&outlet, file, request.method(), request.headers(), query, patience).await
        }
        Address::Flv(_) => push::flv(&shared.push, &stream, request).await,
        Address::Mp4(_) => push::mp4(&shared.push, &stream, request).await,
    }
}

/// Asks whether a viewer may have anything of a stream; the right to it is a parameter of the address, so that players carry it on and
/// caches tell apart what was asked for with it and without.
async fn may_play(authority: &Authority, name: &StreamName, token: Option<String>, peer: SocketAddr) -> Result<(), Problem> {
    let question = Question { action: Action::Play, name, secret: token.as_deref(), peer, protocol: "http" };
    authority.check(&question).await.map_err(|denied| {
        let status = if denied == Denied::NoToken { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        Problem::new(status, denied.to_string())
    })
}

/// The first parameter of that name, percent-decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn find(registry: &Registry, path: &str) -> Result<Arc<Stream>, Problem> {
    let name = StreamName::parse(path).map_err(|error| Problem::bad_request(error.to_string()))?;
    registry.find(&name).ok_or_else(|| Problem::not_found(format!("there is no stream '{name}'")))
}
