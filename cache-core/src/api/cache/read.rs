//! Values by key: reading, with a load and without.

use std::future::Future;

use crate::base::{Error, Policy};
use crate::codec::RemoteValue;
use crate::engine::{Cache, Once, Owned, Trace};
use crate::key::KeyBuf;

impl Cache {
    /// The value under `key`: `None` if there is none, it is not fresh, or it is of another type.
    ///
    /// # Errors
    /// The memory tier has nothing and the remote tier failed.
    pub async fn get<T: RemoteValue>(&self, key: impl Into<KeyBuf>) -> Result<Option<T>, Error> {
        self.engine.peek(&self.plain::<T>(key), Trace::Read).await
    }

    /// The value under `key`, loaded if there is none: one load however many ask.
    ///
    /// A failing cache is never the caller's trouble: then the value is loaded.
    ///
    /// A load that asks for its own key, directly or over other loads, runs the inner load without the cache.
    ///
    /// # Errors
    /// The load's own. Those who waited get it too, without a load, if it is larder's [`Error`], a
    /// [`SharedError`](crate::SharedError), text (`String`, `&str`), an `io::Error` or a boxed error: a clone, or one of the
    /// same text. Any other error can be had by its own caller only: those who waited load one after the other, until one
    /// brings a value for all. Map such an error to a [`SharedError`](crate::SharedError), and it is one load for all.
    ///
    /// # Cancellation
    /// Dropped, it ends its load; one of those who wait begins it again. Once it has returned, the value is in memory,
    /// and goes on its way to the remote tier by itself.
    pub async fn get_or_load<T, E, F, Fut>(&self, key: impl Into<KeyBuf>, load: F) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.run(self.plain::<T>(key), Once(load)).await
    }

    /// [`get_or_load`](Self::get_or_load) with a policy.
    ///
    /// The load may borrow, so it can't go on without its caller: what needs a load in the background
    /// (`stale`, `early_refresh`, a timeout's late load) has no effect here. See
    /// [`get_or_refresh`](Self::get_or_refresh).
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_load_with<T, E, F, Fut>(
        &self,
        key: impl Into<KeyBuf>,
        policy: Policy,
        load: F,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.run_under(self.plain::<T>(key), policy, Once(load)).await
    }

    /// [`get_or_load_with`](Self::get_or_load_with) for a load that owns its inputs: it may run, or go on, in
    /// the background, so that the policy holds with its stale window, early refresh and timeouts.
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_refresh<T, E, F, Fut>(
        &self,
        key: impl Into<KeyBuf>,
        policy: Policy,
        load: F,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.run_under(self.plain::<T>(key), policy, Owned(load)).await
    }

    /// Whether there is a fresh value of type `T` under `key`: whether [`get`](Self::get) would give one. It is no read: it is not counted, begins
    /// no time to idle anew, and does not keep the entry in memory. [`ttl`](Self::ttl) asks for an entry of whatever type.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn contains<T: RemoteValue>(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        Ok(self.engine.peek::<T>(&self.plain::<T>(key), Trace::Nothing).await?.is_some())
    }

    /// The values under `keys`, in their order: one request for the values that memory
    /// does not have (and one for the generations of each value's tags).
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
        keys: impl IntoIterator<Item = impl Into<KeyBuf>>,
    ) -> Result<Vec<Option<T>>, Error> {
        let requests = keys.into_iter().map(|key| self.plain::<T>(key)).collect();
        self.engine.peek_many(requests, Trace::Read).await
    }
}
