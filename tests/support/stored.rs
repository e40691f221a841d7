//! A store in this process, with direct access that no cache notices.

#![allow(dead_code)]

use larder::{
    Builder, Cache, RemoteValue,
    backend::{Backend, MemoryBackend, SetEntry},
};

#[derive(Default)]
pub(crate) struct Store {
    backend: MemoryBackend,
}

impl Store {
    /// A cache without a memory tier over the store, so that every read sees the stored bytes.
    pub(crate) fn cache(&self, set: impl FnOnce(Builder) -> Builder) -> Cache {
        let builder = Cache::builder().namespace("ns").no_memory().remote(self.backend.clone());
        set(builder).build().unwrap()
    }

    pub(crate) fn plain(&self) -> Cache {
        self.cache(|builder| builder)
    }

    /// The bytes under a full key: namespace, colon, key.
    pub(crate) async fn bytes(&self, place: &str) -> Vec<u8> {
        let mut found = self.backend.get_many(&[place], usize::MAX).await.unwrap();
        found.pop().flatten().expect("something is stored").value.to_vec()
    }

    pub(crate) async fn is_empty(&self, place: &str) -> bool {
        self.backend.get_many(&[place], usize::MAX).await.unwrap() == [None]
    }

    pub(crate) async fn put(&self, place: &str, bytes: &[u8]) {
        let write = SetEntry::new(place, bytes.to_vec());
        self.backend.set(&[write], None).await.unwrap();
    }
}

/// Whether the value under `key` is not a `T`: a miss that is counted.
pub(crate) async fn is_foreign<T: RemoteValue>(cache: &Cache, key: &str) -> bool {
    let before = cache.stats();
    let found = cache.get::<T>(key).await.unwrap();
    let after = cache.stats();
    assert_eq!(after.remote_errors, before.remote_errors);
    let counted = (after.foreign - before.foreign, after.misses - before.misses);
    assert_eq!(counted, if found.is_none() { (1, 1) } else { (0, 0) });
    found.is_none()
}
