//! Pictures that are to be turned before they are shown are so in every rung, as FFmpeg sees it.

use std::path::Path;
use std::process::{Command, Stdio};

use sluicegate::transcode::ladder::{Rung, RungCodec};

use crate::source::{Source, clip, current_ffmpeg, read, sample};
use crate::worker::{Frame, Output, plan, run, rung};

/// A clip of one GOP that says how it is to be turned, in the words of FFmpeg's filter.
fn told(dir: &Path, how: &str) -> Source {
    // Encodes it, if that has not been done.
    clip("bframes", 1);
    let (from, file) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("target/media/bframes.mp4"), dir.join("told.mp4"));
    let filter = format!("h264_metadata=display_orientation=insert:{how}");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(from).args(["-map", "0:v:0", "-c", "copy", "-bsf:v", &filter]).arg(&file);
    assert!(command.status().unwrap().success());
    read(&file, 60)
}

/// A rung as a source.
fn made(output: &Output, rung: usize) -> Source {
    let samples = output.rungs[rung].iter().map(|frame| sample(frame.pts, 0, frame.is_sync, frame.data.clone()));
    Source { codec: output.codecs[rung].clone().unwrap(), samples: samples.collect() }
}

/// The matrix that comes with each picture, in the order of presentation; empty where none does.
fn matrices(dir: &Path, source: &[u8]) -> Vec<String> {
    let (flv, mp4) = (dir.join("made.flv"), dir.join("made.mp4"));
    std::fs::write(&flv, source).unwrap();
    // Debian's FFmpeg reads no HEVC in FLV.
    let mut copy = Command::new(current_ffmpeg());
    copy.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(&flv).args(["-c", "copy"]).arg(&mp4);
    assert!(copy.status().unwrap().success());
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-show_frames", "-show_entries", "frame=pict_type:frame_side_data=displaymatrix,rotation", "-of", "json"]);
    let output = probe.arg(&mp4).stderr(Stdio::inherit()).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let matrix = |frame: &serde_json::Value| {
        let all = frame["side_data_list"].as_array().into_iter().flatten();
        all.filter_map(|data| data["displaymatrix"].as_str()).map(|rows| rows.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    told["frames"].as_array().unwrap().iter().map(matrix).collect()
}

/// The matrix that holds for each picture: FFmpeg's decoder of HEVC repeats what was told, that of H.264 does not.
fn in_force(matrices: &[String]) -> Vec<&str> {
    let told = |at: usize| matrices[..=at].iter().rfind(|matrix| !matrix.is_empty());
    (0..matrices.len()).map(|at| told(at).map_or("", String::as_str)).collect()
}

#[test]
fn a_rung_is_turned_as_its_source_is_also_where_that_changes() {
    let dir = tempfile::tempdir().unwrap();
    let (_, first) = told(dir.path(), "rotate=90").then(&told(dir.path(), "rotate=180:flip=horizontal"));
    let own = matrices(dir.path(), &first);
    let with: Vec<_> = own.iter().enumerate().filter(|(_, matrix)| !matrix.is_empty()).map(|(at, _)| at).collect();
    assert!(own.len() == 120 && with == [0, 60] && own[0] != own[60], "{own:?}");
    let half = Rung { every: 2, frame_rate: 14.985, ..rung("180p", 320, 180) };
    let hevc = Rung { codec: RungCodec::Hevc, preset: "ultrafast".into(), profile: "main".into(), level: 90, ..rung("hevc", 214, 120) };
    let output = run(&plan([rung("240p", 426, 240), half, hevc]), first);
    assert_eq!((output.code(), output.errors.as_str()), (Some(0), ""));
    // The sizes are those of the coded picture: the shorter side is the same however it is turned.
    assert_eq!([output.size(0), output.size(1), output.size(2)], [(426, 240), (320, 180), (214, 120)]);
    for (at, step) in [(0, 1), (1, 2), (2, 1)] {
        let expected: Vec<_> = in_force(&own).into_iter().step_by(step).collect();
        assert!(in_force(&matrices(dir.path(), &made(&output, at).flv())) == expected, "rung {at}");
    }
    // It holds for the whole GOP, and is not taken back within it.
    let tells = |frame: &Frame| frame.data.windows(6).any(|bytes| matches!(bytes, [0, 0, 0, _, 6, 47]));
    assert!(output.rungs[0].iter().all(|frame| tells(frame) == frame.is_sync));
    // HEVC as a source of H.264.
    let output = run(&plan([rung("64p", 114, 64)]), made(&output, 2).flv());
    assert!(in_force(&matrices(dir.path(), &made(&output, 0).flv())) == in_force(&own));
}

#[test]
fn every_keyframe_tells_it_and_a_source_that_stands_upright_tells_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let source = told(dir.path(), "rotate=270");
    let (_, both) = source.clone().then(&source);
    let output = run(&plan([rung("240p", 426, 240)]), both);
    // Who joins at the second keyframe has heard nothing before.
    let joined = Source { samples: made(&output, 0).samples.split_off(60), ..made(&output, 0) };
    let matrices = |source: &Source| matrices(dir.path(), &source.flv());
    assert!(joined.samples[0].is_sync && !matrices(&joined)[0].is_empty());
    let upright = run(&plan([rung("240p", 426, 240)]), clip("bframes", 40).flv());
    assert!(matrices(&made(&upright, 0)).iter().all(String::is_empty));
}
