//! What encoders and attackers send that is not as the standards have it.

use proptest::prelude::*;

use super::*;

const FRAME: &[u8] = &[0, 0, 0, 2, 0x65, 0x88];

fn video(demuxer: &mut Demuxer, body: &[u8]) -> Vec<Result<Item, DemuxError>> {
    demuxed(demuxer, TagKind::Video, 40, body)
}

fn audio(demuxer: &mut Demuxer, body: &[u8]) -> Vec<Result<Item, DemuxError>> {
    demuxed(demuxer, TagKind::Audio, 40, body)
}

/// The words of the one error that these results hold.
fn error(results: Vec<Result<Item, DemuxError>>) -> String {
    let [Err(error)] = results.as_slice() else { panic!("{results:?}") };
    error.to_string()
}

fn frame(head: &[u8]) -> Vec<u8> {
    [head, FRAME].concat()
}

#[test]
fn video_before_its_configuration_is_an_error_that_names_the_track() {
    assert_eq!(error(video(&mut Demuxer::new(), &frame(&[0x17, 1, 0, 0, 0]))), "v0: frame before its configuration");
    assert_eq!(error(audio(&mut Demuxer::new(), &[0xAF, 1, 0x21, 0x10])), "a0: frame before its configuration");
}

#[test]
fn a_broken_configuration_leaves_the_one_before_in_force() {
    let mut demuxer = configured();
    assert_eq!(
        error(video(&mut demuxer, &[&[0x17, 0, 0, 0, 0], &goldens::avcc()[..20]].concat())),
        "v0: avcC at byte 8: the record ends inside a field"
    );
    let mut three_bytes = [&[0x17, 0, 0, 0, 0], goldens::avcc()].concat();
    three_bytes[9] = 0xFE;
    assert_eq!(error(video(&mut demuxer, &three_bytes)), "v0: avcC at byte 4: lengthSizeMinusOne is 2");
    assert_eq!(error(audio(&mut demuxer, &[0xAF, 0, 0x12])), "a0: AudioSpecificConfig at byte 0: the record ends inside a field");
    assert_eq!(video(&mut demuxer, &frame(&[0x17, 1, 0, 0, 0])), [Ok(coded(TrackId::VIDEO, 40, 0, true, FRAME))]);
}

#[test]
fn the_same_configuration_again_gives_nothing_and_another_one_does() {
    let mut demuxer = configured();
    assert!(video(&mut demuxer, &[&[0x17, 0, 0, 0, 0], goldens::avcc()].concat()).is_empty());
    assert!(audio(&mut demuxer, &[0xAF, 0, 0x11, 0x90]).is_empty());
    assert!(matches!(audio(&mut demuxer, &[0xAF, 0, 0x12, 0x10])[..], [Ok(Item::Config { track: TrackId::AUDIO, .. })]));
}

#[test]
fn a_nal_unit_past_the_end_costs_its_frame_only() {
    let mut demuxer = configured();
    let results = video(&mut demuxer, &[0x17, 1, 0, 0, 0, 0, 0, 0, 9, 0x65]);
    assert_eq!(error(results), "v0: NAL unit at byte 0: 9 bytes announced, 1 left");
    assert_eq!(video(&mut demuxer, &frame(&[0x27, 1, 0, 0, 0])).len(), 1);
}

#[test]
fn bodies_cut_short_are_errors_and_empty_ones_are_counted() {
    let mut demuxer = configured();
    assert_eq!(error(video(&mut demuxer, &[0x17])), "Video body at byte 1: 1 bytes needed, 0 left");
    assert_eq!(error(video(&mut demuxer, &[0x17, 1, 0])), "Video body at byte 2: 3 bytes needed, 1 left");
    assert_eq!(error(audio(&mut demuxer, &[0xAF])), "Audio body at byte 1: 1 bytes needed, 0 left");
    assert_eq!(error(video(&mut demuxer, &[0x91, b'a', b'v'])), "Video body at byte 1: 4 bytes needed, 2 left");
    for body in [&[][..], &[0x17, 1, 0, 0, 0], &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x09, 0xF0]] {
        assert!(video(&mut demuxer, body).is_empty());
    }
    for body in [&[][..], &[0xAF, 1]] {
        assert!(audio(&mut demuxer, body).is_empty());
    }
    assert_eq!(demuxer.drops().empty, 5);
}

#[test]
fn frame_types_give_way_to_the_bitstream() {
    let mut demuxer = configured();
    for head in [[0x27, 1, 0, 0, 0], [0x07, 1, 0, 0, 0]] {
        assert_eq!(video(&mut demuxer, &frame(&head)), [Ok(coded(TrackId::VIDEO, 40, 0, true, FRAME))]);
    }
    let inter = [0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9A];
    assert_eq!(video(&mut demuxer, &inter), [Ok(coded(TrackId::VIDEO, 40, 0, false, &[0, 0, 0, 2, 0x41, 0x9A]))]);
}

#[test]
fn composition_times_keep_their_sign() {
    let mut demuxer = configured();
    for (bytes, cts) in [([0xFF, 0xFF, 0xD8], -40), ([0x80, 0, 0], -8_388_608), ([0x7F, 0xFF, 0xFF], 8_388_607)] {
        let body = frame(&[0x27, 1, bytes[0], bytes[1], bytes[2]]);
        assert_eq!(video(&mut demuxer, &body), [Ok(coded(TrackId::VIDEO, 40, cts, true, FRAME))]);
    }
}

#[test]
fn annex_b_payloads_become_lengths() {
    let body = [0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1, 0x65, 0x88];
    assert_eq!(video(&mut configured(), &body), [Ok(coded(TrackId::VIDEO, 40, 0, true, FRAME))]);
}

#[test]
fn parameter_sets_in_key_frames_make_the_configuration_that_never_came() {
    let record = goldens::avcc();
    let (sps, pps) = (&record[8..32], &record[35..40]);
    let start_code = [0, 0, 0, 1];
    let together = [&[0x17, 1, 0, 0, 0][..], &start_code, sps, &start_code, pps, &start_code, &[0x65, 0x88]].concat();
    let mut demuxer = Demuxer::new();
    let [Ok(Item::Config { codec: Codec::Avc(config), .. }), Ok(frame)] = &video(&mut demuxer, &together)[..] else { panic!() };
    assert_eq!(config.record, record);
    assert_eq!(*frame, coded(TrackId::VIDEO, 40, 0, true, FRAME));
    assert_eq!(video(&mut demuxer, &together), [Ok(frame.clone())], "known sets change nothing");

    // One by one, each in a tag of its own.
    let mut demuxer = Demuxer::new();
    let alone = |set: &[u8]| [&[0x17, 1, 0, 0, 0], &start_code[..], set].concat();
    assert!(video(&mut demuxer, &alone(sps)).is_empty());
    assert!(matches!(video(&mut demuxer, &alone(pps))[..], [Ok(Item::Config { .. })]));
}

#[test]
fn parameter_sets_that_change_between_pictures_are_a_new_configuration_ahead_of_the_frame() {
    let mut demuxer = configured();
    let pps = [&goldens::avcc()[35..40], &[0x11]].concat();
    let body = [&[0x17, 1, 0, 0, 0, 0, 0, 0, 6][..], &pps, FRAME].concat();
    let [Ok(Item::Config { codec: Codec::Avc(config), .. }), Ok(Item::Coded { data, .. })] = &video(&mut demuxer, &body)[..] else {
        panic!()
    };
    assert_eq!(config.sets().pps().collect::<Vec<_>>(), [&pps]);
    assert_eq!(data, FRAME);
}

#[test]
fn adts_payloads_are_stripped_and_timed_one_behind_the_other() {
    let adts = [0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x3F, 0xFC, 0xDE, 0xAD];
    let body = [&[0xAF, 1], &adts[..], &adts].concat();
    let frames = [40, 61].map(|dts| Ok(coded(TrackId::AUDIO, dts, 0, true, &[0xDE, 0xAD])));
    assert_eq!(audio(&mut configured(), &body), frames);
    let results = audio(&mut Demuxer::new(), &body);
    assert!(matches!(&results[0], Ok(Item::Config { codec: Codec::Aac(config), .. }) if config.record[..] == [0x11, 0x90]));
    assert_eq!(results[1..], frames);
}

#[test]
fn metadata_that_lies_is_passed_over() {
    let lies = crate::amf0::encode(&[
        "onMetaData".into(),
        crate::amf0::object([
            ("width", (-1.0).into()),
            ("height", f64::NAN.into()),
            ("framerate", f64::INFINITY.into()),
            ("videodatarate", 1e300.into()),
            ("audiodatarate", "many".into()),
            ("encoder", "x".repeat(5000).into()),
        ]),
    ]);
    let results = demuxed(&mut Demuxer::new(), TagKind::Script, 0, &lies);
    let [Ok(Item::Metadata { metadata, .. })] = &results[..] else { panic!("{results:?}") };
    let encoder = Some("x".repeat(MAX_EXTRA_TEXT));
    assert_eq!(*metadata, Metadata { encoder, ..Default::default() });
}

#[test]
fn script_data_without_sense_is_an_error() {
    let mut demuxer = Demuxer::new();
    let mut script = |body: &[u8]| error(demuxed(&mut demuxer, TagKind::Script, 0, body));
    assert_eq!(script(&[5]), "script data without a name");
    assert_eq!(script(&[2, 0, 9, b'x']), "script data: AMF0 at byte 3: 9 bytes needed, 1 left");
    assert_eq!(script(&vec![2; MAX_SCRIPT + 1]), "script data of 65537 bytes, limit 65536");
}

#[test]
fn other_codecs_and_packet_types_are_counted_and_dropped() {
    let mut demuxer = configured();
    for body in [&[0x14, 0, 0, 0, 0, 1][..], b"\x90vp10\x01", b"\x91xyz1\0\0\0\0", b"\x96\x21vvc1\x00\x00\x00\x01\xAA"] {
        assert!(video(&mut demuxer, body).is_empty(), "{body:02x?}");
    }
    for body in [&[0x7F, 1, 2][..], b"\x90opusOpusHead", b"\x91xyz1\x0b\x77"] {
        assert!(audio(&mut demuxer, body).is_empty(), "{body:02x?}");
    }
    for body in [&[0x57, 0][..], &[0xD1, 0], b"\x84avc1", b"\x95avc1\x00", b"\x92avc1"] {
        video(&mut demuxer, body);
    }
    assert_eq!(demuxer.drops(), Drops { codec: 6, vvc: 1, packet: 4, ..Drops::default() });
}

#[test]
fn a_codec_that_is_not_carried_is_called_by_its_name() {
    let said = |kind, body: &[u8]| {
        let mut demuxer = Demuxer::new();
        demuxed(&mut demuxer, kind, 0, body);
        demuxer.uncarried().map(|codec| codec.to_string()).unwrap_or_default()
    };
    let pictures = " is not carried: have the encoder send H.264, HEVC, AV1, VP9 or VP8";
    let sound = " is not carried: have the encoder send AAC, MP3, Opus, FLAC, AC-3 or E-AC-3";
    assert_eq!(said(TagKind::Video, &[0x12, 0, 0]), format!("video in Sorenson H.263{pictures}"));
    assert_eq!(said(TagKind::Video, &[0x1F, 0, 0]), format!("video in codec number 15{pictures}"));
    assert_eq!(said(TagKind::Video, b"\x91x\x1b1\n\0"), format!("video in 'x\\x1b1\\n'{pictures}"));
    assert_eq!(said(TagKind::Audio, &[0xB2, 0]), format!("audio in Speex{sound}"));
    assert_eq!(said(TagKind::Audio, b"\x91alac\0"), format!("audio in 'alac'{sound}"));
    assert_eq!(said(TagKind::Video, &[0x17, 0, 0, 0, 0]), "");
}

#[test]
fn enhanced_headers_of_known_codecs_are_the_same_tracks() {
    let mut demuxer = configured();
    let found = [Ok(coded(TrackId::VIDEO, 40, 0, true, FRAME))];
    assert_eq!(video(&mut demuxer, &frame(b"\x93avc1")), found);
    assert_eq!(video(&mut demuxer, &frame(b"\x91avc1\0\0\0")), found);
    assert_eq!(video(&mut demuxer, &frame(b"\x86\x01avc1\x00\0\0\0")), found, "track 0 wrapped into multitrack");
    assert_eq!(audio(&mut demuxer, b"\x91mp4a\x21"), [Ok(coded(TrackId::AUDIO, 40, 0, true, &[0x21]))]);
    let nanos = video(&mut demuxer, &frame(b"\x97\x02\x0F\x42\x3F\x03avc1"));
    assert!(matches!(nanos[..], [Ok(Item::Coded { extra_nanos: 999_999, cts_ms: 0, .. })]));
}

#[test]
fn several_tracks_in_one_body_are_told_apart() {
    let mut demuxer = Demuxer::new();
    let config = goldens::avcc();
    let size = [0, 0, config.len() as u8];
    let many = [b"\x96\x10avc1\x01", &size[..], config, b"\x02", &size, config, b"\x02", &size, config].concat();
    let tracks: Vec<_> = items(&mut demuxer, TagKind::Video, 0, &many)
        .into_iter()
        .map(|item| match item {
            Item::Config { track, .. } => track.index,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(tracks, [1, 2], "a second part for one track is passed over");
    let codecs = [b"\x96\x21avc1\x01\0\0\x09\0\0\0", FRAME, b"hvc1\x02\0\0\x01\xAA"].concat();
    let first = TrackId { index: 1, ..TrackId::VIDEO };
    assert_eq!(items(&mut demuxer, TagKind::Video, 40, &codecs), [coded(first, 40, 0, true, FRAME)]);
}

#[test]
fn multitrack_and_mod_ex_beyond_their_limits_are_errors() {
    let mut demuxer = configured();
    assert_eq!(error(video(&mut demuxer, b"\x96\x01avc1\x10\0\0\0")), "Video body at byte 6: track 16, limit 16");
    assert_eq!(error(video(&mut demuxer, b"\x96\x06avc1\x00")), "Video body at byte 1: multitrack layout 0x06");
    assert_eq!(error(video(&mut demuxer, b"\x96\x31avc1\x00")), "Video body at byte 1: multitrack layout 0x31");
    assert_eq!(error(video(&mut demuxer, b"\x96\x11avc1\x01\xff\xff\xff\0")), "Video body at byte 10: 16777215 bytes needed, 1 left");
    let blocks = [&[0x97][..], &[0, 0, 7].repeat(MAX_MOD_EX), &[0, 0, 1]].concat();
    assert_eq!(error(video(&mut demuxer, &blocks)), "Video body at byte 25: more than 8 ModEx blocks");
}

#[test]
fn the_end_of_a_track_is_told_once_and_its_configuration_may_come_again() {
    let mut demuxer = configured();
    assert_eq!(video(&mut demuxer, &[0x17, 2, 0, 0, 0]), [Ok(Item::End { track: TrackId::VIDEO })]);
    assert!(video(&mut demuxer, &[0x17, 2, 0, 0, 0]).is_empty());
    assert_eq!(video(&mut demuxer, &[&[0x17, 0, 0, 0, 0], goldens::avcc()].concat()).len(), 1);
}

mod reading {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Event>, ReadError> {
        let mut reader = Reader::new(100);
        reader.push(bytes);
        std::iter::from_fn(|| reader.poll().transpose()).take(10).collect()
    }

    const START: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

    #[test]
    fn what_is_no_flv_is_refused_with_its_place() {
        let refused = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert_eq!(refused(b"RIFF"), "not FLV: begins with [52, 49, 46, 46]");
        assert_eq!(refused(b"FLV\x01\x05\0\x01\0\0"), "FLV header of 65536 bytes");
        assert_eq!(refused(&[START, &[0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat()), "FLV tag at byte 13: encrypted");
        assert_eq!(refused(&[START, &[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat()), "FLV tag at byte 13: type 7");
        assert_eq!(refused(&[START, &[9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat()), "FLV tag at byte 13: 256 bytes, limit 100");
    }

    #[test]
    fn longer_headers_empty_tags_and_wrong_sizes_are_survived() {
        let bytes = [b"FLV\x01\x01\0\0\0\x0BXX\0\0\0\0", &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[1, 2, 3, 4]].concat();
        let mut reader = Reader::default();
        reader.push(&bytes);
        assert_eq!(reader.poll(), Ok(Some(Event::Header(FileHeader { has_audio: false, has_video: true }))));
        assert_eq!(reader.poll(), Ok(Some(Event::Tag { kind: TagKind::Video, timestamp_ms: 0, body: Bytes::new() })));
        assert_eq!((reader.poll(), reader.wrong_trailers()), (Ok(None), 1));
    }
}

proptest! {
    #[test]
    fn any_bodies_are_demuxed_or_refused(bodies in prop::collection::vec((0u8..4, any::<u32>(), prop::collection::vec(any::<u8>(), 0..100)), 0..8)) {
        let mut demuxer = configured();
        for (kind, timestamp, body) in bodies {
            let kind = [TagKind::Audio, TagKind::Video, TagKind::Script, TagKind::ScriptAmf3][usize::from(kind)];
            demuxed(&mut demuxer, kind, timestamp, &body);
        }
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0..goldens::FILE.len(), byte: u8, cut in 0..goldens::FILE.len()) {
        let mut bytes = goldens::FILE.to_vec();
        bytes[at] = byte;
        bytes.truncate(cut);
        let mut reader = Reader::default();
        let mut demuxer = Demuxer::new();
        reader.push(&bytes);
        while let Ok(Some(event)) = reader.poll() {
            if let Event::Tag { kind, timestamp_ms, body } = event {
                demuxed(&mut demuxer, kind, timestamp_ms, &body);
            }
        }
    }
}
