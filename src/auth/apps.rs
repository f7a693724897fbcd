//! The rules of the configuration: what each application demands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use crate::bus::StreamName;

/// `[apps.NAME]`: the applications, by name. `*` stands for all that are not named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Apps(pub BTreeMap<String, App>);

/// What one application demands.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    /// Who may publish.
    pub publish: Publish,
    /// Keys that open every stream of the application to publishers.
    pub keys: Vec<Secret>,
    /// Keys that open one stream, by the stream's own name.
    pub stream_keys: BTreeMap<String, Vec<Secret>>,
    /// Who may play.
    pub play: Play,
    /// Tokens that open every stream of the application to players.
    pub tokens: Vec<Secret>,
    /// Tokens that open one stream, by the stream's own name.
    pub stream_tokens: BTreeMap<String, Vec<Secret>>,
}

/// The keys of `[apps.NAME]`.
pub const FIELDS: [&str; 6] = ["publish", "keys", "stream_keys", "play", "tokens", "stream_tokens"];

/// Who may publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    /// Whoever reaches the port.
    #[default]
    Open,
    /// Whoever gives a key: `NAME?key=SECRET`.
    Key,
}

/// Who may play.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Play {
    /// Whoever knows the address.
    #[default]
    Open,
    /// Whoever gives a token: `?token=SECRET`.
    Token,
}

impl Default for Apps {
    fn default() -> Self {
        Self(BTreeMap::from([("live".to_owned(), App::default())]))
    }
}

impl Apps {
    /// The rule for an application.
    pub fn rule(&self, app: &str) -> Option<&App> {
        self.0.get(app).or_else(|| self.0.get("*"))
    }
}

impl App {
    /// Whether `offered` is one of the keys for this stream.
    pub(super) fn has_key(&self, name: &StreamName, offered: &str) -> bool {
        Secret::of(offered).is_among(self.keys.iter().chain(self.stream_keys.get(name.name()).into_iter().flatten()))
    }

    /// Whether `offered` is one of the tokens for this stream.
    pub(super) fn has_token(&self, name: &StreamName, offered: &str) -> bool {
        Secret::of(offered).is_among(self.tokens.iter().chain(self.stream_tokens.get(name.name()).into_iter().flatten()))
    }
}
