//! What a request says of the answer's form: whether it may be compressed, and which one the client has already (RFC 9110 §12 and §13);
//! and whether a browser's own player asks.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// For what a browser asks.
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// Most elements of a list that are looked at.
const MAX_ELEMENTS: usize = 32;
/// A weight of 1, in thousandths (RFC 9110 §12.4.2).
const FULL: u16 = 1_000;

/// Whether a client wants gzip at least as much as what is not compressed (RFC 9110 §12.5.3). Who says nothing does not.
pub fn wants_gzip(fields: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for element in elements(fields, header::ACCEPT_ENCODING) {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let Some(weight) = weight(parameters.trim()) else { continue };
        let place = match coding.trim() {
            "*" => &mut any,
            coding if ["gzip", "x-gzip"].iter().any(|name| coding.eq_ignore_ascii_case(name)) => &mut gzip,
            coding if coding.eq_ignore_ascii_case("identity") => &mut identity,
            _ => continue,
        };
        place.get_or_insert(weight);
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// Whether a person asks, by a browser: it names HTML among what it wants to see (RFC 9110 §12.5.1), as no player and no script does by itself.
pub fn wants_page(fields: &HeaderMap) -> bool {
    elements(fields, header::ACCEPT).any(|element| {
        let (kind, parameters) = element.split_once(';').unwrap_or((element, ""));
        kind.trim().eq_ignore_ascii_case("text/html") && weight(parameters.trim()) != Some(0)
    })
}

/// Whether a browser's own player asks, for the source of a `<video>` or `<audio>` (Fetch Metadata §2.1); a player that is a script asks
/// with `empty`. Browsers send that field to origins that they trust, by HTTPS or on this machine. Elsewhere Chromium 156 is known by
/// asking for a range of a text and refusing every coding that it does not name.
pub fn is_media_element(fields: &HeaderMap) -> bool {
    match fields.get(FETCH_DEST) {
        Some(destination) => destination == "video" || destination == "audio",
        None => fields.contains_key(header::RANGE) && elements(fields, header::ACCEPT_ENCODING).any(|element| element == "*;q=0"),
    }
}

/// Whether the client has the form of that strong tag already (RFC 9110 §13.1.2), so that 304 is answer enough.
pub fn is_known(fields: &HeaderMap, tag: &str) -> bool {
    elements(fields, header::IF_NONE_MATCH).any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Whether a Range field counts: no If-Range stands beside it, or one with that strong tag (RFC 9110 §13.1.5).
pub fn range_counts(fields: &HeaderMap, tag: &str) -> bool {
    fields.get(header::IF_RANGE).is_none_or(|condition| condition.as_bytes() == tag.as_bytes())
}

/// The elements of a list field, from all its lines. None of the lists read here has commas within its elements.
fn elements(fields: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = fields.get_all(name).into_iter().filter_map(|line: &HeaderValue| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|element| !element.is_empty()).take(MAX_ELEMENTS)
}

/// A weight in thousandths: `q=0.5`, or nothing. `None` where it is something else.
fn weight(parameters: &str) -> Option<u16> {
    if parameters.is_empty() {
        return Some(FULL);
    }
    let value = parameters.strip_prefix("q=").or_else(|| parameters.strip_prefix("Q="))?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect()
    }

    #[test]
    fn a_browsers_own_player_is_known_by_what_it_asks_for() {
        let chromium = [(header::RANGE, "bytes=0-"), (header::ACCEPT_ENCODING, "gzip, identity;q=1, *;q=0")];
        let with = |destination| (FETCH_DEST, destination);
        let table = [
            (vec![with("video")], true),
            (vec![with("audio")], true),
            (vec![with("empty")], false),
            (vec![with("document")], false),
            (chromium.to_vec(), true),
            ([&chromium[..], &[with("empty")]].concat(), false),
            (chromium[..1].to_vec(), false),
            (chromium[1..].to_vec(), false),
            (vec![(header::RANGE, "bytes=0-"), (header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")], false),
            (vec![], false),
        ];
        for (fields, is_one) in table {
            let fields: HeaderMap = fields.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
            assert_eq!(is_media_element(&fields), is_one, "{fields:?}");
        }
    }

    #[test]
    fn who_names_html_wants_a_page() {
        let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        for accepted in [chromium, "text/html", "*/*, TEXT/HTML;q=0.1", "text/html;charset=utf-8"] {
            assert!(wants_page(&fields(header::ACCEPT, &[accepted])), "{accepted}");
        }
        for accepted in ["*/*", "text/*", "application/json", "image/avif,image/*,*/*;q=0.8", "text/html;q=0", "text/htmlx"] {
            assert!(!wants_page(&fields(header::ACCEPT, &[accepted])), "{accepted}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn gzip_is_chosen_by_weight() {
        let table = [
            (&["gzip"][..], true),
            (&["gzip, deflate, br, zstd"], true),
            (&["deflate", "br, GZIP;q=0.3"], true),
            (&["x-gzip"], true),
            (&["*"], true),
            (&["*;q=0.001"], true),
            (&["gzip;q=1.0, identity;q=0.5"], true),
            (&["identity;q=0"], false),
            (&["identity;q=0, *"], true),
            (&[], false),
            (&[""], false),
            (&["br"], false),
            (&["identity"], false),
            (&["gzip;q=0"], false),
            (&["gzip;q=0.000, *;q=1"], false),
            (&["gzip;q=0.5, identity"], false),
            (&["gzip;q=0.5, identity;q=0.6"], false),
            (&["*;q=0"], false),
            (&["gzip;q=2"], false),
            (&["gzip;q=0.1234"], false),
            (&["gzip;q=-1"], false),
            (&["gzip;level=9"], false),
            (&["gzip ; q=0.8"], true),
        ];
        for (lines, wanted) in table {
            assert_eq!(wants_gzip(&fields(header::ACCEPT_ENCODING, lines)), wanted, "{lines:?}");
        }
    }

    #[test]
    fn what_is_known_is_told_by_its_tag_however_weak() {
        for lines in [&["\"a\""][..], &["W/\"a\""], &["\"b\", \"a\""], &["\"b\"", "W/\"c\",\"a\""], &["*"]] {
            assert!(is_known(&fields(header::IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
        for lines in [&[][..], &["\"a-gzip\""], &["a"], &["w/\"a\""]] {
            assert!(!is_known(&fields(header::IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
    }

    #[test]
    fn a_range_counts_for_the_file_it_was_asked_of() {
        assert!(range_counts(&HeaderMap::new(), "\"a\""));
        assert!(range_counts(&fields(header::IF_RANGE, &["\"a\""]), "\"a\""));
        for other in ["\"b\"", "W/\"a\"", "Sat, 28 Nov 2026 20:58:19 GMT"] {
            assert!(!range_counts(&fields(header::IF_RANGE, &[other]), "\"a\""), "{other}");
        }
    }
}
