//! The rungs' times, keyframes and sizes are those that the plan and the source ask for.

use bytes::Bytes;
use sluicegate::media::Codec;
use sluicegate::media::codec::{VpConfig, vpx};
use sluicegate::transcode::ladder::{Encoder, Rung, RungCodec};
use sluicegate::transcode::plan::Plan;

use crate::source::{FRAME, START, Source, clip, current_ffmpeg, read, sample};
use crate::worker::{Worker, nice_of, plan, run, rung};

#[test]
fn rungs_have_the_sources_times_to_the_tick_and_its_keyframes() {
    let source = clip("bframes", 150);
    let output = run(&plan([rung("240p", 426, 240), rung("180p", 320, 180)]), source.flv());
    assert_eq!((output.code(), output.errors.as_str()), (Some(0), ""));
    assert_eq!([output.size(0), output.size(1)], [(426, 240), (320, 180)]);
    for at in 0..2 {
        assert_eq!(output.times(at), source.times());
        assert_eq!((output.report.rungs[at].frames, output.report.rungs[at].dropped), (150, 0));
        assert_eq!(output.codecs[at].as_ref().unwrap().rfc6381(), "avc1.64001e");
    }
    assert_eq!((output.report.frames_in, output.report.decoded, output.report.decode_errors), (150, 150, 0));
}

#[test]
fn a_rung_of_half_the_frames_has_every_second_and_each_keyframe() {
    let source = clip("bframes", 130);
    let output = run(&plan([Rung { every: 2, frame_rate: 14.985, ..rung("180p", 320, 180) }]), source.flv());
    let times: Vec<_> = source.times().into_iter().enumerate().filter(|(at, _)| at % 60 % 2 == 0).map(|(_, time)| time).collect();
    assert_eq!(output.times(0), times);
    assert_eq!(output.times(0).iter().filter(|(_, is_sync)| *is_sync).count(), 3);
}

#[test]
fn every_codec_that_browsers_play_is_a_source() {
    for name in ["hevc-aac51", "hdr-opus51", "av1-opus", "vp9-flac"] {
        let source = clip(&format!("codecs/{name}"), 40);
        let output = run(&plan([rung("64p", 114, 64)]), source.flv());
        assert_eq!(output.times(0), source.times(), "{name}");
        assert_eq!((output.code(), output.size(0)), (Some(0), (114, 64)), "{name}");
    }
}

#[test]
fn vp8_is_a_source() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clip.ivf");
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2", "-c:v", "libvpx"]);
    assert!(command.args(["-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k", "-g", "16"]).arg(&file).status().unwrap().success());
    // 32 bytes of header, then 12 before each frame, of which four tell its size.
    let ivf = Bytes::from(std::fs::read(&file).unwrap());
    let (mut at, mut codec, mut samples) = (32, None, Vec::new());
    while let Some(head) = ivf.get(at..at + 12) {
        let size = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        let data = ivf.slice(at + 12..at + 12 + size);
        let key = match vpx::vp8_frame(&data).unwrap() {
            vpx::VpFrame::Key(key) => Some(key),
            vpx::VpFrame::Inter => None,
        };
        samples.push(sample(START + samples.len() as i64 * FRAME, 0, key.is_some(), data));
        codec = codec.or(key.map(|key| Codec::Vp8(VpConfig::new(&key, None))));
        at += 12 + size;
    }
    let source = Source { codec: codec.unwrap(), samples };
    let output = run(&plan([rung("90p", 160, 90)]), source.flv());
    assert_eq!((output.code(), output.times(0)), (Some(0), source.times()), "{}", output.errors);
}

#[test]
fn rungs_are_hevc_and_av1_where_that_is_asked_for() {
    let source = clip("bframes", 130);
    let hevc = Rung { codec: RungCodec::Hevc, preset: "ultrafast".into(), profile: "main".into(), level: 90, ..rung("hevc", 320, 180) };
    let av1 = Rung { codec: RungCodec::Av1, preset: "10".into(), profile: "main".into(), level: 0, ..rung("av1", 256, 144) };
    let expected = hevc.rfc6381();
    let output = run(&plan([hevc, av1]), source.flv());
    assert_eq!(output.code(), Some(0), "{}", output.errors);
    assert_eq!([output.size(0), output.size(1)], [(320, 180), (256, 144)]);
    assert_eq!([output.times(0), output.times(1)], [source.times(), source.times()]);
    assert_eq!(output.codecs[0].as_ref().unwrap().rfc6381(), expected);
}

#[test]
fn nothing_waits_for_frames_to_come() {
    // The source has no B-frames: each picture can be coded as soon as it is here. More than one thread, as encoders like to keep a frame for
    // each back.
    let source = clip("zerolatency", 70);
    let plan = Plan { encoder_threads: 2, ..plan([rung("240p", 426, 240), rung("180p", 320, 180)]) };
    let mut worker = Worker::start(&plan.arguments(), 2);
    let feeder = worker.feed(source.flv(), true);
    let times = source.times();
    worker.take(|output| output.rungs.iter().all(|frames| frames.len() == times.len()));
    // The pipe was open all the while.
    drop(feeder.join().unwrap());
    let output = worker.end();
    assert_eq!([output.times(0), output.times(1)], [times.clone(), times]);
    assert_eq!(output.code(), Some(0));
}

#[test]
fn all_of_it_leaves_the_machine_to_others() {
    let plan = Plan { nice: 3, ..plan([rung("180p", 320, 180)]) };
    let mut worker = Worker::start(&plan.arguments(), 1);
    let feeder = worker.feed(clip("zerolatency", 10).flv(), true);
    worker.take(|output| !output.rungs[0].is_empty());
    let expected = (nice_of("self")[0] + 3).min(19);
    let told = worker.nice();
    assert!(told.len() > 4 && told.iter().all(|nice| *nice == expected), "{told:?}");
    drop(feeder.join().unwrap());
    assert_eq!(worker.end().code(), Some(0));
}

#[test]
fn another_picture_size_is_survived() {
    let (source, input) = clip("bframes", 60).then(&clip("small", 60));
    let output = run(&plan([rung("240p", 426, 240), rung("180p", 320, 180)]), input);
    assert_eq!(output.code(), Some(0), "{}", output.errors);
    assert_eq!([output.size(0), output.size(1)], [(426, 240), (320, 180)]);
    assert_eq!([output.times(0), output.times(1)], [source.times(), source.times()]);
    assert_eq!((output.report.size, output.report.decode_errors), ((426, 240), 0));
}

#[test]
fn another_codec_is_survived() {
    let (source, input) = clip("bframes", 60).then(&clip("codecs/hevc-aac51", 32));
    let output = run(&plan([rung("64p", 114, 64)]), input);
    assert_eq!(output.times(0), source.times());
    assert_eq!(output.code(), Some(0), "{}", output.errors);
}

#[test]
fn pixels_that_are_not_square_stay_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wide.mp4");
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=720x576:rate=25:duration=1,setsar=64/45"]);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0"]);
    assert!(command.arg(&file).status().unwrap().success());
    let source = read(&file, 20);
    let output = run(&plan([rung("288p", 360, 288)]), source.flv());
    assert_eq!(output.times(0), source.times());
    // Their shape stands in the configuration, which a file shows.
    let rung = Source { codec: output.codecs[0].clone().unwrap(), samples: Vec::new() };
    let samples = output.rungs[0].iter().map(|frame| sample(frame.pts, 0, frame.is_sync, frame.data.clone()));
    let made = dir.path().join("made.flv");
    std::fs::write(&made, Source { samples: samples.collect(), ..rung }.flv()).unwrap();
    let mut probe = std::process::Command::new(current_ffmpeg());
    let output = probe.args(["-hide_banner", "-nostdin", "-i"]).arg(&made).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("360x288 [SAR 64:45 DAR 16:9]"), "{told}");
}

#[test]
fn where_there_is_no_hardware_software_has_to_do_and_it_is_said() {
    let source = clip("zerolatency", 30);
    let hardware = [Encoder::Vaapi, Encoder::Nvenc, Encoder::Qsv].map(|encoder| Rung { encoder, ..rung("180p", 320, 180) });
    let names = ["a", "b", "c"];
    let rungs: Vec<_> = hardware.into_iter().zip(names).map(|(rung, name)| Rung { name: name.into(), ..rung }).collect();
    let output = run(&plan(rungs), source.flv());
    for (at, told) in output.report.rungs.iter().enumerate() {
        assert_eq!(output.times(at), source.times(), "{}", told.encoder);
        let is_software = told.encoder == "libx264";
        assert_eq!(output.errors.lines().any(|line| line.starts_with(names[at]) && line.ends_with("software has to do")), is_software);
    }
}
