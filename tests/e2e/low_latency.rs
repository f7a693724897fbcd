//! Low latency on real connections: reloads that are held, parts that are asked for before they are there, segments that arrive part by part
//! while they are made, and who asks too much.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sluicegate::config::Config;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::support::PATIENCE;
use crate::support::house::{House, config};
use crate::support::http::{self, Answer};
use crate::support::media;

const STREAM: &str = "live/clip";

/// What a playlist lists, as far as a player of parts goes by it.
#[derive(Debug, Default)]
struct Playlist {
    first: u64,
    /// Each number's parts and, once it is whole, its address.
    entries: Vec<(Vec<String>, Option<String>)>,
    hint: Option<String>,
    skipped: usize,
    ended: bool,
}

impl Playlist {
    fn read(text: &str) -> Self {
        let mut list = Self::default();
        let mut parts = Vec::new();
        let quoted = |line: &str| line.split_once("URI=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        for line in text.lines() {
            let value = line.split_once(':').map_or("", |(_, value)| value);
            match line.split_once(':').map_or(line, |(tag, _)| tag) {
                "#EXT-X-MEDIA-SEQUENCE" => list.first = value.parse().unwrap(),
                "#EXT-X-SKIP" => list.skipped = value.split_once('=').unwrap().1.parse().unwrap(),
                "#EXT-X-PART" => parts.push(quoted(line)),
                "#EXT-X-PRELOAD-HINT" => list.hint = Some(quoted(line)),
                "#EXT-X-ENDLIST" => list.ended = true,
                tag if tag.starts_with('#') => {}
                _ => list.entries.push((std::mem::take(&mut parts), Some(line.to_owned()))),
            }
        }
        if !parts.is_empty() {
            list.entries.push((parts, None));
        }
        list
    }

    /// The number in progress and how many parts of it there are.
    fn edge(&self) -> (u64, usize) {
        let next = self.first + (self.skipped + self.entries.len()) as u64;
        match self.entries.last() {
            Some((parts, None)) => (next - 1, parts.len()),
            _ => (next, 0),
        }
    }
}

/// Plays one track by its parts alone until the stream ends: each playlist is asked for before it is there, and so is each part.
async fn play(address: SocketAddr, playlist: &'static str) -> usize {
    let path = format!("/{STREAM}/{playlist}");
    let mut list = Playlist::read(http::get(address, &path).await.text());
    let mut hinted: Option<(String, JoinHandle<Answer>)> = None;
    let mut parts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut waited_for = 0;
    while !list.ended {
        let (msn, part) = list.edge();
        if hinted.is_none()
            && let Some(hint) = &list.hint
        {
            let path = format!("/{STREAM}/{hint}");
            hinted = Some((hint.clone(), tokio::spawn(async move { http::get(address, &path).await })));
        }
        let answer = http::get(address, &format!("{path}?_HLS_msn={msn}&_HLS_part={part}&_HLS_skip=YES")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.field("cache-control"), "max-age=12");
        list = Playlist::read(answer.text());
        assert!(list.ended || list.edge() > (msn, part), "held until there is something new: {:?} after {:?}", list.edge(), (msn, part));
        let (name, request) = hinted.take().expect("a hint");
        let answer = timeout(PATIENCE, request).await.unwrap().unwrap();
        if answer.status == 404 {
            // The last hint of a stream never comes true.
            assert!(list.ended);
            continue;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        waited_for += 1;
        parts.insert(name, answer.body);
        for uri in list.entries.iter().flat_map(|(parts, _)| parts) {
            if !parts.contains_key(uri) {
                parts.insert(uri.clone(), http::get(address, &format!("/{STREAM}/{uri}")).await.body);
            }
        }
        for (uris, whole) in list.entries.iter().filter(|(uris, _)| !uris.is_empty()) {
            let Some(whole) = whole else { continue };
            let joined: Vec<u8> = uris.iter().flat_map(|uri| parts[uri].iter().copied()).collect();
            let whole = http::get(address, &format!("/{STREAM}/{whole}")).await;
            assert!(whole.status == 200 && whole.body == joined, "a segment is its parts laid end to end");
        }
    }
    waited_for
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_parts_are_there_for_those_who_ask_before() {
    let house = House::start(config()).await;
    let clip = media::clip("zerolatency");
    let mut publisher = house.publish(&clip, STREAM, "9");
    house.stream(STREAM).await;
    assert_eq!(http::get(house.http, &format!("/{STREAM}/index.m3u8")).await.status, 200);
    let players = ["v0.m3u8", "a0.m3u8"].map(|playlist| tokio::spawn(play(house.http, playlist)));
    assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
    for player in players {
        // Of four and a half seconds at three parts a second.
        let waited_for = timeout(PATIENCE, player).await.unwrap().unwrap();
        assert!(waited_for >= 10, "{waited_for}");
    }
    house.stop().await;
}

/// Reads the chunks of an answer (RFC 9112 §7.1) until the last one, each with the moment at which it was there.
async fn chunks(address: SocketAddr, path: &str) -> Vec<(Instant, Vec<u8>)> {
    let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    socket.get_mut().write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut chunked = false;
    while line != "\r\n" {
        line.clear();
        socket.read_line(&mut line).await.unwrap();
        chunked |= line.to_lowercase() == "transfer-encoding: chunked\r\n";
        assert!(!line.starts_with("HTTP/") || line.contains(" 200 "), "{line}");
    }
    assert!(chunked, "what is not whole has no length");
    let mut chunks = Vec::new();
    loop {
        line.clear();
        socket.read_line(&mut line).await.unwrap();
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        socket.read_exact(&mut chunk).await.unwrap();
        chunk.truncate(size);
        if size == 0 {
            return chunks;
        }
        chunks.push((Instant::now(), chunk));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_a_segment_arrives_part_by_part_while_it_is_made() {
    let (house, mut publisher, list) = started(config()).await;
    let manifest = http::get(house.http, &format!("/{STREAM}/manifest.mpd")).await;
    let mpd = dash_mpd_core::parse(manifest.text()).unwrap();
    let representation = &mpd.periods[0].adaptations[0].representations[0];
    let template = representation.SegmentTemplate.as_ref().unwrap();
    assert_eq!((template.availabilityTimeComplete, template.availabilityTimeOffset), (Some(false), Some(1.665)));
    let listed: i64 = template.SegmentTimeline.as_ref().unwrap().segments.iter().map(|s| 1 + s.r.unwrap_or(0)).sum();
    let foretold = template.startNumber.unwrap() + u64::try_from(listed).unwrap() - 1;
    assert_eq!(foretold, list.edge().0 + 1, "the one behind that in progress");
    // Asked for before it has begun: held, and then read as it is made.
    let path = format!("/{STREAM}/{}", template.media.as_deref().unwrap().replace("$Number$", &foretold.to_string()));
    let found = timeout(PATIENCE, chunks(house.http, &path)).await.unwrap();
    assert_eq!(found.len(), 6, "two seconds, a third of a second each");
    let span = found[5].0.duration_since(found[0].0);
    assert!(span > Duration::from_secs(1), "as they are made: {span:?}");
    for (at, (_, chunk)) in found.iter().enumerate() {
        let first = if at == 0 { b"styp" } else { b"prft" };
        assert_eq!(&chunk[4..8], first, "each begins with a box");
    }
    let whole = http::get(house.http, &path).await;
    assert_eq!(whole.body, found.iter().flat_map(|(_, chunk)| chunk.iter().copied()).collect::<Vec<_>>(), "the same bytes as afterwards");
    assert_eq!(whole.field("content-length"), whole.body.len().to_string());
    // Further ahead there is nothing to wait for.
    let far = path.replace(&foretold.to_string(), &(foretold + 9).to_string());
    http::get(house.http, &far).await.assert_problem(404);
    // What is being made when the publisher leaves ends with what there is.
    let next = path.replace(&foretold.to_string(), &(foretold + 1).to_string());
    let last = tokio::spawn(async move { chunks(house.http, &next).await });
    sleep(Duration::from_millis(800)).await;
    publisher.kill().await.unwrap();
    let cut_short = timeout(PATIENCE, last).await.unwrap().unwrap();
    assert!((1..6).contains(&cut_short.len()), "{}", cut_short.len());
    house.stop().await;
}

/// A stream that has begun, and its video playlist.
async fn started(config: Config) -> (House, tokio::process::Child, Playlist) {
    let house = House::start(config).await;
    let publisher = house.publish(&media::clip("zerolatency"), STREAM, "20");
    house.stream(STREAM).await;
    let list = http::get(house.http, &format!("/{STREAM}/v0.m3u8")).await;
    assert_eq!(list.status, 200, "{list:?}");
    let list = Playlist::read(list.text());
    (house, publisher, list)
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_what_cannot_be_waited_for_is_refused_at_once() {
    let (house, mut publisher, list) = started(config()).await;
    let ask = async |query: String| http::get(house.http, &format!("/{STREAM}/v0.m3u8?{query}")).await;
    let (msn, _) = list.edge();
    for (query, word) in [
        ("_HLS_part=1".to_owned(), "_HLS_msn"),
        ("_HLS_msn=x".to_owned(), "_HLS_msn"),
        (format!("_HLS_msn={msn}&_HLS_part=-1"), "_HLS_part"),
        (format!("_HLS_msn={}", msn + 9), "too far ahead"),
        (format!("_HLS_msn={}&_HLS_part=99", msn + 1), "too far ahead"),
        ("_HLS_skip=NO".to_owned(), "_HLS_skip"),
    ] {
        let answer = ask(query.clone()).await;
        assert!(answer.assert_problem(400).contains(word), "{query}: {answer:?}");
        assert_eq!((answer.field("cache-control"), answer.field("access-control-allow-origin")), ("max-age=8", "*"));
    }
    let old = ask("_HLS_msn=1&_HLS_part=7&_HLS_new=1".to_owned()).await;
    assert_eq!(old.status, 200, "what is long past is answered at once");
    publisher.kill().await.unwrap();
    // A held request outlives the publisher's absence, but not longer than three target durations.
    let late = ask(format!("_HLS_msn={}", msn + 1)).await;
    assert!(late.status == 200 || late.assert_problem(503).contains("ask again"), "{late:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_who_leaves_is_waited_for_no_more_and_a_crowd_is_bounded() {
    let mut config = config();
    config.segments.max_held = 3;
    let (house, mut publisher, list) = started(config).await;
    let held = async || {
        let metrics = http::get(house.http, "/metrics").await;
        let line = metrics.text().lines().find(|line| line.starts_with("sluicegate_held_requests")).map(str::to_owned);
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok()).expect("the figure")
    };
    let until_held = async |wanted: u32| {
        let counted = async {
            while held().await != wanted {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, counted).await.expect("as many are held");
    };
    // Killed, so that nothing of what is asked for comes.
    publisher.kill().await.unwrap();
    let (msn, _) = list.edge();
    let wait = async || {
        let mut socket = TcpStream::connect(house.http).await.unwrap();
        let head = format!("GET /{STREAM}/v0.m3u8?_HLS_msn={} HTTP/1.1\r\nHost: a\r\n\r\n", msn + 1);
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    };
    let mut waiting = vec![wait().await, wait().await, wait().await];
    until_held(3).await;
    let refused = http::read(&mut BufReader::new(wait().await), false).await;
    assert!(refused.assert_problem(503).contains("wait already") && refused.field("retry-after") == "2", "{refused:?}");
    waiting.truncate(1);
    until_held(1).await;
    house.stop().await;
}
