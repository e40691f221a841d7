//! The direction that keeps tenants apart.

use std::sync::Arc;

use super::{Call, Load, Target};
use crate::Error;
use crate::key::TenantPrefix;
use crate::strategy::Plan;

impl<L: Load> Call<L> {
    /// This call for one tenant: its entry is that tenant's own, as in
    /// [`Cache::tenant`](crate::Cache::tenant), and [`Tenant::clear`](crate::Tenant::clear) ends it.
    /// Default: none, the entry is everybody's.
    ///
    /// It holds for all that the call does (`peek`, `put`, `evict` and so on), in whatever order
    /// directions are given; of two tenants the last one counts.
    ///
    /// An empty name is refused: then the function runs uncached, which is reported once, and `peek`,
    /// `put` and `evict` return an [`Error::Config`](crate::Error::Config).
    ///
    /// ```ignore
    /// get_plan(&db).tenant(&request.tenant).await?;
    /// get_plan(&db).tenant("acme").evict().await?;
    /// ```
    pub fn tenant(mut self, name: impl AsRef<str>) -> Self {
        self.whole.front.tenant = Some(Box::new(TenantPrefix::of(name.as_ref())));
        self
    }
}

#[cold]
pub(crate) fn enter(tenant: &Result<TenantPrefix, Error>, target: &mut Target, plan: &mut Plan) {
    match tenant {
        Ok(prefix) => prefix.apply(plan),
        // Better no cache than one that all who have no name share.
        Err(error) => target.refuse(Arc::new(error.clone())),
    }
}
