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
mod elsewhere;
mod errors;
mod fallback;
mod kept;
mod lifetimes;
mod mixed;
mod mutator;
mod options;
mod outcome;
mod returns;
mod signature;
mod subject;
mod target;
mod template;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Serves a function from the cache: its body runs only when there is no entry for its arguments.
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
/// An async function returns `larder::Call` afterwards: a future of the same output that can be told to refresh, to evict
/// and so on before it is awaited. A sync function keeps its type, uses the memory tier only, and [`call!`] gives its `Call`.
///
/// # Options
///
/// A duration is `"250ms"`, `"90s"`, `"1h 30m"`, `"2d"`, or an integer: seconds. Each option of the first two tables is the twin
/// of a setter of `larder::Policy`, which tells more of it. What cannot be (a soft timeout above the hard one, a window without
/// a `ttl`, a duration of zero) does not compile.
///
/// How long a value lives:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `ttl = "5m"` | the cache's `default_ttl`, else `"never"` | how long an entry is fresh; `"never"`: it does not expire |
/// | `tti = "1m"` | none | time to idle: an entry is fresh for so long after it was last read, and no longer than `ttl` |
/// | `jitter = 0.1` or `"10%"` | 0 | each `ttl` is shortened by a random part of up to this fraction, so that entries that were written together do not expire together |
/// | `none_ttl = "30s"` | as `ttl` | how long `None` is cached, where the value is an `Option`; `0`: not at all |
/// | `err_ttl = "2s"` | not cached | how long an `Err` is cached (in memory), where the error is `Clone` |
///
/// What happens when it is old, and while it is loaded:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `stale = "1m"` ᵇ | none | for so long after `ttl`, serve the old value and refresh it once in the background |
/// | `stale_if_error = "1h"` | none | for so long after `ttl`, serve the old value if the load fails or takes longer than its timeouts |
/// | `throttle = "5s"` | `"1s"` | how long a failed load is not tried again while an old value is served |
/// | `early_refresh` or `= 1.5` ᵇ | none | before `ttl` ends, refresh in the background with a probability that grows with time and with the cost of the load; the number is the beta of XFetch, 1 if left out |
/// | `soft_timeout = "100ms"` ᵇ | none | how long to wait for a load before the old value is served (needs `stale_if_error` or `stale`); the load goes on |
/// | `hard_timeout = "2s"` ᵇ | none | how long to wait in any case; without an old value the function then returns its error, which must be `From<larder::TimedOut>`; the load goes on |
/// | `stampede = "fleet"` | `"fleet"` | how far one load per key reaches: all processes of a remote tier, `"process"`, or `"off"` |
/// | `lease = "30s"` | `"10s"` | after how long a load counts as hung, so that one of those who wait takes over |
/// | `on_error = "fail"` ʳ | `"bypass"` | what a failing cache is (the remote tier can't be asked, or no cache of the function's name is installed): `"bypass"`: a load, and nothing that the caller could see; `"fail"`: the caller's error, which must be `From<larder::Error>`. Then nothing is loaded. What memory has is served all the same, and so is an old value within `stale_if_error` |
///
/// ᵇ The load may go on in the background: async functions only. Borrowed arguments are cloned for it when it does: `&T` needs
/// `T: Clone` (`&str`, `&[T]` and `&Path` do as well), also inside an `Option`, a `Vec` or a slice. `&mut` is refused, and so is a
/// type that borrows in another way (`Cow<'_, str>`). ʳ Async functions only, and not with `local`: memory does not fail.
///
/// Whether the cache is used at all:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `cache_if = \|user\| user.active` | always | store a value only if this is true. It takes the value by reference: the `T` of a `Result<T, E>`, else what the function returns. A closure that captures nothing, or a path |
/// | `unless = Vec::is_empty` | never | do not store a value if this is true |
/// | `skip_if = page > 100` | never | neither read nor write the cache: a condition on the arguments, by their names |
///
/// And where:
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `policy = SHARED` | `Policy::new()` | a constant `larder::Policy`, which the other options override; see below |
/// | `key = "user:{id}"` | automatic | the whole key below the cache's namespace. Must mention every argument that isn't skipped |
/// | `key_with = make_key` | automatic | a text in the place of the arguments, behind the function's path: anything with `Display`, escaped as an argument would be. A function or a closure (`\|query, page\| ..`) is given all arguments that are not skipped, by reference, `self` first. Any other expression is over the arguments by their names: `make_key(&query, page)`; **one that it forgets cannot be noticed**, and calls that differ in it share an entry. The types of `impl Trait` arguments are part of the key unless they are in `skip(..)` |
/// | `key_prefix = "users"` | none | text in front of the key, whichever kind, and a `:` unless it ends in `:` or `/` |
/// | `version = 2` or `"2024-05"` | none | separates incompatible values by hand: `#2` at the end of the key. Patterns that end in `*` find all versions |
/// | `model = "user", op = "get"` | none | which operation of which model this is; see [below](#models-and-events) |
/// | `skip(db, self)` | none | arguments that the value does not depend on |
/// | `tags = ["users", "user:{id}", PRODUCTS]` | none | names under which entries can be evicted together: templates, or constants (`const PRODUCTS: &str`). The function reads only entries that carry all of them: see [below](#tags) |
/// | `invalidate_on = [UserSaved]` | none | types of events that make the entries old; see [below](#models-and-events) |
/// | `cache = "people"` | the default cache | a cache by name, or a handle: any other expression over the arguments that gives a `larder::Cache`, or what can be dereferenced to one: `cache = self.cache`, `cache = cache_from(&ctx)` |
/// | `local` | all tiers | the memory tier only; the value then needs no serde |
/// | `call = cached_config` | the function's name | under which name [`call!`] finds a sync function whose own name is a module's, too |
/// | `each = "id in ids"` | | the function takes a list and is cached for each item of it; see [Batches](#batches) |
/// | `crate = path` | found | where larder is, for crates that re-export it |
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
///     stale = "1m", stale_if_error = "1h", throttle = "5s", // old values: while one is loaded, and while that fails
///     soft_timeout = "100ms", hard_timeout = "2s",          // how long a caller waits
///     none_ttl = "30s", err_ttl = "1s",                     // what is cached of a load that found nothing, or failed
///     skip_if = id == 0, skip(db)
/// )]
/// async fn get_user(db: &Db, id: u64) -> Result<Option<String>, DbError> {
///     db.fetch(id).await
/// }
/// ```
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
/// Whether all of it together can be is checked at compile time, too. `tags` are added to those of the policy; `stale = 0`,
/// `stale_if_error = 0`, `early_refresh = 0` and `jitter = 0` take away what it has.
///
/// The policy may let a load go on in the background, so that an async function has to meet the demands of ᵇ for it. One with
/// a `&mut` argument and a sync function cannot: of the policy they leave out `stale`, `early_refresh` and the timeouts. `none_ttl`,
/// `err_ttl`, `hard_timeout` and `on_error` of the policy hold for outputs that they are made for, and are left out for others; in the attribute
/// itself they are errors there. `policy` cannot name `Self`.
///
/// # Keys
///
/// Every argument is part of the key unless it is skipped, and `self` is an argument like the others. In an automatic key
/// an argument is serialized (`serde::Serialize`): a `HashMap` or a `HashSet` gives the same key for the same content, wherever it
/// is in it, a map or a list that has an order gives one for each order, and floats are told by their bits. (A hash map behind
/// `flatten`, or in a type of your own that serializes as one, is not recognized: equal ones may have several keys.) A key of more than 256 bytes ends in a SHA-256 of the whole. Type parameters,
/// and for methods the type, are part of it too. In a template a placeholder is an argument or a field of one (`{id}`,
/// `{self.tenant}`, `{pair.0}`) that is written by `Display` and escaped; an `Option` is written as what is in it, or as `!none`.
/// `{{` and `}}` are the braces themselves. `r#type` may be written `{type}`. Two placeholders need a separator such as `:` between them.
///
/// An argument that is a pattern, such as `Path(id): Path<u64>`, stands in keys and options as the names in the pattern: `{id}`,
/// `skip(id)`. What the pattern leaves out (`..`, `_`) is not in the key, since the body cannot see it. This needs a pattern without
/// `ref`, of an argument that borrows nothing or is a reference as a whole. A `#[cfg(..)]` on an argument holds for its part of the key,
/// and for its name in `skip`.
///
/// The type and constant parameters of a generic function are treated as arguments: a template must mention them (`{T}` is the name
/// of the type, `{N}` the number) unless they are in `skip(T)`, because two instances may be two functions. A parameter that occurs
/// only in the types of skipped arguments is skipped with them. An automatic key also
/// has the parameters of the `impl` block or trait around the function, which the attribute cannot see.
///
/// A template is the whole key, and functions with equal templates share entries. Only where a template cannot tell calls apart,
/// larder adds a type behind its text, as in `by-id:7<shop%3A%3ARepo%3Cshop%3A%3AUser%3E>`:
///
/// - for a method of a generic `impl` block and for a default method of a trait: the type (and the trait, if that is generic),
///   because the attribute does not see their parameters. Name the type yourself (`{Self}`), or say with `skip(Self)` that
///   all instances share entries, and nothing is added.
/// - for an argument that is `impl Trait`: its type, because `{T}` cannot name it. `skip(..)` with the argument leaves it out.
///
/// `Key::builder().text("by-id:").value(7).of::<Repo<User>>()` writes such a key by hand. `#[cache_evict(key = "by-id:{id}")]` evicts it
/// from a method of the same type. Elsewhere, and for an `impl Trait`, the bare text names another entry: evict by the call
/// (`#[cache_evict(users.get(id))]`), by a tag, or by a pattern (`by-id:7*`).
///
/// Templates that are not equal may have keys in common: `users:{name}` called with `all` has the key of `users:all`, and
/// `{kind}:{id}` has that of `secret:{id}`. Such a function is not given the other one's values: in each cache the first of them
/// that is called is cached, the other one runs uncached, and the reason is told once, with both places. (What `key_with` writes is not
/// compared; it stands behind the function's path.) Templates cannot overlap if each begins with a text of its own that ends in a
/// separator (`user:{id}`, `users-named:{name}`), or if they differ in the number of separators. A `version` or a
/// `key_prefix` separates them, too. An argument at the head of a key is no tenant: its leading `@` is escaped.
///
/// Functions with equal templates have to cache one type. If they do not (a batch with `none_ttl` caches `Option`s, a function beside it
/// does not), each finds the other one's value, loads, and replaces it: that is told once, and counted (`Stats::mistyped`).
///
/// What a type shows of itself is all that a key has of it. Values that `Display` writes alike share an entry of a template: a secret that
/// redacts itself, a number that rounds. So do those that serde writes alike in an automatic key: a field with `#[serde(skip)]` or a
/// lossy `with`, structs of equal fields and tuples of equal elements under `untagged`, a tuple struct with
/// `skip_serializing_if`. Use `key_with` for such values.
///
/// A function in the body of another one may not be the only one of its name there, so that its automatic key has its position: the
/// line, the column and a hash of its text. The key changes when the source does. Give such a function a `key`, or a
/// `model` and an `op`, if another build is to find its entries, or to evict them.
///
/// Two types in bodies may have one name, too, and nothing tells them apart in a key. The first one in this process is cached. Calls with the
/// other one run uncached in every cache, and the reason is told once. *Processes that use different ones share
/// the entry in their remote tier*: give types that are in keys names of their own.
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
/// A function's tags bind what it stores and what it reads. An entry that lacks one of them is a miss for this function, wherever the
/// entry comes from: `Cache::insert` by the key's text, another function with the same template, or a previous release of the
/// program, also through Redis. Evicting the tag would not end such an entry. An entry with more tags than those is a hit. So a value that
/// is inserted by hand for a tagged function needs its tags: `insert_with` and `Policy::tags`, or the function's own
/// `get_user(db, 7).put(user)`.
///
/// A constant is written by its path (`PRODUCTS`, `crate::tags::PRODUCTS`, `Self::TAG`), so that a mutator and a function cannot
/// differ by a misspelt text. When a tag is evicted that no function and no entry of the process has declared, larder warns once.
///
/// # Batches
///
/// A function over a list of ids that gives values by id is cached for each id:
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
/// let next = names(&db, &[2, 3, 4]).await?;            // and now for 4
/// assert_eq!((first.len(), &next[&4][..]), (3, "user 4"));
/// names(&db, &[2]).evict().await?;                     // directions are for all ids of a call
/// # Ok(())
/// # }
/// ```
///
/// It returns a `larder::Batch`. The list is a slice, `Vec`, `HashSet` or `BTreeSet`, by value or by reference; the values
/// come in a `HashMap`, a `BTreeMap` or a `Vec` of pairs, or in a `Result` of that. Keys and tags
/// are written with the item (`{id}`), `skip_if` and `cache` with the list. The remote tier is asked once for all ids; the
/// body runs once for those that miss, each with a flight, a ticket and a lease of its own. What somebody else is loading
/// already is waited for, and loaded in a second run of the body if that fails: so owned arguments must be `Clone`, and the
/// function async. Remote tiers without leases store all values in one request, those with them each value under its lease. (Of
/// very many ids, a thousand are read or stored in one request, and 128 leases are asked for at a time.)
///
/// An id is cached as the value it has in the result, so that it shares its entry with a function of one id that has the same
/// key and returns that type. An id that the result lacks is not cached; with `none_ttl` it is, and all are cached as `Option`s. If
/// the load fails, the call does, unless an old value serves for each id that was to be loaded. With `#[cache_put(names(db, &ids))]`
/// a mutator's values become the cached ones, and ids that it has no value for are forgotten.
///
/// # One load
///
/// Calls for a key that is being loaded wait for that load and get its value. If it fails, they get its error, too: a clone
/// where the error is `Clone`; an error of the same text where it can be made from any error (`Box<dyn Error>`,
/// `anyhow::Error`, and what is `From<larder::SharedError>` and `Display`). An error that is neither can be had by its own
/// caller only: then those who waited load one after the other, until one brings a value for all; who has waited for the time
/// of a `lease` like that loads at once.
///
/// A load whose caller goes away or panics is begun again by one of those who wait; so is one that hangs for longer than its
/// `lease`, and one whose caller does not poll it (a call that `select!` or a `buffered` stream has put aside) 50 to 100 ms
/// after it could have gone on.
///
/// A body may call its own function, or functions that call it in turn. Where such a call asks for a key that is being loaded
/// by a load it is a part of, or by one that waits for that load in another task, it runs its body without the cache, and a
/// warning says so once. A task that the body spawns belongs to the load if it runs in a `larder::TransactionScope` taken
/// in the body; else it waits for the load, for the `lease` at most.
///
/// The caller has the value once it is in memory. Its way to the remote tier is not waited for; evictions of the key
/// and `Cache::close` wait for it. (A refresh, and a load of a cache without a memory tier, do wait.)
///
/// # Models and events
///
/// `model` and `op` stand in the place of the function's path: keys are `user:get:7,` with the arguments of an automatic key, or
/// `user:get:` and whatever `key` or `key_with` gives. Two functions of one model and one operation share entries, as two functions
/// with one template do. All entries carry the tags `model:user` and `model:user:get`, by which mutators
/// (`#[cache_evict(model = "user")]`, and `op` for one operation) and lists (`larder::Invalidation::model`, `operation`) evict them.
///
/// `invalidate_on` names events by their types: whatever `Cache::emit` is given. When one is emitted, or evicted by
/// `#[cache_evict(events = [..])]`, all entries that name it are old, in every process, whether or not this one has read them. An
/// event is for one cache, the one that emits it. (Events are tags by the name of their type, so that processes have to agree about
/// that, and the list is one for all instances of a generic function.)
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
/// #[cache_evict(model = "user")] // all of it
/// async fn import_users() {}
///
/// # async fn by_hand(cache: &Cache) -> Result<(), Error> {
/// cache.emit(&Saved::<User> { id: 7, what: Default::default() }).await?; // runs the rules of `Cache::on`, too
/// # Ok(())
/// # }
/// ```
///
/// # Sync functions and methods
///
/// A sync function takes all options but those marked ᵇ or ʳ.
///
/// Beside a sync function or a sync method with a visibility stands a hidden one, which gives [`call!`] its `Call`. So that `use
/// module::function` is enough for [`call!`], a hidden type has the function's name. A module of that name may stand beside it; then
/// the module is what the name means, and `call = other_name` gives [`call!`] another one. A crate of that name is hidden in the
/// function's module: write `::name` for it, or use `call` too. A function with the name of a primitive type (`str`, `u8`) has no
/// such type: `call!(module::str(1))` needs the path, or the function's own module. A method without a visibility may be a trait's, where there is no room for a second function, and so has
/// none: write `pub(self)` where you want it. A sync associated function without `self` must name `Self` somewhere, if only in
/// `skip(Self)`, to be known for one.
///
/// # Traits and futures
///
/// | written | what a call gives |
/// | --- | --- |
/// | `async fn` | a `larder::Call` |
/// | `fn .. -> impl Future<Output = T> + Send` | a `Call`, which is `Send` as promised |
/// | `fn .. -> Pin<Box<dyn Future<Output = T> + Send + '_>>`, and `#[async_trait]` | that box: a trait may demand it. Evict by key, pattern or tag |
/// | `fn .. -> T` | the value |
///
/// In the implementation of a trait a `Call` refines what the trait says: calls through the type itself take directions, through a
/// bound (`impl Find`, `T: Find`) or `dyn` they are the futures that the trait declares. A default method is declared
/// with its `Call`, so that calls through a bound take directions, too; whoever overrides it has to use `#[cached]` as well, with
/// `skip_if = true` where nothing is to be cached. In a template of a default, name the type: `{Self}`.
///
/// A call is `Send` if its load is; its error need not be. An error may borrow from the arguments (`Result<u64, ParseError<'a>>`):
/// it is returned to its own caller, and those who wait for the same load try for themselves. Such a function has no options that
/// leave the load to the background.
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
/// `const fn`, `extern` and `unsafe` functions (put the attribute on one that calls them), functions that return nothing, and
/// values without a name for their type (`impl Trait`).
///
/// # Other attributes
///
/// Those that rewrite a function (`#[tracing::instrument]`) see it as it was written, whether they stand above or below: what they
/// add is around the load, and a hit has none of it. All others stay on the function that users call.
#[proc_macro_attribute]
pub fn cached(args: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(args.into(), item.into()).into()
}

/// Caches a value of an instance: [`macro@cached`] for a method that takes `&self` and nothing else.
///
/// ```
/// # use larder::cached_property;
/// # struct Tenant { id: u64 }
/// impl Tenant {
///     #[cached_property(ttl = "1m", key = "tenant:{self.id}:users", skip_if = self.id == 0)]
///     async fn user_count(&self) -> u64 {
///         self.id + 1 // what a database says
///     }
/// }
/// ```
///
/// What tells the instances apart is required: a `key` (or `key_with`) that uses `self`, or a cell in the instance. The other
/// options are those of [`macro@cached`] with their defaults, without `skip` and `each`.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `key = "tenant:{self.id}:users"` | this, `key_with` or `cell` is required | the whole key below the cache's namespace; has to mention a field of `self` |
/// | `key_with = self.id` | | a text behind the function's path, as for [`macro@cached`] |
/// | `cell = self.books` | | the value lies in the instance itself, see [below](#in-a-cell) |
///
/// # In a cell
///
/// `cell = self.books` keeps the value with the instance itself, which then needs no key:
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
///         vec![format!("a book by {}", self.id)] // what a database says
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
/// assert_eq!(author.books().await, ["a book by 7"]); // loads, and from then on it is a hit
/// author.books().evict().await?;                     // this value
/// author.relations.clear();                          // all values of this author
/// larder::default_cache().evict_tag("books").await?; // the books of all authors
/// drop(author);                                      // the values go, too
/// # Ok(())
/// # }
/// ```
///
/// `cell` takes any expression over `self` that is a `larder::CachedCell`, or a pointer to one. A cell can serve one method or
/// all of an instance: each has a value of its own. The values lie in the memory tier and never in a remote one, so that they
/// need no serde, and other processes know nothing of them. `stale` and the other options that may leave a load to the
/// background need an instance that can be cloned; the clone's cell is a new one. `key`, `key_with`, `key_prefix`, `version` and
/// `local` have nothing to say beside `cell`.
#[proc_macro_attribute]
pub fn cached_property(args: TokenStream, item: TokenStream) -> TokenStream {
    cached_property::expand(args.into(), item.into()).into()
}

/// Evicts what a function makes old: after its body, whatever the outcome, also when it panics or its future is dropped.
///
/// ```
/// # use larder::{cache_evict, cached};
/// # #[derive(Clone)]
/// # struct Db;
/// # impl Db { async fn rename(&self, _: u64, name: &str) -> Result<String, String> { Ok(name.into()) } }
/// #[cached(key = "user:{id}", skip(db))]
/// async fn get_user(db: &Db, id: u64) -> Result<String, String> {
///     db.rename(id, "Ada").await // what a database says
/// }
///
/// #[cache_evict(get_user(db, id))] // the read itself, checked by the compiler
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
/// The function keeps its signature, and attributes can be stacked. A function that returns `impl Future` or a box of one
/// counts as async, as an `async fn` does. An async function holds its output while it evicts, so that its future is `Send` if the
/// output is. At least one target is needed:
///
/// | target | evicts |
/// | --- | --- |
/// | `get_user(db, id)`, `self.get(id)`, `call!(fib(n))` | the entry of that call; any number of them |
/// | `key = "user:{id}"`, `keys = ["user:{id}", "users"]` | entries by key |
/// | `pattern = "users:page:*"` | entries whose key matches; `*` is the wildcard, text of arguments never is |
/// | `tags = ["users", "user:{id}", PRODUCTS]` | entries with any of the tags: templates, or constants |
/// | `model = "user"`, and `op = "list"` | all reads of the model, or those of one operation: see [`macro@cached`](macro@cached#models-and-events) |
/// | `events = [UserSaved, Saved<User>]` | what names one of the events in its `invalidate_on`. (Rules of `Cache::on` need the event itself, and run when it is emitted) |
/// | `all` | everything in the cache |
///
/// Targets may use `result`, what the function returned (the `T` of a `Result<T, E>`), as in `key = "user:{result.id}"`. Such a
/// target is known only after the body: an `Err`, a panic or a dropped future leaves it out, and the other targets of the attribute
/// are evicted all the same. If an argument is called `result`, that argument is meant. Targets are otherwise evaluated before the
/// body, by reference where you write `&`.
///
/// Beside `result`, and in `when`, arguments are what they were before the body, which may consume them: a template writes its
/// part of them beforehand, for anything else an argument taken by value is cloned (but not `self`: a body that consumes it leaves nothing). (What is borrowed with `&mut` is used as the
/// body has left it. A name that such an expression binds anew counts as the argument of that name: choose another.)
///
/// A target may take a direction, as in `get_user(db, id).tenant(tenant)`. Inside a `larder::transaction` the evictions wait
/// for the commit.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `before` | after | evict before the body runs |
/// | `on = "ok"` | `"always"` | evict only if the body returns, and no `Err`: a panic, a dropped future and an `Err` leave the entries. What a body did before it failed is then served from the cache as it was. An output that is no `Result` counts as `Ok` |
/// | `when = result.is_ok()` | always | a condition on the arguments and on `result`, here a reference to the whole output, asked after the body. A panic or a dropped future leaves nothing to ask: then it evicts, unless `on = "ok"` |
/// | `cache = "people"` | the default cache | where all targets but calls apply: a name or a handle. Calls know their own |
/// | `crate = path` | found | where larder is |
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
/// #[cache_evict(get_user(result.id), key = "team:{user.team}:{result.id}")] // what has just got its id
/// #[cache_evict(pattern = "users:page:*", on = "ok", when = matches!(result, Ok(new) if new.is_public()))]
/// async fn create(user: User) -> Result<User, String> {
///     Ok(User { id: 7, ..user })
/// }
/// ```
#[proc_macro_attribute]
pub fn cache_evict(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_evict::expand(args.into(), item.into()).into()
}

/// Writes what a function returns into the entry of another: the next read is a hit on the new value.
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
/// It takes one call of a cached function, evaluated before the body, or after it if the call uses `result`
/// (`get_user(db, result.id)`; then an `Err`, a panic or a dropped future leaves everything as it is, for there is no such call).
/// Of a `Result` the `Ok` value is stored. An `Err`, a panic or a dropped future evicts the entry: the function may have written.
/// Inside a `larder::transaction` it is stored at the commit. The function keeps its signature, and attributes can be stacked.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `on = "ok"` | `"always"` | leave the entry as it is on an `Err`, a panic or a dropped future |
/// | `when = result.is_ok()` | always | a condition on the arguments and on `result`, here a reference to the whole output, asked after the body. If it is false the value is not stored, and the entry that it has made old is evicted |
/// | `crate = path` | found | where larder is |
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
/// ```
#[proc_macro_attribute]
pub fn cache_put(args: TokenStream, item: TokenStream) -> TokenStream {
    cache_put::expand(args.into(), item.into()).into()
}

/// The `larder::Call` behind a call of a cached sync function.
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
/// A method has one if it has a visibility; `pub(self)` is enough. Methods of traits have none.
///
/// A function is called by its name, or by that of its `call` option. A path whose last part but one begins with a capital letter is taken for a method, any other for a function.
#[proc_macro]
pub fn call(input: TokenStream) -> TokenStream {
    call::expand(input.into()).into()
}
