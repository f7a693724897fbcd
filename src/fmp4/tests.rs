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

mod entries;
mod properties;

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
