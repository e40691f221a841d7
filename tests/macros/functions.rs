//! Functions as values, and all entries of a function as targets of evictions.

use larder::backend::MemoryBackend;
use larder::{Cache, Invalidation, cache_evict, cached, call, entries, function};

use crate::{Loads, install};

/// A cache with two tiers, and the handle of another process's cache over the same backend.
fn tiers(name: &str) -> [Cache; 2] {
    let backend = MemoryBackend::new();
    let cache = || Cache::builder().name(name).remote(backend.clone()).build().unwrap();
    let caches = [cache(), cache()];
    caches[0].install();
    caches
}

mod plain {
    use super::*;

    pub(super) static LOADS: Loads = Loads::new();

    #[derive(Clone)]
    pub(super) struct Db;

    #[cached(cache = "fn-plain", skip(db))]
    pub(super) async fn list_users(db: &Db, team: &str, page: u32) -> u64 {
        let _ = (db, team, page);
        LOADS.count()
    }

    #[cached(cache = "fn-plain")]
    pub(super) async fn list_users_of(team: &str) -> u64 {
        let _ = team;
        LOADS.count()
    }

    #[cached(cache = "fn-plain")]
    pub(super) async fn countries() -> u64 {
        LOADS.count()
    }

    #[cache_evict(list_users(..), countries(..))]
    pub(super) async fn change_all() {}

    #[cache_evict(list_users(db, &team, ..))]
    pub(super) async fn change_team(db: &Db, team: String) {}

    #[cache_evict(list_users(&Db, result, ..))]
    pub(super) async fn rename_team() -> String {
        "blue".to_owned()
    }
}

#[tokio::test]
async fn all_entries_of_a_function_and_those_with_the_same_first_arguments() {
    use plain::{Db, change_all, change_team, countries, list_users, list_users_of, rename_team};

    let [_, elsewhere] = tiers("fn-plain");
    let read = async || {
        let mut values = Vec::new();
        for (team, page) in
            [("red", 1), ("red", 2), ("re", 1), ("red,1,", 2), ("*", 1), ("blue", 1)]
        {
            values.push(list_users(&Db, team, page).await);
            assert_eq!(
                list_users(&Db, team, page).cache(&elsewhere).await,
                values[values.len() - 1]
            );
        }
        values.extend([list_users_of("red").await, countries().await]);
        values
    };
    assert_eq!(read().await, [1, 2, 3, 4, 5, 6, 7, 8]);
    change_team(&Db, "red".to_owned()).await;
    assert_eq!(read().await, [9, 10, 3, 4, 5, 6, 7, 8]);
    entries!(list_users(&Db, "*", ..)).evict().await.unwrap();
    assert_eq!(read().await, [9, 10, 3, 4, 11, 6, 7, 8]);
    rename_team().await;
    assert_eq!(read().await, [9, 10, 3, 4, 11, 12, 7, 8]);
    entries!(list_users(&Db, "red", 2, ..)).evict().await.unwrap();
    assert_eq!(read().await, [9, 13, 3, 4, 11, 12, 7, 8]);
    change_all().await;
    assert_eq!(read().await, [14, 15, 16, 17, 18, 19, 7, 20]);
    function(list_users).evict().await.unwrap();
    assert_eq!(read().await[..7], [21, 22, 23, 24, 25, 26, 7]);
    Invalidation::new()
        .call(function(list_users))
        .call(entries!(countries(..)))
        .run()
        .await
        .unwrap();
    assert_eq!(read().await, [27, 28, 29, 30, 31, 32, 7, 33]);
}

#[tokio::test]
async fn a_handle_tells_name_keys_and_statistics() {
    static LOADS: Loads = Loads::new();
    struct Repo;
    impl Repo {
        #[cached(cache = "fn-facts", skip(self))]
        async fn find(&self, id: u64) -> u64 {
            LOADS.count() + id
        }
    }
    #[cached(cache = "fn-facts")]
    async fn get(id: u64) -> u64 {
        LOADS.count() + id
    }

    let unknown = function(get).stats().unwrap_err();
    assert!(unknown.to_string().contains("fn-facts"), "{unknown}");
    let cache = install("fn-facts");
    // Before the first call, too.
    let (find, get_handle) = (function(Repo::find), function(get));
    assert!(find.name().ends_with("::Repo::find"), "{}", find.name());
    assert_eq!(find.stats().unwrap().requests(), 0);
    for id in [1, 2, 1] {
        Repo.find(id).await;
    }
    get(1).await;
    let stats = find.stats().unwrap();
    assert_eq!((stats.memory_hits, stats.loads), (1, 2));
    assert_eq!(get_handle.stats().unwrap().loads, 1);
    let listed = cache.stats_by_function();
    assert!(
        listed.iter().any(|of| of.function == find.name() && of.stats.loads == 2),
        "{listed:?}"
    );

    let keys = find.keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key.contains("::find:<")), "{keys:?}");
    assert_eq!(entries!(Repo::find(&Repo, 2, ..)).keys().await.unwrap(), [keys[1].clone()]);
    assert_eq!(format!("{find:?}"), format!("Function({:?})", find.name()));
}

#[tokio::test]
async fn a_function_is_switched_off_and_on() {
    static LOADS: Loads = Loads::new();
    #[cached(cache = "fn-switch")]
    async fn get(id: u64) -> u64 {
        let _ = id;
        LOADS.count()
    }
    #[cached(cache = "fn-switch")]
    async fn other() -> u64 {
        LOADS.count()
    }

    let cache = install("fn-switch");
    let handle = function(get);
    assert_eq!((get(1).await, other().await), (1, 2));
    handle.disable().unwrap();
    assert!(!handle.is_enabled().unwrap());
    assert_eq!((get(1).await, get(1).await, other().await), (3, 4, 2));
    handle.enable().unwrap();
    assert!(handle.is_enabled().unwrap());
    assert_eq!(get(1).await, 1);
    // The rules do not pile up.
    for _ in 0..10 {
        handle.disable().unwrap();
        handle.enable().unwrap();
    }
    let shown = format!("{:?}", cache.policies());
    assert_eq!(shown.matches("Enabled").count(), 1, "{shown}");
}

#[tokio::test]
async fn methods_and_instances() {
    static LOADS: Loads = Loads::new();
    #[derive(Clone, serde::Serialize)]
    struct Repo<T> {
        of: T,
    }
    impl<T: Clone + serde::Serialize> Repo<T> {
        #[cached(cache = "fn-instances")]
        async fn find(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }

        #[cached(cache = "fn-instances", key = "by-name:{name}", skip(self))]
        async fn by_name(&self, name: &str) -> u64 {
            let _ = name;
            LOADS.count()
        }

        #[cache_evict(Self::find(self, id, ..), Repo::<T>::by_name(..))]
        async fn change(&self, id: u64) {}
    }
    #[cached(cache = "fn-instances")]
    async fn of_type<T: serde::Serialize>(value: T, page: u8) -> u64 {
        let _ = (value, page);
        LOADS.count()
    }

    install("fn-instances");
    let (numbers, texts) = (Repo { of: 1_u8 }, Repo { of: "a" });
    let read = async || {
        [
            numbers.find(1).await,
            numbers.find(2).await,
            texts.find(1).await,
            numbers.by_name("a").await,
            texts.by_name("a").await,
        ]
    };
    assert_eq!(read().await, [1, 2, 3, 4, 5]);
    numbers.change(1).await;
    assert_eq!(read().await, [6, 2, 3, 7, 5]);
    function(Repo::<&str>::find).evict().await.unwrap();
    assert_eq!(read().await, [6, 2, 8, 7, 5]);
    entries!(Repo::by_name(&texts, "a", ..)).evict().await.unwrap();
    assert_eq!(read().await, [6, 2, 8, 7, 9]);

    let read = async || {
        [
            of_type(1_u8, 1).await,
            of_type(1_u8, 2).await,
            of_type("1", 1).await,
            of_type(11_u8, 1).await,
        ]
    };
    assert_eq!(read().await, [10, 11, 12, 13]);
    entries!(of_type(1_u8, ..)).evict().await.unwrap();
    assert_eq!(read().await, [14, 15, 12, 13]);
    // All instances by the function's own types.
    function(of_type::<u8>).evict().await.unwrap();
    assert_eq!(read().await, [16, 17, 18, 19]);
}

#[tokio::test]
async fn templates_with_prefix_and_version() {
    static LOADS: Loads = Loads::new();
    #[cached(
        cache = "fn-templates",
        key = "user:{id}:orders:{page}",
        key_prefix = "shop",
        version = 2
    )]
    async fn orders(page: Option<u32>, id: &str) -> u64 {
        let _ = (page, id);
        LOADS.count()
    }
    #[cached(cache = "fn-templates", key = "user:{id}", key_prefix = "shop")]
    async fn user(id: &str) -> u64 {
        let _ = id;
        LOADS.count()
    }
    // A placeholder at the start of the key, and a field of an argument.
    struct Pair(u8, u8);
    #[cached(cache = "fn-templates", key = "{name}/{pair.0}/{pair.1}")]
    async fn at_start(name: &str, pair: Pair) -> u64 {
        let _ = (name, pair);
        LOADS.count()
    }

    install("fn-templates");
    let read = async || {
        [
            orders(None, "a").await,
            orders(Some(1), "a").await,
            orders(Some(1), "b").await,
            orders(Some(11), "b").await,
            user("a").await,
            at_start("@a", Pair(1, 2)).await,
            at_start("b", Pair(1, 2)).await,
        ]
    };
    assert_eq!(read().await, [1, 2, 3, 4, 5, 6, 7]);
    entries!(orders(None, ..)).evict().await.unwrap();
    assert_eq!(read().await, [8, 2, 3, 4, 5, 6, 7]);
    entries!(orders(Some(1), ..)).evict().await.unwrap();
    assert_eq!(read().await, [8, 9, 10, 4, 5, 6, 7]);
    function(orders).evict().await.unwrap();
    assert_eq!(read().await, [11, 12, 13, 14, 5, 6, 7]);
    entries!(at_start("@a", ..)).evict().await.unwrap();
    assert_eq!(read().await, [11, 12, 13, 14, 5, 15, 7]);
    entries!(at_start(..)).evict().await.unwrap();
    assert_eq!(read().await, [11, 12, 13, 14, 5, 16, 17]);
    // The pattern of a template also matches longer keys that begin in the same way.
    assert_eq!(entries!(user("b", ..)).keys().await.unwrap().len(), 0);
    assert_eq!(function(user).keys().await.unwrap().len(), 5);
}

#[tokio::test]
async fn long_keys_are_found_too() {
    static LOADS: Loads = Loads::new();
    #[cached(cache = "fn-long")]
    async fn get(name: &str, page: u8) -> u64 {
        let _ = (name, page);
        LOADS.count()
    }
    install("fn-long");
    let long = "x".repeat(1_000);
    assert_eq!((get(&long, 1).await, get("a", 1).await), (1, 2));
    entries!(get(&long, ..)).evict().await.unwrap();
    assert_eq!((get(&long, 1).await, get("a", 1).await), (3, 2));
    function(get).evict().await.unwrap();
    assert_eq!((get(&long, 1).await, get("a", 1).await), (4, 5));
}

#[tokio::test]
async fn functions_with_a_model() {
    static LOADS: Loads = Loads::new();
    #[derive(Clone, serde::Serialize)]
    struct Users;
    impl Users {
        #[cached(cache = "fn-models", model = "user", op = "list")]
        async fn list(&self, team: u8, page: u8) -> u64 {
            let _ = (team, page);
            LOADS.count()
        }
    }
    #[cached(cache = "fn-models", model = "user", op = "get", version = "b")]
    async fn get(id: u8) -> u64 {
        let _ = id;
        LOADS.count()
    }
    #[cached(cache = "fn-models", model = "user", op = "count")]
    async fn count() -> u64 {
        LOADS.count()
    }
    #[cache_evict(get(..), count(..))]
    async fn change() {}

    let [cache, _] = tiers("fn-models");
    let read = async || {
        [
            Users.list(1, 1).await,
            Users.list(1, 2).await,
            Users.list(2, 1).await,
            get(1).await,
            count().await,
        ]
    };
    assert_eq!(read().await, [1, 2, 3, 4, 5]);
    assert_eq!(cache.keys("*").await.unwrap().len(), 5);
    entries!(Users::list(&Users, 1, ..)).evict().await.unwrap();
    assert_eq!(read().await, [6, 7, 3, 4, 5]);
    function(Users::list).evict().await.unwrap();
    assert_eq!(read().await, [8, 9, 10, 4, 5]);
    change().await;
    assert_eq!(read().await, [8, 9, 10, 11, 12]);
    assert_eq!(function(count).keys().await.unwrap(), ["user:count:"]);
}

mod sync_functions {
    use super::*;

    pub(super) static LOADS: Loads = Loads::new();

    #[cached(cache = "fn-sync")]
    pub(super) fn sum(a: u64, b: u64) -> u64 {
        LOADS.count();
        a + b
    }

    pub(super) struct Report;

    impl Report {
        #[cached(cache = "fn-sync", skip(self))]
        pub(super) fn total(&self, year: u32) -> u64 {
            let _ = year;
            LOADS.count()
        }

        #[cache_evict(call!(Self::total(..)), call!(sum(1, ..)))]
        pub(super) fn change(&self) {}
    }
}

#[tokio::test]
async fn sync_functions_are_named_by_call() {
    use sync_functions::{LOADS, Report, sum};

    install("fn-sync");
    let read = || [sum(1, 1), sum(1, 2), sum(2, 1), Report.total(1)];
    read();
    let loads = LOADS.get();
    assert_eq!(loads, 4);
    read();
    Report.change();
    assert_eq!(LOADS.get(), loads);
    read();
    assert_eq!(LOADS.get(), loads + 3);
    function(call!(sum)).evict().await.unwrap();
    read();
    assert_eq!(LOADS.get(), loads + 6);
    entries!(call!(Report::total(&Report, 1, ..))).evict().await.unwrap();
    read();
    assert_eq!(LOADS.get(), loads + 7);
    assert!(
        function(call!(sum)).name().ends_with("sync_functions::sum"),
        "{}",
        function(call!(sum)).name()
    );
    assert!(function(call!(Report::total)).name().ends_with("Report::total"));
}

#[tokio::test]
async fn batches() {
    use std::collections::HashMap;

    static LOADS: Loads = Loads::new();
    #[cached(cache = "fn-each", each = "id in ids")]
    async fn users(team: u8, ids: &[u64]) -> HashMap<u64, u64> {
        let _ = team;
        let count = LOADS.count();
        ids.iter().map(|id| (*id, count)).collect()
    }
    install("fn-each");
    let read = async || (users(1, &[1, 2]).await[&1], users(2, &[1]).await[&1]);
    assert_eq!(read().await, (1, 2));
    entries!(users(1, ..)).evict().await.unwrap();
    assert_eq!(read().await, (3, 2));
    function(users).evict().await.unwrap();
    assert_eq!(read().await, (4, 5));
    assert_eq!(function(users).keys().await.unwrap().len(), 3);
}

#[tokio::test]
async fn tenants() {
    static LOADS: Loads = Loads::new();
    #[cached(cache = "fn-tenants")]
    async fn get(id: u64) -> u64 {
        let _ = id;
        LOADS.count()
    }
    #[cache_evict(get(..).tenant(tenant))]
    async fn change(tenant: &str) {}

    let [cache, _] = tiers("fn-tenants");
    let acme = cache.tenant("acme").unwrap();
    let read = async || {
        [
            get(1).await,
            get(1).tenant("acme").await,
            get(1).tenant("umbrella").await,
            get(1).cache(&acme).tenant("inner").await,
        ]
    };
    assert_eq!(read().await, [1, 2, 3, 4]);
    change("acme").await;
    assert_eq!(read().await, [1, 5, 3, 4]);
    function(get).cache(&acme).tenant("inner").evict().await.unwrap();
    assert_eq!(read().await, [1, 5, 3, 6]);
    function(get).evict().await.unwrap();
    assert_eq!(read().await, [7, 8, 9, 10]);
    assert_eq!(function(get).tenant("umbrella").keys().await.unwrap().len(), 1);
    assert_eq!(function(get).keys().await.unwrap().len(), 4);
    let unnamed = function(get).tenant("").evict().await.unwrap_err();
    assert!(unnamed.to_string().contains("tenant"), "{unnamed}");
}

#[tokio::test]
async fn caches_that_only_calls_tell() {
    static LOADS: Loads = Loads::new();
    #[cached(cache = cache, skip(cache))]
    async fn get(cache: &Cache, id: u64) -> u64 {
        let _ = id;
        LOADS.count()
    }
    #[cache_evict(get(..), cache = cache)]
    async fn change(cache: &Cache) {}
    #[cache_evict(get(..).cache(cache))]
    async fn change_there(cache: &Cache) {}

    let cache = Cache::builder().build().unwrap();
    assert_eq!((get(&cache, 1).await, get(&cache, 1).await), (1, 1));
    change(&cache).await;
    assert_eq!((get(&cache, 1).await, get(&cache, 1).await), (2, 2));
    change_there(&cache).await;
    assert_eq!((get(&cache, 1).await, get(&cache, 1).await), (3, 3));
    function(get).cache(&cache).evict().await.unwrap();
    assert_eq!(get(&cache, 1).await, 4);
    entries!(get(&cache, 1, ..)).cache(&cache).evict().await.unwrap();
    assert_eq!(get(&cache, 1).await, 5);
    let unknown = function(get).evict().await.unwrap_err();
    assert!(unknown.to_string().contains(".cache(&handle)"), "{unknown}");
    assert!(function(get).stats().is_err());
    assert_eq!(function(get).cache(&cache).stats().unwrap().loads, 5);
}

#[tokio::test]
async fn functions_in_bodies_of_functions() {
    static LOADS: Loads = Loads::new();
    install("fn-bodies");
    macro_rules! in_a_block {
        () => {{
            #[cached(cache = "fn-bodies")]
            async fn get(id: u64) -> u64 {
                let _ = id;
                LOADS.count()
            }
            (async || get(1).await, function(get))
        }};
    }
    let (first, of_first) = in_a_block!();
    let (second, _) = in_a_block!();
    assert_eq!((first().await, second().await), (1, 2));
    of_first.evict().await.unwrap();
    assert_eq!((first().await, second().await), (3, 2));
}

#[tokio::test]
async fn methods_of_traits() {
    static LOADS: Loads = Loads::new();
    trait Find {
        #[allow(async_fn_in_trait)]
        async fn find(&self, id: u64) -> u64;

        #[cached(cache = "fn-traits", skip(self))]
        async fn given(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }
    }
    struct Pg;
    struct Lite;
    impl Find for Pg {
        #[cached(cache = "fn-traits", skip(self))]
        async fn find(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }
    }
    impl Find for Lite {
        #[cached(cache = "fn-traits", skip(self))]
        async fn find(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }
    }
    install("fn-traits");
    let read =
        async || [Pg.find(1).await, Lite.find(1).await, Pg.given(1).await, Lite.given(1).await];
    assert_eq!(read().await, [1, 2, 3, 4]);
    // A default method of a trait returns a `Call`, and so does an implementation for callers that know its type.
    function(<Pg as Find>::given).evict().await.unwrap();
    assert_eq!(read().await, [1, 2, 5, 4]);
}

/// A load that began before the eviction must not fill the cache with what it has read.
#[tokio::test]
async fn loads_that_have_begun_are_revoked() {
    use std::sync::Arc;
    use tokio::sync::Notify;

    static LOADS: Loads = Loads::new();
    #[cached(cache = "fn-loads", skip(begun, go))]
    async fn get(begun: Arc<Notify>, go: Arc<Notify>, id: u64) -> u64 {
        let _ = id;
        begun.notify_one();
        go.notified().await;
        LOADS.count()
    }
    install("fn-loads");
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let load = tokio::spawn({
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        async move { get(begun, go, 1).await }
    });
    begun.notified().await;
    function(get).evict().await.unwrap();
    go.notify_one();
    assert_eq!(load.await.unwrap(), 1);
    go.notify_one();
    assert_eq!(get(begun, go, 1).await, 2);
}

#[tokio::test]
async fn soft_evictions_keep_values_for_failed_loads() {
    static LOADS: Loads = Loads::new();
    #[cached(cache = "fn-soft", ttl = "1h", stale_if_error = "1h")]
    async fn get(id: u64) -> Result<u64, String> {
        let count = LOADS.count();
        if count.is_multiple_of(2) { Err(format!("no {id}")) } else { Ok(count) }
    }
    #[cache_evict(get(..), soft)]
    async fn change() {}

    install("fn-soft");
    assert_eq!(get(1).await, Ok(1));
    change().await;
    assert_eq!((get(1).await, LOADS.get()), (Ok(1), 2));
    function(get).evict().await.unwrap();
    assert_eq!((get(1).await, LOADS.get()), (Ok(3), 3));
    entries!(get(1, ..)).mark_stale().await.unwrap();
    assert_eq!((get(1).await, LOADS.get()), (Ok(3), 4));
    function(get).evict().await.unwrap();
    LOADS.count();
    assert_eq!(get(1).await, Err("no 1".to_owned()));
}
