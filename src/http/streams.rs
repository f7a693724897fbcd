//! What is asked for below no route of our own: a stream, or one of its files.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use super::address::Address;
use super::problem::Problem;
use super::router::Shared;
use super::{files, push};
use crate::auth::{Action, Denied, Question};
use crate::bus::{Stream, StreamName};
use crate::segment::request::Request as File;

/// Answers a request for whatever its path names.
pub async fn stream(shared: &Shared, request: Request, peer: SocketAddr) -> Response {
    if !is_read(request.method()) {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "streams can only be read: use GET or HEAD");
        return ([(header::ALLOW, "GET, HEAD, OPTIONS")], problem).into_response();
    }
    let address = match Address::parse(request.uri().path()) {
        Ok(address) => address,
        Err(error) => return Problem::not_found(error.to_string()).into_response(),
    };
    let (name, is_flv) = match address {
        Address::File(name, which) => return file(shared, &name, which, peer, &request.into_parts().0).await,
        Address::Flv(name) => (name, true),
        Address::Mp4(name) => (name, false),
    };
    match find(shared, &name, request.uri().query(), peer).await {
        Ok(stream) if is_flv => push::flv(&shared.push, &stream, request).await,
        Ok(stream) => push::mp4(&shared.push, &stream, request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Answers a request, which reads, for a file of a stream.
pub async fn file(shared: &Shared, name: &StreamName, file: File, peer: SocketAddr, asked: &Parts) -> Response {
    let query = asked.uri.query();
    let stream = match find(shared, name, query, peer).await {
        Ok(stream) => stream,
        Err(problem) => return problem.into_response(),
    };
    let query = query.unwrap_or_default();
    files::note_viewer(&stream, file, peer.ip(), &asked.headers, query);
    let outlet = shared.push.outlets.of(&stream);
    let patience = Duration::from_secs(shared.options.playlist_wait_s);
    files::file(&outlet, file, &asked.method, &asked.headers, query, patience).await
}

/// Whether a method only reads.
pub fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A stream that the viewer may play. Asked before it is looked for: who may not play does not learn what there is.
///
/// The right to a stream is a parameter of the address, so that players carry it on and caches tell apart what was asked for with it and
/// without.
async fn find(shared: &Shared, name: &StreamName, query: Option<&str>, peer: SocketAddr) -> Result<Arc<Stream>, Problem> {
    let token = parameter(query.unwrap_or_default(), "token");
    let question = Question { action: Action::Play, name, secret: token.as_deref(), peer, protocol: "http" };
    shared.authority.check(&question).await.map_err(|denied| {
        let status = if denied == Denied::NoToken { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        Problem::new(status, denied.to_string())
    })?;
    shared.registry.find(name).ok_or_else(|| Problem::not_found(format!("nobody publishes '{name}' right now")))
}

/// The first parameter of that name, percent-decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}
