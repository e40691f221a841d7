//! The user that the operations guide shows can do everything that a cache does, and nothing else.

use larder::redis::Redis;
use larder::{Cache, Policy, Source, cached};

use crate::support::{Server, eventually};

const GUIDE: &str = include_str!("../../cache-redis/OPERATING.md");
const TAGGED: Policy = Policy::new().tags(&["rows"]);

#[cached(key = "row:{id}", tags = ["rows"], ttl = "1h", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

/// The command as the guide has it.
fn command() -> Vec<&'static str> {
    let (_, from) = GUIDE.split_once("ACL SETUSER").unwrap();
    let (rules, _) = from.split_once("```").unwrap();
    ["ACL", "SETUSER"].into_iter().chain(rules.split_whitespace()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_of_the_guide_is_enough() {
    let server = Server::start();
    assert_eq!(server.cli(&command()), "OK");
    let url = format!("redis://shop:secret@127.0.0.1:{}", server.port());
    let cache = async |options: &str| {
        let redis = Redis::connect(format!("{url}{options}")).await.unwrap();
        let cache = Cache::builder().namespace("shop").remote(redis).build().unwrap();
        eventually("the bus is connected", async || cache.is_linked()).await;
        cache
    };
    let (one, other) = (cache("").await, cache("?tracking=true").await);
    for evict in 0..4 {
        assert_eq!(row(&one, 1).traced().await.source, Source::Loaded);
        assert_eq!(row(&other, 1).traced().await.source, Source::Remote);
        one.entry("by-hand").policy(TAGGED).insert(7u64).await.unwrap();
        assert_eq!(other.get::<u64>("by-hand").await.unwrap(), Some(7));
        match evict {
            0 => drop(one.remove("row:1").await.unwrap()),
            1 => drop(one.evict_pattern("row:*").await.unwrap()),
            2 => one.evict_tag("rows").await.unwrap(),
            _ => one.clear().await.unwrap(),
        }
        eventually("the other one learns of it", async || {
            // `peek` does not load.
            row(&other, 1).peek().await.unwrap().is_none()
        })
        .await;
    }
    assert_eq!(one.stats().remote_errors + other.stats().remote_errors, 0);
    assert!(one.keys("*").await.is_ok() && one.ping().await.is_ok());

    let denied = |args: &[&str]| {
        let said = server.cli(&[&["--user", "shop", "--pass", "secret"], args].concat());
        assert!(said.contains("NOPERM"), "{args:?}: {said}");
    };
    denied(&["get", "another:row:1"]);
    denied(&["flushall"]);
    denied(&["config", "get", "*"]);
    denied(&["publish", "another~bus", "x"]);
}
