//! Lengths that segments in progress are announced with, beside those that they turn out to have.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sluicegate::dash;
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::Segmenter;

use super::source::{Source, program, wall};

/// A segment by its representation and number; where it begins and how long it is, in ticks.
type Segments = BTreeMap<(String, u64), (u64, u64)>;

/// What a manifest tells of its segments.
fn told(manifest: &str) -> Segments {
    let mut told = Segments::new();
    let mpd = dash_mpd_core::parse(manifest).unwrap();
    for representation in mpd.periods.iter().flat_map(|period| &period.adaptations).flat_map(|set| &set.representations) {
        let template = representation.SegmentTemplate.as_ref().unwrap();
        let (mut number, mut at) = (template.startNumber.unwrap(), 0);
        for s in &template.SegmentTimeline.as_ref().unwrap().segments {
            at = s.t.unwrap_or(at);
            for _ in 0..=s.r.unwrap_or(0) {
                told.insert((representation.id.clone().unwrap(), number), (at, s.d));
                (at, number) = (at + s.d, number + 1);
            }
        }
    }
    told
}

/// What is told otherwise than before of segments beyond the first `settling` of them, of how many that are whole in the end.
fn corrected(source: &Source, millis: i64, settling: u64) -> (Vec<String>, usize) {
    let mut segmenter = Segmenter::new(Options::default(), program(source.tracks(31))).0;
    let (mut before, mut corrected, mut revision, mut first) = (Segments::new(), Vec::new(), None, None);
    for (arrival, sample) in source.samples(0, millis) {
        segmenter.push(sample, wall(arrival));
        let Some(snapshot) = segmenter.snapshot().filter(|snapshot| revision.replace(snapshot.revision) != Some(snapshot.revision)) else {
            continue;
        };
        let from = *first.get_or_insert(snapshot.first().0) + settling;
        let now = told(&dash::manifest(&snapshot, "/time", ""));
        for (name, segment) in now.iter().filter(|((_, number), _)| *number >= from) {
            let known = before.get(name).filter(|known| *known != segment);
            corrected.extend(known.map(|known| format!("{name:?}: {known:?}, then {segment:?}")));
        }
        before.extend(now);
    }
    (corrected, before.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equal_groups_of_pictures_and_steady_sound_are_told_of_as_they_will_be(
        rate in proptest::sample::select(vec![10_i64, 12, 15, 24, 25, 30, 50, 60]),
        tenths in 4..50_usize,
        b_frames in 0..4_usize,
        sample_rate in proptest::option::of(proptest::sample::select(vec![22_050_u32, 44_100, 48_000])),
        audio_late in -300..300_i64,
    ) {
        let gop = (rate as usize * tenths / 10).max(1);
        let source = Source { frames_per_second: rate, gops: vec![gop], b_frames, sample_rate, audio_late, ..Source::default() };
        // Times are rounded to milliseconds: the lengths go round after three at most, and are known when they have twice.
        let (corrected, _) = corrected(&source, 60_000, 8);
        prop_assert!(corrected.is_empty(), "{corrected:#?}");
    }
}

#[test]
fn an_encoder_with_keyframes_every_two_seconds_is_told_of_rightly_from_the_first_segments_on() {
    for sample_rate in [44_100, 48_000] {
        let source = Source { sample_rate: Some(sample_rate), ..Source::default() };
        let (corrected, segments) = corrected(&source, 60_000, 0);
        assert!(segments > 2 * 28 && corrected.is_empty(), "{corrected:#?}");
    }
}

#[test]
fn sound_alone_is_told_of_as_it_will_be() {
    let source = Source { gops: Vec::new(), sample_rate: Some(44_100), ..Source::default() };
    let (corrected, segments) = corrected(&source, 60_000, 0);
    assert!(segments > 25 && corrected.is_empty(), "{corrected:#?}");
}

#[test]
fn groups_of_a_loop_are_told_of_rightly_when_they_come_around_again() {
    let source = Source { gops: vec![60, 75, 66], ..Source::default() };
    let (corrected, segments) = corrected(&source, 60_000, 7);
    assert!(segments > 2 * 25 && corrected.is_empty(), "{corrected:#?}");
}

#[test]
fn an_odd_group_is_set_right_and_no_other_for_it() {
    let mut gops = vec![60; 20];
    gops[10] = 70;
    let source = Source { gops, ..Source::default() };
    let (corrected, _) = corrected(&source, 38_000, 0);
    // It is longer than told, and the one behind it, which was told of as well, begins later.
    assert_eq!(corrected.len(), 2 * 2, "{corrected:#?}");
}
