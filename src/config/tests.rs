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
fn a_file_that_is_not_toml_says_where() {
    let mistakes = Config::parse("[streams\ngrace_s = 1").unwrap_err();
    assert!(mistakes[0].reason.contains("line 1"), "{}", mistakes[0].reason);
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
