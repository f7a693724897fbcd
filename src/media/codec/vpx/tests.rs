use proptest::prelude::*;

use super::*;
use crate::media::codec::VideoShape;

/// libvpx through FFmpeg 9: the first bytes of key frames and of the frames behind them, 320x180.
const VP9_KEY: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xF0, 0x0B, 0x36, 0x06, 0x38, 0x24, 0x1C, 0x18];
const VP9_INTER: &[u8] = &[0x86, 0x00, 0x40, 0x92, 0xF1, 0x21, 0x40];
const VP8_KEY: &[u8] = &[0xF0, 0x62, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0x00, 0x00, 0x07];
const VP8_INTER: &[u8] = &[0x51, 0x1B, 0x00, 0x09, 0x11];
/// What FFmpeg 9 announced for the VP9 stream: behind version and flags.
const VP9_BOX: &[u8] = &[1, 0, 0, 0, 0x00, 0x0B, 0x82, 2, 2, 2, 0, 0];
/// Of BT.2020 and PQ in 10 bits.
const HDR_KEY: &[u8] = &[0x92, 0x49, 0x83, 0x42, 0x50, 0x09, 0xF8, 0x05, 0x9B, 0x03, 0x1C, 0x12];
const HDR_RECORD: &[u8] = &[0x02, 0x0B, 0xA2, 9, 16, 9, 0, 0];

fn key(frame: VpFrame) -> VpKey {
    match frame {
        VpFrame::Key(key) => key,
        VpFrame::Inter => panic!("no key frame"),
    }
}

fn vp9(frame: &[u8], record: Option<&[u8]>) -> VpConfig {
    let record = record.map(|record| VpRecord::parse(record).unwrap());
    VpConfig::new(&key(vp9_frame(frame).unwrap()), record.as_ref())
}

/// A key frame's header, bit by bit.
fn vp9_key(profile: u8, depth_bit: Option<u8>, color_space: u8, rest: &[u8], size: [u32; 2]) -> Vec<u8> {
    let mut bits: Vec<u8> = vec![1, 0, profile & 1, profile >> 1];
    bits.extend((profile == 3).then_some(0));
    bits.extend([0, 0, 1, 0]);
    bits.extend((0..24).rev().map(|at| (0x49_83_42u32 >> at & 1) as u8));
    bits.extend(depth_bit);
    bits.extend([color_space >> 2 & 1, color_space >> 1 & 1, color_space & 1]);
    bits.extend(rest);
    bits.extend(size.iter().flat_map(|side| (0..16).rev().map(move |at| ((side - 1) >> at & 1) as u8)));
    bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | bit << (7 - at))).collect()
}

#[test]
fn key_frames_of_real_encoders_tell_their_size() {
    let shape = |key: VpKey| (key.shape.width, key.shape.height, key.shape.color.bit_depth);
    assert_eq!(shape(key(vp9_frame(VP9_KEY).unwrap())), (320, 180, Some(8)));
    assert_eq!(shape(key(vp8_frame(VP8_KEY).unwrap())), (320, 180, Some(8)));
    assert_eq!(vp9_frame(VP9_INTER), Ok(VpFrame::Inter));
    assert_eq!(vp8_frame(VP8_INTER), Ok(VpFrame::Inter));
    // A frame that shows one from before.
    assert_eq!(vp9_frame(&[0x88]), Ok(VpFrame::Inter));
}

#[test]
fn records_are_read_with_and_without_the_head_of_their_box() {
    let bare = VpRecord::parse(&VP9_BOX[4..]).unwrap();
    assert_eq!(VpRecord::parse(VP9_BOX).unwrap(), bare);
    let config = VpConfig::new(&key(vp9_frame(VP9_KEY).unwrap()), Some(&bare));
    assert_eq!((&config.record[..], &config.full_box()[..]), (&VP9_BOX[4..], VP9_BOX));
    assert_eq!(config.rfc6381_vp9(), "vp09.00.11.08.01.02.02.02.00");
    assert_eq!(VpRecord::parse(&[0; 7]).unwrap_err().to_string(), "vpcC at byte 6: the record ends inside a field");
}

#[test]
fn without_a_record_the_key_frame_tells_all() {
    let config = vp9(VP9_KEY, None);
    assert_eq!((&config.record[..], config.rfc6381_vp9().as_str()), (&[0, 11, 0x82, 2, 2, 2, 0, 0][..], "vp09.00.11.08.01.02.02.02.00"));
    let config = VpConfig::new(&key(vp8_frame(VP8_KEY).unwrap()), None);
    assert_eq!((&config.record[..], config.rfc6381_vp8().as_str()), (&[0, 11, 0x82, 2, 2, 2, 0, 0][..], "vp08.00.11.08"));
}

#[test]
fn a_record_that_lies_gives_way_to_the_key_frame() {
    // Another profile, a level that does not exist, 12 bits of full range, and 4:4:4.
    let config = vp9(VP9_KEY, Some(&[3, 99, 0xC7, 1, 1, 1, 0, 0]));
    assert_eq!(&config.record[..], [0, 11, 0x82, 1, 1, 1, 0, 0]);
    // RGB, where chroma is sampled at half the rate.
    assert_eq!(vp9(VP9_KEY, Some(&[0, 11, 0x82, 2, 2, 0, 0, 0])).record[3..6], [2, 2, 2]);
    // A level too low for the pictures.
    let large = vp9_key(0, None, 0, &[0], [1920, 1080]);
    assert_eq!(vp9(&large, Some(&[0, 31, 0x82, 2, 2, 2, 0, 0])).record[1], 40);
    assert_eq!(vp9(&large, Some(&[0, 51, 0x82, 2, 2, 2, 0, 0])).record[1], 51);
}

#[test]
fn a_record_says_more_of_the_colours_where_the_frame_agrees() {
    assert_eq!(vp9(HDR_KEY, Some(HDR_RECORD)).rfc6381_vp9(), "vp09.02.11.10.01.09.16.09.00");
    assert_eq!(vp9(HDR_KEY, None).rfc6381_vp9(), "vp09.02.11.10.01.09.14.09.00");
    let other = vp9_key(2, Some(0), 2, &[0], [1920, 1080]);
    assert_eq!(vp9(&other, Some(HDR_RECORD)).rfc6381_vp9(), "vp09.02.40.10.01.01.01.01.00");
}

#[test]
fn every_profile_tells_depth_and_sampling() {
    let expected = [
        (vp9_key(1, None, 7, &[0], [64, 48]), "vp09.01.10.08.03.01.13.00.01"),
        (vp9_key(1, None, 2, &[1, 1, 0, 0], [64, 48]), "vp09.01.10.08.02.01.01.01.01"),
        (vp9_key(1, None, 2, &[0, 0, 0, 0], [64, 48]), "vp09.01.10.08.03.01.01.01.00"),
        (vp9_key(3, Some(1), 5, &[0, 1, 0, 0], [64, 48]), "vp09.03.10.12.02.09.15.09.00"),
    ];
    for (frame, name) in expected {
        assert_eq!(vp9(&frame, None).rfc6381_vp9(), name);
    }
    let error = vp9_frame(&vp9_key(1, None, 2, &[0, 0, 1, 0], [64, 48])).unwrap_err();
    assert_eq!(error.to_string(), "VP9 frame header at byte 4: subsampling_y without subsampling_x is 1");
}

#[test]
fn levels_grow_with_the_pictures() {
    let level = |width, height| vp9(&vp9_key(0, None, 0, &[0], [width, height]), None).record[1];
    assert_eq!([level(256, 144), level(640, 360), level(1280, 720), level(1920, 1080), level(3840, 2160)], [11, 21, 31, 40, 50]);
    assert_eq!([level(16_384, 16), level(16_384, 16_384)], [60, 62]);
}

#[test]
fn what_is_no_frame_is_refused_with_its_place() {
    let vp9 = |data: &[u8]| vp9_frame(data).unwrap_err().to_string();
    assert_eq!(vp9(&[]), "VP9 frame header at byte 0: the record ends inside a field");
    assert_eq!(vp9(&[0xC4]), "VP9 frame header at byte 0: frame_marker is 3");
    assert_eq!(vp9(&VP9_KEY[..8]), "VP9 frame header at byte 6: the record ends inside a field");
    assert_eq!(vp9(&[0x82, 0x49, 0x83, 0x43, 0, 0x13, 0xF0, 0x0B, 0x36, 0]), "VP9 frame header at byte 1: frame_sync_code is 4817731");
    assert_eq!(vp9(&vp9_key(0, None, 0, &[0], [8, 48])), "VP9 frame header at byte 0: pictures of 8x48");
    let vp8 = |data: &[u8]| vp8_frame(data).unwrap_err().to_string();
    assert_eq!(vp8(&[]), "VP8 frame header at byte 0: the record ends inside a field");
    assert_eq!(vp8(&[0x09]), "VP8 frame header at byte 0: version is 4");
    assert_eq!(vp8(&VP8_KEY[..9]), "VP8 frame header at byte 9: the record ends inside a field");
    assert_eq!(vp8(&[0x10, 0, 0, 0x9D, 1, 0x2B, 64, 0, 64, 0]), "VP8 frame header at byte 3: start code is 10289451");
}

#[test]
fn the_scaling_bits_of_vp8_are_no_size() {
    let mut scaled = VP8_KEY.to_vec();
    (scaled[7], scaled[9]) = (scaled[7] | 0xC0, scaled[9] | 0x40);
    let VideoShape { width, height, .. } = key(vp8_frame(&scaled).unwrap()).shape;
    assert_eq!((width, height), (320, 180));
}

proptest! {
    #[test]
    fn any_frame_and_record_are_read_or_refused(
        frame in prop::collection::vec(any::<u8>(), 0..24),
        record in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let announced = VpRecord::parse(&record).ok();
        let with_sync = [&VP9_KEY[..4], &frame].concat();
        for found in [vp8_frame(&frame), vp9_frame(&frame), vp9_frame(&with_sync), vp8_frame(&[&VP8_KEY[..6], &frame].concat())] {
            if let Ok(VpFrame::Key(key)) = found {
                let config = VpConfig::new(&key, announced.as_ref());
                let again = VpRecord::parse(&config.full_box()).unwrap();
                prop_assert_eq!(VpConfig::new(&key, Some(&again)), config);
            }
        }
    }
}
