//! What goes out in each dialect, and that it reads back the same.

use proptest::prelude::*;

use super::*;
use crate::amf0::Value;
use crate::media::codec::{AacConfig, Ac3Config, AvcConfig, Eac3Config, FlacConfig, HevcConfig, Mp3Config, OpusConfig};
use crate::media::color::{ColorInfo, ContentLight, DisplayColors, Hdr, MasteringDisplay};
use crate::media::{ChannelLayout, Kind, Pick};

const AC_3: [u8; 8] = [0x0B, 0x77, 0xFE, 0x95, 0x14, 0x40, 0x43, 0xE1];
const E_AC_3: [u8; 8] = [0x0B, 0x77, 0x01, 0x7F, 0x34, 0x87, 0xC0, 0];
const MP3: [u8; 4] = [0xFF, 0xFB, 0x10, 0xC4];
const OPUS: [u8; 4] = [0xFC, 0x7E, 2, 0x99];

/// A whole frame that begins like this.
fn padded<const N: usize>(head: [u8; N], length: usize) -> Vec<u8> {
    let mut frame = head.to_vec();
    frame.resize(length, 0);
    frame
}

/// A NAL unit of this header behind its length.
fn nal(header: &[u8]) -> Vec<u8> {
    [&(header.len() as u32 + 3).to_be_bytes(), header, &[0x80, 1, 2]].concat()
}

/// A codec, and one of its samples: a sync sample and, for video, another.
fn codecs() -> Vec<(Codec, Vec<Vec<u8>>)> {
    let opus = OpusConfig::parse(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0").unwrap().with_packet(&OPUS);
    let flac = [&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0x10, 0x98, 0x0b, 0xb8, 0x02, 0xf0][..], &[0; 20]].concat();
    vec![
        (Codec::Avc(AvcConfig::parse(goldens::avcc()).unwrap()), vec![nal(&[0x65]), nal(&[0x41])]),
        (Codec::Hevc(HevcConfig::parse(enhanced::HVCC).unwrap()), vec![nal(&[0x28, 1]), nal(&[2, 1])]),
        (pictures::av1(), vec![[pictures::AV1_HEADER, pictures::AV1_KEY].concat(), pictures::AV1_INTER.to_vec()]),
        (pictures::vp9(), vec![pictures::VP9_KEY.to_vec(), pictures::VP9_INTER.to_vec()]),
        (pictures::vp8(), vec![pictures::VP8_KEY.to_vec(), pictures::VP8_INTER.to_vec()]),
        (pictures::vvc(), vec![nal(&[0, 0x41]), nal(&[0, 1])]),
        (Codec::Aac(AacConfig::parse(&[0x11, 0x90]).unwrap()), vec![vec![0x21, 0x10, 4]]),
        (Codec::Mp3(Mp3Config::parse(&MP3).unwrap()), vec![padded(MP3, 104)]),
        (Codec::Opus(opus), vec![OPUS.to_vec()]),
        (Codec::Flac(FlacConfig::parse(&flac).unwrap()), vec![vec![0xFF, 0xF8, 0xAA, 0x88, 0]]),
        (Codec::Ac3(Ac3Config::parse(&padded(AC_3, 768)).unwrap()), vec![padded(AC_3, 768)]),
        (Codec::Eac3(Eac3Config::parse(&padded(E_AC_3, 768)).unwrap()), vec![padded(E_AC_3, 768)]),
    ]
}

fn codec(name: &str) -> Codec {
    codecs().into_iter().map(|(codec, _)| codec).find(|codec| codec.name() == name).unwrap()
}

fn numbered(codec: Codec, index: u8) -> Track {
    Track::new(TrackId { kind: codec.kind(), index }, codec)
}

/// The first bytes of what goes out before and as a sample.
fn heads(variant: FlvVariant, codec: Codec, index: u8) -> Vec<Vec<u8>> {
    let track = numbered(codec, index);
    let dts = Timestamp::new(0, track.timescale);
    let sample = Sample { track: track.id, dts, cts: 0, is_sync: true, data: Bytes::new() };
    let muxer = muxer(variant, [track]);
    let bodies = muxer.preamble().into_iter().skip(1).chain(muxer.sample(&sample));
    bodies.map(|body| body.head().to_vec()).collect()
}

#[test]
fn players_get_legacy_headers_and_the_few_enhanced_ones_that_they_know() {
    let heads = |name| heads(FlvVariant::default(), codec(name), 0);
    assert_eq!(heads("H.264"), [&b"\x17\0\0\0\0"[..], b"\x17\x01\0\0\0"]);
    assert_eq!(heads("H.265"), [&b"\x90hvc1"[..], b"\x91hvc1\0\0\0"]);
    assert_eq!(heads("AAC"), [b"\xaf\0", b"\xaf\x01"]);
    assert_eq!(heads("MP3"), [b"\x2e"]);
    assert_eq!(heads("Opus"), [b"\x90Opus", b"\x91Opus"]);
    assert_eq!(heads("FLAC"), [b"\x90fLaC", b"\x91fLaC"]);
    assert_eq!(heads("AV1"), [b"\x90av01", b"\x91av01"]);
    for unknown in ["AC-3", "E-AC-3", "VP8", "VP9", "H.266"] {
        assert!(heads(unknown).is_empty(), "{unknown}");
    }
}

#[test]
fn hevc_goes_out_under_its_old_number_to_those_who_ask() {
    for dialect in [Dialect::Players, Dialect::Enhanced] {
        let old = FlvVariant { hevc: HevcForm::Legacy, dialect, ..FlvVariant::default() };
        assert_eq!(heads(old, codec("H.265"), 0), [&b"\x1c\0\0\0\0"[..], b"\x1c\x01\0\0\0"]);
    }
}

#[test]
fn peers_of_enhanced_rtmp_get_legacy_headers_for_the_default_track_and_a_four_cc_for_the_rest() {
    let heads = |name| heads(ENHANCED, codec(name), 0);
    assert_eq!(heads("H.264"), [&b"\x17\0\0\0\0"[..], b"\x17\x01\0\0\0"]);
    assert_eq!(heads("H.265"), [&b"\x90hvc1"[..], b"\x91hvc1\0\0\0"]);
    assert_eq!(heads("AV1"), [b"\x90av01", b"\x91av01"]);
    assert_eq!(heads("VP9"), [b"\x90vp09", b"\x91vp09"]);
    assert_eq!(heads("VP8"), [b"\x90vp08", b"\x91vp08"]);
    assert_eq!(heads("H.266"), [&b"\x90vvc1"[..], b"\x91vvc1\0\0\0"]);
    assert_eq!(heads("AAC"), [b"\xaf\0", b"\xaf\x01"]);
    assert_eq!(heads("MP3"), [b"\x2e"]);
    assert_eq!(heads("AC-3"), [b"\x91ac-3"]);
    assert_eq!(heads("E-AC-3"), [b"\x91ec-3"]);
    let flac = numbered(codec("FLAC"), 0);
    assert_eq!(muxer(ENHANCED, [flac]).preamble()[1].data().len(), 34, "the block without its header");
    let vp9 = numbered(codec("VP9"), 0);
    assert_eq!(muxer(ENHANCED, [vp9]).preamble()[1].data()[..], pictures::VP9_RECORD[..], "with version and flags, as FFmpeg has it");
}

#[test]
fn further_tracks_are_multitrack_bodies_of_one_track() {
    let heads = |name, index| heads(ENHANCED, codec(name), index);
    assert_eq!(heads("H.264", 1), [&b"\x96\0avc1\x01"[..], b"\x96\x01avc1\x01\0\0\0"]);
    assert_eq!(heads("AAC", 1), [&b"\x95\0mp4a\x01"[..], b"\x95\x01mp4a\x01"]);
    assert_eq!(heads("MP3", 15), [&b"\x95\x01.mp3\x0f"[..]]);
}

#[test]
fn the_one_track_that_was_chosen_is_the_default_on_the_wire() {
    let one = Selection::parse("v1,a2").unwrap();
    for variant in [FlvVariant { selection: one, ..ENHANCED }, FlvVariant { selection: one, ..FlvVariant::default() }] {
        let tracks = [numbered(codec("H.265"), 0), numbered(codec("H.264"), 1), numbered(codec("AAC"), 0), numbered(codec("MP3"), 2)];
        let muxer = muxer(variant, tracks);
        assert_eq!(muxer.tracks().map(|id| id.to_string()).collect::<Vec<_>>(), ["v1", "a2"]);
        assert_eq!(muxer.leading().unwrap().to_string(), "v1");
        let heads: Vec<_> = muxer.preamble().iter().skip(1).map(|body| body.head().to_vec()).collect();
        assert_eq!(heads, [b"\x17\0\0\0\0"]);
        let left_out = Sample { track: TrackId::VIDEO, dts: Timestamp::from_millis(0), cts: 0, is_sync: true, data: Bytes::new() };
        assert_eq!(muxer.sample(&left_out), None);
    }
}

#[test]
fn players_who_ask_for_all_get_the_leading_track_of_each_kind_that_they_can_play() {
    let variant = FlvVariant { selection: Selection::ALL, ..FlvVariant::default() };
    let tracks = [numbered(codec("H.264"), 0), numbered(codec("H.265"), 1), numbered(codec("AC-3"), 0), numbered(codec("AAC"), 1)];
    let muxer = muxer(variant, tracks);
    assert_eq!(muxer.tracks().map(|id| id.to_string()).collect::<Vec<_>>(), ["v0", "a1"]);
    assert!(muxer.preamble().iter().all(|body| body.head().first().is_none_or(|first| *first == 0x17 || *first == 0xAF)));
    assert_eq!(muxer.file_header(), FileHeader { has_audio: true, has_video: true });
}

/// onMetaData of these tracks.
fn told(variant: FlvVariant, tracks: impl IntoIterator<Item = Track>) -> Value {
    let metadata = Metadata { video_bit_rate: Some(2_500_000), audio_bit_rate: Some(96_000), ..Metadata::default() };
    let program = Program { epoch: Epoch(1), tracks: TrackSet::new(tracks), metadata };
    let mut out = BytesMut::new();
    Muxer::new(variant, Arc::new(program)).metadata().write(&mut out);
    crate::amf0::read_all(&out).unwrap().swap_remove(1)
}

#[test]
fn metadata_tells_of_further_tracks_by_their_numbers() {
    let spoken = Track { language: Some("fr".into()), ..numbered(codec("Opus"), 2) };
    let value = told(ENHANCED, [numbered(codec("H.264"), 0), numbered(codec("H.265"), 1), numbered(codec("AAC"), 0), spoken]);
    let at = |map: &str, index: &str, name: &str| value.get(map)?.get(index)?.get(name).cloned();
    assert_eq!(at("videoTrackIdInfoMap", "1", "videocodecid"), Some(1_752_589_105.0.into()));
    assert_eq!(at("videoTrackIdInfoMap", "1", "width"), codec("H.265").video().map(|shape| f64::from(shape.width).into()));
    assert_eq!(at("videoTrackIdInfoMap", "1", "videodatarate"), None, "the publisher's number is for the default track");
    assert_eq!(at("videoTrackIdInfoMap", "0", "videocodecid"), None);
    assert_eq!(at("audioTrackIdInfoMap", "2", "audiocodecid"), Some(1_332_770_163.0.into()));
    assert_eq!(at("audioTrackIdInfoMap", "2", "samplerate"), Some(48_000.0.into()));
    assert_eq!(at("audioTrackIdInfoMap", "2", "language"), Some("fr".into()));
    assert_eq!(value.get("videocodecid"), Some(&7.0.into()));
    assert_eq!(value.get("videodatarate"), Some(&2_500.0.into()));
}

#[test]
fn metadata_tells_of_the_track_that_goes_out_and_of_no_other() {
    let second = FlvVariant { selection: Selection::parse("v1,noaudio").unwrap(), ..ENHANCED };
    let value = told(second, [numbered(codec("H.264"), 0), numbered(codec("H.265"), 1), numbered(codec("AAC"), 0)]);
    assert_eq!(value.get("videocodecid"), Some(&1_752_589_105.0.into()));
    assert_eq!((value.get("hasAudio"), value.get("audiocodecid"), value.get("videodatarate")), (Some(&false.into()), None, None));
    assert_eq!(value.get("videoTrackIdInfoMap"), None);
    let old = FlvVariant { hevc: HevcForm::Legacy, ..FlvVariant::default() };
    assert_eq!(told(old, [numbered(codec("H.265"), 0)]).get("videocodecid"), Some(&12.0.into()));
}

#[test]
fn hdr_is_told_behind_the_configuration_to_those_who_read_it() {
    let hdr = Hdr {
        mastering: MasteringDisplay::new(
            Some(DisplayColors { red: [34_000, 16_000], green: [13_250, 34_500], blue: [7_500, 3_000], white: [15_635, 16_450] }),
            10_000_000,
            50,
        ),
        light: ContentLight::new(1_000, 400),
    };
    let color = ColorInfo::new(9, 16, 9, false).with_depth(10);
    let track = |index| Track { color, hdr, ..numbered(codec("H.265"), index) };
    let heads = |variant, track| muxer(variant, [track]).preamble().iter().skip(1).map(|body| body.head().to_vec()).collect::<Vec<_>>();
    assert_eq!(heads(ENHANCED, track(0)), [b"\x90hvc1", b"\xd4hvc1"]);
    assert_eq!(heads(ENHANCED, track(1)), [b"\x96\0hvc1\x01", b"\x86\x04hvc1\x01"]);
    assert_eq!(heads(FlvVariant::default(), track(0)), [b"\x90hvc1"]);
    assert_eq!(heads(ENHANCED, numbered(codec("H.265"), 0)), [b"\x90hvc1"], "nothing to tell");

    for index in [0, 2] {
        let mut demuxer = Demuxer::new();
        let mut told = Vec::new();
        for body in muxer(ENHANCED, [track(index)]).preamble() {
            let mut out = BytesMut::new();
            body.write(&mut out);
            told.extend(items(&mut demuxer, body.kind, 0, &out));
        }
        let id = TrackId { index, ..TrackId::VIDEO };
        assert!(told.contains(&Item::Color { track: id, color, hdr }), "{told:?}");
    }
    let body = &muxer(ENHANCED, [track(0)]).preamble()[2];
    let values = crate::amf0::read_all(body.data()).unwrap();
    assert_eq!(values[0].as_str(), Some("colorInfo"));
    let number = |group: &str, name: &str| values[1].get(group).and_then(|group| group.get(name)).and_then(Value::as_number);
    let points = ["bitDepth", "colorPrimaries", "transferCharacteristics", "matrixCoefficients"].map(|name| number("colorConfig", name));
    assert_eq!(points, [10.0, 9.0, 16.0, 9.0].map(Some));
    assert_eq!((number("hdrCll", "maxCLL"), number("hdrCll", "maxFall")), (Some(1_000.0), Some(400.0)));
    let near = |name, expected: f64| (number("hdrMdcv", name).unwrap() - expected).abs() < 1e-6;
    assert!(near("redX", 0.68) && near("redY", 0.32) && near("whitePointX", 0.3127) && near("whitePointY", 0.329));
    assert!(near("maxLuminance", 1_000.0) && near("minLuminance", 0.005));
}

#[test]
fn speakers_are_told_where_they_do_not_go_without_saying() {
    let heads = |variant, name, index, mask| {
        let track = Track { channels: ChannelLayout::of_mask(mask), ..numbered(codec(name), index) };
        muxer(variant, [track]).preamble().iter().skip(1).map(|body| body.head().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(heads(ENHANCED, "Opus", 0, 0x3F), [b"\x90Opus", b"\x94Opus"]);
    assert_eq!(heads(ENHANCED, "AAC", 2, 0x3F), [b"\x95\0mp4a\x02", b"\x95\x04mp4a\x02"]);
    assert_eq!(heads(ENHANCED, "AAC", 0, 0x3F), [b"\xaf\0"], "its configuration tells");
    assert_eq!(heads(ENHANCED, "Opus", 0, 3), [b"\x90Opus"]);
    assert_eq!(heads(FlvVariant::default(), "Opus", 0, 0x3F), [b"\x90Opus"], "players would give up over it");
}

#[test]
fn nanoseconds_go_out_before_the_packet_type_that_they_are_for() {
    let exact = FlvVariant { nanos: true, ..ENHANCED };
    let sample = |index, ticks, cts| {
        let dts = Timestamp::new(ticks, Timescale::VIDEO);
        Sample { track: TrackId { index, ..TrackId::VIDEO }, dts, cts, is_sync: true, data: Bytes::new() }
    };
    let head = |sample: Sample, codec: &str| {
        let track = numbered(self::codec(codec), sample.track.index);
        let muxer = muxer(exact, [track]);
        (muxer.timestamp(&sample), muxer.sample(&sample).unwrap().head().to_vec())
    };
    // 3,003 ticks are 33.366666 ms; presented 6,006 later, at 100.1 ms.
    assert_eq!(head(sample(0, 3_003, 6_006), "H.265"), (33, b"\x97\x02\x01\x86\xa0\x01hvc1\0\0\x43".to_vec()));
    assert_eq!(head(sample(1, 3_003, 6_006), "H.264"), (33, b"\x97\x02\x01\x86\xa0\x06\x01avc1\x01\0\0\x43".to_vec()));
    assert_eq!(head(sample(0, 3_600, 0), "H.264"), (40, b"\x91avc1\0\0\0".to_vec()), "whole milliseconds need no block");
    let players = FlvVariant { nanos: true, ..FlvVariant::default() };
    assert_eq!(heads(players, codec("H.264"), 0)[1], b"\x17\x01\0\0\0", "players would give up over it");
}

#[derive(Clone, Debug)]
struct Shot {
    lane: prop::sample::Index,
    dts: i64,
    cts: i32,
    is_sync: bool,
}

fn shot() -> impl Strategy<Value = Shot> {
    (any::<prop::sample::Index>(), 0i64..90_000 * 3_600, -90_000i32..90_000, any::<bool>()).prop_map(|(lane, dts, cts, is_sync)| Shot {
        lane,
        dts,
        cts,
        is_sync,
    })
}

fn variants() -> impl Strategy<Value = FlvVariant> {
    let pick = || {
        prop_oneof![
            2 => Just(Pick::All),
            1 => Just(Pick::Leading),
            1 => (0..8u8).prop_map(Pick::Track),
        ]
    };
    let dialect = prop_oneof![Just(Dialect::Players), Just(Dialect::Enhanced)];
    let hevc = prop_oneof![Just(HevcForm::Enhanced), Just(HevcForm::Legacy)];
    (pick(), pick(), dialect, hevc, any::<bool>()).prop_map(|(video, audio, dialect, hevc, nanos)| FlvVariant {
        selection: Selection { video, audio },
        dialect,
        hevc,
        nanos,
    })
}

proptest! {
    #[test]
    fn every_codec_in_every_dialect_and_place_reads_back_the_same(
        variant in variants(),
        order in Just(codecs()).prop_shuffle(),
        shots in prop::collection::vec(shot(), 1..30),
    ) {
        // Each codec a track of its own, numbered within its kind in any order.
        let mut next = [0; 2];
        let mut payloads = std::collections::HashMap::new();
        let tracks: Vec<Track> = order.into_iter().map(|(codec, samples)| {
            let index = &mut next[usize::from(codec.kind() == Kind::Audio)];
            let track = numbered(codec, *index);
            *index += 1;
            payloads.insert(track.id, samples);
            track
        }).collect();
        let muxer = muxer(variant, tracks.clone());
        let mut demuxer = Demuxer::new().with_vvc(true);
        let mut read = |body: &MessageBody, at| {
            let mut out = BytesMut::new();
            body.write(&mut out);
            items(&mut demuxer, body.kind, at, &out)
        };
        for body in muxer.preamble() {
            read(&body, 0);
        }
        let all = [variant.selection.video, variant.selection.audio].map(|pick| pick == Pick::All && variant.dialect == Dialect::Enhanced);
        // Some codecs are told by their first key frame.
        for (track, samples) in &payloads {
            let dts = Timestamp::from_millis(0);
            let sample = Sample { track: *track, dts, cts: 0, is_sync: true, data: samples[0].clone().into() };
            muxer.sample(&sample).into_iter().for_each(|body| drop(read(&body, 0)));
        }
        for Shot { lane, dts, cts, is_sync } in shots {
            let track = &tracks[lane.index(tracks.len())];
            let is_video = track.id.kind == Kind::Video;
            let is_sync = is_sync || !is_video;
            let data = payloads[&track.id][usize::from(!is_sync)].clone();
            // No codec that is sent without composition times has any.
            let cts = if matches!(track.codec.name(), "H.264" | "H.265" | "H.266") { cts } else { 0 };
            let sample = Sample { track: track.id, dts: Timestamp::new(dts, track.timescale), cts, is_sync, data: data.clone().into() };
            let Some(body) = muxer.sample(&sample) else {
                prop_assert!(!muxer.tracks().any(|id| id == track.id));
                continue;
            };
            let number = if all[usize::from(!is_video)] { track.id.index } else { 0 };
            let found = read(&body, muxer.timestamp(&sample));
            let Some(Item::Coded { track: id, dts_ms, cts_ms, extra_nanos, is_sync: synced, data: bytes }) = found.last() else {
                return Err(TestCaseError::fail(format!("{found:?}")));
            };
            prop_assert_eq!((id.kind, id.index, *synced, &bytes[..]), (track.id.kind, number, is_sync, &data[..]));
            if let [Item::Config { codec, .. }, _] = &found[..] {
                prop_assert_eq!(codec, &track.codec);
            }
            let presented = (i64::from(*dts_ms) + i64::from(*cts_ms)) * 1_000_000 + i64::from(*extra_nanos);
            let true_nanos = (i128::from(sample.pts().ticks()) * 1_000_000_000).div_euclid(i128::from(track.timescale.hz())) as i64;
            let tolerance = if variant.nanos && variant.dialect == Dialect::Enhanced { 0 } else { 500_000 };
            prop_assert!((presented - true_nanos).abs() <= tolerance, "{} for {}", presented, true_nanos);
        }
    }
}
