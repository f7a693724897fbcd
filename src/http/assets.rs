//! The pages, embedded in the program: the built ones where the page was built, and a small one that needs no build.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::{Embed, EmbeddedFile};

use super::negotiation;
use super::problem::Problem;

/// What `npm run build` made in `web/`; empty where it was not run.
#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

/// Pages that play WebSocket fMP4 without any library.
#[derive(Embed)]
#[folder = "web/fallback"]
#[allow_missing = true]
struct Fallback;

/// Our own MSE player, shared by both.
#[derive(Embed)]
#[folder = "web/player"]
#[allow_missing = true]
struct Player;

/// Nothing inline, nothing from elsewhere; players need blob: for their media and workers. Who may frame a page stands behind it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors ";

/// What a person sees where nothing is. It needs no build, so that the libraries' one has a page less.
const MISSING: &str = "missing.html";

/// The operators' page, which takes their token: no page of another origin may lay itself over it.
const CONSOLE: &str = "index.html";

/// Whether the pages were built with the player libraries.
pub fn built() -> bool {
    Built::get(CONSOLE).is_some()
}

/// The page of that name: `index.html`, `watch.html` or `embed.html`.
pub fn page(method: &Method, headers: &HeaderMap, name: &str) -> Response {
    let Some(file) = Built::get(name).or_else(|| Fallback::get(name)) else {
        return Problem::not_found(format!("there is no page '{name}'")).into_response();
    };
    let mut response = serve(method, headers, name, &file, "no-cache");
    protect(response.headers_mut(), if name == CONSOLE { "'self'" } else { "*" });
    response
}

/// The page that says that nothing is at an address, with what plays as far as it is told to whoever asks. Programs get the same 404 as a
/// problem in JSON.
pub fn missing(method: &Method) -> Response {
    let Some(file) = Fallback::get(MISSING) else { return Problem::not_found("there is nothing at this address").into_response() };
    let mut response = serve(method, &HeaderMap::new(), MISSING, &file, "no-store");
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.remove(header::ETAG);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    // It takes the operators' token as well.
    protect(headers, "'self'");
    response
}

/// Tells browsers what a page may load, and who may frame it.
fn protect(headers: &mut HeaderMap, ancestors: &str) {
    let policy = HeaderValue::try_from(format!("{CONTENT_SECURITY_POLICY}{ancestors}")).expect("the policy is plain ASCII");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

/// The web component, which pages of other origins load.
pub fn element(method: &Method, headers: &HeaderMap, path: &str) -> Response {
    match Built::get(path.trim_start_matches('/')) {
        Some(file) => serve(method, headers, path, &file, "no-cache"),
        None => Problem::not_found("the web component was not built: run `npm ci && npm run build` in web/").into_response(),
    }
}

/// A file below `/assets/`.
pub fn asset(method: &Method, headers: &HeaderMap, path: &str) -> Response {
    let unhashed = |file| (file, "no-cache");
    let found = if let Some(name) = path.strip_prefix("fallback/") {
        Fallback::get(name).map(unhashed)
    } else if let Some(name) = path.strip_prefix("player/") {
        Player::get(name).map(unhashed)
    } else {
        // The build puts a hash of the content in every name.
        Built::get(&format!("assets/{path}")).map(|file| (file, "public, max-age=31536000, immutable"))
    };
    match found {
        Some((file, caching)) => serve(method, headers, path, &file, caching),
        None => Problem::not_found(format!("there is no asset '{path}'")).into_response(),
    }
}

fn serve(method: &Method, headers: &HeaderMap, name: &str, file: &EmbeddedFile, caching: &'static str) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = hash[..16].iter().fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let known = negotiation::is_known(headers, &tag);
    let mime = mime_guess::from_path(name).first_or_octet_stream();
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else if method == Method::HEAD {
        ([(header::CONTENT_LENGTH, file.data.len())], ()).into_response()
    } else {
        file.data.clone().into_owned().into_response()
    };
    let headers = response.headers_mut();
    let utf8 = if mime.type_() == mime_guess::mime::TEXT { "; charset=utf-8" } else { "" };
    let fields = [(header::CONTENT_TYPE, format!("{mime}{utf8}")), (header::ETAG, tag), (header::CACHE_CONTROL, caching.to_owned())];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::try_from(value).expect("types, tags and cache rules are plain ASCII"));
    }
    response
}
