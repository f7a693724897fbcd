use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::codec::ConfigProblem;
use crate::media::codec::sei::Messages;
use crate::media::color::{ContentLight, DisplayColors, MasteringDisplay};

/// SVT-AV1, 320x180, 8 bits, through FFmpeg 9: the record, and the sequence header of its key frames, which is another.
const SVT_RECORD: &[u8] = &[0x81, 0x00, 0x0C, 0x00, 0x0A, 0x0B, 0x02, 0x00, 0x00, 0x05, 0x21, 0xE7, 0xF6, 0x60, 0x17, 0xC0, 0x02];
const SVT_HEADER: &[u8] = &[0x0A, 0x0B, 0x02, 0x00, 0x00, 0x05, 0x21, 0xE7, 0xF6, 0x62, 0x57, 0xC8, 0x02];
/// The same of BT.2020 and PQ in 10 bits.
const SVT_HDR_RECORD: &[u8] =
    &[0x81, 0x00, 0x4C, 0x00, 0x0A, 0x0E, 0x02, 0x00, 0x00, 0x05, 0x21, 0xE7, 0xF6, 0x60, 0x17, 0xC2, 0x84, 0x88, 0x04, 0x82];
/// libaom through FFmpeg 9 and through GStreamer 1.22, 320x180.
const AOM_HEADER: &[u8] = &[0x0A, 0x0B, 0x00, 0x00, 0x00, 0x04, 0x3C, 0xFE, 0xCC, 0xDA, 0xF9, 0x00, 0x40];
const GST_HEADER: &[u8] = &[0x0A, 0x0C, 0x00, 0x00, 0x00, 0x04, 0x3C, 0xFE, 0xCF, 0x81, 0xB5, 0xF2, 0x00, 0x80];
/// rav1e through FFmpeg 9, 64x48: its record has no sequence header.
const RAV1E_RECORD: &[u8] = &[0x81, 0x1F, 0x0C, 0x00];
const RAV1E_HEADER: &[u8] = &[0x0A, 0x0D, 0x00, 0x00, 0x00, 0xF9, 0x57, 0xFB, 0xC4, 0x21, 0x51, 0x02, 0x02, 0x02, 0x14];

const DELIMITER: &[u8] = &[0x12, 0x00];
/// The first bytes of a key frame and of another, with sizes to match.
const KEY_FRAME: &[u8] = &[0x32, 0x03, 0x10, 0x00, 0x87];
const INTER_FRAME: &[u8] = &[0x32, 0x03, 0x28, 0x04, 0x00];

fn config(header: &[u8]) -> Av1Config {
    Av1Config::from_sequence_header(header).unwrap()
}

fn unit(obus: &[&[u8]]) -> Av1Unit {
    canonical(&obus.concat().into()).unwrap()
}

#[test]
fn sequence_headers_of_real_encoders_tell_size_depth_and_name() {
    let expected = [
        (&SVT_RECORD[4..], (320, 180), 8, "av01.0.00M.08"),
        (SVT_HEADER, (320, 180), 8, "av01.0.00M.08"),
        (&SVT_HDR_RECORD[4..], (320, 180), 10, "av01.0.00M.10.0.110.09.16.09.0"),
        (AOM_HEADER, (320, 180), 8, "av01.0.00M.08"),
        (GST_HEADER, (320, 180), 8, "av01.0.00M.08"),
        (RAV1E_HEADER, (64, 48), 8, "av01.0.31M.08"),
    ];
    for (header, size, depth, name) in expected {
        let config = config(header);
        assert_eq!((config.shape.width, config.shape.height), size, "{name}");
        assert_eq!((config.shape.color.bit_depth, config.rfc6381().as_str()), (Some(depth), name));
        assert_eq!(config.sequence_header(), header);
    }
}

#[test]
fn the_record_is_that_of_the_encoder() {
    for record in [SVT_RECORD, SVT_HDR_RECORD] {
        let Announced::Whole(config) = Av1Config::parse(record).unwrap() else { panic!("no sequence header in {record:02x?}") };
        assert_eq!(config.record, record);
    }
}

#[test]
fn colours_of_hdr_are_told() {
    let color = config(&SVT_HDR_RECORD[4..]).shape.color;
    assert_eq!((color.primaries, color.transfer, color.matrix, color.full_range), (9, 16, 9, false));
}

#[test]
fn records_and_descriptors_without_a_sequence_header_wait_for_it() {
    assert_eq!(Av1Config::parse(RAV1E_RECORD), Ok(Announced::Bare));
    assert_eq!(Av1Config::parse_descriptor(&[0x80, 4, 0x81, 0x1F, 0x0C, 0x00]), Ok(Announced::Bare));
    assert!(matches!(Av1Config::parse_descriptor(SVT_RECORD), Ok(Announced::Whole(_))));
}

#[test]
fn what_is_no_record_is_refused_with_its_place() {
    let error = |record: &[u8]| Av1Config::parse(record).unwrap_err().to_string();
    assert_eq!(error(&[]), "av1C at byte 0: the record ends inside a field");
    assert_eq!(error(&[0x81, 0]), "av1C at byte 2: the record ends inside a field");
    assert_eq!(error(&[0x01, 0, 0, 0]), "av1C at byte 0: marker and version is 1");
    assert_eq!(
        error(&[0x81, 0, 0, 0, 0x0A, 9, 0]),
        "av1C at byte 4: parameter set refused: OBU at byte 0: needs more than the 3 bytes left"
    );
    assert_eq!(error(&[0x81, 0, 0, 0, 0x0A, 1, 0xE0]), "av1C at byte 0: the record ends inside a field");
    let long = Av1Config::parse(&[0x81; MAX_RECORD + 1]).unwrap_err();
    assert_eq!(long.problem, ConfigProblem::TooLarge { field: "record", value: MAX_RECORD + 1, limit: MAX_RECORD });
    let no_header = Av1Config::from_sequence_header(KEY_FRAME).unwrap_err();
    assert_eq!(no_header.to_string(), "av1C at byte 0: no sequence header");
}

#[test]
fn sizes_longer_than_need_be_are_read_and_shortened_in_the_record() {
    let long = [&[0x0A, 0x8B, 0x80, 0x00], &SVT_HEADER[2..]].concat();
    assert_eq!(config(&long), config(SVT_HEADER));
    // As OBS writes it: `85 00` for 5.
    let found = unit(&[&[0x2A, 0x85, 0x00, 1, 2, 3, 4, 5], KEY_FRAME]);
    assert!(found.is_key);
    assert_eq!(found.data.len(), 8 + 5);
}

#[test]
fn delimiters_tile_lists_and_padding_are_left_out_without_copying() {
    let data: Bytes = [DELIMITER, SVT_HEADER, KEY_FRAME, &[0x7A, 2, 0, 0x80]].concat().into();
    let found = canonical(&data).unwrap();
    assert_eq!(found.data, [SVT_HEADER, KEY_FRAME].concat());
    assert_eq!(found.data.as_ptr(), data[2..].as_ptr());
    assert_eq!((found.is_key, found.sequence_header.as_deref()), (true, Some(SVT_HEADER)));
    let found = unit(&[DELIMITER, INTER_FRAME, &[0x42, 1, 0], INTER_FRAME]);
    assert_eq!((found.data, found.is_key), ([INTER_FRAME, INTER_FRAME].concat().into(), false));
    assert!(unit(&[DELIMITER]).data.is_empty());
}

#[test]
fn only_a_key_frame_that_is_shown_is_one() {
    let first_byte = |byte: u8| unit(&[&[0x32, 1, byte]]).is_key;
    assert!(first_byte(0x10));
    // A key frame that is not shown, other frames, and a frame that was there before.
    for other in [0x00, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90] {
        assert!(!first_byte(other), "{other:#04x}");
    }
    // The header alone tells as well as a whole frame.
    assert!(unit(&[&[0x1A, 1, 0x10]]).is_key);
    assert!(!unit(&[&[0x32, 0]]).is_key);
    assert!(!unit(&[&[0x32, 0], &[0x1A, 1, 0x10]]).is_key, "an empty frame does not reach into what follows it");
}

#[test]
fn a_last_unit_without_a_size_gets_one() {
    let found = unit(&[SVT_HEADER, &[0x30, 0x10, 0x00, 0x87]]);
    assert_eq!(found.data, [SVT_HEADER, KEY_FRAME].concat());
    // With an extension, and long enough for two bytes of size.
    let found = unit(&[&[0x34, 0x08], &[0x10; 200]]);
    assert_eq!(found.data[..5], [0x36, 0x08, 0xC8, 0x01, 0x10]);
}

#[test]
fn units_that_do_not_fit_are_refused() {
    let error = |data: &'static [u8]| canonical(&Bytes::from_static(data)).unwrap_err();
    assert_eq!(error(&[0x12, 0, 0x32, 9, 0]), ObuError::PastTheEnd { position: 2, left: 3 });
    assert_eq!(error(&[0x32]), ObuError::PastTheEnd { position: 0, left: 1 });
    assert_eq!(error(&[0x36]), ObuError::PastTheEnd { position: 0, left: 1 });
    assert_eq!(error(&[0x32, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), ObuError::PastTheEnd { position: 0, left: 10 });
    assert_eq!(error(&[0x92, 0]), ObuError::Header { position: 0, header: 0x92 });
    assert_eq!(canonical(&[0x12, 0].repeat(MAX_OBUS + 1).into()), Err(ObuError::TooMany { bytes: 2 * MAX_OBUS + 2 }));
}

proptest! {
    #[test]
    fn any_record_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for record in [bytes.clone(), [&SVT_RECORD[..6], &bytes].concat()] {
            match Av1Config::parse(&record) {
                Ok(Announced::Whole(config)) => {
                    prop_assert_eq!(Av1Config::parse(&config.record), Ok(Announced::Whole(config.clone())));
                    prop_assert!(config.rfc6381().starts_with("av01."));
                }
                Ok(Announced::Bare) => {}
                Err(error) => prop_assert!(error.position <= record.len()),
            }
        }
    }

    #[test]
    fn a_canonical_unit_is_its_own_canonical_form(data in prop::collection::vec(any::<u8>(), 0..64), head in prop::sample::select(vec![&[][..], SVT_HEADER, KEY_FRAME])) {
        if let Ok(found) = canonical(&[head, &data].concat().into()) {
            let again = canonical(&found.data).unwrap();
            prop_assert_eq!((again.data, again.is_key), (found.data, found.is_key));
        }
    }
}

/// The metadata of SVT-AV1 for a display of P3 colours with 1000 cd/m², and for content of 1000 and 400 cd/m².
const LIGHT: &[u8] = &[0x2A, 0x06, 0x01, 0x03, 0xE8, 0x01, 0x90, 0x80];
const DISPLAY: &[u8] = &[
    0x2A, 0x1A, 0x02, 0xAE, 0x14, 0x51, 0xEC, 0x43, 0xD7, 0xB0, 0xA4, 0x26, 0x66, 0x0F, 0x5C, 0x50, 0x0D, 0x54, 0x39, 0x00, 0x03, 0xE8,
    0x00, 0x00, 0x00, 0x00, 0x02, 0x80,
];

#[test]
fn metadata_of_hdr_is_told_and_stays_in_the_unit() {
    let found = unit(&[SVT_HEADER, LIGHT, DISPLAY, KEY_FRAME]);
    assert_eq!(found.messages.hdr.light, ContentLight::new(1_000, 400));
    let colors = DisplayColors { red: [34_000, 16_000], green: [13_250, 34_500], blue: [7_500, 3_000], white: [15_635, 16_450] };
    assert_eq!(found.messages.hdr.mastering, MasteringDisplay::new(Some(colors), 10_000_000, 1));
    assert_eq!(found.data, [SVT_HEADER, LIGHT, DISPLAY, KEY_FRAME].concat());
}

#[test]
fn captions_of_metadata_are_told_and_what_is_cut_short_is_not() {
    let captions = [&[0x2A, 0x0F, 0x04, 0xB5, 0x00, 0x31][..], b"GA94\x03\xC1\xFF\xFC\x94\x2C\xFF"].concat();
    assert_eq!(unit(&[&captions, INTER_FRAME]).messages.captions.fields, [true, false]);
    for cut in [&[0x2A, 0x00][..], &[0x2A, 0x01, 0x80], &[0x2A, 0x03, 0x01, 0x03, 0xE8], &[0x2A, 0x02, 0x02, 0xAE]] {
        assert_eq!(unit(&[cut, INTER_FRAME]).messages, Messages::default());
    }
}
