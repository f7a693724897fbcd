use bytes::Bytes;

use super::*;
use crate::media::ColorInfo;
use crate::media::codec::ConfigProblem;
use crate::media::codec::access_unit::NalSets;

/// x264, 64x48 at 25 frames per second, High profile, through FFmpeg's FLV muxer.
const SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x0A, 0xAC, 0xD9, 0x44, 0x7B, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xF1, 0x22,
    0x59, 0x60,
];
const PPS: &[u8] = &[0x68, 0xEF, 0x81, 0x87, 0x2C];

fn record(length_byte: u8, tail: &[u8]) -> Vec<u8> {
    let head = [1, 0x64, 0x00, 0x0A, length_byte, 0xE1, 0, SPS.len() as u8];
    [&head, SPS, &[1, 0, PPS.len() as u8], PPS, tail].concat()
}

fn golden() -> Vec<u8> {
    record(0xFF, &[0xFD, 0xF8, 0xF8, 0])
}

fn framed(nals: &[&[u8]]) -> Bytes {
    nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), *nal].concat()).collect::<Vec<u8>>().into()
}

#[test]
fn the_record_of_a_real_encoder_is_read_and_kept_byte_for_byte() {
    let config = AvcConfig::parse(&golden()).unwrap();
    assert_eq!((config.shape.width, config.shape.height, config.shape.frame_rate), (64, 48, Some(25.0)));
    assert_eq!(config.rfc6381(), "avc1.64000a");
    assert_eq!(config.length_size, 4);
    assert_eq!(config.record, golden());
}

#[test]
fn a_missing_or_broken_end_of_the_record_is_rebuilt() {
    for tail in [&[][..], &[0xFD], &[0xFD, 0xF8, 0xF8], &[0xFD, 0xF8, 0xF8, 9, 0xFF], &[0, 0, 0, 0, 0, 0]] {
        assert_eq!(AvcConfig::parse(&record(0xFF, tail)).unwrap().record, golden(), "tail {tail:02x?}");
    }
}

#[test]
fn shorter_nal_lengths_are_noted_and_normalised_and_three_bytes_refused() {
    for (byte, size) in [(0xFC, 1), (0xFD, 2)] {
        let config = AvcConfig::parse(&record(byte, &[])).unwrap();
        assert_eq!((config.length_size, config.record[4]), (size, 0xFF));
    }
    let error = AvcConfig::parse(&record(0xFE, &[])).unwrap_err();
    assert_eq!(error.to_string(), "avcC at byte 4: lengthSizeMinusOne is 2");
}

#[test]
fn a_wrong_profile_in_the_record_gives_way_to_the_parameter_set() {
    let mut wrong = golden();
    wrong[1..4].copy_from_slice(&[0x42, 0xC0, 0x1F]);
    assert_eq!(AvcConfig::parse(&wrong).unwrap().rfc6381(), "avc1.64000a");
}

#[test]
fn parameter_sets_behind_start_codes_make_a_record() {
    let annex_b = [&[0, 0, 0, 1], SPS, &[0, 0, 1], PPS].concat();
    assert_eq!(AvcConfig::parse(&annex_b).unwrap().record, golden());
}

#[test]
fn a_truncated_record_is_refused_at_every_length() {
    let whole = golden();
    for length in 0..whole.len() - 4 {
        let error = AvcConfig::parse(&whole[..length]).unwrap_err();
        assert!(error.position <= length, "{error}");
    }
    assert_eq!(AvcConfig::parse(&whole[..20]).unwrap_err().problem, ConfigProblem::Truncated);
}

#[test]
fn a_record_without_parameter_sets_is_refused() {
    let error = AvcConfig::parse(&[1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0]).unwrap_err();
    assert_eq!(error.to_string(), "avcC at byte 0: no sequence parameter set");
    assert_eq!(AvcConfig::parse(&[0, 0, 0, 0]).unwrap_err().to_string(), "avcC at byte 0: configurationVersion is 0");
}

#[test]
fn oversized_records_and_sets_are_refused() {
    let error = AvcConfig::parse(&vec![1; MAX_RECORD + 1]).unwrap_err();
    assert_eq!(error.problem, ConfigProblem::TooLarge { field: "record", value: MAX_RECORD + 1, limit: MAX_RECORD });
    let long = [&[1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0x10, 0x01, 0x67][..], &[0; MAX_SET]].concat();
    assert!(matches!(AvcConfig::parse(&long).unwrap_err().problem, ConfigProblem::TooLarge { value: 4097, .. }));
}

#[test]
fn a_level_too_low_for_the_size_does_not_cost_the_stream() {
    // 1920x1080 under level 1.0; a decoder plays it all the same.
    let sps = [0x67, 0x42, 0xC0, 0x0A, 0xD9, 0x00, 0x78, 0x02, 0x27, 0xE5, 0x84];
    let mut sets = ParameterSets::default();
    sets.replace(&sps).unwrap();
    sets.replace(PPS).unwrap();
    let config = AvcConfig::from_sets(&sets, 4).unwrap();
    assert_eq!((config.shape.width, config.shape.height), (1920, 1080));
    assert_eq!(config.rfc6381(), "avc1.42c00a");
}

#[test]
fn usability_information_cut_short_does_not_cost_the_stream() {
    let mut sets = ParameterSets::default();
    sets.replace(&SPS[..12]).unwrap();
    sets.replace(PPS).unwrap();
    let shape = AvcConfig::from_sets(&sets, 4).unwrap().shape;
    assert_eq!((shape.width, shape.height, shape.frame_rate), (64, 48, None));
}

#[test]
fn delimiters_and_known_parameter_sets_are_taken_out_without_copying() {
    let sets = AvcConfig::parse(&golden()).unwrap().sets();
    let data = framed(&[&[0x09, 0xF0], SPS, PPS, &[0x06, 5, 0x80], &[0x65, 0x88, 1]]);
    let frame = canonical(&data, 4, &sets).unwrap();
    assert_eq!(frame.data, framed(&[&[0x06, 5, 0x80], &[0x65, 0x88, 1]]));
    assert_eq!(frame.data.as_ptr(), data[6 + 28 + 9..].as_ptr());
    assert!(frame.is_sync);
    assert_eq!(frame.sets, None);
}

#[test]
fn only_an_idr_picture_is_a_sync_sample() {
    let none = ParameterSets::default();
    assert!(!canonical(&framed(&[&[0x06, 6, 1, 0x80], &[0x41, 0x9A]]), 4, &none).unwrap().is_sync);
    assert!(canonical(&framed(&[&[0x41, 0x9A], &[0x25, 0x88]]), 4, &none).unwrap().is_sync);
}

#[test]
fn parameter_sets_that_differ_are_reported_and_replace_those_of_the_same_id() {
    let sets = AvcConfig::parse(&golden()).unwrap().sets();
    let other = [PPS, &[0x11]].concat();
    let frame = canonical(&framed(&[&other, &[0x65, 0x88]]), 4, &sets).unwrap();
    let changed = frame.sets.unwrap();
    assert_eq!(changed.sps().collect::<Vec<_>>(), [SPS]);
    assert_eq!(changed.pps().collect::<Vec<_>>(), [&other]);
    assert_eq!(frame.data, framed(&[&[0x65, 0x88]]));
}

#[test]
fn an_unreadable_parameter_set_between_pictures_is_dropped() {
    let sets = AvcConfig::parse(&golden()).unwrap().sets();
    let frame = canonical(&framed(&[&[0x67], &[0x65, 0x88]]), 4, &sets).unwrap();
    assert_eq!((frame.sets, frame.data), (None, framed(&[&[0x65, 0x88]])));
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_record_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = AvcConfig::parse(&bytes);
        }

        #[test]
        fn a_damaged_record_that_is_accepted_reads_back_the_same(at in 0usize..52, byte: u8) {
            let mut damaged = golden();
            let at = at % damaged.len();
            damaged[at] = byte;
            if let Ok(config) = AvcConfig::parse(&damaged) {
                let again = AvcConfig::parse(&config.record).unwrap();
                prop_assert_eq!(again.record, config.record);
            }
        }

        #[test]
        fn a_canonical_frame_is_its_own_canonical_form(data in prop::collection::vec(any::<u8>(), 0..200), size in prop::sample::select(vec![1u8, 2, 4])) {
            let sets = ParameterSets::default();
            if let Ok(frame) = canonical(&data.into(), size, &sets) {
                prop_assert_eq!(canonical(&frame.data, 4, &sets).unwrap().data, frame.data);
            }
        }
    }
}

/// x264, 10 bits in HLG with the colours of BT.2020 and full range, through FFmpeg 9.
const HLG_SPS: &[u8] = &[
    0x67, 0x6E, 0x00, 0x0A, 0xA6, 0xCB, 0x42, 0x3D, 0x80, 0xB7, 0x09, 0x12, 0x09, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0C,
    0x83, 0xC4, 0x89, 0xA8,
];

#[test]
fn usability_information_tells_colours() {
    let shape = |sps: &[u8]| {
        let mut sets = ParameterSets::default();
        [sps, PPS].into_iter().for_each(|set| sets.replace(set).unwrap());
        AvcConfig::from_sets(&sets, 4).unwrap().shape
    };
    assert_eq!(shape(SPS).color, ColorInfo::default().with_depth(8));
    assert_eq!(shape(HLG_SPS).color, ColorInfo::new(9, 18, 9, true).with_depth(10));
}
