//! The files of a stream: what may be known of it, init segments, segments and parts; playlists and manifest stand beside.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::api::StreamInfo;
use super::content::content;
use super::problem::Problem;
use super::{negotiation, playlists};
use crate::bus::{Stream, wall};
use crate::fmp4;
use crate::media::{Kind, TrackId};
use crate::outlet::{File, Flow, Media, NotHeld, Outlet};
use crate::segment::request::{self, Request};

/// Where players ask for our clock (DASH UTCTiming).
pub const CLOCK: &str = "/time";
/// What never changes under its name may be kept for ever (RFC 9111 §5.2.2.1).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What is given in the place of what may still come may not.
const FLEETING: &str = "public, max-age=1";

/// Answers a request for `request` below a stream.
///
/// A playlist or manifest of a stream that has just begun is held until there is something to list, the very next segment until it is
/// whole, and the next part until it is made, at most `patience`.
pub async fn file(outlet: &Outlet, request: Request, method: &Method, headers: &HeaderMap, query: &str, patience: Duration) -> Response {
    match request {
        Request::Info => {
            let info = StreamInfo::of(outlet.stream(), Instant::now(), wall::now());
            ([(header::CACHE_CONTROL, "no-store")], Json(info)).into_response()
        }
        Request::Multivariant | Request::MediaPlaylist(_) | Request::IFramePlaylist(_) | Request::Manifest(_) => {
            playlists::listing(outlet, request, headers, query, patience).await
        }
        Request::Init { track, .. } | Request::Segment { track, .. } | Request::SegmentFrom { track, .. } | Request::Part { track, .. } => {
            match outlet.shelf().media(&request, patience).await {
                Ok(Media::Whole(file)) => {
                    media(outlet, &request, track, file, method, headers).await.unwrap_or_else(IntoResponse::into_response)
                }
                Ok(Media::Flowing(flow)) => flowing(track, flow, method, outlet.stream()),
                Ok(Media::Absent) | Err(NotHeld::Over) => {
                    Problem::not_found(format!("{request} is not here: not yet, no longer, or never")).into_response()
                }
                Err(why) => {
                    let retry = [(header::RETRY_AFTER, "1")];
                    (retry, Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{request}: {why}"))).into_response()
                }
            }
        }
    }
}

/// Counts whoever asks for a playlist or manifest that live players ask for again and again. What tells viewers apart is their address,
/// their player's name and what their query carries, such as a token. Whatever they ask for of HLS and DASH, they are offered rungs there.
pub fn note_viewer(stream: &Stream, file: Request, address: IpAddr, headers: &HeaderMap, query: &str) {
    let now = Instant::now();
    if file != Request::Info {
        stream.ladder().ask(now);
    }
    let exit = match file {
        Request::MediaPlaylist(_) => "hls",
        Request::Manifest(_) => "dash",
        _ => return,
    };
    let mut viewer = DefaultHasher::new();
    address.hash(&mut viewer);
    headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).hash(&mut viewer);
    request::carried_query(query).hash(&mut viewer);
    stream.note_request(exit, viewer.finish(), now);
}

async fn media(
    outlet: &Outlet,
    request: &Request,
    track: TrackId,
    file: File,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    // But for those of nothing, a name never meets other bytes, so it names them as well as a hash would.
    let (tag, caching) = match file {
        File::Body(_) => (format!("\"{request}\""), IMMUTABLE),
        File::Nothing => (format!("\"{request}-nothing\""), FLEETING),
    };
    let total = file.len();
    let range = headers.get(header::RANGE).filter(|_| method == Method::GET && negotiation::range_counts(headers, &tag));
    let range = range.and_then(|value| single_range(value.to_str().ok()?, total));
    let known = negotiation::is_known(headers, &tag);
    let fields = [(header::CACHE_CONTROL, caching.to_owned()), (header::ETAG, tag), (header::ACCEPT_RANGES, "bytes".to_owned())];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, fields).into_response());
    }
    let mime = [(header::CONTENT_TYPE, init_mime(outlet, request).unwrap_or_else(|| HeaderValue::from_static(mime(track))))];
    let length = |bytes: usize| [(header::CONTENT_LENGTH, bytes)];
    match range {
        _ if method == Method::HEAD => Ok((fields, mime, length(total), ()).into_response()),
        None => {
            outlet.stream().sent().count(total);
            Ok((fields, mime, length(total), content(outlet, file, 0..total).await?).into_response())
        }
        Some(Ok(range)) => {
            let content_range = [(header::CONTENT_RANGE, format!("bytes {}-{}/{total}", range.start, range.end - 1))];
            outlet.stream().sent().count(range.len());
            let length = length(range.len());
            let content = content(outlet, file, range).await?;
            Ok((StatusCode::PARTIAL_CONTENT, fields, mime, content_range, length, content).into_response())
        }
        Some(Err(Unsatisfiable)) => {
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("the file has {total} bytes"));
            Ok(([(header::CONTENT_RANGE, format!("bytes */{total}"))], problem).into_response())
        }
    }
}

/// With the codec, as in [`fmp4::mime`], so that players know what their source buffer has to be told before it gets the init segment.
fn init_mime(outlet: &Outlet, request: &Request) -> Option<HeaderValue> {
    let snapshot = outlet.shelf().snapshot()?;
    let init = snapshot.init(request)?;
    HeaderValue::try_from(fmp4::mime(&[&init.track])).ok()
}

/// A segment that is being made: each part is sent as it comes, as a chunk of its own.
fn flowing(track: TrackId, flow: Flow, method: &Method, stream: &Stream) -> Response {
    let fields = [(header::CONTENT_TYPE, mime(track)), (header::CACHE_CONTROL, IMMUTABLE)];
    if method == Method::HEAD {
        return (fields, ()).into_response();
    }
    let parts = futures_util::stream::unfold((flow, Arc::clone(stream.sent())), |(mut flow, sent)| async {
        let part = flow.next().await?;
        if let Ok(bytes) = &part {
            sent.count(bytes.len());
        }
        Some((part, (flow, sent)))
    });
    (fields, Body::from_stream(parts)).into_response()
}

fn mime(track: TrackId) -> &'static str {
    if track.kind == Kind::Video { "video/mp4" } else { "audio/mp4" }
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
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            first..last.saturating_add(1).min(total)
        }
    };
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
        for field in ["bytes=0-1,5-6", "bytes=9-2", "bytes=10-9", "bytes=a-b", "items=0-1", "bytes=--1", "bytes=99999999999999999999-"] {
            assert_eq!(single_range(field, 100), None, "{field}");
        }
    }
}
