//! The timelines that encoders really send, and what viewers get of them.
//!
//! A nominal stream (25 pictures a second, a keyframe each second, AAC at 44.1 kHz) is stamped in the way of each row. Every sample carries
//! its number, so that the place it got on the bus is compared with the time at which it was recorded.

use super::*;
use crate::bus::Cause;

/// Of the nominal stream.
const SECONDS: u64 = 12;
const FRAME: u64 = 1_024;
const RATE: u64 = 44_100;
/// Jumps come here, at a keyframe.
const JUMP: u64 = 6_000;

/// One way of stamping, and what has to come of it.
struct Row {
    what: &'static str,
    /// The timestamp of a picture or a sound recorded at so many milliseconds.
    stamp: fn(Kind, u64) -> u64,
    /// Whether it is sent at all.
    sends: fn(Kind, u64) -> bool,
    /// How much later than pictures sound arrives, in milliseconds.
    sound_late: u64,
    /// Breaks that viewers are told of.
    breaks: usize,
    /// Heads beyond the first that are no breaks.
    configs: usize,
    /// How far from its recorded time a sample may be placed, in milliseconds.
    within: i64,
    /// By how much everything from [`JUMP`] on is placed later, because the timestamps are believed.
    hole: i64,
    /// Samples that may be missing.
    lost: usize,
}

use crate::media::Kind;

const CLEAN: Row =
    Row { what: "clean", stamp: |_, at| at, sends: |_, _| true, sound_late: 0, breaks: 0, configs: 0, within: 1, hole: 0, lost: 0 };

const ROWS: &[Row] = &[
    CLEAN,
    Row { what: "from one hour on", stamp: |_, at| 3_600_000 + at, ..CLEAN },
    Row { what: "from the epoch of Unix", stamp: |_, at| 1_795_000_000_000 + at, ..CLEAN },
    Row { what: "wrap at 32 bits", stamp: |_, at| (1 << 32) - 5_010 + at, ..CLEAN },
    Row { what: "wrap at 31 bits", stamp: |_, at| ((1 << 31) - 5_010 + at) % (1 << 31), ..CLEAN },
    Row { what: "past 31 bits without a wrap", stamp: |_, at| (1 << 31) - 5_010 + at, ..CLEAN },
    Row { what: "wrap at 24 bits", stamp: |_, at| ((1 << 24) - 5_010 + at) % (1 << 24), ..CLEAN },
    Row { what: "past 24 bits without a wrap", stamp: |_, at| (1 << 24) - 5_010 + at, ..CLEAN },
    Row { what: "wrap at 24 bits with sound arriving late", stamp: |_, at| ((1 << 24) - 5_010 + at) % (1 << 24), sound_late: 900, ..CLEAN },
    Row { what: "sound arriving two seconds late", sound_late: 2_000, ..CLEAN },
    Row { what: "sound from three seconds on", sends: |kind, at| kind == Kind::Video || at >= 3_000, ..CLEAN },
    Row { what: "pictures from three seconds on", sends: |kind, at| kind == Kind::Audio || at >= 3_000, ..CLEAN },
    Row { what: "sound that stops", sends: |kind, at| kind == Kind::Video || at < 3_000, ..CLEAN },
    Row { what: "sound that is away for seven seconds", sends: |kind, at| kind == Kind::Video || !(3_000..10_000).contains(&at), ..CLEAN },
    Row {
        what: "pictures that are away for seven seconds",
        sends: |kind, at| kind == Kind::Audio || !(3_000..10_000).contains(&at),
        ..CLEAN
    },
    Row { what: "jump forward by an hour", stamp: |_, at| at + if at < JUMP { 0 } else { 3_600_000 }, breaks: 1, within: 60, ..CLEAN },
    Row { what: "jump back to zero", stamp: |_, at| if at < JUMP { 90_000 + at } else { at - JUMP }, breaks: 1, within: 60, ..CLEAN },
    Row {
        what: "jump back by five seconds",
        stamp: |_, at| if at < JUMP { 90_000 + at } else { 85_000 + at },
        breaks: 1,
        within: 60,
        ..CLEAN
    },
    Row {
        what: "jump with sound arriving late",
        stamp: |_, at| at + if at < JUMP { 0 } else { 3_600_000 },
        sound_late: 900,
        breaks: 1,
        within: 60,
        ..CLEAN
    },
    Row {
        what: "jump from far up back to zero",
        stamp: |_, at| if at < JUMP { 0xF000_0000 + at } else { at },
        breaks: 1,
        within: 60,
        ..CLEAN
    },
    Row { what: "nine seconds left out", stamp: |_, at| at + if at < JUMP { 0 } else { 9_000 }, hole: 9_000, within: 30, ..CLEAN },
    Row {
        // The timestamps catch up with what was placed before: pictures crowd for as long as the step was.
        what: "half a second back",
        stamp: |_, at| 90_000 + at - if at < JUMP { 0 } else { 500 },
        hole: -500,
        within: 520,
        ..CLEAN
    },
    Row { what: "each timestamp twice", stamp: |kind, at| if kind == Kind::Video { at / 80 * 80 } else { at }, within: 40, ..CLEAN },
    Row { what: "sound stamped four at a time", stamp: |kind, at| if kind == Kind::Audio { bundled(at) } else { at }, within: 30, ..CLEAN },
    Row { what: "sound always at zero", stamp: |kind, at| if kind == Kind::Audio { 0 } else { at }, within: 1, ..CLEAN },
    Row {
        what: "pictures shaken by 15 ms",
        stamp: |kind, at| 1_000 + at + if kind == Kind::Video { at * 7 % 31 } else { 15 },
        within: 31,
        lost: 1,
        ..CLEAN
    },
    Row {
        what: "sound shaken by 15 ms",
        stamp: |kind, at| 1_000 + at + if kind == Kind::Audio { at * 7 % 31 } else { 15 },
        within: 31,
        lost: 1,
        ..CLEAN
    },
    Row { what: "sound rounded up", stamp: |kind, at| at + u64::from(kind == Kind::Audio && at > 0), within: 2, ..CLEAN },
    Row { what: "one wild picture", stamp: |kind, at| if (kind, at) == (Kind::Video, 6_040) { 77_000_000 } else { at }, ..CLEAN },
    Row { what: "one picture at zero", stamp: |kind, at| if (kind, at) == (Kind::Video, 6_040) { 0 } else { 90_000 + at }, ..CLEAN },
    Row {
        what: "one wild keyframe",
        stamp: |kind, at| if (kind, at) == (Kind::Video, JUMP) { 77_000_000 } else { at },
        breaks: 1,
        within: 120,
        lost: 24,
        ..CLEAN
    },
    // Sound and picture by clocks that run apart by a thousandth: the distance that was sent is kept, in steps too small to hear.
    Row { what: "sound that drifts", stamp: |kind, at| at + if kind == Kind::Audio { at / 1_000 } else { 0 }, within: 50, ..CLEAN },
    // The tracks share no clock: each goes by its own, side by side from the moment at which they met.
    Row {
        what: "sound by the wall clock and pictures from zero",
        stamp: |kind, at| if kind == Kind::Audio { 1_795_000_000_000 + at } else { at },
        within: 60,
        ..CLEAN
    },
];

/// The timestamp of the first of four frames.
fn bundled(at: u64) -> u64 {
    let number = (at * RATE).div_ceil(1_000 * FRAME);
    number / 4 * 4 * FRAME * 1_000 / RATE
}

/// One recorded picture or sound.
#[derive(Clone, Copy, Debug)]
struct Recorded {
    kind: Kind,
    number: u32,
    at: u64,
}

fn nominal() -> Vec<Recorded> {
    let pictures = (0..SECONDS * 25).map(|n| Recorded { kind: Kind::Video, number: n as u32, at: n * 40 });
    let sounds = (0..SECONDS * RATE / FRAME).map(|n| Recorded { kind: Kind::Audio, number: n as u32, at: n * FRAME * 1_000 / RATE });
    pictures.chain(sounds).collect()
}

impl Recorded {
    fn body(self) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        match self.kind {
            Kind::Video if self.number.is_multiple_of(25) => [&[0x17, 1, 0, 0, 0, 0, 0, 0, 6, 0x65, 0x88][..], &number].concat(),
            Kind::Video => [&[0x27, 1, 0, 0, 0, 0, 0, 0, 6, 0x41, 0x9A][..], &number].concat(),
            _ => [&[0xAF, 1, 0x21, 0x10][..], &number].concat(),
        }
    }

    fn tag(self) -> TagKind {
        if self.kind == Kind::Video { V } else { A }
    }
}

/// What the bus has of a stream.
#[derive(Default)]
struct Found {
    heads: Vec<Why>,
    /// Recorded time and place, in milliseconds, in the order of the bus.
    samples: Vec<(Kind, u64, i64)>,
    /// Ticks of sound by number.
    sound: Vec<(u32, i64)>,
}

impl Found {
    fn take(&mut self, bench: &mut Bench) {
        loop {
            let mut samples = Vec::new();
            let read = bench.reader.read(Budget::default(), &mut samples);
            for sample in samples {
                let number = u32::from_be_bytes(*sample.data.last_chunk().unwrap());
                if sample.track.kind == Kind::Video {
                    self.samples.push((Kind::Video, u64::from(number) * 40, sample.dts.millis()));
                } else {
                    self.samples.push((Kind::Audio, u64::from(number) * FRAME * 1_000 / RATE, sample.dts.millis()));
                    self.sound.push((number, sample.dts.ticks()));
                }
            }
            match read {
                Read::Head { why, .. } => self.heads.push(why),
                Read::Batch => {}
                Read::Empty | Read::End(_) => return,
            }
        }
    }
}

fn run(row: &Row) -> (usize, Found) {
    let mut messages: Vec<_> = nominal().into_iter().filter(|recorded| (row.sends)(recorded.kind, recorded.at)).collect();
    let arrival = |recorded: &Recorded| recorded.at + if recorded.kind == Kind::Audio { row.sound_late } else { 0 };
    messages.sort_by_key(arrival);
    let (mut bench, mut found) = (Bench::new(), Found::default());
    let start = bench.now;
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(A, 0, AUDIO_CONFIG);
    for recorded in &messages {
        bench.now = start + Duration::from_millis(arrival(recorded));
        bench.send(recorded.tag(), (row.stamp)(recorded.kind, recorded.at) as u32, &recorded.body());
        found.take(&mut bench);
    }
    (messages.len(), found)
}

#[test]
fn every_timeline_that_encoders_send_reaches_viewers_repaired() {
    for row in ROWS {
        let what = row.what;
        let (sent, found) = run(row);
        let breaks = found.heads.iter().filter(|why| **why == Why::Break(Cause::Timestamps)).count();
        assert_eq!(breaks, row.breaks, "{what}: {:?}", found.heads);
        assert_eq!(found.heads.len() - 1 - breaks, row.configs, "{what}: {:?}", found.heads);
        // Viewers join with the first picture, or the first sound heard with it.
        let first = found.samples.iter().find(|(kind, ..)| *kind == Kind::Video).unwrap().1;
        let before = nominal().iter().filter(|recorded| recorded.at < first && (row.sends)(recorded.kind, recorded.at)).count();
        let missing = sent - before - found.samples.len();
        assert!(missing <= row.lost, "{what}: {missing} samples are missing");
        let mut newest = [None; 2];
        for &(kind, at, place) in &found.samples {
            let expected = at as i64 - first as i64 + if at < JUMP { 0 } else { row.hole };
            assert!((place - expected).abs() <= row.within, "{what}: {kind:?} of {at} ms is at {place} instead of {expected}");
            assert!(newest[usize::from(kind == Kind::Audio)].replace(place).is_none_or(|before| before < place), "{what}: {at}");
        }
    }
}

#[test]
fn sound_is_counted_in_samples_whatever_its_milliseconds_were_rounded_to() {
    for row in ROWS.iter().filter(|row| row.within <= 1 && row.hole == 0) {
        let (_, found) = run(row);
        let (first, zero) = found.sound[0];
        let mut at = (first, zero);
        for &(number, ticks) in &found.sound {
            // Where sound was away it begins anew by its timestamp, and is counted on from there.
            let counted = at.1 + i64::from(number - at.0) * FRAME as i64;
            let slack = if number - at.0 > 1 { RATE as i64 / 1_000 + 1 } else { 0 };
            assert!((ticks - counted).abs() <= slack, "{}: sound {number} at {ticks} instead of {counted}", row.what);
            at = (number, ticks);
        }
    }
}

#[test]
fn ten_minutes_of_drift_are_followed_without_a_break() {
    let (mut bench, mut found) = (Bench::new(), Found::default());
    let start = bench.now;
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(A, 0, AUDIO_CONFIG);
    let (mut picture, mut sound) = (0_u32, 0_u32);
    // Sound's own clock is one part in 2,000 fast: 300 ms in ten minutes.
    let sound_at = |n: u32| u64::from(n) * FRAME * 1_000 * 2_000 / (RATE * 2_001);
    while picture < 15_000 {
        let (kind, number, at) = if u64::from(picture) * 40 <= sound_at(sound) {
            picture += 1;
            (Kind::Video, picture - 1, u64::from(picture - 1) * 40)
        } else {
            sound += 1;
            (Kind::Audio, sound - 1, sound_at(sound - 1))
        };
        bench.now = start + Duration::from_millis(at);
        bench.send(if kind == Kind::Video { V } else { A }, at as u32, &Recorded { kind, number, at }.body());
        found.take(&mut bench);
    }
    assert_eq!(found.heads, [Why::Joined]);
    assert_eq!(found.samples.len(), (picture + sound) as usize);
    for &(number, ticks) in &found.sound {
        let place = ticks * 1_000 / RATE as i64;
        assert!((place - sound_at(number) as i64).abs() <= 50, "sound {number} is at {place} ms, was stamped {}", sound_at(number));
    }
    let repaired = bench.ingest.stream().received().repaired();
    assert!((1..=20).contains(&repaired), "{repaired} steps of at least a frame make up for 300 ms");
}

/// Baseline H.264 of 1280x720, and HEVC, behind their sequence headers.
const LARGER_CONFIG: &[u8] =
    b"\x17\0\0\0\0\x01\x4d\x40\x1f\xff\xe1\0\x19\x67\x4d\x40\x1f\xd9\0\x50\x05\xbb\x01\x10\0\0\x03\0\x10\0\0\x03\x03\xc0\
    \xf1\x83\x24\x80\x01\0\x05\x68\xeb\xc3\xcb\x20";
const HEVC_CONFIG: &[u8] = b"\x90hvc1\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03\
    \xa0\0\x01\0\x18\x40\x01\x0c\x01\xff\xff\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\x95\x94\x09\
    \xa1\0\x01\0\x2b\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x1e\x10\
    \xa2\0\x01\0\x06\x44\x01\xc0\x73\xc1\x89";
const HEVC_KEY: &[u8] = b"\x91hvc1\0\0\0\0\0\0\x04\x28\x01\xac\x64";

#[test]
fn a_new_resolution_or_codec_waits_for_its_keyframe_and_breaks_no_time() {
    for (config, key, name) in [(LARGER_CONFIG, KEY, "avc1.4d401f"), (HEVC_CONFIG, HEVC_KEY, "hvc1.1.6.L60.90")] {
        let mut bench = Bench::live();
        bench.send(V, 40, DELTA);
        bench.read();
        bench.send(V, 80, config);
        bench.send(V, 80, DELTA);
        bench.send(A, 80, AUDIO);
        bench.send(V, 120, key);
        let found = bench.read();
        assert_eq!(found, [Err(Why::Config), Ok((SOUND, 80)), Ok((VIDEO, 120))], "{name}");
        let program = bench.program().unwrap();
        assert_eq!(program.tracks.video().unwrap().codec.rfc6381(), name);
        assert!(program.tracks.audio().is_some(), "sound goes on");
        bench.send(V, 160, config);
        bench.send(V, 160, key);
        assert_eq!(bench.read(), [Ok((VIDEO, 160))], "the same configuration again is no news");
    }
}

#[test]
fn metadata_that_lies_or_comes_late_moves_no_time_and_adds_no_track() {
    let mut bench = Bench::new();
    bench.send(S, 0, &metadata(&[("width", 9_999.0), ("audiocodecid", 10.0), ("framerate", 1e300), ("duration", -5.0)]));
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(V, 0, KEY);
    bench.wait(1_000);
    bench.send(V, 40, DELTA);
    let program = bench.program().unwrap();
    assert!(program.tracks.audio().is_none(), "what was promised did not come");
    assert_eq!(program.tracks.video().unwrap().codec.video().unwrap().width, 64, "the bitstream tells the size");
    bench.read();
    // Seconds later, at zero as OBS does it.
    bench.send(V, 5_000, KEY);
    bench.send(S, 0, &metadata(&[("width", 64.0)]));
    bench.send(V, 5_040, DELTA);
    let found = bench.read();
    assert_eq!(found.iter().flatten().filter(|(track, _)| *track == VIDEO).collect::<Vec<_>>(), [&(VIDEO, 5_000), &(VIDEO, 5_040)]);
    assert!(found.iter().all(Result::is_ok), "no head: {found:?}");
}

#[test]
fn a_timeline_of_nothing_but_zeros_still_runs() {
    let mut bench = Bench::live();
    for _ in 0..100 {
        bench.wait(40);
        bench.send(V, 0, DELTA);
        bench.send(A, 0, AUDIO);
    }
    let found = bench.read();
    assert_eq!(found.len(), 202, "nothing is lost: {found:?}");
    assert_eq!(found.iter().filter(|found| found.is_err()).count(), 1);
}

#[test]
fn what_is_stamped_with_zero_beside_the_media_moves_no_time() {
    let mut bench = Bench::live();
    bench.send(V, 3_600_000, KEY);
    bench.send(V, 3_600_040, DELTA);
    let Some(&Ok((VIDEO, before))) = bench.read().last() else { panic!("a picture came last") };
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(A, 0, AUDIO_CONFIG);
    bench.send(S, 0, &metadata(&[("width", 64.0)]));
    bench.send(V, 0, &[0x17, 2, 0, 0, 0]);
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(V, 3_600_080, KEY);
    let found = bench.read();
    assert!(found.iter().all(|found| !matches!(found, Err(Why::Break(_)))), "{found:?}");
    let times: Vec<i64> = found.iter().flatten().filter(|(track, _)| *track == VIDEO).map(|(_, time)| *time).collect();
    assert_eq!(times, [before + 40]);
}
