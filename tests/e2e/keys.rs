//! Stream keys and play tokens against one running program: who has none is refused in its protocol's words, who has one is served at
//! every exit, and no secret is ever written down.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sluicegate::rtmp::client::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ingest_support::peer::Peer;
use crate::ingest_support::publish;
use crate::support::house::{Program, run};
use crate::support::{PATIENCE, http, media};

const APP_KEY: &str = "app-key-4f1d";
const HALL_KEY: &str = "hall-key-92aa";
const TOKEN: &str = "token-77c0e1";
/// Offered, never right; must not be written down either.
const GUESS: &str = "guess-b00b00";
const SECRETS: [&str; 4] = [APP_KEY, HALL_KEY, TOKEN, GUESS];

const DENIED: &str = "NetStream.Publish.Denied";

async fn refused(program: &Program, app: &str, name: &str) -> (String, String) {
    let mut peer = Peer::connect(program.rtmp.port(), app, name).await;
    let mut words = peer.words_until_closed().await;
    assert_eq!(words.len(), 1, "{app} {name}: {words:?}");
    words.remove(0)
}

async fn published(program: &Program, app: &str, name: &str) -> Peer {
    let mut peer = Peer::connect(program.rtmp.port(), app, name).await;
    peer.started().await;
    peer
}

/// A film of six seconds, sent as fast as it is taken: what is left of it are whole playlists.
async fn send_film(program: &Program) {
    let url = format!("rtmp://{}/live/film?key={APP_KEY}", program.rtmp);
    let mut encoder = publish(&media::clip("bframes"), &url, false, &["-t", "6"]);
    assert!(timeout(PATIENCE, encoder.wait()).await.expect("FFmpeg ends").unwrap().success());
}

/// The status of an answer that may never end.
async fn status(address: SocketAddr, path: &str, fields: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes()).await.unwrap();
    let mut line = [0; 12];
    socket.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

async fn check_publishing(program: &Program) {
    for (app, name, words) in [
        ("live", "a".to_owned(), "demands a key"),
        ("live", format!("a?key={GUESS}"), "key is wrong"),
        ("live", format!("a?key={HALL_KEY}"), "key is wrong"),
        ("live", format!("a?token={TOKEN}"), "demands a key"),
        ("other", format!("a?key={APP_KEY}"), "not open to publishers"),
    ] {
        let (code, description) = refused(program, app, &name).await;
        assert_eq!(code, DENIED, "{app} {name}");
        assert!(description.contains(words), "{app} {name}: {description}");
    }
    // A question mark that an encoder has percent-encoded makes the key part of the name, which cannot be one.
    let (code, _) = refused(program, "live", &format!("a%3Fkey={APP_KEY}")).await;
    assert_eq!(code, "NetStream.Publish.BadName");
    // As OBS sends what stands in its two fields, with what people paste around it.
    for (app, name) in [
        ("live", format!("a?key={APP_KEY}")),
        ("live", format!(" \"hall?key={HALL_KEY}\"\n")),
        ("live", format!("b?key={APP_KEY}")),
        ("live/", format!("c?x=1&key={APP_KEY}")),
        (&format!("live?key={APP_KEY}"), "d".to_owned()),
        ("open", "e".to_owned()),
    ] {
        published(program, app, &name).await;
    }
}

/// Playlists hand the token on to all they name, and nothing is given without it.
async fn check_playing(http_address: SocketAddr) {
    let get = async |path: &str| http::get(http_address, path).await;
    let with = |path: &str| format!("{path}?token={TOKEN}");
    let files = ["/live/film/index.m3u8", "/live/film/v0.m3u8", "/live/film/manifest.mpd", "/live/film/info.json"];
    for path in files {
        assert_eq!(get(&with(path)).await.status, 200, "{path}");
    }
    let index = get(&with(files[0])).await;
    let media = index.text().lines().find(|line| line.starts_with("v0.m3u8")).expect("a playlist of pictures");
    assert!(media.contains(&format!("token={TOKEN}")), "{media}");
    let playlist = get(&format!("/live/film/{media}")).await;
    let segment = playlist.text().lines().find(|line| line.contains(".m4s") && !line.starts_with('#')).expect("a segment");
    assert!(segment.ends_with(&format!("?token={TOKEN}")), "{segment}");
    let segment = format!("/live/film/{segment}");
    assert_eq!(get(&segment).await.status, 200);
    assert!(get(&with(files[2])).await.text().contains(&format!("token={TOKEN}")), "the manifest hands it on");

    let bare = segment.split('?').next().unwrap();
    for path in files.into_iter().chain([bare, "/live/main.flv", "/live/main.mp4", "/live/nobody.flv", "/live/nobody/index.m3u8"]) {
        let nothing = get(path).await.assert_problem(401);
        assert!(nothing.contains("demands a token"), "{nothing}");
        let wrong = get(&format!("{path}?token={GUESS}")).await.assert_problem(403);
        assert!(wrong.contains("token is wrong"), "{wrong}");
    }
    let upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for path in ["/live/main.flv", "/live/main.mp4"] {
        assert_eq!(status(http_address, &with(path), "").await, "200", "{path}");
        assert_eq!(status(http_address, &format!("{path}?token={}", TOKEN.replace('-', "%2D")), "").await, "200", "{path}");
        assert_eq!(status(http_address, &with(path), upgrade).await, "101", "{path}");
        assert_eq!(status(http_address, path, upgrade).await, "401", "{path}");
    }
    get("/live/nobody/index.m3u8?token=".to_owned().as_str()).await.assert_problem(403);
    get(&with("/live/nobody/index.m3u8")).await.assert_problem(404);
    get("/open/nobody/index.m3u8").await.assert_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_open_what_they_are_for_and_are_written_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    let hashed = hash(HALL_KEY);
    let text = format!(
        "[apps.live]\npublish = \"key\"\nkeys = [\"{APP_KEY}\"]\nstream_keys = {{ hall = [\"{hashed}\"] }}\n\
         play = \"token\"\ntokens = [\"{TOKEN}\"]\n[apps.open]\n[log]\nfilter = \"trace\"\n[rtmp]\nmax_ahead_ms = 60000\n"
    );
    std::fs::write(&file, text).unwrap();
    let (ok, out, errors) = run(&["check-config", file.to_str().unwrap()], &[]);
    assert!(ok, "{out}{errors}");
    let program = Program::serve(&["--config", file.to_str().unwrap()], &[]).await;
    check_publishing(&program).await;
    // First what may take long to get ready: the other publisher would count as lost meanwhile.
    send_film(&program).await;
    let mut publisher = published(&program, "live", &format!("main?key={APP_KEY}")).await;
    publisher.send_start().await;
    check_playing(program.http).await;

    for (name, answer) in [("main", "NetStream.Play.Failed"), (&format!("main?token={GUESS}"), "NetStream.Play.Failed")] {
        let mut player = Peer::with_role(program.rtmp.port(), Role::Play, "live", name).await;
        assert_eq!(player.codes_until_closed().await, [answer], "{name}");
    }
    let mut player = Peer::with_role(program.rtmp.port(), Role::Play, "live", &format!("main?token={TOKEN}")).await;
    player.started().await;
    let api = http::get(program.http, "/api/v1/streams").await;
    let metrics = http::get(program.http, "/metrics").await;
    assert!(metrics.text().contains("sluicegate_denied_total{protocol=\"rtmp\",reason=\"wrong_key\"} 2"), "{}", metrics.text());
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success());
    assert!(log.contains("publication refused") && log.contains("the key is wrong"), "{log}");
    for secret in SECRETS {
        for (what, text) in [("the log", log.as_str()), ("the API", api.text()), ("the metrics", metrics.text())] {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{what} shows a secret");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_gets_slower_and_slower_and_does_not_slow_the_right_key() {
    let environment = [("SLUICEGATE_APPS_LIVE_PUBLISH", "key"), ("SLUICEGATE_APPS_LIVE_KEYS", APP_KEY)];
    let program = Program::serve(&[], &environment).await;
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(refused(&program, "live", &format!("a?key={GUESS}")).await.0, DENIED);
    }
    // 250, 500 and 1,000 milliseconds.
    assert!(began.elapsed() >= Duration::from_millis(1_750), "{:?}", began.elapsed());
    let mut guesser = Peer::connect(program.rtmp.port(), "live", &format!("a?key={GUESS}")).await;
    let mut answered = tokio::spawn(async move { guesser.codes_until_closed().await });
    published(&program, "live", &format!("a?key={APP_KEY}")).await;
    assert!(!answered.is_finished(), "the guesser still waits");
    assert_eq!((&mut answered).await.unwrap(), [DENIED]);
    program.signal("TERM");
    assert!(program.left().await.0.success());
}

/// What the program makes of a key on its standard input.
fn hash(key: &str) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    let mut child = command.arg("hash-key").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{key}\r\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_key_that_is_guessed_is_not_hashed() {
    let (ok, out, errors) = run(&["hash-key"], &[]);
    assert!(!ok && out.is_empty() && errors.contains("0 bytes is guessed"), "{errors}");
}
