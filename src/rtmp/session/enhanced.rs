//! The capabilities of Enhanced RTMP told in the answer to connect (Enhanced RTMP v2, section "Enhancing NetConnection connect Command").

use crate::amf0::Value;

/// Codecs that reach the exits, by FourCC; only what is true may stand here.
const VIDEO: &[&str] = &["avc1", "hvc1", "av01", "vp09", "vp08"];
/// Carried only where the operator wants it.
const VVC: &str = "vvc1";
const AUDIO: &[&str] = &["mp4a", ".mp3", "Opus", "fLaC", "ac-3", "ec-3"];

/// 1 Reconnect, 2 Multitrack, 4 ModEx, 8 TimestampNanoOffset.
const CAPS_EX: u32 = 1 | 2 | 4 | 8;

/// Flag in an info map: what is received is passed on to players.
const CAN_FORWARD: f64 = 4.0;

/// The members of the answer's information object.
pub(super) fn capabilities(carries_vvc: bool) -> Vec<(String, Value)> {
    let video = [VIDEO, if carries_vvc { &[VVC] } else { &[] }].concat();
    let list = video.iter().chain(AUDIO).map(|&fourcc| fourcc.into()).collect();
    let map = |fourccs: &[&str]| Value::Object(fourccs.iter().map(|&fourcc| (fourcc.to_owned(), CAN_FORWARD.into())).collect());
    vec![
        ("fourCcList".to_owned(), Value::StrictArray(list)),
        ("videoFourCcInfoMap".to_owned(), map(&video)),
        ("audioFourCcInfoMap".to_owned(), map(AUDIO)),
        ("capsEx".to_owned(), f64::from(CAPS_EX).into()),
    ]
}
