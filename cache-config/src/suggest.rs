//! Names the field, variable or word that was probably meant.

use crate::environment::renamed;
use crate::fields::CacheConfig;
use crate::model::CACHES;

/// The message for a field that does not exist: `name`, in the table at `path` that has the `known` fields.
pub(crate) fn field(
    path: &[String],
    name: &str,
    known: &[&'static str],
    origin: Option<&str>,
) -> String {
    let mut known = known.to_vec();
    // It is at the top level only, and no field of a cache.
    if path.is_empty() {
        known.push(CACHES);
    }
    let meant = match parted(name, &known) {
        Some((table, Some(below))) => vec![format!("{table}.{below}")],
        Some((table, None)) => {
            let fields = CacheConfig::fields_of(table).unwrap_or_default().join(", ");
            return format!("there is no such field; `{table}` has {fields}");
        }
        None => match tabled(name, &known) {
            same if !same.is_empty() => same,
            _ => nearest(name, &known).map(str::to_owned).into_iter().collect(),
        },
    };
    if meant.is_empty() {
        return format!("there is no such field; the fields are {}", known.join(", "));
    }
    // A variable was set: name a variable.
    let at =
        |name: &str| path.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".");
    let variable = |meant: &str| renamed(origin?, &at(name), &at(meant));
    let meant = meant.into_iter().map(|meant| variable(&meant).unwrap_or(meant));
    let meant: Vec<_> = meant.map(|meant| format!("`{meant}`")).collect();
    format!("there is no such field; did you mean {}?", meant.join(" or "))
}

/// For `max_entries`, where `memory.max_entries` is meant: the known tables with this field.
fn tabled(field: &str, known: &[&'static str]) -> Vec<String> {
    let has = |table: &&&str| {
        known.contains(table)
            && CacheConfig::fields_of(table).is_some_and(|fields| fields.contains(&field))
    };
    CacheConfig::TABLES.iter().filter(has).map(|table| format!("{table}.{field}")).collect()
}

/// For `redis_url`, where `redis.url` is meant: the table, and its nearest field. (In a variable two `_` stand for the dot.)
fn parted(field: &str, known: &[&'static str]) -> Option<(&'static str, Option<String>)> {
    let field = field.to_lowercase();
    let below = |table: &str| {
        let below = field.strip_prefix(table)?.strip_prefix(['_', '-'])?;
        (!below.is_empty()).then(|| below.to_owned())
    };
    let (table, below) = known.iter().find_map(|table| Some((*table, below(table)?)))?;
    if table == CACHES {
        return Some((table, Some(named(&below)?)));
    }
    let fields = CacheConfig::fields_of(table)?;
    Some((table, nearest(&below, fields).map(str::to_owned)))
}

/// For `sessions_redis_url`, where `sessions.redis.url` is meant: the field at the end shows where the cache's name ends.
fn named(text: &str) -> Option<String> {
    let tables = CacheConfig::TABLES.iter().flat_map(|table| {
        let fields = CacheConfig::fields_of(table).unwrap_or_default();
        fields.iter().map(move |field| (format!("_{table}_{field}"), format!("{table}.{field}")))
    });
    let fields = CacheConfig::FIELDS.iter().map(|field| (format!("_{field}"), (*field).to_owned()));
    // Tables first: `redis.enabled` ends as `enabled` does.
    tables.chain(fields).find_map(|(end, path)| {
        let name = text.strip_suffix(&end).filter(|name| !name.is_empty())?;
        Some(format!("{name}.{path}"))
    })
}

/// The known word that is most like `word`, if one is near.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = known.iter().map(|known| (strsim::jaro_winkler(&word, known), *known));
    let best = near.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, best)| best)
}

/// A text as messages show it. URLs and long texts are not shown: they may hold passwords or keys.
pub(crate) fn shown(text: &str) -> String {
    if text.len() > 32 || text.contains(['@', '/', '=']) {
        return "a text (hidden, because it may be a secret)".to_owned();
    }
    format!("`{}`", text.escape_debug())
}
