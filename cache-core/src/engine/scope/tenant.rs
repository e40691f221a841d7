//! The tenant of a scope: one task, or one call of a closure.

use std::fmt::Display;
use std::sync::Arc;

use crate::base::{ActiveScope, ActiveTenant, no_active_scope, no_active_tenant, warn_once};
use crate::engine::tenant::Tenant;
use crate::key::TenantPrefix;

tokio::task_local! {
    static CURRENT: TenantScope;
}

/// Runs `work` for one tenant: everything in it that names no tenant itself uses the tenant's entries.
///
/// This concerns calls of cached functions, evictions (also those of events), and all methods of
/// [`Cache`](crate::Cache) and its views that take or return keys. An explicit tenant has precedence, of a call
/// ([`Call::tenant`](crate::Call::tenant)), of an attribute (`tenant = ..`), or of a handle
/// ([`Cache::tenant`](crate::Cache::tenant)); so has an inner scope. What belongs to the whole cache for the handle of a
/// tenant does so here, too: tags reach the entries of all tenants.
///
/// The scope applies to everything that `work` itself awaits, and to refreshes in the background. It does **not** apply
/// to the tasks that `work` spawns, which would use the entries that all tenants share: give them the scope
/// ([`TenantScope::current`]). An operation belongs to the scope in which it is made and awaited; make and await it
/// in the same one. A list of evictions belongs to the scope in which its targets were added: a
/// [schedule](crate::Cache::every) keeps the tenant of its list, and a [rule](crate::Cache::on) lists for the tenant
/// that emits the event.
///
/// With an empty name `work` runs without any cache, which is reported once. A call outside of all scopes pays one
/// relaxed load for this on a hit.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// larder::with_tenant("acme", cache.insert("plan", "gold".to_owned())).await?;
/// assert_eq!(cache.get::<String>("plan").await?, None);
///
/// let plan = larder::with_tenant("acme", async { cache.get::<String>("plan").await });
/// assert_eq!(plan.await?.as_deref(), Some("gold"));
/// assert_eq!(cache.keys("*").await?, ["@acme/plan"]);
/// # Ok(())
/// # }
/// ```
pub fn with_tenant<F: Future>(name: &str, work: F) -> impl Future<Output = F::Output> + use<F> {
    TenantScope::new(name).run(work)
}

/// Runs sync code for one tenant, on this thread; see [`with_tenant`].
///
/// ```
/// # use cache_core as larder;
/// let cache = larder::Cache::builder().build()?;
/// let blocking = cache.blocking();
/// larder::with_tenant_sync("acme", || blocking.insert("plan", 7u64))?;
/// assert_eq!(blocking.get::<u64>("plan")?, None);
/// # Ok::<_, larder::Error>(())
/// ```
pub fn with_tenant_sync<T>(name: &str, work: impl FnOnce() -> T) -> T {
    TenantScope::new(name).run_sync(work)
}

/// Runs `work` for no tenant, inside of [`with_tenant`]: it uses the entries that all tenants share.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("rates", 7u64).await?;
/// let request = larder::with_tenant("acme", async {
///     larder::without_tenant(async { cache.get::<u64>("rates").await }).await
/// });
/// assert_eq!(request.await?, Some(7));
/// # Ok(())
/// # }
/// ```
pub fn without_tenant<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    TenantScope::default().run(work)
}

/// Runs sync code for no tenant, on this thread; see [`without_tenant`].
///
/// ```
/// # use cache_core as larder;
/// assert_eq!(larder::without_tenant_sync(|| 40 + 2), 42);
/// ```
pub fn without_tenant_sync<T>(work: impl FnOnce() -> T) -> T {
    TenantScope::default().run_sync(work)
}

/// The tenant for which code runs, to be passed to spawned tasks. Cheap to clone.
///
/// ```
/// # use cache_core::facade as larder;
/// # use larder::{Cache, Error, scope::TenantScope};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # let cache = Cache::builder().build()?;
/// larder::with_tenant("acme", async {
///     let (scope, cache) = (TenantScope::current(), cache.clone());
///     let _ = tokio::spawn(scope.run(async move { cache.insert("plan", 7u64).await })).await;
/// })
/// .await;
/// assert_eq!(cache.keys("*").await?, ["@acme/plan"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct TenantScope {
    tenant: Option<Arc<Tenant>>,
}

impl TenantScope {
    /// The scope of one tenant; see [`with_tenant`].
    pub fn new(name: impl Display) -> Self {
        let tenant = TenantPrefix::of(&name).unwrap_or_else(|error| {
            // Otherwise all callers without a name would share entries.
            warn_once("code without a tenant's name runs uncached", &error);
            TenantPrefix::nameless()
        });
        Self { tenant: Some(Arc::new(Tenant::new(&name.to_string(), tenant.of_scope()))) }
    }

    /// The tenant for which the caller runs. (Outside of any scope: none.)
    pub fn current() -> Self {
        Self { tenant: tenant() }
    }

    /// The name of the tenant, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.tenant.as_ref().map(|tenant| tenant.name())
    }

    /// Runs `work` in the scope.
    pub fn run<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let off = self.is_off();
        let work = CURRENT.scope(self, work);
        async move {
            let _live = (ActiveTenant::new(), off.then(ActiveScope::new));
            work.await
        }
    }

    /// Runs sync code in the scope, on this thread.
    pub fn run_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        let _live = (ActiveTenant::new(), self.is_off().then(ActiveScope::new));
        CURRENT.sync_scope(self.clone(), work)
    }

    pub(crate) fn prefix(&self) -> Option<&TenantPrefix> {
        self.tenant.as_ref().map(|tenant| tenant.prefix())
    }

    /// Whether its code runs uncached.
    fn is_off(&self) -> bool {
        self.name() == Some("")
    }
}

/// The tenant of the caller's scope.
#[inline]
pub(crate) fn tenant() -> Option<Arc<Tenant>> {
    if no_active_tenant() { None } else { tenant_slowly() }
}

#[cold]
fn tenant_slowly() -> Option<Arc<Tenant>> {
    CURRENT.try_with(|scope| scope.tenant.clone()).ok().flatten()
}

/// Whether no scope, no switch and no tenant of a scope can concern the caller.
#[inline]
pub(crate) fn is_unscoped() -> bool {
    no_active_scope() && (no_active_tenant() || has_no_tenant())
}

fn has_no_tenant() -> bool {
    CURRENT.try_with(|scope| scope.tenant.is_none()).unwrap_or(true)
}

/// Whether the caller's scope has a tenant without a name.
pub(super) fn is_off() -> bool {
    !no_active_tenant() && CURRENT.try_with(TenantScope::is_off).unwrap_or_default()
}
