//! Any bytes in Redis under a key: the function returns its value, the miss is counted, and nothing panics.

use larder::redis::Redis;
use larder::{Cache, Policy, Source, cached};
use serde::{Deserialize, Serialize};

use crate::support::{Server, eventually};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    scores: Vec<u64>,
}

fn user(id: u64) -> User {
    User { id, name: format!("user {id}"), scores: vec![id; 3] }
}

#[cached(key = "user:{id}", tags = ["users"], ttl = "1h", cache = cache, skip(cache))]
async fn get_user(cache: &Cache, id: u64) -> Result<User, String> {
    Ok(user(id))
}

/// Reads Redis every time, without a memory tier.
async fn without_memory(server: &Server) -> Cache {
    let redis = Redis::connect(server.url()).await.unwrap();
    Cache::builder().namespace("ns").no_memory().remote(redis).build().unwrap()
}

const KEY: &str = "ns:user:7";

async fn load(cache: &Cache) -> Source {
    let read = get_user(cache, 7).traced().await;
    assert_eq!(read.value, Ok(user(7)));
    read.source
}

/// Checks that the bytes are not read as a value, and that the load replaces them.
async fn foreign(server: &Server, cache: &Cache, bytes: &[u8]) {
    let before = cache.stats();
    server.set_bytes(KEY, bytes);
    assert_eq!(load(cache).await, Source::Loaded, "{bytes:?}");
    assert_eq!(load(cache).await, Source::Remote, "{bytes:?}");
    let after = cache.stats();
    assert_eq!(after.foreign, before.foreign + 1, "{bytes:?}");
    assert_eq!(after.misses, before.misses + 1, "{bytes:?}");
    assert_eq!(after.remote_errors, 0, "{bytes:?}");
}

#[tokio::test]
async fn bytes_of_another_program() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    let mega = vec![0xff; 1 << 20];
    let some: [&[u8]; 8] =
        [b"", b"hello", b"LRD", b"LRD\x01", b"LRD\x02", b"{\"id\":7}", &[0; 64], &mega];
    for bytes in some {
        foreign(&server, &cache, bytes).await;
    }
    let mut long = b"LRD\x01".to_vec();
    long.extend_from_slice(&mega);
    foreign(&server, &cache, &long).await;
}

#[tokio::test]
async fn bytes_that_were_cut_short() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    load(&cache).await;
    let whole = server.bytes(KEY).unwrap();
    for length in 0..whole.len() {
        foreign(&server, &cache, &whole[..length]).await;
    }
}

#[tokio::test]
async fn bytes_with_a_suffix() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    load(&cache).await;
    let whole = server.bytes(KEY).unwrap();
    for more in [&b"\0"[..], b"\n", &whole] {
        foreign(&server, &cache, &[&whole, more].concat()).await;
    }
}

/// A length that exceeds the available bytes must not be trusted.
#[tokio::test]
async fn a_length_that_is_far_too_large() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    load(&cache).await;
    let whole = server.bytes(KEY).unwrap();
    // Before the 16-byte checksum are the scores: their number, and three times 7.
    let (head, scores) = whole[..whole.len() - 16].split_at(whole.len() - 20);
    assert_eq!(scores, [3, 7, 7, 7]);
    for length in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 9], &[0x80; 40]] {
        let bytes = [head, length, &[1], &[7; 3]].concat();
        foreign(&server, &cache, &bytes).await;
    }
}

/// A change of any byte makes the value foreign: no panic, no error, and no wrong value.
#[tokio::test]
async fn bytes_that_were_tampered_with() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    load(&cache).await;
    let whole = server.bytes(KEY).unwrap();
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            server.set_bytes(KEY, &bytes);
            let before = cache.stats().foreign;
            get_user(&cache, 7).await.unwrap();
            assert_eq!(cache.stats().foreign, before + 1, "byte {at} ^ {flip:#x}");
            cache.remove("user:7").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_a_miss() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    cache.insert("user:7", 7u64).await.unwrap();
    assert_eq!(cache.get::<String>("user:7").await.unwrap(), None);
    assert_eq!(cache.get::<i64>("user:7").await.unwrap(), None);
    assert_eq!(cache.get::<Option<u64>>("user:7").await.unwrap(), None);
    assert_eq!(cache.get::<(u64,)>("user:7").await.unwrap(), None);
    assert_eq!(cache.get_many::<u32>(&["user:7"]).await.unwrap(), [None]);
    assert!(!cache.contains::<u32>("user:7").await.unwrap());
    assert_eq!(cache.stats().foreign, 6);
    assert_eq!(cache.get::<u64>("user:7").await.unwrap(), Some(7), "it is still there");
    assert_eq!(load(&cache).await, Source::Loaded);
    assert_eq!(load(&cache).await, Source::Remote);
    assert_eq!(cache.get::<u64>("user:7").await.unwrap(), None, "and now it is replaced");
}

#[tokio::test]
async fn a_value_of_another_type_is_a_miss_with_memory_too() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().namespace("ns").remote(redis).build().unwrap();
    cache.insert("user:7", 7u64).await.unwrap();
    assert_eq!(cache.get::<i64>("user:7").await.unwrap(), None);
    assert_eq!(cache.get::<u64>("user:7").await.unwrap(), Some(7));
    assert_eq!(load(&cache).await, Source::Loaded);
    // A caller does not wait for the write of the value that it loaded; until then Redis has the old value.
    eventually("it is stored", async || cache.stats().in_flight == 0).await;
    assert_eq!(cache.get::<u64>("user:7").await.unwrap(), None);
    assert_eq!(load(&cache).await, Source::Memory);
}

/// Two types with the same name, as before and after a release that added a field.
#[tokio::test]
async fn an_older_struct_is_a_miss() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct Account {
            id: u64,
        }
        cache.insert("account", Account { id: 7 }).await.unwrap();
    }
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct Account {
            id: u64,
            limit: Option<u64>,
        }
        assert_eq!(cache.get::<Account>("account").await.unwrap(), None);
        assert_eq!(cache.stats().foreign, 1);
    }
}

/// A list or a hash under a value's key.
#[tokio::test]
async fn another_kind_of_redis_value_is_a_miss() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    for command in [["rpush", KEY, "a", "b"], ["hset", KEY, "a", "b"], ["zadd", KEY, "1", "b"]] {
        server.cli(&["del", KEY]);
        server.cli(&command);
        assert_eq!(cache.get::<User>("user:7").await.unwrap(), None);
        assert_eq!(cache.get_many::<User>(&["user:7"]).await.unwrap(), [None]);
        assert_eq!(load(&cache).await, Source::Loaded);
        assert_eq!(load(&cache).await, Source::Remote);
    }
    assert_eq!(cache.stats().remote_errors, 0);
}

/// Other programs can write to the store of the generations too.
#[tokio::test]
async fn foreign_generations_are_replaced() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    assert_eq!(load(&cache).await, Source::Loaded);
    let own = server.cli(&["keys", "ns~*"]);
    let own: Vec<&str> = own.lines().collect();
    assert_eq!(own.len(), 2, "one of the namespace, one of the tag: {own:?}");
    for key in own {
        for junk in ["", "junk", "-1", "0", "1e3", "99999999999999999999"] {
            server.cli(&["set", key, junk]);
            assert_eq!(load(&cache).await, Source::Loaded, "{key} = {junk:?}");
            assert_eq!(load(&cache).await, Source::Remote, "{key} = {junk:?}");
        }
        server.cli(&["del", key]);
        server.cli(&["rpush", key, "a"]);
        assert_eq!(load(&cache).await, Source::Loaded, "{key} is a list");
        assert_eq!(load(&cache).await, Source::Remote, "{key} is a list");
        server.cli(&["set", key, "junk"]);
        cache.evict_tag("users").await.unwrap();
        cache.clear().await.unwrap();
        assert_eq!(load(&cache).await, Source::Loaded, "{key} after evictions");
        assert_eq!(load(&cache).await, Source::Remote, "{key} after evictions");
    }
    assert_eq!(cache.stats().remote_errors, 0);
}

/// Redis is flushed: values are gone, and no value in memory outlives its tag.
#[tokio::test]
async fn a_flushed_redis_is_an_empty_one() {
    let server = Server::start();
    let cache = without_memory(&server).await;
    assert_eq!(load(&cache).await, Source::Loaded);
    server.cli(&["flushall"]);
    assert_eq!(load(&cache).await, Source::Loaded);
    assert_eq!(load(&cache).await, Source::Remote);
    server.cli(&["script", "flush"]);
    assert_eq!(load(&cache).await, Source::Remote);
    assert_eq!(cache.stats().remote_errors, 0);
}

/// Messages of other programs on the bus are ignored and have no effect.
#[tokio::test]
async fn junk_on_the_bus() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().namespace("ns").remote(redis).build().unwrap();
    crate::support::eventually("the bus is connected", async || cache.is_linked()).await;
    cache.entry("user:7").policy(Policy::new()).insert(user(7)).await.unwrap();
    for junk in ["", "junk", "\u{1}", "*"] {
        assert_eq!(server.cli(&["publish", "ns~bus", junk]), "1", "the cache listens");
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(cache.is_linked());
    assert_eq!(cache.get::<User>("user:7").await.unwrap(), Some(user(7)));
}
