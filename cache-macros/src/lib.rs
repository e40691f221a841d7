//! The attributes of larder: [`macro@cached`], [`macro@cached_property`], [`macro@cache_evict`],
//! [`macro@cache_put`], and the macro [`call!`].
//!
//! Use them through `larder`. Each attribute is parsed (`args`), validated (`model`) and expanded
//! (`expand`, which cannot fail); all mistakes in one attribute are reported together. An expansion
//! builds a key and calls one function of `larder::__private`, which contains the behaviour as
//! ordinary code.
#![forbid(unsafe_code)]

mod cache_evict;
mod cache_put;
mod cached;
mod cached_impl;
mod cached_property;
mod call;
mod crate_path;
mod duration;
mod elsewhere;
mod entries;
mod errors;
mod fallback;
mod foreign;
mod ide;
mod kept;
mod mixed;
mod mutator;
mod options;
mod outcome;
mod plain;
mod returns;
mod signature;
mod subject;
mod target;
mod template;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Caches a function: its body runs only if there is no entry for its arguments.
///
/// ```
/// # use larder::cached;
/// # #[derive(Clone)]
/// # struct Db;
/// # impl Db { async fn fetch(&self, _: u64) -> Result<String, String> { Ok("Ada".into()) } }
/// #[cached(ttl = "5m", key = "user:{id}", tags = ["users", "user:{id}"], skip(db))]
/// async fn get_user(db: &Db, id: u64) -> Result<String, String> {
///     db.fetch(id).await
/// }
///
/// #[cached] // module path, function and every argument make the key
/// fn fib(n: u64) -> u64 {
///     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
/// }
/// assert_eq!(fib(50), 12_586_269_025);
/// ```
///
/// An async function then returns a `larder::Call`: a future of the same output that takes
/// directions (refresh, evict and others) before it is awaited. A sync function keeps its return
/// type and uses only the memory tier; [`call!`] returns its `Call`.
///
/// # Options
///
/// A duration is `"250ms"`, `"90s"`, `"1h 30m"`, `"2d"`, an integer in seconds, or a constant expression of type
/// `Duration` (`ttl = TTL`), which is validated at compile time like the others. Each option of
/// the first three tables corresponds to a setter of `larder::Policy`, which documents it in more
/// detail. An invalid combination (a soft timeout above the hard one, a window without a `ttl`, a
/// duration of zero) does not compile.
///
/// The lifetime of a value:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `ttl = "5m"` | the cache's `default_ttl`, else `"never"` | how long an entry is fresh; `"never"`: it does not expire; `"default"`: the cache's, for `stale` and its like, which need a `ttl`. Also an expression over the arguments, evaluated when the function is called: `ttl = self.settings.ttl`, of any type that is `larder::future::IntoTtl` |
/// | `ttl_with = \|token\| token.expires_in` | `ttl` | how long this value is fresh, as the value says: see [below](#times-and-conditions-of-a-value) |
/// | `tti = "1m"` | none | time to idle: an entry is fresh for this time after its last read, and no longer than `ttl` |
/// | `memory_ttl = "10s"` ʳ | `Memory::ttl` of the cache, else `ttl` | for how long the memory tier serves an entry before it asks the remote tier again: a bound on how old a value may be if something else writes to the store. While the remote tier is unreachable, memory serves the entry up to its `ttl`. In a cache without a remote tier: the upper bound of `ttl` |
/// | `jitter = 0.1` or `"10%"` | 0 | shortens each `ttl` by a random part of up to this fraction, so that entries that were written together do not expire together |
/// | `none_ttl = "30s"` | as `ttl` | how long `None` is cached, if the value is an `Option`; `0`: not at all |
/// | `err_ttl = "2s"` | not cached | how long an `Err` is cached (in memory), if the error is `Clone` |
/// | `err_ttl_with = \|error\| error.retry_after()` | `err_ttl` | how long this `Err` is cached, as the error says: of the types of `ttl_with`; zero: not at all, `None`: as `err_ttl` |
///
/// Old values, and loads:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `stale = "1m"` ᵇ | none | for this time after `ttl`, serve the old value and refresh it once in the background |
/// | `stale_if_error = "1h"` | none | for this time after `ttl`, serve the old value if the load fails or exceeds its timeouts |
/// | `stale_if = \|error\| error.is_transient()` | always | whether the old value is served instead of this error, within `stale_if_error` (or `stale`). A closure that takes a reference to the error, or a path. Timeouts have no error: they serve the old value in any case |
/// | `throttle = "5s"` | `"1s"` | the pause after a failed load before the next one, while an old value is served |
/// | `early_refresh` or `= 1.5` ᵇ | none | before `ttl` ends, refresh in the background with a probability that increases with time and with the duration of the load; the number is the beta of XFetch, 1 if omitted |
/// | `refresh_every = "30s"` ᵇ | none | while the key is in use (read since its last refresh), load its value again in the background this long after its last load, without a caller that waits, or that reads at that moment. Shorter than `ttl`. Each load gets copies of all arguments, so owned ones must be `Clone`, too. Not with `each` or `cell` |
/// | `soft_timeout = "100ms"` ᵇ | none | how long to wait for a load before the old value is served (needs `stale_if_error` or `stale`); the load goes on |
/// | `hard_timeout = "2s"` ᵇ | none | how long to wait in any case; without an old value the function then returns its error, which must be `From<larder::TimedOut>`; the load goes on |
/// | `stampede = "fleet"` | `"fleet"` | where one load for each key applies: in all processes that share a remote tier, in one `"process"`, or nowhere (`"off"`) |
/// | `lease = "30s"` | `"10s"` | after this time a load counts as hung, and one of the waiters takes over |
/// | `on_error = "fail"` ʳ | `"bypass"` | what happens if the cache fails (the remote tier is unreachable, or the cache that `cache` names is not installed). `"bypass"`: the function loads, and the caller notices nothing. `"fail"`: nothing is loaded, and the caller gets an error, which must be `From<larder::Error>`. Entries in memory are served all the same, and so is an old value within `stale_if_error` |
///
/// Tiers:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `tiers = "remote"` ʳ | `"all"` | the tiers that are read and filled: memory and the remote one, `"memory"` only, or `"remote"` only. A put and a refresh remove the older value from a tier that is left out, and evictions reach every tier. `Call::tiers` sets it for one call. (`local` is stronger than `"memory"`: a call cannot change it, so the value needs no serde) |
/// | `access = "read_only"` | `"read_write"` | `"read_only"`: answers from the cache, and stores nothing. `"write_only"`: loads at each call, and stores. `Call::access` sets it for one call |
///
/// ᵇ For async functions only, because the load may go on in the background. Borrowed arguments are
/// cloned for such a load: `&T` needs `T: Clone` (`&str`, `&[T]` and `&Path` are supported), also
/// inside an `Option`, a `Vec` or a slice. `&mut` is refused, and so are types that borrow in
/// another way (`Cow<'_, str>`). ʳ For async functions and with `blocking`, and not with `local`:
/// there is no remote tier then.
///
/// Conditions:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `cache_if = \|user\| user.active` | always | store a value only if this is true. Takes a reference to the value: the `T` of a `Result<T, E>`, otherwise the whole output. A path, or a closure, which may use the arguments: see [below](#times-and-conditions-of-a-value) |
/// | `unless = Vec::is_empty` | never | do not store a value if this is true |
/// | `skip_if = page > 100` | never | neither read nor write the cache if this is true: a condition on the arguments, by their names |
///
/// The body:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `previous = old` | none | gives the body the previous value as `old: Option<T>`, to ask the origin only for changes: see [below](#the-previous-value) |
///
/// Keys, tags and caches:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `policy = SHARED` | `Policy::new()` | a `larder::Policy`, which the other options override: a constant, or an expression over the arguments (`policy = self.policy`); see below |
/// | `key = "user:{id}"` | automatic | the whole key in the cache's namespace. Must mention every argument that is not skipped |
/// | `key_with = make_key` | automatic | a text instead of the arguments, after the function's path: anything with `Display`, escaped like an argument. A function or a closure (`\|query, page\| ..`) gets all arguments that are not skipped, by reference, `self` first. Any other expression uses the arguments by their names: `make_key(&query, page)`; **larder cannot detect an argument that it omits**, and calls that differ only in that argument share an entry. The types of `impl Trait` arguments are part of the key unless they are in `skip(..)` |
/// | `key_prefix = "users"` or `"{self.tenant}"` | none | a text before the key of any kind, followed by a `:` unless it ends in `:` or `/`. It may have placeholders like a template |
/// | `version = 2` or `"2024-05"` | none | separates incompatible values by hand: `#2` at the end of the key. Patterns that end in `*` match all versions |
/// | `model = "user", op = "get"` | none | the model, and the operation of it, that this function is; see [below](#models-and-events) |
/// | `skip(db, self)` | none | arguments that do not affect the value |
/// | `skip_all` | none | all arguments, including `self`, except those that `key` mentions. **The attribute then does not notice a forgotten argument.** Without a `key`, all calls share one entry |
/// | `tags = ["users", "user:{id}", PRODUCTS]` | none | names that evict entries together: templates, or constants (`const PRODUCTS: &str`). The function reads only entries that carry all of them: see [below](#tags) |
/// | `invalidate_on = [UserSaved]` | none | types of events that evict the entries; see [below](#models-and-events) |
/// | `cache = "people"` | the default cache | a cache by name, or a handle: any other expression over the arguments that returns a `larder::Cache`, or a type that dereferences to one: `cache = self.cache`, `cache = cache_from(&ctx)` |
/// | `tenant = ctx.tenant` | the scope's (`larder::with_tenant`), else none | the tenant whose entry the call uses, as `Call::tenant` does: an expression over the arguments, evaluated when the function is called, of any type with `Display`. It does not replace an argument in the key: skip the argument from which it comes |
/// | `local` | all tiers | uses the memory tier only; the value then needs no serde |
/// | `blocking` | memory only | lets a sync function use all tiers: it blocks its thread while it waits for the remote tier; see [below](#sync-functions-and-methods) |
/// | `codec = json` ʳ | the cache's (`Builder::codec`) | the format of the values in the remote tier: `json`, `messagepack`, `postcard`, or a type with the trait `larder::codec::ValueCodec`, such as `codec = Protobuf`: the value then needs no serde. (The names are lower case: `Json` is a type, which the program has to import or define.) Values in another format of yours are misses |
/// | `metrics = false` | `true` | leaves the calls of the function out of statistics and metrics, and of the sums of its cache. (`larder::Policies` decides it, too, and switches functions off, also in configuration.) |
/// | `call = cached_config` | the function's name | the name by which [`call!`] finds a sync function, if a module has the function's own name |
/// | `each = "id in ids"` | none | caches each item of a list argument separately; see [Batches](#batches) |
/// | `crate = path` | found automatically | the path to larder, for crates that re-export it |
///
/// ```
/// # use larder::{TimedOut, cached};
/// # #[derive(Clone)]
/// # struct Db;
/// # impl Db { async fn fetch(&self, _: u64) -> Result<Option<String>, DbError> { Ok(None) } }
/// #[derive(Clone, Debug)]
/// enum DbError {
///     Late,
///     // ...
/// }
///
/// impl From<TimedOut> for DbError {
///     fn from(_: TimedOut) -> Self {
///         Self::Late
///     }
/// }
///
/// #[cached(
///     ttl = "5m", tti = "1m", jitter = "10%",               // fresh for 4.5 to 5 minutes, if it is read every minute
///     stale = "1m", stale_if_error = "1h", throttle = "5s", // old values: during a load, and after it fails
///     soft_timeout = "100ms", hard_timeout = "2s",          // how long a caller waits
///     none_ttl = "30s", err_ttl = "1s",                     // how long `None` and errors are cached
///     skip_if = id == 0, skip(db)
/// )]
/// async fn get_user(db: &Db, id: u64) -> Result<Option<String>, DbError> {
///     db.fetch(id).await
/// }
/// ```
///
/// # Times and conditions of a value
///
/// `ttl_with`, `cache_if` and `unless` are functions of the loaded value. They run once for each load, and for each value that is
/// put (`Call::put`, [`macro@cache_put`]); a hit does not run them.
///
/// ```
/// # use std::time::Duration;
/// # use larder::{Expiry, cached};
/// # #[derive(Clone)]
/// # struct Token { expires_in: Duration }
/// # #[derive(Clone)]
/// # struct Page { rows: Vec<u64> }
/// # struct Settings { largest: usize, ttl: Duration }
/// # struct Shop { settings: Settings }
/// #[cached(ttl_with = |token: &Token| token.expires_in, stale_if_error = "1h", local)]
/// async fn token(client: String) -> Result<Token, String> {
///     Ok(Token { expires_in: Duration::from_secs(600) })
/// }
///
/// impl Shop {
///     #[cached(
///         ttl = self.settings.ttl,                                            // by the arguments
///         cache_if = |page: &Page| page.rows.len() < self.settings.largest,   // by both
///         key = "page:{number}",
///         skip(self), local
///     )]
///     async fn page(&self, number: u32) -> Page {
///         Page { rows: vec![7; number as usize] }
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// token("web".into()).await?;
/// let left = token("web".into()).expiry().await?.and_then(Expiry::left);
/// assert!(left > Some(Duration::from_secs(590)));
/// # let shop = Shop { settings: Settings { largest: 2, ttl: Duration::from_secs(60) } };
/// # shop.page(1).await;
/// # shop.page(3).await;
/// # assert!(shop.page(1).peek().await?.is_some());
/// # assert!(shop.page(3).peek().await?.is_none());
/// # Ok(())
/// # }
/// ```
///
/// `ttl_with` returns a `Duration`, a text, a `larder::Expiry`, or an `Option` of these (`larder::future::IntoTtl`). Zero: the value is not
/// stored. `None`: it has the `ttl` of the function, or of the cache. `none_ttl` has precedence for `None`, and
/// `Call::ttl` for everything.
///
/// A closure may use the arguments by their names. The body may have consumed them when the value is there, so each load makes copies
/// of what the closures use, which must be `Clone + Send + Sync + 'static`: of an argument, or of a field only (`self.limit`,
/// `request.user.id`). A method of `self` would need the whole `self`, which is not copied. With `each`, closures see the value of one
/// item and no arguments.
///
/// `stale_if` and `err_ttl_with` are functions of the error of a failed load, without arguments. They run once for each load that fails.
///
/// # The previous value
///
/// With `previous = old` the body gets the value that its load replaces: `Some` if the value is not fresh any more but kept (in its
/// `stale` or `stale_if_error` window, or marked stale), or if the call has `refresh()`; `None` if there is none, or it was
/// evicted. So the body can ask its origin whether the value has changed. If it has not ("304 Not Modified"), it returns the
/// previous value, which is then stored again and fresh for a whole `ttl`.
///
/// ```
/// # use larder::cached;
/// # #[derive(Clone)]
/// # struct Page { etag: String, text: String }
/// # #[derive(Clone, Debug)]
/// # struct Failed;
/// # struct Answer { status: u16, page: Page }
/// # async fn get(url: &str, etag: Option<&str>) -> Result<Answer, Failed> {
/// #     let page = Page { etag: "v1".into(), text: url.into() };
/// #     Ok(Answer { status: if etag == Some("v1") { 304 } else { 200 }, page })
/// # }
/// #[cached(ttl = "1m", stale_if_error = "1d", stale_if = |_: &Failed| false, previous = old, local)]
/// async fn page(url: &str) -> Result<Page, Failed> {
///     let answer = get(url, old.as_ref().map(|old| &*old.etag)).await?;
///     match (answer.status, old) {
///         (304, Some(old)) => Ok(old),
///         _ => Ok(answer.page),
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Failed> {
/// # page("/home").await?;
/// # page("/home").refresh().await?;
/// # Ok(())
/// # }
/// ```
///
/// Here `stale_if_error` keeps the value for a day, and `stale_if` says that a failed load is still an error. An eviction
/// during the load wins, also over a value that was not modified.
///
/// # Shared policies
///
/// ```
/// # use larder::{Policy, cached};
/// # use std::time::Duration;
/// static PEOPLE: Policy =
///     Policy::new().ttl(Duration::from_secs(300)).stale(Duration::from_secs(60)).tags(&["people"]);
///
/// #[cached(policy = PEOPLE)]
/// async fn name(id: u64) -> String {
///     format!("user {id}")
/// }
///
/// #[cached(policy = PEOPLE, ttl = "1h", cache_if = |names| names.len() < 1000, tags = ["names"])]
/// async fn names(page: u32) -> Vec<String> {
///     vec![format!("user {page}")]
/// }
/// ```
///
/// Invalid combinations of the policy and the options do not compile, either. `tags` are added to
/// the tags of the policy; `stale = 0`, `stale_if_error = 0`, `early_refresh = 0`, `refresh_every = 0` and `jitter = 0`
/// remove the policy's setting. A policy with `refresh_every` needs the option in the attribute, too, because only that makes the
/// copies of the arguments: with the same interval, another one, or `0`.
///
/// If the policy lets a load go on in the background, an async function must meet the requirements of ᵇ;
/// with any other policy, arguments need not be `Clone`. (The ids and other arguments of a batch are
/// cloned in any case.) A function with a `&mut` argument and a sync function ignore the policy's `stale`, `early_refresh` and timeouts. The policy's `none_ttl`, `err_ttl`,
/// `hard_timeout` and `on_error` apply to outputs of a suitable type, and are ignored for others;
/// as options of the attribute they are errors there. `policy` cannot name `Self`.
///
/// A policy that depends on the arguments (`policy = self.policy`) is evaluated when the function is called. Only its use can be
/// checked: with an invalid combination of settings the function runs uncached, which is reported once. Its loads run in the
/// foreground only, so its `stale`, `early_refresh`, `refresh_every` and timeouts have no effect, unless the attribute itself has one of these options.
///
/// # Keys
///
/// Every argument that is not skipped is part of the key, including `self`.
///
/// An automatic key serializes each argument (`serde::Serialize`). A `HashMap` or a `HashSet` gives
/// the same key for the same content, even inside another value; an ordered map or a list gives one
/// key for each order; floats are compared by their bits. (A hash map behind `flatten`, or inside a
/// type of your own that serializes as one, is not recognized: equal ones may have several keys.) A
/// key of more than 256 bytes ends in a SHA-256 of the whole key. The type parameters and, for
/// methods, the type are part of the key, too.
///
/// A placeholder in a template is an argument or a field of one (`{id}`, `{self.tenant}`,
/// `{pair.0}`). It is written with `Display` and escaped; an `Option` is written as its content, or
/// as `!none`. `{{` and `}}` stand for the braces themselves. `r#type` may be written `{type}`. Two
/// placeholders need a separator such as `:` between them.
///
/// `skip_all` skips everything that the template does not mention, for a function with many arguments
/// of which the value depends on few:
///
/// ```
/// # use larder::cached;
/// # struct Db; struct Log; struct Context;
/// #[cached(key = "price:{id}", skip_all)]
/// async fn price(db: &Db, log: &Log, context: &Context, id: u64) -> u64 {
///     100 * id
/// }
/// ```
///
/// For an argument that is a pattern, such as `Path(id): Path<u64>`, keys and options use the names
/// in the pattern: `{id}`, `skip(id)`. Parts that the pattern ignores (`..`, `_`) are not in the
/// key, since the body cannot see them. The pattern must have no `ref`, and its argument must
/// borrow nothing or be a reference as a whole. A `#[cfg(..)]` on an argument also applies to its
/// part of the key, and to its name in `skip`.
///
/// The type and constant parameters of a generic function are treated as arguments: a template must
/// mention them (`{T}` is the name of the type, `{N}` the number) unless they are in `skip(T)`,
/// because two instances may be two functions. A parameter that occurs only in the types of skipped
/// arguments is skipped with them. An automatic key also contains the parameters of the surrounding
/// `impl` block or trait, which the attribute cannot see.
///
/// A template is the whole key, and functions with equal templates share entries. Only if a
/// template cannot distinguish calls, larder appends a type to it, as in
/// `by-id:7<shop%3A%3ARepo%3Cshop%3A%3AUser%3E>`:
///
/// - for a method of a generic `impl` block and for a default method of a trait: the type (and the
///   trait, if that is generic), because the attribute does not see their parameters. If you name
///   the type yourself (`{Self}`), or state with `skip(Self)` that all instances share entries,
///   larder appends nothing.
/// - for an argument that is `impl Trait`: its type, because `{T}` cannot name it. `skip(..)` with
///   the argument omits it.
///
/// `Key::builder().text("by-id:").value(7).of::<Repo<User>>()` builds such a key by hand.
/// `#[cache_evict(key = "by-id:{id}")]` evicts it from a method of the same type. Elsewhere, and
/// for an `impl Trait`, the bare text names another entry: evict by the call
/// (`#[cache_evict(users.get(id))]`), by a tag, or by a pattern (`by-id:7*`).
///
/// Different templates may have keys in common: `users:{name}` called with `all` has the key of
/// `users:all`, and `{kind}:{id}` may have that of `secret:{id}`. Such functions do not get each
/// other's values: in each cache, the first of them that is called is cached, and the other one
/// runs uncached. Larder logs the reason once, with both places. (The text of `key_with` is not
/// compared; it follows the function's path.) Templates cannot overlap if each begins with its own
/// text that ends in a separator (`user:{id}`, `users-named:{name}`), or if they differ in the
/// number of separators. A `version` or a `key_prefix` separates them, too. An argument at the
/// start of a key is not a tenant: its leading `@` is escaped.
///
/// Functions with equal templates must cache the same type. Otherwise (a batch with `none_ttl`
/// caches `Option`s, a function for one id does not) each one finds the other one's value, loads,
/// and replaces it. Larder logs this once, and counts it (`Stats::mistyped`).
///
/// A key contains only the text that a type writes of itself. Values that `Display` writes alike
/// share an entry of a template: a secret that redacts itself, a number that rounds. Values that
/// serde writes alike share an entry of an automatic key: a field with `#[serde(skip)]` or a lossy
/// `with`, structs of equal fields and tuples of equal elements under `untagged`, a tuple struct
/// with `skip_serializing_if`. Use `key_with` for such values.
///
/// The body of a function may contain several functions of one name, so the automatic key of a
/// function in a body contains its position: the line, the column and a hash of its text. This key
/// changes with the source. Give such a function a `key`, or a `model` and an `op`, if another
/// build must find its entries or evict them.
///
/// Two types in bodies may also have the same name, and a key cannot distinguish them. The first
/// one in a process is cached. Calls with the other one run uncached in every cache, and larder
/// logs the reason once. *Processes that use different ones share the entry in their remote tier*:
/// give types in keys unique names.
///
/// ```
/// # use larder::cached;
/// # trait Render { fn page(words: &[String]) -> String; }
/// #[cached(key = "page:{T}:{id}", key_prefix = "site", version = 2)] // site:page:shop%3A%3AIndex:7#2
/// async fn page<T: Render>(id: u64) -> String {
///     T::page(&[id.to_string()])
/// }
///
/// fn normal(words: &[String]) -> String {
///     let mut words = words.to_vec();
///     words.sort();
///     words.join(" ")
/// }
///
/// #[cached(key_with = |words, _| normal(words), key_prefix = "site")] // site:shop::search:a%20b
/// async fn search(words: Vec<String>, timeout: u64) -> Vec<u64> {
///     vec![words.len() as u64]
/// }
/// ```
///
/// # Tags
///
/// A function's tags apply to what it stores and to what it reads. An entry that lacks one of them
/// is a miss for this function, whatever wrote the entry: `Cache::insert` by the key's text,
/// another function with the same template, or a previous release of the program, also through
/// Redis. Evicting the tag would not evict such an entry. An entry with more tags is a hit. So a
/// value that is inserted by hand for a tagged function needs its tags: use
/// `cache.entry(key).tag("users").insert(value)`, or the function's own `get_user(db, 7).put(user)`.
///
/// A constant is written by its path (`PRODUCTS`, `crate::tags::PRODUCTS`, `Self::TAG`), so that a
/// mutator and a function cannot differ by a spelling mistake. When a tag is evicted that no
/// function and no entry of the process has declared, larder logs a warning once.
///
/// # Batches
///
/// A function that takes a list of ids and returns values by id can be cached for each id:
///
/// ```
/// # use std::collections::HashMap;
/// # use larder::cached;
/// # #[derive(Clone)]
/// # struct Db;
/// # impl Db {
/// #     async fn names(&self, ids: &[u64]) -> Result<HashMap<u64, String>, String> {
/// #         Ok(ids.iter().map(|id| (*id, format!("user {id}"))).collect())
/// #     }
/// # }
/// #[cached(each = "id in ids", key = "name:{id}", tags = ["names"], ttl = "5m", skip(db))]
/// async fn names(db: &Db, ids: &[u64]) -> Result<HashMap<u64, String>, String> {
///     db.names(ids).await // one query, for the ids that are not cached
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db;
/// let first = names(&db, &[1, 2, 3]).await?;           // the body runs for 1, 2 and 3
/// let next = names(&db, &[2, 3, 4]).await?;            // the body runs for 4
/// assert_eq!((first.len(), &next[&4][..]), (3, "user 4"));
/// names(&db, &[2]).evict().await?;                     // a direction applies to all ids of a call
/// # Ok(())
/// # }
/// ```
///
/// It returns a `larder::Batch`. The list is a slice, `Vec`, `HashSet` or `BTreeSet`, by value or
/// by reference; the output is a `HashMap`, a `BTreeMap` or a `Vec` of pairs, or a `Result` of one
/// of these. Keys and tags use the item (`{id}`), `skip_if` and `cache` use the list. One request
/// reads all ids from the remote tier. The body runs once for all ids that miss; each of them has
/// its own flight, ticket and lease. The batch waits for ids that another caller is already
/// loading, and loads them in a second run of the body if that load fails: so owned arguments must
/// be `Clone`. The `Batch` of a sync function is `call!(names(&db, &ids))`. One request asks the remote tier for all leases, and
/// one stores all values under them. (Large batches have one request for each thousand ids.)
///
/// The cached value of an id is its value in the output. So a function of one id with the same key
/// and that type of value shares the entries. An id without a value in the output is not cached;
/// with `none_ttl` it is, and all values are cached as `Option`s. If the load fails, the call
/// fails, unless every id that was to be loaded has an old value. With
/// `#[cache_put(names(db, &ids))]` the values of a mutator are cached, and ids without a value are
/// evicted.
///
/// # One load
///
/// Calls for a key that is being loaded wait for that load and get its value. If the load fails,
/// they get its error, too: a clone if the error is `Clone`; an error with the same text if the
/// error type can be made from any error (`Box<dyn Error>`, `anyhow::Error`, and types that are
/// `From<larder::SharedError>` and `Display`). Any other error goes to its own caller only. The
/// waiters then load one after the other, until one of them loads a value for all; a caller that
/// has waited so for the time of a `lease` loads immediately.
///
/// If the caller of a load is dropped or panics, one of the waiters starts the load again. The same
/// happens if a load hangs for longer than its `lease`, and if its caller does not poll it (for
/// example in a `select!` or a `buffered` stream), about a second after the load could have
/// continued.
///
/// A body may call its own function, or functions that call it in turn. If such a call requests a
/// key whose load it is a part of, or whose load waits in another task for the load that it is a
/// part of, it runs its body without the cache, and larder logs a warning once. A task that the
/// body spawns belongs to the load if it runs in a `larder::scope::TransactionScope` taken in the body;
/// otherwise it waits for the load, at most for the `lease`.
///
/// The caller gets the value when it is in memory, and does not wait for the write to the remote
/// tier; evictions of the key and `Cache::close` do. (A refresh, and a load of a cache without a
/// memory tier, also wait for it.)
///
/// # Models and events
///
/// `model` and `op` replace the function's path in the key: keys are `user:get:7,` with the
/// arguments of an automatic key, or `user:get:` followed by the text of `key` or `key_with`. Two
/// functions with the same model and operation share entries, like two functions with the same
/// template. All entries carry the tags `model:user` and `model:user:get`, by which mutators
/// (`#[cache_evict(model = "user")]`, with `op` for one operation) and lists
/// (`larder::Invalidation::model`, `operation`) evict them.
///
/// `invalidate_on` names events by their types: the type of the argument of `Cache::emit`. When an
/// event is emitted, or evicted by `#[cache_evict(events = [..])]`, all entries that name it are
/// evicted, in every process, whether or not this one has read them. An event applies to the cache
/// that emits it. (An event is a tag with the name of its type, so all processes must use the same
/// name, and the list is the same for all instances of a generic function.)
///
/// ```
/// # use larder::{Cache, Error, cache_evict, cached};
/// struct User;
/// struct Saved<T> {
///     id: u64,
///     what: std::marker::PhantomData<T>,
/// }
///
/// #[cached(model = "user", op = "get", ttl = "5m")] // user:get:7,
/// async fn get_user(id: u64) -> String {
///     format!("user {id}")
/// }
///
/// #[cached(model = "user", op = "list", invalidate_on = [Saved<User>])] // user:list:1,
/// async fn list_users(page: u32) -> Vec<String> {
///     vec![get_user(page.into()).await]
/// }
///
/// #[cache_evict(get_user(id), events = [Saved<User>])]
/// async fn save_user(id: u64) -> Result<(), String> {
///     Ok(())
/// }
///
/// #[cache_evict(model = "user")] // all operations
/// async fn import_users() {}
///
/// # async fn by_hand(cache: &Cache) -> Result<(), Error> {
/// cache.emit(&Saved::<User> { id: 7, what: Default::default() }).await?; // also runs the rules of `Cache::on`
/// # Ok(())
/// # }
/// ```
///
/// # Sync functions and methods
///
/// A sync function takes all options except those marked ᵇ or ʳ. It uses the memory tier only,
/// because it cannot wait for a remote tier without blocking its thread. With `blocking` it does
/// that, and uses all tiers, also in a program without a runtime (`larder::block_on` connects).
/// Call it from threads that may block: in async code, through `spawn_blocking`. Timers and sockets
/// run in a thread of larder's, `larder-blocking`; the body runs in the runtime of its caller.
///
/// ```
/// # use larder::cached;
/// # struct Db;
/// # impl Db { fn fetch(&self, id: u64) -> Result<String, String> { Ok("Ada".into()) } }
/// #[cached(ttl = "5m", key = "user:{id}", blocking, skip(db))]
/// fn get_user(db: &Db, id: u64) -> Result<String, String> {
///     db.fetch(id)
/// }
/// ```
///
/// A sync function, and a sync method with a visibility, also generates a hidden function, which
/// returns the `Call` for [`call!`]. So that `use module::function` is enough for [`call!`], a free
/// function also generates a hidden type with its name. If a module has the same name, the name
/// means the module, and `call = other_name` sets another name for [`call!`]. A crate of the same
/// name is hidden in the function's module: write `::name` for the crate, or use `call`. A function
/// with the name of a primitive type (`str`, `u8`) has no such type: `call!(module::str(1))` needs
/// the path, or the function's own module. A method without a visibility may belong to a trait
/// impl, which has no room for a second function, so it generates none: write `pub(self)` to get
/// one. A sync associated function without `self` must name `Self` somewhere, if only in
/// `skip(Self)`, so that the attribute recognizes it.
///
/// # Traits and futures
///
/// | written | a call returns |
/// | --- | --- |
/// | `async fn` | a `larder::Call` |
/// | `fn .. -> impl Future<Output = T> + Send` | a `Call`, which is `Send` as promised |
/// | `fn .. -> Pin<Box<dyn Future<Output = T> + Send + '_>>`, and `#[async_trait]` | that box, which a trait may require. Evict by key, pattern or tag |
/// | `fn .. -> T` | the value |
///
/// In the implementation of a trait, a `Call` refines the trait's return type: calls through the
/// type itself take directions; calls through a bound (`impl Find`, `T: Find`) or `dyn` return the
/// futures that the trait declares. A default method is declared with its `Call`, so calls through
/// a bound take directions, too; an implementation that overrides it must use `#[cached]` as well,
/// with `skip_if = true` to cache nothing. In a template of a default method, name the type:
/// `{Self}`.
///
/// A call is `Send` if its load is; its error need not be. An error may borrow from the arguments
/// (`Result<u64, ParseError<'a>>`): it goes to its own caller, and the waiters for the same load
/// retry themselves. Such a function cannot have options that let the load go on in the background.
///
/// ```
/// # use larder::cached;
/// trait Find {
///     fn find(&self, id: u64) -> impl Future<Output = Result<u64, String>> + Send;
/// }
///
/// #[derive(Clone)]
/// struct Rows;
///
/// impl Find for Rows {
///     #[cached(ttl = "5m", stale = "1m", key = "row:{id}", skip(self))]
///     async fn find(&self, id: u64) -> Result<u64, String> {
///         Ok(id)
///     }
/// }
///
/// # async fn example() -> Result<(), larder::Error> {
/// Rows.find(7).evict().await?;
/// # Ok(())
/// # }
/// ```
///
/// # What cannot be cached
///
/// `const fn`, `extern` and `unsafe` functions (put the attribute on a function that calls them),
/// functions that return nothing, and values whose type has no name (`impl Trait`).
///
/// # Other attributes
///
/// Attributes that rewrite a function (`#[tracing::instrument]`) get it as it was written, whether
/// they are above or below: their additions wrap the load, and a hit runs none of them. All other
/// attributes stay on the function that users call.
#[proc_macro_attribute]
pub fn cached(args: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(args.into(), item.into()).into()
}

/// Caches a value of an instance: [`macro@cached`] for a method whose only argument is `&self`.
///
/// ```
/// # use larder::cached_property;
/// # struct Tenant { id: u64 }
/// impl Tenant {
///     #[cached_property(ttl = "1m", key = "tenant:{self.id}:users", skip_if = self.id == 0)]
///     async fn user_count(&self) -> u64 {
///         self.id + 1 // a database query
///     }
/// }
/// ```
///
/// The instances must be distinguished by a `key` (or `key_with`) that uses `self`, or by a cell in
/// the instance. The other options are those of [`macro@cached`] with the same defaults, without
/// `skip` and `each`.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `key = "tenant:{self.id}:users"` | this, `key_with` or `cell` is required | the whole key in the cache's namespace; must mention a field of `self` |
/// | `key_with = self.id` | | a text after the function's path, as for [`macro@cached`] |
/// | `cell = self.books` | | stores the value in the instance, see [below](#in-a-cell) |
///
/// # In a cell
///
/// `cell = self.books` stores the value in the instance itself, which then needs no key:
///
/// ```
/// # use larder::{CachedCell, Error, cached_property};
/// struct Author {
///     id: u64,
///     relations: CachedCell,
/// }
///
/// impl Author {
///     #[cached_property(cell = self.relations, ttl = "5m", tags = ["books"])]
///     async fn books(&self) -> Vec<String> {
///         vec![format!("a book by {}", self.id)] // a database query
///     }
///
///     #[cached_property(cell = self.relations, ttl = "1h")]
///     fn name(&self) -> String {
///         format!("author {}", self.id)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let author = Author { id: 7, relations: CachedCell::new() };
/// assert_eq!(author.books().await, ["a book by 7"]); // loads; later calls are hits
/// author.books().evict().await?;                     // this value
/// author.relations.clear();                          // all values of this author
/// larder::default_cache().evict_tag("books").await?; // the books of all authors
/// drop(author);                                      // drops the values, too
/// # Ok(())
/// # }
/// ```
///
/// `cell` takes any expression over `self` that is a `larder::CachedCell`, or a pointer to one. A
/// cell can serve one method, or all methods of an instance: each method has its own value. The
/// values are only in the memory tier, so they need no serde, and other processes do not know them.
/// `stale` and the other options that let a load go on in the background need an instance that can
/// be cloned; the clone has a new cell. `key`, `key_with`, `key_prefix`, `version` and `local`
/// cannot be combined with `cell`.
#[proc_macro_attribute]
pub fn cached_property(args: TokenStream, item: TokenStream) -> TokenStream {
    cached_property::expand(args.into(), item.into()).into()
}

/// Evicts entries after a function has run, whatever its outcome, also if it panics or its future
/// is dropped.
///
/// ```
/// # use larder::{cache_evict, cached};
/// # #[derive(Clone)]
/// # struct Db;
/// # impl Db { async fn rename(&self, _: u64, name: &str) -> Result<String, String> { Ok(name.into()) } }
/// #[cached(key = "user:{id}", skip(db))]
/// async fn get_user(db: &Db, id: u64) -> Result<String, String> {
///     db.rename(id, "Ada").await // a database query
/// }
///
/// #[cache_evict(get_user(db, id))] // the call itself, checked by the compiler
/// #[cache_evict(tags = ["users"], pattern = "users:page:*")]
/// async fn rename_user(db: &Db, id: u64, name: &str) -> Result<String, String> {
///     db.rename(id, name).await
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db;
/// get_user(&db, 7).await?;
/// rename_user(&db, 7, "Grace").await?;
/// assert_eq!(get_user(&db, 7).peek().await?, None);
/// # Ok(())
/// # }
/// ```
///
/// The function keeps its signature, and attributes can be stacked. A function that returns
/// `impl Future` or a box of one counts as async, like an `async fn`. An async function holds its
/// output while it evicts, so its future is `Send` if the output is. At least one target is
/// required:
///
/// | target | evicts |
/// | --- | --- |
/// | `get_user(db, id)`, `self.get(id)`, `call!(fib(n))` | the entry of that call; any number of them |
/// | `list_users(..)`, `list_users(team, ..)`, `Repo::find(..)`, `call!(fib(..))` | all entries of the function, or those of the calls with these first arguments: see [below](#all-entries-of-a-function) |
/// | `key = "user:{id}"`, `keys = ["user:{id}", "users"]` | entries by key |
/// | `pattern = "users:page:*"` | entries whose key matches; `*` is the wildcard, but never in the text of an argument |
/// | `tags = ["users", "user:{id}", PRODUCTS]` | entries with any of the tags: templates, or constants |
/// | `model = "user"`, and `op = "list"` | all reads of the model, or of one operation: see [`macro@cached`](macro@cached#models-and-events) |
/// | `events = [UserSaved, Saved<User>]` | entries that name one of the events in `invalidate_on`. (Rules of `Cache::on` need the event itself, and run when it is emitted) |
/// | `all` | everything in the cache |
///
/// Targets may use `result`, the function's output (the `T` of a `Result<T, E>`), as in
/// `key = "user:{result.id}"`. Such a target is known only after the body: after an `Err`, a panic
/// or a dropped future it is left out, and the other targets of the attribute are evicted all the
/// same. If an argument is called `result`, the name means that argument. All other targets are
/// evaluated before the body, by reference where you write `&`.
///
/// In targets with `result`, and in `when`, arguments have their values from before the body, which
/// may consume them: a template writes its part of them beforehand; any other expression gets a
/// clone of an argument that is taken by value (but not of `self`: it is not available after a body
/// that consumes it). (An argument that is borrowed with `&mut` has its value after the body. If
/// such an expression binds the name of an argument again, the name still counts as the argument:
/// choose another one.)
///
/// A target may take a direction, as in `get_user(db, id).tenant(tenant)`. Inside a `larder::transaction` the evictions wait
/// for the commit.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `before` | after | evicts before the body runs |
/// | `soft` | | the values of all targets become old, but are kept for the fail-safe (`stale_if_error`, `soft_timeout`): the next read loads, and can still return the old value if its load fails |
/// | `on = "ok"` | `"always"` | evicts only if the body returns something other than an `Err`: an `Err`, a panic and a dropped future leave the entries. If the body changed something before it failed, the cache serves the old value. An output that is not a `Result` counts as `Ok` |
/// | `when = result.is_ok()` | always | a condition on the arguments and on `result`, here a reference to the whole output, evaluated after the body. After a panic or a dropped future it cannot be evaluated: the attribute then evicts, unless `on = "ok"` |
/// | `cache = "people"` | the default cache | the cache for all targets except calls, which know their own: a name or a handle |
/// | `tenant = ctx.tenant` | the scope's (`larder::with_tenant`), else none | the tenant of all targets that name none themselves: an expression over the arguments, evaluated before the body, of any type with `Display`. Tags, models and events reach the entries of all tenants |
/// | `crate = path` | found automatically | the path to larder |
///
/// ```
/// # use larder::{cache_evict, cached};
/// # struct User { id: u64, team: String }
/// # impl User { fn is_public(&self) -> bool { true } }
/// #[cached(key = "user:{id}")]
/// async fn get_user(id: u64) -> String {
///     format!("user {id}")
/// }
///
/// #[cache_evict(get_user(result.id), key = "team:{user.team}:{result.id}")] // the new id
/// #[cache_evict(pattern = "users:page:*", on = "ok", when = matches!(result, Ok(new) if new.is_public()))]
/// async fn create(user: User) -> Result<User, String> {
///     Ok(User { id: 7, ..user })
/// }
/// ```
///
/// # All entries of a function
///
/// `list_users(..)` stands for all entries of a function, and `list_users(team, ..)` for those of the calls with these first
/// arguments. By hand the same is `entries!(list_users(team, ..))`, which `larder::Invalidation::call` and events take, too.
///
/// ```
/// # use larder::{cache_evict, cached, call};
/// #[cached]
/// async fn list_users(team: u32, page: u32) -> Vec<String> {
///     vec![format!("user {page} of team {team}")]
/// }
///
/// struct Repo;
///
/// impl Repo {
///     #[cached(key = "team:{team}:size", skip(self))]
///     async fn size(&self, team: u32) -> usize {
///         10 * team as usize
///     }
/// }
///
/// #[cached]
/// fn fib(n: u64) -> u64 {
///     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
/// }
///
/// #[cache_evict(list_users(team, ..), Repo::size(..), call!(fib(..)))]
/// async fn add_user(team: u32) {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), larder::Error> {
/// list_users(1, 1).await;
/// list_users(2, 1).await;
/// Repo.size(1).await;
/// add_user(1).await;
/// assert_eq!(list_users(1, 1).peek().await?, None);
/// assert!(list_users(2, 1).peek().await?.is_some());
/// assert_eq!(Repo.size(1).peek().await?, None);
/// # Ok(())
/// # }
/// ```
///
/// - A method is named by its type, and its receiver is the first argument. A sync function is written with `call!`. A function
///   that returns a boxed future, and a sync method without a visibility, cannot be named.
/// - The entries are found by a pattern of the function's keys, as with `pattern`: in a remote tier this visits all keys, some
///   seconds for each million in Redis. If the function has `model` and `op`, their tag has all its entries, and one increment
///   ends them.
/// - Entries of other functions that match the pattern are evicted, too: those of methods with the name of the function in the
///   same module; and with a template all keys of its form, as `user:*` for `user:{id}` matches `user:7:orders`.
/// - Entries of all tenants are included. `list_users(..).tenant(tenant)` evicts those of one tenant.
/// - All instances of the function's own type parameters are included, but only one instance of a generic `impl` block:
///   `Repo::<User>::find(..)`.
/// - The leading arguments must be whole parts of the key, or skipped. Otherwise the compiler refuses them when it builds the
///   program: see [`entries!`](macro@entries).
/// - If the function has `cache = handle`, give the attribute a `cache`, or write `list_users(..).cache(handle)`. Values in cells
///   have no such entries.
#[proc_macro_attribute]
pub fn cache_evict(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_evict::expand(args.into(), item.into()).into()
}

/// Gives the attributes in an `impl` block, or in a trait, options that they share.
///
/// ```
/// use larder::{Cache, cache_evict, cached, cached_impl};
///
/// struct Users {
///     cache: Cache,
/// }
///
/// #[cached_impl(ttl = "5m", stale_if_error = "1h", key_prefix = "v1", tags = ["users"], cache = self.cache)]
/// impl Users {
///     #[cached(key = "user:{id}", skip(self))]
///     async fn get(&self, id: u64) -> Result<String, String> {
///         Ok(format!("user {id}"))
///     }
///
///     // Another `ttl`, and one more tag.
///     #[cached(key = "page:{page}", ttl = "1m", tags = ["pages"], skip(self))]
///     async fn page(&self, page: u32) -> Result<Vec<u64>, String> {
///         Ok(vec![7])
///     }
///
///     // In the same cache.
///     #[cache_evict(self.get(id), tags = ["pages"])]
///     async fn rename(&self, id: u64, name: &str) -> Result<(), String> {
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let users = Users { cache: Cache::builder().build()? };
/// users.get(7).await?;
/// users.page(1).await?;
/// assert_eq!(users.cache.keys("*").await?, ["v1:page:1", "v1:user:7"]);
/// users.cache.evict_tag("users").await?;
/// assert_eq!(users.page(1).peek().await?, None);
/// # Ok(())
/// # }
/// ```
///
/// It takes the options of [`macro@cached`] except those that belong to one function: `key`, `key_with`, `op`, `skip`, `skip_all`,
/// `each` and `call`. It adds them to the attributes in the block, as if they were written there:
///
/// - to `#[cached]` and `#[cached_property]`, unless the attribute gives the option itself. Tags are the exception: an entry
///   carries those of both;
/// - to `#[cache_evict]`, `cache` only, and to all of them `crate`. (A `key` or `pattern` of an eviction is the whole text,
///   prefix included.)
///
/// An option that a method cannot have is left out: those of a policy if the attribute names a `policy`; loads in the background
/// (`stale`, `early_refresh`, `refresh_every`, timeouts) for a sync method; `memory_ttl`, `on_error` and `tiers` where there is no remote
/// tier; and those
/// about keys if the value is in a `cell`. An expression such as `self.cache` needs a `self` in each method.
#[proc_macro_attribute]
pub fn cached_impl(args: TokenStream, item: TokenStream) -> TokenStream {
    cached_impl::expand(args.into(), item.into()).into()
}

/// Stores a function's output in the entry of another function: the next read is a hit with the new
/// value.
///
/// ```
/// # use larder::{cache_put, cached};
/// #[cached(key = "name:{id}")]
/// async fn get_name(id: u64) -> Result<String, String> {
///     Err(format!("there is no user {id}"))
/// }
///
/// #[cache_put(get_name(id))]
/// async fn save_name(id: u64, name: &str) -> Result<String, String> {
///     Ok(name.to_owned())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), String> {
/// save_name(7, "Ada").await?;
/// assert_eq!(get_name(7).await?, "Ada"); // a hit
/// # Ok(())
/// # }
/// ```
///
/// The attribute takes one call of a cached function. It is evaluated before the body, or after it
/// if the call uses `result` (`get_user(db, result.id)`; an `Err`, a panic or a dropped future then
/// changes no entry, because there is no such call). For a `Result`, the `Ok` value is stored. An
/// `Err`, a panic or a dropped future evicts the entry, because the function may have changed the
/// data. If the cached value is an `Option` of that value, `Some` of it is stored. Inside a `larder::transaction` the value is stored at the commit. The function keeps its
/// signature, and attributes can be stacked.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `value = Some(result.name.clone())` | the function's value | the value to store: an expression over the arguments and `result`, here a reference to the function's value, evaluated after the body unless that fails. It has the type of the cached value, and the function may return nothing |
/// | `on = "ok"` | `"always"` | an `Err`, a panic or a dropped future leaves the entry unchanged |
/// | `when = result.is_ok()` | always | a condition on the arguments and on `result`, here a reference to the whole output, evaluated after the body. If it is false the value is not stored, and the entry is evicted, because it is old |
/// | `tenant = ctx.tenant` | the scope's (`larder::with_tenant`), else none | the tenant of the call, unless it names one itself: an expression over the arguments, evaluated before the body, of any type with `Display` |
/// | `crate = path` | found automatically | the path to larder |
///
/// ```
/// # use larder::{cache_put, cached};
/// #[cached(key = "name:{id}")]
/// async fn name(id: u64) -> Result<String, String> {
///     Ok(format!("user {id}"))
/// }
///
/// #[cache_put(name(id), on = "ok", when = new.len() < 100)]
/// async fn rename(id: u64, new: String) -> Result<String, String> {
///     if new.is_empty() { Err("a name has letters".into()) } else { Ok(new) }
/// }
///
/// #[cached(key = "email:{id}")]
/// async fn email(id: u64) -> Result<Option<String>, String> {
///     Ok(None)
/// }
///
/// #[cache_put(email(id), value = (!new.is_empty()).then_some(new))]
/// async fn set_email(id: u64, new: String) -> Result<(), String> {
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), String> {
/// set_email(7, "ada@example.org".into()).await?;
/// assert_eq!(email(7).await?.as_deref(), Some("ada@example.org")); // a hit
/// set_email(7, String::new()).await?;
/// assert_eq!(email(7).await?, None); // a hit
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn cache_put(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_put::expand(args.into(), item.into()).into()
}

/// Returns the `larder::Call` of a call of a cached sync function; without arguments, the function that returns it:
/// `larder::function(call!(fib))`.
///
/// ```
/// use larder::{call, cached};
///
/// #[cached]
/// fn fib(n: u64) -> u64 {
///     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
/// }
///
/// struct Report;
///
/// impl Report {
///     #[cached(skip(self))]
///     pub fn total(&self, year: u32) -> u32 {
///         year
///     }
///
///     #[cached(skip(Self))]
///     pub fn count(year: u32) -> u32 {
///         year
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), larder::Error> {
/// assert_eq!(fib(40), 102_334_155);
/// call!(fib(40)).evict().await?;
/// assert_eq!(call!(Report.total(7)).refresh().await, 7);
/// assert_eq!(call!(Report::count(7)).peek().await?, None);
/// # Ok(())
/// # }
/// ```
///
/// A method supports this if it has a visibility; `pub(self)` is enough. Methods of traits do not.
///
/// A function is called by its name, or by the name in its `call` option. In a path, a
/// second-to-last segment that begins with a capital letter means a method, any other path means a
/// function.
#[proc_macro]
pub fn call(input: TokenStream) -> TokenStream {
    call::expand(input.into()).into()
}

/// Returns the [`FunctionEntries`](https://docs.rs/larder/latest/larder/struct.FunctionEntries.html) of a cached function: all
/// its entries, or those of the calls with certain first arguments. Such an expression is also a target of
/// [`macro@cache_evict`].
///
/// ```
/// use larder::{cached, call, entries};
///
/// #[cached]
/// async fn list_users(team: u32, page: u32) -> Vec<String> {
///     vec![format!("user {page} of team {team}")]
/// }
///
/// #[cached]
/// fn fib(n: u64) -> u64 {
///     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), larder::Error> {
/// list_users(1, 1).await;
/// list_users(1, 2).await;
/// list_users(2, 1).await;
/// entries!(list_users(1, ..)).evict().await?;
/// assert_eq!(entries!(list_users(..)).keys().await?.len(), 1); // that of `list_users(2, 1)`
///
/// fib(40);
/// entries!(call!(fib(..))).evict().await?;
/// assert_eq!(call!(fib(40)).peek().await?, None);
/// # Ok(())
/// # }
/// ```
///
/// A method is named by its type, and its receiver is the first argument: `entries!(Repo::find(..))`. The arguments are
/// converted as in a call of the function, and those that the key skips make no difference. How many can be given depends on
/// the key: each must be a whole part of it. The compiler refuses others when it builds the program (`cargo check` does not
/// show it): the field in `user:{user.id}`, the items of a batch (`each`), the text of `key_with`, and arguments of a function
/// with constant parameters and an automatic key. Evict a tag instead:
///
/// ```compile_fail
/// # use larder::{cached, entries};
/// # struct User { id: u64 }
/// #[cached(key = "orders:{user.id}:{page}")]
/// async fn orders(user: &User, page: u32) -> Vec<u64> {
///     vec![user.id]
/// }
///
/// # let user = User { id: 7 };
/// entries!(orders(&user, ..)); // error: the keys of this function cannot be found by so many leading arguments
/// ```
///
/// If the function has `cache = handle`, `entries!(..).cache(&handle)` names the cache. Values in cells have no such entries:
///
/// ```compile_fail
/// # use larder::{CachedCell, cached_property, entries};
/// struct Post {
///     likes: CachedCell,
/// }
///
/// impl Post {
///     #[cached_property(cell = self.likes)]
///     async fn likes(&self) -> u64 {
///         7
///     }
/// }
///
/// entries!(Post::likes(..)); // error: the values of this function are in cells of its instances
/// ```
#[proc_macro]
pub fn entries(input: TokenStream) -> TokenStream {
    entries::expand(input.into()).into()
}
