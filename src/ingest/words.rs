//! What script messages say: metadata of tracks, and cues of their moment. Only advice: it may lie, and a track is there when its
//! configuration is.

use std::collections::BTreeMap;

use crate::amf0::{Reader, Value};
use crate::flv::MAX_TRACKS;
use crate::media::{Kind, Script, TrackId};

/// The longest language or name that is kept, in bytes. Control characters are not: no log, page, playlist or manifest has a use for them.
const MAX_TEXT: usize = 64;

/// Encoders announce breaks a few seconds ahead; what is further off counts in another clock than theirs.
const MOST_AHEAD_MS: f64 = 60_000.0;

/// How much later than its own timestamp the moment is that a cue is about. Encoders for Adobe Primetime and Azure tell it as `time`, in
/// seconds of the clock of their timestamps; what lies behind is no word about that, as others leave it at zero.
pub(super) fn ahead_ms(script: &Script, timestamp: u32) -> i32 {
    if !matches!(script.name.as_str(), "onCuePoint" | "onAdCue") {
        return 0;
    }
    let told = Reader::new(&script.values).read().ok().and_then(|value| value.get("time")?.as_number());
    let ahead = told.map_or(0.0, |seconds| (seconds * 1_000.0).round() - f64::from(timestamp));
    if (1.0..=MOST_AHEAD_MS).contains(&ahead) { ahead as i32 } else { 0 }
}

/// What metadata says of each track.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Words {
    kinds: Vec<Kind>,
    /// By track, where the maps of Enhanced RTMP multitrack are there.
    tracks: BTreeMap<TrackId, Word>,
}

/// What metadata says of one track.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Word {
    pub(super) language: Option<String>,
    pub(super) name: Option<String>,
    pub(super) frame_rate: Option<f64>,
}

impl Words {
    /// Reads the value of onMetaData.
    pub(super) fn of_metadata(value: &Value) -> Self {
        let kinds: Vec<_> = [Kind::Video, Kind::Audio].into_iter().filter(|kind| tells_of(value, prefix(*kind))).collect();
        let mut tracks = BTreeMap::new();
        for kind in [Kind::Video, Kind::Audio] {
            let map = value.get(&format!("{}TrackIdInfoMap", prefix(kind))).and_then(Value::properties).unwrap_or_default();
            let told = map.iter().filter_map(|(index, value)| Some((index.parse().ok().filter(|index| *index < MAX_TRACKS)?, value)));
            tracks.extend(told.map(|(index, value)| (TrackId { kind, index }, Word::read(value))));
        }
        // Track 0 is described outside the maps.
        if !tracks.is_empty() {
            let default = |kind: &Kind| TrackId { kind: *kind, index: 0 };
            kinds.iter().map(default).for_each(|id| {
                tracks.entry(id).or_default();
            });
        }
        Self { kinds, tracks }
    }

    /// Whether there is a word about any track of a kind.
    pub(super) fn tell_of(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// All tracks that are told of; none where only kinds are.
    pub(super) fn tracks(&self) -> impl ExactSizeIterator<Item = TrackId> {
        self.tracks.keys().copied()
    }

    /// What is told of one track.
    pub(super) fn of(&self, id: TrackId) -> Option<&Word> {
        self.tracks.get(&id)
    }
}

impl Word {
    fn read(value: &Value) -> Self {
        let text = |names: &[&str]| {
            let texts = names.iter().filter_map(|name| value.get(name)?.as_str());
            texts.map(readable).find(|text| !text.is_empty())
        };
        let rate = value.get("framerate").and_then(Value::as_number);
        Self {
            language: text(&["language", "lang"]).filter(|language| is_language(language)),
            name: text(&["name", "title", "label"]),
            frame_rate: rate.filter(|rate| rate.is_finite() && (1.0..=1_000.0).contains(rate)),
        }
    }
}

/// The start of a text that people can read.
fn readable(text: &str) -> String {
    let mut kept = String::new();
    for c in text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()).chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// Whether a text has the shape of a language tag (RFC 5646 §2.1): letters and digits with hyphens between.
fn is_language(text: &str) -> bool {
    text.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Video => "video",
        Kind::Audio => "audio",
        Kind::Data => "data",
    }
}

/// Whether metadata has a word about a kind of track: `videocodecid`, `audiosamplerate` and the like.
fn tells_of(metadata: &Value, kind: &str) -> bool {
    let words = ["codecid", "datarate", "samplerate"];
    let tells = |name: &str| name.strip_prefix(kind).is_some_and(|rest| words.contains(&rest));
    metadata.properties().is_some_and(|properties| properties.iter().any(|(name, _)| tells(name)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::amf0::object;

    #[test]
    fn the_moment_of_a_cue_is_believed_where_it_is_a_little_ahead() {
        let told = |name: &str, time: f64| {
            let values = crate::amf0::encode(&[object([("time", time.into()), ("cue", "SpliceOut".into())])]);
            ahead_ms(&Script { name: name.to_owned(), values }, 100_000)
        };
        assert_eq!(
            [104.25, 160.0, 160.001, 100.0, 99.0, 0.0, f64::NAN, 1e300].map(|time| told("onAdCue", time)),
            [4_250, 60_000, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!((told("onCuePoint", 101.0), told("onTextData", 101.0)), (1_000, 0));
        assert_eq!(ahead_ms(&Script { name: "onCuePoint".to_owned(), values: Bytes::from_static(&[3, 0]) }, 0), 0);
    }

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::EcmaArray(entries.iter().map(|(index, value)| ((*index).to_owned(), value.clone())).collect())
    }

    #[test]
    fn maps_tell_of_tracks_beside_the_default_ones() {
        let sound = object([("language", "de-AT".into()), ("title", " Österreich ".into())]);
        let value = object([
            ("videocodecid", 7.0.into()),
            ("audiocodecid", 10.0.into()),
            ("videoTrackIdInfoMap", map(&[("1", object([("framerate", 30.0.into())]))])),
            ("audioTrackIdInfoMap", map(&[("1", sound), ("16", Value::Null), ("x", Value::Null)])),
        ]);
        let words = Words::of_metadata(&value);
        assert_eq!(words.tracks().map(|id| id.to_string()).collect::<Vec<_>>(), ["v0", "v1", "a0", "a1"]);
        let (video, audio) = (TrackId { kind: Kind::Video, index: 1 }, TrackId { kind: Kind::Audio, index: 1 });
        assert_eq!(words.of(video).unwrap().frame_rate, Some(30.0));
        let told = words.of(audio).unwrap();
        assert_eq!((told.language.as_deref(), told.name.as_deref()), (Some("de-AT"), Some("Österreich")));
    }

    #[test]
    fn what_is_no_language_is_none_and_a_long_name_is_cut() {
        for language in ["", "d e", "\"", "germanlanguage", "de--AT"] {
            assert_eq!(Word::read(&object([("language", language.into())])).language, None, "{language}");
        }
        let name = "ü".repeat(100);
        assert_eq!(Word::read(&object([("name", name.as_str().into())])).name, Some("ü".repeat(32)));
    }

    #[test]
    fn control_characters_are_left_out_of_names() {
        let name = |text: &str| Word::read(&object([("name", text.into())])).name;
        assert_eq!(name("\0 \u{1b}[2JSa\0al\u{85}\n "), Some("[2JSaal".to_owned()));
        assert_eq!(name("\0\u{7f}\r\n"), None);
        assert_eq!(name(&format!("{}Saal", "\0".repeat(100))), Some("Saal".to_owned()));
    }

    #[test]
    fn without_maps_only_kinds_are_told_of() {
        let words = Words::of_metadata(&object([("videodatarate", 1.0.into())]));
        assert!(words.tell_of(Kind::Video) && !words.tell_of(Kind::Audio));
        assert_eq!(words.tracks().len(), 0);
    }
}
