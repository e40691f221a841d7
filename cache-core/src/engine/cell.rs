//! Cells: values that belong to an instance and end with it.
//!
//! A cell holds no value. Its number, which no other cell of the process gets, is part of the keys of its
//! values, and the cell knows in which caches these are. When the last user of the cell is gone, the values
//! are removed. So a value in a cell is an entry like any other, with the same bound, fences, tags and
//! transactions.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use smol_str::SmolStr;

use super::handle::Engine;
use super::mutation::{Mutation, report};
use super::spawn::start_now;
use crate::key::{EntryKey, KeyBuf, KeyId};
use crate::memory::FenceScope;
use crate::stats::RemovalCause;

/// The storage of an instance's `#[cached_property(cell = ..)]` methods.
///
/// The attribute's page has an example.
///
/// One cell can serve one method or all methods of the instance: each method has its own value in it. The
/// values are in the memory tier of the methods' cache, count towards its bound and may be evicted when it is
/// full; tags, transactions and the off switch apply as to any other entry. They never go to a remote tier,
/// and other processes do not know them, so the value needs no serde.
///
/// The values are removed when the cell is dropped (or when a background refresh that still runs then has
/// ended).
///
/// A **clone** is a new, empty cell: a cloned instance may be changed, and a cached value of one would be
/// wrong for the other. To share cached values, share the instance or put the cell into an `Arc`. Two cells
/// are always **equal**, because cached values are not part of an instance's identity; for serde,
/// `#[serde(skip)]` the field. An instance that is changed in place must [`clear`](Self::clear) its cell.
///
/// An empty cell takes 16 bytes and allocates nothing.
#[derive(Default)]
pub struct CachedCell(OnceLock<Arc<CellContents>>);

/// The places of a cell's values. Every load that may still store one holds a reference, so the last holder
/// removes them all.
pub(crate) struct CellContents {
    number: u64,
    entries: Mutex<Vec<Place>>,
}

/// A place where a value may be stored.
struct Place {
    cache: Weak<Engine>,
    id: KeyId,
    key: SmolStr,
}

/// The requirement on `cell = ..`.
#[diagnostic::on_unimplemented(
    message = "`cell` has to be a `larder::CachedCell` of the instance, and this is `{Self}`",
    label = "not a cell",
    note = "add a field `cache: larder::CachedCell` to the type, and write `cell = self.cache`"
)]
pub trait HasCell {
    #[doc(hidden)]
    fn cell(&self) -> &CachedCell;
}

impl HasCell for CachedCell {
    fn cell(&self) -> &CachedCell {
        self
    }
}

macro_rules! pointers {
    ($($t:ty),*) => { $(
        impl<C: HasCell + ?Sized> HasCell for $t {
            fn cell(&self) -> &CachedCell {
                (**self).cell()
            }
        }
    )* };
}

pointers!(&C, Box<C>, Arc<C>);

/// For `cell`: returns the cell.
pub fn cell_of(cell: &(impl HasCell + ?Sized)) -> &CachedCell {
    cell.cell()
}

impl CachedCell {
    /// Creates an empty cell.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Removes all values of the cell, and revokes the loads that have begun: reads that start after this
    /// returns do not get the earlier values. Inside a [`transaction`](crate::transaction()) this waits for
    /// the commit.
    ///
    /// To remove one value use [`evict`](crate::call::Call::evict); to remove the values of many instances
    /// use a tag.
    pub fn clear(&self) {
        let Some(contents) = self.0.get() else { return };
        // A copy, so that nothing is evicted under the lock.
        for (cache, key) in contents.keys() {
            // There is no remote tier to wait for, so this is complete when `start_now` returns.
            start_now(
                async move { report(&cache.invalidate(Mutation::evict(key)).await.map(drop)) },
            );
        }
    }

    pub(crate) fn contents(&self) -> &Arc<CellContents> {
        self.0.get_or_init(|| {
            static NUMBERS: AtomicU64 = AtomicU64::new(1);
            let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
            Arc::new(CellContents { number, entries: Mutex::default() })
        })
    }
}

impl Clone for CachedCell {
    /// Creates a new cell: a value that is cached for one instance is not valid for its copy.
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl PartialEq for CachedCell {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CachedCell {}

impl std::hash::Hash for CachedCell {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for CachedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CachedCell")
    }
}

impl fmt::Debug for CellContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CellContents({})", self.number)
    }
}

impl CellContents {
    /// Writes the cell into a key, instead of arguments.
    pub(crate) fn write(&self, key: &mut KeyBuf) {
        key.of_cell(self.number);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a value may be stored under this key. The list is bounded by the properties that use the
    /// cell.
    pub(crate) fn enlist(&self, cache: &Arc<Engine>, key: &EntryKey) {
        let mut entries = self.lock();
        let here = |place: &Place| {
            place.id == key.id() && std::ptr::eq(place.cache.as_ptr(), &raw const **cache)
        };
        if !entries.iter().any(here) {
            entries.retain(|place| place.cache.strong_count() > 0);
            entries.push(Place { cache: Arc::downgrade(cache), id: key.id(), key: key.text() });
        }
    }

    fn keys(&self) -> Vec<(Arc<Engine>, EntryKey)> {
        let entries = self.lock();
        let alive = entries.iter().filter_map(|place| {
            let key = EntryKey::only_here(&place.key, place.id);
            Some((place.cache.upgrade()?, key))
        });
        alive.collect()
    }
}

impl Drop for CellContents {
    /// No reader is left that could use the values, and no load that could store one.
    fn drop(&mut self) {
        let entries = self.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
        for place in entries.drain(..) {
            if let Some(cache) = place.cache.upgrade() {
                let _ = cache.forget(place.id, FenceScope::All, RemovalCause::Key);
            }
        }
    }
}
