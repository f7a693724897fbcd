//! Segments as they were told of, and others.

use std::collections::BTreeSet;

use super::{LIVE, LOW_LATENCY};
use crate::check::dash::media::{Delivery, Meter, Watched};
use crate::check::dash::model::{Mpd, Segment};
use crate::check::dash::read;
use crate::check::finding::Finding;
use crate::check::media::{Announced, Run};
use crate::media::{Kind, Span, Timescale, Timestamp, WallClock};

const SHOWN: &[&str] = &[
    "dash-init-codecs",
    "dash-init-content",
    "dash-init-size",
    "dash-init-timescale",
    "dash-segment-start",
    "dash-segment-duration",
    "dash-segment-sap",
    "dash-bandwidth-exceeded",
    "dash-prft-missing",
    "dash-prft-ahead",
    "dash-event-unannounced",
    "dash-segment-available",
    "dash-low-latency-chunks",
];

/// Rules that have a specimen.
pub(super) fn shown() -> impl Iterator<Item = &'static str> {
    SHOWN.iter().copied()
}

const MILLIS: Timescale = Timescale::MILLIS;

fn model(text: &str) -> Mpd {
    read::read(text.as_bytes()).unwrap().1
}

/// The first representation of the last period.
fn watched(mpd: &Mpd) -> Watched<'_> {
    let period = mpd.periods.last().unwrap();
    let set = &period.sets[0];
    let representation = &set.representations[0];
    Watched { mpd, period, set, representation, template: representation.template.as_ref().unwrap() }
}

fn at(millis: i64) -> WallClock {
    "2026-09-21T14:00:00Z".parse::<WallClock>().unwrap().plus(Span::from_millis(millis))
}

fn rules(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.rule.id).collect()
}

fn track() -> Announced {
    let codec = Some("avc1.64001F".to_owned());
    Announced { number: 1, kind: Kind::Video, timescale: MILLIS, entry: *b"avc1", codec, picture: Some((1280, 720)), channels: None }
}

fn run(earliest: i64, duration: i64) -> Run {
    let at = |ticks| Timestamp::new(ticks, MILLIS);
    Run {
        track: 1,
        kind: Kind::Video,
        begin: at(earliest),
        end: at(earliest + duration),
        earliest: at(earliest),
        samples: 60,
        begins_with_sync: true,
        sync_samples: 1,
        sample_span: (Span::from_millis(33), Span::from_millis(34)),
        sequence: (1, 6),
        torn: None,
    }
}

#[test]
fn an_init_segment_is_what_its_representation_says() {
    let mpd = model(LIVE);
    let init = |track: &Announced| watched(&mpd).init(track);
    assert_eq!(init(&track()), []);
    assert_eq!(rules(&init(&Announced { codec: Some("avc1.640028".to_owned()), ..track() })), ["dash-init-codecs"]);
    assert_eq!(rules(&init(&Announced { kind: Kind::Audio, ..track() })), ["dash-init-content"]);
    assert_eq!(rules(&init(&Announced { picture: Some((1920, 1080)), ..track() })), ["dash-init-size"]);
    assert_eq!(rules(&init(&Announced { timescale: Timescale::VIDEO, ..track() })), ["dash-init-timescale"]);
}

#[test]
fn a_segment_is_where_its_timeline_says() {
    let mpd = model(LIVE);
    let segment = Segment { number: 12, start: 32_000, duration: 2_000, line: 30 };
    let found = |run: &Run| rules(&watched(&mpd).segment(segment, run));
    assert_eq!(found(&run(32_001, 2_000)), [""; 0]);
    assert_eq!(found(&run(32_002, 2_000)), ["dash-segment-start"]);
    assert_eq!(found(&run(32_000, 1_967)), ["dash-segment-duration"]);
    assert_eq!(found(&Run { begins_with_sync: false, ..run(32_000, 2_000) }), ["dash-segment-sap"]);
}

#[test]
fn a_segment_without_timeline_may_be_half_of_itself_off() {
    let mpd = model(LOW_LATENCY);
    let segment = Segment { number: 4, start: 6_000, duration: 2_000, line: 12 };
    let found = |run: &Run| rules(&watched(&mpd).segment(segment, run));
    assert_eq!(found(&run(7_000, 1_000)), [""; 0]);
    assert_eq!(found(&run(4_999, 2_000)), ["dash-segment-start"]);
    assert_eq!(found(&run(6_000, 3_001)), ["dash-segment-duration"]);
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(8 + body.len() as u32).to_be_bytes()[..], kind, body].concat()
}

#[test]
fn clocks_and_events_in_segments_are_those_announced() {
    let ntp = |millis: i64| ((at(millis).unix_secs() + 2_208_988_800) as u64) << 32 | 1 << 31;
    let prft = |millis| boxed(b"prft", &[&[1, 0, 0, 0, 0, 0, 0, 1][..], &u64::to_be_bytes(ntp(millis)), &[0; 8]].concat());
    let inband = model(&LOW_LATENCY.replacen("ProducerReferenceTime id=\"7\"", "ProducerReferenceTime id=\"7\" inband=\"true\"", 1));
    let segment = Segment { number: 4, start: 6_000, duration: 2_000, line: 12 };
    let found = |mpd: &Mpd, data: &[u8]| rules(&watched(mpd).boxes(segment, data, at(8_000)));
    assert_eq!(found(&inband, &prft(7_000)), [""; 0]);
    assert_eq!(found(&inband, &[]), ["dash-prft-missing"]);
    assert_eq!(found(&inband, &prft(9_000)), ["dash-prft-ahead"]);

    let announced = model(&LOW_LATENCY.replacen("<Resync", "<InbandEventStream schemeIdUri=\"urn:x\"/><Resync", 1));
    let newer = boxed(b"emsg", &[&[1; 24][..], b"urn:x\0\0"].concat());
    let older = boxed(b"emsg", &[&[0; 4][..], b"urn:x\0\0", &[0; 16]].concat());
    for emsg in [newer, older] {
        assert_eq!(found(&announced, &emsg), [""; 0]);
        assert_eq!(found(&model(LOW_LATENCY), &emsg), ["dash-event-unannounced"]);
    }
}

#[test]
fn a_segment_is_there_when_it_is_due() {
    let mpd = model(LIVE);
    // From 22 to 24 seconds behind the presentation's zero.
    let segment = Segment { number: 12, start: 32_000, duration: 2_000, line: 30 };
    let found = |asked, status| {
        let delivery = Delivery { asked: Some(at(asked)), status, pieces: vec![(at(asked + 10), 1_000)] };
        rules(&watched(&mpd).delivery(segment, &delivery))
    };
    assert_eq!(found(24_000, 200), [""; 0]);
    assert_eq!(found(24_000, 404), ["dash-segment-available"]);
    assert_eq!(found(43_900, 404), ["dash-segment-available"]);
    assert_eq!((found(23_900, 404), found(44_100, 404)), (vec![], vec![]));
}

#[test]
fn a_segment_of_low_latency_comes_while_it_is_made() {
    let mpd = model(LOW_LATENCY);
    // It can be asked for half a second after its begin.
    let segment = Segment { number: 4, start: 6_000, duration: 2_000, line: 12 };
    let found = |asked: i64, came: &[i64]| {
        let delivery = Delivery { asked: Some(at(asked)), status: 200, pieces: came.iter().map(|millis| (at(*millis), 1_000)).collect() };
        rules(&watched(&mpd).delivery(segment, &delivery))
    };
    assert_eq!(found(6_500, &[6_510, 7_000, 7_500, 8_000]), [""; 0]);
    assert_eq!(found(6_500, &[8_000, 8_001]), ["dash-low-latency-chunks"]);
    assert_eq!(found(6_500, &[8_100, 8_200, 8_900]), ["dash-low-latency-chunks"]);
    assert_eq!(found(7_900, &[7_910]), [""; 0]);
}

#[test]
fn a_representation_needs_no_more_than_it_says() {
    let mpd = model(LIVE);
    let representation = watched(&mpd).representation;
    let total = |bytes: u64| {
        let mut meter = Meter::default();
        (0..15).filter_map(|_| meter.add(representation, bytes, Span::from_secs(2))).collect::<Vec<_>>()
    };
    // 2.5 Mbit/s are 625,000 bytes in two seconds, and a tenth of that is forgiven.
    assert_eq!(total(687_500), []);
    assert_eq!(rules(&total(687_600)), ["dash-bandwidth-exceeded"]);
}

#[test]
fn no_rule_is_left_out() {
    let known: BTreeSet<_> = crate::check::dash::media::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(known, shown().collect());
}
