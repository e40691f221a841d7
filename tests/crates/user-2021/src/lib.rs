//! Every form that larder's attributes take, under the strictest lints that a user's crate may have.
//!
//! Nothing here is useful as a program. It must compile without a warning in edition 2021 and (as `user-2024`) in
//! edition 2024: an expansion must not trigger a lint that the original function would not. The tests run each form
//! once or twice.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![deny(missing_debug_implementations, unreachable_pub, single_use_lifetimes)]
#![forbid(unsafe_code)]
#![allow(clippy::missing_errors_doc)]

use std::num::ParseIntError;
use std::time::Duration;

use larder::{Policy, TimedOut, cache_evict, cache_put, cached, cached_property};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Represents a connection: the argument that is skipped.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Db {
    /// The tenant whose data it shows.
    pub tenant: u64,
}

/// A value that every tier can hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The number of the user.
    pub id: u64,
}

/// A `Result` under another name: its `Ok` is what gets cached.
pub type Parsed<T> = Result<T, ParseIntError>;

/// An error that can represent a failing cache.
#[derive(Debug)]
pub struct Refused(pub larder::Error);

impl From<larder::Error> for Refused {
    fn from(error: larder::Error) -> Self {
        Self(error)
    }
}

/// A policy for several functions.
pub const SHARED: Policy = Policy::new()
    .ttl(Duration::from_secs(60))
    .stale(Duration::from_secs(60))
    .stale_if_error(Duration::from_secs(60))
    .hard_timeout(Duration::from_secs(60))
    .jitter(0.1)
    .tags(&["shared"]);

/// An error that can represent a timeout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failed;

impl From<TimedOut> for Failed {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

/// Cells, models and events, and keys by functions.
pub mod relations {
    use larder::{Cache, CachedCell};

    use super::{Refused, cache_evict, cached, cached_property};

    /// An event.
    #[derive(Debug)]
    pub struct Saved<T>(pub T);

    /// An instance with its own cache and cell.
    #[derive(Clone, Debug)]
    pub struct Author {
        /// Part of keys.
        pub name: String,
        /// The cache of the methods.
        pub cache: Cache,
        /// The cell of the properties.
        pub cell: CachedCell,
    }

    fn initial(name: &str) -> char {
        name.chars().next().unwrap_or('-')
    }

    fn cache_of(author: &Author) -> Cache {
        author.cache.clone()
    }

    impl Author {
        /// A property in a cell, refreshed in the background.
        #[cached_property(cell = self.cell, ttl = "1m", stale = "1m", tags = ["books"], cache = self.cache)]
        pub async fn books(&self) -> Vec<String> {
            std::future::ready(()).await;
            vec![self.name.clone()]
        }

        /// A sync one, of a model.
        #[cached_property(cell = &self.cell, model = "author", op = "letters", invalidate_on = [Saved<Author>])]
        pub fn letters(&self) -> usize {
            self.name.len()
        }

        /// A key by a closure, and an error that can represent a failing cache.
        #[cached(key_with = |author, n| author.name.len() + usize::from(*n), cache = cache_of(self), on_error = "fail")]
        pub async fn page(&self, n: u8) -> Result<String, Refused> {
            std::future::ready(()).await;
            Ok(format!("{}{n}", self.name))
        }

        /// Evicts by type, by model and by event, in a cache that the call chooses.
        #[cache_evict(self.books(), model = "author", op = "letters", events = [Saved<Author>, Saved<u8>], cache = cache_of(self))]
        pub async fn save(&mut self, name: String) {
            std::future::ready(()).await;
            self.name = name;
        }
    }

    /// A key by a function.
    #[cached(model = "author", op = "initial", key_with = initial, key_prefix = "v1", version = 1)]
    #[must_use]
    pub fn first(name: &str) -> String {
        name.to_owned()
    }
}

/// Functions: async and sync, with every option.
pub mod functions {
    use super::{Db, DeserializeOwned, Failed, Parsed, SHARED, Serialize, User, cached};

    /// A template key, tags, a skipped argument, and a body with `use`, `?` and `return`.
    #[cached(ttl = "5m", key = "user:{id}", tags = ["users", "user:{id}"], skip(db))]
    pub async fn get_user(db: &Db, id: u64) -> Parsed<User> {
        use std::str::FromStr;
        let n = u64::from_str("7")?;
        let _ = db;
        if n == 9 {
            return Ok(User { id: 3 });
        }
        Ok(User { id: id + n - 7 })
    }

    /// No options.
    #[cached]
    pub async fn same(n: u64) -> u64 {
        n
    }

    /// Arguments with the names that expansions use for their own variables.
    #[cached(ttl = 300)]
    pub async fn hygiene(key: String, shape: u32, tags: u8) -> Vec<String> {
        vec![key, shape.to_string(), tags.to_string()]
    }

    /// Type and const parameters, a pattern, a `mut` argument and a `where` clause.
    #[cached(ttl = 300)]
    pub async fn generic<T, const N: usize>(t: &T, (a, _b): (u8, u8), mut s: String) -> Vec<T>
    where
        T: Send + Sync + Serialize + DeserializeOwned + Clone + 'static,
    {
        s.push('x');
        let _ = (a, s, N);
        vec![t.clone()]
    }

    /// Borrowed arguments, cloned for the refresh in the background.
    #[cached(ttl = "1s", stale = "1m", key = "stale:{name}:{id}", skip(db))]
    pub async fn stale(db: &Db, name: &str, id: u64) -> Parsed<String> {
        let _ = db;
        std::future::ready(()).await;
        Ok(format!("{name}{id}"))
    }

    /// The same with a type parameter, a `mut` argument and a pattern.
    #[cached(ttl = "1s", stale = "1m")]
    pub async fn stale_generic<T>(t: &T, mut n: u64, (x, y): (u8, u8)) -> T
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        n += u64::from(x + y);
        std::future::ready(n).await;
        t.clone()
    }

    /// The same without any argument.
    #[cached(ttl = "1s", stale = "1m", local)]
    pub async fn stale_constant() -> u64 {
        std::future::ready(()).await;
        3
    }

    /// Every option of a policy, and every condition.
    #[cached(
        ttl = "5m",
        tti = "1m",
        jitter = "10%",
        stale = "1m",
        stale_if_error = "1h",
        throttle = 2,
        early_refresh,
        soft_timeout = "1s",
        hard_timeout = "20s",
        none_ttl = 0,
        err_ttl = "1s",
        lease = "30s",
        stampede = "process",
        cache_if = |user| user.as_ref().is_none_or(|user| user.id > 0),
        unless = Option::is_none,
        skip_if = name.is_empty(),
        key = "full:{name}",
        skip(db)
    )]
    pub async fn full(db: &Db, name: &str) -> Result<Option<User>, Failed> {
        let _ = db;
        std::future::ready(()).await;
        let id = name.parse().map_err(|_| Failed)?;
        Ok(Some(User { id }))
    }

    /// A shared policy with additional tags.
    #[cached(policy = SHARED, tti = "1m", tags = ["users"], cache_if = |name| !name.is_empty())]
    pub async fn shared<T>(t: &T, name: &str) -> String
    where
        T: Serialize + Clone + Send + Sync + 'static,
    {
        let _ = t;
        std::future::ready(()).await;
        name.to_owned()
    }

    /// A shared policy of a load that stays in the foreground, with an error that cannot represent a timeout.
    #[cached(policy = SHARED, ttl = "never", stale = 0, stale_if_error = 0, jitter = 0, skip(log))]
    pub async fn shared_foreground(log: &mut Vec<u64>, id: u64) -> Parsed<Option<u64>> {
        std::future::ready(()).await;
        log.push(id);
        Ok(Some("7".parse()?))
    }

    /// Every option that a sync function takes.
    #[cached(
        policy = SHARED,
        tti = "1m",
        none_ttl = "1s",
        err_ttl = 1,
        stampede = "off",
        unless = Option::is_none,
        skip_if = shape > 7
    )]
    pub fn shared_sync(key: &str, shape: u8) -> Parsed<Option<u64>> {
        Ok(Some(key.parse::<u64>()? + u64::from(shape)))
    }

    /// A sync function that calls itself.
    #[cached]
    pub fn fib(n: u64) -> u64 {
        if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
    }

    /// A sync function with a `Result`, an `impl` argument, and a cache by handle.
    #[cached(key = "digits:{a}", skip(cache, measure), cache = cache)]
    pub fn digits(
        mut a: String,
        cache: &larder::Cache,
        measure: impl Fn(&str) -> u8,
    ) -> Parsed<u64> {
        a.push('1');
        let _ = (cache, measure("a"));
        let n = a.parse()?;
        Ok(n)
    }

    /// A sync function with a type parameter.
    #[cached(local)]
    pub fn size<T: Serialize>(t: &T) -> usize {
        let _ = t;
        std::mem::size_of::<T>()
    }

    /// A cached function inside another function.
    pub async fn nested() -> u64 {
        #[cached]
        async fn inner(n: u64) -> u64 {
            n
        }
        inner(3).await
    }
}

/// Methods: of borrowing, owning and generic types, of traits, and properties.
pub mod methods {
    use std::error::Error;
    use std::sync::Arc;

    use super::{Parsed, SHARED, Serialize, User, cache_evict, cached, cached_property};

    /// A type with a lifetime.
    #[derive(Clone, Debug)]
    pub struct Service<'a> {
        /// Part of keys.
        pub tenant: &'a str,
        /// Part of keys, by position.
        pub pair: (u64, u64),
    }

    impl Service<'_> {
        /// A key that names fields of `self`.
        #[cached(ttl = "5m", key = "user:{id}:{self.pair.0}")]
        pub async fn get(&self, id: u64) -> Parsed<User> {
            let _ = self.tenant;
            std::future::ready(()).await;
            Ok(User { id })
        }

        /// A property, on a named cache.
        #[cached_property(ttl = "1m", key = "tenant:{self.tenant}:users", cache = "people")]
        pub async fn count(&self) -> u64 {
            self.pair.0
        }

        /// A sync method that calls itself.
        #[cached(skip(self))]
        pub fn total(&self, n: u64) -> u64 {
            if n == 0 { 0 } else { self.pair.0 + self.total(n - 1) }
        }

        /// A sync function without `self`, recognized as an associated one by its `Self`.
        #[cached]
        #[must_use]
        pub fn halvings(n: u64) -> u64 {
            if n == 0 { 0 } else { 1 + Self::halvings(n / 2) }
        }

        /// A method that evicts another method's entry, every match of a pattern, and everything.
        #[cache_evict(self.get(id), pattern = "user:*:{self.tenant}", all)]
        pub async fn update(&mut self, id: u64) -> Parsed<&str> {
            self.pair.0 = id;
            std::future::ready(()).await;
            Ok(self.tenant)
        }
    }

    /// A type that owns its data.
    #[derive(Clone, Debug)]
    pub struct Owned {
        /// Part of keys.
        pub tenant: String,
    }

    impl Owned {
        /// A method with a stale window: `self` is cloned for the refresh.
        #[cached(ttl = "1s", stale = "2s", key = "tenant:{self.tenant}:{n}")]
        pub async fn refreshed(&self, n: u64) -> Option<String> {
            std::future::ready(n).await;
            Some(self.tenant.clone())
        }

        /// A property with a shared policy and conditions.
        #[cached_property(
            policy = SHARED,
            none_ttl = "1s",
            unless = Option::is_none,
            skip_if = self.tenant.is_empty(),
            key = "tenant:{self.tenant}:first"
        )]
        pub async fn first(&self) -> Option<char> {
            std::future::ready(()).await;
            self.tenant.chars().next()
        }
    }

    /// A trait whose methods are cached.
    #[allow(async_fn_in_trait)]
    pub trait Find {
        /// Cached by the implementations.
        async fn find(&self, id: u64) -> Option<u64>;

        /// Cached by default.
        #[cached(skip(self))]
        async fn find_default(&self, id: u64) -> Option<u64> {
            Some(id)
        }
    }

    impl Find for Owned {
        #[cached(ttl = 5, key = "find:{id}", skip(self))]
        async fn find(&self, id: u64) -> Option<u64> {
            Some(id)
        }
    }

    /// A generic type.
    #[derive(Clone, Debug)]
    pub struct Repo<T> {
        /// Part of keys.
        pub inner: T,
    }

    impl<T: Clone + Send + Sync + std::fmt::Display + 'static> Repo<T> {
        /// A lifetime parameter, and an error that cannot be cloned.
        #[cached(ttl = "1s", skip(self, _label))]
        pub async fn get<'a>(
            &'a self,
            id: u64,
            _label: &'a str,
        ) -> Result<u64, Box<dyn Error + Send + Sync>> {
            std::future::ready(()).await;
            let n: u64 = "3".parse()?;
            if n > 4 {
                return Err("four".into());
            }
            Ok(n + id)
        }

        /// `self` in an `Arc`, and a value without serde.
        #[cached(ttl = "1s", stale = "1s", key = "inner:{self.inner}:{id}", local)]
        pub async fn shared(self: Arc<Self>, id: u64) -> T {
            std::future::ready(id).await;
            self.inner.clone()
        }

        /// An unsized type parameter in a `where` clause.
        #[cached(skip(self))]
        pub async fn bounded<K>(&self, key: &K) -> String
        where
            Self: Sized,
            K: Serialize + Sync + ?Sized,
        {
            std::future::ready(()).await;
            std::any::type_name_of_val(key).to_owned()
        }

        /// Raw names.
        #[cached(key = "{r#type}", skip(self))]
        pub fn r#match(&self, r#type: u64) -> u64 {
            r#type
        }
    }
}

/// Mutators: evictions and writes.
pub mod mutators {
    use super::functions::{fib, get_user};
    use super::{Db, Parsed, User, cache_evict, cache_put};

    /// A typed eviction, and another attribute on a named cache.
    #[cache_evict(get_user(db, id))]
    #[cache_evict(tags = ["users", "user:{id}"], pattern = "users:page:*", cache = "people")]
    pub async fn update_user(db: &Db, id: u64, patch: String) -> Parsed<User> {
        let n = patch.parse::<u64>()?;
        std::future::ready(()).await;
        let _ = db;
        Ok(User { id: id + n })
    }

    /// Targets that need the result.
    #[cache_evict(key = "user:{result.id}:{tenant}", get_user(db, result.id), tags = ["new"])]
    pub async fn create_user(db: &Db, tenant: String) -> Parsed<User> {
        std::future::ready(()).await;
        let _ = (db, &tenant);
        Ok(User { id: 1 })
    }

    /// A sync function that evicts before its body.
    #[cache_evict(larder::call!(fib(n)), keys = ["a", "b:{n}"], before)]
    pub fn reset(n: u64) {
        let _ = n;
    }

    /// A sync function that returns early.
    #[cache_evict(larder::call!(fib(n)))]
    pub fn reset_after(n: u64) {
        if n == 3 {
            return;
        }
        let _ = n;
    }

    /// An async function that returns nothing.
    #[cache_evict(all)]
    pub async fn reset_all() {
        std::future::ready(()).await;
    }

    /// A return type that cannot be named.
    #[cache_evict(all)]
    pub async fn reset_and_count(n: u64) -> impl Iterator<Item = u64> {
        std::future::ready(()).await;
        0..n
    }

    /// Write-through with a call that is evaluated before the body.
    #[cache_put(get_user(db, user.id))]
    pub async fn save_user(db: &Db, user: User) -> Parsed<User> {
        let n: u64 = "3".parse()?;
        std::future::ready(()).await;
        let _ = (db, n);
        Ok(user)
    }

    /// Write-through, with a call that needs the result.
    #[cache_put(get_user(db, result.id))]
    pub async fn insert_user(db: &Db, user: User) -> Parsed<User> {
        std::future::ready(()).await;
        let _ = db;
        Ok(user)
    }

    /// Write-through of a sync function.
    #[cache_put(larder::call!(fib(n)))]
    pub fn put_fib(n: u64) -> u64 {
        n
    }
}

/// Unusual combinations with other language features.
pub mod corners {
    use std::cell::Cell;

    use super::{Parsed, User, cache_evict, cached};

    macro_rules! pair {
        ($read:ident, $change:ident) => {
            /// A cached function that a macro generates.
            #[cached(key = "pair:{id}:{n}", tags = ["pair:{id}"])]
            #[must_use]
            pub fn $read(id: u64, n: u64) -> u64 {
                id + n
            }

            /// A mutator that a macro generates.
            #[cache_evict(key = "pair:{result}:{id}")]
            #[must_use]
            pub fn $change(id: u64) -> u64 {
                id
            }
        };
    }
    pair!(sum, set_sum);

    /// An argument that is `Send` but not `Sync`: the future stays `Send`.
    #[cached(key = "cell", skip(cell))]
    pub async fn unsynced(cell: Cell<u8>) -> u8 {
        std::future::ready(()).await;
        cell.get()
    }

    /// An argument without a name, a trait object, and a borrowed value, which stays in memory.
    #[cached(skip(text), local)]
    pub async fn unnamed(_: u8, text: &'static str, measured: &dyn Measured) -> &'static str {
        std::future::ready(measured.length()).await;
        text
    }

    /// A trait whose objects can be part of a key.
    pub trait Measured: Sync {
        /// Returns the length.
        fn length(&self) -> usize;
    }

    impl serde::Serialize for dyn Measured + '_ {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u64(self.length() as u64)
        }
    }

    /// A body that consumes the arguments of the key.
    #[cached(key = "consumed:{id}:{pair.0}:{user.id}", tags = ["consumed:{id}"])]
    pub async fn consumes(id: String, pair: (String, u8), user: User) -> Parsed<(String, u8, u64)> {
        std::future::ready(()).await;
        let pair = pair;
        Ok((id + &pair.0, pair.1, user.id))
    }

    /// A mutator that consumes the arguments of its targets.
    #[cache_evict(key = "consumed:{id}")]
    #[cache_evict(consumes(id.clone(), (String::new(), 1), User { id: 1 }))]
    pub async fn consumes_and_evicts(id: String, cell: Cell<u8>) -> Option<String> {
        std::future::ready(()).await;
        let _ = cell;
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use larder::call;

    use super::corners::{
        Measured, consumes, consumes_and_evicts, set_sum, sum, unnamed, unsynced,
    };
    use super::functions::{
        digits, fib, full, generic, get_user, hygiene, nested, same, shared, shared_foreground,
        shared_sync, size, stale, stale_constant, stale_generic,
    };
    use super::methods::{Find, Owned, Repo, Service};
    use super::mutators::{
        create_user, insert_user, put_fib, reset, reset_after, reset_all, reset_and_count,
        save_user, update_user,
    };
    use super::relations::{Author, Saved, first};
    use super::{Db, Failed, User};

    // The tests share the default cache, and some clear it, so none checks its entries.

    fn send<T: Send>(value: T) -> T {
        value
    }

    #[tokio::test]
    async fn functions() -> Result<(), Box<dyn std::error::Error>> {
        let db = Db::default();
        assert_eq!(send(get_user(&db, 7)).await?, User { id: 7 });
        assert_eq!(send(same(7)).await, 7);
        assert_eq!(hygiene("a".to_owned(), 1, 2).await, ["a", "1", "2"]);
        assert_eq!(generic::<u8, 4>(&3, (1, 2), String::new()).await, [3]);
        let text = String::from("abc");
        assert_eq!(send(stale(&db, &text, 3)).await?, "abc3");
        assert_eq!(send(stale_generic(&3_u8, 1, (1, 2))).await, 3);
        assert_eq!(stale_constant().await, 3);
        assert_eq!(nested().await, 3);
        assert_eq!(send(full(&db, "3")).await, Ok(Some(User { id: 3 })));
        assert_eq!(send(full(&db, "")).await, Err(Failed));
        assert_eq!(send(shared(&3_u8, "a")).await, "a");
        assert_eq!(send(shared_foreground(&mut vec![], 3)).await, Ok(Some(7)));
        Ok(())
    }

    #[tokio::test]
    async fn sync_functions() -> Result<(), Box<dyn std::error::Error>> {
        assert_eq!(fib(50), 12_586_269_025);
        assert_eq!(call!(fib(49)).await, 7_778_742_049);
        call!(fib(49)).evict().await?;
        let cache = larder::default_cache();
        assert_eq!(digits("4".to_owned(), &cache, |_| 3), Ok(41));
        assert!(digits("x".to_owned(), &cache, |_| 3).is_err());
        assert_eq!((shared_sync("7", 1), shared_sync("7", 8)), (Ok(Some(8)), Ok(Some(15))));
        assert_eq!(size(&7_u8), 1);
        assert_eq!(call!(size::<u8>(&7)).await, 1);
        Ok(())
    }

    #[tokio::test]
    async fn methods() -> Result<(), Box<dyn std::error::Error>> {
        larder::Cache::builder().name("people").build()?.install();
        let mut service = Service { tenant: "acme", pair: (1, 2) };
        assert_eq!(service.get(4).await?, User { id: 4 });
        assert_eq!(service.count().await, 1);
        assert_eq!(larder::Cache::named("people")?.get("tenant:acme:users").await?, Some(1_u64));
        assert_eq!(call!(service.total(3)).await, 3);
        assert_eq!(service.total(3), 3);
        assert_eq!(call!(Service::halvings(4)).await, 3);
        assert_eq!(Service::halvings(4), 3);
        assert_eq!(service.update(4).await?, "acme");

        let owned = Owned { tenant: "o".to_owned() };
        assert_eq!(owned.refreshed(3).await.as_deref(), Some("o"));
        assert_eq!(owned.first().await, Some('o'));
        assert_eq!(owned.find(3).await, Some(3));
        assert_eq!(owned.find_default(3).await, Some(3));

        let repo = Repo { inner: 3_u8 };
        assert!(matches!(send(repo.get(1, "a")).await, Ok(4)));
        assert_eq!(send(Arc::new(repo.clone()).shared(3)).await, 3);
        assert_eq!(send(repo.bounded("a")).await, "str");
        assert_eq!(repo.r#match(3), 3);
        assert_eq!(call!(repo.r#match(3)).await, 3);
        Ok(())
    }

    #[tokio::test]
    async fn relations() -> Result<(), Box<dyn std::error::Error>> {
        let cache = larder::Cache::builder().build()?;
        let cell = larder::CachedCell::new();
        let mut author = Author { name: "Ada".to_owned(), cache: cache.clone(), cell };
        assert_eq!((send(author.books()).await, author.letters()), (vec!["Ada".to_owned()], 3));
        assert_eq!(author.page(1).await.map_err(|refused| refused.0)?, "Ada1");
        cache.emit(&Saved(7_u8)).await?;
        author.save("Bo".to_owned()).await;
        assert_eq!(author.books().await, ["Bo"]);
        author.cell.clear();
        assert_eq!((author.letters(), first("Cy").len()), (2, 2));
        Ok(())
    }

    #[tokio::test]
    async fn mutators() -> Result<(), Box<dyn std::error::Error>> {
        let db = Db::default();
        assert_eq!(send(update_user(&db, 7, "1".to_owned())).await?, User { id: 8 });
        assert_eq!(send(create_user(&db, "acme".to_owned())).await?, User { id: 1 });
        assert_eq!(send(save_user(&db, User { id: 30 })).await?, User { id: 30 });
        assert_eq!(send(insert_user(&db, User { id: 31 })).await?, User { id: 31 });
        assert_eq!(reset_and_count(2).await.count(), 2);
        reset_all().await;
        reset(3);
        reset_after(3);
        assert_eq!(put_fib(0), 0);
        Ok(())
    }

    struct Text(&'static str);

    impl Measured for Text {
        fn length(&self) -> usize {
            self.0.len()
        }
    }

    #[tokio::test]
    async fn corners() -> Result<(), larder::Error> {
        assert_eq!((sum(3, 4), set_sum(3)), (7, 3));
        assert_eq!(call!(sum(3, 4)).await, 7);
        assert_eq!(send(unsynced(Cell::new(1))).await, 1);
        assert_eq!(send(unnamed(1, "text", &Text("four"))).await, "text");
        let consumed = send(consumes("a".to_owned(), ("b".to_owned(), 1), User { id: 1 })).await;
        assert_eq!(consumed, Ok(("ab".to_owned(), 1, 1)));
        let evicted = send(consumes_and_evicts("a".to_owned(), Cell::new(1))).await;
        assert_eq!(evicted.as_deref(), Some("a"));
        Ok(())
    }
}
