//! What a viewer of the endless exits chose of a stream, and whether the exit can give it.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::bus::ladder::RungRendition;
use crate::bus::{From, Stream, StreamName};
use crate::flv::{Dialect as FlvDialect, FlvVariant, HevcForm};
use crate::fmp4;
use crate::media::{Kind, Pick, Program, Selection, Track};
use crate::outlet::Dialect;

/// What the source is called among renditions.
const SOURCE: &str = "source";
/// Longest name of a rendition that is looked at, in characters; all that exist are shorter.
const MAX_LABEL: usize = 64;

/// The parameters that the exits know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// `start=live` waits for the next keyframe; otherwise viewers begin at the newest.
    pub from: From,
    /// `fmt=`: how fragments are introduced over WebSocket.
    pub dialect: Dialect,
    /// `track=`: which tracks.
    pub selection: Selection,
    /// `rendition=`: the name of a rung; none for the source.
    pub rendition: Option<String>,
    /// `flv=enhanced` and `hevc=legacy`: in whose language FLV goes out.
    flv: FlvDialect,
    hevc: HevcForm,
}

impl Choice {
    /// Reads a request's query. Parameters that are not ours (tokens, cache busters and the like) are passed over.
    ///
    /// # Errors
    /// 400 that says which parameter is wrong, and what it can be.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut choice = Self {
            from: From::NewestSync,
            dialect: Dialect::Own,
            selection: selection(query)?,
            rendition: None,
            flv: FlvDialect::Players,
            hevc: HevcForm::Enhanced,
        };
        for pair in query.split('&') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value: Cow<'_, str> = percent_decode_str(value).decode_utf8_lossy();
            match (name, &*value) {
                ("start", "live") => choice.from = From::NextSync,
                ("start", _) => return Err(Problem::bad_request("start must be live")),
                ("fmt", "go2rtc") => choice.dialect = Dialect::Go2rtc,
                ("fmt", "vdk") => choice.dialect = Dialect::Vdk,
                ("fmt", "raw") => choice.dialect = Dialect::Raw,
                ("fmt", _) => return Err(Problem::bad_request("fmt must be one of go2rtc, vdk and raw")),
                ("rendition", SOURCE) => choice.rendition = None,
                ("rendition", label) => choice.rendition = Some(label.chars().take(MAX_LABEL).collect()),
                ("flv", "enhanced") => choice.flv = FlvDialect::Enhanced,
                ("flv", _) => return Err(Problem::bad_request("flv must be enhanced; without it comes what players in browsers know")),
                ("hevc", "legacy") => choice.hevc = HevcForm::Legacy,
                ("hevc", _) => return Err(Problem::bad_request("hevc must be legacy; without it H.265 comes with the Enhanced header")),
                _ => {}
            }
        }
        Ok(choice)
    }

    /// The choice as FLV.
    ///
    /// # Errors
    /// 400 for several tracks of a kind in a form that has room for one.
    pub fn flv(&self) -> Result<FlvVariant, Problem> {
        let several = [self.selection.video, self.selection.audio].contains(&Pick::All);
        if several && self.flv == FlvDialect::Players {
            let detail = "players in browsers know one track of each kind: choose one of each, or add flv=enhanced";
            return Err(Problem::bad_request(detail));
        }
        Ok(FlvVariant { selection: self.selection, dialect: self.flv, hevc: self.hevc, nanos: false })
    }

    /// The choice as fragments.
    ///
    /// # Errors
    /// 400 where it speaks of FLV.
    pub fn fragments(&self) -> Result<Selection, Problem> {
        if (self.flv, self.hevc) != (FlvDialect::default(), HevcForm::default()) {
            return Err(Problem::bad_request("flv and hevc are for addresses that end in .flv"));
        }
        Ok(self.selection)
    }
}

/// The tracks that a query chooses by `track=`.
///
/// # Errors
/// 400 that says which word is wrong.
pub fn selection(query: &str) -> Result<Selection, Problem> {
    let mut texts = query.split('&').filter_map(|pair| pair.strip_prefix("track="));
    let Some(text) = texts.next() else { return Ok(Selection::default()) };
    if texts.next().is_some() {
        return Err(Problem::bad_request("track can be given once, with commas between its words"));
    }
    // Pages that build addresses by URLSearchParams send a comma as %2C.
    let text = percent_decode_str(text).decode_utf8_lossy();
    Selection::parse(&text).map_err(|error| Problem::bad_request(format!("track: {error}")))
}

/// The rung that was chosen; none for the source.
///
/// # Errors
/// 404 for one that the stream does not have, which names those that it has.
pub fn rung(stream: &Stream, choice: &Choice) -> Result<Option<RungRendition>, Problem> {
    let Some(label) = &choice.rendition else { return Ok(None) };
    stream.ladder().find(label).map(Some).ok_or_else(|| {
        let rungs = stream.ladder().rungs();
        let there: Vec<_> = std::iter::once(SOURCE).chain(rungs.iter().map(|one| &*one.rung.label)).collect();
        Problem::not_found(format!("'{}' has no rendition '{label}'; it has {}", stream.name(), there.join(", ")))
    })
}

/// Whether FLV of that variant has something for the viewer.
///
/// # Errors
/// 404 for a track that is not there, and 415 for tracks that the dialect cannot carry; both name what is there.
pub fn check_flv(stream: &StreamName, program: &Program, variant: FlvVariant) -> Result<(), Problem> {
    let carries = |track: &Track| variant.dialect.carries(&track.codec);
    let (form, hint) = match variant.dialect {
        FlvDialect::Players => ("FLV for players in browsers", ", and here with ?flv=enhanced for players of FFmpeg's family"),
        FlvDialect::Enhanced => ("Enhanced FLV", ""),
    };
    check(stream, program, variant.selection, carries).map_err(|lack| match lack {
        Lack::Absent(problem) => problem,
        Lack::Uncarried(tracks) => {
            let others = format!("/{stream}/index.m3u8 (HLS), /{stream}/manifest.mpd (DASH), /{stream}.mp4 (fMP4, HTTP or WebSocket)");
            unsupported(form, &tracks, &format!("it plays at {others}{hint}"))
        }
    })
}

/// Whether fragments of that selection have something for the viewer.
///
/// # Errors
/// As [`check_flv`].
pub fn check_fragments(stream: &StreamName, program: &Program, selection: Selection) -> Result<(), Problem> {
    check(stream, program, selection, |track| fmp4::is_carried(&track.codec)).map_err(|lack| match lack {
        Lack::Absent(problem) => problem,
        Lack::Uncarried(tracks) => unsupported("fMP4", &tracks, &format!("try /{stream}.flv?flv=enhanced")),
    })
}

/// Why a selection leads to nothing.
enum Lack {
    Absent(Problem),
    /// These tracks, in words, cannot be carried.
    Uncarried(String),
}

fn check(stream: &StreamName, program: &Program, selection: Selection, carries: impl Fn(&Track) -> bool) -> Result<(), Lack> {
    let tracks = &program.tracks;
    let there = || named(tracks.iter().filter(|track| track.id.kind != Kind::Data));
    if let Some(missing) = selection.missing(tracks) {
        let made = if missing.is_rung() { " here: what is made of it plays by ?rendition=NAME" } else { "" };
        return Err(Lack::Absent(Problem::not_found(format!("'{stream}' has no track {missing}{made}; it has {}", there()))));
    }
    let wanted = selection.tracks(tracks, |_| true);
    if wanted.is_empty() {
        return Err(Lack::Absent(Problem::not_found(format!("'{stream}' has nothing of what was chosen; it has {}", there()))));
    }
    // Who asks for one track by its number does not want the rest without it.
    let by_number = |track: &Track| matches!(selection.pick(track.id.kind), Pick::Track(_));
    if wanted.iter().any(|track| by_number(track) && !carries(track)) || selection.tracks(tracks, &carries).is_empty() {
        return Err(Lack::Uncarried(named(wanted.into_iter().filter(|track| !carries(track)))));
    }
    Ok(())
}

fn unsupported(form: &str, tracks: &str, instead: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{form} cannot carry {tracks}; {instead}"))
}

/// `v0 (H.264), a0 (AAC)`
fn named<'a>(tracks: impl Iterator<Item = &'a Arc<Track>>) -> String {
    let words: Vec<_> = tracks.map(|track| format!("{} ({})", track.id, track.codec.name())).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::{AacConfig, Ac3Config};
    use crate::media::{Codec, Epoch, Metadata, TrackId, TrackSet};

    fn refused<T>(result: Result<T, Problem>) -> (u16, String) {
        let problem = result.err().expect("it is refused");
        (problem.status, problem.detail)
    }

    fn program(with_aac: bool) -> Program {
        let frame = [&[0x0B, 0x77, 0xFE, 0x95, 0x14, 0x40, 0x43, 0xE1][..], &[0; 760]].concat();
        let ac3 = Track::new(TrackId::AUDIO, Codec::Ac3(Ac3Config::parse(&frame).unwrap()));
        let aac = Track::new(TrackId { index: 1, ..TrackId::AUDIO }, Codec::Aac(AacConfig::parse(&[0x11, 0x90]).unwrap()));
        let script = Track::new(TrackId::DATA, Codec::Script);
        let tracks = TrackSet::new([Some(ac3), with_aac.then_some(aac), Some(script)].into_iter().flatten());
        Program { epoch: Epoch(1), tracks, metadata: Metadata::default() }
    }

    fn flv(query: &str, program: &Program) -> Result<(), Problem> {
        check_flv(&StreamName::parse("live/demo").unwrap(), program, Choice::parse(query).unwrap().flv().unwrap())
    }

    #[test]
    fn a_query_is_read_and_what_is_not_ours_is_passed_over() {
        let choice = Choice::parse("token=a%2Fb&track=v1%2Ca2&start=live&flv=enhanced&hevc=legacy&x").unwrap();
        assert_eq!((choice.selection, choice.from), (Selection::parse("v1,a2").unwrap(), From::NextSync));
        let variant = choice.flv().unwrap();
        assert_eq!((variant.dialect, variant.hevc, variant.nanos), (FlvDialect::Enhanced, HevcForm::Legacy, false));
        assert_eq!(Choice::parse("").unwrap().flv().unwrap(), FlvVariant::default());
        assert_eq!(Choice::parse("track=all").unwrap().fragments().unwrap(), Selection::ALL);
    }

    #[test]
    fn a_wrong_parameter_is_told_with_what_it_can_be() {
        for (query, word) in [
            ("flv=1", "flv must be enhanced"),
            ("hevc=12", "hevc must be legacy"),
            ("start=0", "start must be live"),
            ("fmt=x", "go2rtc"),
            ("track=", "track: '' names no track"),
            ("track=%ff", "names no track"),
            ("track=v1,v2", "'v1' and 'v2' both choose the picture"),
            ("track=v1&track=a1", "track can be given once"),
        ] {
            let (status, detail) = refused(Choice::parse(query));
            assert_eq!(status, 400);
            assert!(detail.contains(word), "{query}: {detail}");
        }
        assert!(refused(Choice::parse("track=all").unwrap().flv()).1.contains("flv=enhanced"));
        assert_eq!(refused(Choice::parse("flv=enhanced").unwrap().fragments()).0, 400);
    }

    #[test]
    fn tracks_that_cannot_be_carried_are_named_with_the_exits_that_can() {
        let (status, detail) = refused(flv("", &program(false)));
        assert_eq!(status, 415);
        let expected = "FLV for players in browsers cannot carry a0 (AC-3); it plays at /live/demo/index.m3u8 (HLS), \
             /live/demo/manifest.mpd (DASH), /live/demo.mp4 (fMP4, HTTP or WebSocket), and here with ?flv=enhanced for players of FFmpeg's \
             family";
        assert_eq!(detail, expected);
        assert!(flv("flv=enhanced", &program(false)).is_ok());
        assert!(flv("", &program(true)).is_ok(), "the second can be carried");
        assert_eq!(refused(flv("track=a0", &program(true))).0, 415, "who names a track does not want another");
        let name = StreamName::parse("live/demo").unwrap();
        assert!(check_fragments(&name, &program(false), Selection::default()).is_ok());
    }

    #[test]
    fn a_track_that_is_not_there_is_told_with_those_that_are() {
        let expected = (404, "'live/demo' has no track v1; it has a0 (AC-3), a1 (AAC)".to_owned());
        assert_eq!(refused(flv("track=v1", &program(true))), expected);
        let name = StreamName::parse("live/demo").unwrap();
        let fragments = check_fragments(&name, &program(true), Selection::parse("v1").unwrap());
        assert_eq!(refused(fragments), expected);
        assert!(refused(flv("track=a16", &program(true))).1.contains("plays by ?rendition=NAME; it has a0 (AC-3)"));
        assert_eq!(refused(flv("track=noaudio", &program(true))).0, 404);
    }
}
