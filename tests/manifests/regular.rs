//! Periods that are told of by one duration.

use std::sync::Arc;

use proptest::prelude::*;
use sluicegate::dash;
use sluicegate::media::{Span, Timestamp};
use sluicegate::segment::options::Options;
use sluicegate::segment::request::Addressing;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::{Phase, Snapshot};

#[cfg(feature = "server")]
use super::held::Held;
use super::source::{Source, program, wall};

/// How far a segment may be from where its number has it: what the segmenter tolerates, and a frame of sound.
const NEAR: Span = Span::from_millis(125);

struct Stage {
    segmenter: Segmenter,
    source: Source,
    #[cfg(feature = "server")]
    held: Held,
}

impl Stage {
    fn new(source: Source) -> Self {
        let options = Options { dash_duration: true, ..Options::default() };
        Self {
            segmenter: Segmenter::new(options, program(source.tracks(31))).0,
            source,
            #[cfg(feature = "server")]
            held: Held::default(),
        }
    }

    /// Publishes `from..to` milliseconds and looks at every manifest on the way.
    fn play(&mut self, from: i64, to: i64, late: i64) -> Arc<Snapshot> {
        for (arrival, sample) in self.source.samples(from, to) {
            let now = wall(arrival + late);
            self.segmenter.push(sample, now);
            let Some(snapshot) = self.segmenter.snapshot() else { continue };
            #[cfg(feature = "server")]
            self.held.look(&snapshot, now);
            assert_numbers_lead_to_their_segments(&snapshot);
        }
        self.segmenter.snapshot().expect("the stream was announced")
    }
}

/// How each period is told of: the duration that its segments have, in milliseconds, and the number of its last one, if it says so.
fn told(snapshot: &Snapshot) -> Vec<Option<(i64, Option<u64>)>> {
    let mpd = dash_mpd_core::parse(&dash::manifest(snapshot, "/time", "")).unwrap();
    let of = |period: &dash_mpd_core::Period| {
        let templates = period.adaptations.iter().flat_map(|set| &set.representations).map(|each| each.SegmentTemplate.as_ref().unwrap());
        let told = templates.map(|template| {
            assert_ne!(template.duration.is_some(), template.SegmentTimeline.is_some(), "one or the other");
            let scale = template.timescale.unwrap() as f64;
            template.duration.map(|ticks| ((ticks * 1_000.0 / scale).round() as i64, template.endNumber))
        });
        let told: Vec<_> = told.collect();
        // Whole ticks of one track are not those of another.
        let millis = |each: &Option<(i64, Option<u64>)>| each.map_or(0, |(millis, _)| millis);
        let is_alike = |each: &Option<(i64, Option<u64>)>| {
            (millis(each) - millis(&told[0])).abs() <= 1 && each.map(|(_, last)| last) == told[0].map(|(_, last)| last)
        };
        assert!(told.iter().all(is_alike), "all tracks alike: {told:?}");
        told[0]
    };
    mpd.periods.iter().map(of).collect()
}

fn assert_numbers_lead_to_their_segments(snapshot: &Snapshot) {
    for slot in &snapshot.slots {
        let Some((period, regular)) = slot.period.as_ref().and_then(|period| Some((period, period.regular?))) else { continue };
        for segment in &slot.segments {
            let scale = segment.start.scale();
            let count = (slot.msn.0 - regular.first.0) as i64;
            let place = Timestamp::new(period.start.rescale(scale) + count * regular.duration.ticks(scale), scale);
            assert!(segment.start.since(place).abs() <= NEAR, "{:?} is {:?} away", slot.msn, segment.start.since(place));
        }
    }
}

#[test]
fn a_steady_source_is_told_of_by_one_duration_after_four_segments() {
    let mut stage = Stage::new(Source::default());
    assert_eq!(told(&stage.play(0, 8_000, 0)), [None]);
    let snapshot = stage.play(8_000, 12_000, 0);
    assert_eq!(told(&snapshot), [None, Some((2_000, None))]);
    let manifest = dash::manifest(&snapshot, "/time", "");
    let template = r#"<SegmentTemplate timescale="90000" presentationTimeOffset="720000" startNumber="1790000004" duration="180000" initialization="v0-1790000000000-i1.mp4" media="v0-1790000000000-$Number$.m4s" availabilityTimeOffset="1.665" availabilityTimeComplete="false"/>"#;
    assert!(manifest.contains(template), "{manifest}");
    let later = stage.play(12_000, 60_000, 0);
    assert_eq!(told(&later), [Some((2_000, None))], "the first number stays, whatever has left the window");
    let manifest = dash::manifest(&later, "/time", "");
    assert!(manifest.contains(template), "{manifest}");
}

#[test]
fn a_manifest_that_tells_nothing_new_is_the_one_before_it() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 60_000, 0);
    let mut former = dash::manifest(&stage.segmenter.snapshot().unwrap(), "/time", "");
    let mut texts = vec![former.clone()];
    for start in (60_000..80_000).step_by(2_000) {
        let snapshot = stage.play(start, start + 2_000, 0);
        assert_ne!(dash::manifest(&snapshot, "/time", ""), texts[0], "segments have come and gone");
        former = dash::manifest_after(Some(&former), &snapshot, Addressing::Number, "/time", "");
        texts.push(former.clone());
    }
    for text in &texts {
        assert_eq!(*text, texts[0], "and nothing of that is told");
    }
    stage.segmenter.away(wall(80_000));
    let away = dash::manifest_after(Some(&former), &stage.segmenter.snapshot().unwrap(), Addressing::Number, "/time", "");
    assert_ne!(away, former, "the period has ended");
    assert_eq!(dash::manifest_after(None, &stage.segmenter.snapshot().unwrap(), Addressing::Number, "/time", ""), away);
}

#[test]
fn nothing_is_told_so_unless_it_is_asked_for() {
    let source = Source::default();
    let (mut segmenter, _) = Segmenter::new(Options::default(), program(source.tracks(31)));
    source.samples(0, 30_000).into_iter().for_each(|(at, sample)| segmenter.push(sample, wall(at)));
    assert_eq!(told(&segmenter.snapshot().unwrap()), [None]);
}

#[test]
fn lengths_that_are_no_whole_milliseconds_are_measured() {
    // Eight seconds and a third, as publishers round them.
    let mut stage = Stage::new(Source { gops: vec![250], ..Source::default() });
    assert_eq!(told(&stage.play(0, 45_000, 0)), [None, Some((8_333, None))]);
}

#[test]
fn a_segment_of_another_length_ends_the_period() {
    let gops = [[60; 8].as_slice(), &[68], &[60; 16]].concat();
    let source = Source { gops, ..Source::default() };
    let mut stage = Stage::new(source.clone());
    // The long one is as its number says, what follows is not.
    let snapshot = stage.play(0, 19_500, 0);
    let last = snapshot.slots[8].msn.0;
    assert_eq!(told(&snapshot), [None, Some((2_000, Some(last))), None]);
    let manifest = dash::manifest(&snapshot, "/time", "");
    assert!(manifest.contains("duration=\"PT10.266S\""), "four of two seconds and a longer one: {manifest}");
    let later = told(&Stage::new(source).play(0, 40_000, 0));
    assert_eq!(later.last(), Some(&Some((2_000, None))), "and eight that are alike are believed again");
}

#[test]
fn a_return_goes_back_to_the_timeline_and_the_end_keeps_the_window() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 14_000, 0);
    stage.segmenter.away(wall(14_000));
    let away = stage.segmenter.snapshot().unwrap();
    let last = away.last_media.as_ref().unwrap().msn.0;
    assert_eq!(told(&away), [None, Some((2_000, Some(last)))]);
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(18_000));
    assert_eq!(told(&stage.play(14_000, 17_000, 4_000)), [None, Some((2_000, Some(last))), None]);
    stage.play(17_000, 30_000, 4_000);
    stage.segmenter.end(wall(34_000));
    let ended = stage.segmenter.snapshot().unwrap();
    let manifest = dash::manifest(&ended, "/time", "");
    assert_eq!(ended.phase, Phase::Ended);
    // A static manifest would tell of all segments since the period began.
    assert!(manifest.contains("type=\"dynamic\"") && !manifest.contains("minimumUpdatePeriod"), "{manifest}");
    assert!(manifest.contains("mediaPresentationDuration") && manifest.contains("timeShiftBufferDepth=\"PT20S\""));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_lead_to_their_segments_whatever_the_source_does(
        gops in proptest::collection::vec((prop_oneof![4 => Just(60_usize), 1 => 20..120_usize], 1..12_usize), 1..6),
        b_frames in 0..3_usize,
        sample_rate in proptest::sample::select(vec![44_100_u32, 48_000, 22_050]),
        frames_per_second in proptest::sample::select(vec![24_i64, 30, 50]),
    ) {
        let gops = gops.into_iter().flat_map(|(frames, times)| std::iter::repeat_n(frames, times)).collect();
        let mut stage = Stage::new(Source { gops, b_frames, sample_rate: Some(sample_rate), frames_per_second, ..Source::default() });
        let snapshot = stage.play(0, 60_000, 100);
        told(&snapshot);
    }
}
