//! What FFmpeg 5.1 really sends while it publishes 0.6 s of H.264 with B-frames and AAC, byte for byte, against the file it read.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sluicegate::rtmp::session::{Event, Options, Session, UnpublishReason};

const SENT: &[u8] = include_bytes!("data/rtmp/ffmpeg-publish.bin");
const FILE: &[u8] = include_bytes!("data/rtmp/ffmpeg-publish.flv");

/// Audio and video tags of the file: type, timestamp, body.
fn tags() -> Vec<(u8, u32, &'static [u8])> {
    let mut rest = &FILE[13..];
    let mut tags = Vec::new();
    while let [kind, s2, s1, s0, t2, t1, t0, t3, _, _, _, body @ ..] = rest {
        let size = u32::from_be_bytes([0, *s2, *s1, *s0]) as usize;
        tags.push((*kind, u32::from_be_bytes([*t3, *t2, *t1, *t0]), &body[..size]));
        rest = &body[size + 4..];
    }
    tags.retain(|(kind, ..)| *kind != 18);
    tags
}

/// Feeds the bytes in pieces of this size and lets the publisher in.
fn replay(piece: usize) -> (Vec<Event>, Vec<Bytes>) {
    let now = Instant::now();
    let mut session = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(1));
    let (mut input, mut events, mut output) = (BytesMut::new(), Vec::new(), Vec::new());
    for part in SENT.chunks(piece) {
        input.extend_from_slice(part);
        while let Some(event) = session.poll_event(now, &mut input) {
            if let Event::PublishRequested(request) = &event {
                session.accept_publish(request.id, now).expect("is open");
            }
            events.push(event);
        }
        output.extend(session.poll_output());
    }
    (events, output)
}

#[test]
fn every_audio_and_video_tag_arrives_with_its_time() {
    for piece in [1, 7, 1448, SENT.len()] {
        let (events, _) = replay(piece);
        let media: Vec<(u8, u32, &[u8])> = events
            .iter()
            .filter_map(|event| match event {
                Event::Audio { timestamp, payload } => Some((8, *timestamp, &payload[..])),
                Event::Video { timestamp, payload } => Some((9, *timestamp, &payload[..])),
                _ => None,
            })
            .collect();
        assert!(media.len() > 20, "{}", media.len());
        assert_eq!(media, tags(), "in pieces of {piece}");
    }
}

#[test]
fn request_metadata_and_end_are_understood() {
    let (events, _) = replay(SENT.len());
    let Some(Event::PublishRequested(request)) = events.first() else { panic!("a request comes first: {:?}", events.first()) };
    assert_eq!((request.address.path.as_str(), request.kind.as_str(), request.msid), ("live/key", "live", 1));
    assert_eq!(request.connect.flash_ver(), "FMLE/3.0 (compatible; Lavf59.27.100)");
    let Some(Event::Data { name, values, .. }) = events.get(1) else { panic!("metadata come next: {:?}", events.get(1)) };
    assert_eq!(name, "onMetaData");
    assert_eq!(values[0].get("width").and_then(sluicegate::amf0::Value::as_number), Some(64.0));
    assert_eq!(events.last(), Some(&Event::Unpublish { reason: UnpublishReason::Encoder }));
}

#[test]
fn its_digest_is_found_and_answered_with_one() {
    let (_, output) = replay(SENT.len());
    let first = output.first().expect("the handshake is answered");
    assert!(first[5] >= 3, "S1 claims a digest only where C1's verified");
}
