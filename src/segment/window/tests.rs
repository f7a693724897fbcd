//! What a window lists, keeps and lets go.

mod model;

use bytes::Bytes;

use crate::media::codec::{AvcConfig, VideoShape};
use crate::media::{Codec, Timescale, Timestamp, Track, TrackId};
use crate::segment::body::{Body, Place, Volume};
use crate::segment::iframes::IFrames;
use crate::segment::pieces::Pieces;
use crate::segment::snapshot::{Init, MediaSequence, Part, PartNumber, Period, Segment};

use super::*;

fn video_track() -> Track {
    let record = Bytes::from_static(b"\x01\x64\x00\x1f\xff\xe1\x00\x04\x67\x64\x00\x1f\x01\x00\x02\x68\xce");
    let shape = VideoShape { frame_rate: Some(30.0), ..VideoShape::new(1280, 720) };
    let codec = Codec::Avc(AvcConfig { record, length_size: 4, shape });
    Track::new(TrackId::VIDEO, codec)
}

fn slot(n: u64, size: usize, discontinuity: bool) -> Arc<Slot> {
    let init = Arc::new(Init { track: Arc::new(video_track()), generation: 1, bytes: Bytes::new() });
    let (start, wall) = (Timestamp::new(n as i64 * 180_000, Timescale::VIDEO), WallClock::from_unix_millis(n as i64 * 2_000));
    let bytes = Bytes::from(vec![0; size]);
    let parts = vec![Part { number: PartNumber(n), duration: 180_000, independent: true, bytes: bytes.clone() }];
    let segment = Segment {
        init,
        start,
        arrived: wall,
        duration: 180_000,
        independent: true,
        parts: parts.into(),
        iframes: IFrames::default(),
        body: bytes.into(),
    };
    let period = Some(Arc::new(Period { index: 0, start, wall, arrived: wall, inits: Vec::new(), regular: None }));
    Arc::new(Slot {
        msn: MediaSequence(n),
        start,
        wall,
        duration: Span::from_secs(2),
        discontinuity,
        period,
        segments: vec![Arc::new(segment)],
    })
}

fn empty(seconds: i64, memory: u64) -> Window {
    let limits = Limits { memory: Allowance::of(memory, 4), spool: u64::MAX };
    Window::new(Span::from_secs(seconds), Span::from_secs(2), limits)
}

fn filled(window: &mut Window, count: u64, size: usize) -> Counters {
    let mut counters = Counters::default();
    for n in 0..count {
        window.append(slot(n, size, n == 2), WallClock::from_unix_millis((n as i64 + 1) * 2_000), &mut counters);
    }
    counters
}

fn numbers(slots: &Slots) -> Vec<u64> {
    slots.iter().map(|slot| slot.msn.0).collect()
}

#[test]
fn the_list_slides_and_what_leaves_it_stays_for_its_own_and_the_longest_lists_duration() {
    let mut window = empty(20, u64::MAX);
    filled(&mut window, 13, 1);
    assert_eq!(numbers(window.listed()), (3..13).collect::<Vec<_>>());
    assert_eq!(numbers(window.retained()), [0, 1, 2]);
    assert_eq!(window.discontinuity_sequence(), 1);
    // Slot 0 left at 22 s, when the list had been 22 s long for a moment: 2 + 22 s later it is gone.
    let mut pass = |millis| window.pass(WallClock::from_unix_millis(millis), &mut Counters::default());
    assert_eq!((pass(45_999), pass(46_000)), (Change::None, Change::Kept));
    assert_eq!(numbers(window.retained()), [1, 2]);
}

#[test]
fn six_segments_are_listed_however_short_the_window() {
    let mut window = empty(3, u64::MAX);
    filled(&mut window, 9, 1);
    assert_eq!(numbers(window.listed()), [3, 4, 5, 6, 7, 8]);
}

#[test]
fn the_memory_limit_takes_the_oldest_first_and_leaves_three_to_play() {
    let mut window = empty(20, 500);
    let counters = filled(&mut window, 10, 100);
    assert_eq!(numbers(window.listed()), [5, 6, 7, 8, 9]);
    assert_eq!((window.retained().len(), window.usage().memory, counters.evicted_segments), (0, 500, 5));
    let mut window = empty(20, 150);
    filled(&mut window, 5, 100);
    assert_eq!(numbers(window.listed()), [2, 3, 4]);
}

#[test]
fn the_last_media_is_remembered_behind_any_number_of_gaps() {
    let mut window = empty(20, u64::MAX);
    filled(&mut window, 3, 1);
    let mut counters = Counters::default();
    for n in 3..40 {
        let gap = Slot { period: None, segments: Vec::new(), ..(*slot(n, 0, false)).clone() };
        window.append(Arc::new(gap), WallClock::from_unix_millis(n as i64 * 2_000), &mut counters);
    }
    assert_eq!(window.last_media().map(|slot| slot.msn), Some(MediaSequence(2)));
}

/// Everything that is offered is written, 64 slots to a volume.
fn spool(window: &mut Window) -> Vec<u64> {
    let mut written = Vec::new();
    while let Some(slot) = window.offer() {
        let length = slot.in_memory() as usize;
        let places = vec![Place { volume: Volume::new(slot.msn.0 / 64, ()), offset: slot.msn.0 % 64 * 100, length }];
        window.spooled(&Spooled { msn: slot.msn, places });
        written.push(slot.msn.0);
    }
    written
}

fn wall(n: u64) -> WallClock {
    WallClock::from_unix_millis(n as i64 * 2_000)
}

/// Appends slots of 100 bytes and spools what is offered.
fn play(window: &mut Window, range: std::ops::Range<u64>, counters: &mut Counters) {
    for n in range {
        window.append(slot(n, 100, false), wall(n + 1), counters);
        spool(window);
    }
}

#[test]
fn parts_stay_for_the_playlists_that_list_them_and_for_those_who_read_these() {
    let mut window = empty(60, u64::MAX);
    let counters = &mut Counters::default();
    (0..20).for_each(|n| window.append(slot(n, 1, false), wall(n + 1), counters));
    let with_parts = |window: &Window| {
        let slots = window.listed().iter().filter(|slot| !slot.segments[0].parts.is_empty());
        slots.map(|slot| slot.msn.0).collect::<Vec<_>>()
    };
    // 40 s have passed: what ended before 32 s is listed no more, and what did before 26 s has not been for 6 s.
    assert_eq!(with_parts(&window), (13..20).collect::<Vec<_>>());
    assert_eq!(window.pass(WallClock::from_unix_millis(41_999), counters), Change::None);
    assert_eq!(with_parts(&window), (13..20).collect::<Vec<_>>());
    window.pass(wall(21), counters);
    assert_eq!(with_parts(&window), (14..20).collect::<Vec<_>>(), "time alone is enough");
    assert!(window.listed().iter().all(|slot| slot.segments[0].body.len() == 1), "the segments stay");
}

#[test]
fn what_is_old_leaves_memory_for_the_spool_before_memory_is_full() {
    let mut window = empty(600, 2_000);
    let mut counters = Counters::default();
    play(&mut window, 0..100, &mut counters);
    let usage = Usage { memory: 1_500, spooled: 8_500, spooled_segments: 85 };
    assert_eq!((window.usage(), counters), (usage, Counters::default()));
    assert_eq!((window.listed().len(), window.retained().len()), (100, 0));
    let spooled = window.listed().iter().filter(|slot| slot.is_spooled()).count();
    assert_eq!(spooled, 85);
    assert!(window.listed().iter().all(|slot| slot.segments[0].body.len() == 100));
    // Parts are in memory only: who still needs them keeps his segment there.
    window.set_limits(Limits { memory: Allowance::of(0, 4), spool: u64::MAX });
    assert_eq!(spool(&mut window), (85..93).collect::<Vec<_>>());
}

#[test]
fn a_full_spool_forgets_whole_volumes_and_nothing_else() {
    let mut window = empty(600, 2_000);
    let mut counters = Counters::default();
    play(&mut window, 0..100, &mut counters);
    window.set_limits(Limits { memory: Allowance::of(2_000, 4), spool: 8_499 });
    assert_eq!(window.pass(wall(100), &mut counters), Change::Listed);
    assert_eq!(window.usage(), Usage { memory: 1_500, spooled: 2_100, spooled_segments: 21 });
    assert_eq!((window.listed()[0].msn, window.listed().len(), window.retained().len()), (MediaSequence(64), 36, 0));
    assert_eq!((counters.overflowed_segments, counters.evicted_segments), (64, 0));
}

#[test]
fn a_disk_that_hangs_costs_the_list_what_memory_cannot_hold_and_never_a_hole() {
    let mut window = empty(600, 2_000);
    let mut counters = Counters::default();
    play(&mut window, 0..50, &mut counters);
    // Nothing is written from here on: memory fills, and then the oldest in memory go.
    let mut waiting = Vec::new();
    for n in 50..70 {
        window.append(slot(n, 100, false), wall(n + 1), &mut counters);
        waiting.extend(window.offer());
    }
    assert_eq!((window.usage().memory, counters.evicted_segments), (2_000, 15));
    assert_eq!(numbers(window.listed()), (50..70).collect::<Vec<_>>(), "a list has no holes");
    assert_eq!(numbers(window.retained()), (0..50).collect::<Vec<_>>());
    let kept = window.retained().iter().filter(|slot| slot.is_spooled()).count();
    let gone = window.retained().iter().filter(|slot| slot.segments.is_empty()).count();
    assert_eq!((kept, gone), (35, 15), "what is in the spool can be fetched by those who still list it");
    // The disk comes back: what is still here is taken, what is not is not.
    for slot in waiting {
        let places = vec![Place { volume: Volume::new(9, ()), offset: 0, length: 100 }];
        window.spooled(&Spooled { msn: slot.msn, places });
    }
    assert!(window.usage().memory < 2_000 && window.usage().spooled_segments > kept);
    assert_eq!(numbers(window.listed()), (50..70).collect::<Vec<_>>());
    assert!(window.listed().iter().all(|slot| slot.segments[0].body.len() == 100));
}

#[test]
fn gaps_take_nothing_and_are_passed_over() {
    let mut window = empty(600, 1_000);
    let counters = &mut Counters::default();
    for n in 0..60 {
        let slot = slot(n, 100, false);
        let gap = Slot { period: None, segments: Vec::new(), ..(*slot).clone() };
        window.append(if n % 3 == 0 { slot } else { Arc::new(gap) }, wall(n + 1), counters);
        spool(&mut window);
    }
    assert_eq!(window.usage(), Usage { memory: 700, spooled: 1_300, spooled_segments: 13 });
    assert_eq!((window.listed().len(), counters.evicted_segments), (60, 0));
    assert_eq!(window.inits().count(), 20, "each slot of this test has an init segment of its own");
}

#[test]
fn init_segments_and_tracks_go_with_the_last_slot_that_needs_them() {
    let mut window = empty(20, u64::MAX);
    let counters = &mut Counters::default();
    (0..10).for_each(|n| window.append(slot(n, 1, false), wall(n + 1), counters));
    assert_eq!((window.inits().count(), window.listed_tracks()), (10, vec![TrackId::VIDEO]));
    for n in 10..20 {
        let gap = Slot { period: None, segments: Vec::new(), ..(*slot(n, 0, false)).clone() };
        window.append(Arc::new(gap), wall(n + 1), counters);
    }
    assert_eq!((window.inits().count(), window.listed_tracks()), (10, vec![]), "they can be fetched, but nothing lists them");
    window.pass(wall(100), counters);
    assert_eq!((window.inits().count(), window.retained().len(), window.listed().len()), (0, 0, 10));
}
