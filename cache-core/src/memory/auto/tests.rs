use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::base::{Policy, Timestamp};
use crate::entry::{Lifetime, Stored, empty_entry};

fn entry(key: &str) -> Stored {
    let life = Lifetime::new(Timestamp::default(), Some(Duration::from_secs(1)), &Policy::new());
    empty_entry(key, life)
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u64),
    Use(u8),
    Remove(u8),
    /// Keeps all keys below.
    Retain(u8),
    Resize(u64),
    /// Changes the mode.
    Switch(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..40_u8;
    let step = prop_oneof![
        8 => (key.clone(), 1..40_u64).prop_map(|(k, w)| Step::Insert(k, w)),
        8 => key.clone().prop_map(Step::Use),
        3 => key.clone().prop_map(Step::Remove),
        1 => key.prop_map(Step::Retain),
        1 => (1..30_u64).prop_map(Step::Resize),
        1 => (0..Mode::ALL.len()).prop_map(Step::Switch),
    ];
    proptest::collection::vec(step, 1..400)
}

fn of_kind(bound: Capacity, most: u64) -> Capacity {
    match bound {
        Capacity::Entries(_) => Capacity::Entries(most),
        Capacity::Bytes(_) => Capacity::Bytes(most * 10),
    }
}

/// The engine must hold the inserted entries minus the returned ones, within the bound.
fn gives_back_what_leaves(bound: Capacity, steps: &[Step]) {
    let auto = Auto::new(bound);
    let mut most = bound;
    let mut held: HashMap<String, (Stored, u64)> = HashMap::new();
    let mut evicted = 0;
    for step in steps {
        match *step {
            Step::Insert(key, weight) => {
                let name = format!("k{key}");
                let new = entry(&name);
                let had = held.insert(name.clone(), (Arc::clone(&new), weight)).is_some();
                let gone = auto.insert(KeyId::of(&name), Arc::clone(&new), weight);
                assert_eq!(gone.found, had);
                for key in &gone.keys()[usize::from(had)..] {
                    assert!(held.remove(*key).is_some(), "{key} left and was not there");
                    evicted += 1;
                }
            }
            Step::Use(key) => {
                let name = format!("k{key}");
                let mut seen = None;
                auto.look(KeyId::of(&name), &mut |entry| seen = Some(entry.key.to_string()));
                assert_eq!(seen.is_some(), held.contains_key(&name));
            }
            Step::Remove(key) => {
                let name = format!("k{key}");
                assert_eq!(auto.remove(KeyId::of(&name)).found, held.remove(&name).is_some());
            }
            Step::Retain(below) => {
                let below = format!("k{below}");
                auto.retain(&mut |entry| *entry.key < *below);
                held.retain(|key, _| *key < below);
            }
            Step::Resize(to) => {
                most = of_kind(bound, to);
                for key in auto.resize(most).expect("it can be resized").keys() {
                    assert!(held.remove(key).is_some());
                    evicted += 1;
                }
            }
            Step::Switch(to) => auto.contest.switch(to),
        }
        let bytes: u64 = held.values().map(|(_, weight)| weight).sum();
        assert_eq!((auto.len(), auto.bytes()), (held.len() as u64, bytes));
        assert_eq!(auto.evictions(), evicted);
        match most {
            Capacity::Entries(most) => assert!(auto.len() <= most),
            Capacity::Bytes(most) => assert!(auto.bytes() <= most),
        }
        for (key, (entry, _)) in &held {
            assert!(auto.get(KeyId::of(key)).is_some_and(|found| Arc::ptr_eq(&found, entry)));
        }
    }
}

proptest! {
    #[test]
    fn gives_back_what_leaves_by_entries(steps in steps(), most in 1..30_u64) {
        gives_back_what_leaves(Capacity::Entries(most), &steps);
    }

    #[test]
    fn gives_back_what_leaves_by_bytes(steps in steps(), most in 1..300_u64) {
        gives_back_what_leaves(Capacity::Bytes(most), &steps);
    }
}

#[test]
fn visits_all_of_many_entries() {
    let auto = Auto::new(Capacity::Entries(40_000));
    assert!(auto.shards.len() > 1);
    for id in 0..3_000 {
        let key = format!("k{id}");
        drop(auto.insert(KeyId::of(&key), entry(&key), 1));
    }
    let mut keys = std::collections::HashSet::new();
    auto.visit(&mut |_, entry| assert!(keys.insert(entry.key.to_string())));
    assert_eq!(keys.len(), 3_000);
}

#[test]
fn removes_the_same_entry_only() {
    let auto = Auto::new(Capacity::Entries(10));
    let (old, new, id) = (entry("k"), entry("k"), KeyId::of("k"));
    drop(auto.insert(id, Arc::clone(&old), 1));
    drop(auto.insert(id, Arc::clone(&new), 1));
    assert!(!auto.remove_same(id, &old).found);
    assert!(auto.remove_same(id, &new).found);
    assert_eq!(auto.len(), 0);
}

#[test]
fn an_entry_that_never_fits_evicts_nothing() {
    let auto = Auto::new(Capacity::Bytes(100));
    drop(auto.insert(KeyId::of("small"), entry("small"), 60));
    let gone = auto.insert(KeyId::of("large"), entry("large"), 101);
    assert_eq!((gone.found, gone.keys()), (false, vec!["large"]));
    drop(gone);
    assert!(auto.get(KeyId::of("small")).is_some());
}

/// When the window becomes smaller, the tier does not keep the larger one.
#[test]
fn newcomers_of_a_larger_window_become_entries_like_the_rest() {
    let mut arena = Arena::new(Capacity::Entries(100), Mode::Mixed);
    let key =
        |id: u32| KeyId(u128::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
    (0..300).for_each(|id| drop(arena.insert(key(id), (), 1)));
    assert_eq!(arena.newcomers(), 20, "a fifth");
    arena.switch(Mode::Frequency);
    (300..400).for_each(|id| drop(arena.insert(key(id), (), 1)));
    assert_eq!(arena.newcomers(), 1, "a hundredth");
    arena.switch(Mode::Mixed);
    assert_eq!(arena.newcomers(), 1, "they stay newcomers");
    arena.switch(Mode::Recency);
    (400..500).for_each(|id| drop(arena.insert(key(id), (), 1)));
    assert_eq!(arena.newcomers(), 0);
}

/// Removed newcomers must not stay in the list without limit.
#[test]
fn the_list_of_newcomers_is_bounded() {
    let mut arena = Arena::new(Capacity::Entries(100), Mode::Frequency);
    for id in 0..10_000_u32 {
        let id = KeyId(u128::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
        let _ = arena.insert(id, (), 1);
        if arena.len() == 100 {
            let _ = arena.remove(id);
            let _ = arena.insert(KeyId(id.0 ^ 1), (), 1);
            let _ = arena.remove(KeyId(id.0 ^ 1));
        }
    }
    assert!(arena.newcomers() <= 300, "{}", arena.newcomers());
}
