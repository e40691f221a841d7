//! The entries of one model, by id and type.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Cache, Error, Expiry, Invalidation, ModelCache, Policy, UpdateMode, cache_evict, cached,
};
use serde::{Deserialize, Serialize};

use crate::management::tierings;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

fn user(name: &str) -> User {
    User { name: name.to_owned() }
}

fn users(cache: &Cache) -> ModelCache<u64, User> {
    cache.typed("users").unwrap()
}

#[tokio::test]
async fn values_by_id() {
    for (name, cache) in tierings().await.caches {
        let users = users(&cache);
        assert_eq!(users.get(&7).await.unwrap(), None, "{name}");
        users.insert(&7, user("Ada")).await.unwrap();
        assert_eq!(users.get(&7).await.unwrap(), Some(user("Ada")), "{name}");
        assert!(users.contains(&7).await.unwrap() && !users.contains(&8).await.unwrap(), "{name}");
        assert_eq!(users.ttl(&7).await.unwrap(), Some(Expiry::Never), "{name}");
        let load = async || Ok::<_, ()>(user("Bob"));
        assert_eq!(users.get_or_load(&8, load).await, Ok(user("Bob")), "{name}");
        assert_eq!(users.get(&8).await.unwrap(), Some(user("Bob")), "{name}: stored");

        users.insert_many([(9, user("Eve")), (10, user("Kim"))]).await.unwrap();
        let found = users.get_many(&[10, 11, 7]).await.unwrap();
        assert_eq!(found, [Some(user("Kim")), None, Some(user("Ada"))], "{name}");
        let ids: BTreeSet<u64> = users.ids().await.unwrap().into_iter().collect();
        assert_eq!(ids, [7, 8, 9, 10].into(), "{name}");
        assert_eq!(users.remove_many(&[9, 10, 11]).await.unwrap(), 2, "{name}");
        assert!(users.remove(&8).await.unwrap() && !users.remove(&8).await.unwrap(), "{name}");

        let missing = async |ids: Vec<u64>| {
            assert_eq!(ids, [8, 9], "{name}: those that miss");
            Ok::<_, ()>(HashMap::from([(8, user("Bob")), (9, user("Eve"))]))
        };
        let all = users.get_or_load_many(&[7, 8, 9, 8], missing).await.unwrap();
        assert_eq!(all.len(), 3, "{name}");
        assert_eq!((&all[&7], &all[&9]), (&user("Ada"), &user("Eve")), "{name}");

        let failed = users.mark_stale(&7).await.unwrap();
        assert!(failed && users.get(&7).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn changes_of_the_old_value() {
    const HOUR: Policy = Policy::new().ttl(Duration::from_secs(3600));
    for (name, cache) in tierings().await.caches {
        let users = users(&cache).policy(HOUR);
        assert!(users.insert_if_absent(&7, user("Ada")).await.unwrap(), "{name}");
        assert!(!users.insert_if_absent(&7, user("Bob")).await.unwrap(), "{name}");
        let rename = |old: Option<User>| old.map(|old| user(&format!("{} L.", old.name)));
        assert_eq!(users.update(&7, rename).await.unwrap(), Some(user("Ada L.")), "{name}");
        assert_eq!(users.update(&8, rename).await.unwrap(), None, "{name}");
        assert_eq!(users.get(&7).await.unwrap(), Some(user("Ada L.")), "{name}");
        assert!(users.ttl(&7).await.unwrap() < Some(Expiry::Never), "{name}: the view's policy");
        assert_eq!(users.take(&7).await.unwrap(), Some(user("Ada L.")), "{name}");
        assert_eq!(users.take(&7).await.unwrap(), None, "{name}");
        // The value has the view's tags.
        users.update(&7, |_| Some(user("Eve"))).await.unwrap();
        users.clear().await.unwrap();
        assert_eq!(users.get(&7).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_view_with_a_separate_policy() {
    for (name, cache) in tierings().await.caches {
        let minute = Policy::new().ttl(Duration::from_secs(60)).tags(&["people"]);
        let users = users(&cache).policy(minute);
        users.insert(&7, user("Ada")).await.unwrap();
        users.insert_many([(8, user("Bob"))]).await.unwrap();
        for id in [7, 8] {
            let left = users.ttl(&id).await.unwrap().and_then(Expiry::left).unwrap();
            assert!(left <= Duration::from_secs(60), "{name}: {left:?}");
        }
        cache.evict_tag("people").await.unwrap();
        assert_eq!(users.get_many(&[7, 8]).await.unwrap(), [None, None], "{name}");
    }
}

#[tokio::test]
async fn an_update_replaces_or_evicts() {
    for (name, cache) in tierings().await.caches {
        let follows = users(&cache);
        let goes = follows.clone().on_update(UpdateMode::Evict);
        follows.updated(&7, user("Ada")).await.unwrap();
        assert_eq!(follows.get(&7).await.unwrap(), Some(user("Ada")), "{name}");
        goes.updated(&7, user("Ada II")).await.unwrap();
        assert_eq!(follows.get(&7).await.unwrap(), None, "{name}");

        struct Renamed(u64);
        let rule = goes.evict_on(|event: &Renamed| (event.0 < 100).then_some(event.0));
        follows.insert(&7, user("Ada")).await.unwrap();
        cache.emit(&Renamed(700)).await.unwrap();
        assert!(follows.contains(&7).await.unwrap(), "{name}: another one's");
        cache.emit(&Renamed(7)).await.unwrap();
        assert!(!follows.contains(&7).await.unwrap(), "{name}");
        drop(rule);
        follows.insert(&7, user("Ada")).await.unwrap();
        cache.emit(&Renamed(7)).await.unwrap();
        assert!(follows.contains(&7).await.unwrap(), "{name}: the rule has gone");
    }
}

// --- together with functions of the model ------------------------------------------------------

struct Shop {
    cache: Cache,
    loads: AtomicU64,
}

impl Shop {
    #[cached(model = "users", op = "get", cache = self.cache, skip(self))]
    async fn user(&self, id: u64) -> Result<User, String> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        Ok(user(&format!("{id} of the database")))
    }

    #[cached(model = "users", op = "by_mail", cache = self.cache, skip(self))]
    async fn by_mail(&self, mail: &str) -> Option<User> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        Some(user(mail))
    }

    #[cached(model = "orders", op = "get", cache = self.cache, skip(self))]
    async fn order(&self, id: u64) -> u64 {
        self.loads.fetch_add(1, Ordering::Relaxed);
        id
    }

    #[cache_evict(model = "users", cache = self.cache)]
    async fn forget_users(&self) {}

    #[cache_evict(model = "users", op = "get", cache = self.cache)]
    async fn forget_user(&self) {}
}

#[tokio::test]
async fn functions_and_views_of_a_model_share_entries() {
    for (name, cache) in tierings().await.caches {
        let shop = Shop { cache: cache.clone(), loads: AtomicU64::new(0) };
        let loads = || shop.loads.load(Ordering::Relaxed);
        let users = users(&cache).of::<Shop>();
        let by_mail = cache
            .typed::<str, Option<User>>("users")
            .unwrap()
            .operation("by_mail")
            .unwrap()
            .of::<Shop>();

        users.insert(&7, user("Ada")).await.unwrap();
        assert_eq!(shop.user(7).await, Ok(user("Ada")), "{name}: what the view stored");
        assert_eq!(loads(), 0);
        shop.by_mail("a:b@c.d").await;
        assert_eq!(by_mail.get("a:b@c.d").await.unwrap(), Some(Some(user("a:b@c.d"))), "{name}");
        assert_eq!(users.get(&7).await.unwrap(), Some(user("Ada")), "{name}: another operation");
        shop.order(7).await;

        // Clearing the view removes entries of functions, and the other way round.
        users.clear().await.unwrap();
        assert_eq!(shop.user(7).await, Ok(user("7 of the database")), "{name}");
        assert_eq!(by_mail.get("a:b@c.d").await.unwrap(), None, "{name}: the whole model");
        assert_eq!(shop.order(7).peek().await.unwrap(), Some(7), "{name}: no other one");
        users.insert_many([(8, user("Bob"))]).await.unwrap();
        shop.forget_users().await;
        assert_eq!(users.get_many(&[7, 8]).await.unwrap(), [None, None], "{name}");

        users.insert(&7, user("Ada")).await.unwrap();
        shop.by_mail("mail").await;
        shop.forget_user().await;
        assert_eq!(users.get(&7).await.unwrap(), None, "{name}: one operation");
        assert!(by_mail.contains("mail").await.unwrap(), "{name}");
        Invalidation::new().cache(&cache).model("users").run().await.unwrap();
        assert!(!by_mail.contains("mail").await.unwrap(), "{name}");
    }
}

#[cached(model = "users", op = "get", cache = cache, skip(cache))]
async fn free(cache: &Cache, id: u64) -> User {
    user(&format!("{id} of the database"))
}

#[tokio::test]
async fn free_functions_and_views_share_entries() {
    for (name, cache) in tierings().await.caches {
        let users = users(&cache);
        users.insert(&7, user("Ada")).await.unwrap();
        assert_eq!(free(&cache, 7).await, user("Ada"), "{name}");
        free(&cache, 8).await;
        assert_eq!(users.get(&8).await.unwrap(), Some(user("8 of the database")), "{name}");
        assert_eq!(cache.keys("*").await.unwrap(), ["users:get:7,", "users:get:8,"], "{name}");
    }
}

#[tokio::test]
async fn ids_survive_a_round_trip() {
    let cache = Cache::builder().build().unwrap();
    let names = cache.typed::<String, u64>("names").unwrap();
    let ids = ["ada", "a:b*c%", "7", "", "ключ", "'", "!t", &"long".repeat(100)];
    names.insert_many(ids.map(|id| (id.to_owned(), 1))).await.unwrap();
    let found: BTreeSet<String> = names.ids().await.unwrap().into_iter().collect();
    let short = ids.iter().filter(|id| id.len() < 100).map(|id| (*id).to_owned());
    assert_eq!(found, short.collect(), "all except the one that is cut to a hash");
    assert_eq!(names.get(&"long".repeat(100)).await.unwrap(), Some(1));

    // Another view of the model does not include it, nor does one with another id type.
    let numbers = cache.typed::<u64, u64>("names").unwrap();
    numbers.insert(&7, 2).await.unwrap();
    assert_eq!(numbers.ids().await.unwrap(), [7]);
    let pairs = cache.typed::<(u64, String), u64>("pairs").unwrap();
    pairs.insert(&(7, "a,b".to_owned()), 3).await.unwrap();
    assert_eq!(pairs.get(&(7, "a,b".to_owned())).await.unwrap(), Some(3));
    assert_eq!(pairs.key(&(7, "a,b".to_owned())).unwrap().as_str(), "pairs:get:(7,a%2Cb,),");
}

#[test]
fn invalid_names() {
    let cache = Cache::builder().build().unwrap();
    for name in ["", "a:b", "user*", "a b"] {
        let error = cache.typed::<u64, u64>(name).unwrap_err();
        assert!(matches!(error, Error::Config { field: "model", .. }), "{error}");
        let error = cache.typed::<u64, u64>("users").unwrap().operation(name).unwrap_err();
        assert!(matches!(error, Error::Config { field: "operation", .. }), "{error}");
    }
}

#[tokio::test]
async fn the_life_of_an_id_can_be_changed() {
    let minute = Duration::from_secs(60);
    for (name, cache) in tierings().await.caches {
        let users = users(&cache);
        users.insert(&7, user("Ada")).await.unwrap();
        assert!(users.expire(&7, minute).await.unwrap(), "{name}");
        assert!(users.ttl(&7).await.unwrap() <= Some(Expiry::In(minute)), "{name}");
        assert!(users.persist(&7).await.unwrap(), "{name}");
        assert_eq!(users.ttl(&7).await.unwrap(), Some(Expiry::Never), "{name}");
        assert!(!users.expire(&8, minute).await.unwrap(), "{name}: there is none");
        assert_eq!(users.get(&7).await.unwrap(), Some(user("Ada")), "{name}");
    }
}

#[tokio::test]
async fn a_stale_window_needs_a_load_that_owns_its_inputs() {
    let clock = larder::time::Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    let users = users(&cache).policy(Policy::new().ttl(second).stale(hour));
    let load = |name: &'static str| move || async move { Ok::<_, ()>(user(name)) };
    users.get_or_refresh(&7, load("Ada")).await.unwrap();
    clock.advance(2 * second);
    let stale = users.get_or_refresh(&7, load("Bob")).await.unwrap();
    assert_eq!((stale, cache.stats().stale_hits), (user("Ada"), 1));
    crate::support::eventually("refreshed behind", async || {
        users.get(&7).await.unwrap() == Some(user("Bob"))
    })
    .await;
    clock.advance(2 * second);
    let borrowed = users.get_or_load(&7, || async { Ok::<_, ()>(user("Eve")) }).await.unwrap();
    assert_eq!((borrowed, cache.stats().stale_hits), (user("Eve"), 1), "loaded immediately");
}

/// serde rejects some values: paths that are not UTF-8, times before 1970.
#[tokio::test]
async fn ids_that_serde_rejects_share_nothing() {
    #[derive(Clone, PartialEq)]
    struct Refused(u64);
    impl Serialize for Refused {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("refused"))
        }
    }
    for (name, cache) in tierings().await.caches {
        let view = cache.typed::<Refused, u64>("refused").unwrap();
        for id in [Refused(1), Refused(2)] {
            view.insert(&id, id.0).await.unwrap();
            assert_eq!(view.get(&id).await.unwrap(), None, "{name}");
            let load = || async { Ok::<_, ()>(id.0) };
            assert_eq!(view.get_or_load(&id, load).await, Ok(id.0), "{name}: its own");
        }
        let stored = cache.stats().remote_stores;
        assert_eq!(stored, 0, "{name}: no read could find it there");
    }
}

#[tokio::test]
async fn an_id_that_serde_refuses_has_no_key() {
    use std::os::unix::ffi::OsStringExt as _;
    use std::path::PathBuf;

    let cache = Cache::builder().build().unwrap();
    let files = cache.typed::<PathBuf, u64>("file").unwrap();
    assert!(files.key(&PathBuf::from("a")).is_ok());
    let odd = PathBuf::from(std::ffi::OsString::from_vec(vec![0xff]));
    let error = files.key(&odd).unwrap_err().to_string();
    assert!(error.contains("serde refuses this id"), "{error}");
}
