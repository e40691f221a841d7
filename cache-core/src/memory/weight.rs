//! The weight of an entry, in bytes.
//!
//! This module knows the size of the entry's own allocation. The value's heap memory comes from the first of
//! these that knows it: the user's weigher; serde, if the value may go to a remote tier; a list of plain
//! types.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::base::{Error, warn_once};
use crate::codec::Coder;
use crate::entry::Stored;

/// The two counts of an `Arc`.
const ARC: usize = 2 * size_of::<usize>();
/// The maximum weight of an entry, so that sums of weights cannot overflow.
const HEAVIEST: u64 = 1 << 48;

type Weigh = dyn Fn(&dyn Any) -> u64 + Send + Sync;

/// The user's weighers, by type.
#[derive(Clone)]
pub(crate) struct Weighers(BTreeMap<TypeId, Arc<Weigh>>);

impl Weighers {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn add<V: Any>(&mut self, weigh: impl Fn(&V) -> u64 + Send + Sync + 'static) {
        let erased = move |value: &dyn Any| value.downcast_ref().map_or(0, &weigh);
        self.0.insert(TypeId::of::<V>(), Arc::new(erased));
    }
}

impl fmt::Debug for Weighers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weighers", self.0.len())
    }
}

/// Weighs the entries of one tier.
pub(crate) struct Scales {
    weighers: Weighers,
    /// Whether weights bound the tier: only then are values without a weigher measured when they are stored.
    measures: bool,
    /// The coders of the types that were inserted. There are at most as many as the program has types.
    coders: RwLock<BTreeMap<TypeId, Coder>>,
}

impl Scales {
    pub(super) fn new(weighers: Weighers, measures: bool) -> Self {
        Self { weighers, measures, coders: RwLock::default() }
    }

    /// Records that serde can measure values of this type.
    pub(super) fn learn(&self, kind: TypeId, coder: Coder) {
        if self.coder(kind).is_some() {
            return;
        }
        self.coders.write().unwrap_or_else(PoisonError::into_inner).insert(kind, coder);
    }

    fn coder(&self, kind: TypeId) -> Option<Coder> {
        self.coders.read().unwrap_or_else(PoisonError::into_inner).get(&kind).copied()
    }

    /// The weight without the engine's overhead. Calls the user's code: not under a lock.
    pub(super) fn weigh(&self, entry: &Stored) -> u64 {
        let heap = match self.measures {
            true => self.heap(entry).unwrap_or_else(|| {
                if let Some(owner) = entry.owner() {
                    unweighed(owner);
                }
                0
            }),
            false => self.weighed(entry.any()).unwrap_or(0),
        };
        with_own(entry, heap)
    }

    /// The memory of the entry without the engine's overhead, also if weights do not bound the tier. Calls the
    /// user's code: not under a lock.
    pub(super) fn measure(&self, entry: &Stored) -> u64 {
        with_own(entry, self.heap(entry).unwrap_or(0))
    }

    /// The heap memory of the value; `None` if nothing can measure it.
    fn heap(&self, entry: &Stored) -> Option<u64> {
        let value = entry.any();
        let by_serde = || self.coder(value.type_id())?.heap(value);
        self.weighed(value).or_else(|| of_plain_type(value)).or_else(by_serde)
    }

    /// The heap memory of the value by the user's weigher.
    fn weighed(&self, value: &dyn Any) -> Option<u64> {
        Some(self.weighers.0.get(&value.type_id())?(value))
    }
}

/// The memory of an entry whose value has `heap` bytes elsewhere.
fn with_own(entry: &Stored, heap: u64) -> u64 {
    let key = if entry.key.is_heap_allocated() { ARC + entry.key.len() } else { 0 };
    // Entries without tags share their generations.
    let tags = match entry.stamps.tags.is_empty() {
        true => 0,
        false => ARC + size_of_val(&*entry.stamps) + size_of_val(&*entry.stamps.tags),
    };
    let own = ARC + size_of_val(&**entry) + key + tags;
    heap.saturating_add(own as u64).min(HEAVIEST)
}

/// The heap memory of types that are often cached and need no serde, which would visit each byte of a `Vec<u8>`.
fn of_plain_type(value: &dyn Any) -> Option<u64> {
    macro_rules! first {
        ($($kind:ty => $len:expr),* $(,)?) => {
            $(if let Some(value) = value.downcast_ref::<$kind>() {
                let len: fn(&$kind) -> usize = $len;
                return Some(len(value) as u64);
            })*
        };
    }
    first!(
        String => String::capacity,
        Box<str> => |text| text.len(),
        Arc<str> => |text| ARC + text.len(),
        Arc<String> => |text| ARC + size_of::<String>() + text.capacity(),
        Vec<u8> => Vec::capacity,
        Box<[u8]> => |bytes| bytes.len(),
        Arc<[u8]> => |bytes| ARC + bytes.len(),
        Arc<Vec<u8>> => |bytes| ARC + size_of::<Vec<u8>>() + bytes.capacity(),
        Bytes => Bytes::len,
        Vec<String> => |texts| texts.iter().map(|text| size_of::<String>() + text.capacity()).sum(),
        Option<String> => |text| text.as_ref().map_or(0, String::capacity),
        Option<Vec<u8>> => |bytes| bytes.as_ref().map_or(0, Vec::capacity),
    );
    None
}

#[cold]
fn unweighed(owner: &str) {
    let message = format!(
        "`{owner}` may hold memory that `max_bytes` can't see: it counts as its own size alone; add \
         `Memory::weigher(|value: &{owner}| ..)`, or let serde measure it, without `local` and without a `codec` of your own"
    );
    warn_once("the bound in bytes is not kept for all values", &Error::config("memory", message));
}
