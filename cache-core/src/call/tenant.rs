//! The direction that keeps tenants apart.

use std::sync::Arc;

use super::Call;
use super::load::Load;
use super::target::CacheRef;
use crate::base::Error;
use crate::engine::Request;
use crate::key::TenantPrefix;

impl<L: Load> Call<L> {
    /// Makes this call for one tenant: the tenant has its own entry, as in [`Cache::tenant`](crate::engine::Cache::tenant), and
    /// [`clear`](crate::engine::Cache::clear) of that handle ends it. Default: no tenant; all callers share the entry.
    ///
    /// It applies to the call and to its `peek`, `put` and `evict`, in any order of the directions. The last of several tenants counts.
    ///
    /// An empty name is refused: the function runs uncached, which is reported once, and `peek`, `put` and `evict` return an
    /// [`Error::Config`](crate::base::Error::Config).
    ///
    /// ```ignore
    /// get_plan(&db).tenant(&request.tenant).await?;
    /// get_plan(&db).tenant("acme").evict().await?;
    /// ```
    pub fn tenant(mut self, name: impl AsRef<str>) -> Self {
        self.whole.head.options().tenant = Some(TenantPrefix::of(name.as_ref()));
        self
    }
}

/// The tenant of a batch.
pub(crate) type Named = Option<Box<Result<TenantPrefix, Error>>>;

/// Restricts a request to the tenant of the call, inside the tenant of the cache's handle.
pub(crate) fn enter(
    tenant: Option<&Result<TenantPrefix, Error>>,
    target: &mut CacheRef,
    request: &mut Request,
) {
    match (target.prefix(), tenant) {
        // Otherwise all callers without a name would share the entries.
        (_, Some(Err(error))) => target.refuse(Arc::new(error.clone())),
        (Some(outer), Some(Ok(own))) => outer.of_inner(own).apply(request),
        (Some(prefix), None) | (None, Some(Ok(prefix))) => prefix.apply(request),
        (None, None) => {}
    }
}
