//! Feeds over a real channel of samples.

mod falls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::bus::{Bounds, Budget, Cause, Channel, End, Entry, From, Gate, Publisher, Read, Subscriber, Why};
use crate::flv::{self, Demuxer, Dialect, FlvVariant, TagKind};
use crate::media::codec::{AacConfig, AudioShape, AvcConfig, VideoShape};
use crate::media::{
    Captions, Codec, ColorInfo, Epoch, Metadata, Program, Sample, Selection, Span, Timescale, Timestamp, Track, TrackId, TrackSet,
};

const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0x1a, 0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3,
    3, 0xc0, 0xf1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0,
];

/// The record of x265, 64x48.
const HVCC: &[u8] = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03\
    \xa0\0\x01\0\x18\x40\x01\x0c\x01\xff\xff\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\x95\x94\x09\
    \xa1\0\x01\0\x2b\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x1e\x10\
    \xa2\0\x01\0\x06\x44\x01\xc0\x73\xc1\x89";

fn hz() -> Timescale {
    Timescale::new(48_000).unwrap()
}

fn video() -> Track {
    let shape = VideoShape::new(1280, 720);
    let codec = Codec::Avc(AvcConfig { record: Bytes::from_static(AVCC), length_size: 4, shape });
    Track { frame_rate: Some(25.0), ..Track::new(TrackId::VIDEO, codec) }
}

fn audio() -> Track {
    let shape = AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1_024 };
    let codec = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x11, 0x90]), object_type: 2, shape });
    Track { timescale: hz(), ..Track::new(TrackId::AUDIO, codec) }
}

fn script() -> Track {
    Track::new(TrackId::DATA, Codec::Script)
}

fn program(tracks: impl IntoIterator<Item = Track>) -> Arc<Program> {
    Arc::new(Program { epoch: Epoch(1), tracks: TrackSet::new(tracks), metadata: Metadata::default() })
}

fn picture(millis: i64, is_sync: bool) -> Sample {
    let dts = Timestamp::new(millis * 90, Timescale::VIDEO);
    Sample { track: TrackId::VIDEO, dts, cts: 0, is_sync, data: Bytes::from_static(b"\0\0\0\x02\x65\x01") }
}

fn sound(number: i64) -> Sample {
    let dts = Timestamp::new(number * 1_024, hz());
    Sample { track: TrackId::AUDIO, dts, cts: 0, is_sync: true, data: Bytes::from_static(b"sound") }
}

fn cue(millis: i64) -> Sample {
    let data = Bytes::from_static(b"\x02\0\x0aonCuePoint\x05");
    Sample { track: TrackId::DATA, dts: Timestamp::from_millis(millis), cts: 0, is_sync: true, data }
}

/// What a maker makes of samples, in short: `H` for a head, `v` and `a` for units, in capitals where a viewer can join.
fn made<T: Unit>(program: &Arc<Program>, samples: impl IntoIterator<Item = Sample>) -> (String, Vec<Item<T>>) {
    made_as::<T>(T::Variant::default(), program, samples)
}

fn made_as<T: Unit>(variant: T::Variant, program: &Arc<Program>, samples: impl IntoIterator<Item = Sample>) -> (String, Vec<Item<T>>) {
    let mut maker = T::maker(variant);
    let mut items = Vec::new();
    maker.program(Arc::clone(program), Why::Config, &mut items);
    samples.into_iter().for_each(|sample| maker.sample(sample, &mut items));
    maker.flush(&mut items);
    let mut head = None;
    let letters = items.iter().map(|item| match item {
        Item::Head(now, _) => {
            head = Some(Arc::clone(now));
            'H'
        }
        Item::Unit(unit) if unit.joins(head.as_ref().expect("a head comes first")) => 'J',
        Item::Unit(_) => 'u',
    });
    (letters.collect(), items)
}

fn payloads(items: &[Item<FlvUnit>]) -> Vec<Bytes> {
    items.iter().filter_map(|item| if let Item::Unit(unit) = item { Some(unit.tag.payload()) } else { None }).collect()
}

#[test]
fn an_flv_tag_is_these_bytes_in_and_out_of_its_frame() {
    let (letters, items) = made::<FlvUnit>(&program([video(), audio()]), [picture(1_000, true), sound(47)]);
    assert_eq!(letters, "HJu");
    let tag = b"\x09\0\0\x0b\0\x03\xe8\0\0\0\0\x17\x01\0\0\0\0\0\0\x02\x65\x01\0\0\0\x16";
    let sound = b"\x08\0\0\x07\0\x03\xeb\0\0\0\0\xaf\x01sound\0\0\0\x12";
    assert_eq!(payloads(&items), [&tag[..], sound]);
    let Item::Unit(unit) = &items[1] else { panic!("a unit") };
    assert_eq!(unit.tag.frame(), [b"\x82\x1a", &tag[..]].concat());
}

#[test]
fn the_preamble_promises_what_comes_and_its_configurations_are_stamped_with_the_first_sample() {
    for (tracks, flags) in [(vec![video(), audio()], 5), (vec![audio()], 4), (vec![video(), script()], 1)] {
        let samples = [picture(1_000, true), sound(47)];
        let (_, items) = made::<FlvUnit>(&program(tracks), samples);
        let Item::Head(head, _) = &items[0] else { panic!("the head comes first") };
        let opening = head.opening().payload();
        assert_eq!(&opening[..13], [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]);
        assert_eq!(opening[13], 18, "metadata comes first");
        assert_eq!(&opening[17..21], [0; 4], "metadata belongs to no moment");
        let metadata_len = u32::from_be_bytes([0, opening[14], opening[15], opening[16]]) as usize;
        let configuration = &opening[13 + 11 + metadata_len + 4..];
        assert!(matches!(&configuration[4..8], [0, 3, 0xe8 | 0xeb, 0]), "{:?}", &configuration[4..8]);
        assert_eq!(head.renewal().payload(), opening.slice(13..));
    }
}

#[test]
fn sound_alone_can_be_joined_anywhere() {
    let (letters, _) = made::<FlvUnit>(&program([audio()]), [sound(0), sound(1)]);
    assert_eq!(letters, "HJJ");
}

#[test]
fn script_data_goes_into_flv_and_stays_out_of_mp4() {
    let tracks = [video(), script()];
    let samples = || [picture(0, true), cue(10), picture(40, false)];
    let (flv, items) = made::<FlvUnit>(&program(tracks.clone()), samples());
    assert_eq!(flv, "HJuu");
    assert_eq!(payloads(&items)[1][0], 18);
    assert_eq!(made::<Fragment>(&program(tracks), samples()).0, "HJu");
}

#[test]
fn what_viewers_are_not_told_does_not_begin_their_players_anew() {
    fn heads<T: Unit>(second: Track) -> usize {
        let mut maker = T::maker(T::Variant::default());
        let mut items = Vec::new();
        for (millis, track) in [(0, video()), (40, second)] {
            maker.program(program([track]), Why::Config, &mut items);
            maker.sample(picture(millis, true), &mut items);
        }
        maker.flush(&mut items);
        items.iter().filter(|item| matches!(item, Item::Head(..))).count()
    }
    let captioned = Track { captions: Captions { carried: true, ..Captions::default() }, ..video() };
    assert_eq!((heads::<FlvUnit>(captioned.clone()), heads::<Fragment>(captioned.clone())), (1, 1));
    assert_eq!(heads::<RtmpUnit>(captioned), 1);
    let wide = Track { color: ColorInfo::new(9, 16, 9, false), ..video() };
    assert_eq!((heads::<FlvUnit>(wide.clone()), heads::<Fragment>(wide)), (1, 2), "FLV for players has no word for colours");
}

/// Closed captions as broadcasters send them: user data registered by ITU-T T.35, of ATSC (A/53 part 4 §6.2.3).
const CAPTIONS: &[u8] = &[4, 15, 0xB5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0x41, 0xFF, 0xFC, 0x80, 0x80, 0xFF, 0x80];

/// The access unit that a publisher's body holds, as it comes out of the formats that are made of samples.
fn passed_through(config: &[u8], head: &[u8], nals: &[&[u8]]) -> [Vec<u8>; 3] {
    let length = |nal: &&[u8]| [&(nal.len() as u32).to_be_bytes()[..], nal].concat();
    let frame: Vec<u8> = nals.iter().flat_map(length).collect();
    let mut demuxer = Demuxer::new();
    demuxer.push(TagKind::Video, 0, &Bytes::copy_from_slice(config));
    demuxer.push(TagKind::Video, 40, &[head, &frame].concat().into());
    let found: Vec<_> = std::iter::from_fn(|| demuxer.poll()).map(|item| item.expect("the bodies are sound")).collect();
    let [flv::Item::Config { track, codec }, flv::Item::Captions { .. }, flv::Item::Coded { is_sync: true, data, .. }] = &found[..] else {
        panic!("{found:?}")
    };
    let sample = Sample { data: data.clone(), ..picture(40, true) };
    let program = program([Track::new(*track, codec.clone())]);
    let (_, tags) = made::<FlvUnit>(&program, [sample.clone()]);
    let (_, messages) = made::<RtmpUnit>(&program, [sample.clone()]);
    let (_, fragments) = made::<Fragment>(&program, [sample, picture(80, false)]);
    let (Item::Unit(message), Item::Unit(fragment)) = (&messages[1], &fragments[1]) else { panic!("a message, a fragment") };
    let fragment = fragment.media.payload();
    let mdat = fragment.windows(4).position(|window| window == b"mdat").expect("a fragment has media") + 4;
    let tag = &payloads(&tags)[0];
    // One chunk: behind its header, whose time fits into three bytes.
    let message = &message.message[12 + head.len()..];
    [tag[11 + head.len()..tag.len() - 4].to_vec(), fragment[mdat..].to_vec(), message.to_vec()]
}

#[test]
fn captions_inside_pictures_leave_unchanged_and_only_delimiters_are_taken_out() {
    let config = [&[0x17, 0, 0, 0, 0], AVCC].concat();
    let captions = [&[6][..], CAPTIONS].concat();
    let slice: &[u8] = &[0x65, 0x88, 0x84];
    let expected = [&[0, 0, 0, 18][..], &captions, &[0, 0, 0, 3], slice].concat();
    for out in passed_through(&config, b"\x17\x01\0\0\0", &[&[9, 0xF0], &captions, slice]) {
        assert_eq!(out, expected, "H.264");
    }
    let config = [b"\x90hvc1", HVCC].concat();
    // A prefix message before the picture and a suffix message behind it.
    let (captions, suffix) = ([&[0x4E, 1][..], CAPTIONS].concat(), [&[0x50, 1][..], CAPTIONS].concat());
    let slice: &[u8] = &[0x28, 1, 0xAC];
    let expected = [&[0, 0, 0, 19][..], &captions, &[0, 0, 0, 3], slice, &[0, 0, 0, 19], &suffix].concat();
    for out in passed_through(&config, b"\x91hvc1\0\0\0", &[&[0x46, 1, 0x50], &captions, slice, &suffix]) {
        assert_eq!(out, expected, "H.265");
    }
}

#[test]
fn further_tracks_go_to_those_who_ask_and_all_join_at_the_leading_one() {
    let second = Track { id: TrackId { index: 1, ..TrackId::VIDEO }, ..video() };
    let program = program([video(), second, audio()]);
    let other = |millis, is_sync| Sample { track: TrackId { index: 1, ..TrackId::VIDEO }, ..picture(millis, is_sync) };
    let samples = || [picture(0, true), other(0, true), sound(0), picture(40, false), other(40, true)];
    let second = Selection::parse("v1").unwrap();
    let flv = |selection, dialect| made_as::<FlvUnit>(FlvVariant { selection, dialect, ..FlvVariant::default() }, &program, samples());
    assert_eq!(flv(Selection::default(), Dialect::Players).0, "HJuu");
    let (letters, items) = flv(second, Dialect::Players);
    assert_eq!((letters.as_str(), payloads(&items)[0][11]), ("HJuJ", 0x17), "the second is the default on the wire");
    let (letters, items) = flv(Selection::ALL, Dialect::Enhanced);
    assert_eq!((letters.as_str(), payloads(&items)[1][11]), ("HJuuuu", 0x96), "the second is multitrack");
    let fragments = |selection| made_as::<Fragment>(selection, &program, samples());
    assert_eq!(fragments(second).0, "HJJu");
    let (letters, items) = fragments(Selection::ALL);
    assert_eq!(letters, "HJuuuu");
    let Item::Head(head, _) = &items[0] else { panic!("the head comes first") };
    assert_eq!(head.tracks.matches("\"id\"").count(), 3);
}

#[test]
fn a_program_without_what_was_chosen_is_a_head_that_nothing_follows() {
    let second = Selection::parse("v1,noaudio").unwrap();
    let (_, items) = made_as::<Fragment>(second, &program([video(), audio()]), [picture(0, true), picture(40, false)]);
    assert!(matches!(&items[..], [Item::Head(head, _)] if !head.is_playable()));
    let variant = FlvVariant { selection: second, ..FlvVariant::default() };
    let (_, items) = made_as::<FlvUnit>(variant, &program([video(), audio()]), [picture(0, true)]);
    assert!(matches!(&items[..], [Item::Head(head, _)] if !head.is_playable()));
}

#[test]
fn a_fragment_is_one_picture_or_a_twentieth_of_a_second_of_sound() {
    // 24 frames of sound last 512 ms; pictures come each 40 ms.
    let mut samples: Vec<_> = (0..24).map(sound).chain((0..13).map(|n| picture(n * 40, n == 0))).collect();
    samples.sort_by_key(|sample| sample.dts);
    let (_, items) = made::<Fragment>(&program([video(), audio()]), samples);
    let fragments: Vec<_> = items.iter().filter_map(|item| if let Item::Unit(unit) = item { Some(unit) } else { None }).collect();
    let boxes: Vec<_> = fragments.iter().map(|f| f.media.payload()).collect();
    let runs: Vec<u32> = boxes.iter().map(|b| u32::from_be_bytes(b[trun(b) + 8..trun(b) + 12].try_into().unwrap())).collect();
    assert!(runs.iter().filter(|samples| **samples == 1).count() >= 13, "each picture stands alone: {runs:?}");
    assert!(runs.iter().all(|samples| *samples <= 2), "two frames of sound last 43 ms, a third would pass 50: {runs:?}");
    assert_eq!(runs.iter().sum::<u32>(), 24 + 13, "nothing is lost");
}

/// Where the `trun` begins behind its size and type.
fn trun(fragment: &[u8]) -> usize {
    fragment.windows(4).position(|w| w == b"trun").expect("a fragment has a trun")
}

#[test]
fn sound_from_before_a_keyframe_never_comes_behind_it() {
    let mut samples: Vec<_> = (0..100).map(sound).chain((0..50).map(|n| picture(n * 40, n % 25 == 0))).collect();
    samples.sort_by_key(|sample| sample.dts);
    let (letters, items) = made::<Fragment>(&program([video(), audio()]), samples);
    let join = letters.rfind('J').expect("there is a second keyframe");
    let Item::Unit(keyframe) = &items[join] else { panic!("a unit") };
    for item in &items[join..] {
        let Item::Unit(unit) = item else { panic!("a unit") };
        // The one frame whose end was not known yet when the keyframe came.
        assert!(unit.time().millis() >= keyframe.time().millis() - 22, "{:?} behind {:?}", unit.time(), keyframe.time());
    }
}

fn source() -> (Arc<Channel<Sample>>, Publisher<Sample>) {
    let channel = Channel::new(Bounds::default());
    let mut publisher = channel.lease();
    publisher.set_head(program([video(), audio()]), Why::Config).unwrap();
    (channel, publisher)
}

fn lazy(samples: &Arc<Channel<Sample>>, linger_s: u32) -> Arc<Lazy<FlvUnit>> {
    let options = Options { linger_s, ..Options::default() };
    Lazy::new(Arc::clone(samples), FlvVariant::default(), &options, tokio::runtime::Handle::current(), tracing::Span::none(), None)
}

async fn next(reader: &mut Subscriber<FlvUnit>) -> (Vec<i64>, Read<FlvUnit>) {
    let mut units = Vec::new();
    let found = reader.next(Budget::default(), &mut units).await;
    (units.iter().map(|unit| unit.time().millis()).collect(), found)
}

#[tokio::test]
async fn the_first_viewer_joins_with_the_newest_gop() {
    let (samples, mut publisher) = source();
    for n in 0..60 {
        publisher.push(picture(n * 40, n % 25 == 0)).unwrap();
    }
    let guard = lazy(&samples, 10).acquire().await;
    let mut reader = guard.channel().subscribe(From::NewestSync, &Arc::new(Gate::new()));
    assert!(matches!(next(&mut reader).await.1, Read::Head { why: Why::Joined, .. }));
    let gop: Vec<_> = (50..60).map(|n| n * 40).collect();
    assert_eq!(next(&mut reader).await.0, gop);
    publisher.push(picture(2_400, false)).unwrap();
    assert_eq!(next(&mut reader).await.0, [2_400]);
}

#[tokio::test]
async fn a_feed_keeps_as_much_as_its_stream() {
    let bounds = Bounds { span: Span::from_secs(20), ..Bounds::default() };
    let samples = Channel::new(bounds);
    let mut publisher = samples.lease();
    publisher.set_head(program([video()]), Why::Config).unwrap();
    // A GOP of 15 seconds.
    for n in 0..375 {
        publisher.push(picture(n * 40, n == 0)).unwrap();
    }
    let guard = lazy(&samples, 10).acquire().await;
    assert_eq!(guard.channel().bounds(), bounds);
    let mut reader = guard.channel().subscribe(From::NewestSync, &Arc::new(Gate::new()));
    assert!(matches!(next(&mut reader).await.1, Read::Head { why: Why::Joined, .. }));
    assert_eq!(next(&mut reader).await.0.first(), Some(&0), "who joins gets it from its beginning");
}

#[tokio::test]
async fn heads_and_the_end_are_passed_on() {
    let (samples, mut publisher) = source();
    publisher.push(picture(0, true)).unwrap();
    let guard = lazy(&samples, 10).acquire().await;
    let mut reader = guard.channel().subscribe(From::NewestSync, &Arc::new(Gate::new()));
    next(&mut reader).await;
    next(&mut reader).await;
    publisher.set_head(program([video()]), Why::Break(Cause::Publisher)).unwrap();
    publisher.push(picture(40, true)).unwrap();
    samples.end(End::Shutdown);
    assert!(matches!(next(&mut reader).await.1, Read::Head { why: Why::Break(Cause::Publisher), .. }));
    assert_eq!(next(&mut reader).await.0, [40]);
    assert!(matches!(next(&mut reader).await.1, Read::End(End::Shutdown)));
}

#[tokio::test]
async fn what_a_rung_has_twice_as_it_is_made_anew_reaches_nobody_twice() {
    let id = TrackId::rung(0).unwrap();
    let rung = |millis, is_sync| Sample { track: id, ..picture(millis, is_sync) };
    let samples = Channel::new(Bounds::default());
    let mut publisher = samples.lease();
    let program = program([Track { id, ..video() }, audio()]);
    publisher.set_head(Arc::clone(&program), Why::Config).unwrap();
    for n in 0..30 {
        publisher.push(rung(n * 40, n % 25 == 0)).unwrap();
    }
    let guard = lazy(&samples, 10).acquire().await;
    let mut reader = guard.channel().subscribe(From::NewestSync, &Arc::new(Gate::new()));
    next(&mut reader).await;
    assert_eq!(next(&mut reader).await.0, [1_000, 1_040, 1_080, 1_120, 1_160]);
    publisher.set_head(program, Why::Break(Cause::Loss)).unwrap();
    for n in 25..52 {
        publisher.push(sound(n * 2)).unwrap();
        publisher.push(rung(n * 40, n % 25 == 0)).unwrap();
    }
    samples.end(End::Shutdown);
    assert!(matches!(next(&mut reader).await.1, Read::Head { why: Why::Break(Cause::Loss), .. }));
    assert_eq!(next(&mut reader).await.0, [2_000, 2_176, 2_040]);
}

#[tokio::test]
async fn a_feed_that_was_overtaken_says_that_something_is_missing() {
    let (samples, mut publisher) = source();
    publisher.push(picture(0, true)).unwrap();
    let guard = lazy(&samples, 10).acquire().await;
    let mut reader = guard.channel().subscribe(From::NewestSync, &Arc::new(Gate::new()));
    next(&mut reader).await;
    next(&mut reader).await;
    // Far more than the window holds, without letting the feed run in between.
    for n in 1..2_000 {
        publisher.push(picture(n * 40, n % 25 == 0)).unwrap();
    }
    assert!(matches!(next(&mut reader).await.1, Read::Head { why: Why::Break(Cause::Loss), .. }));
}

#[tokio::test(start_paused = true)]
async fn a_feed_outlives_its_last_viewer_by_the_linger_and_then_stops() {
    let (samples, mut publisher) = source();
    publisher.push(picture(0, true)).unwrap();
    let lazy = lazy(&samples, 10);
    assert!(!lazy.is_running(), "nobody watches yet");
    let guard = lazy.acquire().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(lazy.is_running(), "somebody watches");
    drop(guard);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(lazy.is_running(), "the linger is not over");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!lazy.is_running());
    publisher.push(picture(40, true)).unwrap();
    let guard = lazy.acquire().await;
    let mut reader = guard.channel().subscribe(From::NewestSync, &Arc::new(Gate::new()));
    next(&mut reader).await;
    assert_eq!(next(&mut reader).await.0, [40], "the next viewer starts it anew");
}
