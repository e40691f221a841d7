//! Values by key: storing.

use std::sync::Arc;

use crate::base::{Error, Policy, PolicyRef};
use crate::codec::RemoteValue;
use crate::engine::Cache;
use crate::key::KeyBuf;

impl Cache {
    /// Stores a value in every tier, with the cache's default time to live. Loads of the key that
    /// began before store nothing any more.
    ///
    /// The value carries the tags of a [`Key`](crate::Key) that was built with a model or a tenant, and no others. A function that
    /// declares tags does not read it unless it carries them: see [`insert_with`](Self::insert_with).
    ///
    /// # Errors
    /// The value can't be encoded, or the remote tier failed. It is in the memory tier even so.
    pub async fn insert<T: RemoteValue>(
        &self,
        key: impl Into<KeyBuf>,
        value: T,
    ) -> Result<(), Error> {
        self.engine.put(&self.plain::<T>(key), value).await
    }

    /// [`insert`](Self::insert) with a policy: time to live, stale window, tags.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn insert_with<T: RemoteValue>(
        &self,
        key: impl Into<KeyBuf>,
        value: T,
        policy: Policy,
    ) -> Result<(), Error> {
        self.engine.put(&self.request::<T>(key, PolicyRef::Own(Arc::new(policy))), value).await
    }
}
