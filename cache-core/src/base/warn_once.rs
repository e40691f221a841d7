//! Mistakes of users, told once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::error::Error;

/// Says a user's mistake once, with what follows from it: to `tracing`, or to standard error where
/// nobody listens to `tracing`. The mistake is to be seen, but the functions' callers are not to
/// suffer for it.
pub(crate) fn warn_once(consequence: &'static str, error: &Error) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    // Bounded: a text that comes from outside may be wrong in endless ways.
    if said.len() >= 1_000 || !said.insert(error.to_string()) {
        return;
    }
    if tracing::dispatcher::has_been_set() {
        tracing::error!(target: "larder::config", %error, "larder: {consequence}");
    } else {
        eprintln!("larder: {consequence}: {error}");
    }
}
