//! Every way to misuse the gateway that we know of, against one running program: the peer hears why in its protocol's words, the
//! connection ends, the log has a line with its id and address, a counter moves, and the stream beside it flows on.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sluicegate::amf0::{self, Value};
use sluicegate::flv::reader::Event;
use sluicegate::flv::{Reader, TagKind};
use sluicegate::rtmp::client::{self, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::ingest_support::peer::{AUDIO, AUDIO_CONFIG, KEY, Peer};
use crate::support::house::Program;
use crate::support::viewers::{Exit, Recording, narrow};
use crate::support::{PATIENCE, http};

/// Short deadlines, so that all of them pass within the test; what comes to nothing is told at `debug`, too, however much of it there is.
const SETTINGS: [(&str, &str); 8] = [
    ("SLUICEGATE_RTMP_TAKEOVER", "reject"),
    ("SLUICEGATE_RTMP_PUBLISH_TIMEOUT_S", "6"),
    ("SLUICEGATE_RTMP_IDLE_S", "3"),
    ("SLUICEGATE_RTMP_MAX_PENDING_PER_ADDRESS", "24"),
    ("SLUICEGATE_EGRESS_STUCK_S", "2"),
    ("SLUICEGATE_EGRESS_UNSENT_KIB", "16"),
    ("SLUICEGATE_CONNECTIONS_HEAD_S", "1"),
    ("SLUICEGATE_LOG_FILTER", "info,sluicegate::http=debug,sluicegate::rtmp=debug"),
];
const PENDING: usize = 24;

/// C0, C1 and C2 without a digest.
pub const SHAKE: [u8; 3073] = {
    let mut shake = [0; 3073];
    shake[0] = 3;
    shake
};
/// Milliseconds between two pictures of the healthy stream.
const STEP: u32 = 40;
/// Large enough that a viewer who never reads is soon full.
const PICTURE: usize = 30_000;

const FAILED: &str = "NetConnection.Call.Failed";
const BAD_NAME: &str = "NetStream.Publish.BadName";
const DENIED: &str = "NetStream.Publish.Denied";
const CLOSED: &str = "NetConnection.Connect.Closed";

/// What the log must hold: a line about a connection from `address`, in the span that carries its id, with these words.
struct Told {
    case: String,
    span: &'static str,
    address: SocketAddr,
    words: Vec<&'static str>,
}

impl Told {
    fn rtmp(case: impl Into<String>, address: SocketAddr, words: &[&'static str]) -> Self {
        Self { case: case.into(), span: "rtmp", address, words: words.to_vec() }
    }

    fn http(case: impl Into<String>, address: SocketAddr, words: &[&'static str]) -> Self {
        Self { case: case.into(), span: "http", address, words: words.to_vec() }
    }

    fn check(&self, log: &str) {
        let span = format!("{}{{id=", self.span);
        // A publisher's span goes on with its stream.
        let ends = ["}", " stream="].map(|end| format!("address={}{end}", self.address));
        let is_about = |line: &&str| line.contains(&span) && ends.iter().any(|address| line.contains(address));
        let lines: Vec<_> = log.lines().filter(is_about).collect();
        for word in &self.words {
            let found = lines.iter().any(|line| line.contains(word));
            assert!(found, "{}: no line with {word:?} among {lines:#?}", self.case);
        }
    }
}

/// A counter or gauge, summed over all series that begin like this.
pub async fn figure(program: &Program, series: &str) -> f64 {
    let text = http::get(program.http, "/metrics").await.text().to_owned();
    let values = text.lines().filter_map(|line| line.strip_prefix(series)?.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum()
}

pub fn closed_as(reason: &str) -> String {
    format!("sluicegate_rtmp_closed_total{{reason=\"{reason}\"}}")
}

/// A message in one chunk of type 0, on a chunk stream that nobody else uses.
pub fn message(type_id: u8, payload: &[u8]) -> Vec<u8> {
    message_on(40, type_id, payload.len(), payload)
}

pub fn message_on(csid: u8, type_id: u8, length: usize, payload: &[u8]) -> Vec<u8> {
    let length = (length as u32).to_be_bytes();
    [&[csid, 0, 0, 0], &length[1..], &[type_id, 1, 0, 0, 0], payload].concat()
}

pub fn command(name: &str, values: &[Value]) -> Vec<u8> {
    message(20, &[&amf0::encode(&[name.into(), 9.0.into()]), &amf0::encode(values)[..]].concat())
}

/// What is sent by a publisher who has begun, and what the log must say of it.
fn broken_publishers() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let text_past_the_end = [&amf0::encode(&["x".into(), 0.0.into()])[..], &[2, 0xFF, 0xFF, b'a']].concat();
    let deep = [&amf0::encode(&["x".into()])[..], &[3, 0, 1, b'a'].repeat(10_000)].concat();
    let size = |size: u32| message_on(2, 1, 4, &size.to_be_bytes());
    let many: Vec<u8> = (0..80).flat_map(|n| [&[0, n][..], &message_on(0, 9, 0x4000, &[0; 4096])[1..]].concat()).collect();
    // Each of these half-messages is legal by itself.
    let much = |csid| message_on(csid, 9, 7 << 20, &vec![0; 6 << 20]);
    let much = [size(6 << 20), much(40), much(41), much(42)].concat();
    vec![
        ("chunk size 0", size(0), "chunk size 0 is not in", "bad_chunk"),
        ("chunk size absurd", size(u32::MAX), "chunk size 4294967295 is not in", "bad_chunk"),
        ("chunk size cut short", message_on(2, 1, 2, &[0, 1]), "needs 4 bytes, has 2", "bad_chunk"),
        ("16 MiB announced", message_on(40, 9, 0xFF_FFFF, &[0x17]), "message of 16777215 bytes announced", "bad_chunk"),
        ("no predecessor", vec![0xC0 | 40], "type 3 on chunk stream 40", "bad_chunk"),
        (
            "header in a message",
            [message_on(40, 9, 9_000, &[0; 4096]), message(9, &[0])].concat(),
            "bytes of its message missing",
            "bad_chunk",
        ),
        ("many half-messages", many, "is one more than the 64 allowed", "bad_chunk"),
        ("much half-finished", much, "bytes of unfinished messages", "bad_chunk"),
        ("nested 10,000 deep", message_in_chunks(20, &deep), "nested deeper than 16", "bad_command"),
        ("string past the end", message(20, &text_past_the_end), "65535 bytes needed, 1 left", "bad_command"),
        ("long string past the end", message(20, &[0x0C, 0x7F, 0xFF, 0xFF, 0xFF]), "string of 2147483647 bytes", "bad_command"),
        ("connect again", command("connect", &[Value::Object(Vec::new())]), "connect on a connection that is open", "bad_command"),
        ("aggregate cut short", message(22, &[9, 0, 0xFF, 0xFF, 0]), "connection closed", "bad_message"),
    ]
}

/// In chunks of the size that [`Peer`] announces.
pub fn message_in_chunks(type_id: u8, payload: &[u8]) -> Vec<u8> {
    let (first, rest) = payload.split_at(4096);
    let rest = rest.chunks(4096).flat_map(|chunk| [&[0xC0 | 40], chunk].concat());
    message_on(40, type_id, payload.len(), first).into_iter().chain(rest).collect()
}

/// Sends, perhaps hangs up, and reads to the end.
async fn talk(address: SocketAddr, bytes: &[u8], hangs_up: bool) -> (SocketAddr, Vec<u8>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let local = socket.local_addr().unwrap();
    socket.write_all(bytes).await.unwrap();
    if hangs_up {
        socket.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the server closes");
    (local, answer)
}

fn holds(answer: &[u8], words: &str) -> bool {
    words.is_empty() || answer.windows(words.len()).any(|window| window == words.as_bytes())
}

/// The stream that must notice nothing, and its viewer.
pub struct Healthy {
    stop: oneshot::Sender<()>,
    publisher: JoinHandle<u32>,
    viewer: JoinHandle<Recording>,
}

impl Healthy {
    pub async fn start(program: &Program) -> Self {
        let mut peer = Peer::connect(program.rtmp.port(), "live", "good").await;
        peer.started().await;
        peer.send_start().await;
        let (stop, mut stopped) = oneshot::channel();
        let publisher = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(STEP.into()));
            let size = (PICTURE as u32).to_be_bytes();
            let picture = Bytes::from([&[0x17, 1, 0, 0, 0], &size[..], &[0x65], &[0x88; PICTURE - 1]].concat());
            let mut sent = 0;
            while stopped.try_recv().is_err() {
                ticks.tick().await;
                sent += STEP;
                peer.client.send_video(sent, picture.clone());
                peer.client.send_audio(sent, Bytes::from_static(AUDIO));
                peer.flush().await;
            }
            peer.client.unpublish();
            // To hang up with answers unread would be a reset, which is no goodbye.
            while !matches!(peer.event().await, None | Some(client::Event::Status { .. })) {}
            sent
        });
        while http::get(program.http, "/live/good/info.json").await.status != 200 {
            sleep(Duration::from_millis(50)).await;
        }
        let address = program.http;
        let viewer = tokio::spawn(async move { Exit::HttpFlv.watch(address, "live/good").await });
        Self { stop, publisher, viewer }
    }

    /// The viewer has every picture from its first to the last one sent.
    pub async fn assert_untouched(self) {
        assert!(!self.viewer.is_finished(), "the viewer was held all the time");
        self.stop.send(()).expect("the publisher still runs");
        let sent = timeout(PATIENCE, self.publisher).await.unwrap().unwrap();
        let recording = timeout(PATIENCE, self.viewer).await.unwrap().unwrap();
        assert!(recording.whole);
        let mut reader = Reader::new(1 << 20);
        reader.push(&recording.media);
        let mut times = Vec::new();
        while let Some(event) = reader.poll().expect("FLV") {
            match event {
                Event::Tag { kind: TagKind::Video, timestamp_ms, body } if body.get(1) == Some(&1) => times.push(timestamp_ms),
                _ => {}
            }
        }
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == STEP), "no picture is missing");
        assert_eq!(times.last(), Some(&sent), "up to the last");
        assert!(times.len() > 100, "{} pictures", times.len());
    }
}

async fn broken_bytes(program: &Program, told: &mut Vec<Told>) {
    let shaken = |bytes: &[u8]| [&SHAKE, bytes].concat();
    let publish = command("publish", &[Value::Null, "x".into(), "live".into()]);
    let cases = [
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec(), false, "", "0x47 is not an RTMP version", "bad_handshake"),
        ("encrypted", vec![6; 1537], false, "", "encrypted RTMP (version 6)", "bad_handshake"),
        ("handshake cut short", SHAKE[..700].to_vec(), true, "", "before the handshake was finished", "cut_handshake"),
        ("publish before connect", shaken(&publish), false, FAILED, "publish before connect", "bad_command"),
        ("string past the end", shaken(&message(20, &[2, 0xFF, 0xFF])), false, FAILED, "65535 bytes needed", "bad_command"),
        ("hung up in a message", shaken(&publish[..20]), true, "", "closed by the peer", "peer"),
    ];
    for (case, bytes, hangs_up, code, words, reason) in cases {
        let before = figure(program, &closed_as(reason)).await;
        let (address, answer) = talk(program.rtmp, &bytes, hangs_up).await;
        assert!(holds(&answer, code), "{case}");
        assert_eq!(figure(program, &closed_as(reason)).await - before, 1.0, "{case}");
        told.push(Told::rtmp(case, address, &[words, "connection closed"]));
    }
    for (number, (case, bytes, words, reason)) in broken_publishers().into_iter().enumerate() {
        let before = figure(program, &closed_as(reason)).await;
        let mut peer = Peer::connect(program.rtmp.port(), "live", &format!("bad-{number}")).await;
        peer.started().await;
        peer.send_start().await;
        peer.send_raw(&bytes).await;
        let answer = peer.words_until_closed().await;
        assert_eq!(answer.len(), 1, "{case}: {answer:?}");
        assert_eq!(answer[0].0, FAILED, "{case}");
        assert!(answer[0].1.contains(words) || words == "connection closed", "{case}: {answer:?}");
        assert_eq!(figure(program, &closed_as(reason)).await - before, 1.0, "{case}");
        told.push(Told::rtmp(case, peer.address(), &[words, "publication closed"]));
    }
}

async fn refused_requests(program: &Program, told: &mut Vec<Told>) {
    let long = "x".repeat(300);
    let bad = ["..", "%2e%2e", "a\0b", "a\u{7}b", "a\u{1b}[2Jb", "a\nb", &long, "a%2Fb", "a%5Cb", "a b", "", ".hidden", "a/../b"];
    let names = bad.map(|name| ("live", name, BAD_NAME)).into_iter();
    let others = [("api", "x", BAD_NAME), ("..", "x", BAD_NAME), ("live", "good", BAD_NAME), ("secret", "x", DENIED)];
    for (app, name, code) in names.chain(others) {
        let series = format!("sluicegate_rtmp_publish_refused_total{{code=\"{code}\"}}");
        let before = (figure(program, &series).await, figure(program, &closed_as("refused")).await);
        let mut peer = Peer::connect(program.rtmp.port(), app, name).await;
        let answer = peer.words_until_closed().await;
        assert_eq!(answer.len(), 1, "{app}/{name:?}: {answer:?}");
        assert_eq!(answer[0].0, code, "{app}/{name:?}");
        assert!(answer[0].1.len() > 10, "it says what is wrong: {answer:?}");
        let after = (figure(program, &series).await, figure(program, &closed_as("refused")).await);
        assert_eq!((after.0 - before.0, after.1 - before.1), (1.0, 1.0), "{app}/{name:?}");
        told.push(Told::rtmp(format!("{app}/{name:?}"), peer.address(), &["publication refused", "connection closed"]));
    }
    let before = figure(program, &closed_as("refused")).await;
    let mut player = Peer::with_role(program.rtmp.port(), Role::Play, "live", "absent").await;
    assert_eq!(player.codes_until_closed().await, ["NetStream.Play.StreamNotFound"]);
    assert_eq!(figure(program, &closed_as("refused")).await - before, 1.0);
    told.push(Told::rtmp("play", player.address(), &["connection closed"]));

    let mut peer = Peer::connect(program.rtmp.port(), "live", "first").await;
    peer.started().await;
    let ignored = "sluicegate_rtmp_ignored_messages_total";
    let before = figure(program, ignored).await;
    peer.send_raw(&[message(99, b"unknown"), message(255, b"unknown")].concat()).await;
    peer.client.request(Role::Publish, "second");
    assert_eq!(peer.codes_until_closed().await, [BAD_NAME]);
    assert_eq!(figure(program, &closed_as("second_request")).await, 1.0);
    assert_eq!(figure(program, ignored).await - before, 2.0);
    http::get(program.http, "/live/second/info.json").await.assert_problem(404);
    told.push(Told::rtmp("second publish", peer.address(), &["a second publish or play on one connection"]));
}

/// What breaks no protocol is repaired or dropped, counted and told, and ends nothing.
async fn odd_media(program: &Program, told: &mut Vec<Told>) {
    let hours = 5 * 3_600_000;
    let mut peer = Peer::connect(program.rtmp.port(), "live", "odd").await;
    peer.started().await;
    peer.send_start().await;
    let script = [&amf0::encode(&["@setDataFrame".into(), "onMetaData".into()])[..], &[2, 0xFF, 0xFF, b'a']].concat();
    peer.send_raw(&message(18, &script)).await;
    for time in [40, hours, hours + 40] {
        peer.client.send_video(time, Bytes::from_static(KEY));
        peer.flush().await;
    }
    let wanted = [("sluicegate_received_dropped{stream=\"live/odd\"}", 1.0), ("sluicegate_timestamps_repaired{stream=\"live/odd\"}", 1.0)];
    let began = Instant::now();
    for (series, least) in wanted {
        while figure(program, series).await < least {
            assert!(began.elapsed() < PATIENCE, "{series}");
            sleep(Duration::from_millis(20)).await;
        }
    }
    told.push(Told::rtmp("odd media", peer.address(), &["65535 bytes needed, 1 left", "stream=live/odd}: the timestamps jumped"]));
    for jump in 2..20 {
        peer.client.send_video(hours * jump, Bytes::from_static(KEY));
    }
    peer.flush().await;
    let answer = peer.words_until_closed().await;
    assert_eq!(answer, [(DENIED.to_owned(), "the timestamps jumped more than once a second for 10 s".to_owned())]);
    assert_eq!(figure(program, "sluicegate_rtmp_publish_failed_total{reason=\"jumps\"}").await, 1.0);
    told.push(Told::rtmp("jumps", peer.address(), &["publication ended", "connection closed"]));

    let mut peer = Peer::connect(program.rtmp.port(), "live", "configs").await;
    peer.started().await;
    peer.send_start().await;
    for number in 0..20 {
        peer.client.send_audio(number, Bytes::from_static(if number % 2 == 0 { &[0xAF, 0, 0x11, 0x90] } else { AUDIO_CONFIG }));
    }
    peer.flush().await;
    assert_eq!(peer.codes_until_closed().await, [DENIED]);
    assert_eq!(figure(program, "sluicegate_rtmp_publish_failed_total{reason=\"configs\"}").await, 1.0);
    told.push(Told::rtmp("configs", peer.address(), &["publication ended", "connection closed"]));
}

async fn unfit_requests(program: &Program, told: &mut Vec<Told>) {
    for (line, status) in [
        ("GET /nothing", "404"),
        ("GET /live/nobody.flv", "404"),
        ("GET /live/..%2f..%2fetc/index.m3u8", "404"),
        ("GET /live/%00/index.m3u8", "404"),
        ("DELETE /live/good.flv", "405"),
        ("GET /live/good/v0-1-2.m4s", "404"),
    ] {
        let series = format!("sluicegate_http_refusals_total{{status=\"{status}\"}}");
        let before = figure(program, &series).await;
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let (address, answer) = talk(program.http, head.as_bytes(), false).await;
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()) && holds(&answer, "application/problem+json"), "{line}");
        assert_eq!(figure(program, &series).await - before, 1.0, "{line}");
        told.push(Told::http(line, address, &["request refused"]));
    }
    let (address, answer) = talk(program.http, b"\x01\x02\x03\r\n\r\n", false).await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(figure(program, "sluicegate_http_closed_total{reason=\"malformed\"}").await, 1.0);
    told.push(Told::http("no HTTP", address, &["HTTP connection ended by an error"]));
}

/// Those who let time pass: each waits for one of the gateway's deadlines.
async fn idlers(rtmp: SocketAddr, http: SocketAddr) -> Vec<Told> {
    let silent = async {
        let mut peer = Peer::connect(rtmp.port(), "live", "silent").await;
        peer.started().await;
        peer.send_start().await;
        assert_eq!(peer.codes_until_closed().await, [CLOSED]);
        Told::rtmp("silent", peer.address(), &["publisher fell silent", "connection lost"])
    };
    let idle = async |case: &str, bytes: &[u8], code: &str, words: &'static str| {
        let (address, answer) = talk(rtmp, bytes, false).await;
        assert!(holds(&answer, code), "{case}");
        Told::rtmp(case, address, &[words])
    };
    let slow = async {
        let (address, answer) = talk(http, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow", false).await;
        assert!(answer.is_empty());
        Told::http("slow head", address, &["head did not arrive in time"])
    };
    let stuck = async {
        let mut socket = narrow(http, "/live/good.flv").await;
        let address = socket.local_addr().unwrap();
        // The gateway must be the one to leave; until then nothing is read.
        sleep(Duration::from_secs(8)).await;
        let _ = timeout(PATIENCE, socket.read_to_end(&mut Vec::new())).await.expect("it has left");
        address
    };
    let (silent, slow, shake, connect, stuck, avcc, asc, empty, none) = tokio::join!(
        silent,
        slow,
        idle("handshake unfinished", &SHAKE[..800], "", "handshake not finished in time"),
        idle("no connect", &SHAKE, CLOSED, "no connect in time"),
        stuck,
        unplayable(rtmp, "avcc", &[0x17, 0, 0, 0, 0, 1, 0x64], "ends"),
        unplayable(rtmp, "asc", &[0xAF, 0, 0x17], "ends"),
        unplayable(rtmp, "empty-asc", &[0xAF, 0], "ends"),
        unplayable(rtmp, "none", KEY, "frame before its configuration"),
    );
    let stuck = Told { case: "never reads".into(), span: "", address: stuck, words: Vec::new() };
    vec![silent, slow, shake, connect, avcc, asc, empty, none, stuck]
}

/// Sends nothing but this, until it is sent away.
async fn unplayable(rtmp: SocketAddr, name: &str, body: &'static [u8], why: &str) -> Told {
    let mut peer = Peer::connect(rtmp.port(), "live", name).await;
    peer.started().await;
    let began = Instant::now();
    let mut time = 0;
    let answer = loop {
        match body[0] {
            0xAF => peer.client.send_audio(time, Bytes::from_static(body)),
            _ => peer.client.send_video(time, Bytes::from_static(body)),
        }
        peer.flush().await;
        time += 100;
        if let Ok(answer) = timeout(Duration::from_millis(100), peer.event()).await {
            break answer;
        }
        assert!(began.elapsed() < PATIENCE, "{name} is sent away");
    };
    let answer = format!("{answer:?}");
    println!("{name}: {answer} after {:?}", began.elapsed());
    assert!(answer.contains(DENIED) && answer.contains("nothing playable came") && answer.contains(why), "{name}: {answer}");
    assert!(peer.words_until_closed().await.is_empty());
    Told::rtmp(name, peer.address(), &["publication ended", "connection closed", "messages dropped"])
}

/// More connections that do not publish than one address may have.
async fn flood(program: &Program) -> SocketAddr {
    let mut idle = Vec::new();
    for _ in 0..PENDING {
        idle.push(TcpStream::connect(program.rtmp).await.unwrap());
    }
    let (address, answer) = talk(program.rtmp, &[], false).await;
    assert!(answer.is_empty());
    assert_eq!(figure(program, "sluicegate_rtmp_refused_total{reason=\"per_address\"}").await, 1.0);
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_every_misuse_is_answered_counted_and_told_and_the_stream_beside_it_flows_on() {
    let began = Instant::now();
    let program = Program::serve(&[], &SETTINGS).await;
    let healthy = Healthy::start(&program).await;
    let idlers = tokio::spawn(idlers(program.rtmp, program.http));
    let mut told = Vec::new();
    broken_bytes(&program, &mut told).await;
    refused_requests(&program, &mut told).await;
    odd_media(&program, &mut told).await;
    unfit_requests(&program, &mut told).await;
    println!("{} cases after {:?}", told.len(), began.elapsed());
    let mut idle = timeout(PATIENCE, idlers).await.unwrap().unwrap();
    let stuck = idle.pop().unwrap().address;
    told.extend(idle);
    for (series, least) in [
        (closed_as("silent"), 1.0),
        (closed_as("late_handshake"), 1.0),
        (closed_as("late_request"), 1.0),
        ("sluicegate_http_closed_total{reason=\"late_head\"}".into(), 1.0),
        ("sluicegate_egress_disconnected_total{why=\"stuck\"}".into(), 1.0),
        ("sluicegate_rtmp_publish_failed_total{reason=\"nothing_playable\"}".into(), 4.0),
    ] {
        assert_eq!(figure(&program, &series).await, least, "{series}");
    }
    let turned_away = flood(&program).await;
    healthy.assert_untouched().await;
    println!("all after {:?}", began.elapsed());
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success());
    for told in told {
        told.check(&log);
    }
    for (address, words) in [(turned_away, "RTMP connection not taken"), (stuck, "viewer left")] {
        assert!(log.lines().any(|line| line.contains(&format!("address={address} ")) && line.contains(words)), "{words}: {log}");
    }
    assert!(!log.contains('\u{1b}') && !log.contains('\0') && !log.contains("panicked"), "nothing of what was sent can disturb the log");
}
