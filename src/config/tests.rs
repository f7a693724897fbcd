//! The shipped sample is the built-in default, and every mistake is told at once.

use std::collections::BTreeSet;

use super::*;

const SAMPLE: &str = include_str!("../../config/sluicegate.toml");

fn keys(value: &serde_json::Value) -> BTreeSet<String> {
    let sections = value.as_object().expect("a table of sections");
    let keys = sections.iter().flat_map(|(section, keys)| {
        let keys = keys.as_object().expect("a section is a table");
        keys.keys().map(move |key| format!("{section}.{key}"))
    });
    keys.collect()
}

#[test]
fn the_shipped_sample_is_the_built_in_default() {
    assert_eq!(Config::parse(SAMPLE).expect("the sample has no mistakes"), Config::default());
}

#[test]
fn the_shipped_sample_has_every_key_each_with_a_line_of_why() {
    let known = keys(&serde_json::to_value(Config::default()).unwrap());
    let table: toml::Table = SAMPLE.parse().unwrap();
    assert_eq!(keys(&serde_json::to_value(table).unwrap()), known);
    let mut above = "";
    for line in SAMPLE.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(above.starts_with("# "), "'{line}' has no line of why above it");
        }
        above = line;
    }
}

#[test]
fn every_mistake_is_told_at_once_with_key_value_reason_and_hint() {
    let text = "[streams]\ngrace_s = \"soon\"\nmax_steams = 5\nlinger_s = 99999\n[logs]\nfilter = 1\n";
    let mistakes = Config::parse(text).unwrap_err();
    let told: Vec<_> = mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(told, ["logs", "streams.grace_s", "streams.linger_s", "streams.max_steams"]);
    assert_eq!(mistakes[0].hint, "did you mean 'log'?");
    assert_eq!((mistakes[1].value.as_str(), mistakes[1].hint.as_str()), ("\"soon\"", "the default is 10"));
    assert_eq!(mistakes[2].reason, "must be from 0 to 3600");
    assert_eq!(mistakes[3].hint, "did you mean 'max_streams'?");
}

#[test]
fn an_address_that_cannot_be_read_is_shown_how_it_is_written() {
    let mistakes = Config::parse("[rtmp]\nlisten = \"1935\"\n[egress]\nmerge_min_ms = 101").unwrap_err();
    let told: Vec<_> = mistakes.iter().map(|mistake| (mistake.key.as_str(), mistake.hint.as_str())).collect();
    let address = "write ADDRESS:PORT, the address in numbers, such as \"[::]:1935\"";
    assert_eq!(told, [("egress.merge_min_ms", "the default is 0"), ("rtmp.listen", address)]);
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let mistakes = Config::parse("[streams\ngrace_s = 1").unwrap_err();
    assert!(mistakes[0].reason.contains("line 1"), "{}", mistakes[0].reason);
}

#[test]
fn a_key_on_a_line_that_cannot_be_read_or_in_a_place_for_something_else_is_not_shown() {
    let broken =
        ["[apps.live]\npublish = \"key\"\nkeys = [\"hunter2hunter2]", "[apps.live]\nkeys = hunter2hunter2", "ü = 1 hunter2hunter2"];
    for (text, line) in broken.into_iter().zip(["line 3", "line 2", "line 1"]) {
        let mistakes = Config::parse(text).unwrap_err();
        assert!(mistakes[0].reason.starts_with(line), "{}", mistakes[0]);
        assert!(!mistakes[0].to_string().contains("hunter2"), "{}", mistakes[0]);
    }
    for text in
        ["[apps.live]\npublish = \"hunter2hunter2\"", "[apps.live]\nplay = \"hunter2hunter2\"", "[rtmp]\nkeys = [\"hunter2hunter2\"]"]
    {
        let mistakes = Config::parse(text).unwrap_err();
        assert!(!mistakes.iter().any(|mistake| mistake.to_string().contains("hunter2")), "{mistakes:?}");
    }
    for name in ["SLUICEGATE_APP_LIVE_KEYS", "SLUICEGATE_RTMP_KEYS", "SLUICEGATE_APPS_LIVE_PUBLISH"] {
        let environment = sources::environment([(name.to_owned(), "hunter2hunter2".to_owned())].into_iter());
        let mistakes = Config::read("", environment, &[]).unwrap_err();
        assert!(!mistakes.iter().any(|mistake| mistake.to_string().contains("hunter2")), "{mistakes:?}");
    }
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let environment = sources::environment([("SLUICEGATE_STREAMS_GRACE_S".to_owned(), "20".to_owned())].into_iter());
    let config = Config::read("[streams]\ngrace_s = 5\nlinger_s = 7", environment.clone(), &[]).unwrap();
    assert_eq!((config.streams.grace_s, config.streams.linger_s), (20, 7));
    let flag = Override { key: "streams.grace_s".into(), value: "30".into(), source: "--grace".into() };
    assert_eq!(Config::read("", environment, &[flag]).unwrap().streams.grace_s, 30);
}

#[test]
fn an_unknown_or_unreadable_variable_is_a_mistake_too() {
    let variables = [("SLUICEGATE_STREAMS_GRACES", "1"), ("SLUICEGATE_STREAMS_LINGER_S", "long"), ("HOME", "/")];
    let environment = sources::environment(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mistakes = Config::read("", environment, &[]).unwrap_err();
    assert_eq!(mistakes.len(), 2);
    assert!(mistakes[0].reason.contains("SLUICEGATE_STREAMS_GRACES"), "{}", mistakes[0]);
    assert!(mistakes[1].reason.contains("not a whole number"), "{}", mistakes[1]);
}

#[test]
fn the_shipped_sample_shows_all_that_an_application_can_demand() {
    let table: toml::Table = SAMPLE.parse().unwrap();
    let live = table["apps"]["live"].as_table().unwrap();
    assert_eq!(live.keys().collect::<BTreeSet<_>>(), auth::FIELDS.map(str::to_owned).iter().collect());
}

#[test]
fn applications_replace_the_default_one_and_may_have_any_name() {
    let text = "[apps.\"events/hall\"]\npublish = \"key\"\nkeys = [\"correct horse\"]\n[apps.\"*\"]\nplay = \"token\"\nstream_tokens = { main = [\"battery staple\"] }";
    let config = Config::parse(text).unwrap();
    assert_eq!(config.apps.0.keys().collect::<Vec<_>>(), ["*", "events/hall"]);
    let rule = config.apps.rule("events/hall").unwrap();
    assert_eq!((rule.publish, rule.keys.len()), (auth::Publish::Key, 1));
    assert_eq!(config.apps.rule("live").unwrap().stream_tokens["main"].len(), 1, "the star stands for all that are not named");
}

#[test]
fn rules_that_nobody_or_everybody_could_pass_are_mistakes() {
    let table = [
        ("[apps.live]\npublish = \"key\"", "apps.live.publish", "there are no keys"),
        ("[apps.live]\nplay = \"token\"\nkeys = []", "apps.live.play", "there are no tokens"),
        ("[apps.live]\nkeys = [\"correct horse\"]", "apps.live.publish", "nobody is asked for one"),
        ("[apps.live]\npublish = \"keys\"", "apps.live.publish", "neither"),
        ("[apps.live]\npublsh = \"key\"", "apps.live.publsh", "no such key"),
        ("[apps.\"li ve\"]", "apps.li ve", "not allowed"),
        ("[apps.api]", "apps.api", "the gateway's own pages"),
        ("[apps]", "apps", "nobody could publish"),
        ("[apps]\nlive = true", "apps.live", "this is an application"),
        ("apps = [\"live\"]", "apps", "this is a section"),
        ("[apps.live]\npublish = \"key\"\nstream_keys = { \"a/b\" = [\"correct horse\"] }", "apps.live", "no stream's own name"),
        ("[rtmp]\ntls_listen = \"[::]:1936\"", "rtmp.tls_listen", "RTMPS needs a certificate"),
        ("[http]\ntls_listen = \"[::]:8443\"", "http.tls_listen", "HTTPS needs a certificate"),
        ("[tls]\nkey = \"key.pem\"", "tls.key", "no certificate"),
        ("[rtmp]\nmax_bit_rate = 1000", "rtmp.max_bit_rate", "must be"),
        ("[rtmp]\nlisten = \"127.0.0.1:8080\"", "http.listen", "rtmp.listen = 127.0.0.1:8080 listens there"),
        ("[http]\nlisten = \"0.0.0.0:80\"\nadmin = \"10.0.0.1:80\"", "http.admin", "http.listen = 0.0.0.0:80 listens there"),
        ("[push]\nwebsocket_origins = [\"example.org\"]", "push.websocket_origins", "no origin"),
        ("[push]\nwebsocket_origins = [\"https://example.org/\"]", "push.websocket_origins", "no origin"),
        ("[log]\nfilter = \"loud\"", "log.filter", "'loud' is no level"),
        ("[rtmp]\nvvc = 1", "rtmp.vvc", "expected true or false"),
        ("[feeds]\nlinger_s = 5.5", "feeds.linger_s", "`5.5`, expected a whole number"),
        ("[feeds]\nlinger_s = -1", "feeds.linger_s", "`-1`, expected a whole number from 0 to 4294967295"),
        ("[ladder]\nmake = 5", "ladder.make", "invalid type, expected a text in quotes"),
        ("[ladder]\nrungs = [5]", "ladder.rungs", "expected a table in { }"),
        ("[push]\nwebsocket_origins = \"x\"", "push.websocket_origins", "expected a list in [ ]"),
        ("[gateway]\nthreads = 100000", "gateway.threads", "from 0 to 1024"),
    ];
    for (text, key, reason) in table {
        let mistakes = Config::parse(text).unwrap_err();
        let found = mistakes.iter().any(|mistake| mistake.key == key && mistake.reason.contains(reason));
        assert!(found, "{text}: {mistakes:?}");
    }
}

#[test]
fn listeners_may_share_a_port_at_different_addresses_and_any_port_that_is_free() {
    let texts = [
        "[rtmp]\nlisten = \"127.0.0.1:80\"\n[http]\nlisten = \"127.0.0.2:80\"",
        "[rtmp]\nlisten = \"[::1]:80\"\n[http]\nlisten = \"0.0.0.0:80\"",
        "[rtmp]\nlisten = \"[::]:0\"\n[http]\nlisten = \"[::]:0\"\nadmin = \"[::]:0\"",
        "[push]\nwebsocket_origins = [\"https://example.org:8443\", \"http://[::1]:8080\"]\n[log]\nfilter = \"warn,sluicegate::rtmp=debug\"",
    ];
    for text in texts {
        assert!(Config::parse(text).is_ok(), "{text}: {:?}", Config::parse(text));
    }
}

#[test]
fn a_mistake_in_a_secret_is_told_once_without_showing_it() {
    for (line, reason) in [
        ("keys = [\"hunter2\"]", "7 bytes is guessed"),
        ("keys = \"hunter2\"", "not a list"),
        ("keys = [\"sha256:hunter2\"]", "64 hexadecimal digits"),
        ("stream_keys = { main = \"hunter2\" }", "not a list"),
        ("stream_keys = [\"hunter2\"]", "not a list"),
    ] {
        let mistakes = Config::parse(&format!("[apps.live]\npublish = \"key\"\n{line}")).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{line}: {mistakes:?}");
        assert!(mistakes[0].reason.contains(reason), "{line}: {}", mistakes[0]);
        assert!(!mistakes[0].to_string().contains("hunter2"), "{}", mistakes[0]);
    }
}

#[test]
fn the_environment_can_give_an_application_its_keys() {
    let set = |name: &str, value: &str| sources::environment([(name.to_owned(), value.to_owned())].into_iter());
    let mut environment = set("SLUICEGATE_APPS_LIVE_PUBLISH", "key");
    environment.extend(set("SLUICEGATE_APPS_LIVE_KEYS", "correct horse, battery staple"));
    let config = Config::read("", environment, &[]).unwrap();
    assert_eq!(config.apps.rule("live").unwrap().keys.len(), 2);
    let mistakes = Config::read("", set("SLUICEGATE_APPS_LIVE_KEYS", "hunter2"), &[]).unwrap_err();
    assert!(mistakes[0].reason.contains("SLUICEGATE_APPS_LIVE_KEYS"), "{}", mistakes[0]);
    for name in ["SLUICEGATE_APPS_LIVE_STREAM_KEYS", "SLUICEGATE_APPS_LIVE", "SLUICEGATE_APPS_LIVE_PUBLSH"] {
        let mistakes = Config::read("", set(name, "hunter2"), &[]).unwrap_err();
        assert!(mistakes[0].reason.contains(name) && !mistakes[0].to_string().contains("hunter2"), "{}", mistakes[0]);
    }
}
