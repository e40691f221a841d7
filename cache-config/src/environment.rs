//! Reads the environment: `LARDER_..`, and `REDIS_URL` or `REDIS_HOST` and its relatives.

use std::collections::BTreeMap;
use std::ffi::OsString;

use config::{Map, Value, ValueKind};

use crate::mistakes::ConfigIssue;
use crate::service_links::is_service_link;

const PREFIX: &str = "LARDER_";
const REDIS: &str = "REDIS_";

/// The field of a variable that platforms and images set.
fn usual(name: &str) -> Option<&'static str> {
    Some(match name {
        "REDIS_URL" => "redis.url",
        "REDIS_HOST" => "redis.host",
        "REDIS_PORT" => "redis.port",
        "REDIS_DB" => "redis.database",
        "REDIS_USER" | "REDIS_USERNAME" => "redis.user",
        "REDIS_PASSWORD" => "redis.password",
        _ => return None,
    })
}

/// The variables of larder by the path of the field that they set.
///
/// The environment source of the crate `config` is not used: its errors do not name the variable, they print values that
/// are not Unicode (which may be secrets), and it takes either of two variables that exclude each other.
pub(crate) fn read(
    pairs: impl IntoIterator<Item = (OsString, OsString)>,
    mistakes: &mut Vec<ConfigIssue>,
) -> Map<String, Value> {
    let mut fields = Vec::new();
    for (name, text) in pairs {
        let shown = name.to_string_lossy();
        let path = match shown.strip_prefix(PREFIX) {
            Some(path) => path.to_lowercase().replace("__", "."),
            None => match usual(&shown) {
                Some(path) => path.to_owned(),
                None => continue,
            },
        };
        // `LARDER_X= command` unsets a variable for one command.
        if text.is_empty() {
            continue;
        }
        let Some(name) = name.to_str() else {
            let message =
                "the variable's name is not valid UTF-8; wanted `LARDER_` and a field's path";
            mistakes.push(ConfigIssue::new("", message).from(Some(shown)));
            continue;
        };
        let Ok(text) = text.into_string() else {
            let message = "found bytes that are not valid UTF-8; wanted a text";
            mistakes.push(ConfigIssue::new(path, message).from(Some(name)));
            continue;
        };
        // A service called `redis` sets `REDIS_PORT=tcp://..`.
        let below = name.strip_prefix(PREFIX).or_else(|| name.strip_prefix(REDIS));
        if below.is_some_and(|below| is_service_link(below, &text)) {
            tracing::debug!(target: "larder::config", variable = name, "a Kubernetes service link is ignored");
            continue;
        }
        fields.push((path, Value::new(Some(&name.to_owned()), ValueKind::String(text))));
    }
    only_one_address(&mut fields);
    // The last value of a field wins: `LARDER_REDIS__URL` overrides `REDIS_URL`.
    fields.sort_by_key(|(_, value)| (!is_usual(value), value.origin().map(str::to_owned)));
    doubled(&fields, mistakes);
    exclusive(&mut fields, mistakes);
    fields.into_iter().collect()
}

fn is_usual(value: &Value) -> bool {
    value.origin().is_some_and(|name| usual(name).is_some())
}

/// The usual variables for the parts of an address count if there is a host, and no URL: platforms set both, and images of Redis
/// itself use `REDIS_PASSWORD`.
fn only_one_address(fields: &mut Vec<(String, Value)>) {
    let sets = |field: &str| fields.iter().any(|(path, _)| path == field);
    if sets("redis.url") || !sets("redis.host") {
        fields.retain(|(path, value)| path == "redis.url" || !is_usual(value));
    }
}

/// Reports two variables for one field: their names differ only in case, or one has a dot and the other `__`.
fn doubled(fields: &[(String, Value)], mistakes: &mut Vec<ConfigIssue>) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, value) in fields {
        let Some(name) = value.origin().filter(|_| !is_usual(value)) else { continue };
        if let Some(other) = seen.insert(path, name) {
            let message = format!("`{other}` sets it, too; unset one of the two");
            mistakes.push(ConfigIssue::new(path.clone(), message).from(Some(name)));
        }
    }
}

/// Reports a variable that sets a field to a text while another sets a field in it.
fn exclusive(fields: &mut Vec<(String, Value)>, mistakes: &mut Vec<ConfigIssue>) {
    let paths: Vec<String> = fields.iter().map(|(path, _)| format!("{path}.")).collect();
    fields.retain(|(path, value)| {
        let own = format!("{path}.");
        let Some(below) = paths.iter().find(|other| **other != own && other.starts_with(&own))
        else {
            return true;
        };
        let message = format!(
            "found a text, but `{}` is set too; wanted only one of them",
            variable(below.trim_end_matches('.'))
        );
        mistakes.push(ConfigIssue::new(path.clone(), message).from(value.origin()));
        false
    });
}

/// The variable for the path `right`, given the variable `origin` for the path `wrong`; `None` if `origin` is not a
/// variable.
pub(crate) fn renamed(origin: &str, wrong: &str, right: &str) -> Option<String> {
    let below = origin.to_uppercase().strip_prefix(&variable(wrong))?.to_owned();
    Some(variable(right) + &below)
}

/// The variable for a field.
fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace('.', "__"))
}
