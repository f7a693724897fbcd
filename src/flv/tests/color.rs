//! Colours, HDR metadata, captions and speakers, as encoders tell of them.

use proptest::prelude::*;

use super::super::{channels, color_info};
use super::*;
use crate::amf0::{self, Value, object};
use crate::media::channels::Speaker;
use crate::media::color::{ContentLight, DisplayColors, MasteringDisplay};
use crate::media::{Captions, ChannelLayout, ColorInfo, Hdr};

/// A pair of FFmpeg's: the name's length, the name, a number.
macro_rules! number {
    ($name:literal, $bits:literal) => {
        concat_bytes(&[&[0, $name.len() as u8], $name, &[0], &u64::to_be_bytes($bits)])
    };
}

fn concat_bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// What FFmpeg 9 sends of a picture in PQ with the metadata of its display and its light: it leaves out the bit depth.
fn of_ffmpeg() -> Vec<u8> {
    let config = [
        number!(b"transferCharacteristics", 0x4030_0000_0000_0000),
        number!(b"matrixCoefficients", 0x4022_0000_0000_0000),
        number!(b"colorPrimaries", 0x4022_0000_0000_0000),
    ];
    let light = [number!(b"maxFall", 0x4079_0000_0000_0000), number!(b"maxCLL", 0x408F_4000_0000_0000)];
    let display = [
        number!(b"redX", 0x3FE5_C28F_5C28_F5C3),
        number!(b"redY", 0x3FD4_7AE1_47AE_147B),
        number!(b"greenX", 0x3FD0_F5C2_8F5C_28F6),
        number!(b"greenY", 0x3FE6_147A_E147_AE14),
        number!(b"blueX", 0x3FC3_3333_3333_3333),
        number!(b"blueY", 0x3FAE_B851_EB85_1EB8),
        number!(b"whitePointX", 0x3FD4_0346_DC5D_6388),
        number!(b"whitePointY", 0x3FD5_0E56_0418_9375),
        number!(b"maxLuminance", 0x408F_4000_0000_0000),
        number!(b"minLuminance", 0x3F1A_36E2_EB1C_432D),
    ];
    concat_bytes(&[
        b"\xD4hvc1\x02\x00\x09colorInfo\x03\x00\x0bcolorConfig\x03",
        &config.concat(),
        b"\x00\x00\x09\x00\x06hdrCll\x03",
        &light.concat(),
        b"\x00\x00\x09\x00\x07hdrMdcv\x03",
        &display.concat(),
        b"\x00\x00\x09\x00\x00\x09",
    ])
}

/// The tail that OBS sends: the bit depth, and of the display only its luminance.
fn of_obs(head: &[u8]) -> Vec<u8> {
    let config = object([
        ("bitDepth", 10.0.into()),
        ("colorPrimaries", 9.0.into()),
        ("transferCharacteristics", 18.0.into()),
        ("matrixCoefficients", 9.0.into()),
    ]);
    let display = object([("maxLuminance", 1_000.0.into()), ("minLuminance", 0.0.into())]);
    let info = Value::Object(vec![("colorConfig".to_owned(), config), ("hdrMdcv".to_owned(), display)]);
    [head, &amf0::encode(&["colorInfo".into(), info])].concat()
}

const P3: DisplayColors = DisplayColors { red: [34_000, 16_000], green: [13_250, 34_500], blue: [7_500, 3_000], white: [15_635, 16_450] };

fn told(body: &[u8]) -> Vec<Item> {
    items(&mut Demuxer::new(), TagKind::Video, 0, body)
}

fn nothing(track: TrackId) -> Item {
    Item::Color { track, color: ColorInfo::default(), hdr: Hdr::default() }
}

#[test]
fn the_metadata_packet_of_ffmpeg_is_understood_whatever_its_frame_type() {
    let hdr = Hdr { mastering: MasteringDisplay::new(Some(P3), 10_000_000, 1), light: ContentLight::new(1_000, 400) };
    let expected = [Item::Color { track: TrackId::VIDEO, color: ColorInfo::new(9, 16, 9, false), hdr }];
    let mut body = of_ffmpeg();
    assert_eq!(told(&body), expected);
    for first in [0x84, 0x94, 0xA4] {
        body[0] = first;
        assert_eq!(told(&body), expected);
    }
}

#[test]
fn the_metadata_packets_of_obs_are_understood_for_one_track_and_for_several() {
    let hdr = Hdr { mastering: MasteringDisplay::new(None, 10_000_000, 0), light: None };
    let color = ColorInfo::new(9, 18, 9, false).with_depth(10);
    assert_eq!(told(&of_obs(b"\x84hvc1")), [Item::Color { track: TrackId::VIDEO, color, hdr }]);
    let second = TrackId { index: 2, ..TrackId::VIDEO };
    assert_eq!(told(&of_obs(b"\x86\x04hvc1\x02")), [Item::Color { track: second, color, hdr }]);
}

#[test]
fn a_new_color_info_replaces_all_of_the_one_before_and_an_empty_one_resets_it() {
    let packet = |value: Value| [&b"\xD4hvc1"[..], &amf0::encode(&["colorInfo".into(), value])].concat();
    for empty in [Value::Undefined, Value::Null, object([]), "none".into()] {
        assert_eq!(told(&packet(empty)), [nothing(TrackId::VIDEO)]);
    }
    let only_light = object([("hdrCll", object([("maxCLL", 400.0.into())]))]);
    let hdr = Hdr { mastering: None, light: ContentLight::new(400, 0) };
    assert_eq!(told(&packet(only_light)), [Item::Color { track: TrackId::VIDEO, color: ColorInfo::default(), hdr }]);
}

#[test]
fn numbers_that_cannot_be_are_not_told() {
    let config = object([
        ("bitDepth", 1e300.into()),
        ("colorPrimaries", f64::NAN.into()),
        ("transferCharacteristics", (-16.0).into()),
        ("matrixCoefficients", "9".into()),
    ]);
    let light = object([("maxCLL", f64::INFINITY.into()), ("maxFall", 65_536.0.into())]);
    let display = object([("redX", 2.0.into()), ("maxLuminance", 1e9.into()), ("minLuminance", (-1.0).into())]);
    let info = object([("colorConfig", config), ("hdrCll", light), ("hdrMdcv", display)]);
    assert_eq!(told(&[&b"\x84hvc1"[..], &amf0::encode(&["colorInfo".into(), info])].concat()), [nothing(TrackId::VIDEO)]);
}

#[test]
fn metadata_packets_that_cannot_be_read_cost_nothing_but_themselves() {
    let mut demuxer = configured();
    let error = |demuxer: &mut Demuxer, body: &[u8]| match &demuxed(demuxer, TagKind::Video, 0, body)[..] {
        [Err(error)] => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(error(&mut demuxer, b"\x84hvc1\x05"), "script data without a name");
    assert_eq!(error(&mut demuxer, &[&b"\x84hvc1"[..], &vec![5; MAX_SCRIPT + 1]].concat()), "script data of 65537 bytes, limit 65536");
    assert!(error(&mut demuxer, b"\x84hvc1\x02\x00\x09color").starts_with("script data: AMF0 at byte"));
    assert!(items(&mut demuxer, TagKind::Video, 0, b"\x84hvc1\x02\x00\x05other\x05").is_empty());
    assert!(items(&mut demuxer, TagKind::Video, 0, b"\x84hvc1").is_empty());
    assert_eq!(demuxer.drops().packet, 2);
}

#[test]
fn the_speakers_that_ffmpeg_tells_for_legacy_aac_leave_its_codec_alone() {
    let mut demuxer = configured();
    let packet = b"\x94mp4a\x01\x06\x00\x00\x00\x3F";
    let layout = ChannelLayout::of_mask(0x3F).unwrap();
    assert_eq!(layout.configuration(), Some(6));
    assert_eq!(items(&mut demuxer, TagKind::Audio, 0, packet), [Item::Channels { track: TrackId::AUDIO, layout }]);
    assert!(items(&mut demuxer, TagKind::Audio, 0, packet).is_empty(), "the same again is no news");
    assert_eq!(items(&mut demuxer, TagKind::Audio, 20, &[0xAF, 1, 7]), [coded(TrackId::AUDIO, 20, 0, true, &[7])]);
    assert_eq!(demuxer.drops(), Drops::default());
}

#[test]
fn speakers_are_told_by_number_one_by_one_and_for_each_track() {
    let mut demuxer = Demuxer::new();
    let second = TrackId { index: 1, ..TrackId::AUDIO };
    let layout = ChannelLayout::of_count(2).unwrap();
    assert_eq!(items(&mut demuxer, TagKind::Audio, 0, b"\x95\x04mp4a\x01\x00\x02"), [Item::Channels { track: second, layout }]);
    let layout = ChannelLayout::of_speakers([2, 0, 1].map(Speaker)).unwrap();
    assert_eq!(items(&mut demuxer, TagKind::Audio, 0, b"\x94Opus\x02\x03\x02\x00\x01"), [Item::Channels { track: TrackId::AUDIO, layout }]);
}

#[test]
fn speakers_that_contradict_themselves_are_refused() {
    let refused = |payload: &'static [u8]| channels::parse(&Bytes::from_static(payload)).unwrap_err().to_string();
    assert_eq!(refused(&[1, 6, 0, 0, 0, 3]), "MultichannelConfig of 6 channels in order 1 does not hold together");
    assert_eq!(refused(&[0, 0]), "MultichannelConfig of 0 channels in order 0 does not hold together");
    assert_eq!(refused(&[3, 2]), "MultichannelConfig of 2 channels in order 3 does not hold together");
    assert_eq!(refused(&[0, 65]), "MultichannelConfig of 65 channels in order 0 does not hold together");
    assert_eq!(refused(&[2, 200, 1]), "Audio body at byte 2: 200 bytes needed, 1 left");
    assert_eq!(refused(&[1, 2, 0]), "Audio body at byte 2: 4 bytes needed, 1 left");
}

#[test]
fn opus_without_a_header_has_the_channels_that_are_told_before_or_behind() {
    const PACKET: &[u8] = b"\x91Opus\xfc\x7e\x02\x99";
    const SIX: &[u8] = b"\x94Opus\x00\x06";
    let channels = |demuxer: &mut Demuxer| {
        let found = items(demuxer, TagKind::Audio, 0, PACKET);
        let [Item::Config { codec: Codec::Opus(config), .. }, Item::Coded { .. }] = &found[..] else { panic!("{found:?}") };
        (config.shape.channels, config.record[18..].to_vec())
    };
    let surround = (6, vec![1, 4, 2, 0, 4, 1, 2, 3, 5]);
    let mut before = Demuxer::new();
    assert_eq!(items(&mut before, TagKind::Audio, 0, SIX).len(), 1);
    assert!(items(&mut before, TagKind::Audio, 0, b"\x90Opus").is_empty());
    assert_eq!(channels(&mut before), surround);
    let mut behind = Demuxer::new();
    assert!(items(&mut behind, TagKind::Audio, 0, b"\x90Opus").is_empty());
    assert_eq!(channels(&mut behind), (2, vec![0]));
    assert_eq!(items(&mut behind, TagKind::Audio, 0, SIX).len(), 1);
    assert_eq!(channels(&mut behind), surround);
}

#[test]
fn captions_in_the_pictures_are_told_of_once_and_stay_in_them() {
    let mut demuxer = configured();
    let message = |kind: u8| [&[6, 4, 14, 0xB5, 0, 0x31][..], b"GA94\x03\xC1\xFF", &[kind, 0x94, 0x2C, 0xFF, 0x80]].concat();
    let frame = |nal: &[u8]| [&[0x27, 1, 0, 0, 0, 0, 0, 0, nal.len() as u8], nal, &[0, 0, 0, 2, 0x41, 1]].concat();
    let first = items(&mut demuxer, TagKind::Video, 40, &frame(&message(0xFC)));
    let [Item::Captions { track: TrackId::VIDEO, captions }, Item::Coded { data, .. }] = &first[..] else { panic!("{first:?}") };
    assert_eq!(*captions, Captions { carried: true, fields: [true, false], services: 0 });
    assert_eq!(data[4..22], message(0xFC)[..]);
    assert_eq!(items(&mut demuxer, TagKind::Video, 80, &frame(&message(0xFC))).len(), 1);
    let further = items(&mut demuxer, TagKind::Video, 120, &frame(&message(0xFD)));
    assert!(matches!(&further[0], Item::Captions { captions, .. } if captions.fields == [true, true]), "{further:?}");
}

#[test]
fn hdr_of_the_first_key_frame_counts_and_none_of_later_ones() {
    let mut demuxer = configured();
    let light = |most: u8| [6, 144, 4, 1, most, 0, 100, 0x80];
    let frame = |most: u8| [&[0x17, 1, 0, 0, 0, 0, 0, 0, 8][..], &light(most), &[0, 0, 0, 2, 0x65, 1]].concat();
    let hdr = Hdr { mastering: None, light: ContentLight::new(0x0102, 100) };
    assert_eq!(items(&mut demuxer, TagKind::Video, 0, &frame(2))[0], Item::Hdr { track: TrackId::VIDEO, hdr });
    assert_eq!(items(&mut demuxer, TagKind::Video, 40, &frame(3)).len(), 1);
}

fn any_hdr() -> impl Strategy<Value = Hdr> {
    let display = any::<[u8; 24]>().prop_map(|bytes| MasteringDisplay::from_bytes(&bytes));
    let likely = (0u16..37_000, 1u32..100_000_000, any::<bool>()).prop_map(|(x, max, colors)| {
        let point = [x.max(5), 40_000 - x];
        let colors = colors.then_some(DisplayColors { red: point, green: P3.green, blue: point, white: P3.white });
        MasteringDisplay::new(colors, max, max / 7)
    });
    let light = any::<[u8; 4]>().prop_map(|bytes| ContentLight::from_bytes(&bytes));
    (prop_oneof![display, likely], light).prop_map(|(mastering, light)| Hdr { mastering, light })
}

proptest! {
    #[test]
    fn what_is_written_is_read_alike(codes in any::<[u8; 3]>(), depth in 8u8..=16, hdr in any_hdr()) {
        let [primaries, transfer, matrix] = codes.map(u32::from);
        let color = ColorInfo::new(primaries, transfer, matrix, false).with_depth(depth);
        let track = Track { color, hdr, ..Track::new(TrackId::VIDEO, Codec::Script) };
        match color_info::body(&track) {
            Some(body) => prop_assert_eq!(color_info::parse(&body), Ok(Some((color, hdr)))),
            None => prop_assert!(![16, 18].contains(&color.transfer) && hdr.is_empty()),
        }
    }

    #[test]
    fn any_bytes_are_taken_for_colours_and_speakers(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = color_info::parse(&bytes);
        let _ = channels::parse(&Bytes::from(bytes));
    }
}
