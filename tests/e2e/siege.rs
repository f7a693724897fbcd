//! Two thousand half-open handshakes and two hundred hostile sessions at once, from one address, with no limit on addresses in force: what
//! holds is deadlines and bounds. All of them end, memory stays bounded, and the viewers beside them lose nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use sluicegate::amf0::{self, Value};
use sluicegate::rtmp::client::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::ingest_support::peer::{AUDIO_CONFIG, KEY, Peer};
use crate::misuse::{Healthy, SHAKE, closed_as, command, figure, message, message_in_chunks, message_on};
use crate::support::house::Program;
use crate::support::{PATIENCE, hls};

const HALF_OPEN: usize = 2_000;
const HOSTILE: usize = 200;
/// Descriptors that each process needs beside them.
const SPARE: u64 = 300;
const SETTINGS: [(&str, &str); 6] = [
    ("SLUICEGATE_RTMP_MAX_PENDING_PER_ADDRESS", "0"),
    ("SLUICEGATE_RTMP_MAX_CONNECTIONS", "3000"),
    ("SLUICEGATE_RTMP_PUBLISH_TIMEOUT_S", "8"),
    ("SLUICEGATE_RTMP_IDLE_S", "5"),
    ("SLUICEGATE_STREAMS_GRACE_S", "1"),
    ("SLUICEGATE_LOG_FILTER", "error"),
];
/// Until the last of them has gone: the deadlines above, the gateway's patience with answers nobody reads (10 s) and its farewell (2 s),
/// and as much again for a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// What the program may grow by: 64 KiB for each of those who only connect, and 1 MiB for each that misbehaves.
const MOST_KIB: u64 = (HALF_OPEN as u64 * 64) + (HOSTILE as u64 * 1_024);

/// What a hostile session does.
#[derive(Clone, Copy, Debug)]
enum Abuse {
    /// Whatever once broke a parser, behind a proper handshake.
    Corpus,
    OtherProtocol,
    NestedConnect,
    SixteenMebibytes,
    /// Commands without end, whose answers nobody reads.
    CommandsUnread,
    PingsUnread,
    /// Requests streams, one after another, but never publishes.
    DrippingCommands,
    TinyWindow,
    /// From here on behind an accepted publication.
    Silence,
    CommandsOnly,
    DrippingMessage,
    HalfMessages,
    HeavyMetadata,
    HeavyAggregates,
    OneByteChunks,
    BrokenMedia,
    ConfigFlood,
    Jumps,
    TakeoverStorm,
    Reset,
}

const ABUSES: [Abuse; 20] = [
    Abuse::Corpus,
    Abuse::OtherProtocol,
    Abuse::NestedConnect,
    Abuse::SixteenMebibytes,
    Abuse::CommandsUnread,
    Abuse::PingsUnread,
    Abuse::DrippingCommands,
    Abuse::TinyWindow,
    Abuse::Silence,
    Abuse::CommandsOnly,
    Abuse::DrippingMessage,
    Abuse::HalfMessages,
    Abuse::HeavyMetadata,
    Abuse::HeavyAggregates,
    Abuse::OneByteChunks,
    Abuse::BrokenMedia,
    Abuse::ConfigFlood,
    Abuse::Jumps,
    Abuse::TakeoverStorm,
    Abuse::Reset,
];

/// All inputs kept for a fuzz target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Connects, says a part of a handshake or none, perhaps a byte now and then, and waits until the gateway has had enough.
async fn half_open(rtmp: SocketAddr, number: usize) {
    let mut socket = TcpStream::connect(rtmp).await.unwrap();
    let said = [0, 1, 801, 1_537][number % 4];
    socket.write_all(&SHAKE[..said]).await.unwrap();
    if number.is_multiple_of(10) {
        for byte in &SHAKE[said..said + 100] {
            if socket.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
    // A reset is an end, too.
    let _ = socket.read_to_end(&mut Vec::new()).await;
}

/// Sends behind a handshake, then reads to the end.
async fn stranger(rtmp: SocketAddr, bytes: &[u8]) {
    let mut socket = TcpStream::connect(rtmp).await.unwrap();
    let _ = socket.write_all(&[&SHAKE, bytes].concat()).await;
    let _ = socket.read_to_end(&mut Vec::new()).await;
}

/// Sends behind a handshake until the gateway leaves, and reads nothing.
async fn unread(rtmp: SocketAddr, bytes: &[u8]) {
    let mut socket = TcpStream::connect(rtmp).await.unwrap();
    let _ = socket.write_all(&SHAKE).await;
    while socket.write_all(bytes).await.is_ok() {}
}

/// Sends once, then a piece now and then until the gateway leaves.
async fn drip(mut peer: Peer, piece: &[u8]) {
    while timeout(Duration::from_millis(200), peer.event()).await.is_ok_and(|event| event.is_some())
        || peer.socket.write_all(piece).await.is_ok()
    {
        if peer.socket.peek(&mut [0]).await.is_ok_and(|count| count == 0) {
            break;
        }
    }
}

/// One that was let in; where the machine is too busy for that it is closed by its deadline, which it then finds out by itself.
async fn publisher(rtmp: SocketAddr, name: &str) -> Peer {
    let mut peer = Peer::connect(rtmp.port(), "live", name).await;
    while peer.event().await.is_some_and(|event| event != Event::Started) {}
    peer
}

/// Behaves badly until the gateway ends it.
async fn misbehave(rtmp: SocketAddr, abuse: Abuse, number: usize) {
    let name = format!("{abuse:?}-{number}");
    let nulls = amf0::encode(&["onMetaData".into(), Value::StrictArray(vec![Value::Null; 4_000])]);
    match abuse {
        Abuse::Corpus => {
            let inputs = [corpus("rtmp_session"), corpus("rtmp_chunk"), corpus("rtmp_model")].concat();
            stranger(rtmp, &inputs[number / ABUSES.len() % inputs.len()]).await;
        }
        Abuse::OtherProtocol => {
            let mut socket = TcpStream::connect(rtmp).await.unwrap();
            let _ = socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
        Abuse::NestedConnect => {
            let deep = [&amf0::encode(&["connect".into(), 1.0.into()])[..], &[3, 0, 1, b'a'].repeat(10_000)].concat();
            stranger(rtmp, &[&message_on(2, 1, 4, &4_096_u32.to_be_bytes()), &message_in_chunks(20, &deep)[..]].concat()).await;
        }
        Abuse::SixteenMebibytes => stranger(rtmp, &message_on(40, 9, 0xFF_FFFF, &[0x17; 4096])).await,
        Abuse::CommandsUnread => unread(rtmp, &command("FCPublish", &[Value::Null, "x".into()]).repeat(1_000)).await,
        Abuse::PingsUnread => unread(rtmp, &message(4, &[0, 6, 1, 2, 3, 4]).repeat(1_000)).await,
        Abuse::TinyWindow => stranger(rtmp, &[message(5, &[0, 0, 0, 1]), message(0x7F, &[0; 100]).repeat(5_000)].concat()).await,
        Abuse::DrippingCommands => {
            let mut socket = TcpStream::connect(rtmp).await.unwrap();
            let _ = socket.write_all(&SHAKE).await;
            let (mut reader, mut writer) = socket.into_split();
            let (mut answers, create) = (Vec::new(), command("createStream", &[Value::Null]));
            let dripping = async {
                while writer.write_all(&create).await.is_ok() {
                    sleep(Duration::from_millis(200)).await;
                }
            };
            tokio::select! { _ = reader.read_to_end(&mut answers) => {}, () = dripping => {} }
        }
        Abuse::Silence => drop(publisher(rtmp, &name).await.words_until_closed().await),
        Abuse::CommandsOnly => drip(publisher(rtmp, &name).await, &command("_checkbw", &[Value::Null])).await,
        Abuse::DrippingMessage => {
            let mut peer = publisher(rtmp, &name).await;
            peer.send_raw(&[message_on(2, 1, 4, &(8_u32 << 20).to_be_bytes()), message_on(40, 9, 8 << 20, &[0x17; 64 << 10])].concat())
                .await;
            drip(peer, &[0x17]).await;
        }
        Abuse::HalfMessages => {
            let mut peer = publisher(rtmp, &name).await;
            let halves: Vec<u8> = (0..50).flat_map(|n| [&[0, n][..], &message_on(0, 9, 0x8000, &[0; 4096])[1..]].concat()).collect();
            peer.send_raw(&halves).await;
            peer.words_until_closed().await;
        }
        Abuse::HeavyMetadata => {
            let mut peer = publisher(rtmp, &name).await;
            peer.send_raw(&message(18, &nulls).repeat(50)).await;
            peer.words_until_closed().await;
        }
        Abuse::HeavyAggregates => {
            let mut peer = publisher(rtmp, &name).await;
            let length = (nulls.len() as u32).to_be_bytes();
            let one = [&[18][..], &length[1..], &[0; 7], &nulls, &[0; 4]].concat();
            peer.send_raw(&message_in_chunks(22, &one.repeat(100))).await;
            peer.words_until_closed().await;
        }
        Abuse::OneByteChunks => {
            let mut peer = publisher(rtmp, &name).await;
            let chunks: Vec<u8> = (1..20_000).flat_map(|_| [0xC0 | 40, 0]).collect();
            peer.send_raw(&[message_on(2, 1, 4, &[0, 0, 0, 1]), message_on(40, 9, 20_000, &[0x17]), chunks].concat()).await;
            peer.words_until_closed().await;
        }
        Abuse::BrokenMedia => {
            let mut peer = publisher(rtmp, &name).await;
            for body in [corpus("flv_demux"), corpus("flv_extended")].concat() {
                peer.client.send_video(number as u32, Bytes::from(body.clone()));
                peer.client.send_audio(number as u32, Bytes::from(body));
            }
            peer.flush().await;
            peer.words_until_closed().await;
        }
        Abuse::ConfigFlood => {
            let mut peer = publisher(rtmp, &name).await;
            peer.send_start().await;
            for at in 0..200 {
                peer.client.send_audio(at, Bytes::from_static(if at % 2 == 0 { &[0xAF, 0, 0x11, 0x90] } else { AUDIO_CONFIG }));
            }
            peer.flush().await;
            peer.words_until_closed().await;
        }
        Abuse::Jumps => {
            let mut peer = publisher(rtmp, &name).await;
            peer.send_start().await;
            for jump in 1..200 {
                peer.client.send_video(jump * 7_200_000, Bytes::from_static(KEY));
            }
            peer.flush().await;
            peer.words_until_closed().await;
        }
        Abuse::TakeoverStorm => {
            for _ in 0..10 {
                let mut peer = Peer::connect(rtmp.port(), "live", "storm").await;
                peer.event().await;
                peer.send_start().await;
                sleep(Duration::from_millis(50)).await;
            }
        }
        Abuse::Reset => {
            let mut peer = publisher(rtmp, &name).await;
            peer.send_raw(&message_on(40, 9, 100_000, &[0x17; 4096])).await;
            socket2::SockRef::from(&peer.socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
}

fn open_files(program: &Program) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", program.child.id().expect("it runs"))).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_thousands_of_half_open_and_hundreds_of_hostile_peers_cost_the_viewers_nothing() {
    let needed = (HALF_OPEN + HOSTILE) as u64 + SPARE;
    let allowed = rlimit::increase_nofile_limit(needed).unwrap();
    assert!(allowed >= needed, "the system allows this process {allowed} open files");
    let program = Program::serve(&[], &SETTINGS).await;
    let healthy = Healthy::start(&program).await;
    let http = program.http;
    let playlists = tokio::spawn(async move { hls::play(http, "live/good").await });
    let (resident, files) = (program.resident_kib(), open_files(&program));

    let (began, mut crowd) = (Instant::now(), JoinSet::new());
    for number in 0..HALF_OPEN + HOSTILE {
        let rtmp = program.rtmp;
        // The hostile ones come while handshakes pile up.
        match number.checked_sub(HALF_OPEN / 4) {
            Some(hostile) if hostile < HOSTILE => {
                let abuse = ABUSES[hostile % ABUSES.len()];
                crowd.spawn(async move {
                    let done = timeout(GONE_WITHIN, misbehave(rtmp, abuse, hostile)).await;
                    assert!(done.is_ok(), "{abuse:?} is still connected");
                });
            }
            _ => {
                crowd.spawn(async move {
                    let done = timeout(GONE_WITHIN, half_open(rtmp, number)).await;
                    assert!(done.is_ok(), "half a handshake is still waited for: {number}");
                });
            }
        }
    }
    let mut most = resident;
    loop {
        match timeout(Duration::from_millis(100), crowd.join_next()).await {
            Ok(Some(left)) => left.unwrap(),
            Ok(None) => break,
            Err(_) => most = most.max(program.resident_kib()),
        }
    }
    println!("all gone after {:?}; {} KiB before, {} KiB at most, bound {MOST_KIB} KiB", began.elapsed(), resident, most);
    assert!(most - resident <= MOST_KIB, "grew by {} KiB", most - resident);
    assert!(figure(&program, &closed_as("late_handshake")).await >= HALF_OPEN as f64, "each by its deadline");
    let let_in = (HOSTILE / ABUSES.len()) as f64;
    for reason in ["silent", "bad_command", "bad_chunk", "bad_handshake", "sent_away"] {
        let count = figure(&program, &closed_as(reason)).await;
        println!("{reason}: {count}");
        assert!(count >= let_in, "{reason}: {count}");
    }
    let closing = Instant::now();
    while open_files(&program) > files + 4 {
        assert!(closing.elapsed() < PATIENCE, "{} files were open, {} are", files, open_files(&program));
        sleep(Duration::from_millis(50)).await;
    }
    healthy.assert_untouched().await;
    let playlists = timeout(PATIENCE, playlists).await.expect("the playlists end").unwrap();
    assert!(playlists.has_ended);
    for (uri, track) in &playlists.tracks {
        assert_eq!((track.gaps(), track.discontinuities()), (0, 0), "{uri}: {:?}", track.listed);
    }
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success() && !log.contains("panicked"), "{log}");
}
