use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::ColorInfo;
use crate::media::codec::ConfigProblem;
use crate::media::color::ContentLight;

/// x265, 320x180 at 15 frames per second, Main profile, through FFmpeg 9.
const VPS: &[u8] = &[
    0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3C, 0x95,
    0x94, 0x09,
];
const SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3C, 0xA0, 0x0A, 0x08, 0x0C,
    0x1F, 0x3E, 0x59, 0x59, 0x52, 0x93, 0x0B, 0xC0, 0x5A, 0x02, 0x00, 0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x1E, 0x10,
];
const PPS: &[u8] = &[0x44, 0x01, 0xC0, 0x73, 0xC1, 0x89];
/// A message with user data, as x265 puts it into the record.
const SEI: &[u8] = &[0x4E, 0x01, 0x05, 0x01, 0x2C, 0x80];

/// Up to the arrays, as FFmpeg wrote it.
const HEAD: &[u8] = &[1, 0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x3C, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F];

fn record(head: &[u8], arrays: &[(u8, &[u8])]) -> Vec<u8> {
    let mut record = [head, &[arrays.len() as u8]].concat();
    for (kind, nal) in arrays {
        record.extend_from_slice(&[*kind, 0, 1, 0, nal.len() as u8]);
        record.extend_from_slice(nal);
    }
    record
}

fn sent() -> Vec<u8> {
    record(HEAD, &[(0x20, VPS), (0x21, SPS), (0x22, PPS), (0x27, SEI)])
}

/// The same with complete arrays and without messages.
fn golden() -> Vec<u8> {
    record(HEAD, &[(0xA0, VPS), (0xA1, SPS), (0xA2, PPS)])
}

fn framed(nals: &[&[u8]]) -> Bytes {
    nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), *nal].concat()).collect::<Vec<u8>>().into()
}

#[test]
fn the_record_of_a_real_encoder_is_read_and_rebuilt() {
    let config = HevcConfig::parse(&sent()).unwrap();
    assert_eq!((config.shape.width, config.shape.height), (320, 180));
    assert_eq!((config.rfc6381().as_str(), config.length_size), ("hvc1.1.6.L60.90", 4));
    assert_eq!(config.record, golden());
    assert_eq!(HevcConfig::parse(&golden()).unwrap(), config);
}

#[test]
fn names_follow_the_standards_examples() {
    let named = |head: &[u8]| {
        let record = Bytes::copy_from_slice(head);
        HevcConfig { record, ..HevcConfig::parse(&golden()).unwrap() }.rfc6381()
    };
    assert_eq!(named(&[1, 0x01, 0x60, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 93]), "hvc1.1.6.L93.B0");
    assert_eq!(named(&[1, 0x02, 0x20, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 120]), "hvc1.2.4.L120.B0");
    assert_eq!(named(&[1, 0x61, 0x60, 0, 0, 0, 0x90, 0, 0x80, 0, 0, 0, 153]), "hvc1.A1.6.H153.90.0.80");
    assert_eq!(named(&[1, 0x01, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93]), "hvc1.1.6.L93");
}

#[test]
fn a_wrong_profile_in_the_record_gives_way_to_the_parameter_set() {
    let mut head = HEAD.to_vec();
    head[1..13].fill(0xFF);
    assert_eq!(HevcConfig::parse(&record(&head, &[(0x20, VPS), (0x21, SPS), (0x22, PPS)])).unwrap().record, golden());
}

#[test]
fn parameter_sets_behind_start_codes_make_a_record() {
    let annex_b = [&[0, 0, 0, 1], VPS, &[0, 0, 1], SPS, &[0, 0, 1], PPS].concat();
    assert_eq!(HevcConfig::parse(&annex_b).unwrap().record, golden());
}

#[test]
fn broken_records_are_refused_with_their_place() {
    let whole = golden();
    for length in 0..whole.len() {
        let error = HevcConfig::parse(&whole[..length]).unwrap_err();
        assert!(error.position <= length, "{error}");
    }
    let mut three_bytes = golden();
    three_bytes[21] = 0x0E;
    assert_eq!(HevcConfig::parse(&three_bytes).unwrap_err().to_string(), "hvcC at byte 21: lengthSizeMinusOne is 2");
    let error = HevcConfig::parse(&record(HEAD, &[(0x20, VPS), (0x22, PPS)])).unwrap_err();
    assert_eq!(error.to_string(), "hvcC at byte 0: no sequence parameter set");
    let error = HevcConfig::parse(&record(HEAD, &[(0x20, PPS)])).unwrap_err();
    assert_eq!(error.to_string(), "hvcC at byte 26: nal_unit_type of a parameter set is 34");
    let error = HevcConfig::parse(&vec![1; MAX_RECORD + 1]).unwrap_err();
    assert_eq!(error.problem, ConfigProblem::TooLarge { field: "record", value: MAX_RECORD + 1, limit: MAX_RECORD });
}

#[test]
fn delimiters_and_known_parameter_sets_are_taken_out_without_copying() {
    let sets = HevcConfig::parse(&golden()).unwrap().sets();
    let data = framed(&[&[0x46, 0x01, 0x50], VPS, SPS, PPS, SEI, &[0x28, 0x01, 0xAC]]);
    let frame = canonical(&data, 4, &sets).unwrap();
    assert_eq!(frame.data, framed(&[SEI, &[0x28, 0x01, 0xAC]]));
    assert_eq!(frame.data.as_ptr(), data[7 + 28 + 47 + 10..].as_ptr());
    assert_eq!((frame.is_sync, frame.sets), (true, None));
}

#[test]
fn pictures_of_types_16_to_21_are_sync_samples_and_no_others() {
    let none = ParameterSets::default();
    for kind in 0..=40u8 {
        if matches!(kind, 32..=35) {
            continue;
        }
        let frame = canonical(&framed(&[&[kind << 1, 1, 0x80]]), 4, &none).unwrap();
        assert_eq!(frame.is_sync, (16..=21).contains(&kind), "type {kind}");
    }
}

#[test]
fn parameter_sets_that_differ_are_reported_and_replace_those_of_the_same_id() {
    let sets = HevcConfig::parse(&golden()).unwrap().sets();
    let other = [PPS, &[0x11]].concat();
    let frame = canonical(&framed(&[&other, &[0x26, 0x01, 0xAF]]), 4, &sets).unwrap();
    let changed = frame.sets.unwrap();
    assert_eq!(changed.first_of_each().map(|set| set.unwrap().clone()), [VPS, SPS, &other]);
    assert_eq!(frame.data, framed(&[&[0x26, 0x01, 0xAF]]));
}

proptest! {
    #[test]
    fn any_record_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = HevcConfig::parse(&bytes);
        let _ = HevcConfig::parse(&[HEAD, &bytes].concat());
    }

    #[test]
    fn a_damaged_record_that_is_accepted_reads_back_the_same(at in 0usize..110, byte: u8) {
        let mut damaged = sent();
        let at = at % damaged.len();
        damaged[at] = byte;
        if let Ok(config) = HevcConfig::parse(&damaged) {
            let again = HevcConfig::parse(&config.record).unwrap();
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

/// x265, 10 bits in PQ with the colours of BT.2020, 25 frames per second, through FFmpeg 9.
const HDR_SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3C, 0xA0, 0x0A, 0x08, 0x0C,
    0x1F, 0x3B, 0x65, 0x95, 0x95, 0x29, 0x30, 0xBC, 0x05, 0xA8, 0x48, 0x80, 0x48, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03,
    0x03, 0x21,
];
/// The message with its content's light, from the same record.
const LIGHT: &[u8] = &[0x4E, 0x01, 0x90, 0x04, 0x03, 0xE8, 0x01, 0x90, 0x80];

#[test]
fn usability_information_tells_colours_and_frame_rate() {
    let plain = HevcConfig::parse(&sent()).unwrap().shape;
    assert_eq!((plain.frame_rate, plain.color), (Some(15.0), ColorInfo::default().with_depth(8)));
    let sent = record(HEAD, &[(0x20, VPS), (0x21, HDR_SPS), (0x22, PPS), (0x27, LIGHT)]);
    let shape = HevcConfig::parse(&sent).unwrap().shape;
    assert_eq!((shape.width, shape.height, shape.frame_rate), (320, 180, Some(25.0)));
    assert_eq!(shape.color, ColorInfo::new(9, 16, 9, false).with_depth(10));
    assert_eq!(shape.hdr.light, ContentLight::new(1_000, 400));
}

#[test]
fn usability_information_that_is_cut_short_costs_only_itself() {
    for length in 30..HDR_SPS.len() {
        let shape = HevcConfig::parse(&record(HEAD, &[(0x20, VPS), (0x21, &HDR_SPS[..length]), (0x22, PPS)])).unwrap().shape;
        assert_eq!((shape.width, shape.height), (320, 180), "cut to {length} bytes");
        assert!([ColorInfo::default(), ColorInfo::new(9, 16, 9, false)].contains(&ColorInfo { bit_depth: None, ..shape.color }));
    }
}

/// Bits as a test writes them, in the order of the standard's syntax tables.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn u(&mut self, count: u32, value: u32) -> &mut Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn ue(&mut self, value: u32) -> &mut Self {
        let length = 32 - (value + 1).leading_zeros();
        self.u(length - 1, 0).u(length, value + 1)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |all, (at, &bit)| all | u8::from(bit) << (7 - at))).collect()
    }
}

/// Everything before the usability information that an encoder may put there: scaling lists, PCM, reference pictures told by difference,
/// long-term ones.
fn with_every_tool() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.u(16, 0x4201).u(4, 0).u(3, 1).u(1, 1); // two temporal layers
    for byte in [0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60] {
        bits.u(8, byte);
    }
    bits.u(16, 0); // no profile or level of the lower layer
    bits.ue(0).ue(1).ue(320).ue(180).u(1, 0).ue(0).ue(0);
    bits.ue(4).u(1, 1); // log2_max_pic_order_cnt_lsb_minus4, sub-layer ordering
    for _ in 0..2 {
        bits.ue(4).ue(2).ue(0);
    }
    for size in [0, 3, 0, 3, 0, 0] {
        bits.ue(size);
    }
    bits.u(1, 1).u(1, 1); // scaling lists
    for size in 0..4 {
        for matrix in 0..if size == 3 { 2 } else { 6 } {
            if matrix == 0 {
                bits.u(1, 1);
                for _ in 0..if size == 0 { 16 } else { 64 } + if size > 1 { 1 } else { 0 } {
                    bits.ue(2);
                }
            } else {
                bits.u(1, 0).ue(1);
            }
        }
    }
    bits.u(2, 3); // AMP, SAO
    bits.u(1, 1).u(8, 0x77).ue(0).ue(0).u(1, 0); // PCM
    bits.ue(2); // short-term sets: one of two and one pictures, and one by its difference to it
    bits.ue(2).ue(1).ue(0).u(1, 1).ue(1).u(1, 1).ue(0).u(1, 1);
    bits.u(1, 1).u(1, 0).ue(0).u(1, 1).u(2, 1).u(1, 1).u(2, 0);
    bits.u(1, 1).ue(1).u(8, 9).u(1, 1); // a long-term picture
    bits.u(2, 3).u(1, 1);
    bits.u(1, 1).u(8, 255).u(32, 0x0004_0003).u(1, 1).u(1, 0); // sample aspect ratio, overscan
    bits.u(1, 1).u(3, 5).u(1, 1).u(1, 1).u(8, 9).u(8, 18).u(8, 9); // HLG of full range
    bits.u(1, 1).ue(2).ue(2).u(1, 0).u(1, 1).u(1, 0); // chroma location; fields
    bits.u(1, 1).ue(0).ue(0).ue(0).ue(0); // default display window
    bits.u(1, 1).u(32, 1_001).u(32, 60_000).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 1);
    bits.bytes()
}

#[test]
fn usability_information_is_found_behind_every_coding_tool() {
    let escaped = with_every_tool().iter().fold(Vec::new(), |mut nal: Vec<u8>, &byte| {
        if nal.ends_with(&[0, 0]) && byte <= 3 {
            nal.push(3);
        }
        nal.push(byte);
        nal
    });
    let shape = HevcConfig::parse(&record(HEAD, &[(0x20, VPS), (0x21, &escaped), (0x22, PPS)])).unwrap().shape;
    assert_eq!((shape.width, shape.height), (320, 180));
    assert_eq!(shape.color, ColorInfo::new(9, 18, 9, true).with_depth(8));
    assert!((shape.frame_rate.unwrap() - 29.97).abs() < 0.001, "fields come twice as fast as pictures: {:?}", shape.frame_rate);
}
