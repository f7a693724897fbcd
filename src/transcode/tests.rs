//! Rungs for every size and rate that a source can have, and the words between the gateway and its worker.

use proptest::prelude::*;

use super::ladder::{
    Encoder, LadderError, MAX_SOURCE_PIXELS, Rung, RungCodec, RungOptions, Source, check, default_rungs, resolve, shedding_order,
};
use super::plan::{Plan, PlanError};
use super::report::{Report, RungReport, SoundReport};
use super::sound::Sound;
use crate::media::{Pick, Selection};

fn source(width: u32, height: u32, frame_rate: impl Into<Option<f64>>) -> Source {
    Source { width, height, frame_rate: frame_rate.into() }
}

/// `NAME WIDTHxHEIGHT/EVERY`, one for each rung.
fn made(source: Source) -> Vec<String> {
    let told = |rung: &Rung| format!("{} {}x{}/{}", rung.name, rung.width, rung.height, rung.every);
    resolve(&default_rungs(), &source, &[]).iter().map(told).collect()
}

#[test]
fn a_source_gets_the_rungs_below_it() {
    assert_eq!(made(source(3840, 2160, 60.0)), ["1080p 1920x1080/1", "720p 1280x720/1", "480p 854x480/2", "360p 640x360/2"]);
    assert_eq!(made(source(1920, 1080, 30.0)), ["720p 1280x720/1", "480p 854x480/1", "360p 640x360/1"]);
    assert_eq!(made(source(1280, 720, 25.0)), ["480p 854x480/1", "360p 640x360/1"]);
    assert_eq!(made(source(640, 360, 25.0)), [""; 0]);
}

#[test]
fn a_source_too_large_to_be_decoded_gets_none() {
    assert_eq!(made(source(8_192, 4_352, 30.0)).len(), 4);
    assert_eq!(made(source(16_384, 16_384, 30.0)), [""; 0]);
}

#[test]
fn a_portrait_keeps_its_narrow_side_and_its_aspect() {
    assert_eq!(made(source(1080, 1920, 30.0)), ["720p 720x1280/1", "480p 480x854/1", "360p 360x640/1"]);
    assert_eq!(made(source(1440, 1080, 30.0)), ["720p 960x720/1", "480p 640x480/1", "360p 480x360/1"]);
    assert_eq!(made(source(1920, 800, 30.0)), ["720p 1728x720/1", "480p 1152x480/1", "360p 864x360/1"]);
}

#[test]
fn frame_rates_are_divided_by_whole_numbers() {
    let every = |rate: f64| resolve(&[RungOptions::new(360, 30.0, 800_000)], &source(1280, 720, rate), &[])[0].every;
    assert_eq!([24.0, 29.97, 30.0, 30.3].map(every), [1; 4]);
    assert_eq!([48.0, 50.0, 59.94, 60.0].map(every), [2; 4]);
    assert_eq!([90.0, 119.88, 144.0, 240.0].map(every), [3, 4, 5, 8]);
    let unknown = resolve(&default_rungs(), &source(1280, 720, None), &[]);
    assert_eq!((unknown[0].every, unknown[0].frame_rate), (1, 60.0));
}

#[test]
fn what_the_publisher_sends_himself_is_not_made() {
    let rungs = resolve(&default_rungs(), &source(1920, 1080, 30.0), &[(1280, 720), (640, 352)]);
    assert_eq!(rungs.iter().map(|rung| rung.name.as_str()).collect::<Vec<_>>(), ["480p"]);
}

#[test]
fn a_codec_and_its_level_are_known_ahead() {
    let codec = |size: (u32, u32), wish: RungOptions| resolve(&[wish], &source(size.0, size.1, 30.0), &[])[0].rfc6381();
    let fast = |preset: &str| RungOptions { preset: preset.to_owned(), ..RungOptions::new(720, 0.0, 2_800_000) };
    assert_eq!(codec((1920, 1080), fast("veryfast")), "avc1.64001f");
    assert_eq!(codec((1920, 1080), fast("ultrafast")), "avc1.42c01f");
    assert_eq!(codec((3840, 2160), RungOptions { profile: "main".to_owned(), ..RungOptions::new(1080, 0.0, 4_800_000) }), "avc1.4d4028");
    let hevc = RungOptions { codec: RungCodec::Hevc, ..RungOptions::new(720, 0.0, 2_000_000) };
    assert_eq!(codec((1920, 1080), hevc), "hvc1.1.6.L93.90");
    let av1 = RungOptions { codec: RungCodec::Av1, ..RungOptions::new(720, 0.0, 2_000_000) };
    assert_eq!(codec((1920, 1080), av1), "av01.0.05M.08");
}

#[test]
fn the_costliest_rung_goes_first_and_priority_before_all() {
    let mut rungs = resolve(&default_rungs(), &source(3840, 2160, 60.0), &[]);
    assert_eq!(shedding_order(&rungs), [0, 1, 2, 3]);
    rungs.reverse();
    assert_eq!(shedding_order(&rungs), [3, 2, 1, 0]);
    rungs[3].priority = 2;
    assert_eq!(shedding_order(&rungs), [2, 1, 0, 3]);
}

#[test]
fn wishes_that_no_source_can_fulfil_are_told() {
    let wish = RungOptions::new(720, 0.0, 1_000_000);
    let named = |name: &str| RungOptions { name: name.to_owned(), ..wish.clone() };
    assert_eq!(check(&default_rungs()), Ok(()));
    assert_eq!(check(&[named("low/er")]), Err(LadderError::Name("low/er".to_owned())));
    assert_eq!(check(&[wish.clone(), wish.clone()]), Err(LadderError::Twice("720p".to_owned())));
    assert_eq!(check(&[RungOptions { height: 721, ..named("a") }]), Err(LadderError::Height { name: "a".to_owned(), height: 721 }));
    assert_eq!(check(&[RungOptions { bit_rate: 1, ..named("a") }]), Err(LadderError::BitRate { name: "a".to_owned(), bit_rate: 1 }));
    let preset = RungOptions { preset: "fast:cabac=0".to_owned(), ..named("a") };
    assert_eq!(check(&[preset]), Err(LadderError::Word { name: "a".to_owned(), word: "fast:cabac=0".to_owned() }));
    assert!(matches!(check(&[RungOptions { max_frame_rate: f64::NAN, ..named("a") }]), Err(LadderError::FrameRate { .. })));
    let many: Vec<_> = (0..9).map(|n| named(&format!("r{n}"))).collect();
    assert_eq!(check(&many), Err(LadderError::TooMany(9)));
}

#[test]
fn a_plan_crosses_in_one_argument() {
    let mut plan = Plan::new(resolve(&default_rungs(), &source(1920, 1080, 59.94), &[]));
    let [flag, json] = plan.arguments();
    assert_eq!(flag, "--plan");
    assert_eq!(Plan::parse(&json).unwrap(), plan);
    let sound = Sound { sample_rate: 48_000, channels: 6, bit_rate: 96_000 };
    let surround = Plan { sound: Some(sound), ..plan.clone() };
    assert!(matches!(Plan::parse(&surround.arguments()[1]), Err(PlanError::Sound(told)) if told == sound));
    plan.rungs[0].width += 1;
    assert!(matches!(Plan::parse(&plan.arguments()[1]), Err(PlanError::Bounds { what: "width", value: 1 })));
    plan.rungs.clear();
    let alone = Plan { sound: Some(Sound { channels: 2, ..sound }), ..plan.clone() };
    assert_eq!(Plan::parse(&alone.arguments()[1]).unwrap(), alone);
    assert_eq!(alone.source().selection, Selection { video: Pick::None, audio: Pick::Leading });
    assert!(matches!(Plan::parse(&plan.arguments()[1]), Err(PlanError::Rungs(0))));
    assert!(matches!(Plan::parse("{}"), Err(PlanError::Json(_))));
}

#[test]
fn a_report_crosses_in_a_script_tag() {
    let rung = RungReport { frames: 50, bytes: 1 << 40, dropped: 2, shed: true, sheds: 1, encoder: "libx264".to_owned() };
    let sound = SoundReport { frames: 80, decode_errors: 1 };
    let (size, rungs) = ((1280, 720), vec![rung]);
    let report = Report { lag_ms: 41, behind_ms: 70, frames_in: 52, decoded: 50, decode_errors: 2, size, sound, rungs };
    assert_eq!(Report::parse(&report.body()), Some(report));
    let mut other = bytes::BytesMut::new();
    crate::amf0::write_str("onCuePoint", &mut other);
    crate::amf0::write_str("{}", &mut other);
    assert_eq!(Report::parse(&other), None);
    assert_eq!(Report::parse(&[2, 0]), None);
}

prop_compose! {
    fn any_wish()(height in 32u32..2_200, rate in 0u8..130, bit_rate in 16_000u32..50_000_000, codec in 0usize..3) -> RungOptions {
        let codec = [RungCodec::H264, RungCodec::Hevc, RungCodec::Av1][codec];
        let max_frame_rate = f64::from(rate);
        RungOptions { codec, encoder: Encoder::Software, ..RungOptions::new(height * 2, max_frame_rate, bit_rate) }
    }
}

proptest! {
    #[test]
    fn rungs_are_smaller_even_and_of_the_same_shape(
        width in 16u32..=16_384, height in 16u32..=16_384, rate in proptest::option::of(0.1f64..1_000.0), wish in any_wish(),
    ) {
        let source = source(width, height, rate);
        let made = resolve(std::slice::from_ref(&wish), &source, &[]);
        let is_decoded = u64::from(width) * u64::from(height) <= MAX_SOURCE_PIXELS;
        prop_assert_eq!(made.is_empty(), wish.height >= width.min(height) || !is_decoded);
        for rung in made {
            prop_assert!(rung.width <= width && rung.height <= height, "{:?}", rung);
            prop_assert!(rung.width.min(rung.height) == wish.height && rung.width.is_multiple_of(2) && rung.height.is_multiple_of(2));
            prop_assert_eq!(rung.width >= rung.height, width >= height || rung.width == rung.height);
            // The longer side is off by no more than the pixel that evenness costs.
            let exact = f64::from(width.max(height)) * f64::from(wish.height) / f64::from(width.min(height));
            prop_assert!((f64::from(rung.width.max(rung.height)) - exact).abs() <= 1.0, "{:?}: {}", rung, exact);
            match (rate, wish.max_frame_rate) {
                (Some(rate), cap) if cap >= 1.0 => {
                    prop_assert!(rate / f64::from(rung.every) <= cap * 1.02 + 1e-9);
                    prop_assert!(rung.every == 1 || rate / f64::from(rung.every - 1) > cap, "{:?}", rung);
                }
                _ => prop_assert_eq!(rung.every, 1),
            }
            let plan = Plan::new(vec![rung]);
            prop_assert_eq!(Plan::parse(&plan.arguments()[1]).unwrap(), plan);
        }
    }
}
