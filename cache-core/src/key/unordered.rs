//! Which sequences have no order of their own.

use std::any::type_name;

/// Sets that hash. (Two that are equal may give their items in two orders.)
const SETS: [&str; 2] = ["std::collections::hash::set::HashSet<", "hashbrown::set::HashSet<"];

/// What serde serialises as what is inside of it.
const AROUND: [&str; 5] =
    ["&mut ", "&", "alloc::boxed::Box<", "alloc::rc::Rc<", "alloc::sync::Arc<"];

/// Whether `T` is such a set. Serde says "sequence" of a set as of a list, so it is asked of the type's
/// name. A set that is not recognised keeps the order that it happens to have: that costs hits, never
/// correctness.
pub(super) fn is_unordered<T: ?Sized>() -> bool {
    let mut name = type_name::<T>();
    while let Some(inside) = AROUND.iter().find_map(|around| name.strip_prefix(around)) {
        name = inside;
    }
    SETS.iter().any(|set| name.starts_with(set))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap, HashSet};
    use std::sync::Arc;

    use super::is_unordered;

    #[test]
    fn sets_are_known_by_their_type() {
        assert!(is_unordered::<HashSet<u8>>());
        assert!(is_unordered::<&Arc<HashSet<String>>>());
        assert!(is_unordered::<&mut Box<HashSet<HashSet<u8>>>>());
        assert!(!is_unordered::<Vec<HashSet<u8>>>());
        assert!(!is_unordered::<BTreeSet<u8>>());
        assert!(!is_unordered::<HashMap<u8, HashSet<u8>>>());
    }
}
