//! What is damaged, cut short or no media at all.

use bytes::Bytes;
use sluicegate::transcode::plan::Plan;

use crate::source::{FRAME, clip};
use crate::worker::{Worker, plan, run, rung};

#[test]
fn damaged_frames_are_counted_and_the_next_keyframe_is_good_again() {
    let mut source = clip("zerolatency", 180);
    let times = source.times();
    for at in [70, 71, 72] {
        let mut bytes = source.samples[at].data.to_vec();
        // Past the slice's header, so that it is the picture that cannot be decoded.
        let middle = 12.min(bytes.len() / 2)..bytes.len();
        bytes[middle].iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 89 % 251) as u8 | 1);
        source.samples[at].data = bytes.into();
    }
    let output = run(&plan([rung("240p", 426, 240)]), source.flv());
    assert_eq!(output.code(), Some(0), "{}", output.errors);
    assert!(output.report.decode_errors > 0, "{:?}", output.report);
    let expected: Vec<_> = times.iter().enumerate().filter(|(at, _)| !(70..120).contains(at)).map(|(_, time)| *time).collect();
    assert_eq!(output.times(0), expected);
}

#[test]
fn input_that_ends_within_a_frame_ends_in_peace() {
    let source = clip("zerolatency", 40);
    let bytes = source.flv();
    let output = run(&plan([rung("240p", 426, 240)]), bytes.slice(..bytes.len() - 100));
    assert_eq!((output.code(), output.rungs[0].len()), (Some(0), 39));
    let nothing = run(&plan([rung("240p", 426, 240)]), Bytes::new());
    assert_eq!((nothing.code(), nothing.rungs[0].len()), (Some(0), 0));
}

#[test]
fn bytes_that_are_no_flv_are_refused_with_a_status_of_their_own() {
    let garbage: Vec<u8> = (0..100_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 | 1).collect();
    let output = run(&plan([rung("240p", 426, 240)]), garbage.into());
    assert_eq!((output.code(), output.errors.lines().count()), (Some(65), 1), "{}", output.errors);
    assert!(output.errors.contains("no FLV"), "{}", output.errors);
    // The same when it has begun well.
    let mut half = clip("zerolatency", 20).flv().to_vec();
    half.extend([0xEE; 4_000]);
    assert_eq!(run(&plan([rung("240p", 426, 240)]), half.into()).code(), Some(65));
}

#[test]
fn a_source_that_begins_in_the_middle_waits_for_its_first_keyframe() {
    let mut source = clip("zerolatency", 100);
    source.samples.drain(..30);
    let output = run(&plan([rung("240p", 426, 240)]), source.flv());
    assert_eq!(output.times(0), source.times()[30..]);
    assert_eq!((output.report.decode_errors, output.report.rungs[0].dropped), (0, 30));
    assert_eq!(output.times(0)[0].0, source.times()[0].0 + 30 * FRAME);
}

#[test]
fn a_plan_that_cannot_be_read_is_refused() {
    for arguments in [vec!["--plan".to_owned(), "{}".to_owned()], Vec::new()] {
        let output = Worker::start(&arguments, 0).end();
        assert_eq!((output.code(), output.errors.lines().count()), (Some(64), 1), "{}", output.errors);
    }
}

#[test]
fn a_rung_that_no_encoder_makes_is_given_up_and_the_others_go_on() {
    let source = clip("zerolatency", 60);
    let mut odd = rung("odd", 426, 240);
    odd.preset = "nosuchpreset".to_owned();
    let output = run(&plan([odd, rung("180p", 320, 180)]), source.flv());
    assert_eq!((output.code(), output.times(1)), (Some(0), source.times()));
    assert!(output.report.rungs[0].shed && output.rungs[0].is_empty(), "{:?}", output.report);
    assert!(output.errors.contains("odd: "), "{}", output.errors);
}

#[test]
fn hardware_that_is_not_there_is_done_without() {
    let source = clip("zerolatency", 30);
    let wish = sluicegate::transcode::ladder::Encoder::Nvenc;
    let plan: Plan = plan([sluicegate::transcode::ladder::Rung { encoder: wish, ..rung("240p", 426, 240) }]);
    let output = run(&plan, source.flv());
    assert_eq!((output.code(), output.times(0)), (Some(0), source.times()));
    let encoder = output.report.rungs[0].encoder.as_str();
    assert!(encoder == "h264_nvenc" || (encoder == "libx264" && output.errors.contains("h264_nvenc")), "{encoder}: {}", output.errors);
}
