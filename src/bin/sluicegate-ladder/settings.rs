//! How each encoder is told what a rung asks for: no B-frames, no looking ahead, keyframes only where they are forced, closed GOPs.

use sluicegate::transcode::ladder::{Encoder, Rung, RungCodec};

/// One option of libav's.
pub type Setting = (&'static str, String);

/// Longer than any GOP: keyframes are forced, never chosen.
const NEVER: &str = "1073741824";

/// Encoders to try for a rung, the one that was asked for first.
pub fn encoders(rung: &Rung) -> impl Iterator<Item = &'static str> {
    let hardware = match (rung.encoder, rung.codec) {
        (Encoder::Software, _) => None,
        (Encoder::Nvenc, RungCodec::H264) => Some("h264_nvenc"),
        (Encoder::Nvenc, RungCodec::Hevc) => Some("hevc_nvenc"),
        (Encoder::Nvenc, RungCodec::Av1) => Some("av1_nvenc"),
        (Encoder::Qsv, RungCodec::H264) => Some("h264_qsv"),
        (Encoder::Qsv, RungCodec::Hevc) => Some("hevc_qsv"),
        (Encoder::Qsv, RungCodec::Av1) => Some("av1_qsv"),
        (Encoder::Vaapi, RungCodec::H264) => Some("h264_vaapi"),
        (Encoder::Vaapi, RungCodec::Hevc) => Some("hevc_vaapi"),
        (Encoder::Vaapi, RungCodec::Av1) => Some("av1_vaapi"),
    };
    let software = match rung.codec {
        RungCodec::H264 => "libx264",
        RungCodec::Hevc => "libx265",
        RungCodec::Av1 => "libsvtav1",
    };
    hardware.into_iter().chain([software])
}

/// The options of that encoder for a rung. A buffer of one second at the bit rate bounds what a second may hold.
pub fn settings(encoder: &str, rung: &Rung, threads: u32) -> Vec<Setting> {
    let bit_rate = rung.bit_rate.to_string();
    let bounded = [("g", NEVER.to_owned()), ("maxrate", bit_rate.clone()), ("bufsize", bit_rate)].into_iter();
    match encoder {
        "libx264" => bounded.chain(x264(rung)).collect(),
        "libx265" => bounded.chain(x265(rung, threads)).collect(),
        "libsvtav1" => svt_av1(rung, threads),
        _ => bounded.chain(hardware(encoder, rung)).collect(),
    }
}

/// `zerolatency` brings sliced threads with it. Without those x264 would keep back as many frames as it has threads.
fn x264(rung: &Rung) -> Vec<Setting> {
    vec![
        ("preset", rung.preset.clone()),
        ("tune", "zerolatency".to_owned()),
        ("profile", rung.profile.clone()),
        ("level", tenths(rung.level)),
        ("forced-idr", "1".to_owned()),
        ("a53cc", "1".to_owned()),
        ("x264-params", "scenecut=0:open-gop=0".to_owned()),
    ]
}

/// One frame thread, or frames would wait for the next ones.
fn x265(rung: &Rung, threads: u32) -> Vec<Setting> {
    let pools = if threads > 1 { threads.to_string() } else { "none".to_owned() };
    let kilobits = rung.bit_rate / 1_000;
    // The level's number in the bitstream is thirty times the level.
    let level = tenths(rung.level / 3);
    let params = format!(
        "keyint=-1:scenecut=0:open-gop=0:rc-lookahead=0:repeat-headers=0:frame-threads=1:pools={pools}:level-idc={level}:\
         vbv-maxrate={kilobits}:vbv-bufsize={kilobits}:log-level=none"
    );
    vec![
        ("preset", rung.preset.clone()),
        ("tune", "zerolatency".to_owned()),
        ("profile", rung.profile.clone()),
        ("forced-idr", "1".to_owned()),
        // Newer versions can, older cannot: for all of them it is done behind the encoder.
        ("a53cc", "0".to_owned()),
        ("x265-params", params),
    ]
}

/// Whether an encoder makes a keyframe where it begins and nowhere else, whatever it is asked for: SVT-AV1 forces none with low delay.
pub fn begins_anew_for_keyframes(encoder: &str) -> bool {
    encoder == "libsvtav1"
}

/// The prediction structure of low delay goes with a constant bit rate alone.
fn svt_av1(rung: &Rung, threads: u32) -> Vec<Setting> {
    let params = format!("pred-struct=1:rc=2:scd=0:lookahead=0:keyint=-1:lp={threads}");
    vec![("preset", rung.preset.clone()), ("svtav1-params", params)]
}

fn hardware(encoder: &str, rung: &Rung) -> Vec<Setting> {
    let own_captions = if rung.codec == RungCodec::H264 { "1" } else { "0" };
    let mut settings = vec![("profile", rung.profile.clone()), ("forced_idr", "1".to_owned()), ("async_depth", "1".to_owned())];
    settings.push(("a53cc", own_captions.to_owned()));
    if encoder.ends_with("_qsv") {
        // It counts them in sixteen bits.
        settings.push(("g", "65535".to_owned()));
    }
    if encoder.ends_with("_nvenc") {
        let low_delay = [("preset", "p4"), ("tune", "ull"), ("zerolatency", "1"), ("delay", "0"), ("rc", "cbr"), ("forced-idr", "1")];
        settings.extend(low_delay.map(|(key, value)| (key, value.to_owned())));
    }
    settings
}

/// `3.1` of 31.
fn tenths(level: u8) -> String {
    format!("{}.{}", level / 10, level % 10)
}
