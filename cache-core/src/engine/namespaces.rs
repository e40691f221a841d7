//! Tracks which cache of the process uses which namespace of which store.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::handle::Engine;
use crate::backend::Backend;
use crate::base::Error;

/// The namespace of the default cache.
const NAMESPACE: &str = "larder";

/// A cache in use.
struct Claim {
    store: String,
    cache: Weak<Engine>,
}

/// The default namespace of a cache with this name. No two names have the same.
pub(crate) fn of(name: Option<&str>) -> String {
    match name {
        None => NAMESPACE.to_owned(),
        Some(name) if is_plain(name) && !name.starts_with('/') => format!("{NAMESPACE}/{name}"),
        Some(name) => format!("{NAMESPACE}//{}", spelled(name)),
    }
}

/// Checks that a text is a valid namespace.
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

/// Whether a text is a valid namespace.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !text.is_empty() && text.chars().all(plain)
}

/// Spells a name in the characters of a namespace; different names have different spellings.
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

/// Records that a cache uses its namespace, while it lives.
///
/// # Errors
/// [`Error::Config`] if a cache with another name uses it.
pub(crate) fn claim(cache: &Arc<Engine>, backend: &dyn Backend) -> Result<(), Error> {
    static CLAIMS: Mutex<Vec<Claim>> = Mutex::new(Vec::new());
    let Some(store) = backend.store() else { return Ok(()) };
    // Declared before the lock and dropped after it, because this may hold the last handle of a cache.
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
