//! The ruler of `benches/fanout` is itself measured: what it reads back of its own stream, and what it objects to.

// A helper that panics fails its test, which is what it is for.
#![allow(clippy::unwrap_used)]

#[path = "../benches/fanout/check.rs"]
#[allow(dead_code, reason = "faults of connections are found elsewhere")]
mod check;
#[path = "../benches/fanout/chunks.rs"]
mod chunks;
#[path = "../benches/fanout/flv.rs"]
mod flv;
#[path = "../benches/fanout/fmp4.rs"]
#[allow(dead_code, reason = "these streams end between two boxes")]
mod fmp4;
#[path = "../benches/fanout/gather.rs"]
mod gather;
#[path = "../benches/fanout/http2.rs"]
#[cfg_attr(not(feature = "server"), expect(dead_code, reason = "what it asks is read back with the server's library alone"))]
mod http2;
#[path = "../benches/fanout/dash/manifest.rs"]
mod manifest;
#[path = "../benches/fanout/source.rs"]
mod source;
#[path = "../benches/fanout/stamp.rs"]
#[allow(dead_code, reason = "these streams are read without a clock")]
mod stamp;
#[path = "../benches/fanout/wire.rs"]
#[allow(dead_code, reason = "the request is made elsewhere")]
mod wire;

use bytes::{Bytes, BytesMut};
use check::{Checker, Fault, Seen, Track, Unit};
use proptest::prelude::*;
use sluicegate::flv::{Demuxer, Item, TagKind};
use sluicegate::fmp4::{Layout, ReorderDelay, SequenceNumber, TimedSample, TrackNumber, fragment, init_segment};
use sluicegate::media::codec::Codec;
use sluicegate::media::{Sample, Timescale, Timestamp, Track as MediaTrack, TrackId};
use sluicegate::rtmp::chunk::{Message, Writer};
use source::{GOP, Packet, Source, flv_preamble};
use stamp::Stamp;
use wire::{Piece, Wire};

const BITRATE: u64 = 1_000_000;
const PACKETS: usize = 400;

fn packets() -> Vec<Packet> {
    let mut source = Source::new(BITRATE);
    (0..PACKETS).map(|_| source.next(1)).collect()
}

/// An FLV stream of these packets.
fn flv_of<'a>(packets: impl IntoIterator<Item = &'a Packet>) -> Vec<u8> {
    let tags: Vec<Bytes> = packets.into_iter().map(Packet::tag).collect();
    std::iter::once(flv_preamble()).chain(tags).collect::<Vec<_>>().concat()
}

/// Reads FLV in pieces of this size, and judges it.
fn watch_flv(bytes: &[u8], piece: usize) -> Result<Vec<Seen>, Fault> {
    let (mut reader, mut checker, mut seen) = (flv::Flv::default(), Checker::default(), Vec::new());
    for mut piece in bytes.chunks(piece) {
        while let Some(unit) = reader.take(&mut piece)? {
            seen.push(checker.take(unit)?);
        }
    }
    Ok(seen)
}

fn pictures(seen: &[Seen]) -> Vec<u64> {
    let frame = |seen: &Seen| match seen {
        Seen::FirstKey(stamp) | Seen::Picture { stamp, .. } => Some(stamp.frame),
        Seen::Sound(_) => None,
    };
    seen.iter().filter_map(frame).collect()
}

fn sounds(seen: &[Seen]) -> Vec<u64> {
    seen.iter().filter_map(|seen| if let Seen::Sound(stamp) = seen { Some(stamp.frame) } else { None }).collect()
}

#[test]
fn the_stream_is_as_large_as_it_was_asked_to_be() {
    let mut source = Source::new(BITRATE);
    let mut bytes = 0;
    while source.due().as_secs() < 10 {
        bytes += source.next(1).body.len() as u64;
    }
    let rate = bytes * 8 / 10;
    assert!((BITRATE * 97 / 100..BITRATE * 103 / 100).contains(&rate), "{rate} b/s");
}

#[test]
fn the_library_reads_the_stream_as_video_and_sound_of_the_right_times() {
    let mut demuxer = Demuxer::new();
    let packets = packets();
    for packet in Source::configs().iter().chain(&packets) {
        demuxer.push(packet.kind, packet.timestamp_ms, &packet.body);
    }
    let (mut configs, mut coded) = (0, Vec::new());
    while let Some(item) = demuxer.poll() {
        match item.unwrap() {
            Item::Config { .. } => configs += 1,
            Item::Coded { track, dts_ms, is_sync, .. } if track == TrackId::VIDEO => coded.push((dts_ms, is_sync)),
            Item::Coded { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(configs, 2);
    let sent: Vec<_> =
        packets.iter().filter(|packet| packet.kind == TagKind::Video).map(|packet| (packet.timestamp_ms, packet.is_key)).collect();
    assert_eq!(coded, sent);
    assert!(sent.iter().filter(|(_, is_key)| *is_key).count() > 1);
}

proptest! {
    #[test]
    fn a_stamp_comes_back_from_wherever_it_stands(frame in 0u64..1 << 35, sent in 0u64..1 << 63, before in 0usize..100) {
        let mut nal = BytesMut::zeroed(before);
        Stamp { frame, sent }.write(&mut nal);
        prop_assert_eq!(nal.len(), before + stamp::NAL_LEN);
        prop_assert!(nal[before + 3..].iter().all(|byte| *byte >= 0x80), "nothing that could be a start code");
        prop_assert_eq!(Stamp::find(&nal), Some(Stamp { frame, sent }));
    }

    #[test]
    fn flv_is_read_alike_in_pieces_of_any_size(piece in 1usize..9000) {
        let packets = packets();
        let seen = watch_flv(&flv_of(&packets), piece).unwrap();
        prop_assert_eq!(seen.len(), PACKETS);
        let videos = packets.iter().filter(|packet| packet.kind == TagKind::Video).count() as u64;
        prop_assert_eq!(pictures(&seen), (0..videos).collect::<Vec<_>>());
        prop_assert_eq!(sounds(&seen), (0..PACKETS as u64 - videos).collect::<Vec<_>>());
    }

    #[test]
    fn layers_are_peeled_alike_in_pieces_of_any_size(piece in 1usize..700, parts in prop::collection::vec(1usize..70_000, 1..5)) {
        let mut media = Vec::new();
        let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n".to_vec();
        let mut websocket = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".to_vec();
        for (index, length) in parts.iter().enumerate() {
            let part = vec![index as u8; *length];
            chunked.extend(format!("{length:x};x=y\r\n").bytes().chain(part.iter().copied()).chain(*b"\r\n"));
            websocket.extend([0x81, 2, b'{', b'}', 0x89, 1, 7]);
            match length {
                0..126 => websocket.extend([0x82, *length as u8]),
                126..65_536 => websocket.extend([0x82, 126].into_iter().chain((*length as u16).to_be_bytes())),
                _ => websocket.extend([0x82, 127].into_iter().chain((*length as u64).to_be_bytes())),
            }
            websocket.extend(&part);
            media.extend(part);
        }
        prop_assert_eq!(peel(&chunked, piece, false), (media.clone(), 0));
        prop_assert_eq!(peel(&websocket, piece, true), (media, parts.len()));
    }
}

/// The media and how many pings came with it.
fn peel(bytes: &[u8], piece: usize, websocket: bool) -> (Vec<u8>, usize) {
    let (mut wire, mut media, mut pings) = (Wire::new(websocket), Vec::new(), 0);
    for mut input in bytes.chunks(piece) {
        loop {
            match wire.take(&mut input).unwrap() {
                Piece::Media(bytes) => media.extend_from_slice(bytes),
                Piece::Answer(pong) => {
                    assert_eq!(pong, [0x8a, 0x81, 0, 0, 0, 0, 7]);
                    pings += 1;
                }
                Piece::End | Piece::Close => panic!("nobody said good-bye"),
                Piece::Nothing => break,
            }
        }
    }
    (media, pings)
}

proptest! {
    #[test]
    fn messages_of_rtmp_are_read_alike_in_pieces_and_chunks_of_any_size(piece in 1usize..9000, chunk in 100u32..70_000, late in prop::bool::ANY) {
        let packets = packets();
        let (mut writer, mut wire) = (Writer::default(), BytesMut::zeroed(1 + 2 * 1536));
        let message = |csid, type_id, timestamp, payload: Bytes| Message { csid, timestamp, type_id, msid: 1, payload };
        writer.write(&message(2, 1, 0, chunk.to_be_bytes().to_vec().into()), &mut wire);
        writer.set_chunk_size(chunk);
        // Behind 4.66 hours, timestamps are extended.
        let since = if late { 0xff_ff00 } else { 0 };
        for packet in &packets {
            let (csid, type_id) = if packet.kind == TagKind::Video { (6, 9) } else { (4, 8) };
            writer.write(&message(csid, type_id, since + packet.timestamp_ms, packet.body.clone()), &mut wire);
        }
        let (mut reader, mut checker, mut seen) = (chunks::Chunks::default(), Checker::default(), Vec::new());
        for mut piece in wire.chunks(piece) {
            while let Some(unit) = reader.take(&mut piece).unwrap() {
                prop_assert!(unit.dts >= u64::from(since));
                seen.push(checker.take(unit).unwrap());
            }
        }
        prop_assert_eq!(seen.len(), PACKETS);
    }

    #[test]
    fn frames_of_http_2_are_peeled_alike_in_pieces_of_any_size(piece in 1usize..700, parts in prop::collection::vec(0usize..16_000, 1..5)) {
        let frame = |kind: u8, flags: u8, payload: &[u8]| {
            [&(payload.len() as u32).to_be_bytes()[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
        };
        let mut wire = [frame(4, 0, &[0, 3, 0, 0, 0, 100]), frame(4, 1, &[]), frame(1, 4, &[0x88, 0x5f, 1, b'x'])].concat();
        let mut media = Vec::new();
        for (index, length) in parts.iter().enumerate() {
            let part = vec![index as u8; *length];
            wire.extend([frame(0, 0, &part), frame(6, 0, &[7; 8]), frame(8, 0, &[0, 0, 1, 0])].concat());
            media.extend(part);
        }
        wire.extend(frame(0, 1, b"end"));
        media.extend(b"end");
        let (mut frames, mut peeled, mut answers, mut ended) = (http2::Frames::default(), Vec::new(), Vec::new(), false);
        for mut input in wire.chunks(piece) {
            loop {
                match frames.take(&mut input).unwrap() {
                    Piece::Media(bytes) => peeled.extend_from_slice(bytes),
                    Piece::Answer(answer) => answers.push(answer),
                    Piece::End => ended = true,
                    Piece::Close => panic!("nobody reset it"),
                    Piece::Nothing => break,
                }
            }
        }
        prop_assert!(ended);
        prop_assert_eq!(peeled, media);
        let settled = vec![0, 0, 0, 4, 1, 0, 0, 0, 0];
        let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &[7; 8]].concat();
        prop_assert_eq!(answers, std::iter::once(settled).chain(parts.iter().map(|_| pong.clone())).collect::<Vec<_>>());
    }
}

// The other library comes with the server.
#[cfg(feature = "server")]
#[test]
fn a_request_of_http_2_is_understood_by_another_library() {
    use std::future::poll_fn;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        tokio::io::AsyncWriteExt::write_all(&mut client, &http2::request("localhost:1", "/live/a.flv", true)).await.unwrap();
        let mut connection = h2::server::handshake(server).await.unwrap();
        let (request, _) = poll_fn(|cx| connection.poll_accept(cx)).await.unwrap().unwrap();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&http::Method::GET, "https://localhost:1/live/a.flv"));
    });
}

proptest! {
    #[test]
    fn answers_on_one_connection_are_told_apart(piece in 1usize..60) {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ninitHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthree";
        let (mut wire, mut answers) = (Wire::new(false), vec![Vec::new()]);
        for mut input in bytes.chunks(piece) {
            loop {
                match wire.take(&mut input).unwrap() {
                    Piece::Media(bytes) => answers.last_mut().unwrap().extend_from_slice(bytes),
                    Piece::End => answers.push(Vec::new()),
                    Piece::Nothing => break,
                    other => panic!("{other:?}"),
                }
            }
        }
        prop_assert_eq!(answers, [&b"init"[..], b"onetwo", b"", b"three", b""]);
    }
}

const MANIFEST: &str = r#"<MPD><Period id="old"><AdaptationSet contentType="video"/></Period><Period id="new">
  <AdaptationSet id="101" contentType="audio" lang="en"><Representation id="a0" bandwidth="1">
    <SegmentTemplate startNumber="7" initialization="a0-init.mp4" media="a0-$Number$.m4s?key=x" availabilityTimeComplete="false">
      <SegmentTimeline><S t="1024" d="95232"/><S d="96000" r="1"/></SegmentTimeline></SegmentTemplate></Representation></AdaptationSet>
  <AdaptationSet id="1" contentType="video"><Representation id="v0" bandwidth="1">
    <SegmentTemplate startNumber="7" initialization="v0-init.mp4" media="v0-$Number$.m4s" availabilityTimeComplete="false">
      <SegmentTimeline><S t="0" d="180000" r="2"/></SegmentTimeline></SegmentTemplate></Representation></AdaptationSet></Period></MPD>"#;

#[test]
fn a_manifest_tells_where_the_segment_in_progress_is() {
    let [video, audio] = &manifest::templates(MANIFEST).unwrap()[..] else { panic!("two tracks") };
    assert_eq!((&*video.init, video.open, &*video.segment(8)), ("v0-init.mp4", 8, "v0-8.m4s"));
    assert_eq!((&*audio.init, audio.open, &*audio.segment(9)), ("a0-init.mp4", 8, "a0-9.m4s?key=x"));
    let refused = |from, to| manifest::templates(&MANIFEST.replace(from, to)).unwrap_err();
    assert_eq!(refused(r#"availabilityTimeComplete="false""#, ""), Fault::Playlist("not of low latency"));
    assert_eq!(refused("$Number$", "$Time$"), Fault::Playlist("segments without a number"));
    assert_eq!(refused("<Period", "<Interval"), Fault::Playlist("no Period"));
}

#[test]
fn an_answer_other_than_the_media_is_a_fault() {
    let answer = |head: &[u8], websocket| Wire::new(websocket).take(&mut &head[..]).map(|_| ());
    assert_eq!(answer(b"HTTP/1.1 404 Not Found\r\n\r\n", false), Err(Fault::Status("HTTP/1.1 404 Not Found".into())));
    assert_eq!(answer(b"HTTP/1.1 200 OK\r\n\r\n", true), Err(Fault::Status("HTTP/1.1 200 OK".into())));
    assert_eq!(answer(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: other\r\n\r\n", true), Err(Fault::NotAccepted));
    let absent = http2::Frames::default().take(&mut &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x8d][..]).map(|_| ());
    assert_eq!(absent, Err(Fault::Status("HTTP/2 [8d]".into())));
    assert_eq!(answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false), Err(Fault::Chunk("zz\r\n".into())));
}

/// What is said of the stream without the packets at these places.
fn without(places: std::ops::Range<usize>) -> Result<Vec<Seen>, Fault> {
    let packets = packets();
    let kept = packets.iter().enumerate().filter(|(at, _)| !places.contains(at)).map(|(_, packet)| packet);
    watch_flv(&flv_of(kept), 4096)
}

fn key_place(number: usize) -> usize {
    let packets = packets();
    let keys = packets.iter().enumerate().filter(|(_, packet)| packet.kind == TagKind::Video && packet.is_key);
    keys.map(|(at, _)| at).nth(number).unwrap()
}

#[test]
fn a_start_within_a_gop_is_a_fault() {
    assert_eq!(without(0..2), Err(Fault::NoKeyFirst));
}

#[test]
fn a_gap_that_ends_at_a_keyframe_is_a_counted_skip() {
    let seen = without(10..key_place(1)).unwrap();
    let skips = seen.iter().filter_map(|seen| match seen {
        Seen::Picture { stamp, missing } if *missing > 0 => Some((stamp.frame, *missing)),
        _ => None,
    });
    let before = packets()[..10].iter().filter(|packet| packet.kind == TagKind::Video).count() as u64;
    assert_eq!(skips.collect::<Vec<_>>(), [(GOP, GOP - before)]);
}

#[test]
fn a_gap_that_ends_within_a_gop_is_a_fault() {
    assert_eq!(without(10..20), Err(Fault::ResumedInGop));
}

#[test]
fn a_lost_byte_is_a_fault() {
    let mut bytes = flv_of(&packets());
    bytes.remove(30_000);
    let fault = watch_flv(&bytes, 4096).unwrap_err();
    assert!(matches!(fault, Fault::Trailer { .. } | Fault::TagType(_)), "{fault}");
}

#[test]
fn times_that_do_not_rise_and_wrong_sync_marks_are_faults() {
    let unit = |frame, dts, is_key| Unit { track: Track::Video, dts, is_key, stamp: Some(Stamp { frame, sent: 1 }) };
    let judge = |units: &[Unit]| {
        let mut checker = Checker::default();
        units.iter().try_for_each(|unit| checker.take(*unit).map(|_| ()))
    };
    assert_eq!(judge(&[unit(0, 5, true), unit(1, 6, false)]), Ok(()));
    assert_eq!(judge(&[unit(0, 5, true), unit(1, 5, false)]), Err(Fault::Backwards));
    assert_eq!(judge(&[unit(0, 5, true), unit(1, 6, true)]), Err(Fault::WrongKey));
    assert_eq!(judge(&[unit(0, 5, true), unit(0, 6, true)]), Err(Fault::Order));
    assert_eq!(judge(&[Unit { stamp: None, ..unit(0, 5, true) }]), Err(Fault::NoStamp));
}

/// The stream's video as the library writes it: an init segment, and fragments of so many pictures.
fn fmp4_of_video(per_fragment: usize) -> Vec<u8> {
    let mut demuxer = Demuxer::new();
    for packet in Source::configs().iter().chain(&packets()) {
        if packet.kind == TagKind::Video {
            demuxer.push(packet.kind, packet.timestamp_ms, &packet.body);
        }
    }
    let (mut codec, mut samples) = (None, Vec::new());
    while let Some(item) = demuxer.poll() {
        match item.unwrap() {
            Item::Config { codec: found, .. } => codec = Some(found),
            Item::Coded { track, dts_ms, is_sync, data, .. } => {
                let dts = Timestamp::new(i64::from(dts_ms) * 90, Timescale::VIDEO);
                samples.push(TimedSample { sample: Sample { track, dts, cts: 0, is_sync, data }, duration: 3_000 });
            }
            _ => {}
        }
    }
    for at in 1..samples.len() {
        samples[at - 1].duration = samples[at].sample.dts.since(samples[at - 1].sample.dts).ticks(Timescale::VIDEO) as u32;
    }
    let Some(Codec::Avc(avc)) = codec else { panic!("no configuration") };
    let track = MediaTrack { frame_rate: None, ..MediaTrack::new(TrackId::VIDEO, Codec::Avc(avc)) };
    let layout = Layout::new(TrackNumber::ONLY, SequenceNumber::FIRST, ReorderDelay(0));
    let mut out = init_segment(&[&track]).unwrap().to_vec();
    for samples in samples.chunks(per_fragment) {
        out.extend_from_slice(&fragment::write(samples, &layout).unwrap().freeze());
    }
    out
}

#[test]
fn fragments_are_read_alike_in_pieces_of_any_size() {
    for (per_fragment, piece) in [(1, 1), (1, 4096), (7, 333), (60, 100_000)] {
        let bytes = fmp4_of_video(per_fragment);
        let (mut reader, mut checker, mut seen) = (fmp4::Fmp4::default(), Checker::default(), Vec::new());
        for mut piece in bytes.chunks(piece) {
            while let Some(unit) = reader.take(&mut piece).unwrap() {
                seen.push(checker.take(unit).unwrap());
            }
        }
        let videos = packets().iter().filter(|packet| packet.kind == TagKind::Video).count() as u64;
        assert_eq!(pictures(&seen), (0..videos).collect::<Vec<_>>(), "{per_fragment} pictures in a fragment, {piece} bytes in a piece");
    }
}
