//! The management methods of a cache, over every tiering: one body, four caches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Cache, Error, Expiry, Invalidation, Key, Policy,
    backend::{Backend, MemoryBackend},
    cached,
};

use crate::support::{Server, eventually};

/// Four caches, and the server that two of them use.
pub(crate) struct Tierings {
    pub(crate) caches: Vec<(&'static str, Cache)>,
    pub(crate) server: Server,
}

/// Memory, memory over a store in this process, Redis, memory over Redis.
pub(crate) async fn tierings() -> Tierings {
    let server = Server::start();
    let redis = async || Redis::connect(server.url()).await.unwrap();
    let builder = |name: &str| Cache::builder().namespace(name);
    let caches = vec![
        ("memory", builder("one").build().unwrap()),
        ("memory + bytes", builder("two").remote(MemoryBackend::new()).build().unwrap()),
        ("redis", builder("three").no_memory().remote(redis().await).build().unwrap()),
        ("memory + redis", builder("four").remote(redis().await).build().unwrap()),
    ];
    for (name, cache) in &caches {
        eventually(&format!("{name} is linked"), async || cache.is_linked()).await;
    }
    Tierings { caches, server }
}

const HOUR: Duration = Duration::from_secs(3600);
const FOR_AN_HOUR: Policy = Policy::new().ttl(HOUR);
const KEPT: Policy = FOR_AN_HOUR.stale(HOUR).stale_if_error(HOUR).tags(&["kept"]);

/// Checks that the expiry is `ttl` or a little less.
#[track_caller]
fn about(expiry: Option<Expiry>, ttl: Duration) {
    let left = expiry.and_then(Expiry::left);
    let about = left.is_some_and(|left| left <= ttl && ttl - left < Duration::from_secs(5));
    assert!(about, "{expiry:?} is not {ttl:?}");
}

async fn load(
    cache: &Cache,
    key: &str,
    policy: Policy,
    loaded: Result<u64, ()>,
) -> Result<u64, ()> {
    cache.entry(key).policy(policy).or_load(|| async move { loaded }).await
}

#[tokio::test]
async fn how_long_an_entry_lives() {
    for (name, cache) in tierings().await.caches {
        assert_eq!(cache.ttl("absent").await.unwrap(), None, "{name}");
        cache.insert("plain", 1u64).await.unwrap();
        assert_eq!(cache.ttl("plain").await.unwrap(), Some(Expiry::Never), "{name}");
        cache.entry("hour").policy(FOR_AN_HOUR).insert("text".to_owned()).await.unwrap();
        about(cache.ttl("hour").await.unwrap(), HOUR);
        let idle = FOR_AN_HOUR.tti(Duration::from_secs(60));
        cache.entry("idle").policy(idle).insert(1u64).await.unwrap();
        about(cache.ttl("idle").await.unwrap(), Duration::from_secs(60));
        cache.entry("tagged").policy(KEPT).insert(1u64).await.unwrap();
        about(cache.ttl("tagged").await.unwrap(), HOUR);
        cache.evict_tag("kept").await.unwrap();
        assert_eq!(cache.ttl("tagged").await.unwrap(), None, "{name}: what a tag ended");
        cache.remove("hour").await.unwrap();
        assert_eq!(cache.ttl("hour").await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn expire_changes_the_life() {
    for (name, cache) in tierings().await.caches {
        assert!(!cache.expire("absent", HOUR).await.unwrap(), "{name}");
        assert!(!cache.persist("absent").await.unwrap(), "{name}");
        cache.insert("k", 1u64).await.unwrap();
        assert!(cache.expire("k", HOUR).await.unwrap(), "{name}");
        about(cache.ttl("k").await.unwrap(), HOUR);
        assert!(cache.expire("k", 2 * HOUR).await.unwrap(), "{name}: longer");
        about(cache.ttl("k").await.unwrap(), 2 * HOUR);
        assert!(cache.persist("k").await.unwrap(), "{name}");
        assert_eq!(cache.ttl("k").await.unwrap(), Some(Expiry::Never), "{name}");
        assert!(cache.expire("k", Duration::from_secs(1)).await.unwrap(), "{name}");
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1), "{name}: still there");
        eventually("its time is over", async || cache.get::<u64>("k").await.unwrap().is_none())
            .await;
        assert!(!cache.expire("k", HOUR).await.unwrap(), "{name}: and it does not come back");
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{name}");

        cache.insert("k", 2u64).await.unwrap();
        assert!(cache.expire("k", Duration::ZERO).await.unwrap(), "{name}: removed");
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{name}");
        assert!(!cache.expire("k", Duration::ZERO).await.unwrap(), "{name}");

        cache.entry("tagged").policy(KEPT).insert(3u64).await.unwrap();
        assert!(cache.expire("tagged", 2 * HOUR).await.unwrap(), "{name}");
        cache.evict_tag("kept").await.unwrap();
        assert_eq!(cache.get::<u64>("tagged").await.unwrap(), None, "{name}: its tags are kept");
        assert!(!cache.expire("tagged", HOUR).await.unwrap(), "{name}: what a tag ended");
        assert_eq!(cache.get::<u64>("tagged").await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn windows_start_at_the_end_of_the_life() {
    for (name, cache) in tierings().await.caches {
        cache.entry("k").policy(KEPT).insert(1u64).await.unwrap();
        assert!(cache.expire("k", Duration::from_millis(40)).await.unwrap(), "{name}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{name}");
        assert_eq!(
            load(&cache, "k", KEPT, Err(())).await,
            Ok(1),
            "{name}: the old value, as the load fails"
        );
    }
}

#[tokio::test]
async fn mark_stale_keeps_the_old_value() {
    for (name, cache) in tierings().await.caches {
        assert!(!cache.mark_stale("absent").await.unwrap(), "{name}");
        cache.entry("k").policy(KEPT).insert(1u64).await.unwrap();
        assert!(cache.mark_stale("k").await.unwrap(), "{name}");
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{name}: old");
        assert_eq!(cache.get_many::<u64>(&["k"]).await.unwrap(), [None], "{name}");
        assert_eq!(cache.ttl("k").await.unwrap(), None, "{name}");
        assert!(!cache.expire("k", HOUR).await.unwrap(), "{name}: nor made fresh again");
        assert!(!cache.persist("k").await.unwrap(), "{name}");
        assert_eq!(load(&cache, "k", KEPT, Err(())).await, Ok(1), "{name}: but kept");
        assert!(cache.mark_stale("k").await.unwrap(), "{name}: twice is the same");
        assert_eq!(
            load(&cache, "k", KEPT, Ok(2)).await,
            Ok(2),
            "{name}: the read loads immediately"
        );
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(2), "{name}: the next load stores");

        cache.entry("bare").policy(FOR_AN_HOUR).insert(1u64).await.unwrap();
        assert!(cache.mark_stale("bare").await.unwrap(), "{name}");
        assert!(!cache.mark_stale("bare").await.unwrap(), "{name}: nothing was to be kept");
        assert_eq!(load(&cache, "bare", FOR_AN_HOUR, Err(())).await, Err(()), "{name}");
    }
}

#[tokio::test]
async fn tags_patterns_and_everything_can_be_marked_stale() {
    for (name, cache) in tierings().await.caches {
        for reach in ["tag", "pattern", "all"] {
            let soften = async || match reach {
                "tag" => cache.mark_tag_stale("kept").await.unwrap(),
                "pattern" => {
                    assert_eq!(cache.mark_pattern_stale("soft:*").await.unwrap(), 2, "{name}")
                }
                _ => cache.mark_all_stale().await.unwrap(),
            };
            for key in ["soft:1", "soft:2", "other"] {
                cache.entry(key).policy(KEPT).insert(1u64).await.unwrap();
            }
            soften().await;
            let others = (reach == "pattern").then_some(1);
            assert_eq!(cache.get::<u64>("soft:1").await.unwrap(), None, "{name} {reach}");
            assert_eq!(cache.get::<u64>("other").await.unwrap(), others, "{name} {reach}");
            assert_eq!(load(&cache, "soft:1", KEPT, Err(())).await, Ok(1), "{name} {reach}: kept");
            soften().await;
            assert_eq!(load(&cache, "soft:1", KEPT, Ok(2)).await, Ok(2), "{name} {reach}: loaded");
            assert_eq!(cache.get::<u64>("soft:1").await.unwrap(), Some(2), "{name} {reach}");
            cache.clear().await.unwrap();
            assert_eq!(
                load(&cache, "soft:2", KEPT, Err(())).await,
                Err(()),
                "{name} {reach}: ended"
            );
        }
    }
}

/// Even with a `stale` window, the next read does not return a value that was marked stale.
#[tokio::test]
async fn a_value_marked_stale_is_not_served_while_it_is_refreshed() {
    for (name, cache) in tierings().await.caches {
        cache.entry("k").policy(KEPT).insert(1u64).await.unwrap();
        cache.mark_stale("k").await.unwrap();
        let read = cache.entry("k").policy(KEPT).or_refresh(|| async { Ok::<_, ()>(2u64) }).await;
        assert_eq!(read, Ok(2), "{name}");
    }
}

#[tokio::test]
async fn many_keys_in_one_call() {
    for (name, cache) in tierings().await.caches {
        let entries = (0..1_500).map(|n| (format!("k:{n}"), n));
        cache.insert_many::<_, u64>(entries).await.unwrap();
        assert_eq!(cache.get::<u64>("k:1499").await.unwrap(), Some(1499), "{name}");
        cache.insert_many([("twice", 1u64), ("once", 2), ("twice", 3)]).await.unwrap();
        let found = cache.get_many::<u64>(&["twice", "once"]).await.unwrap();
        assert_eq!(found, [Some(3), Some(2)], "{name}: the last one counts");

        let some = (0..1_000).map(|n| format!("k:{n}"));
        assert_eq!(cache.remove_many(some).await.unwrap(), 1_000, "{name}");
        assert_eq!(cache.remove_many(["k:0", "k:1000", "k:1000"]).await.unwrap(), 1, "{name}");
        assert_eq!(cache.remove_many::<&str>([]).await.unwrap(), 0, "{name}");
        assert_eq!(cache.get_many::<u64>(&["k:1000", "k:1001"]).await.unwrap(), [None, Some(1001)]);

        cache.entry("a").policy(Policy::new().tags(&["one"])).insert(1u64).await.unwrap();
        cache.entry("b").policy(Policy::new().tags(&["two"])).insert(2u64).await.unwrap();
        cache.entry("c").policy(Policy::new().tags(&["three"])).insert(3u64).await.unwrap();
        cache.evict_tags(["one", "two"]).await.unwrap();
        let found = cache.get_many::<u64>(&["a", "b", "c"]).await.unwrap();
        assert_eq!(found, [None, None, Some(3)], "{name}");
    }
}

/// A value that its codec cannot represent does not prevent the others from being stored.
#[tokio::test]
async fn of_many_values_the_failed_ones_are_named() {
    #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
    struct Even(u64);
    impl serde::Serialize for Even {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self.0 % 2 {
                0 => self.0.serialize(to),
                _ => Err(serde::ser::Error::custom("it is odd")),
            }
        }
    }
    for (name, cache) in tierings().await.caches {
        let values = (0..6).map(|n| (format!("n:{n}"), Even(n)));
        let stored = cache.insert_many(values).await;
        if name == "memory" {
            stored.unwrap();
            continue;
        }
        let error = stored.unwrap_err();
        assert!(error.to_string().starts_with("3 of 6 failed, the first one `n:1`: "), "{error}");
        let Error::Several { failed, of: 6, .. } = error else { panic!("{name}: {error}") };
        let keys: Vec<&str> = failed.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["n:1", "n:3", "n:5"], "{name}");
        assert!(failed.iter().all(|(_, error)| matches!(error, Error::Encode { .. })), "{name}");
        let found = cache.get_many::<Even>(&["n:0", "n:2", "n:4"]).await.unwrap();
        assert_eq!(found, [0, 2, 4].map(|n| Some(Even(n))), "{name}: the others are stored");
    }
}

#[tokio::test]
async fn many_are_loaded_together() {
    for (name, cache) in tierings().await.caches {
        let loads = AtomicU64::new(0);
        let load = async |missing: Vec<String>| {
            loads.fetch_add(1, Ordering::Relaxed);
            let number = |key: &String| key.rsplit(':').next().and_then(|id| id.parse().ok());
            let found = missing.iter().filter_map(|key| Some((key.clone(), number(key)?)));
            Ok::<_, ()>(found.collect::<HashMap<String, u64>>())
        };
        cache.insert("n:1", 100u64).await.unwrap();
        let keys = ["n:1", "n:2", "n:3", "n:none", "n:2"];
        for loaded in [1, 2] {
            // A key without a value is loaded again.
            let found = cache.get_or_load_many(keys, &load).await.unwrap();
            let expected = [("n:1", 100), ("n:2", 2), ("n:3", 3)];
            assert_eq!(found, expected.map(|(key, n)| (key.to_owned(), n)).into(), "{name}");
            assert_eq!(loads.load(Ordering::Relaxed), loaded, "{name}");
        }
        assert_eq!(cache.get::<u64>("n:3").await.unwrap(), Some(3), "{name}: stored");
        let failed = cache.get_or_load_many(["n:9"], async |_| Err::<HashMap<_, u64>, _>("no"));
        assert_eq!(failed.await, Err("no"), "{name}");
    }
}

#[tokio::test]
async fn keys_one_after_the_other() {
    for (name, cache) in tierings().await.caches {
        cache.insert_many((0..500).map(|n| (format!("user:{n}"), n))).await.unwrap();
        cache.insert("page:1", 1u64).await.unwrap();
        let mut keys = cache.keys("user:*");
        let mut found = Vec::new();
        while let Some(key) = keys.next().await.transpose().unwrap() {
            found.push(key);
        }
        assert!(keys.next().await.is_none(), "{name}: it stays at its end");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 500, "{name}");
        assert_eq!(cache.keys("user:*").await.unwrap(), found, "{name}: all in one call");
        let streamed: Vec<_> = futures_util::StreamExt::collect(cache.keys("page:*")).await;
        assert_eq!(streamed.len(), 1, "{name}: a stream");
    }
}

/// One request each, however many keys there are.
#[tokio::test]
async fn many_are_one_request() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().no_memory().remote(redis.clone()).build().unwrap();
    let keys: Vec<String> = (0..100).map(|n| format!("k:{n}")).collect();
    let scripts = async || {
        let info = redis.info().await.unwrap();
        info["total_commands_processed"].parse::<u64>().unwrap()
    };
    cache.insert_many([("warm", 1u64)]).await.unwrap();
    cache.remove_many(["warm"]).await.unwrap();
    let before = scripts().await;
    cache.insert_many(keys.iter().map(|key| (key, 7u64))).await.unwrap();
    assert_eq!(cache.remove_many(&keys).await.unwrap(), 100);
    // Commands within a script count: 100 SET, and the UNLINK and PUBLISH of each request.
    let commands = scripts().await - before;
    assert!(commands < 100 + 20, "{commands} commands");
}

// --- info, and the end of a cache ------------------------------------------------------------------

#[tokio::test]
async fn info_describes_the_tiers() {
    let all = tierings().await;
    for (name, cache) in &all.caches {
        cache.insert("k", 1u64).await.unwrap();
        let info = cache.info().await;
        assert_eq!(info.namespace, cache.namespace(), "{name}");
        assert_eq!(
            info.memory.as_ref().map(|memory| memory.entries),
            name.contains("memory").then_some(1)
        );
        assert_eq!(info.remote.is_some(), *name != "memory", "{name}");
        assert!(info.enabled && info.linked && !info.closed, "{name}");
        let Some(remote) = info.remote else { continue };
        assert!(remote.leases && !remote.encrypted && remote.error.is_none(), "{name}");
        assert_eq!((remote.codec.as_str(), remote.compression.as_str()), ("postcard", "none"));
        if remote.kind == "redis" {
            let port = remote.details["tcp_port"].parse::<u16>().unwrap();
            assert_eq!(port, all.server.port(), "{name}");
        }
    }
}

#[cached(key = "closing:{id}", ttl = "1h", cache = cache, skip(cache, loads))]
async fn closing(cache: &Cache, loads: &AtomicU64, id: u64) -> u64 {
    loads.fetch_add(1, Ordering::Relaxed);
    id
}

#[tokio::test]
async fn functions_answer_after_the_cache_is_closed() {
    for (name, cache) in tierings().await.caches {
        let loads = AtomicU64::new(0);
        let every =
            cache.every(Duration::from_millis(1), Invalidation::new().key("other")).unwrap();
        for _ in 0..2 {
            assert_eq!(closing(&cache, &loads, 7).await, 7);
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1, "{name}");
        for _ in 0..2 {
            cache.close().await.unwrap();
            assert!(cache.is_closed() && !cache.is_enabled(), "{name}");
        }
        cache.enable();
        assert!(!cache.is_enabled(), "{name}: for good");
        for _ in 0..2 {
            assert_eq!(closing(&cache, &loads, 7).await, 7, "{name}");
        }
        assert_eq!(loads.load(Ordering::Relaxed), 3, "{name}: by loading");
        cache.insert("k", 1u64).await.unwrap();
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{name}");
        assert_eq!(cache.stats().entries, 0, "{name}: the memory is given back");
        let (removals, info) = (cache.stats().removals, cache.info().await);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(cache.stats().removals, removals, "{name}: schedules have ended");
        assert!(info.closed, "{name}");
        drop(every);
    }
}

#[tokio::test]
async fn many_with_a_policy() {
    for (name, cache) in tierings().await.caches {
        cache.insert_many_with([("a", 1u64), ("b", 2)], KEPT).await.unwrap();
        let load = |missing: Vec<String>| async move {
            Ok::<_, ()>(missing.into_iter().map(|key| (key, 3u64)).collect::<HashMap<_, _>>())
        };
        let all = cache.get_or_load_many_with(["b", "c"], KEPT, load).await.unwrap();
        assert_eq!((all["b"], all["c"]), (2, 3), "{name}");
        for key in ["a", "b", "c"] {
            about(cache.ttl(key).await.unwrap(), HOUR);
        }
        // Keys of any type.
        let named = ["a", "c"].map(|key| Key::builder().text(key).build().unwrap());
        assert_eq!(cache.get_many::<u64>(&named).await.unwrap(), [Some(1), Some(3)], "{name}");
        assert_eq!(cache.get_many::<u64>(vec!["b".to_owned()]).await.unwrap(), [Some(2)], "{name}");
        cache.evict_tag("kept").await.unwrap();
        assert_eq!(cache.get_many::<u64>(["a", "b", "c"]).await.unwrap(), [None; 3], "{name}");
    }
}

#[tokio::test]
async fn contains_checks_the_type() {
    for (name, cache) in tierings().await.caches {
        cache.insert("k", 1u32).await.unwrap();
        assert!(cache.contains::<u32>("k").await.unwrap(), "{name}");
        assert!(!cache.contains::<String>("k").await.unwrap(), "{name}");
        assert!(cache.ttl("k").await.unwrap().is_some(), "{name}: the entry has another type");
    }
}

/// Fields that operators' pages show have the usual form: lower case, and durations in milliseconds.
#[tokio::test]
async fn info_and_statistics_are_plain_data() {
    let cache = Cache::builder().default_ttl(HOUR).build().unwrap();
    let info = serde_json::to_value(cache.info().await).unwrap();
    assert_eq!(info["default_ttl_ms"], 3_600_000);
    assert_eq!(info["memory"]["capacity"], serde_json::json!({ "entries": 10_000 }));
    assert_eq!(serde_json::to_value(cache.stats()).unwrap()["breaker"], "closed");
    let forever = Cache::builder().build().unwrap().info().await;
    assert!(serde_json::to_value(forever).unwrap()["default_ttl_ms"].is_null());
}
