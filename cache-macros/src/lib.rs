//! The attributes of larder: [`macro@cached`], [`macro@cached_property`], [`macro@cache_evict`], [`macro@cache_put`], and [`call!`].
//!
//! Use them through `larder`. Each is parsed (`args`), validated (`model`) and written (`expand`, which cannot fail); all mistakes
//! of one attribute are reported together. An expansion builds a key and calls one function of `larder::__private`: what it
//! does is ordinary code over there.
#![forbid(unsafe_code)]

mod cache_evict;
mod cache_put;
mod cached;
mod cached_property;
mod call;
mod crate_path;
mod duration;
mod errors;
mod fallback;
mod lifetimes;
mod mixed;
mod mutator;
mod options;
mod signature;
mod target;
mod template;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Serves a function from the cache: its body runs only when there is no entry for its arguments.
///
/// ```ignore
/// #[cached(ttl = "5m", key = "user:{id}", tags = ["users", "user:{id}"], skip(db))]
/// async fn get_user(db: &Db, id: u64) -> Result<User, DbError> {
///     db.fetch(id).await
/// }
///
/// #[cached] // module path, function and every argument make the key; the entry does not expire
/// fn fib(n: u64) -> u64 {
///     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
/// }
/// ```
///
/// An async function returns `larder::Call` afterwards: a future of the same output that can be told to refresh, to evict
/// and so on before it is awaited. A sync function keeps its type, uses the memory tier only, and [`call!`] gives its `Call`.
///
/// # Options
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `ttl = "5m"` | no expiry | how long the entry is fresh. `"250ms"`, `"90s"`, `"1h 30m"`, `"2d"`, or an integer: seconds |
/// | `stale = "1m"` | none | for so long after `ttl`, serve the old value and refresh it once in the background. Async functions only; borrowed arguments are cloned for the refresh, so that `&T` needs `T: ToOwned` and `&mut` is refused |
/// | `key = "user:{id}"` | automatic | the whole key below the cache's namespace. Must mention every argument that isn't skipped |
/// | `skip(db, self)` | none | arguments that the value does not depend on |
/// | `tags = ["users", "user:{id}"]` | none | names under which entries can be evicted together |
/// | `cache = "people"` | the default cache | a cache by name, or (any other expression) a handle: `cache = self.cache` |
/// | `local` | all tiers | the memory tier only; the value then needs no serde |
/// | `crate = path` | found | where larder is, for crates that re-export it |
///
/// # Keys
///
/// Every argument is part of the key unless it is skipped, and `self` is an argument like the others. In an automatic key
/// an argument is serialized (`serde::Serialize`); type parameters, and for methods the type, are part of it too. In a template
/// a placeholder is an argument or a field of one (`{id}`, `{self.tenant}`, `{pair.0}`) that is written by `Display` and
/// escaped; `{{` and `}}` are the braces themselves. Two placeholders need a separator such as `:` between them. A template
/// knows nothing of type parameters: name in it what makes them differ.
///
/// # Sync functions and methods
///
/// Beside a sync function stands an empty type of the same name, beside a sync method (and a method with `stale`) a hidden one.
/// So these two kinds of method can be in inherent impls but not in the implementation of a trait, and a sync
/// associated function without `self` must name `Self` somewhere to be known for one.
#[proc_macro_attribute]
pub fn cached(args: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(args.into(), item.into()).into()
}

/// Caches a value of an instance: [`macro@cached`] for a method that takes `&self` and nothing else.
///
/// ```ignore
/// impl Tenant {
///     #[cached_property(ttl = "1m", key = "tenant:{self.id}:users")]
///     async fn user_count(&self) -> u64 {
///         self.db.count().await
///     }
/// }
/// ```
///
/// `key` is required and has to name at least one field of `self`, or all instances would share one value. `ttl`, `stale`,
/// `tags`, `cache`, `local` and `crate` are those of [`macro@cached`].
#[proc_macro_attribute]
pub fn cached_property(args: TokenStream, item: TokenStream) -> TokenStream {
    cached_property::expand(args.into(), item.into()).into()
}

/// Evicts what a function makes old: after its body, whatever the outcome, also when it panics or its future is dropped.
///
/// ```ignore
/// #[cache_evict(get_user(db, id))] // the read itself, checked by the compiler
/// #[cache_evict(tags = ["users"], pattern = "users:page:*")]
/// async fn update_user(db: &Db, id: u64, patch: Patch) -> Result<User, DbError> {
///     db.update(id, patch).await
/// }
/// ```
///
/// The function keeps its signature, and attributes can be stacked. At least one target is needed:
///
/// | target | evicts |
/// | --- | --- |
/// | `get_user(db, id)`, `self.get(id)`, `call!(fib(n))` | the entry of that call; any number of them |
/// | `key = "user:{id}"`, `keys = ["user:{id}", "users"]` | entries by key |
/// | `pattern = "users:page:*"` | entries whose key matches; `*` is the wildcard, text of arguments never is |
/// | `tags = ["users", "user:{id}"]` | entries with any of the tags |
/// | `all` | everything in the cache |
///
/// Targets may use `result`, what the function returned (the `T` of a `Result<T, E>`), as in `key = "user:{result.id}"`. Such a
/// target is known only after the body: an `Err`, a panic or a dropped future leaves it out. If an argument is called `result`,
/// that argument is meant. Targets are otherwise evaluated before the body, by reference where you write `&`.
///
/// A target may take a direction, as in `get_user(db, id).tenant(tenant)`. Inside a `larder::transaction` the evictions wait
/// for the commit.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `before` | after | evict before the body runs |
/// | `cache = "people"` | the default cache | where `key`, `keys`, `pattern`, `tags` and `all` apply: a name or a handle. Calls know their own |
/// | `crate = path` | found | where larder is |
#[proc_macro_attribute]
pub fn cache_evict(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_evict::expand(args.into(), item.into()).into()
}

/// Writes what a function returns into the entry of another: the next read is a hit on the new value.
///
/// ```ignore
/// #[cache_put(get_user(db, user.id))]
/// async fn save_user(db: &Db, user: User) -> Result<User, DbError> {
///     db.save(user).await
/// }
/// ```
///
/// It takes one call of a cached function, evaluated before the body, or after it if the call uses `result`
/// (`get_user(db, result.id)`). Of a `Result` the `Ok` value is stored; an `Err` stores nothing. Inside a
/// `larder::transaction` it is stored at the commit. The function keeps its
/// signature, and attributes can be stacked. `crate = path` says where larder is.
#[proc_macro_attribute]
pub fn cache_put(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_put::expand(args.into(), item.into()).into()
}

/// The `larder::Call` behind a call of a cached sync function.
///
/// ```ignore
/// larder::call!(fib(40)).evict().await;
/// larder::call!(report.total(7)).refresh().await;
/// larder::call!(Report::total(7)).peek().await;
/// ```
///
/// A path whose last part but one begins with a capital letter is taken for a method, any other for a function.
#[proc_macro]
pub fn call(input: TokenStream) -> TokenStream {
    call::expand(input.into()).into()
}
