//! What sample entries say of each codec, byte by byte.

use super::*;

#[test]
fn the_sample_entries_are_these_bytes() {
    let init = init_segment(&[&video(), &audio()]).unwrap();
    let at = |needle: &[u8]| init.windows(needle.len()).position(|window| window == needle).expect("the box is there");
    let mut avc1 = b"\0\0\0\x89avc1\0\0\0\0\0\0\0\x01".to_vec();
    avc1.extend_from_slice(&[0; 16]);
    avc1.extend_from_slice(b"\x05\0\x02\xd0\0\x48\0\0\0\x48\0\0\0\0\0\0\0\x01");
    avc1.extend_from_slice(&[0; 32]);
    avc1.extend_from_slice(b"\0\x18\xff\xff\0\0\0\x33avcC");
    avc1.extend_from_slice(AVCC);
    at(&avc1);
    at(b"mp4a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xbb\x80\0\0\
        \0\0\0\x27esds\0\0\0\0\x03\x19\0\0\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x11\x90\x06\x01\x02");
    at(b"\0\0\0\x20ftypiso6\0\0\0\0iso6cmfcmp41dash");
    at(b"tkhd\x01\0\0\x07");
    at(b"\0\0\0\x10elng\0\0\0\0deu\0");
}

#[test]
fn mp3_is_announced_by_its_version_and_high_rates_are_halved() {
    let mut track = audio();
    for (rate, object_type) in [(44_100, 0x6b_u8), (22_050, 0x69)] {
        track.codec = Codec::Mp3(Mp3Config { shape: AudioShape { sample_rate: rate, channels: 2, frame_samples: 1_152 } });
        let esds = reader::read(&init_segment(&[&track]).unwrap()).unwrap().tracks[0].config.clone().unwrap().1;
        assert_eq!(esds[4..13], [3, 0x15, 0, 0, 0, 4, 0x0d, object_type, 0x15]);
    }
    let shape = AudioShape { sample_rate: 96_000, channels: 2, frame_samples: 1_024 };
    track.codec = Codec::Aac(AacConfig { record: Bytes::from_static(&[0x10, 0x10]), object_type: 2, shape });
    let init = init_segment(&[&track]).unwrap();
    assert!(init.windows(10).any(|window| window == b"\0\x10\0\0\0\0\xbb\x80\0\0"));
}

#[test]
fn sound_without_an_esds_gets_these_boxes() {
    let surround = b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
    let streaminfo = b"\x04\0\x04\0\0\0\0\0\x10\x98\x17\x70\x03\x70\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let ac3 = [0x0b, 0x77, 0xfe, 0x95, 0x14, 0x40, 0x43, 0xe1, 0x06];
    let eac3 = [&[0x0b, 0x77, 0x01, 0x7f, 0x34, 0x87, 0xc0, 0x00][..], &[0; 760]].concat();
    let entries: [(Codec, &[u8]); 4] = [
        (
            Codec::Opus(OpusConfig::parse(surround).unwrap()),
            b"\0\0\0\x3fOpus\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x06\0\x10\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x1bdOps\0\x06\x01\x38\0\0\xbb\x80\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05",
        ),
        (
            Codec::Flac(FlacConfig::parse(streaminfo).unwrap()),
            b"\0\0\0\x56fLaC\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x18\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x32dfLa\0\0\0\0\x80\0\0\x22\x04\0\x04\0",
        ),
        (
            Codec::Ac3(Ac3Config::parse(&ac3).unwrap()),
            b"\0\0\0\x2fac-3\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x0bdac3\x10\x11\x40",
        ),
        (
            Codec::Eac3(Eac3Config::parse(&eac3).unwrap()),
            b"\0\0\0\x31ec-3\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xbb\x80\0\0\
            \0\0\0\x0ddec3\x06\0\x20\x04\0",
        ),
    ];
    for (codec, golden) in entries {
        let init = init_segment(&[&Track { codec, ..audio() }]).unwrap();
        assert!(init.windows(golden.len()).any(|window| window == golden), "{init:02x?}");
    }
}

/// What SVT-AV1, libvpx and vvenc send for 320x180.
fn newer_pictures() -> [(Codec, &'static [u8]); 4] {
    let header = b"\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x62\x57\xc8\x02";
    let key = |frame: VpFrame| if let VpFrame::Key(key) = frame { VpConfig::new(&key, None) } else { panic!("no key frame") };
    let vp9 = vp9_frame(b"\x82\x49\x83\x42\0\x13\xf0\x0b\x36\x06").unwrap();
    let vp8 = vp8_frame(b"\xf0\x62\0\x9d\x01\x2a\x40\x01\xb4\0").unwrap();
    let record = Bytes::from_static(b"\xff\0\x61\x5f");
    [
        (
            Codec::Av1(Av1Config::from_sequence_header(header).unwrap()),
            b"\0\0\0\x6fav01\0\0\0\x19av1C\x81\0\x0c\0\x0a\x0b\x02\0\0\x05\x21\xe7\xf6\x62\x57\xc8\x02",
        ),
        (Codec::Vp9(key(vp9)), b"\0\0\0\x6avp09\0\0\0\x14vpcC\x01\0\0\0\0\x0b\x82\x02\x02\x02\0\0"),
        (Codec::Vp8(key(vp8)), b"\0\0\0\x6avp08\0\0\0\x14vpcC\x01\0\0\0\0\x0b\x82\x02\x02\x02\0\0"),
        (
            Codec::Vvc(VvcConfig { record, length_size: 4, shape: VideoShape::new(320, 180) }),
            b"\0\0\0\x66vvc1\0\0\0\x10vvcC\0\0\0\0\xff\0\x61\x5f",
        ),
    ]
}

#[test]
fn newer_pictures_get_these_boxes() {
    for (codec, golden) in newer_pictures() {
        let (head, config) = golden.split_at(8);
        let mut entry = [head, b"\0\0\0\0\0\0\0\x01", &[0; 16], b"\x01\x40\0\xb4\0\x48\0\0\0\x48\0\0\0\0\0\0\0\x01"].concat();
        entry.extend_from_slice(&[0; 32]);
        entry.extend_from_slice(b"\0\x18\xff\xff");
        entry.extend_from_slice(config);
        let init = init_segment(&[&Track { color: ColorInfo::default(), ..Track::new(TrackId::VIDEO, codec.clone()) }]).unwrap();
        assert!(init.windows(entry.len()).any(|window| window == entry), "{}: {init:02x?}", codec.name());
    }
}

#[test]
fn a_parser_of_these_boxes_understands_av1_and_vp9() {
    let entries = newer_pictures().map(|(codec, _)| {
        let init = init_segment(&[&Track::new(TrackId::VIDEO, codec)]).unwrap();
        let moov = init.windows(4).position(|window| window == b"moov").unwrap() - 4;
        mp4_atom::Moov::decode(&mut Cursor::new(&init[moov..])).unwrap().trak[0].mdia.minf.stbl.stsd.codecs[0].clone()
    });
    let [mp4_atom::Codec::Av01(av1), mp4_atom::Codec::Vp09(vp9), ..] = entries else { panic!("{entries:?}") };
    assert_eq!((av1.visual.width, av1.visual.height, av1.av1c.config_obus.len()), (320, 180, 13));
    assert_eq!((av1.av1c.seq_profile, av1.av1c.seq_level_idx_0, av1.av1c.chroma_subsampling_x), (0, 0, true));
    assert_eq!((vp9.vpcc.profile, vp9.vpcc.level, vp9.vpcc.bit_depth), (0, 11, 8));
}

#[test]
fn colours_and_hdr_stand_behind_the_configuration_of_the_codec() {
    let point = |x, y| [x, y];
    let colors =
        DisplayColors { red: point(34_000, 16_000), green: point(13_250, 34_500), blue: point(7_500, 3_000), white: point(15_635, 16_450) };
    let mastering = MasteringDisplay::new(Some(colors), 10_000_000, 1);
    let light = ContentLight::new(1_000, 400);
    let track = Track { color: ColorInfo::new(9, 16, 9, true), hdr: Hdr { mastering, light }, ..video() };
    let init = init_segment(&[&track]).unwrap();
    let boxes = b"\0\0\0\x13colrnclx\0\x09\0\x10\0\x09\x80\
        \0\0\0\x20mdcv\x33\xc2\x86\xc4\x1d\x4c\x0b\xb8\x84\xd0\x3e\x80\x3d\x13\x40\x42\0\x98\x96\x80\0\0\0\x01\
        \0\0\0\x0cclli\x03\xe8\x01\x90";
    let at = init.windows(boxes.len()).position(|window| window == boxes).expect("the boxes are there");
    assert!(init[..at].ends_with(AVCC), "the codec's configuration comes first");
    let plain = init_segment(&[&video()]).unwrap();
    assert_eq!(init.len(), plain.len() + boxes.len());
    let only_luminance = Hdr { mastering: MasteringDisplay::new(None, 10_000_000, 1), light: None };
    assert_eq!(init_segment(&[&Track { hdr: only_luminance, ..video() }]).unwrap(), plain);
}
