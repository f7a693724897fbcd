//! The section of applications, whose keys are names of the operator's own, and whose values nobody may read.

use serde_path_to_error::{Error, Segment};
use toml::{Table, Value};

use super::Mistake;
use super::sources::{Override, did_you_mean, list};
use crate::auth::FIELDS;

/// Its name.
pub(super) const SECTION: &str = "apps";
/// What is shown in place of a secret.
pub(super) const HIDDEN: &str = "…";

/// `live.keys` out of `live_keys`, as environment variables have it.
pub(super) fn dotted(key: &str) -> String {
    let app = |field: &&str| key.strip_suffix(*field)?.strip_suffix('_').filter(|app| !app.is_empty());
    // `stream_keys` ends with `keys`.
    let longest = FIELDS.iter().filter(|field| app(field).is_some()).max_by_key(|field| field.len());
    longest.and_then(|field| Some(format!("{}.{field}", app(field)?))).unwrap_or_else(|| key.to_owned())
}

/// Reads an override's text as what its field is.
pub(super) fn typed(setting: &Override, key: &str) -> Result<Value, Mistake> {
    let mistake = |reason: &str, hint: &str| Mistake::new(&setting.key, HIDDEN, format!("{reason} ({})", setting.source), hint);
    match key.rsplit_once('.').map(|(_, field)| field) {
        Some("publish" | "play") => Ok(Value::String(setting.value.trim().to_owned())),
        Some("keys" | "tokens") => Ok(list(&setting.value)),
        Some("stream_keys" | "stream_tokens") => Err(mistake("this is a table", "write it into the configuration file")),
        _ => Err(mistake("there is no such key", &format!("known are, behind the application's name: {}", FIELDS.join(", ")))),
    }
}

/// Leaves out what no application has.
pub(super) fn known_only(section: Value, mistakes: &mut Vec<Mistake>) -> Value {
    let mut known = Table::new();
    let Value::Table(apps) = section else {
        let hint = "write [apps.live] on a line of its own";
        mistakes.push(Mistake::new(SECTION, HIDDEN, "this is a section", hint));
        return Value::Table(known);
    };
    for (app, value) in apps {
        let Value::Table(fields) = value else {
            let hint = format!("write [{SECTION}.{app}] on a line of its own");
            mistakes.push(Mistake::new(format!("{SECTION}.{app}"), HIDDEN, "this is an application", hint));
            continue;
        };
        let (kept, other): (Table, Table) = fields.into_iter().partition(|(field, _)| FIELDS.contains(&field.as_str()));
        for (field, _) in other {
            let hint = did_you_mean(&field, FIELDS.into_iter());
            mistakes.push(Mistake::new(format!("{SECTION}.{app}.{field}"), HIDDEN, "there is no such key", hint));
        }
        known.insert(app, Value::Table(kept));
    }
    Value::Table(known)
}

/// Takes out what could not be read, if it belongs to an application, together with the rule that needs it: its absence is no mistake of
/// its own.
pub(super) fn take_out(table: &mut Table, error: &Error<toml::de::Error>) -> Option<Mistake> {
    let mut path = error.path().iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        _ => None,
    });
    let (section, app, field) = (path.next()?, path.next()?, path.next()?);
    if section != SECTION {
        return None;
    }
    let fields = table.get_mut(section)?.get_mut(app)?.as_table_mut()?;
    fields.remove(field)?;
    let key = format!("{SECTION}.{app}.{field}");
    let reason = error.inner().to_string().lines().next().unwrap_or_default().to_owned();
    let rule = match field {
        "keys" | "stream_keys" => "publish",
        "tokens" | "stream_tokens" => "play",
        // One that has no business there may be a key in the wrong place.
        _ => {
            let other = if field == "play" { "token" } else { "key" };
            return Some(Mistake::new(key, HIDDEN, format!("this is neither \"open\" nor \"{other}\""), "see config/sluicegate.toml"));
        }
    };
    fields.retain(|other, _| other != rule && !other.ends_with(if rule == "publish" { "keys" } else { "tokens" }));
    // The library quotes what it found where it expected something else.
    if reason.starts_with("invalid type") {
        let hint = match field {
            "keys" | "tokens" => "write a list of texts: [\"SECRET\"]",
            _ => "write a list of texts for each stream: { NAME = [\"SECRET\"] }",
        };
        return Some(Mistake::new(key, HIDDEN, "this is not a list of texts, or a table of such lists", hint));
    }
    Some(Mistake::new(key, HIDDEN, reason, "generate one: head -c 18 /dev/urandom | base64 | tr '+/' '-_'"))
}
