//! An answer as it came.

use std::time::Duration;

use bytes::Bytes;

/// The version of HTTP that carried an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Http {
    /// HTTP/1.0.
    V10,
    /// HTTP/1.1.
    V11,
    /// HTTP/2.
    V2,
}

/// A whole answer. Moments count from when the client was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The address that was asked.
    pub url: String,
    /// The address that answered: another one after redirects.
    pub from: String,
    /// Whether it answers a `HEAD`.
    pub is_head: bool,
    /// Status code.
    pub status: u16,
    /// What carried it.
    pub http: Http,
    /// Header fields: names in small letters, and values as text, in the order in which they came.
    pub fields: Vec<(String, String)>,
    /// The content, decoded where it came compressed.
    pub body: Bytes,
    /// How many bytes of content came, compressed where it was.
    pub wire: u64,
    /// When it was asked for.
    pub asked: Duration,
    /// When its head was there.
    pub head_at: Duration,
    /// When all of it was there.
    pub done: Duration,
    /// When pieces of content came, and how many bytes were there by then; the first thousands.
    pub arrivals: Vec<(Duration, u64)>,
}

impl Answer {
    /// The value of the first field of that name, which is given in small letters.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is content of the kind asked for: 200 or 206.
    pub fn is_ok(&self) -> bool {
        matches!(self.status, 200 | 206)
    }

    /// The content as text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// From request to the whole answer.
    pub fn took(&self) -> Duration {
        self.done.saturating_sub(self.asked)
    }

    /// The media type without its parameters, in small letters.
    pub fn media_type(&self) -> Option<String> {
        self.field("content-type").and_then(|value| value.split(';').next()).map(|value| value.trim().to_ascii_lowercase())
    }

    /// The directives of `Cache-Control` in small letters.
    pub fn cache_control(&self) -> Vec<String> {
        let values = self.fields.iter().filter(|(name, _)| name == "cache-control");
        values
            .flat_map(|(_, value)| value.split(','))
            .map(|word| word.trim().to_ascii_lowercase())
            .filter(|word| !word.is_empty())
            .collect()
    }

    /// How long a cache may keep it: zero where it must not be kept or must be asked for again, none where nothing is said.
    pub fn max_age(&self) -> Option<Duration> {
        let directives = self.cache_control();
        if directives.iter().any(|word| matches!(word.as_str(), "no-store" | "no-cache")) {
            return Some(Duration::ZERO);
        }
        let value = |name: &str| directives.iter().find_map(|word| word.strip_prefix(name)?.trim_matches('"').parse().ok());
        value("s-maxage=").or_else(|| value("max-age=")).map(Duration::from_secs)
    }
}
