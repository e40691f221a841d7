//! Recognises sequences and maps without an order of their own.

use std::any::type_name;

/// Hashed sets and maps: two equal ones may iterate in different orders. A `BTreeMap` always iterates in
/// order; it is sorted by text, because its keys were sorted so in earlier releases.
const UNORDERED: [&str; 9] = [
    "std::collections::hash::set::HashSet<",
    "std::collections::hash::map::HashMap<",
    "hashbrown::set::HashSet<",
    "hashbrown::map::HashMap<",
    "ahash::hash_set::AHashSet<",
    "ahash::hash_map::AHashMap<",
    "dashmap::set::DashSet<",
    "dashmap::DashMap<",
    "alloc::collections::btree::map::BTreeMap<",
];

/// Types that serde serialises as their content.
const AROUND: [&str; 12] = [
    "&mut ",
    "&",
    "alloc::boxed::Box<",
    "alloc::rc::Rc<",
    "alloc::sync::Arc<",
    "alloc::borrow::Cow<'_, ",
    "alloc::borrow::Cow<",
    "core::cell::RefCell<",
    "std::sync::poison::mutex::Mutex<",
    "std::sync::poison::rwlock::RwLock<",
    "std::sync::mutex::Mutex<",
    "std::sync::rwlock::RwLock<",
];

/// Whether `T` is an unordered set or map. Serde calls both sets and lists "sequence", and both kinds of maps
/// "map", so the type's name decides. An unrecognised type keeps its iteration order: that costs hits, never
/// correctness.
pub(crate) fn is_unordered<T: ?Sized>() -> bool {
    let mut name = type_name::<T>();
    while let Some(inside) = AROUND.iter().find_map(|around| name.strip_prefix(around)) {
        name = inside;
    }
    UNORDERED.iter().any(|unordered| name.starts_with(unordered))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
    use std::sync::{Arc, Mutex, RwLock};

    use super::is_unordered;

    #[test]
    fn sets_and_maps_are_known_by_their_type() {
        assert!(is_unordered::<HashSet<u8>>());
        assert!(is_unordered::<&Arc<HashSet<String>>>());
        assert!(is_unordered::<&mut Box<HashSet<HashSet<u8>>>>());
        assert!(!is_unordered::<Vec<HashSet<u8>>>());
        assert!(!is_unordered::<BTreeSet<u8>>());
        assert!(is_unordered::<HashMap<u8, HashSet<u8>>>());
        assert!(is_unordered::<Cow<'_, HashMap<u8, u8>>>());
        assert!(is_unordered::<RefCell<HashMap<u8, u8>>>());
        assert!(is_unordered::<Mutex<HashMap<u8, u8>>>());
        assert!(is_unordered::<&RwLock<HashMap<u8, u8>>>());
        assert!(is_unordered::<BTreeMap<u8, u8>>());
        assert!(!is_unordered::<Vec<HashMap<u8, u8>>>());
    }
}
