//! All that a listener serves: the files of streams straight from their handler, everything else by the router.
//!
//! Each player of HLS asks several times a second, and all of them at the same moment. To pass a router's layers, made for pages and the
//! API, would cost each of these requests as much as its answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use axum::{BoxError, Router};
use http::Request;
use http::request::Parts;
use tower::Service as _;

use super::address::Address;
use super::admin::Door;
use super::http1::Slot;
use super::router::{Shared, is_own, note_refusal, router};
use super::{cors, host, streams};
use crate::bus::StreamName;
use crate::segment::request::Request as File;

/// A listener's content. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Site {
    /// Whose streams are served past the router; none where it serves everything.
    streams: Option<Arc<Shared>>,
    router: Router,
}

/// An answer in the making.
pub type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Site {
    /// What the public listener serves.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { router: router(Arc::clone(&shared), Door::Public), streams: Some(shared) }
    }

    /// Answers a request. In `slot` it may leave a viewer who wants the connection itself.
    pub fn answer<B>(&self, request: Request<B>, peer: SocketAddr, slot: Option<&Slot>) -> Answering
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Err(problem) = host::check(request.version(), request.headers()) {
            let response = problem.into_response();
            note_refusal(&response, request.method(), request.uri().path());
            return Box::pin(std::future::ready(Ok(response)));
        }
        if let Some((shared, (name, file))) = self.streams.as_ref().zip(file_of(&request)) {
            let (shared, asked) = (Arc::clone(shared), request.into_parts().0);
            return Box::pin(async move { Ok(answer_file(&shared, name, file, peer, asked).await) });
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(slot) = slot {
            request.extensions_mut().insert(slot.clone());
        }
        Box::pin(self.router.clone().call(request))
    }
}

impl From<Router> for Site {
    /// What that router serves, and nothing else.
    fn from(router: Router) -> Self {
        Self { streams: None, router }
    }
}

/// The file of a stream that a request reads; `None` of all that the router knows better.
fn file_of<B>(request: &Request<B>) -> Option<(StreamName, File)> {
    let path = request.uri().path();
    match Address::parse(path) {
        Ok(Address::File(name, file)) if streams::is_read(request.method()) && !is_own(path) => Some((name, file)),
        _ => None,
    }
}

async fn answer_file(shared: &Shared, name: StreamName, file: File, peer: SocketAddr, asked: Parts) -> Response {
    let mut response = streams::file(shared, &name, file, peer, &asked).await;
    cors::open(response.headers_mut());
    note_refusal(&response, &asked.method, asked.uri.path());
    response
}
