//! How long a value lives: decided by the value, by the arguments, by the tier, and by an operator while the program runs.
//!
//! ```sh
//! cargo run -p examples --example policies
//! ```

use std::time::Duration;

use larder::{Cache, Error, Expiry, Memory, Policies, Policy, cached};

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Token {
    expires_in: Duration,
}

/// The value says how long it is fresh.
#[cached(ttl_with = |token: &Token| token.expires_in, stale_if_error = "1h", key = "token:{client}")]
async fn token(client: &str) -> Token {
    Token { expires_in: Duration::from_secs(60 * client.len() as u64) }
}

struct Shop {
    ttl: Duration,
    largest: usize,
}

impl Shop {
    /// The arguments say it, and a page that is too large is not kept. Memory asks the remote tier again after ten seconds (without
    /// a remote tier, this is simply the upper bound).
    #[cached(
        ttl = self.ttl,
        memory_ttl = "10s",
        cache_if = |page: &Vec<u64>| page.len() <= self.largest,
        key = "page:{size}",
        skip(self)
    )]
    async fn page(&self, size: usize) -> Vec<u64> {
        vec![7; size]
    }
}

/// It says nothing, so the cache decides.
#[cached(key = "search:{text}")]
async fn search(text: &str) -> String {
    format!("results for {text}")
}

fn shown(left: Option<Expiry>) -> String {
    match left {
        None => "not cached".to_owned(),
        Some(Expiry::Never) => "for ever".to_owned(),
        Some(Expiry::In(left)) => format!("for {} s", left.as_secs_f64().round()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let minutes = |count: u64| Policy::new().ttl(Duration::from_secs(60 * count));
    let cache = Cache::builder()
        .memory(Memory::max_entries(1_000).ttl(Duration::from_secs(3600)))
        .policies(Policies::new().all(minutes(10)))
        .build()?;
    cache.install();

    token("web").await;
    println!("token   {}", shown(token("web").expiry().await?));
    let shop = Shop { ttl: Duration::from_secs(90), largest: 3 };
    for size in [3, 4] {
        shop.page(size).await;
        println!("page {size}  {}", shown(shop.page(size).expiry().await?));
    }
    search("tea").await;
    println!("search  {}", shown(search("tea").expiry().await?));

    println!("An operator changes it:");
    cache.set_policies(cache.policies().function("*::search", minutes(1)).disable("*::token"))?;
    search("coffee").await;
    println!("search  {}", shown(search("coffee").expiry().await?));
    println!("token   {}", shown(token("web").expiry().await?));
    Ok(())
}
