//! Operations on many ids, and on the ids that an event names.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::str::FromStr;

use serde::Serialize;

use super::ModelCache;
use crate::api::invalidation::{EventGuard, Invalidation};
use crate::base::Error;
use crate::codec::RemoteValue;
use crate::engine::Trace;
use crate::key::{KeyBuf, unescaped};

impl<K: Serialize, V: RemoteValue> ModelCache<K, V> {
    /// Reads many values; see [`Cache::get_many`](crate::engine::Cache::get_many).
    ///
    /// # Errors
    /// As [`Cache::get_many`](crate::engine::Cache::get_many).
    pub async fn get_many(&self, ids: &[K]) -> Result<Vec<Option<V>>, Error> {
        let requests = ids.iter().map(|id| self.request(id)).collect();
        self.cache.engine.peek_many(requests, Trace::Read).await
    }

    /// Stores many values; see [`Cache::insert_many`](crate::engine::Cache::insert_many).
    ///
    /// # Errors
    /// As [`Cache::insert_many`](crate::engine::Cache::insert_many).
    pub async fn insert_many(&self, values: impl IntoIterator<Item = (K, V)>) -> Result<(), Error> {
        let values = values.into_iter().map(|(id, value)| (self.request(&id), value));
        self.cache.engine.put_many(values.collect()).await
    }

    /// Removes many values; see [`Cache::remove_many`](crate::engine::Cache::remove_many).
    ///
    /// # Errors
    /// As [`Cache::remove_many`](crate::engine::Cache::remove_many).
    pub async fn remove_many(&self, ids: &[K]) -> Result<u64, Error> {
        self.cache.remove_many(ids.iter().map(|id| self.buf(id))).await
    }

    /// Reads or loads many values by id; see
    /// [`Cache::get_or_load_many`](crate::engine::Cache::get_or_load_many). `load` gets the ids that are not
    /// cached.
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_load_many<E, F, Fut>(&self, ids: &[K], load: F) -> Result<HashMap<K, V>, E>
    where
        K: Clone + Eq + Hash + 'static,
        E: 'static,
        F: Fn(Vec<K>) -> Fut,
        Fut: Future<Output = Result<HashMap<K, V>, E>>,
    {
        self.cache.load_many(ids.to_vec(), |id| self.request(id), load).await
    }

    /// Returns the ids that have entries, as [`Cache::keys`](crate::engine::Cache::keys) finds them, in no
    /// order.
    ///
    /// An id is parsed from the key's text by its `FromStr`, and listed only if it has the same text again.
    /// Long ids, which are cut to a hash in their keys, and ids of several parts are omitted.
    ///
    /// # Errors
    /// The remote tier failed.
    pub async fn ids(&self) -> Result<Vec<K>, Error>
    where
        K: FromStr,
    {
        let (mut keys, prefix) = (self.cache.keys(self.pattern()), self.names.prefix.clone());
        let mut ids = Vec::new();
        while let Some(key) = keys.next().await.transpose()? {
            let text = key.strip_prefix(&prefix).and_then(|text| text.strip_suffix(','));
            let text = text.map(|text| text.strip_prefix('\'').unwrap_or(text));
            let id = text.and_then(unescaped).and_then(|text| text.parse().ok());
            ids.extend(id.filter(|id| self.buf(id).as_str() == key));
        }
        Ok(ids)
    }

    /// Evicts an id's entry whenever an event is emitted: `id` returns the id, if any. As with
    /// [`Cache::on`](crate::engine::Cache::on), it applies until the [`EventGuard`] is dropped.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// struct UserRenamed {
    ///     id: u64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// let names = cache.typed::<u64, String>("names")?;
    /// names.evict_on(|event: &UserRenamed| Some(event.id)).keep();
    ///
    /// names.insert(&7, "Ada".to_owned()).await?;
    /// cache.emit(&UserRenamed { id: 7 }).await?;
    /// assert_eq!(names.get(&7).await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn evict_on<E: 'static>(
        &self,
        id: impl Fn(&E) -> Option<K> + Send + Sync + 'static,
    ) -> EventGuard
    where
        K: 'static,
    {
        // The rule must not keep its cache alive, so it keeps only the view's prefix.
        let prefix = self.names.prefix.clone();
        self.cache.on::<E>(move |event| match id(event) {
            Some(id) => {
                let mut key = KeyBuf::new();
                key.literal(&prefix);
                key.arg(&id);
                Invalidation::new().key(key)
            }
            None => Invalidation::new(),
        })
    }
}
