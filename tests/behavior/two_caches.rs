//! Two caches over one Redis, as in two processes: each follows the changes of the other.

use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Policy, Source, cached};

use crate::support::{Proxy, Server, eventually, within};

/// The tolerated delay of the bus.
const DELAY: Duration = Duration::from_secs(10);

const TAGGED: Policy = Policy::new().ttl(Duration::from_secs(600)).tags(&["rows"]);

/// A cache with a separate connection.
async fn cache(server: &Server, namespace: &str) -> Cache {
    let redis = Redis::connect(format!("{}?operation_timeout=5s", server.url())).await.unwrap();
    let cache = Cache::builder().namespace(namespace).remote(redis).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

async fn two(server: &Server) -> (Cache, Cache) {
    (cache(server, "shop").await, cache(server, "shop").await)
}

async fn get(cache: &Cache, key: &str) -> Option<u64> {
    cache.get::<u64>(key).await.unwrap()
}

#[cached(key = "row:{id}", tags = ["rows"], ttl = "10m", cache = cache, skip(cache, row))]
async fn row(cache: &Cache, row: u64, id: u64) -> u64 {
    row * 100 + id
}

#[tokio::test]
async fn values_of_one_are_seen_by_the_other() {
    let server = Server::start();
    let (one, two) = two(&server).await;
    one.insert("a", 1u64).await.unwrap();
    // The notice of the insert may arrive after the first read: then the second read also uses Redis.
    eventually("it is in memory", async || {
        assert_eq!(get(&two, "a").await, Some(1));
        two.stats().memory_hits == 1
    })
    .await;
    let stats = two.stats();
    assert!(stats.remote_hits >= 1 && stats.misses == 0, "{stats:?}");

    assert_eq!(row(&one, 1, 7).traced().await.source, Source::Loaded);
    let sources = [Source::Remote, Source::Memory];
    for source in sources {
        let read = row(&two, 2, 7).traced().await;
        assert_eq!((read.value, read.source), (107, source));
    }
    assert_eq!(two.keys("*").await.unwrap(), ["a", "row:7"]);
}

/// Both have 1 in memory; the first one acts, and the second one's memory follows.
async fn follows(what: &str, act: impl AsyncFn(&Cache), then: Option<u64>) {
    let server = Server::start();
    let (one, two) = two(&server).await;
    one.entry("k:1").policy(TAGGED).insert(1u64).await.unwrap();
    // The notice of the insertion must not be mistaken for the effect of `act`.
    within(DELAY, "a hit in memory", async || {
        let before = two.stats().memory_hits;
        assert_eq!(get(&two, "k:1").await, Some(1));
        two.stats().memory_hits > before
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(get(&two, "k:1").await, Some(1));

    act(&one).await;
    assert_eq!(get(&one, "k:1").await, then, "{what}: immediately in the acting cache");
    within(DELAY, what, async || get(&two, "k:1").await == then).await;
    assert_eq!(get(&one, "k:1").await, then, "{what}: and for good");
}

#[tokio::test]
async fn a_removal_is_followed() {
    follows("remove", async |cache| assert!(cache.remove("k:1").await.unwrap()), None).await;
}

#[tokio::test]
async fn a_pattern_is_followed() {
    let act = async |cache: &Cache| assert_eq!(cache.evict_pattern("k:*").await.unwrap(), 1);
    follows("evict_pattern", act, None).await;
}

#[tokio::test]
async fn a_tag_is_followed() {
    follows("evict_tag", async |cache| cache.evict_tag("rows").await.unwrap(), None).await;
}

#[tokio::test]
async fn a_clear_is_followed() {
    follows("clear", async |cache| cache.clear().await.unwrap(), None).await;
}

#[tokio::test]
async fn an_insertion_is_followed() {
    follows("insert", async |cache| cache.insert("k:1", 2u64).await.unwrap(), Some(2)).await;
}

#[tokio::test]
async fn many_insertions_are_followed() {
    let act = async |cache: &Cache| cache.insert_many([("k:0", 0u64), ("k:1", 2)]).await.unwrap();
    follows("insert_many", act, Some(2)).await;
}

#[tokio::test]
async fn a_refresh_a_put_and_an_eviction_of_a_call_are_followed() {
    let server = Server::start();
    let (one, two) = two(&server).await;
    let reads = async |value: u64| row(&two, 9, 7).await == value;
    assert_eq!(row(&one, 1, 7).await, 107);
    assert!(reads(107).await);
    assert_eq!(row(&one, 2, 7).refresh().await, 207);
    within(DELAY, "refresh", async || reads(207).await).await;
    row(&one, 0, 7).put(3).await.unwrap();
    within(DELAY, "put", async || reads(3).await).await;
    assert!(row(&one, 0, 7).evict().await.unwrap());
    within(DELAY, "evict", async || reads(907).await).await;
}

#[tokio::test]
async fn an_eviction_leaves_the_others_alone() {
    let server = Server::start();
    let (one, two) = two(&server).await;
    one.insert_many([("a:1", 1u64), ("a:2", 2), ("b:1", 3)]).await.unwrap();
    one.entry("tagged").policy(TAGGED).insert(4u64).await.unwrap();
    let keys = ["a:1", "a:2", "b:1", "tagged"];
    two.get_many::<u64>(&keys).await.unwrap();
    assert!(one.remove("a:1").await.unwrap());
    one.evict_pattern("b:*").await.unwrap();
    within(DELAY, "both evictions", async || {
        two.get_many::<u64>(&keys).await.unwrap() == [None, Some(2), None, Some(4)]
    })
    .await;
    assert_eq!(two.keys("*").await.unwrap(), ["a:2", "tagged"]);
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    let server = Server::start();
    // One is a prefix of another, and one would match another if names were globs.
    let namespaces = ["shop", "shop2", "shop/eu", "sh.p"];
    let mut caches = Vec::new();
    for namespace in namespaces {
        caches.push(cache(&server, namespace).await);
    }
    for (number, cache) in (0u64..).zip(&caches) {
        cache.entry("k").policy(TAGGED).insert(number).await.unwrap();
    }
    let all = async |expected: [Option<u64>; 4]| {
        // Long enough for a message that should not have been sent.
        tokio::time::sleep(Duration::from_millis(50)).await;
        for (cache, expected) in caches.iter().zip(expected) {
            assert_eq!(get(cache, "k").await, expected, "{}", cache.namespace());
            let keys = cache.keys("*").await.unwrap();
            assert_eq!(keys.len(), usize::from(expected.is_some()), "{keys:?}");
        }
    };
    all([Some(0), Some(1), Some(2), Some(3)]).await;
    assert!(caches[0].remove("k").await.unwrap());
    all([None, Some(1), Some(2), Some(3)]).await;
    caches[1].evict_tag("rows").await.unwrap();
    // The eviction of a tag increments a generation, and the bytes stay until they expire. This frees them.
    caches[1].evict_pattern("*").await.unwrap();
    all([None, None, Some(2), Some(3)]).await;
    caches[3].evict_pattern("*").await.unwrap();
    all([None, None, Some(2), None]).await;
    caches[0].clear().await.unwrap();
    all([None, None, Some(2), None]).await;
}

#[tokio::test]
async fn a_clear_leaves_the_rest_of_redis_alone() {
    let server = Server::start();
    server.cli(&["set", "shop", "mine"]);
    server.cli(&["set", "shops:a", "mine"]);
    server.cli(&["set", "other", "mine"]);
    let (one, _two) = two(&server).await;
    one.insert("a", 1u64).await.unwrap();
    one.clear().await.unwrap();
    assert_eq!(server.cli(&["mget", "shop", "shops:a", "other"]), "mine\nmine\nmine");
    assert_eq!(server.cli(&["exists", "shop:a"]), "0");
}

#[tokio::test]
async fn a_cache_that_starts_later_sees_no_evicted_value() {
    let server = Server::start();
    let (one, two) = two(&server).await;
    one.entry("tagged").policy(TAGGED).insert(1u64).await.unwrap();
    one.entry("kept").policy(Policy::new()).insert(2u64).await.unwrap();
    two.evict_tag("rows").await.unwrap();
    let late = cache(&server, "shop").await;
    assert_eq!((get(&late, "tagged").await, get(&late, "kept").await), (None, Some(2)));
    two.clear().await.unwrap();
    let later = cache(&server, "shop").await;
    assert_eq!(get(&later, "kept").await, None);
}

/// One cache behind a proxy and one without.
async fn one_behind_a_proxy(server: &Server, proxy: &Proxy) -> (Cache, Cache) {
    let redis = Redis::connect(proxy.url()).await.unwrap();
    let one = Cache::builder().namespace("shop").remote(redis).build().unwrap();
    eventually("the bus is connected", async || one.is_linked()).await;
    (one, cache(server, "shop").await)
}

#[tokio::test]
async fn evictions_missed_while_the_link_was_down_are_caught_up_with() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let (one, two) = one_behind_a_proxy(&server, &proxy).await;
    let keys = ["removed", "replaced", "matched", "tagged", "kept"];
    for key in keys {
        let policy = if key == "tagged" { TAGGED } else { Policy::new() };
        one.entry(key).policy(policy).insert(1u64).await.unwrap();
    }
    proxy.down();
    eventually("the link is lost", async || !one.is_linked()).await;
    assert!(two.remove("removed").await.unwrap());
    two.insert("replaced", 2u64).await.unwrap();
    two.evict_pattern("matched*").await.unwrap();
    two.evict_tag("rows").await.unwrap();
    for key in keys {
        assert_eq!(get(&one, key).await, Some(1), "memory keeps serving: {key}");
    }
    proxy.up();
    let new = [None, Some(2), None, None, Some(1)];
    for (key, new) in keys.into_iter().zip(new) {
        eventually(key, async || get(&one, key).await == new).await;
    }
    assert!(one.is_linked());
}

/// Everything was cleared meanwhile, and Redis restarted.
#[tokio::test]
async fn values_lost_while_the_link_was_down_are_not_served() {
    let mut server = Server::start();
    let (one, two) = two(&server).await;
    one.entry("tagged").policy(TAGGED).insert(1u64).await.unwrap();
    two.insert("plain", 2u64).await.unwrap();
    assert_eq!((get(&two, "tagged").await, get(&one, "plain").await), (Some(1), Some(2)));
    server.restart();
    for cache in [&one, &two] {
        for key in ["tagged", "plain"] {
            eventually(key, async || matches!(cache.get::<u64>(key).await, Ok(None))).await;
        }
    }
    one.entry("tagged").policy(TAGGED).insert(3u64).await.unwrap();
    eventually("used again", async || get(&two, "tagged").await == Some(3)).await;
}

/// The link looks alive, but delivers nothing.
#[tokio::test]
async fn an_eviction_behind_a_silent_link_is_noticed_in_bounded_time() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let (one, two) = one_behind_a_proxy(&server, &proxy).await;
    one.insert("k", 1u64).await.unwrap();
    proxy.freeze();
    assert!(two.remove("k").await.unwrap());
    // The heartbeat, the timeouts of the old connection, and the pause of the breaker.
    within(Duration::from_secs(8), "k is gone", async || get(&one, "k").await.is_none()).await;
}
