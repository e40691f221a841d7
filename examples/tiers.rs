//! Functions and calls that use memory only or the remote tier only, or that store nothing.
//!
//! ```sh
//! cargo run -p examples --example tiers
//! ```
//!
//! Two caches over one store stand for two processes. With Redis, the store is `Redis::connect(url).await?`.

use larder::backend::MemoryBackend;
use larder::{Access, Cache, Error, Source, Tiers, cached};

/// Memory is neither read nor filled: each read asks the remote tier, and sees what other processes have done.
#[cached(key = "stock:{article}", ttl = "1m", tiers = "remote", cache = cache, skip(cache, count))]
async fn stock(cache: &Cache, article: u64, count: u64) -> u64 {
    count
}

/// It uses both tiers, unless a call says otherwise.
#[cached(key = "price:{article}", ttl = "1m", cache = cache, skip(cache, price))]
async fn price(cache: &Cache, article: u64, price: u64) -> u64 {
    price
}

/// Each call loads and stores, as a job does that fills the cache for others; a call that reads says so.
#[cached(key = "report:{day}", ttl = "1d", access = "write_only", cache = cache, skip(cache, sales))]
async fn report(cache: &Cache, day: u64, sales: u64) -> u64 {
    sales
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let store = MemoryBackend::new();
    let here = Cache::builder().remote(store.clone()).build()?;
    let there = Cache::builder().remote(store).build()?;

    println!("tiers = \"remote\"");
    stock(&here, 7, 12).await;
    stock(&there, 7, 0).put(11).await?;
    let now = stock(&here, 7, 0).traced().await;
    println!("  the other process put 11, and this one reads {} ({:?})", now.value, now.source);
    assert_eq!((now.value, now.source), (11, Source::Remote));

    println!("Access::ReadOnly, for one call");
    let preview = price(&here, 7, 995).access(Access::ReadOnly).await;
    println!("  {preview} was loaded, and {:?} is cached", price(&here, 7, 0).peek().await?);
    assert_eq!(price(&here, 7, 0).peek().await?, None);

    println!("Tiers::Memory, for one put");
    price(&here, 7, 0).put(900).await?;
    price(&here, 7, 0).tiers(Tiers::Memory).put(850).await?;
    let (own, other) = (price(&here, 7, 0).await, price(&there, 7, 900).await);
    println!("  this process has {own}; the other one loads: {other}");
    // The older value is gone from the remote tier: no process can read it there later.
    assert_eq!((own, other), (850, 900));

    println!("access = \"write_only\"");
    for sales in [40, 41] {
        report(&here, 1, sales).await;
    }
    let read = report(&there, 1, 0).access(Access::ReadOnly).await;
    println!("  each call stored; the other process reads {read}");
    assert_eq!(read, 41);
    Ok(())
}
