//! Where settings come from, and how they are laid over each other.

use std::net::SocketAddr;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::{Config, Mistake, apps};

/// What names of environment variables begin with.
const PREFIX: &str = "SLUICEGATE_";

/// A setting from outside the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// `section.key`.
    pub key: String,
    /// As written by the operator.
    pub value: String,
    /// What the operator wrote it as: `--rtmp` or `SLUICEGATE_RTMP_LISTEN`.
    pub source: String,
}

/// Settings from variables called `SLUICEGATE_<SECTION>_<KEY>`.
pub(super) fn environment(variables: impl Iterator<Item = (String, String)>) -> Vec<Override> {
    let ours = variables.filter_map(|(name, value)| {
        let (section, key) = name.strip_prefix(PREFIX)?.split_once('_')?;
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        let key = if section == apps::SECTION { apps::dotted(&key) } else { key };
        let key = format!("{section}.{key}");
        Some(Override { key, value, source: name })
    });
    ours.collect()
}

/// Lays environment over file and flags over both; unknown and unreadable settings become mistakes and are left out.
pub(super) fn merge(text: &str, environment: &[Override], flags: &[Override]) -> (Table, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let defaults = defaults();
    let mut merged = match text.parse::<Table>() {
        Ok(table) => known_only(table, &defaults, &mut mistakes),
        Err(error) => {
            // Never the line itself: it may hold a key.
            let reason = format!("{}: {}", place(text, error.span().map_or(0, |span| span.start)), error.message().trim());
            mistakes.push(Mistake::new("", "", reason, "the file must be TOML: [section] lines, then key = value lines"));
            Table::new()
        }
    };
    for setting in environment.iter().chain(flags) {
        match typed(setting, &defaults) {
            Ok(value) => insert(&mut merged, setting.key.split('.'), value),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    (merged, mistakes)
}

/// Deserialises what can be, and makes a mistake of each value that cannot.
pub(super) fn deserialize(mut table: Table, mistakes: &mut Vec<Mistake>) -> Config {
    loop {
        let error = match serde_path_to_error::deserialize::<_, Config>(Value::Table(table.clone())) {
            Ok(config) => return config,
            Err(error) => error,
        };
        if let Some(mistake) = apps::take_out(&mut table, &error) {
            mistakes.push(mistake);
            continue;
        }
        let path = error.path().to_string();
        let mut parts = path.split(['.', '[']);
        let (section, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let removed = match table.get_mut(section) {
            Some(Value::Table(keys)) => keys.remove(key).map(|value| (format!("{section}.{key}"), value)),
            _ => None,
        };
        // A value that cannot be told apart takes its section with it, so that every turn makes the table smaller.
        let removed = removed.or_else(|| table.remove(section).map(|value| (section.to_owned(), value)));
        let Some((key, value)) = removed else {
            mistakes.push(Mistake::new(path, "", error.into_inner().to_string().trim(), "compare with config/sluicegate.toml"));
            return Config::default();
        };
        let reason = in_plain_words(error.into_inner().to_string().lines().next().unwrap_or_default());
        let hint = default_of(&key).map_or_else(String::new, |default| match default.trim_matches('"').parse::<SocketAddr>() {
            Ok(_) => format!("write ADDRESS:PORT, the address in numbers, such as {default}"),
            Err(_) if default.starts_with("[{") => "compare with config/sluicegate.toml".to_owned(),
            Err(_) => format!("the default is {default}"),
        });
        mistakes.push(Mistake::new(key, value.to_string(), reason, hint));
    }
}

/// A deserialiser's reason without the names of our types.
fn in_plain_words(reason: &str) -> String {
    let Some((got, expected)) = reason.rsplit_once(", expected ") else { return reason.to_owned() };
    let most = match expected {
        "u8" => Some(u64::from(u8::MAX)),
        "u16" => Some(u16::MAX.into()),
        "u32" => Some(u32::MAX.into()),
        "u64" | "usize" => Some(i64::MAX as u64),
        _ => None,
    };
    let wanted = match (most, expected) {
        (Some(most), _) if got.starts_with("invalid value") => format!("a whole number from 0 to {most}"),
        (Some(_), _) => "a whole number".to_owned(),
        (None, "a boolean") => "true or false".to_owned(),
        (None, "a string" | "string only" | "path string") => "a text in quotes".to_owned(),
        (None, "a sequence") => "a list in [ ]".to_owned(),
        (None, structure) if structure.starts_with("struct ") => "a table in { }".to_owned(),
        (None, other) => other.to_owned(),
    };
    // What serde calls a number in the place of one of several words.
    format!("{}, expected {wanted}", got.trim_end_matches(": unit variant"))
}

/// The built-in default of `section.key`, as TOML would have it.
pub(super) fn default_of(key: &str) -> Option<String> {
    let (section, key) = key.split_once('.')?;
    Some(defaults().get(section)?.get(key)?.to_string())
}

/// Line and column of a byte of the text, both from one on.
fn place(text: &str, at: usize) -> String {
    let before = &text[..text.floor_char_boundary(at)];
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {}, column {column}", before.matches('\n').count() + 1)
}

fn defaults() -> Json {
    serde_json::to_value(Config::default()).expect("options are plain numbers, strings and lists")
}

fn known_only(table: Table, defaults: &Json, mistakes: &mut Vec<Mistake>) -> Table {
    let mut known = Table::new();
    for (section, value) in table {
        if section == apps::SECTION {
            known.insert(section, apps::known_only(value, mistakes));
            continue;
        }
        let Some(keys) = defaults.get(&section).and_then(Json::as_object) else {
            mistakes.push(Mistake::new(&section, "", "there is no such section", did_you_mean(&section, sections(defaults))));
            continue;
        };
        let Value::Table(settings) = value else {
            mistakes.push(Mistake::new(
                &section,
                value.to_string(),
                "this is a section",
                format!("write [{section}] on a line of its own"),
            ));
            continue;
        };
        let mut kept = Table::new();
        for (key, value) in settings {
            if keys.contains_key(&key) {
                kept.insert(key, value);
            } else {
                // What it was meant for is not known: it may be a key of an application.
                let hint = did_you_mean(&key, keys.keys().map(String::as_str));
                mistakes.push(Mistake::new(format!("{section}.{key}"), apps::HIDDEN, "there is no such key", hint));
            }
        }
        known.insert(section, Value::Table(kept));
    }
    known
}

/// Reads an override's text as the type that its default has.
fn typed(setting: &Override, defaults: &Json) -> Result<Value, Mistake> {
    let mistake = |value: &str, reason: &str, hint| Mistake::new(&setting.key, value, format!("{reason} ({})", setting.source), hint);
    let (section, key) = setting.key.split_once('.').unwrap_or((&setting.key, ""));
    if section == apps::SECTION {
        return apps::typed(setting, key);
    }
    let Some(keys) = defaults.get(section).and_then(Json::as_object) else {
        return Err(mistake(apps::HIDDEN, "there is no such section", did_you_mean(section, sections(defaults))));
    };
    let Some(default) = keys.get(key) else {
        return Err(mistake(apps::HIDDEN, "there is no such key", did_you_mean(key, keys.keys().map(String::as_str))));
    };
    let text = setting.value.trim();
    let unreadable = |what: &str| mistake(&setting.value, &format!("this is not {what}"), format!("the default is {default}"));
    let value = match default {
        Json::Bool(_) => Value::Boolean(text.parse().map_err(|_| unreadable("true or false"))?),
        Json::Number(number) if number.is_f64() => Value::Float(text.parse().map_err(|_| unreadable("a number"))?),
        Json::Number(_) => Value::Integer(text.parse().map_err(|_| unreadable("a whole number"))?),
        Json::Array(_) => list(text),
        _ => Value::String(text.to_owned()),
    };
    Ok(value)
}

/// Texts between commas.
pub(super) fn list(text: &str) -> Value {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
}

fn insert<'a>(table: &mut Table, mut path: impl Iterator<Item = &'a str>, value: Value) {
    let Some(first) = path.next() else { return };
    let mut rest = path.peekable();
    if rest.peek().is_none() {
        table.insert(first.to_owned(), value);
    } else if let Value::Table(inner) = table.entry(first).or_insert_with(|| Value::Table(Table::new())) {
        insert(inner, rest.collect::<Vec<_>>().into_iter(), value);
    }
}

fn sections(defaults: &Json) -> impl Iterator<Item = &str> {
    defaults.as_object().into_iter().flat_map(|sections| sections.keys().map(String::as_str))
}

pub(super) fn did_you_mean<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<_> = known.map(|name| (strsim::jaro_winkler(given, name), name)).collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    match known.first() {
        Some((likeness, name)) if *likeness > 0.8 => format!("did you mean '{name}'?"),
        _ => {
            let mut names: Vec<_> = known.into_iter().map(|(_, name)| name).collect();
            names.sort_unstable();
            format!("known are: {}", names.join(", "))
        }
    }
}
