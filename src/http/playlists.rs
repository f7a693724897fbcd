//! Playlists and manifests: rendered once for all who ask the same, and held until they list what a player asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::files::CLOCK;
use super::problem::Problem;
use super::{choice, negotiation};
use crate::bus::{LeftOut, Stream};
use crate::hls::reload::{self, DirectiveError, Directives};
use crate::media::{Selection, TrackId};
use crate::outlet::{Form, Listing, NotHeld, Outlet, Text};
use crate::segment::request::{self, Request};
use crate::segment::snapshot::{Phase, Snapshot};
use crate::{dash, hls};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const MANIFEST: &str = "application/dash+xml";

/// Answers a request for a playlist or manifest. One of a stream that has just begun is held until there is something to list, and for a
/// browser's own player until it can begin, at most `patience`. Such a player gets what others get, only later, so caches need not tell
/// them apart.
pub async fn listing(outlet: &Outlet, request: Request, headers: &HeaderMap, query: &str, patience: Duration) -> Response {
    let asked = Asked { at: Instant::now(), patience, by_browser: negotiation::is_media_element(headers) };
    match answer(outlet, request, query, asked).await {
        Ok(answer) => answer.in_a_form_for(headers),
        Err(refused) => refused.into_response(),
    }
}

/// When something was asked for, and by whom.
#[derive(Clone, Copy)]
struct Asked {
    at: Instant,
    /// How long it may be held from then on, unless it was asked for by number.
    patience: Duration,
    /// By the player that is part of a browser.
    by_browser: bool,
}

/// A text, and what caches may make of it.
struct Answer {
    text: Arc<Text>,
    content_type: &'static str,
    caching: String,
}

/// A refusal, and for how many seconds a cache may keep it.
struct Refused {
    problem: Problem,
    max_age: Option<u32>,
    retry: bool,
}

async fn answer(outlet: &Outlet, request: Request, query: &str, asked: Asked) -> Result<Answer, Refused> {
    let snapshot = outlet.shelf().settled(asked.patience).await.map_err(|why| match why {
        NotHeld::Crowded(_) => unavailable(why),
        _ => unavailable("the stream has not been cut into segments yet; try again in a few seconds"),
    })?;
    match request {
        Request::MediaPlaylist(track) => media_playlist(outlet, &snapshot, track, query, asked).await,
        Request::IFramePlaylist(track) => {
            must_be_there(outlet, &snapshot, track)?;
            let carried = request::carried_query(query);
            let listing = Listing { request, selection: Selection::default(), delta: false, carried };
            text(outlet, &snapshot, listing, snapshot.revision, half(&snapshot))
        }
        _ => {
            let snapshot = if request == Request::Multivariant { with_renditions(outlet, snapshot, asked).await? } else { snapshot };
            let selection = choice::selection(query).map_err(|problem| Refused { problem, max_age: None, retry: false })?;
            let carried = request::carried_query(query);
            let listing = Listing { request, selection, delta: false, carried };
            // It tells nothing that changes with a part.
            text(outlet, &snapshot, listing, snapshot.revision, if matches!(request, Request::Manifest(_)) { half(&snapshot) } else { 1 })
        }
    }
}

async fn media_playlist(outlet: &Outlet, snapshot: &Arc<Snapshot>, track: TrackId, query: &str, asked: Asked) -> Result<Answer, Refused> {
    must_be_there(outlet, snapshot, track)?;
    // As RFC 8216bis appendix B.1 has it: what was asked for by number stays the answer to it, and so does a refusal.
    let refused = |error: DirectiveError| Refused {
        problem: Problem::bad_request(error.to_string()),
        max_age: Some(snapshot.target_duration.saturating_mul(4)),
        retry: false,
    };
    let Directives { wanted, skip } = Directives::parse(query).map_err(refused)?;
    let (snapshot, max_age) = match wanted {
        None if asked.by_browser => (with_beginning(outlet, snapshot, track, asked).await, half(snapshot)),
        None => (Arc::clone(snapshot), half(snapshot)),
        Some(wanted) => {
            let listed = |snapshot: &Arc<Snapshot>| match wanted.is_listed(snapshot, track) {
                Ok(true) => Some(Ok(Arc::clone(snapshot))),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            };
            let patience = reload::longest_hold(snapshot).to_duration();
            let held = outlet.shelf().until(patience, listed).await.map_err(unavailable)?;
            (held.map_err(refused)?, snapshot.target_duration.saturating_mul(6))
        }
    };
    let carried = request::carried_query(query);
    let listing = Listing { request: Request::MediaPlaylist(track), selection: Selection::default(), delta: skip, carried };
    text(outlet, &snapshot, listing, snapshot.state, max_age)
}

/// The first snapshot that lists enough for players without parts to begin with, or what there is when that does not come in time.
async fn with_beginning(outlet: &Outlet, snapshot: &Arc<Snapshot>, track: TrackId, asked: Asked) -> Arc<Snapshot> {
    let patience = asked.patience.saturating_sub(asked.at.elapsed());
    let listed = |snapshot: &Arc<Snapshot>| reload::has_beginning(snapshot, track).then(|| Arc::clone(snapshot));
    let held = outlet.shelf().until(patience, listed).await.ok();
    held.or_else(|| outlet.shelf().snapshot()).unwrap_or_else(|| Arc::clone(snapshot))
}

/// The first snapshot that has a rendition to tell of. Where an encoder comes back with wholly other tracks there is none until their first
/// segments are there, and players give up a playlist without variants.
async fn with_renditions(outlet: &Outlet, snapshot: Arc<Snapshot>, asked: Asked) -> Result<Arc<Snapshot>, Refused> {
    let lists = |snapshot: &Arc<Snapshot>| !snapshot.tracks.is_empty() || snapshot.phase == Phase::Ended;
    if lists(&snapshot) {
        return Ok(snapshot);
    }
    let patience = asked.patience.saturating_sub(asked.at.elapsed());
    outlet.shelf().until(patience, |snapshot| lists(snapshot).then(|| Arc::clone(snapshot))).await.map_err(unavailable)
}

fn must_be_there(outlet: &Outlet, snapshot: &Snapshot, track: TrackId) -> Result<(), Refused> {
    if snapshot.has_track(track) {
        return Ok(());
    }
    let problem = Problem::not_found(no_such_track(outlet.stream(), snapshot, Selection::of(track)));
    Err(Refused { problem, max_age: Some(snapshot.target_duration), retry: false })
}

/// Half a target duration, in seconds.
fn half(snapshot: &Snapshot) -> u32 {
    (snapshot.target_duration / 2).max(1)
}

/// The text of a listing, rendered once for each `version` of the snapshot, with a look at the one before it.
fn text(outlet: &Outlet, snapshot: &Arc<Snapshot>, listing: Listing, version: u64, max_age: u32) -> Result<Answer, Refused> {
    let (request, selection) = (listing.request, listing.selection);
    let private = if listing.carried.is_empty() { "" } else { "private, " };
    let written = |former: Option<&str>| match selection == Selection::default() {
        true => Some(render(snapshot, &listing, former)),
        false => Some(render(&snapshot.only(selection)?, &listing, former)),
    };
    let rendered = outlet.shelf().texts().rendered(version, listing.clone(), written).map_err(unavailable)?;
    let Some(text) = rendered else {
        let problem = Problem::not_found(no_such_track(outlet.stream(), snapshot, selection));
        return Err(Refused { problem, max_age: Some(snapshot.target_duration), retry: false });
    };
    let content_type = if matches!(request, Request::Manifest(_)) { MANIFEST } else { PLAYLIST };
    Ok(Answer { text, content_type, caching: format!("{private}max-age={max_age}") })
}

impl Answer {
    /// Compressed where the client wants that; 304 where it has the form already.
    fn in_a_form_for(self, headers: &HeaderMap) -> Response {
        let Form { bytes, tag, gzip } = self.text.form(negotiation::wants_gzip(headers));
        let known = negotiation::is_known(headers, &tag);
        // A cache must know in any case that the next text may be compressed.
        let fields = [(header::CACHE_CONTROL, self.caching), (header::ETAG, tag), (header::VARY, "accept-encoding".to_owned())];
        if known {
            return (StatusCode::NOT_MODIFIED, fields).into_response();
        }
        let coding = gzip.then_some([(header::CONTENT_ENCODING, "gzip")]);
        (fields, [(header::CONTENT_TYPE, self.content_type)], coding, bytes).into_response()
    }
}

fn render(snapshot: &Snapshot, listing: &Listing, former: Option<&str>) -> String {
    let query = &listing.carried;
    match listing.request {
        Request::MediaPlaylist(track) => hls::media(snapshot, track, query, listing.delta).unwrap_or_default(),
        Request::IFramePlaylist(track) => hls::iframes(snapshot, track, query).unwrap_or_default(),
        Request::Manifest(addressing) => dash::manifest_after(former, snapshot, addressing, CLOCK, query),
        _ => hls::multivariant(snapshot, query),
    }
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

fn unavailable(why: impl ToString) -> Refused {
    Refused { problem: Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()), max_age: None, retry: true }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        if let Some(max_age) = self.max_age
            && let Ok(caching) = HeaderValue::try_from(format!("max-age={max_age}"))
        {
            response.headers_mut().insert(header::CACHE_CONTROL, caching);
        }
        if self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
