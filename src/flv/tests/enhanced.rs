//! Codecs that only the Enhanced header carries, as FFmpeg 9 sends them.

use super::*;

const OPUS_HEADER: &[u8] = b"\x90OpusOpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
const OPUS_PACKET: &[u8] = b"\x91Opus\xfc\x7e\x02\x99";
const FLAC_HEADER: &[u8] = b"\x90fLaC\x04\0\x04\0\0\0\0\0\x10\x98\x0b\xb8\x02\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn syncframe(four_cc: &[u8], head: &[u8]) -> Vec<u8> {
    let mut body = [&[0x91], four_cc, head].concat();
    body.resize(5 + 768, 0);
    body
}

fn sound(demuxer: &mut Demuxer, body: &[u8]) -> Vec<Item> {
    items(demuxer, TagKind::Audio, 20, body)
}

fn wire(body: &MessageBody) -> BytesMut {
    let mut out = BytesMut::new();
    body.write(&mut out);
    out
}

fn sample(data: &[u8]) -> Sample {
    Sample { track: TrackId::AUDIO, dts: Timestamp::from_millis(20), cts: 0, is_sync: true, data: Bytes::copy_from_slice(data) }
}

#[test]
fn opus_is_configured_by_its_first_packet_and_goes_out_as_it_came() {
    let mut demuxer = Demuxer::new();
    assert!(sound(&mut demuxer, OPUS_HEADER).is_empty(), "the header does not tell how long packets last");
    let found = sound(&mut demuxer, OPUS_PACKET);
    let [Item::Config { codec, .. }, Item::Coded { data, .. }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((codec.rfc6381().as_str(), codec.audio().unwrap().frame_samples, &data[..]), ("Opus", 960, &OPUS_PACKET[5..]));
    let track = track(TrackId::AUDIO, 48_000, codec.clone());
    assert_eq!(wire(&configuration(&track).unwrap()), OPUS_HEADER);
    assert_eq!(wire(&frame(&track, &sample(data)).unwrap()), OPUS_PACKET);
    assert!(sound(&mut demuxer, OPUS_HEADER).is_empty());
    assert_eq!(sound(&mut demuxer, OPUS_PACKET).len(), 1, "the same header again is no change");
    let mono = [&OPUS_HEADER[..14], &[1], &OPUS_HEADER[15..]].concat();
    assert!(sound(&mut demuxer, &mono).is_empty());
    assert!(matches!(&sound(&mut demuxer, OPUS_PACKET)[0], Item::Config { codec, .. } if codec.audio().unwrap().channels == 1));
}

#[test]
fn opus_without_a_header_is_stereo_if_it_says_so_and_refused_if_not() {
    let mut demuxer = Demuxer::new();
    assert_eq!(demuxed(&mut demuxer, TagKind::Audio, 0, OPUS_PACKET), [Err(DemuxError::BeforeConfig { track: TrackId::AUDIO })]);
    assert!(sound(&mut demuxer, b"\x90Opus").is_empty());
    assert!(matches!(&sound(&mut demuxer, OPUS_PACKET)[0], Item::Config { codec, .. } if codec.audio().unwrap().channels == 2));
}

#[test]
fn flac_goes_out_behind_the_block_header_that_browsers_players_pass_over() {
    let mut demuxer = Demuxer::new();
    let [Item::Config { codec, .. }] = &sound(&mut demuxer, FLAC_HEADER)[..] else { panic!() };
    let track = track(TrackId::AUDIO, 48_000, codec.clone());
    let config = wire(&configuration(&track).unwrap());
    assert_eq!(config, [&b"\x90fLaC\x80\0\0\x22"[..], &FLAC_HEADER[5..]].concat());
    assert!(sound(&mut demuxer, &config).is_empty(), "both forms are the same configuration");
    let body = b"\x91fLaC\xff\xf8\xaa\x88\0";
    assert!(matches!(&sound(&mut demuxer, body)[..], [Item::Coded { data, .. }] if data[..] == body[5..]));
    assert_eq!(wire(&frame(&track, &sample(&body[5..])).unwrap()), &body[..]);
}

#[test]
fn ac_3_is_configured_by_its_first_frame_and_left_out_for_players() {
    let heads: [(&[u8], &[u8], &str); 2] = [
        (b"ac-3", &[0x0B, 0x77, 0xFE, 0x95, 0x14, 0x40, 0x43, 0xE1], "ac-3"),
        (b"ec-3", &[0x0B, 0x77, 0x01, 0x7F, 0x34, 0x87, 0xC0, 0], "ec-3"),
    ];
    for (four_cc, head, name) in heads {
        let mut demuxer = Demuxer::new();
        assert!(sound(&mut demuxer, &[&[0x90], four_cc].concat()).is_empty());
        let body = syncframe(four_cc, head);
        let found = sound(&mut demuxer, &body);
        let [Item::Config { codec, .. }, Item::Coded { data, .. }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((codec.rfc6381().as_str(), data.len()), (name, 768));
        assert_eq!(sound(&mut demuxer, &body).len(), 1);
        let track = track(TrackId::AUDIO, 48_000, codec.clone());
        assert_eq!((configuration(&track), frame(&track, &sample(data))), (None, None));
        let muxer = muxer(FlvVariant::default(), [track]);
        assert_eq!((muxer.file_header(), muxer.is_playable()), (FileHeader { has_audio: false, has_video: false }, false));
    }
}

#[test]
fn two_syncframes_in_a_message_are_32_milliseconds_apart() {
    let frame = syncframe(b"ac-3", &[0x0B, 0x77, 0xFE, 0x95, 0x14, 0x40, 0x43, 0xE1]);
    let body = [&frame[..], &frame[5..]].concat();
    let times: Vec<_> = sound(&mut Demuxer::new(), &body)
        .into_iter()
        .filter_map(|item| if let Item::Coded { dts_ms, .. } = item { Some(dts_ms) } else { None })
        .collect();
    assert_eq!(times, [20, 52]);
}

/// The record of x265 through FFmpeg 9, without the message that it puts behind the parameter sets.
pub const HVCC: &[u8] = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03\
    \xa0\0\x01\0\x18\x40\x01\x0c\x01\xff\xff\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\x95\x94\x09\
    \xa1\0\x01\0\x2b\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x1e\x10\
    \xa2\0\x01\0\x06\x44\x01\xc0\x73\xc1\x89";
const HEVC_KEY: &[u8] = b"\x91hvc1\0\0\x85\0\0\0\x04\x28\x01\xac\x64";
const HEVC_INTER: &[u8] = b"\xa3hvc1\0\0\0\x03\x02\x01\xd0";

#[test]
fn hevc_is_carried_whole_whatever_the_frame_type_says() {
    let mut demuxer = Demuxer::new();
    let start = [b"\x90hvc1", HVCC].concat();
    let [Item::Config { codec, .. }] = &items(&mut demuxer, TagKind::Video, 0, &start)[..] else { panic!() };
    let track = track(TrackId::VIDEO, 90_000, codec.clone());
    assert_eq!(wire(&configuration(&track).unwrap()), start);
    assert!(items(&mut demuxer, TagKind::Video, 0, &start).is_empty());
    let key = [coded(TrackId::VIDEO, 40, 133, true, &HEVC_KEY[8..])];
    assert_eq!(items(&mut demuxer, TagKind::Video, 40, HEVC_KEY), key);
    assert_eq!(items(&mut demuxer, TagKind::Video, 40, &[&[0x81], &HEVC_KEY[1..]].concat()), key, "some writers leave the frame type at 0");
    assert_eq!(items(&mut demuxer, TagKind::Video, 80, HEVC_INTER), [coded(TrackId::VIDEO, 80, 0, false, &HEVC_INTER[5..])]);
    let dts = Timestamp::from_millis(40).rescale(Timescale::VIDEO);
    let sample = |is_sync, cts, data: &'static [u8]| {
        let dts = Timestamp::new(dts, Timescale::VIDEO);
        Sample { track: TrackId::VIDEO, dts, cts, is_sync, data: Bytes::from_static(data) }
    };
    assert_eq!(wire(&frame(&track, &sample(true, 133 * 90, &HEVC_KEY[8..])).unwrap()), HEVC_KEY);
    let inter = wire(&frame(&track, &sample(false, 0, &HEVC_INTER[5..])).unwrap());
    assert_eq!(inter, [&b"\xa1hvc1\0\0\0"[..], &HEVC_INTER[5..]].concat());
    assert_eq!(items(&mut demuxer, TagKind::Video, 99, b"\x92hvc1"), [Item::End { track: TrackId::VIDEO }]);
}

#[test]
fn hevc_under_its_old_codec_number_is_the_same() {
    let mut demuxer = Demuxer::new();
    let start = [&[0x1C, 0, 0, 0, 0], HVCC].concat();
    assert!(matches!(&items(&mut demuxer, TagKind::Video, 0, &start)[..], [Item::Config { codec: Codec::Hevc(_), .. }]));
    let frame = [&[0x1C, 1, 0, 0, 40], &HEVC_KEY[8..]].concat();
    assert_eq!(items(&mut demuxer, TagKind::Video, 7, &frame), [coded(TrackId::VIDEO, 7, 40, true, &HEVC_KEY[8..])]);
}

#[test]
fn hevc_without_a_record_is_configured_by_the_sets_in_its_frames() {
    let mut demuxer = Demuxer::new();
    let refused = demuxed(&mut demuxer, TagKind::Video, 0, HEVC_KEY);
    assert_eq!(refused, [Err(DemuxError::BeforeConfig { track: TrackId::VIDEO })]);
    let set = |from: usize, length: usize| [&(length as u32).to_be_bytes(), &HVCC[from..from + length]].concat();
    let body = [&HEVC_KEY[..8], &set(28, 24), &set(57, 43), &set(105, 6), &HEVC_KEY[8..]].concat();
    let found = items(&mut demuxer, TagKind::Video, 0, &body);
    let [Item::Config { codec: Codec::Hevc(config), .. }, Item::Coded { data, is_sync: true, .. }] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!((config.record.as_ref(), &data[..]), (HVCC, &HEVC_KEY[8..]));
}
