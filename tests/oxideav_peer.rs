//! The gateway against an independent implementation of Enhanced RTMP v2 on both sides of it: as publisher, as player and as server.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ingest_support;
#[allow(dead_code, reason = "the players that this binary does not need")]
#[path = "e2e/support/mod.rs"]
mod support;

use std::net::TcpStream;

use bytes::Bytes;
use ingest_support::peer::{AUDIO, AUDIO_CONFIG, KEY, Peer, VIDEO_CONFIG};
use ingest_support::{PATIENCE, Seen, read_until};
use oxideav_rtmp::amf::{self, Amf0Value};
use oxideav_rtmp::chunk::{ChunkReader, ChunkWriter};
use oxideav_rtmp::flv::{self, parse_audio, parse_video};
use oxideav_rtmp::message::{self, MSG_AUDIO, MSG_COMMAND_AMF0, MSG_DATA_AMF0, MSG_SET_CHUNK_SIZE, MSG_VIDEO};
use oxideav_rtmp::{
    AudioTag, CAPS_EX_MOD_EX, CAPS_EX_MULTITRACK, CAPS_EX_RECONNECT, CAPS_EX_TIMESTAMP_NANO_OFFSET, ClientEvent, ConnectCapabilities,
    FOURCC_INFO_CAN_DECODE, FOURCC_INFO_CAN_ENCODE, FOURCC_INFO_CAN_FORWARD, Message, ModEx, Multitrack, MultitrackTrack, RtmpClient,
    RtmpServer, StreamPacket, VideoTag, handshake,
};
use sluicegate::bus::End;
use sluicegate::media::{Kind, TrackId};
use support::house::{House, config};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

const CHUNK_SIZE: usize = 4096;
const ALL_CAPS_EX: u32 = CAPS_EX_RECONNECT | CAPS_EX_MULTITRACK | CAPS_EX_MOD_EX | CAPS_EX_TIMESTAMP_NANO_OFFSET;

const ASC: &[u8] = &[0x12, 0x10];
const OPUS: (&[u8], &[u8]) = (b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0", b"\xfc\x7e\x02\x99");
const FLAC: (&[u8], &[u8]) =
    (b"\x04\0\x04\0\0\0\0\0\x10\x98\x0b\xb8\x02\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"\xff\xf8\xaa\x88\0");
/// x265, 320x180.
const HEVC: &[u8] = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03\
    \xa0\0\x01\0\x18\x40\x01\x0c\x01\xff\xff\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\x95\x94\x09\
    \xa1\0\x01\0\x2b\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x1e\x10\
    \xa2\0\x01\0\x06\x44\x01\xc0\x73\xc1\x89";
const HEVC_KEY: &[u8] = b"\0\0\0\x04\x28\x01\xac\x64";
const HEVC_INTER: &[u8] = b"\0\0\0\x03\x02\x01\xd0";
/// vvenc, 320x180; nothing is said of a constant frame rate.
const VVC: &[u8] = b"\xff\0\x61\x5f\x01\x02\x20\x80\0\0\x01\x40\0\xb8\0\0\x02\
    \x8f\0\x01\0\x67\0\x79\0\xab\x02\x20\x80\0\0\x80\x28\x20\x2e\x7d\x9a\x80\x18\xbf\xfe\xb0\x84\xd9\x58\xc1\x02\x09\xc0\x08\xa0\x85\x88\x84\x0c\x91\
    \x06\xa4\x3d\x1e\xad\x49\x79\x24\xd4\x96\x48\x8b\x51\x17\x88\xbd\x5a\x92\xf2\x5e\xa1\x14\x10\xb1\0\x85\x90\x20\x44\x20\x40\xb2\x10\x20\x48\
    \x81\x06\x82\x04\x90\x41\xc2\x0c\x81\x16\x84\x12\x42\x1c\x43\x42\x5c\x8e\x54\x33\x04\x67\x14\0\0\x03\0\x04\0\0\x03\0\x3c\x62\x90\
    \0\x01\0\x0b\0\x81\0\0\x14\x10\x17\x22\x24\x1f\x41";

/// A picture and a sound under their FourCCs, each with two frames.
struct Case {
    picture: [u8; 4],
    record: &'static [u8],
    frames: [&'static [u8]; 2],
    /// Of both pictures, in milliseconds.
    composition: i32,
    sound: [u8; 4],
    header: &'static [u8],
    coded: Vec<u8>,
    /// How long a sound lasts, in milliseconds.
    step: u32,
    /// As RFC 6381 names the two.
    names: [&'static str; 2],
}

impl Case {
    fn assert_played(&self, played: &Played, legacy: &[[u8; 4]]) {
        let name = String::from_utf8_lossy(&self.picture);
        let [pictures, sounds] = played.coded();
        assert_eq!(pictures, [(0, self.composition, self.frames[0]), (40, self.composition, self.frames[1])], "{name}");
        assert_eq!(sounds.iter().map(|(_, _, body)| *body).collect::<Vec<_>>(), [&self.coded[..]; 2], "{name}");
        let four_cc = |name: [u8; 4]| (!legacy.contains(&name)).then_some(name);
        let record = &played.videos[0].1;
        assert_eq!((record.fourcc, played.audios[0].1.audio_fourcc), (four_cc(self.picture), four_cc(self.sound)), "{name}");
        assert!(record.is_ex_sequence_header() || record.is_avc_sequence_header(), "{name}: {record:?}");
        assert!(self.record.is_empty() || record.body == self.record, "{name}: {record:?}");
    }
}

fn cases() -> [Case; 6] {
    let padded = |head: &[u8], length| {
        let mut bytes = head.to_vec();
        bytes.resize(length, 0);
        bytes
    };
    let avc: [&[u8]; 2] = [b"\0\0\0\x02\x65\x88", b"\0\0\0\x03\x41\x9a\x23"];
    let av1: [&[u8]; 2] = [b"\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x62\x57\xc8\x02\x32\x05\x10\0\x87\x20\x80", b"\x32\x05\x28\x04\0\x40\0"];
    let vp9: [&[u8]; 2] = [b"\x82\x49\x83\x42\0\x13\xf0\x0b\x36\x06\x38", b"\x86\0\x40\x92\xf1\x21\x40"];
    let vp8: [&[u8]; 2] = [b"\xf0\x62\0\x9d\x01\x2a\x40\x01\xb4\0\0\x07", b"\x51\x1b\0\x09\x11"];
    let vvc: [&[u8]; 2] = [b"\0\0\0\x04\0\x41\x88\x10", b"\0\0\0\x04\0\x01\x88\x10"];
    let case = |(picture, record, frames, composition, name), (sound, header, coded, step, sounds)| Case {
        picture,
        record,
        frames,
        composition,
        sound,
        header,
        coded,
        step,
        names: [name, sounds],
    };
    let ac3 = padded(&[0x0B, 0x77, 0xFE, 0x95, 0x14, 0x40, 0x43, 0xE1], 768);
    let eac3 = padded(&[0x0B, 0x77, 0x01, 0x7F, 0x34, 0x87, 0xC0, 0], 768);
    let mp3 = padded(&[0xFF, 0xFB, 0x10, 0xC4], 104);
    [
        case((*b"avc1", &VIDEO_CONFIG[5..], avc, 80, "avc1.64000a"), (*b"mp4a", ASC, AUDIO[2..].to_vec(), 23, "mp4a.40.2")),
        case((*b"hvc1", HEVC, [HEVC_KEY, HEVC_INTER], 133, "hvc1.1.6.L60.90"), (*b"Opus", OPUS.0, OPUS.1.to_vec(), 20, "Opus")),
        case(
            (*b"av01", b"\x81\0\x0c\0\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x62\x57\xc8\x02", av1, 0, "av01.0.00M.08"),
            (*b"fLaC", FLAC.0, FLAC.1.to_vec(), 21, "fLaC"),
        ),
        case((*b"vp09", b"\x01\0\0\0\0\x0b\x82\x02\x02\x02\0\0", vp9, 0, "vp09.00.11.08"), (*b"ac-3", b"", ac3, 32, "ac-3")),
        case((*b"vp08", b"", vp8, 0, "vp08"), (*b"ec-3", b"", eac3, 32, "ec-3")),
        case((*b"vvc1", VVC, vvc, 800, "vvc1"), (*b".mp3", b"", mp3, 26, "mp4a.40.34")),
    ]
}

async fn start(vvc: bool) -> House {
    let mut config = config();
    config.rtmp.vvc = vvc;
    House::start(config).await
}

fn address(house: &House, path: &str) -> String {
    format!("rtmp://{}/{path}", house.gateway.rtmp)
}

/// The peer's client with a chunk writer beside its own, for the bodies that it has no call for.
struct Publisher {
    client: RtmpClient,
    writer: ChunkWriter<TcpStream>,
}

impl Publisher {
    fn connect(url: &str, caps: &ConnectCapabilities) -> Self {
        let mut client = RtmpClient::connect_with_capabilities(url, "live", caps).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut writer = ChunkWriter::new(client.inner_mut().try_clone().unwrap());
        writer.set_chunk_size(CHUNK_SIZE);
        Self { client, writer }
    }

    fn video(&mut self, at: u32, tag: &VideoTag) {
        self.writer.write_message(8, &picture(at, tag)).unwrap();
    }

    fn audio(&mut self, at: u32, tag: &AudioTag) {
        self.writer.write_message(9, &sound(at, tag)).unwrap();
    }
}

/// What the peer read as a player, until the server closed or it had enough.
struct Played {
    caps: ConnectCapabilities,
    codes: Vec<String>,
    metadata: Vec<Amf0Value>,
    videos: Vec<(u32, VideoTag)>,
    audios: Vec<(u32, AudioTag)>,
}

fn play(
    port: u16,
    name: &'static str,
    caps: ConnectCapabilities,
    mut enough: impl FnMut(&Played) -> bool + Send + 'static,
) -> JoinHandle<Played> {
    spawn_blocking(move || {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        handshake::client_handshake(&mut socket).unwrap();
        let mut writer = ChunkWriter::new(socket.try_clone().unwrap());
        let connect = message::build_connect_with_caps(1.0, "live", &format!("rtmp://127.0.0.1:{port}/live"), "LNX 9,0,124,2", &caps);
        writer.write_message(3, &connect).unwrap();
        writer.write_message(3, &message::build_create_stream(2.0)).unwrap();
        let payload = amf::encode_command("play", 3.0, Amf0Value::Null, &[Amf0Value::String(name.into())]);
        writer.write_message(3, &Message { msg_type_id: MSG_COMMAND_AMF0, msg_stream_id: 1, timestamp: 0, payload }).unwrap();

        let mut reader = ChunkReader::new(socket);
        let mut played = Played { caps: ConnectCapabilities::new(), codes: vec![], metadata: vec![], videos: vec![], audios: vec![] };
        while !enough(&played) {
            let Ok(Message { msg_type_id, timestamp, payload, .. }) = reader.read_message() else { break };
            match msg_type_id {
                MSG_SET_CHUNK_SIZE => reader.set_chunk_size(u32::from_be_bytes(payload[..].try_into().unwrap()) as usize),
                MSG_VIDEO => played.videos.push((timestamp, parse_video(&payload).unwrap())),
                MSG_AUDIO => played.audios.push((timestamp, parse_audio(&payload).unwrap())),
                MSG_DATA_AMF0 => played.metadata.extend(amf::decode_all(&payload).unwrap().pop()),
                MSG_COMMAND_AMF0 => played.hear(&amf::decode_all(&payload).unwrap()),
                _ => {}
            }
        }
        played
    })
}

impl Played {
    fn hear(&mut self, values: &[Amf0Value]) {
        let Some(information) = values.get(3) else { return };
        self.codes.extend(information.get("code").and_then(Amf0Value::as_str).map(str::to_owned));
        if self.caps == ConnectCapabilities::new() {
            self.caps = ConnectCapabilities::from_amf0(information);
        }
    }

    fn has(&self, videos: usize, audios: usize) -> bool {
        let [pictures, sounds] = self.coded();
        pictures.len() >= videos && sounds.len() >= audios
    }

    /// Bodies of the coded frames, whichever header they came in.
    fn coded(&self) -> [Vec<(u32, i32, &[u8])>; 2] {
        let is_coded = |kind: Option<u8>| matches!(kind, Some(flv::EX_PACKET_TYPE_CODED_FRAMES | flv::EX_PACKET_TYPE_CODED_FRAMES_X));
        let videos = self.videos.iter().filter(|(_, tag)| is_coded(tag.ex_packet_type.or(tag.avc_packet_type)));
        // Of the sounds with a header of their own only AAC has two kinds of packets.
        let audios = self.audios.iter().filter(|(_, tag)| match tag.ex_packet_type {
            Some(kind) => kind == flv::AUDIO_PACKET_TYPE_CODED_FRAMES,
            None => tag.aac_packet_type != Some(flv::AAC_PACKET_TYPE_SEQUENCE_HEADER),
        });
        [
            videos.map(|(at, tag)| (*at, tag.composition_time, &tag.body[..])).collect(),
            audios.map(|(at, tag)| (*at, 0, &tag.body[..])).collect(),
        ]
    }
}

fn picture(timestamp: u32, tag: &VideoTag) -> Message {
    Message { msg_type_id: MSG_VIDEO, msg_stream_id: 1, timestamp, payload: flv::build_video(tag) }
}

fn sound(timestamp: u32, tag: &AudioTag) -> Message {
    Message { msg_type_id: MSG_AUDIO, msg_stream_id: 1, timestamp, payload: flv::build_audio(tag) }
}

fn video_tag(fourcc: [u8; 4], is_key: bool, kind: u8, composition_time: i32, body: &[u8]) -> VideoTag {
    VideoTag {
        frame_type: if is_key { flv::VIDEO_FRAME_KEYFRAME } else { flv::VIDEO_FRAME_INTER },
        codec_id: 0,
        avc_packet_type: None,
        composition_time,
        body: body.to_vec(),
        ex_packet_type: Some(kind),
        fourcc: Some(fourcc),
        mod_ex: Vec::new(),
        multitrack: None,
    }
}

fn audio_tag(fourcc: [u8; 4], kind: u8, body: &[u8]) -> AudioTag {
    AudioTag {
        sound_format: flv::AUDIO_FORMAT_EX_HEADER,
        sound_rate: 0,
        sound_size_16bit: false,
        stereo: false,
        aac_packet_type: None,
        ex_packet_type: Some(kind),
        audio_fourcc: Some(fourcc),
        body: body.to_vec(),
        mod_ex: Vec::new(),
        multitrack: None,
    }
}

/// What an encoder of everything would name.
fn capable(caps_ex: u32) -> ConnectCapabilities {
    let mut caps = ConnectCapabilities { fourcc_list: vec!["hvc1".into(), "av01".into()], caps_ex, ..ConnectCapabilities::new() };
    caps.video_fourcc_info_map.insert("*", FOURCC_INFO_CAN_ENCODE | FOURCC_INFO_CAN_DECODE);
    caps.audio_fourcc_info_map.insert_fourcc(*b"Opus", FOURCC_INFO_CAN_ENCODE);
    caps
}

fn samples(seen: &Seen, track: TrackId) -> Vec<&[u8]> {
    seen.of(track).iter().map(|sample| &sample.data[..]).collect()
}

#[tokio::test]
async fn capabilities_are_answered_in_words_that_the_peer_understands() {
    for vvc in [false, true] {
        let house = start(vvc).await;
        let url = address(&house, "live/show");
        let peer = spawn_blocking(move || Publisher::connect(&url, &capable(ALL_CAPS_EX)));
        let peer = peer.await.unwrap();
        let told = peer.client.server_capabilities();
        assert_eq!(told.caps_ex, ALL_CAPS_EX);
        let carried = |map: &oxideav_rtmp::FourCcInfoMap| {
            assert!(map.iter().all(|(_, mask)| mask == FOURCC_INFO_CAN_FORWARD), "{map:?}");
            map.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        let (video, audio) = (carried(&told.video_fourcc_info_map), carried(&told.audio_fourcc_info_map));
        for case in cases() {
            let [picture, sound] = [case.picture, case.sound].map(|name| String::from_utf8(name.to_vec()).unwrap());
            assert_eq!(video.contains(&picture), vvc || picture != "vvc1", "{picture}");
            assert!(audio.contains(&sound), "{sound}");
        }
        assert_eq!(told.fourcc_list, [video, audio].concat());

        let url = address(&house, "live/old");
        let old = spawn_blocking(move || RtmpClient::connect(&url).unwrap()).await.unwrap();
        assert!(old.server_capabilities().is_empty(), "one that names nothing is told nothing");
        drop((peer, old));
        house.stop().await;
    }
}

#[tokio::test]
async fn h264_and_aac_arrive_and_are_played_with_extended_times() {
    const START: u32 = 0x0100_0000;
    let house = start(false).await;
    // Longer than a chunk: the peer leaves the extended time out of the further ones.
    let long = [&[0, 0, 0x27, 0x0C, 0x65, 0x88][..], &[7; 9_994]].concat();
    let (url, sent) = (address(&house, "live/show"), long.clone());
    let publishing = spawn_blocking(move || {
        let mut peer = RtmpClient::connect(&url).unwrap();
        let metadata = [("width", Amf0Value::Number(64.0)), ("encoder", Amf0Value::String("another's".into()))];
        peer.send_metadata(amf::obj(metadata)).unwrap();
        peer.send_video_sequence_header(&VIDEO_CONFIG[5..]).unwrap();
        peer.send_audio_sequence_header(ASC).unwrap();
        peer.send_video(START, true, &sent).unwrap();
        peer.send_audio(START, &AUDIO[2..]).unwrap();
        peer.send_audio(START + 23, &AUDIO[2..]).unwrap();
        peer.send_video(START + 80, false, b"\0\0\0\x02\x41\x9A").unwrap();
        peer
    });
    let peer = publishing.await.unwrap();
    let stream = house.stream("live/show").await;
    let seen = read_until(&stream, |seen| seen.of(TrackId::VIDEO).len() == 2 && seen.of(TrackId::AUDIO).len() == 2).await;
    assert_eq!(samples(&seen, TrackId::VIDEO), [&long[..], b"\0\0\0\x02\x41\x9A"]);
    assert_eq!(samples(&seen, TrackId::AUDIO), [&AUDIO[2..]; 2]);
    let times: Vec<_> = seen.of(TrackId::VIDEO).iter().map(|sample| sample.dts.millis()).collect();
    assert_eq!(times, [0, 80]);
    let (_, program, _) = seen.heads.last().unwrap();
    let names: Vec<_> = program.tracks.iter().filter(|track| track.id.kind != Kind::Data).map(|track| track.codec.rfc6381()).collect();
    assert_eq!(names, ["avc1.64000a", "mp4a.40.2"]);

    let (all_played, has_played) = oneshot::channel();
    let mut all_played = Some(all_played);
    let playing = play(house.gateway.rtmp.port(), "show", ConnectCapabilities::new(), move |played| {
        if played.has(2, 2) {
            all_played.take().map(|told| told.send(()));
        }
        false
    });
    timeout(PATIENCE, has_played).await.expect("all is played").unwrap();
    spawn_blocking(move || peer.close()).await.unwrap().unwrap();
    let seen = read_until(&stream, |_| false).await;
    assert_eq!(seen.end, Some(End::Unpublished));
    let played = playing.await.unwrap();
    let [videos, audios] = played.coded();
    assert_eq!(videos, [(0, 0, &long[..]), (80, 0, b"\0\0\0\x02\x41\x9A")]);
    assert_eq!(audios.iter().map(|(_, _, body)| *body).collect::<Vec<_>>(), [&AUDIO[2..]; 2]);
    let metadata = played.metadata.iter().find_map(|value| Some((value.get("width")?.as_f64()?, value.get("height")?.as_f64()?)));
    assert_eq!(metadata, Some((64.0, 48.0)), "rebuilt");
    assert_eq!((played.videos[0].1.is_avc_sequence_header(), &played.videos[0].1.body[..]), (true, &VIDEO_CONFIG[5..]));
    assert_eq!((played.audios[0].1.is_aac_sequence_header(), &played.audios[0].1.body[..]), (true, ASC));
    assert!(played.codes.iter().any(|code| code == "NetStream.Play.UnpublishNotify"), "{:?}", played.codes);
    house.stop().await;
}

#[tokio::test]
async fn every_codec_under_its_four_cc_arrives_and_is_played() {
    let house = start(true).await;
    for case in cases() {
        let name: &'static str = String::from_utf8(case.picture.to_vec()).unwrap().leak();
        let url = address(&house, &format!("live/{name}"));
        let (peer, case) = spawn_blocking(move || (publish(&case, &url), case)).await.unwrap();
        let stream = house.stream(&format!("live/{name}")).await;
        let seen = read_until(&stream, |seen| seen.of(TrackId::VIDEO).len() == 2 && seen.of(TrackId::AUDIO).len() == 2).await;
        let (_, program, _) = seen.heads.last().unwrap();
        let names: Vec<_> = program.tracks.iter().filter(|track| track.id.kind != Kind::Data).map(|track| track.codec.rfc6381()).collect();
        assert!(names.iter().zip(case.names).all(|(name, start)| name.starts_with(start)), "{names:?} for {:?}", case.names);
        let pictures = seen.of(TrackId::VIDEO);
        let found: Vec<_> =
            pictures.iter().map(|picture| (picture.dts.millis(), picture.cts, picture.is_sync, &picture.data[..])).collect();
        assert_eq!(found, [(0, case.composition * 90, true, case.frames[0]), (40, case.composition * 90, false, case.frames[1])], "{name}");
        assert_eq!(samples(&seen, TrackId::AUDIO), [&case.coded[..]; 2], "{name}");

        // Nanoseconds have room in the new header alone.
        for (caps_ex, legacy) in [(CAPS_EX_MULTITRACK, &[*b"avc1", *b"mp4a", *b".mp3"][..]), (ALL_CAPS_EX, &[])] {
            let played = play(house.gateway.rtmp.port(), name, capable(caps_ex), |played| played.has(2, 2)).await.unwrap();
            assert_eq!(played.caps.caps_ex, ALL_CAPS_EX);
            case.assert_played(&played, legacy);
        }
        drop(peer);
    }
    house.stop().await;
}

fn publish(case: &Case, url: &str) -> Publisher {
    let mut peer = Publisher::connect(url, &capable(ALL_CAPS_EX));
    if !case.record.is_empty() {
        peer.video(0, &video_tag(case.picture, true, flv::EX_PACKET_TYPE_SEQUENCE_START, 0, case.record));
    }
    if !case.header.is_empty() {
        peer.audio(0, &audio_tag(case.sound, flv::AUDIO_PACKET_TYPE_SEQUENCE_START, case.header));
    }
    for (at, body) in [(0, case.frames[0]), (40, case.frames[1])] {
        let kind = if case.composition == 0 { flv::EX_PACKET_TYPE_CODED_FRAMES_X } else { flv::EX_PACKET_TYPE_CODED_FRAMES };
        peer.video(at, &video_tag(case.picture, at == 0, kind, case.composition, body));
    }
    // What is heard before the first picture is shown is left out.
    for at in [0, case.step].map(|at| at + case.composition as u32) {
        peer.audio(at, &audio_tag(case.sound, flv::AUDIO_PACKET_TYPE_CODED_FRAMES, &case.coded));
    }
    peer
}

/// Two pictures and two sounds: all of a kind in one message, of one codec and of two, and one track alone.
fn tracks_of_every_layout() -> [Message; 8] {
    let track = |fourcc, track_id, body: &[u8]| MultitrackTrack { fourcc, track_id, body: body.to_vec() };
    let many = |bodies: [&[u8]; 2]| Multitrack {
        multitrack_type: flv::AV_MULTITRACK_TYPE_MANY_TRACKS,
        tracks: vec![track(None, 0, bodies[0]), track(None, 1, bodies[1])],
    };
    let codecs = |bodies: [&[u8]; 2]| Multitrack {
        multitrack_type: flv::AV_MULTITRACK_TYPE_MANY_TRACKS_MANY_CODECS,
        tracks: vec![track(Some(*b"Opus"), 0, bodies[0]), track(Some(*b"fLaC"), 1, bodies[1])],
    };
    let pictures = |kind, bodies| VideoTag::multitrack_tag(flv::VIDEO_FRAME_KEYFRAME, kind, Some(*b"hvc1"), many(bodies));
    let sounds = |kind, bodies| AudioTag::multitrack_tag(kind, None, codecs(bodies));
    let one = Multitrack { multitrack_type: flv::AV_MULTITRACK_TYPE_ONE_TRACK, tracks: vec![track(None, 1, HEVC_INTER)] };
    let alone = VideoTag::multitrack_tag(flv::VIDEO_FRAME_INTER, flv::EX_PACKET_TYPE_CODED_FRAMES_X, Some(*b"hvc1"), one);
    let later = VideoTag {
        mod_ex: vec![ModEx::timestamp_offset_nano_entry(500_000)],
        ..video_tag(*b"hvc1", false, flv::EX_PACKET_TYPE_CODED_FRAMES_X, 0, HEVC_INTER)
    };
    [
        picture(0, &pictures(flv::EX_PACKET_TYPE_SEQUENCE_START, [HEVC, HEVC])),
        sound(0, &sounds(flv::AUDIO_PACKET_TYPE_SEQUENCE_START, [OPUS.0, FLAC.0])),
        picture(0, &pictures(flv::EX_PACKET_TYPE_CODED_FRAMES_X, [HEVC_KEY, HEVC_KEY])),
        sound(0, &sounds(flv::AUDIO_PACKET_TYPE_CODED_FRAMES, [OPUS.1, FLAC.1])),
        sound(20, &audio_tag(*b"Opus", flv::AUDIO_PACKET_TYPE_CODED_FRAMES, OPUS.1)),
        picture(40, &later),
        picture(40, &alone),
        picture(80, &pictures(flv::EX_PACKET_TYPE_CODED_FRAMES_X, [HEVC_INTER, HEVC_INTER])),
    ]
}

#[tokio::test]
async fn tracks_of_every_layout_and_nanoseconds_arrive_in_one_aggregate_and_are_played() {
    let house = start(false).await;
    let url = address(&house, "live/tracks");
    let publishing = spawn_blocking(move || {
        let mut peer = Publisher::connect(&url, &capable(ALL_CAPS_EX));
        peer.client.send_aggregate(&tracks_of_every_layout()).unwrap();
        peer
    });
    let peer = publishing.await.unwrap();
    let stream = house.stream("live/tracks").await;
    let second = |kind| TrackId { kind, index: 1 };
    let seen = read_until(&stream, |seen| seen.samples.len() == 9).await;
    for track in [TrackId::VIDEO, second(Kind::Video)] {
        assert_eq!(samples(&seen, track), [HEVC_KEY, HEVC_INTER, HEVC_INTER], "{track}");
        let nanos = if track == TrackId::VIDEO { 45 } else { 0 };
        let times: Vec<_> = seen.of(track).iter().map(|sample| (sample.dts.millis(), sample.cts)).collect();
        assert_eq!(times, [(0, 0), (40, nanos), (80, 0)], "{track}");
    }
    assert_eq!(samples(&seen, TrackId::AUDIO), [OPUS.1; 2]);
    assert_eq!(samples(&seen, second(Kind::Audio)), [FLAC.1]);

    let port = house.gateway.rtmp.port();
    let played = play(port, "tracks", capable(ALL_CAPS_EX), |played| played.has(6, 3)).await.unwrap();
    let (mut records, mut frames) = ([None, None], [vec![], vec![]]);
    for (at, tag) in &played.videos {
        let several = tag.multitrack.as_ref().map(|several| &several.tracks[0]);
        let (index, body) = several.map_or((0, &tag.body[..]), |track| (usize::from(track.track_id), &track.body[..]));
        assert_eq!(tag.fourcc, Some(*b"hvc1"));
        match (tag.ex_packet_type, several) {
            (Some(flv::EX_PACKET_TYPE_SEQUENCE_START), _) => records[index] = Some(body),
            // The peer leaves a track's composition time in its body.
            (Some(flv::EX_PACKET_TYPE_CODED_FRAMES), Some(_)) => frames[index].push((*at, tag.timestamp_offset_nano(), &body[3..])),
            _ => frames[index].push((*at, tag.timestamp_offset_nano(), body)),
        }
    }
    assert_eq!(records, [Some(HEVC); 2]);
    assert_eq!(frames[0], [(0, 0, HEVC_KEY), (40, 500_000, HEVC_INTER), (80, 0, HEVC_INTER)]);
    assert_eq!(frames[1], [(0, 0, HEVC_KEY), (40, 0, HEVC_INTER), (80, 0, HEVC_INTER)]);
    let mut sounds = Vec::new();
    for (_, tag) in &played.audios {
        let several = tag.multitrack.as_ref().map(|several| &several.tracks[0]);
        let track = several.map_or((0, &tag.body[..]), |track| (track.track_id, &track.body[..]));
        if tag.ex_packet_type == Some(flv::AUDIO_PACKET_TYPE_CODED_FRAMES) {
            sounds.push((tag.audio_fourcc, track));
        }
    }
    sounds.sort();
    let opus = (Some(*b"Opus"), (0, OPUS.1));
    assert_eq!(sounds, [opus, opus, (Some(*b"fLaC"), (1, FLAC.1))]);

    let one = play(port, "tracks", ConnectCapabilities::new(), |played| played.has(3, 2)).await.unwrap();
    assert!(one.videos.iter().all(|(_, tag)| tag.multitrack.is_none()), "one that does not know tracks gets the first of each kind");
    assert!(one.videos.iter().all(|(_, tag)| tag.mod_ex.is_empty()), "nor does it get nanoseconds");
    drop(peer);
    house.stop().await;
}

#[tokio::test]
async fn a_publisher_that_can_is_asked_to_connect_anew_when_the_gateway_stops() {
    let house = start(false).await;
    let url = address(&house, "live/show");
    let (caps, tc_url) = (capable(CAPS_EX_RECONNECT), address(&house, "live"));
    let mut peer = spawn_blocking(move || Publisher::connect(&url, &caps).client).await.unwrap();
    peer.send_video_sequence_header(&VIDEO_CONFIG[5..]).unwrap();
    peer.send_audio_sequence_header(ASC).unwrap();
    peer.send_video(0, true, &KEY[5..]).unwrap();
    let stream = house.stream("live/show").await;
    read_until(&stream, |seen| !seen.samples.is_empty()).await;
    let leaving = spawn_blocking(move || {
        loop {
            match peer.poll_event().unwrap() {
                Some(ClientEvent::ReconnectRequest { tc_url, .. }) => {
                    // The media goes on until it leaves.
                    peer.send_video(40, true, &KEY[5..]).unwrap();
                    let target = peer.resolve_reconnect_url(tc_url.as_deref());
                    peer.close().unwrap();
                    break target;
                }
                Some(_) => {}
                None => panic!("closed without a word"),
            }
        }
    });
    let ((), target) = tokio::join!(house.stop(), leaving);
    assert_eq!(target.unwrap(), tc_url);
    assert_eq!(stream.received().messages(), 4);
}

#[tokio::test]
async fn our_client_is_understood_by_the_peers_server() {
    let server = RtmpServer::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let serving = spawn_blocking(move || {
        let request = server.accept().unwrap();
        let names = (request.app.clone(), request.stream_name.clone());
        let mut session = request.accept().unwrap();
        session.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut packets = Vec::new();
        while let Some(packet) = session.next_packet().unwrap() {
            packets.push(packet);
        }
        (names, packets)
    });
    let mut publisher = Peer::connect(port, "live", "show").await;
    publisher.started().await;
    publisher.send_start().await;
    publisher.client.send_audio(0x0100_0000, Bytes::from_static(AUDIO));
    publisher.flush().await;
    publisher.client.unpublish();
    publisher.flush().await;
    let (names, packets) = serving.await.unwrap();
    assert_eq!(names, ("live".to_owned(), "show".to_owned()));
    let bodies = packets.iter().map(|packet| match packet {
        StreamPacket::Video { timestamp, tag } => (*timestamp, flv::build_video(tag)),
        StreamPacket::Audio { timestamp, tag } => (*timestamp, flv::build_audio(tag)),
        other => panic!("{other:?}"),
    });
    let sent = [(0, VIDEO_CONFIG), (0, AUDIO_CONFIG), (0, KEY), (0x0100_0000, AUDIO)];
    assert_eq!(bodies.collect::<Vec<_>>(), sent.map(|(at, body)| (at, body.to_vec())));
}
