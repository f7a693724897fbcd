//! Sound that is coded anew is heard when the source's was.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sluicegate::flv::reader::{DEFAULT_MAX_TAG, Event};
use sluicegate::flv::{Demuxer, Dialect, FlvVariant, Item, Muxer, Reader, TagKind};
use sluicegate::media::{Codec, Epoch, Metadata, Program, Sample, Selection, Timestamp, Track, TrackId, TrackSet};
use sluicegate::transcode::plan::Plan;
use sluicegate::transcode::sound::{Audio, Sound};

use crate::source::current_ffmpeg;
use crate::worker::{Sounded, plan, run, rung};

/// Where the timeline begins, in milliseconds.
const START: i64 = 10_000;
/// Seconds of the source.
const SECONDS: i64 = 4;
/// A tone of a fifth of a second at the beginning of each but the first.
const BEEPS: &str = "aevalsrc='if(gt(t,0.9)*lt(mod(t,1),0.2),0.5*sin(2*PI*1000*t),0)'";

/// The beeps as that encoder of FFmpeg's makes them: how they are coded, and the frames with their times.
fn beeps(layout: &str, rate: u32, encoder: &[&str]) -> (Codec, Vec<(i64, u32, Bytes)>) {
    let source = format!("{BEEPS}:sample_rate={rate}:duration={SECONDS},aformat=channel_layouts={layout}");
    let mut command = Command::new(current_ffmpeg());
    command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &source]).args(encoder).args(["-f", "flv", "-"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut reader, mut demuxer) = (Reader::new(DEFAULT_MAX_TAG), Demuxer::new());
    reader.push(&output.stdout);
    let (mut codec, mut frames) = (None, Vec::new());
    while let Some(event) = reader.poll().unwrap() {
        let Event::Tag { kind: kind @ TagKind::Audio, timestamp_ms, body } = event else { continue };
        demuxer.push(kind, timestamp_ms, &body);
        while let Some(item) = demuxer.poll() {
            match item.unwrap() {
                Item::Config { codec: told, .. } => codec = Some(told),
                Item::Coded { dts_ms, extra_nanos, data, .. } => frames.push((i64::from(dts_ms), extra_nanos, data)),
                _ => {}
            }
        }
    }
    (codec.unwrap(), frames)
}

fn muxer(codec: Codec) -> Muxer {
    let tracks = TrackSet::new([Track::new(TrackId::AUDIO, codec)]);
    let program = Program { epoch: Epoch(0), tracks, metadata: Metadata::default() };
    let variant = FlvVariant { selection: Selection::default(), dialect: Dialect::Enhanced, nanos: true, ..FlvVariant::default() };
    Muxer::new(variant, Arc::new(program))
}

/// Frames at their times in milliseconds, as FLV.
fn flv(codec: &Codec, frames: &[(i64, Bytes)]) -> Bytes {
    let muxer = muxer(codec.clone());
    let mut out = BytesMut::new();
    muxer.file_header().write(&mut out);
    muxer.preamble().iter().for_each(|body| body.write_tag(0, &mut out));
    for (millis, data) in frames {
        let sample = Sample { track: TrackId::AUDIO, dts: Timestamp::from_millis(*millis), cts: 0, is_sync: true, data: data.clone() };
        muxer.sample(&sample).unwrap().write_tag(muxer.timestamp(&sample), &mut out);
    }
    out.freeze()
}

/// When tones begin in a file, in milliseconds from its first frame on.
fn onsets(dir: &Path, file: &Bytes) -> Vec<i64> {
    const RATE: usize = 48_000;
    let path = dir.join("heard.flv");
    std::fs::write(&path, file).unwrap();
    let mut command = Command::new(current_ffmpeg());
    command.args(["-nostdin", "-v", "error", "-i"]).arg(&path).args(["-ac", "1", "-ar", &RATE.to_string(), "-f", "f32le", "-"]);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let samples: Vec<_> = output.stdout.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    // The loudest of each millisecond, and of ten milliseconds before.
    let loud: Vec<_> = samples.chunks(RATE / 1_000).map(|run| run.iter().fold(0.0f32, |most, one| most.max(one.abs()))).collect();
    (10..loud.len()).filter(|&at| loud[at] > 0.2 && loud[at - 10..at].iter().all(|before| *before <= 0.2)).map(|at| at as i64).collect()
}

/// Codes a source's frames anew, and says when its tones begin, in milliseconds of its timeline.
fn heard(codec: &Codec, frames: &[(i64, Bytes)], bit_rate: u32) -> (Vec<i64>, Sounded) {
    let sound = Sound::resolve(Audio::Aac, bit_rate, codec).unwrap();
    let output = run(&Plan { sound: Some(sound), ..plan([rung("64p", 114, 64)]) }, flv(codec, frames));
    assert_eq!((output.code(), output.errors.as_str()), (Some(0), ""));
    let sounded = output.sound;
    let made = sounded.codec.as_ref().unwrap();
    assert_eq!((made.rfc6381().as_str(), made.audio().unwrap().sample_rate), ("mp4a.40.2", sound.sample_rate));
    assert_eq!(made.audio().unwrap().channels, sound.channels);
    let times: Vec<_> = sounded.frames.iter().map(|(nanos, _)| *nanos).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "times rise");
    let first = times[0] / 1_000_000;
    let whole: Vec<_> = sounded.frames.iter().map(|(nanos, data)| (nanos / 1_000_000, data.clone())).collect();
    let dir = tempfile::tempdir().unwrap();
    let onsets = onsets(dir.path(), &flv(made, &whole));
    (onsets.into_iter().map(|at| first + at).collect(), sounded)
}

#[test]
fn what_every_codec_tells_is_heard_at_its_time_in_whole_frames() {
    let cases: [(&str, u32, &[&str]); 6] = [
        ("stereo", 48_000, &["-c:a", "libopus", "-b:a", "96k"]),
        ("mono", 44_100, &["-c:a", "flac"]),
        ("stereo", 96_000, &["-c:a", "flac"]),
        ("stereo", 44_100, &["-c:a", "libmp3lame", "-b:a", "128k"]),
        ("5.1", 48_000, &["-c:a", "ac3", "-b:a", "384k"]),
        ("stereo", 48_000, &["-c:a", "aac", "-b:a", "192k"]),
    ];
    for (layout, rate, encoder) in cases {
        let (codec, frames) = beeps(layout, rate, encoder);
        let from = frames[0].0;
        let frames: Vec<_> = frames.into_iter().map(|(millis, _, data)| (START + millis, data)).collect();
        let dir = tempfile::tempdir().unwrap();
        let sent: Vec<_> = onsets(dir.path(), &flv(&codec, &frames)).into_iter().map(|at| START + from + at).collect();
        let (heard, sounded) = heard(&codec, &frames, 96_000);
        assert_eq!((sent.len(), heard.len()), (3, 3), "{encoder:?}: {sent:?} {heard:?}");
        for (sent, heard) in sent.iter().zip(&heard) {
            assert!((heard - sent).abs() <= 10, "{encoder:?}: sent at {sent} ms, heard at {heard} ms");
        }
        let rate = i64::from(sounded.codec.as_ref().unwrap().audio().unwrap().sample_rate);
        let ticks: Vec<_> = sounded.frames.iter().map(|(nanos, _)| (nanos * rate + 500_000_000) / 1_000_000_000).collect();
        assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] == 1_024), "{encoder:?}: {ticks:?}");
        assert_eq!((sounded.report.frames, sounded.report.decode_errors), (sounded.frames.len() as u64, 0), "{encoder:?}");
    }
}

#[test]
fn it_is_made_by_itself_where_there_are_no_rungs() {
    let (codec, frames) = beeps("stereo", 48_000, &["-c:a", "flac"]);
    let frames: Vec<_> = frames.into_iter().map(|(millis, _, data)| (START + millis, data)).collect();
    let (_, beside) = heard(&codec, &frames, 96_000);
    let sound = Sound::resolve(Audio::Auto, 96_000, &codec);
    let output = run(&Plan { sound, ..plan([]) }, flv(&codec, &frames));
    assert_eq!((output.code(), output.errors.as_str()), (Some(0), ""));
    assert_eq!((output.sound.frames.len(), output.sound.codec), (beside.frames.len(), beside.codec));
    assert_eq!(output.sound.report, beside.report);
}

#[test]
fn a_hole_is_silence_a_jump_begins_anew_and_damage_is_counted() {
    let (codec, frames) = beeps("stereo", 48_000, &["-c:a", "flac"]);
    let frames: Vec<_> = frames.into_iter().map(|(millis, _, data)| (START + millis, data)).collect();
    let kept = |millis: i64| !(START + 1_300..START + 1_700).contains(&millis);
    let mut torn: Vec<_> = frames.iter().filter(|(millis, _)| kept(*millis)).cloned().collect();
    torn.iter_mut().filter(|(millis, _)| *millis >= START + 2_500).for_each(|(millis, _)| *millis += 7_000);
    torn.insert(5, (torn[5].0, Bytes::from_static(&[0x55; 64])));
    let (heard, sounded) = heard(&codec, &torn, 64_000);
    // FFmpeg passes over the jump, of which the frames tell by their times.
    let expected = [1_000, 2_000];
    assert!(heard.iter().zip(expected).all(|(heard, expected)| (heard - START - expected).abs() <= 10), "{heard:?}");
    let times: Vec<_> = sounded.frames.iter().map(|(nanos, _)| nanos / 1_000_000).collect();
    let jumps: Vec<_> = times.windows(2).filter(|pair| pair[1] - pair[0] > 30).collect();
    assert!(jumps.len() == 1 && jumps[0][1] - jumps[0][0] > 6_900, "{jumps:?}");
    assert_eq!(sounded.report.decode_errors, 1);
}
