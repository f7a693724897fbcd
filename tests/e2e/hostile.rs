//! What hostile HTTP clients get: an answer that says what is wrong, or the door; and nobody else notices.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::house::{House, config};
use crate::support::{PATIENCE, http};

/// Everything until the server closes, and how long that took.
async fn rest(socket: &mut TcpStream) -> (Vec<u8>, Duration) {
    let (began, mut bytes) = (Instant::now(), Vec::new());
    // A reset is an end, too.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("the server closes");
    (bytes, began.elapsed())
}

async fn healthy(address: SocketAddr) -> bool {
    http::get(address, "/healthz").await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_problems_that_say_what_there_is() {
    let house = House::start(config()).await;
    let paths = [
        "/nothing",
        "/live",
        "/live/",
        "/live/show",
        "/live/show.flv",
        "/live/show.mp4",
        "/live/show/index.m3u8",
        "/live/show/manifest.mpd",
        "/live/show/v0-1-2.m4s",
        "/live/show/../../etc/passwd",
        "/live/..%2f..%2fetc/index.m3u8",
        "/live/%00/index.m3u8",
        "/live/%ff.flv",
        "/api/v1",
        "/api/v2/streams",
        "/assets/../Cargo.toml",
        "/assets/nothing.js",
        "/assets/%ff",
        "/api/v1/streams/%ff",
        "/metrics/x",
        "//live//show.flv",
    ];
    for path in paths {
        let detail = http::get(house.http, path).await.assert_problem(404);
        assert!(!detail.is_empty(), "{path}");
    }
    for (method, path) in [("POST", "/live/show.flv"), ("PUT", "/live/show/index.m3u8"), ("DELETE", "/"), ("POST", "/api/v1/streams")] {
        http::request(house.http, method, path, "Content-Length: 0\r\n").await.assert_problem(405);
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_do_not_arrive_are_not_waited_for() {
    let mut config = config();
    config.connections.head_s = 1;
    let house = House::start(config).await;
    let mut silent = TcpStream::connect(house.http).await.unwrap();
    let mut slow = TcpStream::connect(house.http).await.unwrap();
    let dripping = async {
        // A byte now and then must not buy more time.
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        rest(&mut slow).await
    };
    let began = Instant::now();
    let ((bytes, _), (said, took)) = tokio::join!(rest(&mut silent), dripping);
    assert!(bytes.is_empty() && said.is_empty(), "{:?}", String::from_utf8_lossy(&said));
    assert!(began.elapsed() < Duration::from_secs(15), "closed while it was still sending: {took:?}");
    assert!(healthy(house.http).await);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_and_broken_heads_are_refused() {
    let house = House::start(config()).await;
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: 1\r\n".repeat(500));
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    for (head, statuses) in [
        (large, &["431", "400"][..]),
        (many, &["431", "400"]),
        (long, &["414", "431", "400"]),
        ("\u{1}\u{2}\u{3}\r\n\r\n".into(), &["400"]),
    ] {
        let mut socket = TcpStream::connect(house.http).await.unwrap();
        let _ = socket.write_all(head.as_bytes()).await;
        let (bytes, _) = rest(&mut socket).await;
        let said = String::from_utf8_lossy(&bytes);
        // A client that is still sending may lose the answer to a reset.
        assert!(said.is_empty() || statuses.iter().any(|status| said.starts_with(&format!("HTTP/1.1 {status}"))), "{said}");
    }
    assert!(healthy(house.http).await);
    house.stop().await;
}

/// A proxy in front could take it for another's.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_names_no_host_or_several_is_refused_unless_it_is_as_old_as_that() {
    let house = House::start(config()).await;
    let table = [
        (" HTTP/1.1\r\n", [400; 4]),
        (" HTTP/1.1\r\nHost: a\r\nHost: b\r\n", [400; 4]),
        (" HTTP/1.0\r\nHost: a\r\nHost: a\r\n", [400; 4]),
        (" HTTP/1.1\r\nHost: a\r\n", [200, 200, 404, 404]),
        (" HTTP/1.0\r\n", [200, 200, 404, 404]),
    ];
    for (head, statuses) in table {
        for (path, status) in ["/healthz", "/watch/live/a", "/live/a.flv", "/live/a/index.m3u8"].into_iter().zip(statuses) {
            let mut socket = BufReader::new(TcpStream::connect(house.http).await.unwrap());
            socket.write_all(format!("GET {path}{head}\r\n").as_bytes()).await.unwrap();
            let answer = timeout(PATIENCE, http::read(&mut socket, false)).await.unwrap();
            assert_eq!(answer.status, status, "{path}{head}");
            assert!(status != 400 || answer.assert_problem(400).contains("Host"), "{path}{head}");
        }
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_nothing_by_a_browser_sees_a_page() {
    let house = House::start(config()).await;
    let browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";
    for path in ["/nothing", "/live/nobody", "/live/nobody.flv", "/watch"] {
        let answer = http::request(house.http, "GET", path, browser).await;
        assert_eq!((answer.status, answer.field("content-type")), (404, "text/html; charset=utf-8"), "{path}");
        assert_eq!((answer.field("vary"), answer.field("cache-control"), answer.field("etag")), ("accept", "no-store", ""), "{path}");
        assert!(answer.field("content-security-policy").contains("frame-ancestors 'self'"), "{path}");
        assert!(answer.text().contains("There is nothing at this address"), "{path}");
        for part in answer.text().split('"').filter(|text| text.starts_with("/assets/")) {
            assert_eq!(http::get(house.http, part).await.status, 200, "{part}");
        }
        http::request(house.http, "GET", path, "Accept: */*\r\n").await.assert_problem(404);
    }
    http::request(house.http, "POST", "/nothing", browser).await.assert_problem(405);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_over_the_limit_are_turned_away_and_the_door_opens_again() {
    let mut config = config();
    config.limits.max_connections = 8;
    config.connections.head_s = 2;
    let house = House::start(config).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(TcpStream::connect(house.http).await.unwrap());
    }
    let began = Instant::now();
    for mut socket in idle {
        assert!(rest(&mut socket).await.0.is_empty());
    }
    println!("40 idle connections gone after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(8));
    assert!(healthy(house.http).await);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_place_hears_that_the_gateway_is_full_and_still_well() {
    let mut config = config();
    config.limits.max_connections = 1;
    let house = House::start(config).await;
    let ask = async |socket: TcpStream, path: &str| {
        let mut reader = BufReader::new(socket);
        reader.write_all(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", house.http).as_bytes()).await.unwrap();
        let answer = timeout(PATIENCE, http::read(&mut reader, false)).await.unwrap();
        (answer.status, reader)
    };
    let (first, guest) = ask(TcpStream::connect(house.http).await.unwrap(), "/nothing").await;
    let (second, _) = ask(TcpStream::connect(house.http).await.unwrap(), "/nothing").await;
    assert_eq!((first, second), (404, 503));
    assert!(healthy(house.http).await);
    drop(guest);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_and_never_reads_is_given_up() {
    let mut config = config();
    config.connections.write_s = 1;
    let house = House::start(config).await;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&house.http.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut socket = TcpStream::from_std(socket.into()).unwrap();
    // Answers pile up in the pipeline until nothing more is taken.
    let request = format!("GET /nothing HTTP/1.1\r\nHost: {}\r\n\r\n", house.http).repeat(200);
    let closed = async { while socket.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, closed).await.expect("the connection is closed");
    assert!(healthy(house.http).await);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_a_pipeline_are_answered_in_order() {
    let house = House::start(config()).await;
    let mut socket = TcpStream::connect(house.http).await.unwrap();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", house.http);
    socket.write_all([one("/healthz"), one("/nothing"), one("/healthz")].concat().as_bytes()).await.unwrap();
    let mut reader = BufReader::new(socket);
    for status in [200, 404, 200] {
        assert_eq!(timeout(PATIENCE, http::read(&mut reader, false)).await.unwrap().status, status);
    }
    house.stop().await;
}
