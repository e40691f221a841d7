//! Cells: values that belong to an instance and end with it.
//!
//! A cell holds no value. It has a number that no other cell of the process gets, which is in the keys of
//! its values, and it knows where these lie; when nobody can ask for them any more, they go. So a value in
//! a cell is an entry like any other: one path, one bound, one fence, tags, transactions.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::handle::Engine;
use super::spawn::start_now;
use super::what::{What, report};
use crate::key::{KeyBuf, KeyId};
use crate::memory::FenceScope;
use crate::stats::RemovalCause;

/// Where an instance keeps what its `#[cached_property(cell = ..)]` methods cache.
///
/// The attribute's page has an example.
///
/// One cell can serve one method or all methods of the instance: each has a value of its own in it. The
/// values lie in the memory tier of the methods' cache, count towards its bound and may be evicted when
/// it is full; tags, transactions and the off switch are as for any other entry. They never go to a remote
/// tier, and other processes know nothing of them, so that the value needs no serde.
///
/// The values go when the cell is dropped (or, if a refresh in the background still runs then, when that ends).
///
/// A **clone** is a new cell with nothing in it: a cloned instance may be changed, and what was cached for
/// the one is then wrong for the other. To share what is cached, share the instance or put the cell into an
/// `Arc`. Two cells are always **equal**, since what is cached is no part of what an instance is; for serde,
/// `#[serde(skip)]` the field. An instance that is changed in place has to [`clear`](Self::clear) its cell.
///
/// An empty cell takes 16 bytes and allocates nothing.
#[derive(Default)]
pub struct CachedCell(OnceLock<Arc<Contents>>);

/// What a cell knows of its values. Kept by all who may still store one of them, so that the last one to
/// go can remove them all.
pub(crate) struct Contents {
    number: u64,
    entries: Mutex<Vec<Place>>,
}

/// Where a value may lie.
struct Place {
    cache: Weak<Engine>,
    id: KeyId,
    key: Box<str>,
}

/// What `cell = ..` takes.
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

/// For `cell`: the cell itself.
pub fn cell_of(cell: &(impl HasCell + ?Sized)) -> &CachedCell {
    cell.cell()
}

impl CachedCell {
    /// An empty cell.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Forgets everything in the cell, and beats the loads of it that have begun: once this returns, no
    /// read that starts gets what was cached before. Inside a [`transaction`](crate::transaction()) it
    /// waits for the commit.
    ///
    /// One value is forgotten by [`evict`](crate::call::Call::evict), those of many instances by a tag.
    pub fn clear(&self) {
        let Some(contents) = self.0.get() else { return };
        // A copy: no eviction is made under the lock.
        for (cache, key) in contents.keys() {
            // There is no remote tier to wait for, so that it is done when this returns.
            start_now(async move { report(&cache.invalidate(What::Key(key)).await.map(drop)) });
        }
    }

    pub(crate) fn contents(&self) -> &Arc<Contents> {
        self.0.get_or_init(|| {
            static NUMBERS: AtomicU64 = AtomicU64::new(1);
            let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
            Arc::new(Contents { number, entries: Mutex::default() })
        })
    }
}

impl Clone for CachedCell {
    /// A new cell: what is cached for one instance is not for its copy.
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

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({})", self.number)
    }
}

impl KeyBuf {
    /// A property's cell, in the place of arguments.
    pub fn cell(&mut self, cell: &CachedCell) {
        self.of_cell(cell.contents().number);
    }
}

impl Contents {
    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a value may come to lie under this key. Bounded by the properties that use the cell.
    pub(crate) fn enlist(&self, cache: &Arc<Engine>, id: KeyId, key: &str) {
        let mut entries = self.lock();
        let here = |place: &Place| {
            place.id == id && std::ptr::eq(place.cache.as_ptr(), &raw const **cache)
        };
        if !entries.iter().any(here) {
            entries.retain(|place| place.cache.strong_count() > 0);
            entries.push(Place { cache: Arc::downgrade(cache), id, key: key.into() });
        }
    }

    fn keys(&self) -> Vec<(Arc<Engine>, KeyBuf)> {
        let entries = self.lock();
        let alive = entries.iter().filter_map(|place| {
            let mut key = KeyBuf::from(&*place.key);
            key.keep_here(true);
            Some((place.cache.upgrade()?, key))
        });
        alive.collect()
    }
}

impl Drop for Contents {
    /// Nobody is left who could read the values, or store one.
    fn drop(&mut self) {
        let entries = self.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
        for place in entries.drain(..) {
            if let Some(cache) = place.cache.upgrade() {
                let _ = cache.forget(place.id, FenceScope::All, RemovalCause::Key);
            }
        }
    }
}
