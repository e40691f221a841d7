//! The direction that keeps tenants apart.

use std::sync::Arc;

use super::Call;
use super::load::Load;
use super::target::CacheRef;
use crate::base::Error;
use crate::engine::Request;
use crate::key::TenantPrefix;

impl<L: Load> Call<L> {
    /// This call for one tenant: its entry is that tenant's own, as in
    /// [`Cache::tenant`](crate::engine::Cache::tenant), and that handle's [`clear`](crate::engine::Cache::clear) ends it.
    /// Default: none, the entry is everybody's.
    ///
    /// It holds for all that the call does (`peek`, `put`, `evict` and so on), in whatever order
    /// directions are given; of two tenants the last one counts.
    ///
    /// An empty name is refused: then the function runs uncached, which is reported once, and `peek`,
    /// `put` and `evict` return an [`Error::Config`](crate::base::Error::Config).
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

/// What a batch says of its tenant.
pub(crate) type Named = Option<Box<Result<TenantPrefix, Error>>>;

/// Makes what a request is for the tenants': for the one that the call names, of the one that its cache's handle is for.
pub(crate) fn enter(
    tenant: Option<&Result<TenantPrefix, Error>>,
    target: &mut CacheRef,
    request: &mut Request,
) {
    match (target.prefix(), tenant) {
        // Better no cache than one that all who have no name share.
        (_, Some(Err(error))) => target.refuse(Arc::new(error.clone())),
        (Some(outer), Some(Ok(own))) => outer.of_inner(own).apply(request),
        (Some(prefix), None) | (None, Some(Ok(prefix))) => prefix.apply(request),
        (None, None) => {}
    }
}
