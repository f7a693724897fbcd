//! AV1, VP8, VP9 and VVC as FFmpeg 9 and hardware send them.

use super::*;
use crate::media::codec::vpx::{VpFrame, VpRecord, vp8_frame, vp9_frame};
use crate::media::codec::{Av1Config, VpConfig, VvcConfig};

/// SVT-AV1, 320x180: its record, and the other sequence header that its key frames have.
pub const AV1_RECORD: &[u8] = b"\x81\0\x0c\0\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x60\x17\xc0\x02";
pub const AV1_HEADER: &[u8] = b"\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x62\x57\xc8\x02";
/// The first bytes of its frames.
pub const AV1_KEY: &[u8] = b"\x32\x05\x10\0\x87\x20\x80";
pub const AV1_INTER: &[u8] = b"\x32\x05\x28\x04\0\x40\0";
const DELIMITER: &[u8] = b"\x12\0";
/// rav1e, 64x48: a record without a sequence header, and what comes with the frames.
const RAV1E_RECORD: &[u8] = b"\x81\x1f\x0c\0";
const RAV1E_HEADER: &[u8] = b"\x0a\x0d\0\0\0\xf9\x57\xfb\xc4\x21\x51\x02\x02\x02\x14";

/// libvpx, 320x180.
pub const VP9_RECORD: &[u8] = b"\x01\0\0\0\0\x0b\x82\x02\x02\x02\0\0";
pub const VP9_KEY: &[u8] = b"\x82\x49\x83\x42\0\x13\xf0\x0b\x36\x06\x38";
pub const VP9_INTER: &[u8] = b"\x86\0\x40\x92\xf1\x21\x40";
pub const VP8_KEY: &[u8] = b"\xf0\x62\0\x9d\x01\x2a\x40\x01\xb4\0\0\x07";
pub const VP8_INTER: &[u8] = b"\x51\x1b\0\x09\x11";

/// vvenc, 320x180.
const VVC_RECORD: &[u8] = b"\xff\0\x65\x5f\x01\x02\x20\x80\0\0\x01\x40\0\xb8\0\0\x02\
    \x8f\0\x01\0\x67\0\x79\0\xab\x02\x20\x80\0\0\x80\x28\x20\x2e\x7d\x9a\x80\x18\xbf\xfe\xb0\x84\xd9\x58\xc1\x02\x09\xc0\x08\xa0\x85\x88\x84\x0c\x91\
    \x06\xa4\x3d\x1e\xad\x49\x79\x24\xd4\x96\x48\x8b\x51\x17\x88\xbd\x5a\x92\xf2\x5e\xa1\x14\x10\xb1\0\x85\x90\x20\x44\x20\x40\xb2\x10\x20\x48\
    \x81\x06\x82\x04\x90\x41\xc2\x0c\x81\x16\x84\x12\x42\x1c\x43\x42\x5c\x8e\x54\x33\x04\x67\x14\0\0\x03\0\x04\0\0\x03\0\x3c\x62\x90\
    \0\x01\0\x0b\0\x81\0\0\x14\x10\x17\x22\x24\x1f\x41";
const VVC_KEY: &[u8] = b"\x91vvc1\0\x03\x20\0\0\0\x03\0\xa1\x88\0\0\0\x04\0\x41\x88\x10";

pub fn av1() -> Codec {
    Codec::Av1(Av1Config::from_sequence_header(AV1_HEADER).unwrap())
}

pub fn vp9() -> Codec {
    let VpFrame::Key(key) = vp9_frame(VP9_KEY).unwrap() else { panic!() };
    Codec::Vp9(VpConfig::new(&key, Some(&VpRecord::parse(VP9_RECORD).unwrap())))
}

pub fn vp8() -> Codec {
    let VpFrame::Key(key) = vp8_frame(VP8_KEY).unwrap() else { panic!() };
    Codec::Vp8(VpConfig::new(&key, None))
}

pub fn vvc() -> Codec {
    Codec::Vvc(VvcConfig::parse(VVC_RECORD).unwrap())
}

/// What a body of this head and these parts gives.
fn sent(demuxer: &mut Demuxer, head: &[u8], parts: &[&[u8]]) -> Vec<Item> {
    items(demuxer, TagKind::Video, 40, &[head, &parts.concat()].concat())
}

fn refused(demuxer: &mut Demuxer, head: &[u8], parts: &[&[u8]]) -> String {
    match &demuxed(demuxer, TagKind::Video, 40, &[head, &parts.concat()].concat())[..] {
        [Err(error)] => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn told(codec: Codec) -> Item {
    Item::Config { track: TrackId::VIDEO, codec }
}

fn picture(is_sync: bool, parts: &[&[u8]]) -> Item {
    Item::Coded { track: TrackId::VIDEO, dts_ms: 40, cts_ms: 0, extra_nanos: 0, is_sync, data: parts.concat().into() }
}

#[test]
fn av1_goes_by_the_sequence_header_of_its_key_frames_and_not_by_another_in_the_record() {
    let mut demuxer = Demuxer::new();
    assert_eq!(sent(&mut demuxer, b"\x90av01", &[AV1_RECORD]), []);
    let key = sent(&mut demuxer, b"\x91av01", &[DELIMITER, AV1_HEADER, AV1_KEY]);
    assert_eq!(key, [told(av1()), picture(true, &[AV1_HEADER, AV1_KEY])]);
    assert_eq!(sent(&mut demuxer, b"\xa1av01", &[DELIMITER, AV1_INTER]), [picture(false, &[AV1_INTER])]);
    // The same once more, whatever the record says.
    assert_eq!(sent(&mut demuxer, b"\x90av01", &[AV1_RECORD]), []);
    assert_eq!(sent(&mut demuxer, b"\x91av01", &[AV1_HEADER, AV1_KEY]).len(), 1);
}

#[test]
fn av1_key_frames_without_a_sequence_header_get_the_newest_one() {
    let mut demuxer = Demuxer::new();
    sent(&mut demuxer, b"\x90av01", &[AV1_RECORD]);
    let Codec::Av1(record) = av1() else { panic!() };
    let announced = Av1Config::from_sequence_header(&AV1_RECORD[4..]).unwrap();
    assert_ne!(announced.record, record.record);
    let key = sent(&mut demuxer, b"\x91av01", &[DELIMITER, AV1_KEY]);
    assert_eq!(key, [told(Codec::Av1(announced)), picture(true, &[&AV1_RECORD[4..], AV1_KEY])]);
    sent(&mut demuxer, b"\x91av01", &[AV1_HEADER, AV1_KEY]);
    assert_eq!(sent(&mut demuxer, b"\x91av01", &[AV1_KEY]), [picture(true, &[AV1_HEADER, AV1_KEY])]);
    // A record that comes later is newer than the frames before it.
    let other = [&AV1_RECORD[..4], RAV1E_HEADER].concat();
    assert_eq!(sent(&mut demuxer, b"\x90av01", &[&other]), []);
    let key = sent(&mut demuxer, b"\x91av01", &[AV1_KEY]);
    assert!(matches!(&key[..], [Item::Config { codec, .. }, Item::Coded { .. }] if codec.rfc6381() == "av01.0.31M.08"), "{key:?}");
}

#[test]
fn av1_is_configured_by_its_frames_where_record_or_descriptor_say_nothing() {
    for start in [&b"\x90av01\x81\x1f\x0c\0"[..], b"\x95av01\x80\x04\x81\x1f\x0c\0", b"\x95av01\x81\x1f\x0c\0"] {
        let mut demuxer = Demuxer::new();
        assert_eq!(sent(&mut demuxer, start, &[]), []);
        assert_eq!(refused(&mut demuxer, b"\x91av01", &[AV1_KEY]), "v0: frame before its configuration");
        assert_eq!(refused(&mut demuxer, b"\xa1av01", &[AV1_INTER]), "v0: frame before its configuration");
        let key = sent(&mut demuxer, b"\x91av01", &[RAV1E_HEADER, AV1_KEY]);
        assert!(matches!(&key[..], [Item::Config { codec, .. }, Item::Coded { is_sync: true, .. }] if codec.video().unwrap().width == 64));
    }
    let mut demuxer = Demuxer::new();
    assert_eq!(sent(&mut demuxer, b"\x95hvc1", &[RAV1E_RECORD]), []);
    assert_eq!(demuxer.drops(), Drops { packet: 1, ..Drops::default() }, "a descriptor of a codec that has none");
    assert_eq!(sent(&mut demuxer, b"\x91av01", &[AV1_HEADER, AV1_KEY]).len(), 2, "and no record at all");
}

#[test]
fn av1_under_its_old_codec_number_is_the_same_if_it_is_that() {
    let mut demuxer = Demuxer::new();
    assert_eq!(sent(&mut demuxer, &[0x1D, 0, 0, 0, 0], &[AV1_RECORD]), []);
    let key = [told(av1()), picture(true, &[AV1_HEADER, AV1_KEY])];
    assert_eq!(sent(&mut demuxer, &[0x1D, 1, 0, 0, 0], &[DELIMITER, AV1_HEADER, AV1_KEY]), key);
    // AV1 has no composition times, though that header has.
    assert_eq!(sent(&mut demuxer, &[0x2D, 1, 0, 0, 40], &[AV1_INTER]), [picture(false, &[AV1_INTER])]);
    let error = refused(&mut Demuxer::new(), &[0x1D, 0, 0, 0, 0], &[b"\x01\x64\0\x1f\xff"]);
    assert_eq!(error, "v0: av1C at byte 0: marker and version is 1");
}

#[test]
fn frames_that_are_no_av1_cost_only_themselves() {
    let mut demuxer = Demuxer::new();
    sent(&mut demuxer, b"\x91av01", &[AV1_HEADER, AV1_KEY]);
    assert_eq!(refused(&mut demuxer, b"\x91av01", &[b"\x32\x09\x10"]), "v0: OBU at byte 0: needs more than the 3 bytes left");
    assert_eq!(refused(&mut demuxer, b"\x91av01", &[b"\x0a\x01\xe0", AV1_KEY]), "v0: av1C at byte 0: the record ends inside a field");
    assert_eq!(sent(&mut demuxer, b"\x91av01", &[DELIMITER]), []);
    assert_eq!(demuxer.drops(), Drops { empty: 1, ..Drops::default() });
    assert_eq!(sent(&mut demuxer, b"\xa1av01", &[AV1_INTER]), [picture(false, &[AV1_INTER])]);
}

#[test]
fn vp9_waits_for_its_first_key_frame_whatever_the_frame_type_says() {
    for record in [Some(VP9_RECORD), Some(&VP9_RECORD[4..]), None] {
        let mut demuxer = Demuxer::new();
        record.into_iter().for_each(|record| assert_eq!(sent(&mut demuxer, b"\x90vp09", &[record]), []));
        assert_eq!(refused(&mut demuxer, b"\xa1vp09", &[VP9_INTER]), "v0: frame before its configuration");
        // Some writers leave the frame type at 0.
        assert_eq!(sent(&mut demuxer, b"\x81vp09", &[VP9_KEY]), [told(vp9()), picture(true, &[VP9_KEY])]);
        assert_eq!(sent(&mut demuxer, b"\x91vp09", &[VP9_INTER]), [picture(false, &[VP9_INTER])]);
        assert_eq!(sent(&mut demuxer, b"\x91vp09", &[VP9_KEY]), [picture(true, &[VP9_KEY])]);
    }
}

#[test]
fn vp9_of_another_size_is_another_configuration() {
    let mut demuxer = Demuxer::new();
    sent(&mut demuxer, b"\x91vp09", &[VP9_KEY]);
    let larger = [&VP9_KEY[..5], b"\x27\xf0\x16\x76\x06\x38"].concat();
    let key = sent(&mut demuxer, b"\x91vp09", &[&larger]);
    assert!(matches!(&key[..], [Item::Config { codec, .. }, Item::Coded { .. }] if codec.video().unwrap().width == 640), "{key:?}");
    assert_eq!(refused(&mut demuxer, b"\x91vp09", &[b"\xc4"]), "v0: VP9 frame header at byte 0: frame_marker is 3");
}

#[test]
fn vp8_is_carried_with_and_without_a_record() {
    for record in [Some(VP9_RECORD), None] {
        let mut demuxer = Demuxer::new();
        record.into_iter().for_each(|record| assert_eq!(sent(&mut demuxer, b"\x90vp08", &[record]), []));
        assert_eq!(sent(&mut demuxer, b"\x91vp08", &[VP8_KEY]), [told(vp8()), picture(true, &[VP8_KEY])]);
        assert_eq!(sent(&mut demuxer, b"\xa1vp08", &[VP8_INTER]), [picture(false, &[VP8_INTER])]);
    }
}

#[test]
fn vvc_is_carried_where_the_operator_asks_for_it_and_counted_where_not() {
    let mut demuxer = Demuxer::new().with_vvc(true);
    assert_eq!(sent(&mut demuxer, b"\x90vvc1", &[VVC_RECORD]), [told(vvc())]);
    let key =
        Item::Coded { track: TrackId::VIDEO, dts_ms: 40, cts_ms: 800, extra_nanos: 0, is_sync: true, data: VVC_KEY[15..].to_vec().into() };
    assert_eq!(sent(&mut demuxer, VVC_KEY, &[]), [key]);
    assert_eq!(sent(&mut demuxer, b"\xa3vvc1", &[b"\0\0\0\x04\0\x01\x88\x10"]), [picture(false, &[b"\0\0\0\x04\0\x01\x88\x10"])]);
    let mut demuxer = Demuxer::new();
    assert_eq!(sent(&mut demuxer, b"\x90vvc1", &[VVC_RECORD]), []);
    assert_eq!(sent(&mut demuxer, VVC_KEY, &[]), []);
    assert_eq!(demuxer.drops(), Drops { vvc: 2, ..Drops::default() });
}

#[test]
fn a_change_of_codec_begins_the_track_afresh() {
    let mut demuxer = configured();
    assert_eq!(sent(&mut demuxer, b"\x91vp09", &[VP9_KEY]), [told(vp9()), picture(true, &[VP9_KEY])]);
    assert_eq!(sent(&mut demuxer, b"\x91av01", &[AV1_HEADER, AV1_KEY]), [told(av1()), picture(true, &[AV1_HEADER, AV1_KEY])]);
    // What cannot be understood changes nothing.
    assert_eq!(refused(&mut demuxer, b"\xa1vp09", &[VP9_INTER]), "v0: frame before its configuration");
    assert_eq!(sent(&mut demuxer, b"\xa1av01", &[AV1_INTER]), [picture(false, &[AV1_INTER])]);
    assert_eq!(sent(&mut demuxer, b"\x92av01", &[]), [Item::End { track: TrackId::VIDEO }]);
}

#[test]
fn plain_bodies_and_those_of_track_0_are_one_track() {
    let mut demuxer = Demuxer::new();
    assert_eq!(sent(&mut demuxer, b"\x96\0av01\0", &[AV1_RECORD]), []);
    assert_eq!(sent(&mut demuxer, b"\x91av01", &[AV1_HEADER, AV1_KEY]).len(), 2);
    assert_eq!(sent(&mut demuxer, b"\xa6\x01av01\0", &[AV1_INTER]), [picture(false, &[AV1_INTER])]);
    // Codecs without composition times need no second packet type, but it is understood.
    assert_eq!(sent(&mut demuxer, b"\xa3av01", &[AV1_INTER]), [picture(false, &[AV1_INTER])]);
    assert_eq!(sent(&mut demuxer, b"\x96\x02av01\0", &[]), [Item::End { track: TrackId::VIDEO }]);
}

#[test]
fn several_codecs_travel_in_one_multitrack_body() {
    let mut demuxer = Demuxer::new();
    let part = |four_cc: &[u8], index: u8, data: &[u8]| [four_cc, &[index, 0, 0, data.len() as u8], data].concat();
    let av1_key = [AV1_HEADER, AV1_KEY].concat();
    let parts = [part(b"av01", 0, &av1_key), part(b"vp09", 1, VP9_KEY), part(b"vp08", 1, VP8_KEY), part(b"vp08", 2, VP8_KEY)].concat();
    let found = sent(&mut demuxer, b"\x96\x21", &[&parts]);
    let names: Vec<_> = found
        .iter()
        .filter_map(|item| if let Item::Config { track, codec } = item { Some((track.index, codec.name())) } else { None })
        .collect();
    // Of two parts for one track the first counts.
    assert_eq!((names, found.len()), (vec![(0, "AV1"), (1, "VP9"), (2, "VP8")], 6));
}
