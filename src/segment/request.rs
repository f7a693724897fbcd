//! The files below a stream's address, parsed once into a typed value and printed from the same value.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

use crate::media::{Epoch, Kind, TrackId};

use super::snapshot::{MediaSequence, PartNumber};

/// Longest file name that is looked at: two 20-digit numbers, a track and the fixed text fit with room to spare.
const MAX_NAME: usize = 64;
/// The first init segment of a track has this number.
pub const FIRST_GENERATION: u32 = 1;
/// What stands behind a track in the name of its I-frame playlist.
const IFRAMES: &str = "-iframes";
/// What stands before the number of an init segment.
const INIT: char = 'i';
/// What stands before the time of a segment.
const TIME: char = 't';
/// Longest query string that is carried over to child addresses; a signed token is a few hundred bytes.
const MAX_QUERY: usize = 2_048;

/// What tells the segments of a track apart in the addresses of a manifest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Addressing {
    /// Their numbers (`$Number$`), as in playlists of HLS.
    #[default]
    Number,
    /// Their earliest presentation times (`$Time$`), for players that count segments by their places in a timeline.
    Time,
}

/// A file below a stream's address. [`fmt::Display`] prints its one name, and [`Request::parse`] reads only that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Request {
    /// `index.m3u8`: the HLS multivariant playlist.
    Multivariant,
    /// `v0.m3u8`: the HLS media playlist of a track.
    MediaPlaylist(TrackId),
    /// `v0-iframes.m3u8`: the HLS playlist of a video track's pictures that can be shown by themselves.
    IFramePlaylist(TrackId),
    /// `manifest.mpd`: the DASH manifest, or `manifest-time.mpd`, which names segments by their times.
    Manifest(Addressing),
    /// `info.json`: what anyone may know about the stream.
    Info,
    /// `v0-EPOCH-i1.mp4`: an init segment.
    Init {
        /// The track it initialises.
        track: TrackId,
        /// The presentation it belongs to.
        epoch: Epoch,
        /// Which configuration of the track, from 1.
        generation: u32,
    },
    /// `v0-EPOCH-MSN.m4s`, or `v0-EPOCH-MSN-i2.m4s` where it needs another init segment than the first: a media segment. Players that were
    /// told of it before the init segment changed never get what they could not read.
    Segment {
        /// The track it belongs to.
        track: TrackId,
        /// The presentation it belongs to.
        epoch: Epoch,
        /// Which configuration of the track, from 1.
        generation: u32,
        /// Its number, common to all tracks.
        msn: MediaSequence,
    },
    /// `v0-EPOCH-tTIME.m4s`, or `v0-EPOCH-tTIME-i2.m4s`: the same by its time, the first that begins then or later.
    SegmentFrom {
        /// The track it belongs to.
        track: TrackId,
        /// The presentation it belongs to.
        epoch: Epoch,
        /// Which configuration of the track, from 1.
        generation: u32,
        /// A time in ticks of the track.
        time: u64,
    },
    /// `v0-EPOCH-pN.m4s`: a partial segment.
    Part {
        /// The track it belongs to.
        track: TrackId,
        /// The presentation it belongs to.
        epoch: Epoch,
        /// Its running number within the track.
        number: PartNumber,
    },
}

/// Why a file name below a stream names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestError {
    /// Longer than any name that exists.
    #[error("file name of {0} bytes is longer than {MAX_NAME}")]
    TooLong(usize),
    /// Not one of the fixed names, and with none of the known endings.
    #[error("no such kind of file")]
    UnknownFile,
    /// The track is not written as `v` or `a` and a number up to 255.
    #[error("track at byte {0} is not v or a and a number up to 255")]
    Track(usize),
    /// Only pictures have I-frames.
    #[error("{0} is no video track, and only those have I-frames")]
    NoPictures(TrackId),
    /// A number that is missing, too great, or not written the one way it is.
    #[error("number at byte {0} is not a plain decimal of at most 64 bits")]
    Number(usize),
}

impl Request {
    /// Reads a file name: the last component of the path, without query.
    ///
    /// # Errors
    /// [`RequestError`] says what is wrong and at which byte. Numbers have one spelling (no sign, no leading zero), so that no two names
    /// meet the same bytes in a cache.
    pub fn parse(name: &str) -> Result<Self, RequestError> {
        if name.len() > MAX_NAME {
            return Err(RequestError::TooLong(name.len()));
        }
        match name {
            "index.m3u8" => return Ok(Self::Multivariant),
            "manifest.mpd" => return Ok(Self::Manifest(Addressing::Number)),
            "manifest-time.mpd" => return Ok(Self::Manifest(Addressing::Time)),
            "info.json" => return Ok(Self::Info),
            _ => {}
        }
        if let Some(stem) = name.strip_suffix(".m3u8") {
            let Some(stem) = stem.strip_suffix(IFRAMES) else { return Ok(Self::MediaPlaylist(track(stem)?)) };
            let track = track(stem)?;
            return if track.kind == Kind::Video { Ok(Self::IFramePlaylist(track)) } else { Err(RequestError::NoPictures(track)) };
        }
        let (stem, is_init) = match (name.strip_suffix(".mp4"), name.strip_suffix(".m4s")) {
            (Some(stem), _) => (stem, true),
            (_, Some(stem)) => (stem, false),
            _ => return Err(RequestError::UnknownFile),
        };
        let mut fields = stem.splitn(3, '-');
        let (first, second, third) = (fields.next().unwrap_or_default(), fields.next(), fields.next());
        let track = track(first)?;
        let second = second.ok_or(RequestError::Number(stem.len()))?;
        let epoch = Epoch(number(second, first.len() + 1)?);
        let at = first.len() + second.len() + 2;
        let third = third.ok_or(RequestError::Number(stem.len()))?;
        if is_init {
            return Ok(Self::Init { track, epoch, generation: generation(third, at)? });
        }
        if let Some(digits) = third.strip_prefix('p') {
            return Ok(Self::Part { track, epoch, number: PartNumber(number(digits, at + 1)?) });
        }
        let (digits, generation) = match third.split_once('-') {
            None => (third, FIRST_GENERATION),
            Some((digits, init)) => (digits, generation(init, at + digits.len() + 1)?),
        };
        if generation == FIRST_GENERATION && digits.len() < third.len() {
            return Err(RequestError::Number(at + digits.len() + 1));
        }
        Ok(match digits.strip_prefix(TIME) {
            Some(digits) => Self::SegmentFrom { track, epoch, generation, time: number(digits, at + 1)? },
            None => Self::Segment { track, epoch, generation, msn: MediaSequence(number(digits, at)?) },
        })
    }

    /// The template of the addresses of a track's segments that need this init segment (ISO/IEC 23009-1 §5.3.9.4.4).
    pub fn template(track: TrackId, epoch: Epoch, generation: u32, addressing: Addressing) -> String {
        match addressing {
            Addressing::Number => Self::segments(track, epoch, generation, "$Number$"),
            Addressing::Time => Self::segments(track, epoch, generation, format_args!("{TIME}$Time$")),
        }
    }

    /// The address of the segments of a track that need this init segment, with `number` in the place of theirs.
    fn segments(track: TrackId, epoch: Epoch, generation: u32, number: impl fmt::Display) -> String {
        match generation {
            FIRST_GENERATION => format!("{track}-{epoch}-{number}.m4s"),
            _ => format!("{track}-{epoch}-{number}-{INIT}{generation}.m4s"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multivariant => f.write_str("index.m3u8"),
            Self::MediaPlaylist(track) => write!(f, "{track}.m3u8"),
            Self::IFramePlaylist(track) => write!(f, "{track}{IFRAMES}.m3u8"),
            Self::Manifest(Addressing::Number) => f.write_str("manifest.mpd"),
            Self::Manifest(Addressing::Time) => f.write_str("manifest-time.mpd"),
            Self::Info => f.write_str("info.json"),
            Self::Init { track, epoch, generation } => write!(f, "{track}-{epoch}-{INIT}{generation}.mp4"),
            Self::Segment { track, epoch, generation, msn } => f.write_str(&Self::segments(*track, *epoch, *generation, msn.0)),
            Self::SegmentFrom { track, epoch, generation, time } => {
                f.write_str(&Self::segments(*track, *epoch, *generation, format_args!("{TIME}{time}")))
            }
            Self::Part { track, epoch, number } => write!(f, "{track}-{epoch}-p{}.m4s", number.0),
        }
    }
}

/// The query that child addresses carry: the viewer's own (a token, say) without the `_HLS_` directives and the choice of tracks, which
/// speak only to one request.
///
/// Bytes that may not stand in a query (RFC 3986 §3.4) are percent-encoded, so the text is safe inside quotes, in XML and on a line of a
/// playlist. Empty when nothing is left to carry or the query is longer than 2,048 bytes.
pub fn carried_query(query: &str) -> String {
    if query.len() > MAX_QUERY {
        return String::new();
    }
    let mut carried = String::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty() && !speaks_to_one_request(pair)) {
        if !carried.is_empty() {
            carried.push('&');
        }
        for byte in pair.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'=' | b'%' | b'+' | b',' | b':' | b'@' | b'/' => {
                    carried.push(char::from(byte));
                }
                _ => carried.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    carried
}

/// Whether a parameter is a directive or a choice of tracks, however its name is spelt: `%5F` is an underscore to whoever reads addresses
/// by the book (RFC 3986 §6.2.2.2).
fn speaks_to_one_request(pair: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    let name: Cow<'_, [u8]> = percent_decode_str(name).into();
    name.starts_with(b"_HLS_") || *name == *b"track"
}

fn track(text: &str) -> Result<TrackId, RequestError> {
    let kind = match text.as_bytes().first() {
        Some(b'v') => Kind::Video,
        Some(b'a') => Kind::Audio,
        _ => return Err(RequestError::Track(0)),
    };
    let index = number(&text[1..], 1).map_err(|_| RequestError::Track(1))?;
    Ok(TrackId { kind, index: u8::try_from(index).map_err(|_| RequestError::Track(1))? })
}

/// An init segment's number behind its letter.
fn generation(text: &str, at: usize) -> Result<u32, RequestError> {
    let digits = text.strip_prefix(INIT).ok_or(RequestError::Number(at))?;
    u32::try_from(number(digits, at + 1)?).map_err(|_| RequestError::Number(at + 1))
}

fn number(digits: &str, at: usize) -> Result<u64, RequestError> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if !plain {
        return Err(RequestError::Number(at));
    }
    digits.parse().map_err(|_| RequestError::Number(at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_file_has_its_name() {
        let (track, epoch) = (TrackId::VIDEO, Epoch(1_790_000_000_123));
        let names = [
            (Request::Multivariant, "index.m3u8"),
            (Request::Manifest(Addressing::Number), "manifest.mpd"),
            (Request::Manifest(Addressing::Time), "manifest-time.mpd"),
            (Request::Info, "info.json"),
            (Request::MediaPlaylist(TrackId::AUDIO), "a0.m3u8"),
            (Request::IFramePlaylist(TrackId::VIDEO), "v0-iframes.m3u8"),
            (Request::Init { track, epoch, generation: 1 }, "v0-1790000000123-i1.mp4"),
            (Request::Segment { track, epoch, generation: 1, msn: MediaSequence(1_790_000_000) }, "v0-1790000000123-1790000000.m4s"),
            (Request::Segment { track, epoch, generation: 2, msn: MediaSequence(1_790_000_000) }, "v0-1790000000123-1790000000-i2.m4s"),
            (Request::SegmentFrom { track, epoch, generation: 1, time: 180_000 }, "v0-1790000000123-t180000.m4s"),
            (Request::SegmentFrom { track, epoch, generation: 2, time: 0 }, "v0-1790000000123-t0-i2.m4s"),
            (Request::Part { track, epoch, number: PartNumber(17) }, "v0-1790000000123-p17.m4s"),
        ];
        for (request, name) in names {
            assert_eq!(request.to_string(), name);
            assert_eq!(Request::parse(name), Ok(request));
        }
    }

    #[test]
    fn a_bad_name_is_refused_with_its_place() {
        let long = "v".repeat(65);
        let cases = [
            (long.as_str(), RequestError::TooLong(65)),
            ("", RequestError::UnknownFile),
            ("v0.ts", RequestError::UnknownFile),
            (".m3u8", RequestError::Track(0)),
            ("d0.m3u8", RequestError::Track(0)),
            ("v256.m3u8", RequestError::Track(1)),
            ("v.m3u8", RequestError::Track(1)),
            ("v00.m3u8", RequestError::Track(1)),
            ("a0-iframes.m3u8", RequestError::NoPictures(TrackId::AUDIO)),
            ("v0-iframe.m3u8", RequestError::Track(1)),
            ("v0-iframes-iframes.m3u8", RequestError::Track(1)),
            ("vé.m3u8", RequestError::Track(1)),
            ("v0.mp4", RequestError::Number(2)),
            ("v0-1.m4s", RequestError::Number(4)),
            ("v0-01-2.m4s", RequestError::Number(3)),
            ("v0-1-.m4s", RequestError::Number(5)),
            ("v0-1-+2.m4s", RequestError::Number(5)),
            ("v0-1-p18446744073709551616.m4s", RequestError::Number(6)),
            ("v0-1-i4294967296.mp4", RequestError::Number(6)),
            ("v0-1-2.mp4", RequestError::Number(5)),
            ("v0-1-2-3.m4s", RequestError::Number(7)),
            ("v0-1-2-i1.m4s", RequestError::Number(7)),
            ("v0-1-2-i02.m4s", RequestError::Number(8)),
            ("v0-1-02-i2.m4s", RequestError::Number(5)),
            ("v0-1-t.m4s", RequestError::Number(6)),
            ("v0-1-t-2.m4s", RequestError::Number(7)),
            ("v0-1-t02-i2.m4s", RequestError::Number(6)),
        ];
        for (name, error) in cases {
            assert_eq!(Request::parse(name), Err(error), "{name}");
        }
    }

    #[test]
    fn a_query_is_carried_without_directives_and_made_safe() {
        assert_eq!(carried_query("token=a.b-c&_HLS_msn=4&_HLS_part=1&x=\"<$>\n"), "token=a.b-c&x=%22%3C%24%3E%0A");
        assert_eq!(carried_query("_HLS_skip=YES"), "");
        assert_eq!(carried_query("track=v1,a0&token=a&tracks=b"), "token=a&tracks=b");
        assert_eq!(carried_query("%5fHLS_msn=1&_%48LS_part=2&_HLS_msn=3&t%72ack=v1&token=%5F&%zz=1&&_HLS"), "token=%5F&%zz=1&_HLS");
        assert_eq!(carried_query("token=a&_HLS_msn=1&token=b&_HLS_msn=2&token=a"), "token=a&token=b&token=a", "twice is twice");
        assert_eq!(carried_query(&"a".repeat(2_049)), "");
    }

    proptest! {
        #[test]
        fn no_name_panics_and_what_parses_prints_the_same(name in "[vad]?[0-9]{0,3}(-iframes|(-[ipt]?[0-9]{0,21}){0,4})(\\.(m4s|mp4|m3u8))?|\\PC{0,70}") {
            if let Ok(request) = Request::parse(&name) {
                prop_assert_eq!(request.to_string(), name);
            }
        }
    }
}
