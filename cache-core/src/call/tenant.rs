//! The direction that keeps tenants apart.

use std::fmt::Display;
use std::sync::Arc;

use super::Call;
use super::load::Load;
use super::target::CacheRef;
use crate::base::Error;
use crate::engine::{Request, restrict};
use crate::key::TenantPrefix;

impl<L: Load> Call<L> {
    /// Makes this call for one tenant: the tenant has its own entry, as in [`Cache::tenant`](crate::engine::Cache::tenant), and
    /// [`clear`](crate::engine::Cache::clear) of that handle ends it. Default: the tenant of the scope ([`with_tenant`](crate::with_tenant)), otherwise none: all callers share the entry.
    ///
    /// It applies to the call and to its `peek`, `put` and `evict`, in any order of the directions. The last of several tenants counts, and each replaces that of the attribute (`tenant = ..`).
    ///
    /// An empty name is refused: the function runs uncached, which is reported once, and `peek`, `put` and `evict` return an
    /// [`Error::Config`](crate::base::Error::Config).
    ///
    /// ```ignore
    /// get_plan(&db).tenant(&request.tenant).await?;
    /// get_plan(&db).tenant("acme").evict().await?;
    /// ```
    pub fn tenant(mut self, name: impl Display) -> Self {
        self.whole.head.options().tenant = Some(TenantPrefix::of(&name));
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
    match tenant.map(Result::as_ref).transpose() {
        // Otherwise all callers without a name would share the entries.
        Err(error) => target.refuse(Arc::new(error.clone())),
        Ok(own) => restrict(request, target.prefix(), own),
    }
}
