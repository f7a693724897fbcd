//! What a client asks for: app, stream name and query, made out of what encoders put into which field.
//!
//! Pure, and no judge: whether a path is legal is decided where streams are named.

use std::fmt;

/// A stream's canonical path and the query that came with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// `app/name`, decoded once, without empty components and without `_definst_`. An encoded slash or backslash stays encoded, so that
    /// it cannot pass for a separator.
    pub path: String,
    /// Parameters of both the app and the name.
    pub query: Query,
}

/// Decoded query parameters. Printing it hides the values: they are tokens and keys as a rule.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Query(Vec<(String, String)>);

impl Address {
    /// From the `app` and `tcUrl` of connect and the name of publish or play. An encoder may put everything into one of them: the place
    /// of the slash does not matter, and queries are taken from all.
    #[must_use]
    pub fn resolve(app: &str, tc_url: &str, name: &str) -> Self {
        let (app, app_query) = split_query(trim(app));
        let (name, name_query) = split_query(trim(name));
        let (tc_path, tc_query) = split_query(trim(tc_url));
        let app = if app.is_empty() { url_path(tc_path) } else { app };
        let name = ["mp4:", "flv:", "mp3:"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let components: Vec<String> = app
            .split('/')
            .filter(|part| *part != "_definst_")
            .chain(name.split('/'))
            .filter(|part| !part.is_empty())
            .map(decode_component)
            .collect();
        let mut query = Query::parse(name_query);
        query.0.extend(Query::parse(app_query).0);
        if app_query.is_empty() {
            query.0.extend(Query::parse(tc_query).0);
        }
        Self { path: components.join("/"), query }
    }
}

impl Query {
    /// From the text behind a question mark.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        // A plus stays one: it is more often part of a token than a space.
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(key, value)| (decode(key), decode(value))).collect())
    }

    /// The value of a parameter. The name's counts before the app's, the first before later ones.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All parameters in their order of precedence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, _)| (key, "…"))).finish()
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n', '\0', '"', '\''])
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

/// The path of `scheme://host:port/path`.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or("", |(_, path)| path)
}

fn decode(text: &str) -> String {
    decode_except(text, &[])
}

fn decode_component(text: &str) -> String {
    decode_except(text, b"/\\")
}

/// Percent-decodes once. What is no escape stays as it is, what is no UTF-8 becomes U+FFFD.
fn decode_except(text: &str, kept: &[u8]) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = match bytes.get(at..at + 3) {
            Some([b'%', high, low]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match escaped.filter(|byte| !kept.contains(byte)) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(app: &str, name: &str) -> String {
        Address::resolve(app, "", name).path
    }

    #[test]
    fn the_place_of_the_slash_does_not_matter() {
        for (app, name) in [("a/b", "c"), ("a", "b/c"), ("a/b/c", ""), ("/a/b/", "/c"), ("a/_definst_", "b/c"), (" a/b\0", "\"c\"")] {
            assert_eq!(path(app, name), "a/b/c", "{app:?} {name:?}");
        }
        assert_eq!(Address::resolve("", "rtmp://host:1935/a/b?t=1", "c").path, "a/b/c");
        assert_eq!(path("live", "mp4:k.mp4"), "live/k.mp4");
    }

    #[test]
    fn names_are_decoded_once_and_encoded_slashes_stay_visible() {
        assert_eq!(path("live", "caf%C3%A9%20x"), "live/café x");
        assert_eq!(path("live", "%2541"), "live/%41");
        assert_eq!(path("live", "a%2Fb%5cc"), "live/a%2Fb%5cc");
        assert_eq!(path("live", "%2e%2e"), "live/..");
        assert_eq!(path("live", "100%"), "live/100%");
        assert_eq!(path("live", "%ff"), "live/\u{FFFD}");
    }

    #[test]
    fn queries_of_name_and_app_merge_and_the_names_wins() {
        let address = Address::resolve("live?token=app&vhost=v", "rtmp://h/live?token=url&u=1", "key?token=name&a=b%26c+d&flag");
        assert_eq!(address.path, "live/key");
        assert_eq!(address.query.get("token"), Some("name"));
        assert_eq!(address.query.get("vhost"), Some("v"));
        assert_eq!(address.query.get("a"), Some("b&c+d"));
        assert_eq!(address.query.get("flag"), Some(""));
        assert_eq!(address.query.get("u"), None, "the app's own query is the same one");
        assert_eq!(Address::resolve("live", "rtmp://h/live?u=1", "key").query.get("u"), Some("1"));
    }

    #[test]
    fn printing_a_query_shows_no_secret() {
        let shown = format!("{:?}", Address::resolve("live", "", "key?token=hunter2"));
        assert!(shown.contains("token") && !shown.contains("hunter2"), "{shown}");
    }
}
