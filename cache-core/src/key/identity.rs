//! Checks that a type's name identifies the type: two types in function bodies may have the same name.

use std::any::{TypeId, type_name};
use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use crate::base::{Error, Prehashed};

/// The identity of a type, ignoring lifetimes, which its name does not contain either.
#[inline]
pub(crate) fn identity<T: ?Sized>() -> TypeId {
    typeid::of::<T>()
}

/// The identity as a number. In another process the same number may identify another type.
pub(crate) fn hash_of<T: ?Sized>() -> u64 {
    Prehashed.hash_one(identity::<T>())
}

/// Checks whether `T` may appear in keys by its name: only the first type of a name may.
///
/// # Errors
/// Another type has the name; the message says how to fix it.
#[inline]
pub(crate) fn named<T: ?Sized>() -> Result<(), Error> {
    let id = identity::<T>();
    // A thread that is ending has no thread-locals, so it takes the slow path.
    let known = KNOWN.try_with(|known| known.borrow().contains(&id));
    if known.unwrap_or(false) { Ok(()) } else { first_named(id, type_name::<T>()) }
}

#[cold]
fn first_named(id: TypeId, name: &'static str) -> Result<(), Error> {
    static OWNERS: Mutex<Option<HashMap<&'static str, TypeId>>> = Mutex::new(None);
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    let owner = match owners.get_or_insert_default().entry(name) {
        Entry::Occupied(owner) => *owner.get(),
        Entry::Vacant(free) => *free.insert(id),
    };
    drop(owners);
    if owner == id {
        let _ = KNOWN.try_with(|known| known.borrow_mut().insert(id));
        return Ok(());
    }
    let message = format!(
        "there are two types `{name}`, whose entries would be one: give one of them another name, or declare it outside of the \
         function's body"
    );
    Err(Error::config("key", message))
}

thread_local! {
    /// Types that own their names. A hit reads this and takes no shared lock.
    static KNOWN: RefCell<HashSet<TypeId, Prehashed>> = RefCell::default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_of_two_types_owns_their_name() {
        fn ask<T>(_: T) -> (&'static str, bool) {
            (type_name::<T>(), named::<T>().is_ok())
        }
        let first = {
            struct Local;
            [ask(Local), ask(Local), ask(&Local)]
        };
        let second = {
            struct Local;
            [ask(Local), ask(Local), ask(&Local)]
        };
        assert_eq!(first.map(|(name, _)| name), second.map(|(name, _)| name));
        assert_eq!(first.map(|(_, owns)| owns), [true; 3]);
        assert_eq!(second.map(|(_, owns)| owns), [false; 3]);
    }

    #[test]
    fn lifetimes_make_no_difference() {
        fn ask<T>(_: T) -> bool {
            named::<(u8, T)>().is_ok()
        }
        let text = String::from("a");
        assert!(ask("a") && ask(text.as_str()));
    }
}
