//! Methods that store values by key.

use crate::base::Error;
use crate::codec::RemoteValue;
use crate::engine::Cache;
use crate::key::IntoKey;

impl Cache {
    /// Stores a value in every tier, with the cache's default time to live. Loads of the key that have begun
    /// store nothing.
    ///
    /// The value carries the tags of a [`Key`](crate::Key) that was built with a model or a tenant, and no
    /// other tags. A function that declares tags treats a value without them as a miss: see
    /// [`entry`](Self::entry), which also sets its lifetime.
    ///
    /// # Errors
    /// The value cannot be encoded, or the remote tier failed. The value is in the memory tier nevertheless.
    #[doc(alias("set", "put"))]
    pub async fn insert<T: RemoteValue>(&self, key: impl IntoKey, value: T) -> Result<(), Error> {
        self.engine.put(&self.plain::<T>(key), value).await
    }
}
