//! Reports mistakes of users, each once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::error::Error;

/// Reports a user's mistake once, with its consequence: to `tracing`, or to standard error if there is no
/// `tracing` subscriber. The message makes the mistake visible without affecting callers of the function.
pub(crate) fn warn_once(consequence: &'static str, error: &Error) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    // Bounded: text from outside may be wrong in endless ways.
    if said.len() >= 1_000 || !said.insert(error.to_string()) {
        return;
    }
    if tracing::dispatcher::has_been_set() {
        tracing::error!(target: "larder::config", %error, "larder: {consequence}");
    } else {
        eprintln!("larder: {consequence}: {error}");
    }
}
