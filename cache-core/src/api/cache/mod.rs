//! The cache itself: operations by key, in addition to the attributes.
//!
//! | file | content |
//! | --- | --- |
//! | `read`, `write` | values by key |
//! | `evict`, `life` | evictions; lifetimes |
//! | `keys`, `retain` | listing and counting keys; evicting by a predicate |
//! | `info`, `close` | a description of the cache and of an entry; closing the cache |

mod close;
mod evict;
mod info;
mod keys;
mod life;
mod read;
mod retain;
mod write;

pub use evict::clear_all;
pub use info::{Info, MemoryInfo, RemoteInfo};
pub use keys::{KeyCount, KeyStream};

use std::sync::Arc;

use crate::base::{Error, KnownResult};
use crate::call::{Rules, Work, reading};
use crate::codec::RemoteValue;
use crate::engine::{Cache, Request};
use crate::registry::Builder;

impl Cache {
    /// Returns a builder.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the name given to the builder; `None` for the default cache.
    pub fn name(&self) -> Option<&str> {
        self.engine.name()
    }

    /// Whether both are handles of one cache.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }

    /// Returns the prefix of the cache's keys in the remote tier.
    pub fn namespace(&self) -> &str {
        self.engine.namespace()
    }

    /// Frees the memory of dead entries: expired ones, and those with an evicted tag. Returns how many were
    /// freed. Nothing else changes: reads never return such entries anyway, and a
    /// [sweep](crate::memory::Memory::sweep_every) does the same regularly.
    ///
    /// It visits every entry of the memory tier on the caller's thread, and drops the values there. Hits do
    /// not wait for it. Returns 0 without a memory tier.
    pub fn reclaim(&self) -> u64 {
        self.engine.reclaim()
    }

    /// Checks that the remote tier answers; immediately `Ok` without one.
    ///
    /// # Errors
    /// The error of the remote tier.
    pub async fn ping(&self) -> Result<(), Error> {
        match self.engine.remote() {
            Some(remote) => Ok(remote.backend().ping().await?),
            None => Ok(()),
        }
    }

    /// Returns whether evictions by other processes arrive. Always true without a remote tier.
    pub fn is_linked(&self) -> bool {
        self.engine.is_linked()
    }
}

impl Cache {
    /// Runs a read that may load.
    pub(crate) async fn run<T, E>(
        &self,
        mut request: Request,
        work: impl Work<Result<T, E>>,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        if let Some(hit) = self.engine.first_hit(&mut request) {
            return Ok(hit.value);
        }
        let rules = Rules::by_hand(KnownResult::<T, E>::NEW, request.codec);
        reading(Arc::clone(&self.engine), request, rules, work).await.value
    }
}
