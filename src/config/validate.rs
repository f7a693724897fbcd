//! Settings that are well-formed but cannot work.

use super::sources::default_of;
use super::{Config, Mistake};
use crate::telemetry;

/// Adds a mistake for each setting that cannot work.
pub(super) fn validate(config: &Config, mistakes: &mut Vec<Mistake>) {
    let mut check = Check { mistakes };
    check.range("gateway.drain_s", config.gateway.drain_s, 0, 3_600);
    let streams = &config.streams;
    check.range("streams.grace_s", streams.grace_s, 0, 3_600);
    check.range("streams.linger_s", streams.linger_s, 0, 3_600);
    check.range("streams.max_streams", streams.max_streams as u64, 1, 100_000);
    check.range("streams.gop_s", u64::from(streams.gop_s), 1, 60);
    check.range("streams.gop_bytes", streams.gop_bytes as u64, 1 << 16, 1 << 30);
    check.range("streams.behind_s", u64::from(streams.behind_s), 1, 60);
    if let Err(reason) = telemetry::parse_filter(&config.log.filter) {
        check.wrong("log.filter", &config.log.filter, reason, "write a level such as info, or info,sluicegate::rtmp=debug");
    }
}

struct Check<'a> {
    mistakes: &'a mut Vec<Mistake>,
}

impl Check<'_> {
    fn range(&mut self, key: &str, value: u64, least: u64, most: u64) {
        if !(least..=most).contains(&value) {
            let default = default_of(key).unwrap_or_default();
            self.wrong(key, &value.to_string(), format!("must be from {least} to {most}"), &format!("the default is {default}"));
        }
    }

    fn wrong(&mut self, key: &str, value: &str, reason: impl Into<String>, hint: &str) {
        self.mistakes.push(Mistake::new(key, value, reason, hint));
    }
}
