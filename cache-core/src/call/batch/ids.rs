//! The argument and the output of a batch function: a list of ids, and values by id.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// The argument that `each` goes through: a slice, a `Vec`, or a set of ids.
#[diagnostic::on_unimplemented(
    message = "`each` can't go through `{Self}`: it takes a slice, a `Vec`, a `HashSet` or a `BTreeSet` of ids",
    label = "not a list of ids that are `Clone + Eq + Hash`",
    note = "a function that is cached for each id is called with those that miss, so that a shorter list must be of the same type"
)]
pub trait Ids {
    /// One id.
    type Id: Clone + Eq + Hash;
    /// The list of the ids to load.
    type Owned: Borrow<Self>;
    /// All ids, in order.
    fn each(&self) -> impl Iterator<Item = &Self::Id>;
    /// How many there are.
    fn count(&self) -> usize;
    /// Makes a list of ids.
    fn gather(ids: Vec<Self::Id>) -> Self::Owned;
}

impl<I: Clone + Eq + Hash> Ids for [I] {
    type Id = I;
    type Owned = Vec<I>;
    fn each(&self) -> impl Iterator<Item = &I> {
        self.iter()
    }
    fn count(&self) -> usize {
        self.len()
    }
    fn gather(ids: Vec<I>) -> Vec<I> {
        ids
    }
}

impl<I: Clone + Eq + Hash> Ids for Vec<I> {
    type Id = I;
    type Owned = Self;
    fn each(&self) -> impl Iterator<Item = &I> {
        self.iter()
    }
    fn count(&self) -> usize {
        self.len()
    }
    fn gather(ids: Self) -> Self {
        ids
    }
}

impl<I: Clone + Eq + Hash, S: BuildHasher + Default> Ids for HashSet<I, S> {
    type Id = I;
    type Owned = Self;
    fn each(&self) -> impl Iterator<Item = &I> {
        self.iter()
    }
    fn count(&self) -> usize {
        self.len()
    }
    fn gather(ids: Vec<I>) -> Self {
        ids.into_iter().collect()
    }
}

impl<I: Clone + Ord + Hash> Ids for BTreeSet<I> {
    type Id = I;
    type Owned = Self;
    fn each(&self) -> impl Iterator<Item = &I> {
        self.iter()
    }
    fn count(&self) -> usize {
        self.len()
    }
    fn gather(ids: Vec<I>) -> Self {
        ids.into_iter().collect()
    }
}

/// The output of a batch function: values by id.
#[diagnostic::on_unimplemented(
    message = "a function with `each` gives its values by id, and `{Self}` is no collection of (id, value) pairs",
    label = "not values by id",
    note = "return a `HashMap<Id, Value>`, a `BTreeMap<Id, Value>` or a `Vec<(Id, Value)>`, or a `Result` of one"
)]
pub trait Pairs: Sized {
    /// The id.
    type Key;
    /// The cached value.
    type Value;
    /// Takes it apart.
    fn pairs(self) -> impl Iterator<Item = (Self::Key, Self::Value)>;
    /// Puts it together.
    fn collect(pairs: impl Iterator<Item = (Self::Key, Self::Value)>) -> Self;
}

macro_rules! pairs {
    ($collection:ty, $($generics:tt)*) => {
        impl<$($generics)*> Pairs for $collection {
            type Key = K;
            type Value = V;
            fn pairs(self) -> impl Iterator<Item = (K, V)> {
                self.into_iter()
            }
            fn collect(pairs: impl Iterator<Item = (K, V)>) -> Self {
                pairs.collect()
            }
        }
    };
}

pairs!(HashMap<K, V, S>, K: Eq + Hash, V, S: BuildHasher + Default);
pairs!(BTreeMap<K, V>, K: Ord, V);
pairs!(Vec<(K, V)>, K, V);

/// Requires that the output has the ids of the argument.
#[diagnostic::on_unimplemented(
    message = "this function is asked for ids of type `{I}` and gives values by `{Self}`",
    label = "not by the ids that were asked for",
    note = "with `each`, the keys of the result are the ids of the argument: make both one type"
)]
pub trait KeyOf<I> {}
impl<I> KeyOf<I> for I {}
// A second candidate for every type, so that rustc does not infer the ids from the keys and then blame the argument.
impl<I> KeyOf<Nobody<I>> for I {}

/// No id.
#[derive(Debug)]
pub struct Nobody<I>(std::marker::PhantomData<I>);
