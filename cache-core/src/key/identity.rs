//! Whether a type's name tells it from all others: two types of one name may stand in the bodies of functions.

use std::any::{TypeId, type_name};
use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::base::Error;

/// The identity of a type without regard to lifetimes, which its name does not show either.
#[inline]
pub(crate) fn identity<T: ?Sized>() -> TypeId {
    typeid::of::<T>()
}

/// The same as a number, which another process may have for another type.
pub(crate) fn hash_of<T: ?Sized>() -> u64 {
    BuildHasherDefault::<Direct>::default().hash_one(identity::<T>())
}

/// Whether `T` may stand in keys by its name: the first type of a name may, and no other type of that name.
///
/// # Errors
/// Another type has the name, and what to do about it.
#[inline]
pub(crate) fn named<T: ?Sized>() -> Result<(), Error> {
    let id = identity::<T>();
    // A thread that ends has no locals any more, and asks as if it knew nothing.
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
    /// Types that were found to own their names: a hit takes no lock that other threads take.
    static KNOWN: RefCell<HashSet<TypeId, BuildHasherDefault<Direct>>> = RefCell::default();
}

/// A type's identity is a hash already.
#[derive(Default)]
struct Direct(u64);

impl Hasher for Direct {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
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
