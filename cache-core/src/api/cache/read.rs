//! Methods that read values by key, with and without a load.

use std::future::Future;

use crate::base::Error;
use crate::call::Once;
use crate::codec::RemoteValue;
use crate::engine::{Cache, Trace};
use crate::key::IntoKey;

impl Cache {
    /// Returns the value under `key`; `None` if there is none, it is not fresh, or it has another type.
    ///
    /// # Errors
    /// The memory tier has no value and the remote tier failed.
    pub async fn get<T: RemoteValue>(&self, key: impl IntoKey) -> Result<Option<T>, Error> {
        let key = key.into_key_buf();
        if let Some(hit) = self.first_look(&key) {
            return Ok(Some(hit));
        }
        self.engine.peek(&self.plain::<T>(key), Trace::Read).await
    }

    /// Returns the value under `key`, or loads it: one load for any number of concurrent callers.
    ///
    /// If the cache fails, the value is loaded; the caller never gets an error of the cache. With a policy, tags or
    /// other directions: [`entry`](Self::entry).
    ///
    /// If a load requests its own key, directly or through other loads, the inner load runs without the
    /// cache.
    ///
    /// # Errors
    /// The load's own. Callers that wait for the load get its error, too, if it is larder's [`Error`], a
    /// [`SharedError`](crate::SharedError), text (`String`, `&str`), an `io::Error` or a boxed error: a
    /// clone, or an error with the same text. Any other error goes only to the caller whose load failed: the
    /// waiters load one after the other, until one load succeeds for all of them. Map such an error to a
    /// [`SharedError`](crate::SharedError) to share one load.
    ///
    /// # Cancellation
    /// If the future is dropped, its load ends, and one of the waiters starts a new one. After it has
    /// returned, the value is in memory, and is written to the remote tier in the background.
    #[doc(alias("get_with", "try_get_with", "get_or_insert_with", "fetch"))]
    pub async fn get_or_load<T, E, F, Fut>(&self, key: impl IntoKey, load: F) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let key = key.into_key_buf();
        if let Some(hit) = self.first_look(&key) {
            return Ok(hit);
        }
        self.run(self.plain::<T>(key), Once(load)).await
    }

    /// Returns whether there is a fresh value of type `T` under `key`, that is, whether [`get`](Self::get)
    /// would return one. It does not count as a read: statistics, the time to idle and the order of eviction
    /// stay the same. [`ttl`](Self::ttl) works for any type.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[doc(alias = "contains_key")]
    pub async fn contains<T: RemoteValue>(&self, key: impl IntoKey) -> Result<bool, Error> {
        Ok(self.engine.peek::<T>(&self.plain::<T>(key), Trace::Nothing).await?.is_some())
    }

    /// Returns the values under `keys`, in their order, with one request for the values that memory does not
    /// have (and one for the generations of the tags of all these values).
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("user:7", 7u64).await?;
    /// let keys = [7, 8].map(|id| format!("user:{id}"));
    /// assert_eq!(cache.get_many::<u64>(&keys).await?, [Some(7), None]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The remote tier failed.
    pub async fn get_many<T: RemoteValue>(
        &self,
        keys: impl IntoIterator<Item = impl IntoKey>,
    ) -> Result<Vec<Option<T>>, Error> {
        let requests = keys.into_iter().map(|key| self.plain::<T>(key)).collect();
        self.engine.peek_many(requests, Trace::Read).await
    }
}
