//! What HTTP says around playlists and media: types, origins, caches, ranges, compression. Each rule looks at answers and nothing else.

use std::ops::Range;
use std::time::Duration;

use super::exchange::{Answer, Http};
use super::finding::{Finding, Level, Rule};
use super::media::Container;

const LISTED: Rule = Rule {
    id: "hls-listed-is-there",
    level: Level::Must,
    source: "RFC 8216bis §6.2.1",
    demand: "What a playlist names can be fetched, whole, from the moment it is listed.",
};
const IDENTIFIED: Rule = Rule {
    id: "hls-playlist-identified",
    level: Level::Must,
    source: "RFC 8216bis §4",
    demand: "A playlist ends in .m3u8 or .m3u, or is served as application/vnd.apple.mpegurl or audio/mpegurl, and is UTF-8.",
};
const PLAYLIST_TYPE: Rule = Rule {
    id: "http-playlist-type",
    level: Level::Should,
    source: "RFC 8216bis §10",
    demand: "A playlist is served as application/vnd.apple.mpegurl.",
};
const MEDIA_TYPE: Rule = Rule {
    id: "http-media-type",
    level: Level::Should,
    source: "HLS Authoring Specification §1",
    demand: "Media is served with the type of its container, such as video/mp4 or video/iso.segment.",
};
const CORS: Rule = Rule {
    id: "http-cors",
    level: Level::Should,
    source: "Fetch §3.3",
    demand: "Answers allow pages of other origins to read them, or players in browsers cannot.",
};
const CORS_ERRORS: Rule = Rule {
    id: "http-cors-errors",
    level: Level::Should,
    source: "Fetch §3.3",
    demand: "Errors, too, allow pages of other origins to read them: else a player cannot tell a missing segment from a dead network.",
};
const GZIP: Rule = Rule {
    id: "http-playlist-gzip",
    level: Level::Should,
    source: "RFC 8216bis §6.2.1",
    demand: "Playlists are compressed with gzip for those who accept it.",
};
const CACHE_PLAYLIST: Rule = Rule {
    id: "http-cache-playlist",
    level: Level::Should,
    source: "RFC 8216bis B.1",
    demand: "A live playlist tells caches how long to keep it: half a target duration, or six where the request said which state it waits for.",
};
const CACHE_MEDIA: Rule = Rule {
    id: "http-cache-media",
    level: Level::Should,
    source: "RFC 8216bis B.1",
    demand: "Segments, parts and init segments may be kept for six target durations or more.",
};
const CACHE_ERROR: Rule = Rule {
    id: "http-cache-error",
    level: Level::Should,
    source: "RFC 8216bis B.1",
    demand: "An error may be kept for no longer than four target durations.",
};
const AGE: Rule = Rule {
    id: "http-age",
    level: Level::Note,
    source: "RFC 9111 §5.1",
    demand: "An origin sends no Age: it comes from caches, and players of low latency reckon with it.",
};
const MISSING: Rule =
    Rule { id: "http-missing", level: Level::Should, source: "RFC 9110 §15.5.5", demand: "What is not there is answered by 404 or 410." };
const HEAD: Rule =
    Rule {
        id: "http-head", level: Level::Should, source: "RFC 9110 §9.3.2", demand: "HEAD is answered as GET would be, without content."
    };
const RANGE: Rule =
    Rule { id: "http-range", level: Level::Should, source: "RFC 9110 §14.2", demand: "A range of bytes of a segment is answered by 206." };
const RANGE_BYTES: Rule = Rule {
    id: "http-range-bytes",
    level: Level::Must,
    source: "RFC 9110 §15.3.7",
    demand: "An answer of 206 says in Content-Range which bytes it holds, and holds them.",
};
const SAME: Rule = Rule {
    id: "http-same-bytes",
    level: Level::Should,
    source: "RFC 8216bis B.1",
    demand: "The address of a segment, part or init segment never brings other bytes: caches and players keep them.",
};
const NOT_MODIFIED: Rule = Rule {
    id: "http-not-modified",
    level: Level::Should,
    source: "RFC 9110 §13.1.2",
    demand: "Who asks with the ETag that is still true gets 304 and no content.",
};
const HTTP_2: Rule = Rule {
    id: "http-2",
    level: Level::Note,
    source: "RFC 8216bis B.1",
    demand: "A stream of low latency is served by HTTP/2: players of Apple fall back to ordinary latency without it.",
};

const RULES: &[&Rule] = &[
    &LISTED,
    &IDENTIFIED,
    &PLAYLIST_TYPE,
    &MEDIA_TYPE,
    &CORS,
    &CORS_ERRORS,
    &GZIP,
    &CACHE_PLAYLIST,
    &CACHE_MEDIA,
    &CACHE_ERROR,
    &AGE,
    &MISSING,
    &HEAD,
    &RANGE,
    &RANGE_BYTES,
    &SAME,
    &NOT_MODIFIED,
    &HTTP_2,
];

/// Types that identify a playlist (RFC 8216bis §4), and those that browsers and old servers use for it.
const PLAYLIST_TYPES: [&str; 2] = ["application/vnd.apple.mpegurl", "audio/mpegurl"];
const OLD_PLAYLIST_TYPE: &str = "application/x-mpegurl";
const MP4_TYPES: [&str; 5] = ["video/mp4", "audio/mp4", "application/mp4", "video/iso.segment", "audio/iso.segment"];
const TRANSPORT_TYPES: [&str; 1] = ["video/mp2t"];
const VTT_TYPES: [&str; 1] = ["text/vtt"];
/// Playlists shorter than this are as long compressed.
const WORTH_GZIP: usize = 1_000;
/// Target durations that an answer may stay in a cache: to a blocking reload, media at least, errors.
const KEPT_BLOCKING: u32 = 6;
const KEPT_MEDIA: u32 = 6;
const KEPT_ERRORS: u32 = 4;
/// Caches count in whole seconds.
const SECOND: Duration = Duration::from_secs(1);
/// Fields that HEAD and GET have in common.
const SAME_FIELDS: [&str; 4] = ["content-type", "content-length", "etag", "cache-control"];

/// Every rule of this module.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied()
}

/// Something that should be there, and brought no whole answer.
pub fn of_failure(subject: &str, why: &str) -> Vec<Finding> {
    vec![Finding::new(&LISTED, subject, why)]
}

/// What is wrong with the answer that brought a playlist. `subject` names it; `target` is its target duration, where it is a media playlist of
/// a stream that is live; `directed` tells whether the request named the state that it waits for.
pub fn of_playlist(subject: &str, answer: &Answer, target: Option<Duration>, directed: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |rule: &'static Rule, detail: String| found.push(Finding::new(rule, subject, detail));
    if !answer.is_ok() {
        say(&LISTED, format!("status {}", answer.status));
        return found;
    }
    let told = answer.media_type().unwrap_or_default();
    let path = answer.from.split(['?', '#']).next().unwrap_or_default();
    let by_name = path.ends_with(".m3u8") || path.ends_with(".m3u");
    if !by_name && !PLAYLIST_TYPES.contains(&&*told) || answer.text().is_none() {
        say(&IDENTIFIED, format!("type {told:?}, address {path}, {}", if answer.text().is_some() { "UTF-8" } else { "not UTF-8" }));
    } else if !PLAYLIST_TYPES.contains(&&*told) && told != OLD_PLAYLIST_TYPE {
        say(&PLAYLIST_TYPE, format!("type {told:?}"));
    }
    if answer.body.len() >= WORTH_GZIP && answer.field("content-encoding").is_none() {
        say(&GZIP, format!("{} bytes came as they are", answer.body.len()));
    }
    if let Some(target) = target {
        let longest = if directed { target * KEPT_BLOCKING } else { (target / 2).max(SECOND) };
        match answer.max_age() {
            None => say(&CACHE_PLAYLIST, "nothing is said in Cache-Control".to_owned()),
            Some(age) if age > longest => say(&CACHE_PLAYLIST, format!("{} s, at most {} s", age.as_secs(), longest.as_secs())),
            Some(_) => {}
        }
    }
    found.extend(of_any(subject, answer));
    found
}

/// What is wrong with the answer that brought a segment, part or init segment.
pub fn of_media(subject: &str, answer: &Answer, container: Container, target: Duration) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |rule: &'static Rule, detail: String| found.push(Finding::new(rule, subject, detail));
    if !answer.is_ok() {
        say(&LISTED, format!("status {}", answer.status));
        return found;
    }
    let told = answer.media_type().unwrap_or_default();
    let fit: &[&str] = match container {
        Container::Mp4 => &MP4_TYPES,
        Container::Transport => &TRANSPORT_TYPES,
        Container::Vtt => &VTT_TYPES,
        Container::Other => &[],
    };
    if !fit.is_empty() && !fit.contains(&&*told) {
        say(&MEDIA_TYPE, format!("type {told:?} for {container:?}"));
    }
    // What carries a right to play may be kept from shared caches.
    let private = answer.cache_control().iter().any(|word| word == "private" || word == "no-store");
    match answer.max_age() {
        None => say(&CACHE_MEDIA, "nothing is said in Cache-Control".to_owned()),
        Some(age) if age < target * KEPT_MEDIA && !private => {
            say(&CACHE_MEDIA, format!("{} s, at least {} s", age.as_secs(), (target * KEPT_MEDIA).as_secs()));
        }
        Some(_) => {}
    }
    found.extend(of_any(subject, answer));
    found
}

fn of_any(subject: &str, answer: &Answer) -> Vec<Finding> {
    let mut found = Vec::new();
    if !is_open(answer) {
        found.push(Finding::new(&CORS, subject, origins(answer)));
    }
    if let Some(age) = answer.field("age") {
        found.push(Finding::new(&AGE, subject, format!("Age: {age}")));
    }
    found
}

/// Whether a page of another origin may read it.
fn is_open(answer: &Answer) -> bool {
    answer.field("access-control-allow-origin").is_some_and(|allowed| allowed == "*" || allowed.contains("://"))
}

fn origins(answer: &Answer) -> String {
    match answer.field("access-control-allow-origin") {
        Some(allowed) => format!("Access-Control-Allow-Origin: {allowed}"),
        None => "no Access-Control-Allow-Origin".to_owned(),
    }
}

/// What is wrong with the answer for something that is not there.
pub fn of_missing(subject: &str, answer: &Answer, target: Duration) -> Vec<Finding> {
    if !matches!(answer.status, 404 | 410) {
        return vec![Finding::new(&MISSING, subject, format!("status {}", answer.status))];
    }
    let mut found = Vec::new();
    if !is_open(answer) {
        found.push(Finding::new(&CORS_ERRORS, subject, format!("status {} with {}", answer.status, origins(answer))));
    }
    if let Some(age) = answer.max_age().filter(|age| *age > (target * KEPT_ERRORS).max(SECOND)) {
        found.push(Finding::new(&CACHE_ERROR, subject, format!("{} s, at most {} s", age.as_secs(), (target * KEPT_ERRORS).as_secs())));
    }
    found
}

/// What is wrong with the answer to a `HEAD`, beside that to a `GET` of the same.
pub fn of_head(subject: &str, get: &Answer, head: &Answer) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |detail: String| found.push(Finding::new(&HEAD, subject, detail));
    if head.status != get.status {
        say(format!("status {} in place of {}", head.status, get.status));
    } else {
        for name in SAME_FIELDS {
            let (expected, came) = (get.field(name), head.field(name));
            // What depends on the content need not be told in advance.
            let left_out = came.is_none() && matches!(name, "content-length" | "etag");
            if expected != came && !left_out {
                say(format!("{name}: {} in place of {}", came.unwrap_or("nothing"), expected.unwrap_or("nothing")));
            }
        }
    }
    found
}

/// What is wrong with the answer for the bytes in `range` of what `whole` brought.
pub fn of_range(subject: &str, whole: &Answer, range: &Range<u64>, piece: &Answer) -> Vec<Finding> {
    let bytes = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let expected = whole.body.get(bytes(range.start)..bytes(range.end));
    match piece.status {
        206 => {
            let header = piece.field("content-range").unwrap_or("nothing");
            let prefix = format!("bytes {}-{}/", range.start, range.end.saturating_sub(1));
            let length = header.strip_prefix(&prefix);
            let named = length.is_some_and(|length| length == "*" || length.parse() == Ok(whole.body.len()));
            if named && expected == Some(&piece.body) {
                return Vec::new();
            }
            let detail = if named {
                "the bytes are others".to_owned()
            } else {
                format!("Content-Range: {header}, expected {prefix}{}", whole.body.len())
            };
            vec![Finding::new(&RANGE_BYTES, subject, detail)]
        }
        status => vec![Finding::new(&RANGE, subject, format!("status {status}"))],
    }
}

/// What is wrong with a second answer from an address of media.
pub fn of_second(subject: &str, first: &[u8], second: &[u8]) -> Vec<Finding> {
    if first == second {
        return Vec::new();
    }
    let place = first.iter().zip(second).position(|(a, b)| a != b).unwrap_or(first.len().min(second.len()));
    vec![Finding::new(&SAME, subject, format!("{} bytes, then {}; they differ at byte {place}", first.len(), second.len()))]
}

/// What is wrong with the answer to a request that named the `ETag` of what is there.
pub fn of_unmodified(subject: &str, answer: &Answer) -> Vec<Finding> {
    let right = answer.status == 304 && answer.body.is_empty();
    let finding = || Finding::new(&NOT_MODIFIED, subject, format!("status {} and {} bytes", answer.status, answer.wire));
    (!right).then(finding).into_iter().collect()
}

/// Worth knowing of a stream of low latency: which HTTP serves it.
pub fn of_low_latency(subject: &str, answer: &Answer) -> Vec<Finding> {
    let finding = || Finding::new(&HTTP_2, subject, "it came by HTTP/1");
    (answer.http < Http::V2).then(finding).into_iter().collect()
}
