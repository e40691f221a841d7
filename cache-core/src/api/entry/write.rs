//! Writes of one key.

use super::{CacheEntry, Fits};
use crate::base::Error;
use crate::engine::{Change, Keep, Mutation, StoreDecision};

impl<P> CacheEntry<'_, P> {
    /// Stores a value in every tier. Loads of the key that have begun store nothing.
    ///
    /// # Errors
    /// The value cannot be encoded, or the remote tier failed. The value is in the memory tier nevertheless.
    pub async fn insert<T: Fits<P>>(self, value: T) -> Result<(), Error> {
        let engine = &self.cache.engine;
        let mut request = self.request::<T>()?;
        match request.keep(StoreDecision::Keep, &value) {
            Keep::No => engine.invalidate(Mutation::evict(request.key)).await.map(drop),
            Keep::Under(policy) => {
                request.policy = policy;
                engine.put(&request, value).await
            }
        }
    }

    /// Stores a value if there is no fresh one, and returns whether it did. Of several callers at the same time,
    /// one stores its value.
    ///
    /// With a remote tier that has leases this holds for all processes. Without leases two processes may both
    /// store. The fresh value of another type counts as none.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// assert!(cache.entry("welcome-mail:7").ttl("1d").insert_if_absent(true).await?);
    /// assert!(!cache.entry("welcome-mail:7").ttl("1d").insert_if_absent(true).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A cache may lose an entry at any time (it is full, it is evicted, the store restarts), so it is no lock.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn insert_if_absent<T: Fits<P>>(self, value: T) -> Result<bool, Error> {
        let engine = &self.cache.engine;
        let mut stored = false;
        let decide = |old: Option<T>| {
            stored = old.is_none();
            if stored { Change::Store(value.clone()) } else { Change::Keep }
        };
        engine.change(&self.request::<T>()?, decide).await?;
        Ok(stored)
    }

    /// Replaces the fresh value, or its absence, by what `change` makes of it; `None` removes it. Returns the new
    /// value.
    ///
    /// No update is lost: if others change the value meanwhile, `change` is called again with their value. With a
    /// remote tier whose backend has leases and [`replace`](crate::Backend::replace) (Redis has both) this holds
    /// for all processes; otherwise for this process, and of two processes the last write counts. An eviction
    /// that comes during the update wins.
    ///
    /// `change` must not use the cache for this key: it would wait for itself. To load, use
    /// [`or_load`](Self::or_load).
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// let count = |old: Option<u64>| Some(old.unwrap_or(0) + 1);
    /// assert_eq!(cache.entry("visits").update(count).await?, Some(1));
    /// assert_eq!(cache.entry("visits").update(count).await?, Some(2));
    /// assert_eq!(cache.entry("visits").update(|_: Option<u64>| None).await?, None);
    /// assert_eq!(cache.get::<u64>("visits").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The remote tier failed; if it is unknown whether it stored the value, the entry is evicted. The value
    /// cannot be encoded: the old value stays.
    pub async fn update<T: Fits<P>>(
        self,
        mut change: impl FnMut(Option<T>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let engine = &self.cache.engine;
        let mut new = None;
        let decide = |old: Option<T>| {
            let existed = old.is_some();
            new = change(old);
            match new.clone() {
                Some(new) => Change::Store(new),
                None if existed => Change::Remove,
                None => Change::Keep,
            }
        };
        engine.change(&self.request::<T>()?, decide).await?;
        Ok(new)
    }

    /// Removes the fresh value and returns it. Of several callers at the same time, in this process and in
    /// others, one gets it.
    ///
    /// With a remote tier, a value that another process stores between the read and the removal is removed, too.
    ///
    /// # Errors
    /// As [`remove`](Self::remove). The value may be gone then.
    pub async fn take<T: Fits<P>>(self) -> Result<Option<T>, Error> {
        let engine = &self.cache.engine;
        let mut taken = None;
        let decide = |old: Option<T>| {
            taken = old;
            if taken.is_some() { Change::Remove } else { Change::Keep }
        };
        engine.change(&self.request::<T>()?, decide).await?;
        Ok(taken)
    }

    /// Evicts the entry from every tier, and wins over every load that has begun. Returns whether there was one.
    ///
    /// # Errors
    /// The remote tier failed; the eviction is pending, and this process carries it out before it reads the
    /// tier again.
    pub async fn remove(mut self) -> Result<bool, Error> {
        let engine = &self.cache.engine;
        let tenant = self.tenant.take().transpose()?;
        let (request, _) = self.plan(None, tenant.as_ref());
        Ok(engine.invalidate(Mutation::evict(request.key)).await? > 0)
    }

    /// Makes the value old but keeps it for the fail-safe: see [`Cache::mark_stale`](crate::Cache::mark_stale). Returns
    /// whether there was a value.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn mark_stale(mut self) -> Result<bool, Error> {
        let engine = &self.cache.engine;
        let tenant = self.tenant.take().transpose()?;
        let (request, _) = self.plan(None, tenant.as_ref());
        Ok(engine.invalidate(Mutation::evict(request.key).softened()).await? > 0)
    }
}
