//! Decides which function owns a written place.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The part of a place that is in keys: a name and a position.
type Claim = (&'static str, &'static str);

thread_local! {
    /// The owners that this thread knows, so that a function with many instances does not take a lock for
    /// each call.
    static KNOWN: RefCell<HashSet<TypeId>> = RefCell::default();
}

/// Whether `id` is the first to claim this place.
pub(crate) fn is_first(id: TypeId, claim: Claim) -> bool {
    static CLAIMS: OnceLock<Mutex<HashMap<Claim, TypeId>>> = OnceLock::new();
    // A thread that is ending has no thread-locals, so it takes the slow path.
    if KNOWN.try_with(|known| known.borrow().contains(&id)).unwrap_or(false) {
        return true;
    }
    let claims = CLAIMS.get_or_init(Mutex::default);
    let mut claims = claims.lock().unwrap_or_else(PoisonError::into_inner);
    let first = *claims.entry(claim).or_insert(id) == id;
    drop(claims);
    if first {
        let _ = KNOWN.try_with(|known| known.borrow_mut().insert(id));
    }
    first
}
