//! A whole gateway with a certificate, a stream on the air, and clients of HTTP/2.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request, StatusCode};
use sluicegate::bus::Why;
use sluicegate::config::Config;
use sluicegate::gateway::Gateway;
use sluicegate::transcode::supervisor::Make;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::show::{GOP, Show, until};
use crate::tls::Certificate;

/// Nothing here takes longer unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Between two seconds of media.
const TURN: Duration = Duration::from_millis(10);
/// Segments that there are before a test begins.
const SEGMENTS: usize = 5;
const PICTURES: &str = "/live/show/v0.m3u8";

pub struct House {
    pub gateway: Gateway,
    pub certificate: Certificate,
    pub http: SocketAddr,
    pub https: SocketAddr,
}

impl House {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A gateway on loopback, at free ports, with what `set` changes.
    pub async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let certificate = Certificate::new();
        let mut config = Config { tls: certificate.options(), ..Config::default() };
        config.rtmp.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.http.tls_listen = "127.0.0.1:0".into();
        config.gateway.threads = 1;
        config.ladder.make = Make::Off;
        set(&mut config);
        let gateway = Gateway::start(config).await.unwrap();
        let (http, https) = (gateway.http, gateway.https.expect("it is configured"));
        Self { gateway, certificate, http, https }
    }

    /// `live/show`, with some segments and the beginning of another, of which all is listed that there is.
    pub async fn on_air(&self) -> Show {
        let mut show = Show::begin(&self.gateway.registry, "show");
        show.head(1280, Why::Joined);
        let (client, begun) = (self.h2c().await, Instant::now());
        // Whoever cuts the segments begins at the newest keyframe when it is ready to, and must not be overtaken.
        while client.segments().await < SEGMENTS {
            assert!(begun.elapsed() < PATIENCE, "no segments are cut");
            show.send(GOP);
        }
        show.send(10);
        let mut before = Bytes::new();
        loop {
            let now = client.get(PICTURES).await.body;
            if now == before {
                return show;
            }
            before = now;
            sleep(TURN * 2).await;
        }
    }

    /// Waits until so many watch `live/show` by endless answers.
    pub async fn until_viewers(&self, count: u64) {
        let stream = self.gateway.registry.list().pop().expect("it is on the air");
        let endless = |exit: &str| exit != "hls" && exit != "dash";
        let viewers =
            || stream.viewers(std::time::Instant::now()).iter().filter(|(exit, _)| endless(exit)).map(|(_, count)| count).sum::<u64>();
        until(|| viewers() == count).await;
    }

    /// A client that speaks HTTP/2 by ALPN.
    pub async fn h2(&self) -> Client {
        Client::over(self.certificate.connect(self.https, &[b"h2", b"http/1.1"]).await).await
    }

    /// A client that knows beforehand that HTTP/2 is spoken.
    pub async fn h2c(&self) -> Client {
        Client::over(TcpStream::connect(self.http).await.unwrap()).await
    }
}

/// A client on one connection.
#[derive(Clone)]
pub struct Client(SendRequest<Bytes>);

/// An answer whose body is still to be read.
pub struct Begun {
    pub status: StatusCode,
    pub fields: HeaderMap,
    body: RecvStream,
}

/// An answer read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub async fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (client, connection) = h2::client::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    pub async fn begin(&self, request: Request<()>) -> Result<Begun, h2::Error> {
        let mut client = self.0.clone().ready().await?;
        let (response, _) = client.send_request(request, true)?;
        let (head, body) = timeout(PATIENCE, response).await.expect("an answer").map(http::Response::into_parts)?;
        Ok(Begun { status: head.status, fields: head.headers, body })
    }

    /// How many segments of pictures are listed, if that is told at once.
    async fn segments(&self) -> usize {
        let answer = timeout(TURN, self.get(PICTURES)).await;
        sleep(TURN).await;
        answer.map_or(0, |answer| String::from_utf8_lossy(&answer.body).lines().filter(|line| line.starts_with("#EXTINF")).count())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub async fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut begun = self.begin(request(method, path, fields)).await.unwrap();
        let body = begun.rest().await.unwrap();
        Answer { status: begun.status, fields: begun.fields, body }
    }
}

impl Begun {
    /// What comes next; `None` at the end.
    pub async fn piece(&mut self) -> Option<Result<Bytes, h2::Error>> {
        let piece = timeout(PATIENCE, self.body.data()).await.expect("the server fell silent");
        if let Some(Ok(piece)) = &piece {
            self.body.flow_control().release_capacity(piece.len()).unwrap();
        }
        piece
    }

    pub async fn rest(&mut self) -> Result<Bytes, h2::Error> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.piece().await {
            body.extend_from_slice(&piece?);
        }
        Ok(body.freeze())
    }
}

pub fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request<()> {
    let request = Request::builder().method(method).uri(format!("http://localhost{path}"));
    fields.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
}
