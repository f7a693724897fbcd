//! Boxes that are right, and the same ones broken in one place each.

use bytes::Bytes;
use sluicegate::check::finding::Finding;
use sluicegate::check::media::{
    self, Container, Continuity, Init, Media, Picture, container, read_init, read_media, read_picture, rules_of_init, rules_of_media,
};
use sluicegate::fmp4::{Layout, ReorderDelay, SequenceNumber, TimedSample, TrackNumber, fragment, init_segment};
use sluicegate::media::codec::{AacConfig, AudioShape, AvcConfig, Codec, VideoShape};
use sluicegate::media::{Kind, Sample, Span, Timescale, Timestamp, Track, TrackId};

use crate::catalogue::{Specimen, assert_shown};

/// An avcC of High profile level 3.1.
const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0x1a, 0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3,
    3, 0xc0, 0xf1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0,
];
/// Ticks of a frame, of thirty in a second.
const FRAME: i64 = 3_000;
const FRAMES: i64 = 10;
const ADDRESS: &str = "v.m4s";

fn video() -> Track {
    let codec = Codec::Avc(AvcConfig { record: Bytes::from_static(AVCC), length_size: 4, shape: VideoShape::new(1280, 720) });
    Track::new(TrackId::VIDEO, codec)
}

fn audio() -> Track {
    let shape = AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1_024 };
    let codec = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape });
    Track { timescale: Timescale::new(48_000).unwrap(), ..Track::new(TrackId::AUDIO, codec) }
}

fn init() -> Vec<u8> {
    init_segment(&[&video()]).unwrap().to_vec()
}

/// The `number`th fragment of the track, ten frames from a sync sample on.
fn frames(number: i64) -> Vec<u8> {
    let sample = |index: i64| {
        let dts = Timestamp::new((number * FRAMES + index) * FRAME, Timescale::VIDEO);
        let sample = Sample { track: TrackId::VIDEO, dts, cts: 0, is_sync: index == 0, data: Bytes::from_static(b"frame") };
        TimedSample { sample, duration: FRAME as u32 }
    };
    let samples: Vec<_> = (0..FRAMES).map(sample).collect();
    let layout = Layout::new(TrackNumber::ONLY, SequenceNumber::new(number as u32 + 1), ReorderDelay(0));
    fragment::write(&samples, &layout).unwrap().freeze().to_vec()
}

/// Writes `value` so many bytes into the body of the first box of that kind.
fn patch(mut file: Vec<u8>, kind: &[u8; 4], at: usize, value: &[u8]) -> Vec<u8> {
    let body = file.windows(4).position(|window| window == kind).expect("the box is there") + 4;
    file[body + at..body + at + value.len()].copy_from_slice(value);
    file
}

fn renamed(mut file: Vec<u8>, kind: &[u8; 4], to: &[u8; 4]) -> Vec<u8> {
    let at = file.windows(4).position(|window| window == kind).expect("the box is there");
    file[at..at + 4].copy_from_slice(to);
    file
}

fn in_init(data: &[u8]) -> Vec<Finding> {
    rules_of_init(ADDRESS, data)
}

fn in_media(data: &[u8]) -> Vec<Finding> {
    let init = read_init(&init()).unwrap();
    rules_of_media(ADDRESS, &init, data, &read_media(&init, data))
}

/// What is found where the second follows the first.
fn between(first: &[u8], second: &[u8]) -> Vec<Finding> {
    let init = read_init(&init()).unwrap();
    let mut continuity = Continuity::default();
    let read = |data: &[u8]| read_media(&init, data).unwrap();
    assert_eq!(continuity.follow(ADDRESS, &read(first)), []);
    continuity.follow(ADDRESS, &read(second))
}

fn specimens() -> Vec<Specimen> {
    let (one, two) = (frames(0), frames(1));
    let joined = |pieces: &[&[u8]]| pieces.concat();
    let dts = |ticks: i64| patch(frames(1), b"tfdt", 4, &ticks.to_be_bytes());
    let mvex_missing = renamed(init(), b"mvex", b"free");
    let two_trafs = {
        // A second traf behind the first, without samples.
        let mdat = one.windows(4).position(|window| window == b"mdat").unwrap() - 4;
        let traf: &[u8] = b"\0\0\0\x2ctraf\0\0\0\x10tfhd\0\x02\0\0\0\0\0\x01\0\0\0\x14tfdt\x01\0\0\0\0\0\0\0\0\0\0\0";
        let (size, offset) = ((mdat + traf.len()) as u32, (mdat + traf.len() + 8) as u32);
        let mut file = patch([&one[..mdat], traf, &one[mdat..]].concat(), b"trun", 8, &offset.to_be_bytes());
        file[..4].copy_from_slice(&size.to_be_bytes());
        file
    };
    vec![
        ("fmp4-init-readable", in_init(&init()[..40])),
        ("fmp4-init-brand", in_init(&patch(patch(init(), b"ftyp", 0, b"isom"), b"ftyp", 8, b"mp41mp41mp41"))),
        ("fmp4-init-durations", in_init(&patch(init(), b"tkhd", if tkhd_is_large() { 28 } else { 20 }, &[0, 0, 1, 0]))),
        ("fmp4-init-samples", in_init(&patch(init(), b"stsz", 4, &[0, 0, 0, 9, 0, 0, 0, 3]))),
        ("fmp4-init-mvex", in_init(&mvex_missing)),
        ("cmaf-one-track", in_init(&init_segment(&[&video(), &audio()]).unwrap())),
        ("fmp4-readable", in_media(&one[..one.len() - 1])),
        ("fmp4-tfdt", in_media(&renamed(one.clone(), b"tfdt", b"free"))),
        ("fmp4-relative-addresses", in_media(&patch(one.clone(), b"tfhd", 1, &[0]))),
        ("fmp4-track-announced", in_media(&patch(one.clone(), b"tfhd", 4, &[0, 0, 0, 9]))),
        ("fmp4-first-sample-flags", in_media(&per_sample_and_first_flags())),
        ("fmp4-sync-depends", in_media(&patch(one.clone(), b"trun", 12, &[1, 0, 0, 0]))),
        ("fmp4-styp-first", in_media(&joined(&[&one, fragment::STYP, &two]))),
        ("cmaf-one-traf", in_media(&two_trafs)),
        ("fmp4-sequence", between(&two, &patch(frames(2), b"mfhd", 4, &[0, 0, 0, 2]))),
        ("hls-media-continuous", between(&one, &dts(FRAMES * FRAME + FRAME))),
        ("hls-media-continuous", between(&one, &dts(FRAMES * FRAME - FRAME))),
        ("hls-media-continuous", in_media(&joined(&[&one, &dts(0)]))),
        ("cmaf-tfdt-exact", between(&one, &dts(FRAMES * FRAME + 1))),
        ("cmaf-tfdt-exact", in_media(&joined(&[&one, &dts(FRAMES * FRAME - 1)]))),
    ]
}

/// Whether `tkhd` has times of 64 bits.
fn tkhd_is_large() -> bool {
    let init = init();
    let at = init.windows(4).position(|window| window == b"tkhd").unwrap();
    init[at + 4] == 1
}

/// A fragment of one sample, whose trun announces flags of its first sample and of each.
fn per_sample_and_first_flags() -> Vec<u8> {
    let head: &[u8] = b"\0\0\0\x60moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01\0\0\0\x48traf\0\0\0\x14tfhd\0\x02\0\x08\0\0\0\x01\0\0\x0b\xb8\
        \0\0\0\x14tfdt\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x18trun\0\0\x04\x05\0\0\0\x01\0\0\0\x68\x02\0\0\0\x02\0\0\0";
    let mut file = [head, b"\0\0\0\x09mdatI"].concat();
    // The size of each box as it came out.
    let trun = file.windows(4).position(|window| window == b"trun").unwrap() - 4;
    let mdat = file.windows(4).position(|window| window == b"mdat").unwrap() - 4;
    for (at, size) in [(0, mdat), (24, mdat - 24), (trun, mdat - trun)] {
        file[at..at + 4].copy_from_slice(&(size as u32).to_be_bytes());
    }
    patch(file, b"trun", 8, &(mdat as u32 + 8).to_be_bytes())
}

#[test]
fn each_rule_catches_its_specimen() {
    assert_shown(media::rules(), specimens());
}

#[test]
fn what_is_written_here_breaks_no_rule() {
    assert_eq!(in_init(&init()), []);
    let audio = init_segment(&[&audio()]).unwrap();
    assert_eq!(in_init(&audio), []);
    let (one, two) = (frames(0), frames(1));
    assert_eq!(in_media(&[&fragment::STYP[..], &one, &two].concat()), []);
    assert_eq!(between(&one, &two), []);
}

#[test]
fn the_facts_are_those_of_the_samples() {
    let init: Init = read_init(&init()).unwrap();
    let track = init.lead().unwrap();
    assert_eq!((track.kind, track.codec.as_deref(), track.picture), (Kind::Video, Some("avc1.64001f"), Some((1280, 720))));
    let sound = read_init(&init_segment(&[&audio()]).unwrap()).unwrap();
    assert_eq!((sound.tracks[0].codec.as_deref(), sound.tracks[0].channels), (Some("mp4a.40.2"), Some(2)));

    let media: Media = read_media(&init, &[frames(3), frames(4)].concat()).unwrap();
    let run = media.lead().unwrap();
    assert_eq!((run.samples, run.sync_samples, run.begins_with_sync, run.sequence), (20, 2, true, (4, 5)));
    assert_eq!((run.begin.millis(), run.end.millis(), run.earliest.millis()), (1_000, 1_667, 1_000));
    assert_eq!((run.duration(), run.torn), (Span::from_ticks(20 * FRAME, Timescale::VIDEO), None));
    assert!((run.frame_rate().unwrap() - 30.0).abs() < 0.001);
}

#[test]
fn a_discontinuity_begins_anew() {
    let init = read_init(&init()).unwrap();
    let mut continuity = Continuity::default();
    continuity.follow(ADDRESS, &read_media(&init, &frames(0)).unwrap());
    continuity.forget();
    assert_eq!(continuity.follow(ADDRESS, &read_media(&init, &frames(7)).unwrap()), []);
}

#[test]
fn files_are_told_apart_by_their_first_bytes() {
    assert_eq!(container(&init()), Container::Mp4);
    assert_eq!(container(&frames(0)), Container::Mp4);
    let mut transport = vec![0; 376];
    (transport[0], transport[188]) = (0x47, 0x47);
    assert_eq!(container(&transport), Container::Transport);
    assert_eq!(container(b"\xef\xbb\xbfWEBVTT\n"), Container::Vtt);
    assert_eq!(container(b"ID3\x04"), Container::Other);
}

#[test]
fn a_piece_of_a_fragment_is_enough_for_its_first_picture() {
    let init = read_init(&init()).unwrap();
    let picture = |data: &[u8]| read_picture(&init, data).unwrap();
    let fragment = frames(1);
    let first = fragment.windows(5).position(|window| window == b"frame").unwrap() + b"frame".len();
    let shown = Picture { at: Timestamp::new(FRAMES * FRAME, Timescale::VIDEO), is_sync: true, is_whole: true };
    assert_eq!([picture(&fragment), picture(&fragment[..first])], [Some(shown); 2]);
    assert_eq!(picture(&fragment[..first - 1]), Some(Picture { is_whole: false, ..shown }));
    let dependent = patch(fragment.clone(), b"trun", 12, &[1, 1, 0, 0]);
    assert_eq!(picture(&dependent[..first]), Some(Picture { is_sync: false, ..shown }));
    assert_eq!(picture(b""), None);
    assert!(read_picture(&init, &fragment[..40]).is_err(), "it ends within the moof");
    // A box that announces more than any file has is not made room for.
    let mdat = fragment.windows(4).position(|window| window == b"mdat").unwrap();
    let mut endless = fragment[..first].to_vec();
    endless[mdat - 4..mdat].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(read_picture(&init, &endless).is_err());
}
