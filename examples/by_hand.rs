//! Keys by hand, with everything that an attribute offers: in async code, without serde, and in a program without a
//! runtime.
//!
//! `cargo run -p examples --example by_hand` needs no server; with `REDIS_URL` it uses Redis and memory.

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Error, Policy, cached};

/// A value that cannot leave the process.
struct Connection {
    region: &'static str,
}

/// A sync function that waits for Redis, if there is one.
#[cached(key = "length:{text}", ttl = "1h", blocking, cache = cache, skip(cache))]
fn length(cache: &Cache, text: &str) -> usize {
    println!("measuring {text}");
    text.len()
}

async fn in_async_code(cache: &Cache) -> Result<(), Error> {
    const RATES: Policy = Policy::new().ttl(Duration::from_secs(60)).stale(Duration::from_secs(30));
    let id = 7;
    let load = || async { Ok::<_, Error>("Ada".to_owned()) };
    let name = cache.entry(format!("user:{id}")).ttl("10m").tag("users").or_load(load).await?;
    let source = cache.entry("user:7").tag("users").traced().or_load(load).await.source;
    println!("{name} again, from {source:?}");
    cache.evict_tag("users").await?;
    println!("evicted: {:?}", cache.entry("user:7").get::<String>().await?);

    let rate = || async { Ok::<_, Error>(1.08) };
    println!("a rate: {}", cache.entry("rate").policy(RATES).or_refresh(rate).await?);
    cache.entry("plan").tenant("acme").ttl("never").insert("gold".to_owned()).await?;

    let visit = |old: Option<u64>| Some(old.unwrap_or(0) + 1);
    println!("visits: {:?}", cache.entry("visits").update(visit).await?);
    println!("first to greet: {}", cache.entry("greeted").insert_if_absent(true).await?);
    println!("taken: {:?}", cache.entry("visits").take::<u64>().await?);

    cache.insert_many([("size:a", 1_u64), ("size:b", 2_000)]).await?;
    println!("too large: {}", cache.retain("size:*", |_, size: &u64| *size < 1_000).await?);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = Cache::builder().namespace("by-hand-example");
    let cache = match std::env::var("REDIS_URL") {
        Ok(url) => builder.remote(larder::block_on(larder::redis::Redis::connect(url))?).build()?,
        _ => builder.build()?,
    };
    larder::block_on(in_async_code(&cache))?;

    // Without async, and without a runtime.
    let blocking = cache.blocking();
    let answer = blocking.entry("answer").ttl("1m").or_load(|| Ok::<_, Error>(42_u64))?;
    println!("{answer}, and then {:?}", blocking.get::<u64>("answer")?);
    println!("{} {}", length(&cache, "larder"), length(&cache, "larder"));

    // Without serde.
    let local = cache.local();
    let open = || async { Ok::<_, Error>(Arc::new(Connection { region: "eu" })) };
    let connection = larder::block_on(local.get_or_load("connection:eu", open))?;
    println!("connected to {}", connection.region);

    blocking.close()?;
    Ok(())
}
