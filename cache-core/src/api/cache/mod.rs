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
use std::time::{Duration, Instant};

use crate::base::{Clock, Error, KnownResult};
use crate::call::{Rules, Work, reading};
use crate::codec::RemoteValue;
use crate::engine::{Cache, Request};
use crate::registry::Builder;

/// The pause between two looks at the link.
const LINK_PAUSE: Duration = Duration::from_millis(2);

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

    /// Waits until evictions by other processes arrive ([`is_linked`](Self::is_linked)), for at most `timeout`, and returns
    /// whether they do: for a program that wants hits in memory from its first request on. Until then each hit in memory also
    /// asks the remote tier. It is no failure if it takes longer: the cache connects whenever it can.
    ///
    /// The time is that of the machine, also if the cache has a manual clock. A [closed](Self::close) cache is not waited
    /// for. Cancel-safe.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().remote(MemoryBackend::new()).build()?;
    /// if !cache.wait_linked(Duration::from_secs(5)).await {
    ///     eprintln!("the bus is not connected yet");
    /// }
    /// # assert!(cache.is_linked());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "it returns whether the bus is connected"]
    pub async fn wait_linked(&self, timeout: Duration) -> bool {
        let began = Instant::now();
        loop {
            if self.is_linked() {
                return true;
            }
            let left = timeout.saturating_sub(began.elapsed());
            if left.is_zero() || self.engine.switch().is_closed() {
                return false;
            }
            Clock::coarse().sleep(left.min(LINK_PAUSE)).await;
        }
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
