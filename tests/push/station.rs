//! A gateway's push side on a real socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sluicegate::bus::{self, Registry, StreamName};
use sluicegate::egress::{self, Policy};
use sluicegate::feed;
use sluicegate::http::driver::{self, Driver};
use sluicegate::http::http2;
use sluicegate::http::problem::Problem;
use sluicegate::http::push::{self, Push};
use sluicegate::net::{Acceptor, Limits, Permits, Workers};
use sluicegate::outlet::Outlets;
use sluicegate::segment;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::show::{Show, until};

#[derive(Clone)]
struct App {
    registry: Arc<Registry>,
    push: Push,
}

pub struct Station {
    pub registry: Arc<Registry>,
    pub policy: Arc<Policy>,
    pub address: SocketAddr,
    /// The same router behind an ordinary server, which gives no socket away.
    pub plain: SocketAddr,
}

#[derive(Default)]
pub struct Settings {
    pub egress: egress::Options,
    pub push: push::Options,
    pub driver: driver::Options,
    pub http2: http2::Options,
}

impl Station {
    pub async fn start(settings: Settings) -> Self {
        let registry = Registry::new(bus::registry::Options { grace_s: 0, ..Default::default() });
        let policy = Policy::new(settings.egress);
        let outlets = Outlets::new(feed::Options::default(), segment::options::Options::default(), None, tokio::runtime::Handle::current());
        let push = Push { outlets, policy: Arc::clone(&policy), options: Arc::new(settings.push) };
        let app = App { registry: Arc::clone(&registry), push };
        let router = Router::new().route("/hello", get(|| async { "hello" })).route("/live/{file}", get(media)).with_state(app);
        let driver = Driver::new(
            router.clone().into(),
            (settings.driver, settings.http2),
            Arc::clone(&policy),
            Arc::default(),
            CancellationToken::new(),
        );
        let workers = Workers::start("viewers", 1, &driver, Permits::new(Limits::default()), Duration::ZERO).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { workers.accept(&mut Acceptor::new(&listener, Default::default()), None).await });
        let ordinary = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain = ordinary.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(ordinary, router).await });
        Self { registry, policy, address, plain }
    }

    pub fn publish(&self, name: &str) -> Show {
        Show::begin(&self.registry, name)
    }

    pub fn viewers(&self, name: &str) -> u64 {
        let stream = self.registry.find(&StreamName::parse(&format!("live/{name}")).unwrap());
        stream.map_or(0, |stream| stream.viewers(Instant::now()).values().sum())
    }

    /// Waits until the gateway counts so many viewers.
    pub async fn until_viewers(&self, name: &str, count: u64) {
        until(|| self.viewers(name) == count).await;
    }
}

async fn media(State(app): State<App>, Path(file): Path<String>, request: Request) -> Response {
    let Some((name, kind)) = file.rsplit_once('.') else { return Problem::not_found("no such path").into_response() };
    let stream = StreamName::parse(&format!("live/{name}")).ok().and_then(|name| app.registry.find(&name));
    match (stream, kind) {
        (Some(stream), "flv") => push::flv(&app.push, &stream, request).await,
        (Some(stream), "mp4") => push::mp4(&app.push, &stream, request).await,
        _ => Problem::not_found("no such stream").into_response(),
    }
}
