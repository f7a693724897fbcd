//! The configuration: the file, the environment and the command line, parsed once into each module's own options.
//!
//! Only the composition root sees [`Config`]; modules get their own section.

mod apps;
mod mistake;
pub mod process;
mod sources;
mod validate;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use mistake::Mistake;
pub use sources::Override;

use crate::http::{driver, http2, push, router};
use crate::rtmp::server;
use crate::transcode::supervisor;
use crate::{auth, bus, egress, feed, net, segment, telemetry};

/// The whole configuration, a section a module.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[gateway]`
    pub gateway: process::Options,
    /// `[rtmp]`
    pub rtmp: server::Options,
    /// `[apps.NAME]`
    pub apps: auth::Apps,
    /// `[tls]`
    pub tls: net::tls::Options,
    /// `[http]`
    pub http: router::Options,
    /// `[streams]`
    pub streams: bus::registry::Options,
    /// `[segments]`
    pub segments: segment::options::Options,
    /// `[ladder]`
    pub ladder: supervisor::Options,
    /// `[push]`
    pub push: push::Options,
    /// `[feeds]`
    pub feeds: feed::Options,
    /// `[egress]`
    pub egress: egress::Options,
    /// `[connections]`
    pub connections: driver::Options,
    /// `[http2]`
    pub http2: http2::Options,
    /// `[sockets]`
    pub sockets: net::SocketOptions,
    /// `[limits]`
    pub limits: net::Limits,
    /// `[log]`
    pub log: telemetry::Options,
}

impl Config {
    /// Reads the file, lets the environment override it and `flags` override both, and checks the result.
    ///
    /// # Errors
    /// Every mistake at once, in the order of the keys.
    pub fn load(file: Option<&Path>, flags: &[Override]) -> Result<Self, Vec<Mistake>> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                let reason = format!("the file cannot be read: {error}");
                vec![Mistake::new("", path.display().to_string(), reason, "check the path and the permissions")]
            })?,
        };
        Self::read(&text, sources::environment(std::env::vars()), flags)
    }

    /// Reads `text` alone: what `check-config` looks at.
    ///
    /// # Errors
    /// Every mistake at once, in the order of the keys.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        Self::read(text, Vec::new(), &[])
    }

    fn read(text: &str, environment: Vec<Override>, flags: &[Override]) -> Result<Self, Vec<Mistake>> {
        let (merged, mut mistakes) = sources::merge(text, &environment, flags);
        let config = sources::deserialize(merged, &mut mistakes);
        validate::validate(&config, &mut mistakes);
        name_sources(&mut mistakes, &environment, flags);
        mistakes.sort_by(|a, b| a.key.cmp(&b.key));
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }
}

/// Says of each mistake that came from outside the file where: that is where it must be mended.
fn name_sources(mistakes: &mut [Mistake], environment: &[Override], flags: &[Override]) {
    for mistake in mistakes {
        let setting = environment.iter().chain(flags).rfind(|setting| setting.key == mistake.key);
        if let Some(setting) = setting.filter(|setting| !mistake.reason.contains(&setting.source)) {
            mistake.reason = format!("{} ({})", mistake.reason, setting.source);
        }
    }
}

#[cfg(test)]
mod tests;
