//! When periods are told of.

use sluicegate::dash;
use sluicegate::media::{Kind, Pick, Selection};
use sluicegate::segment::segmenter::Boundary;
use sluicegate::segment::snapshot::Snapshot;

use super::source::{Source, program, wall};
use super::stage::Stage;

/// Identity, length if it has one, and how many segments of its first track are told of.
fn periods(snapshot: &Snapshot) -> Vec<(String, f64, Option<f64>, i64)> {
    let mpd = dash_mpd_core::parse(&dash::manifest(snapshot, "/time", "")).unwrap();
    let segments = |period: &dash_mpd_core::Period| {
        let template = period.adaptations[0].representations[0].SegmentTemplate.clone().unwrap();
        template.SegmentTimeline.unwrap().segments.iter().map(|s| 1 + s.r.unwrap_or(0)).sum()
    };
    let secs = |span: Option<std::time::Duration>| span.map(|span| span.as_secs_f64());
    let told =
        |period: &dash_mpd_core::Period| (period.id.clone().unwrap(), secs(period.start).unwrap(), secs(period.duration), segments(period));
    mpd.periods.iter().map(told).collect()
}

#[test]
fn a_new_configuration_opens_a_period_with_the_first_parts() {
    let mut stage = Stage::new(Source::default());
    let before = periods(&stage.play(0, 7_000, 100).snapshot());
    assert!(before.len() == 1 && before[0].2.is_none());
    stage.segmenter.head(program(stage.source.tracks(41)), Boundary::Config, wall(7_100));
    let ended = periods(&stage.play(7_000, 7_300, 100).snapshot());
    assert_eq!((ended.len(), &ended[0].0, ended[0].3), (1, &before[0].0, 4), "there is nothing of it yet");
    let opened = periods(&stage.play(7_300, 7_500, 100).snapshot());
    assert_eq!((opened.len(), opened[0].2.is_some(), opened[1].2, opened[1].3), (2, true, None, 2), "one in progress and one foretold");
    let whole = periods(&stage.play(7_500, 11_900, 100).snapshot());
    assert_eq!((&whole[1].0, whole[1].1, whole[1].3), (&opened[1].0, opened[1].1, 5), "it stays what it was told to be");
}

#[test]
fn a_period_that_has_ended_stays_so_until_a_keyframe_comes() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 7_100, 100);
    stage.segmenter.away(wall(7_200));
    let ended = periods(&stage.snapshot());
    assert!(ended.len() == 1 && ended[0].2.is_some());
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(7_210));
    let without_keyframe =
        stage.source.samples(7_100, 7_900).into_iter().filter(|(_, sample)| sample.track.kind == Kind::Audio || !sample.is_sync);
    without_keyframe.for_each(|(arrival, sample)| stage.segmenter.push(sample, wall(arrival + 100)));
    assert_eq!(periods(&stage.snapshot()), ended);
    let opened = periods(&stage.play(7_900, 8_500, 100).snapshot());
    assert_eq!((opened.len(), &opened[0], opened[1].2), (2, &ended[0], None));
}

#[test]
fn a_return_opens_a_period_with_the_first_parts() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 7_000, 100);
    stage.segmenter.away(wall(7_100));
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(12_000));
    let opened = periods(&stage.play(7_000, 7_500, 5_000).snapshot());
    assert_eq!((opened.len(), opened[1].3), (2, 2));
    let snapshot = stage.play(7_500, 10_000, 5_000).snapshot();
    let whole = periods(&snapshot);
    assert_eq!((&whole[1].0, whole[1].1), (&opened[1].0, opened[1].1));
    // A choice of tracks is told of it, too.
    stage.segmenter.head(program(stage.source.tracks(41)), Boundary::Config, wall(15_000));
    let snapshot = stage.play(10_000, 10_500, 5_000).snapshot();
    let selection = Selection { video: Pick::None, ..Selection::ALL };
    let sound = snapshot.only(selection).unwrap();
    assert_eq!((periods(&sound).len(), sound.coming.unwrap().inits.len()), (3, 1));
}

#[test]
fn each_period_of_a_live_stream_has_an_offset_and_none_once_it_is_over() {
    let offsets = |snapshot: &Snapshot| -> Vec<(Option<f64>, Option<bool>)> {
        let mpd = dash_mpd_core::parse(&dash::manifest(snapshot, "/time", "")).unwrap();
        let all = mpd.periods.iter().flat_map(|period| &period.adaptations).flat_map(|set| &set.representations);
        let templates = all.map(|representation| representation.SegmentTemplate.as_ref().unwrap());
        templates.map(|template| (template.availabilityTimeOffset, template.availabilityTimeComplete)).collect()
    };
    // Parts have a third of a second of two. What is over is there as a whole.
    let over = (Some(1.665), None);
    let mut stage = Stage::new(Source::default());
    stage.play(0, 7_000, 100);
    stage.segmenter.away(wall(7_100));
    assert_eq!(offsets(&stage.snapshot()), [over; 2]);
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(12_000));
    let back = offsets(&stage.play(7_000, 9_500, 5_000).snapshot());
    assert_eq!((back.len(), &back[..2]), (4, &[over; 2][..]));
    assert!(back[2..].iter().all(|(offset, complete)| offset.is_some_and(|seconds| seconds > 1.0) && *complete == Some(false)));
    stage.segmenter.end(wall(14_600));
    assert_eq!(offsets(&stage.snapshot()), [(None, None); 4]);
}
