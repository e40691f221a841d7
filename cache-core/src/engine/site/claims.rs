//! Who stands where.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What is in keys of a place: a name and a position.
type Claim = (&'static str, &'static str);

thread_local! {
    /// Who was first, as this thread knows: a function of many instances is not to wait for others at each call.
    static KNOWN: RefCell<HashSet<TypeId>> = RefCell::default();
}

/// Whether nobody else was at this place before `id`.
pub(crate) fn is_first(id: TypeId, claim: Claim) -> bool {
    static CLAIMS: OnceLock<Mutex<HashMap<Claim, TypeId>>> = OnceLock::new();
    // A thread that ends has no locals any more, and asks as if it knew nothing.
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
