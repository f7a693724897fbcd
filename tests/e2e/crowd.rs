//! A thousand viewers at once: each gets every picture from the keyframe it began with to the end.

use std::net::SocketAddr;

use sluicegate::flv::{Reader, TagKind, reader::Event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::house::{Program, publish};
use crate::support::{PATIENCE, http, media};

const STREAM: &str = "live/crowd";
const VIEWERS: usize = 1_000;
/// Descriptors that this process needs beside its viewers' sockets.
const SPARE: u64 = 200;

/// What one viewer saw.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    first: u32,
    last: u32,
    pictures: usize,
}

/// Watches HTTP-FLV to its end, and keeps only what it saw.
async fn watch(address: SocketAddr) -> Seen {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // Without chunks the body is the file itself.
    let request = format!("GET /{STREAM}.flv HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let (mut buffer, mut head, mut reader) = (vec![0; 64 << 10], Vec::new(), None);
    let mut pictures: Vec<(u32, bool)> = Vec::new();
    loop {
        let count = socket.read(&mut buffer).await.expect("nobody is cut off");
        if count == 0 {
            break;
        }
        let mut body = &buffer[..count];
        if reader.is_none() {
            head.extend_from_slice(body);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head[..end]));
            reader = Some(Reader::default());
            body = &head[end + 4..];
        }
        let reader = reader.as_mut().unwrap();
        reader.push(body);
        while let Some(event) = reader.poll().expect("tags follow each other without a byte between") {
            if let Event::Tag { kind: TagKind::Video, timestamp_ms, body } = event
                && body.get(1) == Some(&1)
            {
                pictures.push((timestamp_ms, body[0] >> 4 == 1));
            }
        }
    }
    assert!(pictures[0].1, "a viewer begins at a keyframe");
    assert!(pictures.windows(2).all(|two| two[0].0 < two[1].0), "decoding times rise");
    Seen { first: pictures[0].0, last: pictures[pictures.len() - 1].0, pictures: pictures.len() }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a thousand connections"]
async fn realtime_a_thousand_viewers_each_get_every_picture() {
    let allowed = rlimit::increase_nofile_limit(VIEWERS as u64 + SPARE).unwrap();
    assert!(allowed >= VIEWERS as u64 + SPARE, "the system allows this process {allowed} open files");
    let clip = media::clip("zerolatency");
    let program = Program::serve(&[], &[]).await;
    let mut publisher = publish(program.rtmp, &clip, STREAM, "25");
    let address = program.http;
    while http::get(address, "/live/crowd/info.json").await.status != 200 {
        tokio::task::yield_now().await;
    }
    let viewers: Vec<_> = (0..VIEWERS).map(|_| tokio::spawn(watch(address))).collect();
    assert!(timeout(PATIENCE, publisher.wait()).await.unwrap().unwrap().success());
    let mut seen = Vec::new();
    for viewer in viewers {
        seen.push(timeout(PATIENCE, viewer).await.expect("the stream ends").unwrap());
    }
    let last = seen.iter().map(|seen| seen.last).max().unwrap();
    for viewer in &seen {
        assert_eq!(viewer.last, last, "{viewer:?} did not see the end");
        // The clip has thirty pictures a second, without B-frames.
        let expected = f64::from(viewer.last - viewer.first) * 30.0 / 1_000.0;
        assert_eq!(viewer.pictures, expected.round() as usize + 1, "{viewer:?} missed pictures");
    }
    program.signal("TERM");
    assert!(program.left().await.0.success());
}
