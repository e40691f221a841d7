//! A cached function as a value: its entries, its statistics, its switch.

use std::fmt;

use super::warm::Reload;
use crate::base::{Error, Pattern, Selection};
use crate::call::{
    CacheRef, CachedFunction, Described, EvictTarget, IntoCache, Parameters, Returned, inside,
};
use crate::engine::{Cache, LeadTexts, Mutation, Site, tenant_of_scope};
use crate::key::TenantPrefix;
use crate::stats::{Stats, Tally};

/// Returns a handle of a cached function: `function(list_users)`, `function(Repo::find)`, or `function(call!(fib))` for a
/// sync function.
///
/// A generic function needs its types: `function(find::<User>)`. The handle is then of all instances that differ in the
/// function's own types, and of one instance of the `impl` block: `function(Repo::<User>::find)` has no entries of
/// `Repo<Team>`.
pub fn function<F, Args>(function: F) -> Function
where
    F: CachedFunction<Args>,
{
    let _ = function;
    Function { entries: FunctionEntries::new::<F::Returned>(&[]) }
}

/// A cached function; made by [`function`].
///
/// It belongs to the function's cache: the default one, or the one in `cache = ".."`. If the attribute has a handle there,
/// which only a call tells, name the cache with [`cache`](Self::cache).
///
/// As the target of an eviction (`#[cache_evict(list_users(..))]`, [`Invalidation::call`](crate::Invalidation::call)), it
/// stands for [all its entries](Self::evict).
#[derive(Clone)]
pub struct Function {
    entries: FunctionEntries,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name()).finish()
    }
}

impl Function {
    /// Uses another cache: a handle, or a name.
    #[must_use]
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        self.entries = self.entries.cache(cache);
        self
    }

    /// Restricts [`evict`](Self::evict) and [`keys`](Self::keys) to the entries of a tenant ([`Call::tenant`](crate::Call::tenant)).
    #[must_use]
    pub fn tenant(mut self, name: impl fmt::Display) -> Self {
        self.entries = self.entries.tenant(name);
        self
    }

    /// Returns the path of the function, as in [`Cache::stats_by_function`] and in [`Policies`](crate::Policies):
    /// `shop::users::list_users`, `shop::Repo::find`.
    pub fn name(&self) -> &'static str {
        self.entries.site.path_of(self.entries.closure)
    }

    /// Returns the function's part of the cache's statistics. All instances of a generic function are counted together.
    ///
    /// # Errors
    /// The cache is not installed, or not known.
    pub fn stats(&self) -> Result<Stats, Error> {
        let cache = self.entries.resolve()?;
        let own = |tally: &&Tally| {
            tally.site.is_some_and(|site| site.number() == self.entries.site.number())
        };
        let counts = cache.engine.shown().filter(own).map(Tally::since_reset).sum();
        Ok(counts)
    }

    /// Lists the keys of the function's entries; see [`FunctionEntries::keys`].
    ///
    /// # Errors
    /// As [`FunctionEntries::keys`].
    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        self.entries.keys().await
    }

    /// Evicts all entries of the function; see [`FunctionEntries::evict`].
    ///
    /// # Errors
    /// As [`FunctionEntries::evict`].
    pub async fn evict(&self) -> Result<(), Error> {
        self.entries.evict().await
    }

    /// Makes all entries of the function stale; see [`FunctionEntries::mark_stale`].
    ///
    /// # Errors
    /// As [`FunctionEntries::mark_stale`].
    pub async fn mark_stale(&self) -> Result<(), Error> {
        self.entries.mark_stale().await
    }

    /// Loads the entries of the function again; see [`FunctionEntries::refresh`].
    ///
    /// # Errors
    /// As [`FunctionEntries::refresh`].
    pub fn refresh<'a>(&self) -> Result<Reload<'a>, Error> {
        self.entries.refresh()
    }

    /// Switches caching on again after [`disable`](Self::disable), or after [`Policies::disable`](crate::Policies::disable).
    ///
    /// # Errors
    /// The cache is not installed, or not known.
    pub fn enable(&self) -> Result<(), Error> {
        self.entries.resolve()?.switch(self.name(), true);
        Ok(())
    }

    /// Switches caching off for the function in this process, as [`Policies::disable`](crate::Policies::disable) does: it
    /// loads each time, and evictions still take place. Entries stay, and are used after [`enable`](Self::enable).
    ///
    /// # Errors
    /// The cache is not installed, or not known.
    pub fn disable(&self) -> Result<(), Error> {
        self.entries.resolve()?.switch(self.name(), false);
        Ok(())
    }

    /// Returns whether neither the [policies](Cache::policies) of the cache nor [`disable`](Self::disable) have switched
    /// caching off for the function.
    ///
    /// # Errors
    /// The cache is not installed, or not known.
    pub fn is_enabled(&self) -> Result<bool, Error> {
        let (cache, name) = (self.entries.resolve()?, self.name());
        Ok(!cache.policies().is_disabled(name))
    }
}

/// The entries of a cached function, or those of the calls with certain first arguments; made by `larder::entries!`.
///
/// They are found by a pattern of the function's keys. If the function has `model` and `op`, a tag has all its entries.
/// Entries of other functions that match are evicted, too. These are
///
/// - for a function of a module: the entries of methods, in the same module, that have its name;
/// - for a template (`key = "user:{id}:orders"`, the pattern `user:*:orders`): all keys of that form;
/// - for `model` and `op`: the entries of all functions of the operation.
#[derive(Clone)]
pub struct FunctionEntries {
    site: &'static Site,
    /// The compiler's name of a closure in the function.
    closure: &'static str,
    /// The keys of calls without a tenant.
    pattern: Pattern,
    /// Whether it is about all entries of the function.
    whole: bool,
    in_cells: bool,
    /// Not known if the arguments of each call tell it.
    cache: Option<CacheRef>,
    tenant: Option<Result<TenantPrefix, Error>>,
}

impl fmt::Debug for FunctionEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionEntries").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

impl FunctionEntries {
    fn new<R: Returned>(leading: &[LeadTexts]) -> Self {
        let (site, inside) = (R::Function::site(), inside::<R>());
        Self {
            site,
            closure: inside.closure,
            pattern: site.pattern(inside, leading),
            whole: leading.is_empty(),
            in_cells: R::Function::IN_CELLS,
            cache: (!R::Function::BY_HANDLE).then(|| CacheRef::of(site)),
            tenant: None,
        }
    }

    /// Uses another cache: a handle, or a name.
    #[must_use]
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        let mut target = CacheRef::of(self.site);
        target.choose(cache.into_choice());
        self.cache = Some(target);
        self
    }

    /// Restricts this to the entries of a tenant ([`Call::tenant`](crate::Call::tenant)).
    #[must_use]
    pub fn tenant(mut self, name: impl fmt::Display) -> Self {
        self.tenant = Some(TenantPrefix::of(&name));
        self
    }

    /// Evicts the entries from all tiers, in every process, and revokes the loads that have begun. Without a
    /// [`tenant`](Self::tenant) (of this, of the cache's handle, or of the [scope](crate::with_tenant)), the entries of all
    /// tenants are included.
    ///
    /// It visits all keys of the remote tier, twice: some seconds for each million in Redis. For a function with `model` and
    /// `op` it is one increment for any number of entries, if it is about all of them. For a large store, give the
    /// functions a tag, and evict that.
    ///
    /// Once polled, it is carried out completely, even if the future is dropped.
    ///
    /// # Errors
    /// - The remote tier failed; the eviction is pending, and this process carries it out before it reads the tier again.
    /// - The cache is not installed, or not known (`cache = handle`).
    /// - The values of the function are in cells.
    pub async fn evict(&self) -> Result<(), Error> {
        self.resolve()?;
        crate::api::Invalidation::new().call(self).run().await
    }

    /// Makes the entries stale, as [`Cache::mark_pattern_stale`](crate::Cache::mark_pattern_stale) does: they are kept for
    /// callers whose load fails. The same entries as for [`evict`](Self::evict).
    ///
    /// # Errors
    /// As [`evict`](Self::evict).
    pub async fn mark_stale(&self) -> Result<(), Error> {
        self.resolve()?;
        crate::api::Invalidation::new().call(self).soft().run().await
    }

    /// Makes the entries stale, and loads those again that this process refreshes on schedule (`refresh_every`); see [`Reload`].
    /// The same entries as for [`evict`](Self::evict).
    ///
    /// ```ignore
    /// let report = function(list_users).refresh()?.concurrency(4).await?;
    /// ```
    ///
    /// # Errors
    /// The cache is not installed, or not known (`cache = handle`), or the values of the function are in cells.
    pub fn refresh<'a>(&self) -> Result<Reload<'a>, Error> {
        let cache = self.resolve()?;
        let selections = self.selections()?.into_iter().filter_map(|what| match what {
            Mutation::Evict(selection, _) | Mutation::MarkStale(selection) => Some(selection),
            Mutation::Expire(..) => None,
        });
        Ok(Reload::new(cache, selections.collect()))
    }

    /// Lists the keys of the entries, sorted, of the memory tier and the remote tier, as
    /// [`Cache::keys`](crate::Cache::keys) of the whole cache does. It visits all keys. Without a
    /// [`tenant`](Self::tenant), the entries of all tenants are included.
    ///
    /// # Errors
    /// As [`evict`](Self::evict).
    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        let cache = self.resolve()?;
        let mut keys = Vec::new();
        for pattern in self.patterns()? {
            keys.extend(cache.whole_keys(pattern).collect().await?);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    fn resolve(&self) -> Result<Cache, Error> {
        if self.in_cells {
            let message =
                "the values of this function are in cells of its instances: evict the cells";
            return Err(Error::config("function", message));
        }
        let unknown = || {
            let message = "the `cache` of this function is a handle, which only its calls tell: name it with `.cache(&handle)`";
            Error::config("cache", message)
        };
        self.cache.as_ref().ok_or_else(unknown)?.resolve_to_evict()
    }

    /// The tenant, inside the tenant of the handle; otherwise that of the scope. (The list of an eviction knows the last
    /// two if the cache is not known here.)
    fn prefix(&self) -> Result<Option<TenantPrefix>, Error> {
        let outer = self.cache.as_ref().and_then(CacheRef::prefix);
        let own = self.tenant.clone().transpose()?;
        Ok(match (outer, own) {
            (Some(outer), Some(own)) => Some(outer.of_inner(&own)),
            (Some(prefix), None) => Some(prefix.clone()),
            (None, Some(own)) => Some(own),
            (None, None) => {
                let scope = self.cache.as_ref().and_then(|_| tenant_of_scope());
                scope.map(|tenant| tenant.prefix().clone())
            }
        })
    }

    /// The patterns of the keys.
    fn patterns(&self) -> Result<Vec<Pattern>, Error> {
        Ok(match self.prefix()? {
            Some(prefix) => vec![prefix.pattern(&self.pattern)],
            None => {
                std::iter::once(self.pattern.clone()).chain(self.pattern.of_tenants()).collect()
            }
        })
    }

    fn selections(&self) -> Result<Vec<Mutation>, Error> {
        let of_all = self.whole && self.prefix()?.is_none();
        if let Some(tag) = self.site.tagged_entries().filter(|_| of_all) {
            return Ok(vec![tag.into()]);
        }
        Ok(self.patterns()?.into_iter().map(|pattern| Selection::Pattern(pattern).into()).collect())
    }
}

impl EvictTarget for FunctionEntries {
    #[allow(private_interfaces)]
    fn evictions(&self) -> Vec<(Option<CacheRef>, Mutation)> {
        match self.selections() {
            Ok(all) => all.into_iter().map(|what| (self.cache.clone(), what)).collect(),
            Err(error) => {
                let mut refused = self.cache.clone().unwrap_or_else(|| CacheRef::of(self.site));
                refused.refuse(error.into());
                vec![(Some(refused), Selection::Pattern(self.pattern.clone()).into())]
            }
        }
    }

    fn names_tenant(&self) -> bool {
        self.tenant.is_some()
    }
}

impl EvictTarget for Function {
    #[allow(private_interfaces)]
    fn evictions(&self) -> Vec<(Option<CacheRef>, Mutation)> {
        self.entries.evictions()
    }

    fn names_tenant(&self) -> bool {
        self.entries.names_tenant()
    }
}

/// The parameters of a function that have no argument yet: `Args` of a function that returns `R`.
#[derive(Debug)]
pub struct Leads<Args, R>(std::marker::PhantomData<fn() -> (Args, R)>);

/// The parameters of a function.
pub fn leads<F, Args>(function: F) -> Leads<Args, F::Returned>
where
    F: CachedFunction<Args>,
{
    let _ = function;
    Leads(std::marker::PhantomData)
}

impl<Args, R: Returned> Leads<Args, R> {
    /// Takes the next argument. It has the type of the parameter, so that it is converted as in a call.
    pub fn next(self, argument: Args::First) -> (Args::First, Leads<Args::Rest, R>)
    where
        Args: Parameters,
    {
        (argument, Leads(std::marker::PhantomData))
    }

    /// The entries of the calls with these first arguments.
    ///
    /// # Panics
    /// At compile time only.
    pub fn entries<const COUNT: usize>(self, leading: [LeadTexts; COUNT]) -> FunctionEntries {
        const {
            assert!(
                !R::Function::IN_CELLS,
                "the values of this function are in cells of its instances: evict the cells"
            );
            assert!(
                COUNT <= R::Function::LEADS,
                "the keys of this function cannot be found by so many leading arguments, because a key has a part of an \
                 argument only (a field, an item of a list, a text from `key_with`): name fewer arguments, or give the \
                 function a tag and evict that"
            );
        }
        FunctionEntries::new::<R>(&leading)
    }

    /// The same in a list without a cache.
    ///
    /// # Panics
    /// At compile time only.
    pub fn own_entries<const COUNT: usize>(self, leading: [LeadTexts; COUNT]) -> FunctionEntries {
        const {
            assert!(
                !R::Function::BY_HANDLE,
                "the `cache` of this function is a handle, which only its calls tell: give the eviction a `cache`, too"
            );
        }
        self.entries(leading)
    }
}
