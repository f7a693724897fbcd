//! What is told of tracks beside their configurations.

use super::*;
use crate::amf0::object;
use crate::media::{Captions, ChannelLayout, ColorInfo};

/// A Metadata packet as FFmpeg sends it, for pictures of BT.2020 with these transfer characteristics.
pub(super) fn color_info(transfer: f64) -> Vec<u8> {
    let config = [("colorPrimaries", 9.0.into()), ("transferCharacteristics", transfer.into()), ("matrixCoefficients", 9.0.into())];
    [&b"\xD4avc1"[..], &amf0::encode(&["colorInfo".into(), object([("colorConfig", object(config))])])].concat()
}

fn color(bench: &Bench) -> ColorInfo {
    bench.program().unwrap().tracks.get(VIDEO).unwrap().color
}

#[test]
fn colours_told_before_the_pictures_are_in_the_first_head() {
    let mut bench = Bench::new();
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(V, 0, &color_info(16.0));
    bench.send(A, 0, AUDIO_CONFIG);
    bench.send(V, 0, KEY);
    assert_eq!(bench.read().iter().filter(|read| read.is_err()).count(), 1);
    assert_eq!(color(&bench), ColorInfo::new(9, 16, 9, false).with_depth(8), "the bitstream tells the depth alone");
}

#[test]
fn colours_that_change_hold_from_the_next_key_frame_and_their_timestamp_means_nothing() {
    let mut bench = Bench::live();
    bench.send(V, 40, DELTA);
    bench.read();
    bench.send(V, 0, &color_info(18.0));
    bench.send(V, 80, DELTA);
    bench.send(A, 80, AUDIO);
    bench.send(V, 120, KEY);
    let read = bench.read();
    assert_eq!((read[0], read.iter().filter(|read| read.is_err()).count()), (Err(Why::Config), 1), "{read:?}");
    assert_eq!(read.iter().flatten().filter(|(track, _)| *track == VIDEO).collect::<Vec<_>>(), [&(VIDEO, 120)]);
    assert_eq!(color(&bench).transfer, 18);
    bench.send(V, 0, &color_info(18.0));
    bench.send(V, 160, DELTA);
    assert_eq!(bench.read(), [Ok((VIDEO, 160))], "the same again is no news");
    bench.send(V, 0, &[&b"\xD4avc1"[..], &amf0::encode(&["colorInfo".into(), amf0::Value::Undefined])].concat());
    assert!(!color(&bench).is_specified());
}

#[test]
fn colours_that_change_all_the_time_end_the_publication() {
    let mut bench = Bench::live();
    let error = (0..100).find_map(|n| bench.try_send(V, 0, &color_info(if n % 2 == 0 { 16.0 } else { 18.0 })).err());
    assert_eq!(error, Some(IngestError::TooManyConfigs));
}

#[test]
fn speakers_and_captions_are_told_without_a_break_in_the_pictures() {
    let mut bench = Bench::live();
    bench.read();
    bench.send(A, 0, b"\x94mp4a\x01\x06\x00\x00\x00\x3F");
    assert_eq!(bench.read(), [], "six speakers are not those of two channels");
    bench.send(A, 0, b"\x94mp4a\x01\x02\x00\x00\x00\x03");
    let captions = [6, 4, 14, 0xB5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0xC1, 0xFF, 0xFC, 0x94, 0x2C, 0xFF, 0x80];
    bench.send(V, 40, &[&[0x27, 1, 0, 0, 0, 0, 0, 0, 18][..], &captions, &[0, 0, 0, 2, 0x41, 0x9A]].concat());
    assert_eq!(bench.read().last(), Some(&Ok((VIDEO, 40))));
    let program = bench.program().unwrap();
    assert_eq!(program.tracks.get(TrackId::AUDIO).unwrap().channels, ChannelLayout::of_mask(3));
    assert_eq!(program.tracks.get(VIDEO).unwrap().captions, Captions { carried: true, fields: [true, false], services: 0 });
    assert_eq!(bench.ingest.stream().received().dropped(), 0);
}
