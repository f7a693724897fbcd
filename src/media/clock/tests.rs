use proptest::prelude::*;

use super::*;

const RATE: u32 = 44_100;
const FRAME: i64 = 1_024;

fn rate() -> Timescale {
    Timescale::new(RATE).unwrap()
}

fn clock() -> Clock {
    let mut clock = Clock::new(Options::default());
    clock.set_track(TrackId::VIDEO, Pace::Stamped(Timescale::VIDEO), None);
    clock.set_track(TrackId::AUDIO, Pace::Counted { rate: rate(), frame: FRAME as u32 }, None);
    clock
}

/// The timestamp of the `n`th access unit of a track that begins at `start`, rounded down as encoders do.
fn audio_stamp(start: u64, n: u64) -> u32 {
    (start + n * FRAME as u64 * 1_000 / u64::from(RATE)) as u32
}

fn video_stamp(start: u64, n: u64) -> u32 {
    (start + n * 1_000 / 25) as u32
}

#[test]
fn the_timeline_starts_at_zero_wherever_the_encoder_starts() {
    for start in [0, 1, 5_000, u32::MAX, u32::MAX / 2] {
        let mut clock = clock();
        let placed = clock.place(TrackId::VIDEO, start, true).unwrap();
        assert_eq!((placed.dts.ticks(), placed.is_discontinuity), (0, false), "{start}");
        let next = clock.place(TrackId::VIDEO, start.wrapping_add(40), false).unwrap();
        assert_eq!(next.dts.ticks(), 3_600, "{start}");
    }
}

#[test]
fn rounding_to_milliseconds_vanishes_from_audio() {
    let mut clock = clock();
    for n in 0..20_000 {
        let placed = clock.place(TrackId::AUDIO, audio_stamp(7, n), true).unwrap();
        assert_eq!(placed.dts.ticks(), n as i64 * FRAME);
        assert!(!placed.is_repaired);
    }
}

#[test]
fn lost_audio_leaves_its_gap() {
    let mut clock = clock();
    for n in (0..100).chain(110..200) {
        let placed = clock.place(TrackId::AUDIO, audio_stamp(0, n), true).unwrap();
        let exact = n as i64 * FRAME;
        assert!((placed.dts.ticks() - exact).abs() <= i64::from(RATE / 1_000), "{n}: {placed:?}");
        assert_eq!(placed.is_repaired, n == 110);
    }
}

#[test]
fn counters_of_24_31_and_32_bits_wrap_without_a_trace() {
    for counter in [1_u64 << 24, 1 << 31, 1 << 32] {
        let mut clock = clock();
        let start = counter - 3_000;
        for n in 0..150 {
            let stamp = (u64::from(video_stamp(0, n)) + start) % counter;
            let video = clock.place(TrackId::VIDEO, stamp as u32, n == 0).unwrap();
            assert_eq!((video.dts.millis(), video.is_discontinuity), (n as i64 * 40, false), "{counter}");
            // Sound lags behind: it is on the other side of the wrap for a while.
            if n >= 12 {
                let stamp = (u64::from(video_stamp(0, n - 12)) + start) % counter;
                let audio = clock.place(TrackId { kind: Kind::Audio, index: 1 }, stamp as u32, true).unwrap();
                assert_eq!((audio.dts.millis(), audio.is_discontinuity), ((n as i64 - 12) * 40, false), "{counter}");
            }
        }
    }
}

#[test]
fn duplicates_and_small_steps_back_are_repaired() {
    let mut clock = clock();
    let dts: Vec<_> = [0, 40, 40, 30, 120, 160].map(|stamp| clock.place(TrackId::VIDEO, stamp, false).unwrap()).into();
    assert_eq!(dts.iter().map(|placed| placed.dts.ticks()).collect::<Vec<_>>(), [0, 3_600, 3_690, 3_780, 10_800, 14_400]);
    assert_eq!(dts.iter().map(|placed| placed.is_repaired).collect::<Vec<_>>(), [false, false, true, true, false, false]);
    assert!(dts.iter().all(|placed| !placed.is_discontinuity));
}

#[test]
fn one_wild_timestamp_is_dirt_and_leaves_no_trace() {
    let mut clock = clock();
    let stamps = [100_000, 100_040, 0, 100_120, 100_160];
    let placed = stamps.map(|stamp| clock.place(TrackId::VIDEO, stamp, false).unwrap());
    assert_eq!(placed.map(|placed| placed.dts.millis()), [0, 40, 80, 120, 160]);
    assert!(placed[2].is_repaired && placed.iter().all(|placed| !placed.is_discontinuity));
}

#[test]
fn a_jump_is_told_once_and_carries_all_tracks_over_together() {
    for (from, to) in [(0_u64, 7_200_000), (7_200_000, 0), (50_000, 45_000), (0, 3_000_000_000)] {
        let mut clock = clock();
        let mut jumps = 0;
        for n in 0..200 {
            let start = if n < 100 { from } else { to };
            let video = clock.place(TrackId::VIDEO, video_stamp(start, n), n % 50 == 0).unwrap();
            let audio = clock.place(TrackId::AUDIO, video_stamp(start, n) + 10, true).unwrap();
            jumps += usize::from(video.is_discontinuity) + usize::from(audio.is_discontinuity);
            assert!(video.dts.millis() - n as i64 * 40 <= 60, "no hole: {video:?} at {n}");
            let offset = audio.dts.since(video.dts).millis();
            assert!((offset - 10).abs() <= 35, "{from} to {to} at {n}: sound is {offset} ms behind");
        }
        assert_eq!(jumps, 1, "{from} to {to}");
    }
}

#[test]
fn samples_from_before_a_jump_that_come_late_stay_where_they_belong() {
    let mut clock = clock();
    for n in 0..50 {
        clock.place(TrackId::VIDEO, video_stamp(0, n), n == 0).unwrap();
        clock.place(TrackId::AUDIO, video_stamp(0, n), true).unwrap();
    }
    let jump = clock.place(TrackId::VIDEO, 9_000_000, true).unwrap();
    assert_eq!((jump.is_discontinuity, jump.dts.millis()), (true, 2_000));
    let late = clock.place(TrackId::AUDIO, 1_985, true).unwrap();
    assert!(!late.is_discontinuity && late.dts < jump.dts, "{late:?}");
    let after = clock.place(TrackId::AUDIO, 9_000_030, true).unwrap();
    assert_eq!((after.is_discontinuity, after.dts.millis()), (false, 2_030));
}

#[test]
fn a_track_that_fell_silent_comes_back_in_its_place() {
    let mut clock = clock();
    for n in 0..1_000 {
        clock.place(TrackId::VIDEO, video_stamp(0, n), n == 0).unwrap();
        if !(50..950).contains(&n) {
            let audio = clock.place(TrackId::AUDIO, video_stamp(0, n), true).unwrap();
            assert!(!audio.is_discontinuity);
            assert!((audio.dts.millis() - n as i64 * 40).abs() <= 35, "{n}: {audio:?}");
        }
    }
}

#[test]
fn a_new_connection_goes_on_directly_behind_the_newest_sample() {
    let last = Timestamp::new(900_000, Timescale::VIDEO);
    let mut clock = Clock::resume(Options::default(), Timestamp::from_millis(10_040));
    clock.set_track(TrackId::VIDEO, Pace::Stamped(Timescale::VIDEO), Some(last));
    clock.anchor(500, Span::ZERO);
    let first = clock.place(TrackId::VIDEO, 500, true).unwrap();
    assert_eq!((first.dts.millis(), first.is_discontinuity), (10_040, false));
    assert_eq!(clock.place(TrackId::AUDIO, 480, true), None, "what is before the anchor cannot be played");
    assert_eq!(clock.place(TrackId::AUDIO, 510, true).unwrap().dts.millis(), 10_050);
}

#[test]
fn script_data_never_disturbs_the_media() {
    let mut clock = clock();
    clock.place(TrackId::VIDEO, 3_600_000, true).unwrap();
    clock.place(TrackId::VIDEO, 3_600_040, false).unwrap();
    let data = clock.place(TrackId::DATA, 0, true).unwrap();
    assert_eq!((data.dts.millis(), data.is_discontinuity), (40, false));
    let video = clock.place(TrackId::VIDEO, 3_600_080, false).unwrap();
    assert_eq!((video.dts.millis(), video.is_discontinuity, video.is_repaired), (80, false, false));
    assert_eq!(clock.place(TrackId::DATA, 3_600_075, true).unwrap().dts.millis(), 75);
}

#[test]
fn a_changed_sample_rate_counts_on_from_the_same_moment() {
    let mut clock = clock();
    for n in 0..100 {
        clock.place(TrackId::AUDIO, audio_stamp(0, n), true).unwrap();
    }
    clock.set_track(TrackId::AUDIO, Pace::Counted { rate: Timescale::new(48_000).unwrap(), frame: 1_024 }, None);
    let next = clock.place(TrackId::AUDIO, audio_stamp(0, 100), true).unwrap();
    assert_eq!((next.dts.scale().hz(), next.dts.millis(), next.is_repaired), (48_000, 2_322, false));
}

/// A message as an arbitrary publisher may send it.
fn dirt() -> impl Strategy<Value = (u8, u32, bool)> {
    let near = (0_u32..400).prop_map(|step| step.wrapping_sub(50));
    (0_u8..4, prop_oneof![8 => near, 1 => any::<u32>(), 1 => Just(0)], any::<bool>())
}

proptest! {
    #[test]
    fn whatever_comes_in_time_is_never_negative_and_strictly_increases(messages in proptest::collection::vec(dirt(), 1..300)) {
        let mut clock = clock();
        let mut last: std::collections::BTreeMap<TrackId, Timestamp> = std::collections::BTreeMap::new();
        let mut stamp = 0_u32;
        for (which, step, is_start) in messages {
            let id = [TrackId::VIDEO, TrackId::AUDIO, TrackId::DATA, TrackId { kind: Kind::Video, index: 3 }][usize::from(which)];
            stamp = stamp.wrapping_add(step);
            let Some(placed) = clock.place(id, stamp, is_start) else { continue };
            prop_assert!(placed.dts.ticks() >= 0);
            if let Some(before) = last.insert(id, placed.dts) {
                prop_assert!(before < placed.dts, "{id}: {before:?} then {:?}", placed.dts);
            }
            prop_assert!(placed.dts <= clock.end());
        }
    }

    #[test]
    fn sound_and_picture_keep_their_offset_through_jitter_and_jumps(
        start in any::<u32>(),
        skew in -2_000_i64..2_000,
        jitter in proptest::collection::vec(-8_i64..8, 400),
        jumps in proptest::collection::btree_map(1_u64..7, 20_000_u32..2_000_000_000, 0..4),
    ) {
        let mut clock = clock();
        let (mut base, mut told, mut sent) = (start, 0, Vec::new());
        // Sound comes as often as pictures, so its timestamps run away from its count and it is anchored again and again.
        for n in 0..400_u64 {
            if n % 50 == 0 && let Some(jump) = jumps.get(&(n / 50)) {
                base = base.wrapping_add(*jump);
            }
            let stamp = base.wrapping_add(video_stamp(0, n));
            let audio = stamp.wrapping_add((skew + jitter[n as usize]) as u32);
            let picture = clock.place(TrackId::VIDEO, stamp, n % 50 == 0);
            let sound = clock.place(TrackId::AUDIO, audio, true);
            told += [picture, sound].iter().flatten().filter(|placed| placed.is_discontinuity).count();
            sent.push((picture, sound));
        }
        prop_assert_eq!(told, jumps.len());
        // Once both are placed after a jump and overlaps have run out, the offset is what was sent.
        for (n, (picture, sound)) in sent.iter().enumerate() {
            if let (Some(picture), Some(sound), 49) = (picture, sound, n % 50) {
                let offset = sound.dts.since(picture.dts).millis();
                prop_assert!((offset - skew).abs() <= 48, "{} ms instead of {} at {}", offset, skew, n);
            }
        }
    }
}

#[test]
fn dirt_right_after_a_changed_sample_rate_is_placed_by_the_new_one() {
    let mut clock = clock();
    clock.place(TrackId::AUDIO, 0, true).unwrap();
    let rate = Timescale::new(48_000).unwrap();
    clock.set_track(TrackId::AUDIO, Pace::Counted { rate, frame: 1_024 }, None);
    let placed = clock.place(TrackId::AUDIO, 900_000, true).unwrap();
    assert_eq!((placed.dts.scale(), placed.dts.ticks()), (rate, 1_115), "one frame of the old rate later");
}
