//! The files of a stream: what may be known of it, playlists, manifest, init segments, segments and parts.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Json;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::api::StreamInfo;
use super::choice;
use super::problem::Problem;
use crate::bus::{LeftOut, Stream};
use crate::media::{Kind, Selection, TrackId, WallClock};
use crate::outlet::{Listing, Outlet};
use crate::segment::request::{self, Request};
use crate::segment::snapshot::Snapshot;
use crate::{dash, hls};

/// Where players ask for our clock (DASH UTCTiming).
pub const CLOCK: &str = "/time";
/// What never changes under its name may be kept for ever (RFC 9111 §5.2.2.1).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const MANIFEST: &str = "application/dash+xml";

/// Answers a request for `request` below a stream.
///
/// A playlist or manifest of a stream that has just begun is held until there is something to list, and the very next segment until it
/// is whole, at most `patience`.
pub async fn file(outlet: &Outlet, request: Request, method: &Method, headers: &HeaderMap, query: &str, patience: Duration) -> Response {
    match request {
        Request::Info => {
            let info = StreamInfo::of(outlet.stream(), Instant::now(), WallClock::from(SystemTime::now()));
            ([(header::CACHE_CONTROL, "no-store")], Json(info)).into_response()
        }
        Request::Multivariant | Request::MediaPlaylist(_) | Request::Manifest => {
            let Some(snapshot) = outlet.shelf().settled(patience).await else {
                let detail = "the stream has not been cut into segments yet; try again in a few seconds";
                let mut response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
                return response;
            };
            listing(outlet, &snapshot, request, query)
        }
        Request::Init { track, .. } | Request::Segment { track, .. } | Request::Part { track, .. } => {
            match outlet.shelf().media(&request, patience).await {
                Some(bytes) => media(track, bytes, method, headers),
                None => Problem::not_found(format!("{request} is not here: not yet, no longer, or never")).into_response(),
            }
        }
    }
}

/// Counts whoever asks for a playlist or manifest that live players ask for again and again. What tells viewers apart is their address,
/// their player's name and what their query carries, such as a token.
pub fn note_viewer(stream: &Stream, file: Request, request: &http::Request<Body>) {
    let exit = match file {
        Request::MediaPlaylist(_) => "hls",
        Request::Manifest => "dash",
        _ => return,
    };
    let mut viewer = DefaultHasher::new();
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()).hash(&mut viewer);
    request.headers().get(header::USER_AGENT).map(HeaderValue::as_bytes).hash(&mut viewer);
    request::carried_query(request.uri().query().unwrap_or_default()).hash(&mut viewer);
    stream.note_request(exit, viewer.finish(), Instant::now());
}

/// A playlist or manifest, rendered once for all who ask by the same address.
fn listing(outlet: &Outlet, snapshot: &Arc<Snapshot>, request: Request, query: &str) -> Response {
    if let Request::MediaPlaylist(track) = request
        && !snapshot.has_track(track)
    {
        let selection = Selection::of(track);
        return Problem::not_found(no_such_track(outlet.stream(), snapshot, selection)).into_response();
    }
    let selection = match request {
        Request::Multivariant | Request::Manifest => choice::selection(query),
        _ => Ok(Selection::default()),
    };
    let selection = match selection {
        Ok(selection) => selection,
        Err(problem) => return problem.into_response(),
    };
    let carried = request::carried_query(query);
    let private = if carried.is_empty() { "" } else { "private, " };
    let listing = Listing { request, selection, carried: carried.clone() };
    let body = outlet.shelf().rendered(snapshot.revision, listing, || match selection == Selection::default() {
        true => Some(render(snapshot, request, &carried)),
        false => Some(render(&snapshot.only(selection)?, request, &carried)),
    });
    let Some(body) = body else { return Problem::not_found(no_such_track(outlet.stream(), snapshot, selection)).into_response() };
    let content_type = if request == Request::Manifest { MANIFEST } else { PLAYLIST };
    // Half a target duration, as RFC 8216bis appendix B.1 has it for answers that were not held back.
    let max_age = if request == Request::Multivariant { 1 } else { (snapshot.target_duration / 2).max(1) };
    let caching = format!("{private}max-age={max_age}");
    ([(header::CONTENT_TYPE, content_type.to_owned()), (header::CACHE_CONTROL, caching)], body).into_response()
}

/// What there is instead of the tracks that somebody asked for.
fn no_such_track(stream: &Stream, snapshot: &Snapshot, selection: Selection) -> String {
    let name = stream.name();
    let left_out = stream.left_out();
    if let Some((track, why)) = selection.named().find_map(|track| Some((track, left_out.get(&track)?))) {
        let why = match why {
            LeftOut::Keyframes => "its keyframes are not where those of the leading video track are",
            LeftOut::Format => "its codec cannot be carried there",
        };
        return format!("HLS and DASH are without track {track}: {why}; it may play at /{name}.flv?flv=enhanced&track={track}");
    }
    let there: Vec<_> = snapshot.tracks.iter().map(|status| status.track.id.to_string()).collect();
    format!("'{name}' has no such track here; it has {}", there.join(", "))
}

fn render(snapshot: &Snapshot, request: Request, query: &str) -> Bytes {
    let text = match request {
        Request::MediaPlaylist(track) => hls::media(snapshot, track, query).unwrap_or_default(),
        Request::Manifest => dash::manifest(snapshot, CLOCK, query),
        _ => hls::multivariant(snapshot, query),
    };
    Bytes::from(text)
}

fn media(track: TrackId, bytes: Bytes, method: &Method, headers: &HeaderMap) -> Response {
    let content_type = if track.kind == Kind::Video { "video/mp4" } else { "audio/mp4" };
    let fields = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, IMMUTABLE), (header::ACCEPT_RANGES, "bytes")];
    let total = bytes.len();
    if method == Method::HEAD {
        return (fields, [(header::CONTENT_LENGTH, total)], ()).into_response();
    }
    match headers.get(header::RANGE).and_then(|value| single_range(value.to_str().ok()?, total)) {
        None => (fields, bytes).into_response(),
        Some(Ok(range)) => {
            let content_range = format!("bytes {}-{}/{total}", range.start, range.end - 1);
            (StatusCode::PARTIAL_CONTENT, fields, [(header::CONTENT_RANGE, content_range)], bytes.slice(range)).into_response()
        }
        Some(Err(Unsatisfiable)) => {
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("the file has {total} bytes"));
            (problem.into_response().status(), [(header::CONTENT_RANGE, format!("bytes */{total}"))], ()).into_response()
        }
    }
}

/// A range that begins behind the end.
#[derive(PartialEq, Eq, Debug)]
struct Unsatisfiable;

/// Reads a Range field (RFC 9110 §14.1.2). Several ranges, or what cannot be read, are answered with the whole file: `None`.
fn single_range(field: &str, total: usize) -> Option<Result<Range<usize>, Unsatisfiable>> {
    let (first, last) = field.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<usize>().ok()).flatten();
    let range = match (first, last) {
        ("", suffix) => total.saturating_sub(number(suffix)?)..total,
        (first, "") => number(first)?..total,
        (first, last) => number(first)?..number(last)?.saturating_add(1).min(total),
    };
    if first > last && !first.is_empty() && !last.is_empty() && number(first)? > number(last)? {
        return None;
    }
    Some(if range.start < range.end { Ok(range) } else { Err(Unsatisfiable) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_in_its_three_forms() {
        assert_eq!(single_range("bytes=0-9", 100), Some(Ok(0..10)));
        assert_eq!(single_range("bytes=90-", 100), Some(Ok(90..100)));
        assert_eq!(single_range("bytes=-5", 100), Some(Ok(95..100)));
        assert_eq!(single_range("bytes=90-500", 100), Some(Ok(90..100)));
        assert_eq!(single_range("bytes=100-", 100), Some(Err(Unsatisfiable)));
        assert_eq!(single_range("bytes=-0", 100), Some(Err(Unsatisfiable)));
    }

    #[test]
    fn what_is_no_single_range_gets_the_whole_file() {
        for field in ["bytes=0-1,5-6", "bytes=9-2", "bytes=a-b", "items=0-1", "bytes=--1", "bytes=99999999999999999999-"] {
            assert_eq!(single_range(field, 100), None, "{field}");
        }
    }
}
