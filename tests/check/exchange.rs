//! The client against a server that does what it is told, and against the gateway's own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use sluicegate::check::exchange::{Ask, Client, Error, Http, Options};
use sluicegate::config::Config;
use sluicegate::gateway::Gateway;

use crate::server::{Reply, Request, Server};

const LIMIT: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn answer(request: &Request) -> Reply {
    match request.target.as_str() {
        "/plain" if request.field("if-none-match") == Some("\"1\"") => Reply::new(304, ""),
        "/plain" if request.field("range") == Some("bytes=2-4") => Reply::new(206, "ain").with("content-range", "bytes 2-4/5"),
        "/plain" => Reply::new(200, "plain").with("ETag", "\"1\"").with("Cache-Control", "public, Max-Age=7"),
        "/moved" => Reply::new(302, "").with("location", "plain"),
        "/round" => Reply::new(307, "").with("location", "/round"),
        "/small" => Reply::new(200, compressed(&[b'a'; 900])).with("content-encoding", "gzip"),
        "/bomb" => Reply::new(200, compressed(&[b'a'; 90_000])).with("content-encoding", "gzip"),
        "/odd" => Reply::new(200, "x").with("content-encoding", "br"),
        "/long" => Reply::new(200, vec![b'a'; 1_001]),
        "/late" => Reply::new(200, "late").after(Duration::from_secs(9)),
        _ => Reply::new(404, "nothing"),
    }
}

#[tokio::test]
async fn answers_come_as_they_are() {
    let server = Server::start(answer).await;
    let client = Client::new(Options::default()).unwrap();
    let get = |path: &str| Ask::get(server.url(path), LIMIT, PATIENCE);

    let plain = client.ask(&get("/plain#part")).await.unwrap();
    assert_eq!((plain.status, plain.http, plain.text(), plain.max_age()), (200, Http::V11, Some("plain"), Some(Duration::from_secs(7))));
    assert!(plain.asked <= plain.head_at && plain.head_at <= plain.done && plain.arrivals.last().unwrap().1 == 5);
    let moved = client.ask(&get("/moved")).await.unwrap();
    assert_eq!((moved.text(), &moved.url, &moved.from), (Some("plain"), &server.url("/moved"), &server.url("/plain")));
    let small = client.ask(&get("/small")).await.unwrap();
    assert!(small.body.len() == 900 && small.wire < 100, "{small:?}");
    let head = client.ask(&Ask { head_only: true, ..get("/plain") }).await.unwrap();
    assert_eq!((head.status, head.field("content-length"), head.body.len()), (200, Some("5"), 0));
    let piece = client.ask(&Ask { range: Some(2..5), ..get("/plain") }).await.unwrap();
    assert_eq!((piece.status, piece.text()), (206, Some("ain")));
    let same = client.ask(&Ask { unless: Some("\"1\"".to_owned()), ..get("/plain") }).await.unwrap();
    assert_eq!(same.status, 304);
    assert_eq!(client.ask(&get("/nothing")).await.unwrap().status, 404);
}

#[tokio::test]
async fn no_more_is_taken_than_was_asked_for() {
    let server = Server::start(answer).await;
    let client = Client::new(Options::default()).unwrap();
    let get = |path: &str| Ask::get(server.url(path), LIMIT, PATIENCE);
    for path in ["/bomb", "/long"] {
        assert!(matches!(client.ask(&get(path)).await, Err(Error::TooLong { limit: LIMIT, .. })), "{path}");
    }
    assert!(matches!(client.ask(&get("/odd")).await, Err(Error::Coding { .. })));
    assert!(matches!(client.ask(&get("/round")).await, Err(Error::Redirects { .. })));
    let hurried = Ask { patience: Duration::from_millis(50), ..get("/late") };
    assert!(matches!(client.ask(&hurried).await, Err(Error::Late { .. })));
    assert!(matches!(client.ask(&Ask::get("ftp://here.example/", LIMIT, PATIENCE)).await, Err(Error::Url { .. })));
    let nobody = Ask::get("http://127.0.0.1:1/", LIMIT, PATIENCE);
    let Err(Error::Failed { why, .. }) = client.ask(&nobody).await else { panic!("nobody listens there") };
    assert!(why.contains("refused"), "the innermost cause is told: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_settles_on_http_2_and_strangers_are_believed_only_where_that_is_asked_for() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("both.pem");
    std::fs::write(&file, key.cert.pem() + &key.signing_key.serialize_pem()).unwrap();
    let mut config = Config::default();
    config.tls.certificate = file;
    config.rtmp.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.http.tls_listen = "127.0.0.1:0".into();
    let gateway = Gateway::start(config).await.unwrap();
    let ask = Ask::get(format!("https://localhost:{}/healthz", gateway.https.unwrap().port()), LIMIT, PATIENCE);
    let Err(Error::Failed { why, .. }) = Client::new(Options::default()).unwrap().ask(&ask).await else { panic!("it signed itself") };
    assert!(why.contains("certificate"), "{why}");
    let answer = Client::new(Options { insecure: true }).unwrap().ask(&ask).await.unwrap();
    assert_eq!((answer.status, answer.http), (200, Http::V2));
    gateway.stop().await;
}
