//! Settings that are well-formed but cannot work.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::sources::default_of;
use super::{Config, Mistake};
use crate::auth::{Apps, Play, Publish, Secret};
use crate::bus::StreamName;
use crate::telemetry;
use crate::transcode::plan::MAX_THREADS;
use crate::transcode::supervisor;

/// From here on a bound only keeps numbers within what can be computed with, and is not worth telling.
const NO_MOST: u64 = 1 << 62;

/// Adds a mistake for each setting that cannot work.
pub(super) fn validate(config: &Config, mistakes: &mut Vec<Mistake>) {
    let mut check = Check { mistakes };
    check.range("gateway.drain_s", config.gateway.drain_s, 0, 3_600);
    check.range("gateway.threads", config.gateway.threads as u64, 0, 1_024);
    let streams = &config.streams;
    check.range("streams.grace_s", streams.grace_s, 0, 3_600);
    check.range("streams.linger_s", streams.linger_s, 0, 3_600);
    check.range("streams.max_streams", streams.max_streams as u64, 1, 100_000);
    check.range("streams.gop_s", u64::from(streams.gop_s), 1, 60);
    check.range("streams.gop_bytes", streams.gop_bytes as u64, 1 << 16, 1 << 30);
    check.range("streams.behind_s", u64::from(streams.behind_s), 1, 60);
    applications(&mut check, &config.apps);
    let rtmp = &config.rtmp;
    check.range("rtmp.max_connections", rtmp.max_connections as u64, 1, 1_000_000);
    check.range("rtmp.publish_timeout_s", rtmp.publish_timeout_s, 6, 300);
    check.range("rtmp.idle_s", rtmp.idle_s, 1, 3_600);
    if rtmp.max_bit_rate > 0 {
        // The least that any picture or sound needs.
        check.range("rtmp.max_bit_rate", rtmp.max_bit_rate, 8_000, 10_000_000_000);
    }
    check.range("rtmp.play_wait_ms", rtmp.play_wait_ms, 0, 60_000);
    check.range("rtmp.settle_ms", rtmp.settle_ms, 0, 10_000);
    check.range("rtmp.max_ahead_ms", rtmp.max_ahead_ms, 100, 600_000);
    check.range("rtmp.receive_kib", rtmp.receive_kib.into(), 0, 1 << 20);
    check.range("rtmp.send_kib", rtmp.send_kib.into(), 0, 1 << 20);
    check.optional_address("rtmp.tls_listen", &rtmp.tls_listen, "127.0.0.1:1936");
    check.optional_address("http.tls_listen", &config.http.tls_listen, "127.0.0.1:8443");
    check.optional_address("http.admin", &config.http.admin, "127.0.0.1:9000");
    for (key, address, what) in [("rtmp", &rtmp.tls_listen, "RTMPS"), ("http", &config.http.tls_listen, "HTTPS")] {
        if !address.is_empty() && !config.tls.is_set() {
            let key = format!("{key}.tls_listen");
            check.wrong(&key, address, format!("{what} needs a certificate"), "set tls.certificate and tls.key");
        }
    }
    listeners(&mut check, config);
    if !config.tls.is_set() && !config.tls.key.as_os_str().is_empty() {
        check.wrong("tls.key", &config.tls.key.display().to_string(), "there is a key but no certificate", "set tls.certificate");
    }
    check.range("sockets.keep_alive_s", config.sockets.keep_alive_s.into(), 0, 7_200);
    check.range("sockets.backlog", config.sockets.backlog.into(), 1, 65_535);
    check.range("http.playlist_wait_s", config.http.playlist_wait_s, 0, 60);
    for (key, value, least, most) in config.segments.out_of_range() {
        check.range(&format!("segments.{key}"), value, least, most);
    }
    ladders(&mut check, &config.ladder);
    check.range("push.join_wait_ms", config.push.join_wait_ms.into(), 0, 60_000);
    for origin in config.push.websocket_origins.iter().filter(|origin| !is_origin(origin)) {
        let hint = "write it as browsers send it, such as https://example.org: with a port that is not the scheme's own, without a path";
        check.wrong("push.websocket_origins", origin, "this is no origin, so that no page would be let in by it", hint);
    }
    check.range("feeds.linger_s", config.feeds.linger_s.into(), 0, 3_600);
    check.range("feeds.max_variants", config.feeds.max_variants as u64, 0, 100_000);
    check.range("egress.max_lag_ms", config.egress.max_lag_ms.into(), 100, 60_000);
    check.range("egress.stuck_s", config.egress.stuck_s.into(), 1, 600);
    check.range("egress.merge_max_ms", config.egress.merge_max_ms.into(), 0, 1_000);
    check.range("egress.merge_min_ms", config.egress.merge_min_ms.into(), 0, config.egress.merge_max_ms.into());
    check.range("egress.unsent_kib", config.egress.unsent_kib.into(), 4, 16_384);
    check.range("egress.ping_s", config.egress.ping_s.into(), 1, 600);
    check.range("egress.pong_s", config.egress.pong_s.into(), 1, 600);
    check.range("connections.head_s", config.connections.head_s.into(), 1, 300);
    check.range("connections.keep_alive_s", config.connections.keep_alive_s.into(), 1, 3_600);
    check.range("connections.write_s", config.connections.write_s.into(), 1, 600);
    check.range("connections.max_head_kib", config.connections.max_head_kib.into(), 8, 256);
    check.range("http2.max_streams", config.http2.max_streams.into(), 1, 10_000);
    check.range("http2.ping_s", config.http2.ping_s.into(), 1, 600);
    check.range("http2.pong_s", config.http2.pong_s.into(), 1, 600);
    check.range("limits.max_connections", config.limits.max_connections as u64, 1, 10_000_000);
    if let Err(reason) = telemetry::parse_filter(&config.log.filter) {
        check.wrong("log.filter", &config.log.filter, reason, "write a level such as info, or info,sluicegate::rtmp=debug");
    }
}

/// Two listeners at one address and port: the second could not be bound.
fn listeners(check: &mut Check<'_>, config: &Config) {
    let (rtmp, http) = (&config.rtmp, &config.http);
    let all = [
        ("rtmp.listen", Some(rtmp.listen)),
        ("rtmp.tls_listen", rtmp.tls_listen.parse().ok()),
        ("http.listen", Some(http.listen)),
        ("http.tls_listen", http.tls_listen.parse().ok()),
        ("http.admin", http.admin.parse().ok()),
    ];
    let all: Vec<(&str, SocketAddr)> = all.into_iter().filter_map(|(key, address)| Some((key, address?))).collect();
    for (at, (key, address)) in all.iter().enumerate() {
        if let Some((other, taken)) = all[..at].iter().find(|(_, taken)| are_one(*taken, *address)) {
            let reason = format!("{other} = {taken} listens there, and no other can");
            check.wrong(key, &address.to_string(), reason, "choose another port for one of the two");
        }
    }
}

/// Whether the system refuses the second of two listeners. Port 0 is any that is free, and `[::]` every address of both kinds.
fn are_one(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V6(wide) => wide.is_unspecified(),
        IpAddr::V4(wide) => wide.is_unspecified() && narrow.is_ipv4(),
    };
    let (a, b) = (one.ip(), other.ip());
    one.port() == other.port() && one.port() != 0 && (a == b || covers(a, b) || covers(b, a))
}

/// Whether it is written as browsers write a page's origin (RFC 6454 §6.2).
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !host.is_empty()
            && !host.contains(['/', '?', '#', '@', ' ', '*'])
    })
}

fn ladders(check: &mut Check<'_>, ladder: &supervisor::Options) {
    if let Err((key, error)) = ladder.check() {
        check.wrong(&format!("ladder.{key}"), "", error.to_string(), "see config/sluicegate.toml for the defaults");
    }
    check.range("ladder.max_ladders", ladder.max_ladders as u64, 1, 1_000);
    check.range("ladder.linger_s", ladder.linger_s, 1, 86_400);
    check.range("ladder.stall_s", ladder.stall_s, 2, 60);
    check.range("ladder.nice", ladder.nice.into(), 0, 19);
    check.range("ladder.decoder_threads", ladder.decoder_threads.into(), 1, MAX_THREADS.into());
    check.range("ladder.encoder_threads", ladder.encoder_threads.into(), 1, MAX_THREADS.into());
}

fn applications(check: &mut Check<'_>, apps: &Apps) {
    if apps.0.is_empty() {
        check.wrong("apps", "", "there is no application, so nobody could publish", "write an [apps.live] line, or delete the section");
    }
    for (name, app) in &apps.0 {
        let section = format!("apps.{name}");
        // A stream's name is checked with its application, so any name behind it will do here.
        if name != "*"
            && let Err(error) = StreamName::parse(&format!("{name}/x"))
        {
            check.wrong(&section, "", error.to_string(), "write applications as in [apps.live], or [apps.\"*\"] for all");
        }
        for stream in app.stream_keys.keys().chain(app.stream_tokens.keys()) {
            if stream.contains('/') || StreamName::parse(&format!("x/{stream}")).is_err() {
                check.wrong(&section, stream, "this is no stream's own name", "write what stands behind the last slash of its address");
            }
        }
        let rules = [
            (app.publish == Publish::Key, app.keys.len() + count(&app.stream_keys), "publish", "key", "keys"),
            (app.play == Play::Token, app.tokens.len() + count(&app.stream_tokens), "play", "token", "tokens"),
        ];
        for (guarded, secrets, field, wanted, list) in rules {
            let key = format!("{section}.{field}");
            if guarded && secrets == 0 {
                check.wrong(
                    &key,
                    wanted,
                    format!("there are no {list}, so nobody could {field}"),
                    &format!("list them in {list} or stream_{list}"),
                );
            } else if !guarded && secrets > 0 {
                let hint = format!("write {field} = \"{wanted}\", or delete the {list}");
                check.wrong(&key, "open", format!("{list} are listed, but nobody is asked for one"), &hint);
            }
        }
    }
}

fn count(secrets: &BTreeMap<String, Vec<Secret>>) -> usize {
    secrets.values().map(Vec::len).sum()
}

struct Check<'a> {
    mistakes: &'a mut Vec<Mistake>,
}

impl Check<'_> {
    fn range(&mut self, key: &str, value: u64, least: u64, most: u64) {
        if !(least..=most).contains(&value) {
            let default = default_of(key).unwrap_or_default();
            let bounds = if most < NO_MOST { format!("must be from {least} to {most}") } else { format!("must be at least {least}") };
            self.wrong(key, &value.to_string(), bounds, &format!("the default is {default}"));
        }
    }

    fn optional_address(&mut self, key: &str, value: &str, example: &str) {
        if !value.is_empty() && value.parse::<SocketAddr>().is_err() {
            self.wrong(key, value, "this is not ADDRESS:PORT", &format!("write it as {example}, or leave it empty"));
        }
    }

    fn wrong(&mut self, key: &str, value: &str, reason: impl Into<String>, hint: &str) {
        self.mistakes.push(Mistake::new(key, value, reason, hint));
    }
}
