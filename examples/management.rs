//! Direct use of keys and values: for an admin page, a migration or a job, next to cached
//! functions.
//!
//! `cargo run -p examples --example management` needs no server; with `REDIS_URL` it uses Redis and memory.

use std::collections::HashMap;
use std::time::Duration;

use larder::{Cache, Expiry, Key, Policy, UpdateMode, cached, stats::Stats};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

/// A function of the model `users`. Its entries are also in the typed view below.
#[cached(model = "users", op = "get", ttl = "5m", stale_if_error = "1h", cache = cache, skip(cache))]
async fn user(cache: &Cache, id: u64) -> Result<User, String> {
    match id {
        13 => Err("the database is away".to_owned()),
        id => Ok(User { name: format!("user {id}") }),
    }
}

async fn open() -> Result<Cache, Box<dyn std::error::Error>> {
    let builder = Cache::builder().namespace("management-example");
    Ok(match std::env::var("REDIS_URL") {
        Ok(url) => builder.remote(larder::redis::Redis::connect(url).await?).build()?,
        _ => builder.build()?,
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = open().await?;
    cache.clear().await?;

    // Many keys in one request to the remote tier, if there is one.
    cache
        .insert_many(
            [("page:1", "first"), ("page:2", "second")].map(|(key, text)| (key, text.to_owned())),
        )
        .await?;
    println!("pages: {:?}", cache.get_many::<String>(&["page:1", "page:2", "page:3"]).await?);

    // Reading and changing the life of an entry.
    println!("page:1 lives {:?}", cache.ttl("page:1").await?);
    cache.expire("page:1", Duration::from_secs(60)).await?;
    let left = cache.ttl("page:1").await?.and_then(Expiry::left);
    println!("page:1 lives {left:.0?}");

    // What the tiers have under a key. It counts as no read.
    let found = cache.inspect("page:1").await;
    println!("page:1 in memory: {:?}", found.memory);
    println!("page:1 in the remote tier: {:?}", found.remote);
    println!("pages: {:?}", cache.count_keys("page:*").await?);

    // A model by id. The function finds the values that the view stores, and vice versa.
    let users =
        cache.typed::<u64, User>("users")?.policy(Policy::new().ttl(Duration::from_secs(300)));
    users.insert(&7, User { name: "Ada".to_owned() }).await?;
    println!("the function says {:?}", user(&cache, 7).await?);
    let load = |missing: Vec<u64>| async move {
        println!("loading {missing:?} together");
        let loaded = missing.into_iter().map(|id| (id, User { name: format!("user {id}") }));
        Ok::<_, String>(loaded.collect::<HashMap<_, _>>())
    };
    println!("{} users", users.get_or_load_many(&[7, 8, 9], load).await?.len());
    users.clone().on_update(UpdateMode::Evict).updated(&8, User { name: "Bob".to_owned() }).await?;

    // Listing the keys, and building one by hand.
    let mut keys = cache.keys("users:*");
    while let Some(key) = keys.next().await.transpose()? {
        let parts = key.parse::<Key>()?.parts();
        println!("there is {key}: operation {:?}, params {:?}", parts.operation, parts.params);
    }
    let key = Key::builder().model("users").operation("get").param(&9u64).build()?;
    println!("in Redis it would be `{}`", key.in_namespace(cache.namespace()));
    assert!(cache.remove(&key).await?);

    // The key and the expiry of a call, without running it.
    println!("user 8 is under `{}`", user(&cache, 8).cache_key()?);
    println!("user 7 lives {:?}", user(&cache, 7).expiry().await?);

    // Marking an entry stale: it is kept as a fallback for failed loads.
    user(&cache, 13).put(User { name: "Eve".to_owned() }).await?;
    cache.mark_stale(users.key(&13)?).await?;
    assert_eq!(users.get(&13).await?, None);
    println!("without a database: {:?}", user(&cache, 13).traced().await);

    users.clear().await?;
    assert_eq!(users.get(&7).await?, None);
    let info = cache.info().await;
    println!(
        "{} in memory, remote tier: {:?}",
        info.memory.map_or(0, |memory| memory.entries),
        info.remote.map(|remote| remote.kind)
    );

    // All installed caches at once. (This one was not installed.)
    Cache::builder().name("sessions").build()?.install();
    larder::default_cache().insert("banner", "hello".to_owned()).await?;
    for cache in larder::caches() {
        println!("{}: {} entries", cache.name().unwrap_or("default"), cache.stats().entries);
    }
    larder::clear_all().await?;
    let total: Stats = larder::caches().iter().map(Cache::stats).sum();
    println!("all caches together:\n{total}");

    // Closing: it waits for running operations, and functions go on without a cache.
    cache.close().await?;
    println!("closed: {:?}", user(&cache, 7).await?);
    Ok(())
}
