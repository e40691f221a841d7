//! Which cache of the process uses which namespace of which store.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::handle::Engine;
use crate::backend::Backend;
use crate::base::Error;

/// That of the default cache.
const NAMESPACE: &str = "larder";

/// A cache in use.
struct Claim {
    store: String,
    cache: Weak<Engine>,
}

/// The namespace of a cache that is given none. No two names have the same.
pub(crate) fn of(name: Option<&str>) -> String {
    match name {
        None => NAMESPACE.to_owned(),
        Some(name) if is_plain(name) && !name.starts_with('/') => format!("{NAMESPACE}/{name}"),
        Some(name) => format!("{NAMESPACE}//{}", spelled(name)),
    }
}

/// Refuses a text that can't be a namespace.
///
/// # Errors
/// [`Error::Config`].
pub(crate) fn check(text: &str) -> Result<(), Error> {
    if is_plain(text) {
        return Ok(());
    }
    let shown = text.escape_debug();
    let message =
        format!("`{shown}` can't be a namespace; use letters, digits, `-`, `_`, `.` and `/`");
    Err(Error::config("namespace", message))
}

/// Whether a text can be a namespace.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !text.is_empty() && text.chars().all(plain)
}

/// A name in the characters of a namespace; no two names are spelled alike.
fn spelled(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '/' => spelled.push(c),
            '_' => spelled.push_str("__"),
            c => spelled.push_str(&format!("_{:x}_", u32::from(c))),
        }
    }
    spelled
}

/// Notes that a cache uses its namespace, as long as it lives.
///
/// # Errors
/// [`Error::Config`]: one with another name does.
pub(crate) fn claim(cache: &Arc<Engine>, backend: &dyn Backend) -> Result<(), Error> {
    static CLAIMS: Mutex<Vec<Claim>> = Mutex::new(Vec::new());
    let Some(store) = backend.store() else { return Ok(()) };
    // Declared before the lock, dropped after it: this may be the last handle of a cache.
    let mut others = Vec::new();
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    claims.retain(|claim| claim.cache.strong_count() > 0);
    let there = claims.iter().filter(|claim| claim.store == store);
    others.extend(there.filter_map(|claim| claim.cache.upgrade()));
    let shares = |other: &&Arc<Engine>| {
        other.namespace == cache.namespace && other.name != cache.name && !other.switch.is_closed()
    };
    if let Some(other) = others.iter().find(shares) {
        return Err(refused(other, cache));
    }
    claims.push(Claim { store, cache: Arc::downgrade(cache) });
    drop(claims);
    Ok(())
}

fn refused(other: &Engine, cache: &Engine) -> Error {
    let shown = |name: &Option<String>| match name {
        Some(name) => format!("the cache `{name}`"),
        None => "the default cache".to_owned(),
    };
    let message = format!(
        "`{}` is the namespace of {} and of {}, in one store, so that they would share their entries; give one another namespace, or \
         both the same name",
        cache.namespace,
        shown(&other.name),
        shown(&cache.name)
    );
    Error::config("namespace", message)
}
