//! What is written is read back by our reader and by an independent one; golden bytes fix the layout.

use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use mp4_atom::Decode;
use proptest::prelude::*;

use super::fragment::{self, NON_SYNC_FLAGS, STYP, SYNC_FLAGS};
use super::*;
use crate::media::codec::vpx::{VpFrame, vp8_frame, vp9_frame};
use crate::media::codec::{
    AacConfig, Ac3Config, AudioShape, Av1Config, AvcConfig, Codec, Eac3Config, FlacConfig, Mp3Config, OpusConfig, VideoShape, VpConfig,
    VvcConfig,
};
use crate::media::color::{ContentLight, DisplayColors, MasteringDisplay};
use crate::media::{ColorInfo, Hdr, Sample, Span, Timescale, Timestamp, Track, TrackId};

/// An avcC of High profile level 3.1 with one SPS and one PPS of libx264.
const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0x1a, 0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3,
    3, 0xc0, 0xf1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0,
];

fn video() -> Track {
    let shape = VideoShape::new(1280, 720);
    let codec = Codec::Avc(AvcConfig { record: Bytes::from_static(AVCC), length_size: 4, shape });
    Track { frame_rate: Some(30.0), ..Track::new(TrackId::VIDEO, codec) }
}

fn audio() -> Track {
    let shape = AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1_024 };
    let codec = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape });
    let timescale = Timescale::new(48_000).unwrap();
    Track { timescale, language: Some("deu".to_owned()), ..Track::new(TrackId::AUDIO, codec) }
}

fn picture(dts: i64, cts: i32, is_sync: bool, data: &[u8]) -> Sample {
    let dts = Timestamp::new(dts, Timescale::VIDEO);
    Sample { track: TrackId::VIDEO, dts, cts, is_sync, data: Bytes::copy_from_slice(data) }
}

fn sound(dts: i64, data: &[u8]) -> Sample {
    let dts = Timestamp::new(dts, audio().timescale);
    Sample { track: TrackId::AUDIO, dts, cts: 0, is_sync: true, data: Bytes::copy_from_slice(data) }
}

fn timed(sample: Sample, duration: u32) -> TimedSample {
    TimedSample { sample, duration }
}

fn layout(delay: i32) -> Layout {
    Layout::new(TrackNumber::ONLY, SequenceNumber::FIRST, ReorderDelay(delay))
}

#[test]
fn a_fragment_is_these_bytes() {
    let samples = [timed(picture(90_000, 6_000, true, b"IDR!"), 3_000), timed(picture(93_000, 15_000, false, b"P"), 3_000)];
    let written = fragment::write(&samples, &Layout { sequence: SequenceNumber::new(7), ..layout(6_000) }).unwrap();
    let info = written.info;
    let golden: &[u8] = b"\0\0\0\x74moof\
        \0\0\0\x10mfhd\0\0\0\0\0\0\0\x07\
        \0\0\0\x5ctraf\
        \0\0\0\x18tfhd\0\x02\0\x28\0\0\0\x01\0\0\x0b\xb8\x01\x01\0\0\
        \0\0\0\x14tfdt\x01\0\0\0\0\0\0\0\0\x01\x77\0\
        \0\0\0\x28trun\x01\0\x0a\x05\0\0\0\x02\0\0\0\x7c\x02\0\0\0\
        \0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\x23\x28\
        \0\0\0\x0dmdatIDR!P";
    assert_eq!(written.freeze(), golden);
    assert_eq!((info.base_decode_time, info.ticks, info.samples, info.starts_with_sync), (96_000, 6_000, 2, true));
    assert_eq!(info.earliest_pts, Timestamp::new(96_000, Timescale::VIDEO));
}

#[test]
fn without_a_delay_times_are_written_as_sent() {
    let samples = [timed(picture(90_000, 6_000, true, b"IDR!"), 3_000), timed(picture(93_000, 15_000, false, b"P"), 3_000)];
    let mut file = init_segment(&[&video()]).unwrap().to_vec();
    let plain = Layout { delay: ReorderDelay::NONE, ..layout(6_000) };
    file.extend_from_slice(&fragment::write(&samples, &plain).unwrap().freeze());
    let read = &reader::read(&file).unwrap().fragments[0].samples;
    assert_eq!((read[0].dts, read[0].offset, read[1].dts, read[1].offset), (90_000, 6_000, 93_000, 15_000));
}

#[test]
fn styp_prft_and_room_for_a_header_come_before_the_moof() {
    let prft = Prft { unix: Duration::from_millis(1_500), meaning: TimeMeaning::EncoderInput };
    let layout = Layout { styp: true, prft: Some(prft), reserve_front: 10, ..layout(0) };
    let mut written = fragment::write(&[timed(sound(48_000, b"aac"), 1_024)], &layout).unwrap();
    written.front_mut().copy_from_slice(b"0123456789");
    let len = written.len();
    let all = written.freeze_with_front();
    assert_eq!(all.len(), 10 + len);
    assert!(all.starts_with(b"0123456789"));
    assert_eq!(&all[10..38], STYP);
    let golden: &[u8] = b"\0\0\0\x20prft\x01\0\0\0\0\0\0\x01\x83\xaa\x7e\x81\x80\0\0\0\0\0\0\0\0\0\xbb\x80";
    assert_eq!(&all[38..70], golden);
    assert_eq!(&all[74..78], b"moof");
}

#[test]
fn the_sample_entries_are_these_bytes() {
    let init = init_segment(&[&video(), &audio()]).unwrap();
    let at = |needle: &[u8]| init.windows(needle.len()).position(|window| window == needle).expect("the box is there");
    let mut avc1 = b"\0\0\0\x89avc1\0\0\0\0\0\0\0\x01".to_vec();
    avc1.extend_from_slice(&[0; 16]);
    avc1.extend_from_slice(b"\x05\0\x02\xd0\0\x48\0\0\0\x48\0\0\0\0\0\0\0\x01");
    avc1.extend_from_slice(&[0; 32]);
    avc1.extend_from_slice(b"\0\x18\xff\xff\0\0\0\x33avcC");
    avc1.extend_from_slice(AVCC);
    at(&avc1);
    at(b"mp4a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xbb\x80\0\0\
        \0\0\0\x27esds\0\0\0\0\x03\x19\0\0\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x11\x90\x06\x01\x02");
    at(b"\0\0\0\x20ftypiso6\0\0\0\0iso6cmfcmp41dash");
    at(b"tkhd\x01\0\0\x07");
    at(b"\0\0\0\x10elng\0\0\0\0deu\0");
}

#[test]
fn an_independent_reader_understands_the_init_segment() {
    let init = init_segment(&[&video(), &audio()]).unwrap();
    let read = mp4::Mp4Reader::read_header(Cursor::new(&init), init.len() as u64).unwrap();
    let (picture, sound) = (&read.tracks()[&1], &read.tracks()[&2]);
    assert_eq!((picture.width(), picture.height(), picture.timescale(), picture.language()), (1280, 720, 90_000, "und"));
    assert_eq!(picture.sequence_parameter_set().unwrap().len(), 26);
    assert_eq!((sound.timescale(), sound.language()), (48_000, "deu"));
    assert_eq!(sound.sample_freq_index().unwrap().freq(), 48_000);
    assert_eq!(read.moov.mvex.as_ref().unwrap().trex.default_sample_description_index, 1);

    let ours = reader::read(&init).unwrap();
    assert_eq!(ours.tracks[0].config, Some((*b"avcC", AVCC.to_vec())));
    assert_eq!((ours.tracks[1].handler, ours.tracks[1].entry), (*b"soun", *b"mp4a"));
    assert_eq!(ours.tracks[1].defaults.flags, SYNC_FLAGS);
}

#[test]
fn mp3_is_announced_by_its_version_and_high_rates_are_halved() {
    let mut track = audio();
    for (rate, object_type) in [(44_100, 0x6b_u8), (22_050, 0x69)] {
        track.codec = Codec::Mp3(Mp3Config { shape: AudioShape { sample_rate: rate, channels: 2, frame_samples: 1_152 } });
        let esds = reader::read(&init_segment(&[&track]).unwrap()).unwrap().tracks[0].config.clone().unwrap().1;
        assert_eq!(esds[4..13], [3, 0x15, 0, 0, 0, 4, 0x0d, object_type, 0x15]);
    }
    let shape = AudioShape { sample_rate: 96_000, channels: 2, frame_samples: 1_024 };
    track.codec = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x10, 0x10]), object_type: 2, shape });
    let init = init_segment(&[&track]).unwrap();
    assert!(init.windows(10).any(|window| window == b"\0\x10\0\0\0\0\xbb\x80\0\0"));
}

#[test]
fn sound_without_an_esds_gets_these_boxes() {
    let surround = b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
    let streaminfo = b"\x04\0\x04\0\0\0\0\0\x10\x98\x17\x70\x03\x70\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let ac3 = [0x0b, 0x77, 0xfe, 0x95, 0x14, 0x40, 0x43, 0xe1, 0x06];
    let eac3 = [&[0x0b, 0x77, 0x01, 0x7f, 0x34, 0x87, 0xc0, 0x00][..], &[0; 760]].concat();
    let entries: [(Codec, &[u8]); 4] = [
        (
            Codec::Opus(OpusConfig::parse(surround).unwrap()),
            b"\0\0\0\x3fOpus\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x06\0\x10\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x1bdOps\0\x06\x01\x38\0\0\xbb\x80\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05",
        ),
        (
            Codec::Flac(FlacConfig::parse(streaminfo).unwrap()),
            b"\0\0\0\x56fLaC\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x18\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x32dfLa\0\0\0\0\x80\0\0\x22\x04\0\x04\0",
        ),
        (
            Codec::Ac3(Ac3Config::parse(&ac3).unwrap()),
            b"\0\0\0\x2fac-3\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x0bdac3\x10\x11\x40",
        ),
        (
            Codec::Eac3(Eac3Config::parse(&eac3).unwrap()),
            b"\0\0\0\x31ec-3\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x0ddec3\x06\0\x20\x04\0",
        ),
    ];
    for (codec, golden) in entries {
        let init = init_segment(&[&Track { codec, ..audio() }]).unwrap();
        assert!(init.windows(golden.len()).any(|window| window == golden), "{init:02x?}");
    }
}

/// What SVT-AV1, libvpx and vvenc send for 320x180.
fn newer_pictures() -> [(Codec, &'static [u8]); 4] {
    let header = b"\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x62\x57\xc8\x02";
    let key = |frame: VpFrame| if let VpFrame::Key(key) = frame { VpConfig::new(&key, None) } else { panic!("no key frame") };
    let vp9 = vp9_frame(b"\x82\x49\x83\x42\0\x13\xf0\x0b\x36\x06").unwrap();
    let vp8 = vp8_frame(b"\xf0\x62\0\x9d\x01\x2a\x40\x01\xb4\0").unwrap();
    let record = Bytes::from_static(b"\xff\0\x61\x5f");
    [
        (
            Codec::Av1(Av1Config::from_sequence_header(header).unwrap()),
            b"\0\0\0\x6fav01\0\0\0\x19av1C\x81\0\x0c\0\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x62\x57\xc8\x02",
        ),
        (Codec::Vp9(key(vp9)), b"\0\0\0\x6avp09\0\0\0\x14vpcC\x01\0\0\0\0\x0b\x82\x02\x02\x02\0\0"),
        (Codec::Vp8(key(vp8)), b"\0\0\0\x6avp08\0\0\0\x14vpcC\x01\0\0\0\0\x0b\x82\x02\x02\x02\0\0"),
        (
            Codec::Vvc(VvcConfig { record, length_size: 4, shape: VideoShape::new(320, 180) }),
            b"\0\0\0\x66vvc1\0\0\0\x10vvcC\0\0\0\0\xff\0\x61\x5f",
        ),
    ]
}

#[test]
fn newer_pictures_get_these_boxes() {
    for (codec, golden) in newer_pictures() {
        let (head, config) = golden.split_at(8);
        let mut entry = [head, b"\0\0\0\0\0\0\0\x01", &[0; 16], b"\x01\x40\0\xb4\0\x48\0\0\0\x48\0\0\0\0\0\0\0\x01"].concat();
        entry.extend_from_slice(&[0; 32]);
        entry.extend_from_slice(b"\0\x18\xff\xff");
        entry.extend_from_slice(config);
        let init = init_segment(&[&Track { color: ColorInfo::default(), ..Track::new(TrackId::VIDEO, codec.clone()) }]).unwrap();
        assert!(init.windows(entry.len()).any(|window| window == entry), "{}: {init:02x?}", codec.name());
    }
}

#[test]
fn a_parser_of_these_boxes_understands_av1_and_vp9() {
    let entries = newer_pictures().map(|(codec, _)| {
        let init = init_segment(&[&Track::new(TrackId::VIDEO, codec)]).unwrap();
        let moov = init.windows(4).position(|window| window == b"moov").unwrap() - 4;
        mp4_atom::Moov::decode(&mut Cursor::new(&init[moov..])).unwrap().trak[0].mdia.minf.stbl.stsd.codecs[0].clone()
    });
    let [mp4_atom::Codec::Av01(av1), mp4_atom::Codec::Vp09(vp9), ..] = entries else { panic!("{entries:?}") };
    assert_eq!((av1.visual.width, av1.visual.height, av1.av1c.config_obus.len()), (320, 180, 13));
    assert_eq!((av1.av1c.seq_profile, av1.av1c.seq_level_idx_0, av1.av1c.chroma_subsampling_x), (0, 0, true));
    assert_eq!((vp9.vpcc.profile, vp9.vpcc.level, vp9.vpcc.bit_depth), (0, 11, 8));
}

#[test]
fn what_has_no_place_in_a_file_is_refused() {
    assert!(matches!(init_segment(&[]), Err(Error::NoTracks)));
    let script = Track { id: TrackId::DATA, codec: Codec::Script, ..video() };
    assert!(matches!(init_segment(&[&script]), Err(Error::NoSampleEntry { track: TrackId::DATA, .. })));
    let mut huge = video();
    let Codec::Avc(config) = &mut huge.codec else { unreachable!() };
    config.shape.width = 65_536;
    assert!(matches!(init_segment(&[&huge]), Err(Error::PictureSize { width: 65_536, .. })));

    assert!(matches!(fragment::write(&[], &layout(0)), Err(Error::NoSamples)));
    let one = |sample| fragment::write(&[timed(sample, 1)], &layout(0));
    assert!(matches!(one(picture(0, 0, true, b"")), Err(Error::EmptySample { .. })));
    assert!(matches!(one(picture(-1, 0, true, b"x")), Err(Error::BeforeZero { ticks: -1, .. })));
    let far = fragment::write(&[timed(picture(i64::from(i32::MAX), i32::MAX, true, b"x"), 1)], &layout(-1));
    assert!(matches!(far, Err(Error::CompositionOffset { ticks: 2_147_483_648, .. })));
    let gap = [timed(picture(0, 0, true, b"x"), 10), timed(picture(11, 0, false, b"x"), 10)];
    assert!(matches!(fragment::write(&gap, &layout(0)), Err(Error::Discontinuous { expected: 10, .. })));
    let mixed = [timed(picture(0, 0, true, b"x"), 10), timed(sound(10, b"x"), 10)];
    assert!(matches!(fragment::write(&mixed, &layout(0)), Err(Error::WrongTrack { .. })));
}

#[test]
fn a_fragmenter_refuses_what_would_break_time_and_goes_on() {
    let mut fragmenter = Fragmenter::new(&video());
    assert!(matches!(fragmenter.push(picture(0, 0, false, b"P")), Err(Error::BeforeFirstSync { .. })));
    assert_eq!(fragmenter.push(picture(0, 3_000, true, b"I")).unwrap(), None);
    assert!(matches!(fragmenter.push(picture(0, 0, false, b"P")), Err(Error::NotIncreasing { .. })));
    assert!(matches!(fragmenter.push(picture(9, 0, false, b"")), Err(Error::EmptySample { .. })));
    assert!(matches!(fragmenter.push(sound(9, b"a")), Err(Error::WrongTrack { .. })));
    assert!(matches!(fragmenter.push(picture(1 << 32, 0, false, b"P")), Err(Error::TooLong { ticks: 4_294_967_296, .. })));
    let first = fragmenter.push(picture(3_003, 0, false, b"P")).unwrap().unwrap();
    assert_eq!((first.duration, first.sample.is_sync, fragmenter.delay()), (3_003, true, ReorderDelay(3_000)));
}

#[test]
fn the_last_sample_lasts_as_long_as_the_one_before_or_as_declared_and_never_into_the_next() {
    let mut fragmenter = Fragmenter::new(&video());
    assert_eq!(fragmenter.flush(None), None);
    fragmenter.push(picture(0, 0, true, b"I")).unwrap();
    assert_eq!(fragmenter.flush(None).unwrap().duration, 3_000);
    fragmenter.push(picture(9_000, 0, true, b"I")).unwrap();
    fragmenter.push(picture(12_600, 0, false, b"P")).unwrap();
    assert_eq!(fragmenter.flush(Some(Timestamp::from_millis(150))).unwrap().duration, 900);
    fragmenter.push(picture(13_500, 0, true, b"I")).unwrap();
    assert_eq!(fragmenter.flush(Some(Timestamp::from_millis(10_000))).unwrap().duration, 3_600);

    let mut fragmenter = Fragmenter::new(&audio());
    fragmenter.push(sound(0, b"a")).unwrap();
    assert_eq!(fragmenter.flush(None).unwrap().duration, 1_024);
}

#[test]
fn a_batch_is_cut_at_a_gap_in_time() {
    let mut batch = Batch::new();
    for (dts, duration) in [(0, 1_024), (1_024, 1_024), (9_000, 1_024)] {
        batch.push(timed(sound(dts, b"aa"), duration)).unwrap();
    }
    assert_eq!((batch.bytes(), batch.duration()), (6, Span::from_millis(64)));
    let first = batch.take_fragment(&layout(0)).unwrap().unwrap();
    assert_eq!((first.info.samples, first.info.ticks, batch.bytes()), (2, 2_048, 2));
    let second = batch.take_fragment(&layout(0)).unwrap().unwrap();
    assert_eq!((second.info.base_decode_time, second.info.samples), (9_000, 1));
    assert!(batch.take_fragment(&layout(0)).unwrap().is_none());
}

#[test]
fn a_push_feed_takes_each_picture_and_sound_below_a_twentieth_of_a_second() {
    let mut batch = Batch::new();
    batch.push(timed(picture(0, 0, true, b"I"), 3_000)).unwrap();
    assert!(batch.is_due_for_push());

    let mut batch = Batch::new();
    let mut pushed = 0;
    while !batch.is_due_for_push() {
        batch.push(timed(sound(pushed * 1_024, b"a"), 1_024)).unwrap();
        pushed += 1;
    }
    assert_eq!((pushed, batch.duration() <= batch::MAX_PUSHED_SOUND), (2, true));
}

#[test]
fn a_batch_takes_no_more_than_a_fragment_may_hold() {
    let mut batch = Batch::new();
    let half = vec![0; fragment::MAX_BYTES / 2];
    batch.push(timed(sound(0, &half), 1)).unwrap();
    batch.push(timed(sound(1, &half), 1)).unwrap();
    assert!(matches!(batch.push(timed(sound(2, b"x"), 1)), Err(Error::TooLarge { samples: 3, .. })));
    assert_eq!(batch.take_fragment(&layout(0)).unwrap().unwrap().info.samples, 2);
}

#[test]
fn the_mime_type_names_every_codec_in_order() {
    assert_eq!(mime(&[&video(), &audio()]), "video/mp4; codecs=\"avc1.64001f,mp4a.40.2\"");
    assert_eq!(mime(&[&audio()]), "audio/mp4; codecs=\"mp4a.40.2\"");
}

#[test]
fn a_run_that_announces_absurdly_many_samples_is_not_believed() {
    let mut file = init_segment(&[&audio()]).unwrap().to_vec();
    file.extend_from_slice(
        b"\0\0\0\x60moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01\0\0\0\x48traf\0\0\0\x14tfhd\0\x02\0\x10\0\0\0\x01\0\0\0\0\
        \0\0\0\x14tfdt\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10trun\0\0\0\0\xff\xff\xff\xff\0\0\0\x08free",
    );
    let moof = file.len() - 0x60;
    assert_eq!(reader::read(&file), Err(reader::ReadError::TooMany { at: moof + 24 + 8 + 20 + 20 }));
}

/// A track's samples: first decoding time, then (ticks to the next, cts, sync, bytes) of each; the first is made a sync sample.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let one = (prop_oneof![Just(3_000_i64), 1_i64..200_000], -9_000_i32..90_000, any::<bool>(), prop::collection::vec(any::<u8>(), 1..40));
    (prop_oneof![0_i64..1 << 20, (1_i64 << 32)..1 << 50], prop::collection::vec(one, 1..60)).prop_map(|(start, parts)| {
        // Far enough from zero for any composition time drawn above.
        let mut dts = start + 9_000;
        let mut samples: Vec<Sample> = Vec::new();
        for (step, cts, is_sync, data) in parts {
            samples.push(picture(dts, cts, is_sync || samples.is_empty(), &data));
            dts += step;
        }
        samples
    })
}

proptest! {
    #[test]
    fn samples_come_back_exactly_however_they_are_cut(samples in samples(), cuts in prop::collection::vec(any::<bool>(), 60)) {
        let mut file = init_segment(&[&video()]).unwrap().to_vec();
        let mut fragmenter = Fragmenter::new(&video());
        let mut batch = Batch::new();
        let mut layout = layout(0);
        let mut ticks = 0;
        let mut timed = Vec::new();
        for sample in &samples {
            timed.extend(fragmenter.push(sample.clone()).unwrap());
        }
        timed.extend(fragmenter.flush(None));
        layout.delay = fragmenter.delay();
        let count = timed.len();
        for (index, sample) in timed.into_iter().enumerate() {
            batch.push(sample).unwrap();
            if cuts[index] || index + 1 == count {
                let fragment = batch.take_fragment(&layout).unwrap().unwrap();
                ticks += fragment.info.ticks;
                layout.sequence = layout.sequence.next();
                file.extend_from_slice(&fragment.freeze());
            }
        }

        let movie = reader::read(&file).unwrap();
        let read: Vec<_> = movie.fragments.iter().flat_map(|fragment| &fragment.samples).collect();
        prop_assert_eq!(read.len(), samples.len());
        for (read, sent) in read.iter().zip(&samples) {
            prop_assert_eq!(read.pts(), i128::from(sent.pts().ticks()));
            prop_assert_eq!(i128::from(read.dts), i128::from(sent.dts.ticks()) + i128::from(samples[0].cts));
            prop_assert_eq!(read.flags, if sent.is_sync { SYNC_FLAGS } else { NON_SYNC_FLAGS });
            prop_assert_eq!(&file[read.data.clone()], &sent.data[..]);
        }
        prop_assert_eq!(i128::from(read[0].dts), read[0].pts());
        for pair in movie.fragments.windows(2) {
            let length: u64 = pair[0].samples.iter().map(|sample| u64::from(sample.duration)).sum();
            prop_assert_eq!(pair[1].base_decode_time, pair[0].base_decode_time + length);
            prop_assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        }

        let other = mp4::Mp4Reader::read_header(Cursor::new(&file), file.len() as u64).unwrap();
        prop_assert_eq!(other.moofs.len(), movie.fragments.len());
        prop_assert_eq!(other.sample_count(1).unwrap() as usize, samples.len());
        let mut total = 0;
        for (theirs, ours) in other.moofs.iter().zip(&movie.fragments) {
            let traf = &theirs.trafs[0];
            let trun = traf.trun.as_ref().unwrap();
            prop_assert_eq!(theirs.mfhd.sequence_number, ours.sequence);
            prop_assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, ours.base_decode_time);
            let sizes: Vec<_> = ours.samples.iter().map(|sample| sample.data.len() as u32).collect();
            prop_assert_eq!(&trun.sample_sizes, &sizes);
            let offsets: Vec<_> = ours.samples.iter().map(|sample| sample.offset as u32).collect();
            prop_assert!(trun.sample_cts == offsets || trun.sample_cts.is_empty() && offsets.iter().all(|offset| *offset == 0));
            total += match traf.tfhd.default_sample_duration {
                Some(each) => i64::from(each) * i64::from(trun.sample_count),
                None => trun.sample_durations.iter().map(|duration| i64::from(*duration)).sum(),
            };
        }
        prop_assert_eq!(total, ticks);
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic(at in any::<prop::sample::Index>(), value in any::<[u8; 4]>(), cut in any::<prop::sample::Index>()) {
        let mut file = init_segment(&[&video(), &audio()]).unwrap().to_vec();
        let samples = [timed(picture(0, 0, true, b"I"), 1), timed(picture(1, 5, false, b"P"), 2)];
        file.extend_from_slice(&fragment::write(&samples, &layout(0)).unwrap().freeze());
        let at = at.index(file.len() - 4);
        file[at..at + 4].copy_from_slice(&value);
        file.truncate(cut.index(file.len()));
        if let Ok(movie) = reader::read(&file) {
            prop_assert!(movie.fragments.iter().flat_map(|fragment| &fragment.samples).all(|sample| sample.data.end <= file.len()));
        }
    }
}

#[test]
fn colours_and_hdr_stand_behind_the_configuration_of_the_codec() {
    let point = |x, y| [x, y];
    let colors =
        DisplayColors { red: point(34_000, 16_000), green: point(13_250, 34_500), blue: point(7_500, 3_000), white: point(15_635, 16_450) };
    let mastering = MasteringDisplay::new(Some(colors), 10_000_000, 1);
    let light = ContentLight::new(1_000, 400);
    let track = Track { color: ColorInfo::new(9, 16, 9, true), hdr: Hdr { mastering, light }, ..video() };
    let init = init_segment(&[&track]).unwrap();
    let boxes = b"\0\0\0\x13colrnclx\0\x09\0\x10\0\x09\x80\
        \0\0\0\x20mdcv\x33\xc2\x86\xc4\x1d\x4c\x0b\xb8\x84\xd0\x3e\x80\x3d\x13\x40\x42\0\x98\x96\x80\0\0\0\x01\
        \0\0\0\x0cclli\x03\xe8\x01\x90";
    let at = init.windows(boxes.len()).position(|window| window == boxes).expect("the boxes are there");
    assert!(init[..at].ends_with(AVCC), "the codec's configuration comes first");
    let plain = init_segment(&[&video()]).unwrap();
    assert_eq!(init.len(), plain.len() + boxes.len());
    let only_luminance = Hdr { mastering: MasteringDisplay::new(None, 10_000_000, 1), light: None };
    assert_eq!(init_segment(&[&Track { hdr: only_luminance, ..video() }]).unwrap(), plain);
}
