//! Publishers whose clocks are not as fast as ours.

use std::sync::Arc;

use proptest::prelude::*;
use sluicegate::media::{Span, TrackId};
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::Segmenter;
use sluicegate::segment::snapshot::{Slot, Snapshot};

#[cfg(feature = "server")]
use super::held::Held;
use super::source::{Source, program, wall};

/// What is seen of a stream of `seconds`, each of which takes `change` milliseconds more than a second.
struct Played {
    snapshot: Arc<Snapshot>,
    /// All slots that there were, in order.
    slots: Vec<Arc<Slot>>,
    /// How long after its place on the wall clock each of them was there.
    late: Vec<Span>,
}

fn play(source: &Source, seconds: i64, change: i64) -> Played {
    let mut segmenter = Segmenter::new(Options::default(), program(source.tracks(31))).0;
    let (mut slots, mut late) = (Vec::<Arc<Slot>>::new(), Vec::new());
    #[cfg(feature = "server")]
    let mut held = Held::default();
    for (arrival, sample) in source.samples(0, seconds * 1_000) {
        let now = wall(arrival + arrival * change / 1_000);
        segmenter.push(sample, now);
        let Some(snapshot) = segmenter.snapshot() else { continue };
        #[cfg(feature = "server")]
        held.look(&snapshot, now);
        for slot in snapshot.slots.iter().filter(|slot| slots.last().is_none_or(|last| last.msn < slot.msn)).cloned().collect::<Vec<_>>() {
            late.push(now.since(slot.wall_end()));
            slots.push(slot);
        }
    }
    Played { snapshot: segmenter.snapshot().expect("the stream was announced"), slots, late }
}

/// Whether places on the wall clock follow one another without an overlap.
fn follow(slots: &[Arc<Slot>]) -> bool {
    slots.windows(2).all(|pair| pair[1].wall >= pair[0].wall_end())
}

fn periods(slots: &[Arc<Slot>]) -> u64 {
    slots.last().and_then(|slot| slot.period.as_ref()).map_or(0, |period| period.index + 1)
}

#[test]
fn a_publisher_with_a_slow_clock_gets_a_period_with_later_times() {
    let Played { snapshot, slots, late } = play(&Source::default(), 80, 60);
    assert!(late.iter().all(|late| *late < Span::from_secs(3)), "{late:?}");
    assert!(periods(&slots) > 1 && follow(&slots));
    assert!(slots.iter().all(|slot| !slot.discontinuity), "media time runs on");
    assert_eq!(snapshot.counters.dropped_samples, 0);
}

#[test]
fn a_publisher_with_a_fast_clock_loses_a_group_of_pictures_and_gets_a_period() {
    let Played { snapshot, slots, late } = play(&Source::default(), 160, -60);
    assert!(late.iter().all(|late| *late > Span::from_secs(-4)), "{late:?}");
    assert!(periods(&slots) > 2 && follow(&slots));
    let breaks: Vec<_> = slots.windows(2).filter(|pair| pair[1].discontinuity).collect();
    assert_eq!(breaks.len() as u64, periods(&slots) - 1);
    for pair in &breaks {
        let end = pair[0].start.plus(pair[0].duration);
        assert_eq!(pair[1].start.since(end), Span::from_secs(2), "a group of pictures is missing");
        let [before, after] = [0, 1].map(|at| pair[at].segment(TrackId::AUDIO).expect("sound goes on"));
        assert!(before.start.plus_ticks(before.duration).since(end).abs() < Span::from_millis(25), "the sound before it is whole");
        assert!(after.start.since(pair[1].start).abs() < Span::from_millis(25), "and so is what follows");
    }
    let lost = snapshot.counters.dropped_samples / breaks.len() as u64;
    assert!((60 + 90..=60 + 96).contains(&lost), "{lost}: pictures and sound of two seconds");
}

#[test]
fn a_clock_as_good_as_ours_loses_nothing_however_it_begins() {
    // What was sent before is there at once: all that follows is ahead of it.
    let mut segmenter = Segmenter::new(Options::default(), program(Source::default().tracks(31))).0;
    for (arrival, sample) in Source::default().samples(0, 60_000) {
        segmenter.push(sample, wall((arrival - 4_000).max(0)));
    }
    let snapshot = segmenter.snapshot().unwrap();
    assert_eq!(snapshot.counters.dropped_samples, 0);
    assert!(snapshot.slots.iter().all(|slot| slot.period.as_ref().is_some_and(|period| period.index == 0)));
}

#[test]
fn what_is_sent_faster_than_any_clock_is_a_file_and_loses_nothing() {
    let Played { snapshot, slots, .. } = play(&Source::default(), 120, -500);
    assert_eq!((snapshot.counters.dropped_samples, periods(&slots)), (0, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn media_stays_near_its_places_on_the_wall_clock(
        change in -80..80_i64,
        gop in 20..130_usize,
        b_frames in 0..3_usize,
        audio_late in -200..200_i64,
    ) {
        let source = Source { gops: vec![gop], b_frames, audio_late, ..Source::default() };
        let Played { slots, late, .. } = play(&source, 120, change);
        prop_assert!(follow(&slots));
        let longest = Span::from_millis(gop as i64 * 1_000 / 30).max(Span::from_secs(1)).millis();
        let usual = late.iter().take(8).map(|late| late.millis().abs()).max().unwrap_or(0);
        // Until it is noticed, five slots pass; as many had passed before that was measured from which it counts.
        let slot = slots.iter().map(|slot| slot.duration.millis()).max().unwrap_or(0);
        let bound = longest + usual + (slot * 12 * change.abs() / 1_000) + 500;
        prop_assert!(late.iter().all(|late| late.millis().abs() <= bound), "{late:?} beyond {bound}");
    }
}
