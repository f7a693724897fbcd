//! Playlists against the media that they list.

use crate::check::finding::Finding;
use crate::check::hls::media::{self, Meter};
use crate::check::hls::model::{Part, Segment, Variant};
use crate::check::hls::{model, read};
use crate::check::media::{Announced, Media, Run};
use crate::media::{Kind, Span, Timescale, Timestamp};

use super::assert_covered;

/// Pictures from one millisecond to another, thirty a second.
fn pictures(begin: i64, end: i64) -> Run {
    let at = |millis: i64| Timestamp::from_millis(millis).to_scale(Timescale::VIDEO);
    let frame = Span::from_ticks(3_000, Timescale::VIDEO);
    Run {
        track: 1,
        kind: Kind::Video,
        begin: at(begin),
        end: at(end),
        earliest: at(begin),
        samples: usize::try_from((end - begin) * 30 / 1_000).unwrap(),
        begins_with_sync: true,
        sync_samples: 1,
        sample_span: (frame, frame),
        sequence: (1, 1),
        torn: None,
    }
}

fn bytes(run: Run) -> Media {
    Media { runs: vec![run], bytes: 250_000 }
}

fn listed() -> (model::Media, Segment, Part) {
    let list = model::Media { part_target: Some(Span::from_millis(1_000)), ..model::Media::default() };
    let segment = Segment { uri: "1.m4s".to_owned(), duration: Span::from_secs(2), bit_rate: Some(1_000), ..Segment::default() };
    let part = Part { uri: "p1.m4s".to_owned(), duration: Span::from_secs(1), independent: true, ..Part::default() };
    (list, segment, part)
}

fn avc() -> Announced {
    let (codec, picture) = (Some("avc1.64001f".to_owned()), Some((1_280, 720)));
    Announced { number: 1, kind: Kind::Video, timescale: Timescale::VIDEO, entry: *b"avc1", codec, picture, channels: None }
}

fn aac() -> Announced {
    let (codec, channels) = (Some("mp4a.40.2".to_owned()), Some(2));
    Announced { number: 1, kind: Kind::Audio, timescale: Timescale::VIDEO, entry: *b"mp4a", codec, picture: None, channels }
}

fn variant(attributes: &str) -> Variant {
    let text = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000,AVERAGE-BANDWIDTH=900000{attributes}\nv0.m3u8\n");
    match read::playlist(text.as_bytes(), "x", read::Given::default()).0 {
        Some(model::Playlist::Multivariant(list)) => list.variants[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn ids(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn segments_are_as_they_are_listed() {
    let (list, segment, _) = listed();
    let check = |segment: &Segment, run: Run, independent| ids(&media::segment("v0", &list, segment, &bytes(run), independent));
    assert_eq!(check(&segment, pictures(0, 2_000), true), [""; 0]);
    assert_eq!(check(&segment, pictures(0, 2_200), true), [media::DURATION.id]);
    let without_sync = Run { begins_with_sync: false, ..pictures(0, 2_000) };
    assert_eq!(check(&segment, without_sync.clone(), true), [media::INDEPENDENT_SEGMENTS.id]);
    assert_eq!(check(&segment, without_sync, false), [""; 0]);
    let told = |rate| Segment { bit_rate: Some(rate), ..segment.clone() };
    assert_eq!(check(&told(1_101), pictures(0, 2_000), true), [media::BIT_RATE.id]);
    assert_eq!(check(&told(899), pictures(0, 2_000), true), [media::BIT_RATE.id]);
    assert_eq!(check(&told(1_100), pictures(0, 2_000), true), [""; 0]);
}

#[test]
fn parts_are_as_they_are_listed() {
    let (list, segment, part) = listed();
    let check = |part: &Part, run: Run| ids(&media::part("v0", &list, part, &bytes(run)));
    assert_eq!(check(&part, pictures(0, 1_000)), [""; 0]);
    assert_eq!(check(&part, pictures(0, 900)), [media::PART_DURATION.id]);
    let long = Part { duration: Span::from_millis(1_010), ..part.clone() };
    assert_eq!(check(&long, pictures(0, 1_010)), [media::PART_TARGET.id]);
    assert_eq!(check(&part, Run { begins_with_sync: false, sync_samples: 0, ..pictures(0, 1_000) }), [media::INDEPENDENT.id]);
    assert_eq!(check(&Part { independent: false, ..part }, pictures(0, 1_000)), [media::INDEPENDENT_UNTOLD.id]);

    let whole = bytes(pictures(0, 2_000));
    let parts = |from, to| [bytes(pictures(0, 1_000)), bytes(pictures(from, to))];
    assert_eq!(media::parts("v0", &segment, &parts(1_000, 2_000), &whole), []);
    assert_eq!(ids(&media::parts("v0", &segment, &parts(1_000, 1_900), &whole)), [media::PARTS.id]);
    assert_eq!(ids(&media::parts("v0", &segment, &[], &whole)), [media::PARTS.id]);
}

#[test]
fn variants_are_as_they_are_announced() {
    let sound = ",CODECS=\"avc1.64001F,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.97";
    let check = |from: &str, to: &str| ids(&media::variant("x", &variant(&sound.replace(from, to)), &[&avc(), &aac()], Some(30.0)));
    assert_eq!(check("", ""), [""; 0]);
    assert_eq!(check(",mp4a.40.2", ""), [media::CODECS.id]);
    assert_eq!(check("avc1.64001F", "avc1.64001E"), [media::CODECS.id]);
    assert_eq!(check("1280x720", "1280x718"), [media::RESOLUTION.id]);
    assert_eq!(check("29.97", "25"), [media::FRAME_RATE.id]);
    assert_eq!(media::channels("a0", "2", &aac()), []);
    assert_eq!(ids(&media::channels("a0", "6/JOC", &aac())), [media::CHANNELS.id]);
}

#[test]
fn rates_are_as_they_are_told() {
    let check = |segments: &[u64]| {
        let mut meter = Meter::default();
        segments.iter().for_each(|bytes| meter.add(*bytes, Span::from_secs(2), 2));
        ids(&media::bandwidth("x", &variant(""), &[meter, meter]))
    };
    assert_eq!(check(&[125_000; 5]), [""; 0]);
    assert_eq!(check(&[125_000, 100_000, 100_000, 100_000, 200_000]), [media::BANDWIDTH.id]);
    assert_eq!(check(&[150_000; 5]), [media::AVERAGE_BANDWIDTH.id]);
    assert_eq!(check(&[900_000; 4]), [""; 0], "too few to tell");
}

#[test]
fn no_rule_is_without_a_specimen() {
    let shown = [
        &media::DURATION,
        &media::PART_DURATION,
        &media::PART_TARGET,
        &media::INDEPENDENT,
        &media::INDEPENDENT_UNTOLD,
        &media::INDEPENDENT_SEGMENTS,
        &media::PARTS,
        &media::BIT_RATE,
        &media::CODECS,
        &media::RESOLUTION,
        &media::FRAME_RATE,
        &media::CHANNELS,
        &media::BANDWIDTH,
        &media::AVERAGE_BANDWIDTH,
    ];
    assert_covered(media::RULES, shown.iter().map(|rule| rule.id));
}
