//! User names that expansions or the standard library also use: none of them breaks an expansion.

use crate::Loads;

/// Redefines every name that expansions could use.
mod shadowed {
    #![allow(dead_code, non_camel_case_types, unused_macros)]

    pub(super) struct Result;
    pub(super) struct Option;
    pub(super) struct String;
    pub(super) struct Vec;
    pub(super) struct Box;
    pub(super) struct Some;
    pub(super) struct None;
    pub(super) struct Ok;
    pub(super) struct Err;
    pub(super) struct Call;
    pub(super) struct Policy;
    pub(super) struct Fetch;
    pub(super) struct Default;
    pub(super) struct bool;
    pub(super) struct str;
    pub(super) trait Future {}
    pub(super) trait Send {}
    pub(super) trait Clone {}
    pub(super) trait Fn {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod alloc {}
    pub(super) mod larder {}
    pub(super) mod cache_core {}
    macro_rules! concat {
        ($($tokens:tt)*) => {
            compile_error!("not this one")
        };
    }
    macro_rules! module_path {
        () => {
            compile_error!("not this one")
        };
    }

    use ::larder::{cache_evict, cache_put, cached, cached_property, call};

    use super::Loads;

    pub(super) static LOADS: Loads = Loads::new();
    type Found = ::core::result::Result<u64, u8>;

    #[cached(ttl = "1m", stale = "1m", stale_if_error = "1m", tags = ["tag:{id}"], cache = "hygiene")]
    pub(super) async fn refreshed(id: u64) -> Found {
        LOADS.count();
        ::core::result::Result::Ok(id)
    }

    #[cached(key = "get:{id}", tags = ["tag:{id}"], skip_if = id == 0, cache_if = |_| true, cache = "hygiene")]
    pub(super) async fn get(id: u64) -> Found {
        LOADS.count();
        ::core::result::Result::Ok(id)
    }

    #[cached(key_with = id + 1, key_prefix = "sync", version = 2, cache = "hygiene")]
    pub(super) fn sync(id: u64) -> ::core::option::Option<u64> {
        LOADS.count();
        ::core::option::Option::Some(id)
    }

    #[cached(cache = "hygiene")]
    pub(super) fn opaque(
        id: u64,
    ) -> impl ::core::future::Future<Output = u64> + ::core::marker::Send {
        LOADS.count();
        async move { id }
    }

    #[cached(key = "boxed:{id}", cache = "hygiene")]
    pub(super) fn boxed(
        id: u64,
    ) -> ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u64>>> {
        LOADS.count();
        ::std::boxed::Box::pin(async move { id })
    }

    #[derive(::core::clone::Clone)]
    pub(super) struct Of(pub(super) u64);

    impl Of {
        #[cached_property(
            ttl = "1m",
            stale = "1m",
            none_ttl = 0,
            key = "of:{self.0}",
            cache = "hygiene"
        )]
        pub(super) async fn property(&self) -> ::core::option::Option<u64> {
            LOADS.count();
            ::core::option::Option::Some(self.0)
        }

        #[cached(key = "{Self}:{self.0}", cache = "hygiene")]
        pub(super) fn sync(&self) -> u64 {
            LOADS.count();
            self.0
        }
    }

    #[cache_evict(get(id), refreshed(*result), call!(sync(id)), tags = ["tag:{result}"], on = "ok", when = id > 0)]
    #[cache_evict(key = "boxed:{id}", cache = "hygiene")]
    pub(super) async fn change(id: u64) -> Found {
        ::core::result::Result::Ok(id)
    }

    #[cache_put(get(id), when = result.is_ok())]
    pub(super) async fn set(id: u64, to: u64) -> Found {
        ::core::result::Result::Ok(to)
    }

    #[cache_evict(call!(sync(*result)))]
    pub(super) fn change_sync(id: u64) -> u64 {
        id
    }
}

#[tokio::test]
async fn names_of_the_standard_library_may_be_redefined() {
    use shadowed::{LOADS, Of, boxed, change, change_sync, get, opaque, refreshed, set, sync};

    let cache = crate::install("hygiene");
    for _ in 0..2 {
        assert_eq!((refreshed(1).await, get(1).await, sync(1)), (Ok(1), Ok(1), Some(1)));
        assert_eq!((opaque(1).await, boxed(1).await), (1, 1));
        assert_eq!((Of(1).property().await, Of(1).sync()), (Some(1), 1));
    }
    assert_eq!((LOADS.get(), cache.stats().entries), (7, 7));
    assert_eq!((change(1).await, set(1, 9).await, get(1).await), (Ok(1), Ok(9), Ok(9)));
    assert_eq!(
        (change_sync(1), sync(1), refreshed(1).await, boxed(1).await),
        (1, Some(1), Ok(1), 1)
    );
    assert_eq!(LOADS.get(), 10);
}

/// Arguments with the names of generated variables.
mod arguments {
    use larder::{cache_evict, cache_put, cached, call};

    use super::Loads;

    pub(super) static LOADS: Loads = Loads::new();

    #[cached(key = "{key}:{cache}:{self_}:{value}", tags = ["{tags}"], skip(site, tags, shape, rules, load), cache = "hygiene-arguments")]
    #[allow(clippy::too_many_arguments)]
    pub(super) async fn all(
        key: u64,
        cache: u64,
        self_: u64,
        value: u64,
        site: u64,
        tags: u64,
        shape: u64,
        rules: u64,
        load: u64,
    ) -> u64 {
        LOADS.count();
        key + cache + self_ + value + site + tags + shape + rules + load
    }

    #[cached(ttl = "1m", stale = "1m", cache = "hygiene-arguments")]
    pub(super) async fn refreshed(
        load: &str,
        key: &u64,
        rules: u64,
        known0: impl Into<u64> + serde::Serialize + Send + 'static,
    ) -> u64 {
        LOADS.count();
        load.len() as u64 + key + rules + known0.into()
    }

    #[cached(cache = "hygiene-arguments")]
    pub(super) fn sync(
        key: u64,
        call: u64,
        wait: u64,
        larder_arg0: u64,
        (larder_arg5, shape): (u64, u64),
    ) -> u64 {
        LOADS.count();
        key + call + wait + larder_arg0 + larder_arg5 + shape
    }

    #[cache_evict(sync_key(key), call!(sync(key - 2, evictions + 1, output + 1, 4, (5, 6))))]
    pub(super) async fn change(key: u64, evictions: u64, output: u64) -> u64 {
        key + evictions + output
    }

    #[cached(key = "{key}", cache = "hygiene-arguments")]
    pub(super) async fn sync_key(key: u64) -> u64 {
        key
    }

    #[cache_put(sync_key(put), when = output + shape + wanted > 0)]
    pub(super) fn set(put: u64, output: u64, shape: u64, wanted: u64) -> u64 {
        put + output + shape + wanted
    }
}

#[tokio::test]
async fn arguments_may_have_the_names_of_generated_variables() {
    use arguments::{LOADS, all, change, refreshed, set, sync, sync_key};

    crate::install("hygiene-arguments");
    for _ in 0..2 {
        assert_eq!(all(1, 2, 3, 4, 5, 6, 7, 8, 9).await, 45);
        assert_eq!(refreshed("a", &1, 1, 1_u8).await, 4);
        assert_eq!(sync(1, 2, 3, 4, (5, 6)), 21);
    }
    assert_eq!(LOADS.get(), 3);
    assert_eq!((set(3, 0, 0, 1), sync_key(3).await), (4, 4));
    assert_eq!(change(3, 1, 2).await, 6);
    assert_eq!((sync(1, 2, 3, 4, (5, 6)), LOADS.get(), sync_key(3).await), (21, 4, 3));
}

/// `crate = path`: larder under another name, next to a module of the user's that is called `larder`.
mod elsewhere {
    mod larder {
        pub(in super::super) use ::larder as inner;
    }
    use self::larder::inner;
    use self::larder::inner::{cache_evict, cached, cached_property};

    pub(super) struct Of;

    impl Of {
        #[cached_property(crate = inner, key_with = { let _ = self; "of" }, cache = "hygiene-path")]
        pub(super) async fn property(&self) -> u8 {
            7
        }
    }

    #[cached(crate = self::larder::inner, ttl = "1m", stale = "1m", cache = "hygiene-path")]
    #[tracing::instrument]
    pub(super) async fn get(id: u64) -> u64 {
        id
    }

    #[cached(crate = inner, cache = "hygiene-path")]
    pub(super) fn sync(id: u64) -> u64 {
        id
    }

    #[cache_evict(crate = inner, get(id), inner::call!(sync(id)))]
    pub(super) async fn change(id: u64) {}
}

#[tokio::test]
async fn larder_may_have_another_path() {
    let cache = crate::install("hygiene-path");
    for _ in 0..2 {
        let read = (elsewhere::get(1).await, elsewhere::sync(1), elsewhere::Of.property().await);
        assert_eq!(read, (1, 1, 7));
    }
    assert_eq!(cache.stats().entries, 3);
    elsewhere::change(1).await;
    assert_eq!(cache.stats().entries, 1);
}

/// Constants and statics with the names of generated variables: a pattern with such a name would match the constant.
mod constants {
    #![allow(non_upper_case_globals, dead_code)]

    use std::collections::HashMap;

    use larder::{Cache, CachedCell, cache_evict, cache_put, cached, cached_property, call};

    use super::Loads;

    pub(super) static LOADS: Loads = Loads::new();

    const key: u8 = 0;
    const tags: u8 = 0;
    const shape: u8 = 0;
    const rules: u8 = 0;
    const load: u8 = 0;
    const ids: u8 = 0;
    const batch: u8 = 0;
    const cell: u8 = 0;
    const known0: u8 = 0;
    const larder_arg0: u8 = 0;
    static handle: u8 = 0;
    static evictions: u8 = 0;
    static output: u8 = 0;
    static put: u8 = 0;
    static wanted: u8 = 0;
    static piece0: u8 = 0;
    static kept_id: u8 = 0;

    #[cached(key = "{id}", tags = ["{id}"], skip(words, cache), cache = cache)]
    pub(super) async fn get(cache: &Cache, words: impl Into<String>, id: u64) -> u64 {
        LOADS.count();
        words.into().len() as u64 + id + cache.stats().entries
    }

    #[cached(ttl = "1m", stale = "1m", skip(words), cache = "hygiene-constants")]
    pub(super) async fn refreshed(
        words: impl Into<String> + Clone + Send + 'static,
        id: u64,
    ) -> u64 {
        LOADS.count();
        words.into().len() as u64 + id
    }

    #[cached(each = "id in all", key = "{id}", tags = ["{id}"], none_ttl = "1m", cache = "hygiene-constants")]
    pub(super) async fn many(all: &[u64]) -> HashMap<u64, u64> {
        LOADS.count();
        all.iter().map(|id| (*id, *id)).collect()
    }

    #[cached(cache = "hygiene-constants")]
    pub(super) fn sync((left, right): (u64, u64)) -> u64 {
        LOADS.count();
        left + right
    }

    #[derive(Default)]
    pub(super) struct Of(CachedCell);

    impl Of {
        #[cached_property(cell = self.0, cache = "hygiene-constants")]
        pub(super) fn property(&self) -> u64 {
            LOADS.count();
            7
        }
    }

    #[cache_evict(key = "{id}:{result}", call!(sync((id, 1))), cache = "hygiene-constants", when = id > *result)]
    pub(super) async fn change(id: u64) -> u64 {
        id - 1
    }

    #[cache_put(refreshed("", id), when = id > 0)]
    pub(super) async fn set(id: u64, to: u64) -> u64 {
        to
    }
}

#[tokio::test]
async fn constants_may_have_the_names_of_generated_variables() {
    use constants::{LOADS, Of, change, get, many, refreshed, set, sync};

    let cache = crate::install("hygiene-constants");
    let of = Of::default();
    for _ in 0..2 {
        assert_eq!((get(&cache, "a", 1).await, refreshed("a", 1).await), (2, 2));
        assert_eq!((many(&[2, 3]).await[&2], sync((1, 1)), of.property()), (2, 2, 7));
    }
    assert_eq!(LOADS.get(), 5);
    assert_eq!((change(1).await, set(1, 9).await, refreshed("a", 1).await), (0, 9, 9));
    assert_eq!((sync((1, 1)), LOADS.get()), (2, 6));
}

/// A `self` that the key uses and that is not a shared reference has another name in the load.
mod renamed_self {
    use std::fmt;

    use larder::{Cache, cached};

    struct Row(u64);

    impl fmt::Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "row {}", self.0)
        }
    }

    impl Row {
        #[cached(key = "literals:{self.0}", cache = cache, skip(cache))]
        async fn literals(self, cache: &Cache) -> Vec<String> {
            vec!["{self}".to_owned(), format!("{self} {{self}} {self:}"), "}}{{".to_owned()]
        }

        #[allow(clippy::useless_vec)]
        #[cached(key = "replaced:{self.0}", cache = cache, skip(cache))]
        async fn replaced(&mut self, cache: &Cache) -> u64 {
            let next = vec![{
                *self = Row(self.0 + 1);
                self.0
            }];
            vec![(u64::from as fn(u64) -> u64)(next[0])][0]
        }
    }

    #[tokio::test]
    async fn only_format_strings_are_changed() {
        let cache = Cache::builder().build().unwrap();
        let texts = ["{self}", "row 1 {self} row 1", "}}{{"];
        assert_eq!(Row(1).literals(&cache).await, texts);
    }

    #[tokio::test]
    async fn values_in_macros_are_changed() {
        let cache = Cache::builder().build().unwrap();
        let mut row = Row(1);
        assert_eq!(row.replaced(&cache).await, 2);
        assert_eq!(row.0, 2);
    }
}
