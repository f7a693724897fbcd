use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::codec::access_unit::NalSets;

/// vvenc, 320x180 at 15 frames per second, Main 10, through FFmpeg 9.
const SPS: &[u8] = &[
    0x00, 0x79, 0x00, 0xAB, 0x02, 0x20, 0x80, 0x00, 0x00, 0x80, 0x28, 0x20, 0x2E, 0x7D, 0x9A, 0x80, 0x18, 0xBF, 0xFE, 0xB0, 0x84, 0xD9,
    0x58, 0xC1, 0x02, 0x09, 0xC0, 0x08, 0xA0, 0x85, 0x88, 0x84, 0x0C, 0x91, 0x06, 0xA4, 0x3D, 0x1E, 0xAD, 0x49, 0x79, 0x24, 0xD4, 0x96,
    0x48, 0x8B, 0x51, 0x17, 0x88, 0xBD, 0x5A, 0x92, 0xF2, 0x5E, 0xA1, 0x14, 0x10, 0xB1, 0x00, 0x85, 0x90, 0x20, 0x44, 0x20, 0x40, 0xB2,
    0x10, 0x20, 0x48, 0x81, 0x06, 0x82, 0x04, 0x90, 0x41, 0xC2, 0x0C, 0x81, 0x16, 0x84, 0x12, 0x42, 0x1C, 0x43, 0x42, 0x5C, 0x8E, 0x54,
    0x33, 0x04, 0x67, 0x14, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0x3C, 0x62,
];
const PPS: &[u8] = &[0x00, 0x81, 0x00, 0x00, 0x14, 0x10, 0x17, 0x22, 0x24, 0x1F, 0x41];
/// Up to the arrays, as FFmpeg wrote it.
const HEAD: &[u8] = &[0xFF, 0x00, 0x65, 0x5F, 0x01, 0x02, 0x20, 0x80, 0x00, 0x00, 0x01, 0x40, 0x00, 0xB8, 0x00, 0x00];

/// Complete arrays of these kinds.
fn record(head: &[u8], arrays: &[(u8, &[u8])]) -> Vec<u8> {
    let mut record = [head, &[arrays.len() as u8]].concat();
    for (kind, nal) in arrays {
        record.extend_from_slice(&[0x80 | kind, 0, 1, 0, nal.len() as u8]);
        record.extend_from_slice(nal);
    }
    record
}

fn sent() -> Vec<u8> {
    record(HEAD, &[(15, SPS), (16, PPS)])
}

fn framed(nals: &[&[u8]]) -> Bytes {
    nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), *nal].concat()).collect::<Vec<u8>>().into()
}

/// A part of a picture of that type.
fn slice(kind: u8) -> Vec<u8> {
    vec![0, kind << 3 | 1, 0xA1, 0x88]
}

#[test]
fn the_record_of_a_real_encoder_is_read_and_rebuilt() {
    let config = VvcConfig::parse(&sent()).unwrap();
    assert_eq!((config.shape.width, config.shape.height, config.shape.color.bit_depth), (320, 180, Some(10)));
    assert_eq!((config.rfc6381().as_str(), config.length_size), ("vvc1.1.L32.CQA", 4));
    // FFmpeg says that the frame rate is constant; whether it is, nobody knows.
    let mut expected = sent();
    expected[2] &= !0x0C;
    assert_eq!(config.record, expected);
    assert_eq!(VvcConfig::parse(&config.record), Ok(config));
}

#[test]
fn records_with_the_head_of_their_box_are_read_the_same() {
    assert_eq!(VvcConfig::parse(&[&[0; 4][..], &sent()].concat()), VvcConfig::parse(&sent()));
}

#[test]
fn parameter_sets_behind_start_codes_make_a_record() {
    let annex_b = [&[0, 0, 0, 1], SPS, &[0, 0, 1], PPS].concat();
    assert_eq!(VvcConfig::parse(&annex_b), VvcConfig::parse(&sent()));
}

#[test]
fn single_units_and_messages_among_the_arrays_are_passed_over() {
    let mut arrays = [HEAD, &[4]].concat();
    // Decoding capability information has no count.
    arrays.extend_from_slice(&[0x80 | 13, 0, 3, 0x00, 0x69, 0x00]);
    arrays.extend_from_slice(&sent()[HEAD.len() + 1..]);
    arrays.extend_from_slice(&[23, 0, 1, 0, 4, 0x00, 0xB9, 0x05, 0x01]);
    assert_eq!(VvcConfig::parse(&arrays), VvcConfig::parse(&sent()));
}

#[test]
fn records_without_a_profile_are_read_by_their_parameter_sets() {
    assert_eq!(VvcConfig::parse(&record(&[0xFE], &[(15, SPS), (16, PPS)])), VvcConfig::parse(&sent()));
}

#[test]
fn broken_records_are_refused_with_their_place() {
    let whole = sent();
    for length in 0..whole.len() {
        let error = VvcConfig::parse(&whole[..length]).unwrap_err();
        assert!(error.position <= length, "{error}");
    }
    let error = |record: &[u8]| VvcConfig::parse(record).unwrap_err().to_string();
    assert_eq!(error(&[0x07]), "vvcC at byte 0: first byte is 7");
    assert_eq!(error(&[0xFC, 0]), "vvcC at byte 0: LengthSizeMinusOne is 2");
    assert_eq!(error(&record(HEAD, &[(15, SPS)])), "vvcC at byte 0: no picture parameter set");
    assert_eq!(error(&record(HEAD, &[(16, PPS)])), "vvcC at byte 0: no sequence parameter set");
    assert_eq!(error(&record(HEAD, &[(15, PPS)])), "vvcC at byte 20: nal_unit_type of a parameter set is 16");
}

#[test]
fn delimiters_and_known_parameter_sets_are_taken_out() {
    let sets = VvcConfig::parse(&sent()).unwrap().sets();
    let (message, picture) = (slice(23), slice(8));
    let frame = canonical(&framed(&[&[0x00, 0xA1, 0x88], SPS, PPS, &message, &picture]), 4, &sets).unwrap();
    assert_eq!((frame.data, frame.is_sync, frame.sets), (framed(&[&message, &picture]), true, None));
    // Adaptation parameter sets and picture headers stay: they change from picture to picture.
    let (adaptation, header) = (slice(17), slice(19));
    let frame = canonical(&framed(&[&adaptation, &header]), 4, &sets).unwrap();
    assert_eq!(frame.data, framed(&[&adaptation, &header]));
}

#[test]
fn idr_and_cra_pictures_are_sync_samples_and_no_others() {
    for kind in 0..=31u8 {
        let frame = canonical(&framed(&[&slice(kind)]), 4, &ParameterSets::default()).unwrap();
        assert_eq!(frame.is_sync, (7..=9).contains(&kind), "type {kind}");
    }
}

#[test]
fn parameter_sets_that_differ_are_reported_and_replace_those_of_the_same_id() {
    let sets = VvcConfig::parse(&sent()).unwrap().sets();
    let other = [PPS, &[0x11]].concat();
    let frame = canonical(&framed(&[&other, &slice(7)]), 4, &sets).unwrap();
    let changed = frame.sets.unwrap();
    assert!(changed.contains(&other) && !changed.contains(PPS) && changed.contains(SPS));
}

/// A sequence parameter set from its fields: (length in bits, value); Exp-Golomb codes have length 0.
fn set_of(fields: &[(u32, u32)]) -> Vec<u8> {
    let mut bits = Vec::new();
    for &(length, value) in [(16, 0x0079)].iter().chain(fields) {
        let value = u64::from(value);
        let (length, value) = match length {
            0 => (2 * (value + 1).ilog2() + 1, value + 1),
            length => (length, value),
        };
        bits.extend((0..length).rev().map(|at| (value >> at & 1) as u8));
    }
    bits.push(1);
    bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | bit << (7 - at))).collect()
}

fn config_of(fields: &[(u32, u32)]) -> Result<VvcConfig, crate::media::codec::ConfigError> {
    let mut sets = ParameterSets::default();
    sets.replace(&set_of(fields))?;
    sets.replace(PPS)?;
    VvcConfig::from_sets(&sets, 4)
}

/// Ids 0 and 0, three sublayers, 4:2:0, tree units of 128, a profile follows: Main 10 of the High tier, level 4.0.
const START: &[(u32, u32)] = &[(4, 0), (4, 0), (3, 2), (2, 1), (2, 2), (1, 1), (7, 1), (1, 1), (8, 64)];

#[test]
fn constraints_sublayers_and_sub_profiles_are_copied_into_the_record() {
    let constraints: &[(u32, u32)] = &[(2, 2), (1, 1), (32, 0x8000_0000), (32, 0), (7, 1), (8, 3), (3, 0), (3, 0)];
    // Of two lower sublayers one tells its level; one sub-profile.
    let layers: &[(u32, u32)] = &[(2, 0b01), (6, 0), (8, 48), (8, 1), (32, 0x0102_0304)];
    let size: &[(u32, u32)] = &[(2, 0), (0, 1920), (0, 1088), (1, 1), (0, 0), (0, 0), (0, 0), (0, 4), (1, 0), (0, 2)];
    let config = config_of(&[START, constraints, layers, size].concat()).unwrap();
    assert_eq!((config.shape.width, config.shape.height), (1920, 1080));
    assert_eq!(config.rfc6381(), "vvc1.1.H64.CWAAAAAAAAAAAAACAYA");
    let told = [3, 64, 0xB0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x06, 0, 0x40, 48, 1, 1, 2, 3, 4, 0x07, 0x80, 0x04, 0x40, 0, 0];
    assert_eq!(config.record[..5], [0xFF, 0, 0x31, 0x5F, 11]);
    assert_eq!(config.record[5..9], told[..4]);
    assert_eq!(VvcConfig::parse(&config.record), Ok(config));
}

#[test]
fn the_layout_of_subpictures_is_passed_over() {
    let profile: &[(u32, u32)] = &[(2, 2), (1, 0), (5, 0), (8, 0), (8, 0)];
    let size: &[(u32, u32)] = &[(2, 0), (0, 256), (0, 256), (1, 0), (1, 1)];
    // Two, each with flags of its own; places take one bit each way; explicit ids of 3 bits.
    let two: &[(u32, u32)] = &[(0, 1), (2, 0), (2, 1), (2, 3), (2, 1), (2, 0), (0, 2), (2, 3), (3, 5), (3, 6)];
    let config = config_of(&[START, profile, size, two, &[(0, 2)]].concat()).unwrap();
    assert_eq!(config.shape.color.bit_depth, Some(10));
    // Four of the same size and independent.
    let four: &[(u32, u32)] = &[(0, 3), (2, 3), (2, 0), (0, 0), (1, 0)];
    let config = config_of(&[START, profile, size, four, &[(0, 0)]].concat()).unwrap();
    assert_eq!(config.shape.color.bit_depth, Some(8));
    let many: &[(u32, u32)] = &[(0, 1000)];
    assert!(config_of(&[START, profile, size, many].concat()).is_err());
}

#[test]
fn sets_that_make_no_sense_are_refused() {
    let profile: &[(u32, u32)] = &[(2, 2), (1, 0), (5, 0), (8, 0), (8, 0), (2, 0)];
    let error = |fields: &[&[(u32, u32)]]| config_of(&fields.concat()).unwrap_err().to_string();
    assert_eq!(error(&[START, profile, &[(0, 64), (0, 64), (2, 0), (0, 8)]]), "vvcC at byte 0: sps_bitdepth_minus8 is 8");
    assert_eq!(error(&[START, profile, &[(0, 64), (0, 8), (2, 0), (0, 0)]]), "vvcC at byte 0: pictures of 64x8");
    let crop: &[(u32, u32)] = &[(0, 100_000), (0, 64), (1, 1), (0, 49_000), (0, 0), (0, 0), (0, 0), (1, 0), (0, 0)];
    assert_eq!(error(&[START, profile, crop]), "vvcC at byte 0: sps_pic_width_max_in_luma_samples is 100000");
    let bare: &[(u32, u32)] = &[(4, 0), (4, 0), (3, 0), (2, 1), (2, 2), (1, 0), (2, 0), (0, 64), (0, 64), (2, 0), (0, 0)];
    assert_eq!(error(&[bare]), "vvcC at byte 0: sps_ptl_dpb_hrd_params_present_flag is 0");
}

proptest! {
    #[test]
    fn any_record_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = VvcConfig::parse(&bytes);
        let _ = VvcConfig::parse(&[HEAD, &bytes].concat());
    }

    #[test]
    fn a_damaged_record_that_is_accepted_reads_back_the_same(at in 0usize..141, byte: u8) {
        let mut damaged = sent();
        damaged[at] = byte;
        if let Ok(config) = VvcConfig::parse(&damaged) {
            let again = VvcConfig::parse(&config.record).unwrap();
            prop_assert_eq!(again.record, config.record);
        }
    }
}
