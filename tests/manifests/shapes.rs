//! Streams of every shape, as their multivariant playlists tell of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use sluicegate::hls;
use sluicegate::media::codec::{AacConfig, Ac3Config, AudioShape, Eac3Config, FlacConfig, Mp3Config, OpusConfig};
use sluicegate::media::{Captions, Codec, ColorInfo, Kind, Sample, Timescale, Track, TrackId};
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::Snapshot;

use super::source::{Source, audio, program, video, wall};

const fn a(index: u8) -> TrackId {
    TrackId { kind: Kind::Audio, index }
}

fn shape(channels: u8, frame_samples: u32) -> AudioShape {
    AudioShape { sample_rate: 48_000, channels, frame_samples }
}

fn sound(index: u8, codec: Codec) -> Track {
    Track { id: a(index), timescale: Timescale::new(48_000).unwrap(), ..Track::new(a(index), codec) }
}

fn aac(index: u8) -> Track {
    Track { id: a(index), ..audio(48_000) }
}

fn mp3(index: u8) -> Track {
    sound(index, Codec::Mp3(Mp3Config { shape: shape(2, 1_152) }))
}

fn ac3(index: u8) -> Track {
    sound(index, Codec::Ac3(Ac3Config { record: vec![0x10, 0x3D, 0xC0].into(), shape: shape(6, 1_536) }))
}

fn eac3(index: u8) -> Track {
    sound(index, Codec::Eac3(Eac3Config { record: vec![0x0E, 0x00, 0x20, 0x0F, 0x00].into(), shape: shape(6, 1_536) }))
}

fn usac(index: u8) -> Track {
    let record = vec![0xF9, 0x46, 0x43, 0x22].into();
    sound(index, Codec::Aac(AacConfig { record, object_type: 42, shape: shape(2, 1_024) }))
}

fn flac(index: u8) -> Track {
    let block = b"\x04\0\x04\0\0\0\0\0\x10\x98\x0b\xb8\x02\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    sound(index, Codec::Flac(FlacConfig::parse(block).unwrap()))
}

fn opus(index: u8, channels: u8) -> Track {
    sound(index, Codec::Opus(OpusConfig::of_channels(channels)))
}

fn told(track: Track, language: Option<&str>, name: Option<&str>) -> Track {
    Track { language: language.map(str::to_owned), name: name.map(str::to_owned), ..track }
}

/// Six seconds of a stream with these tracks, all sound in the time of AAC.
fn played(tracks: Vec<Track>) -> Arc<Snapshot> {
    let gops = if tracks.iter().any(|track| track.id.kind == Kind::Video) { vec![60] } else { Vec::new() };
    let source = Source { gops, ..Source::default() };
    let sounds: Vec<TrackId> = tracks.iter().map(|track| track.id).filter(|id| id.kind == Kind::Audio).collect();
    let (mut segmenter, refused) = Segmenter::new(Options::default(), program(tracks));
    assert!(refused.is_empty(), "{refused:?}");
    for (arrival, sample) in source.samples(0, 6_500) {
        let of = if sample.track.kind == Kind::Audio { sounds.clone() } else { vec![sample.track] };
        for track in of {
            segmenter.push(Sample { track, ..sample.clone() }, wall(arrival));
        }
    }
    segmenter.snapshot().unwrap()
}

/// The playlist without its rates, which the codecs do not change.
fn text(tracks: Vec<Track>) -> String {
    let text = hls::multivariant(&played(tracks), "");
    check_unique(&text);
    let without = |line: &str| {
        let (before, after) = line.split_once("BANDWIDTH=").map_or((line, ""), |(before, after)| {
            let attributes = after.splitn(3, ',').nth(2).unwrap_or_default();
            (before, attributes)
        });
        format!("{before}{after}\n")
    };
    text.lines().map(without).collect()
}

/// No two variants are alike, no two members of a group have one name, and every group that is named is there and used.
fn check_unique(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let mut variants = BTreeSet::new();
    for pair in lines.windows(2).filter(|pair| pair[0].starts_with("#EXT-X-STREAM-INF:")) {
        assert!(variants.insert((pair[0], pair[1])), "{text}");
        assert!(!pair[1].starts_with('#'), "{text}");
    }
    let list = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
    let mut names = BTreeSet::new();
    let mut chosen = BTreeSet::new();
    for media in list.alternatives.iter().filter(|media| media.media_type == m3u8_rs::AlternativeMediaType::Audio) {
        assert!(names.insert((&media.group_id, &media.name)), "{text}");
        assert!(!media.autoselect || chosen.insert((&media.group_id, &media.language)), "one answer to a language: {text}");
        assert!(media.autoselect || !media.default);
        assert!(list.variants.iter().any(|variant| variant.audio.as_ref() == Some(&media.group_id)), "{text}");
    }
    for variant in &list.variants {
        let there = |group: &String| list.alternatives.iter().any(|media| media.group_id == *group);
        assert!(variant.audio.as_ref().is_none_or(there), "{text}");
    }
}

#[test]
fn sound_that_does_not_play_everywhere_leaves_a_choice_of_none() {
    insta::assert_snapshot!(text(vec![video(31), mp3(0)]), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0.m3u8"
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,mp4a.40.34",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,FRAME-RATE=30.000,CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    "#);
    insta::assert_snapshot!(text(vec![video(31), eac3(0)]), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="6",URI="a0.m3u8"
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,ec-3",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,FRAME-RATE=30.000,CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    "#);
    let has_silence = |track| text(vec![video(31), track]).contains("CODECS=\"avc1.64001f\",RESOLUTION=1280x720,FRAME-RATE");
    assert!([ac3(0), usac(0)].map(has_silence).iter().all(|silence| *silence));
    assert!(![aac(0), flac(0), opus(0, 1), opus(0, 6)].map(has_silence).iter().any(|silence| *silence));
}

#[test]
fn sound_in_two_codecs_is_two_groups_with_the_same_members() {
    let languages = |codec: fn(u8) -> Track, from| [told(codec(from), Some("en"), None), told(codec(from + 1), Some("de"), None)];
    insta::assert_snapshot!(text([vec![video(31)], languages(aac, 0).into(), languages(ac3, 2).into()].concat()), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="en",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="de",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-1",NAME="en",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="6",URI="a2.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-1",NAME="de",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="6",URI="a3.m3u8"
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,ac-3",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-1",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    "#);
    insta::assert_snapshot!(text(vec![video(31), eac3(0), aac(1)]), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="6",URI="a0.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-1",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,ec-3",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-1",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    "#);
}

#[test]
fn tracks_of_one_language_are_chosen_by_name_and_of_one_name_by_number() {
    let hostile = "He said \"#EXT\"\n#EXT-X-ENDLIST";
    let tracks = vec![
        video(31),
        told(aac(0), Some("en"), Some("Main")),
        told(aac(1), Some("en"), Some("Commentary")),
        told(aac(2), Some("de"), Some("Main")),
        told(aac(3), None, Some(hostile)),
        told(aac(4), None, Some("Main (2)")),
        told(aac(5), None, None),
    ];
    insta::assert_snapshot!(text(tracks), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Main",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Commentary",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=NO,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Main (2)",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="a2.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="He said #EXT#EXT-X-ENDLIST",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="a3.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Main (2) (2)",DEFAULT=NO,AUTOSELECT=NO,CHANNELS="2",URI="a4.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Audio 6",DEFAULT=NO,AUTOSELECT=NO,CHANNELS="2",URI="a5.m3u8"
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    "#);
}

#[test]
fn sound_alone_in_each_number_and_codec() {
    insta::assert_snapshot!(text(vec![opus(0, 2)]), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-STREAM-INF:CODECS="Opus"
    a0.m3u8
    "#);
    insta::assert_snapshot!(text(vec![told(aac(0), Some("en"), None), told(aac(1), Some("de"), None)]), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="en",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="de",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-STREAM-INF:CODECS="mp4a.40.2",AUDIO="audio-0"
    a0.m3u8
    "#);
    insta::assert_snapshot!(text(vec![mp3(0), aac(1)]), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-STREAM-INF:CODECS="mp4a.40.34"
    a0.m3u8
    #EXT-X-STREAM-INF:CODECS="mp4a.40.2"
    a1.m3u8
    "#);
}

#[test]
fn pictures_in_hdr_are_told_for_scrubbing_too() {
    let track = Track { color: ColorInfo::new(9, 16, 9, false).with_depth(10), ..video(31) };
    insta::assert_snapshot!(text(vec![track, aac(0)]), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0.m3u8"
    #EXT-X-STREAM-INF:CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=PQ,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:CODECS="avc1.64001f",RESOLUTION=1280x720,VIDEO-RANGE=PQ,URI="v0-iframes.m3u8"
    "#);
}

#[test]
fn what_is_told_of_tracks_later_is_told_to_viewers_at_once() {
    let source = Source::default();
    let (mut segmenter, _) = Segmenter::new(Options::default(), program(source.tracks(31)));
    let publish = |segmenter: &mut Segmenter, from, to| {
        source.samples(from, to).into_iter().for_each(|(at, sample)| segmenter.push(sample, wall(at)));
    };
    publish(&mut segmenter, 0, 5_000);
    let before = segmenter.snapshot().unwrap();
    assert!(hls::multivariant(&before, "").contains(",CLOSED-CAPTIONS=NONE"));
    let captions = Captions { carried: true, fields: [true, false], services: 0 };
    let tracks = vec![Track { captions, ..video(31) }, told(audio(48_000), None, Some("Saal"))];
    segmenter.head(program(tracks), Boundary::Config, wall(5_000));
    let after = segmenter.snapshot().unwrap();
    assert!(after.revision > before.revision, "texts are kept for each revision");
    let text = hls::multivariant(&after, "");
    assert!(
        text.contains(",CLOSED-CAPTIONS=\"captions\"") && text.contains("INSTREAM-ID=\"CC1\"") && text.contains("NAME=\"Saal\""),
        "{text}"
    );
    publish(&mut segmenter, 5_000, 9_000);
    assert!(segmenter.snapshot().unwrap().slots.iter().all(|slot| !slot.discontinuity));
}
