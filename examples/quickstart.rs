//! A catalogue of products in files, read through `#[cached]`, and changed through `#[cache_evict]` and
//! `#[cache_put]`.
//!
//! ```sh
//! cargo run --example quickstart                                                       # memory only, no server
//! REDIS_URL=redis://127.0.0.1/ cargo run --features redis --example quickstart         # memory + Redis
//! ```
//!
//! The program is the same for both. With Redis, start it twice: the second process finds the values that the first one loaded, and each
//! process sees the evictions of the other.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use larder::{Cache, cache_evict, cache_put, cached, cached_property, call};
use serde::{Deserialize, Serialize};

// --- the data ----------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Product {
    id: u32,
    name: String,
    cents: u32,
    stock: u32,
}

/// `Clone`, so that all waiting callers get the error of a failed load.
#[derive(Clone, Debug, thiserror::Error)]
enum ShopError {
    #[error("there is no product {0}")]
    NoProduct(u32),
    #[error("the catalogue can't be read or written: {0}")]
    Catalogue(String),
}

impl From<std::io::Error> for ShopError {
    fn from(error: std::io::Error) -> Self {
        Self::Catalogue(error.to_string())
    }
}

const PRODUCTS: u32 = 2_000;
/// A file is read in no time; a database across a network is not.
const LATENCY: Duration = Duration::from_millis(5);

/// One file per product, and the number of queries so far.
#[derive(Clone)]
struct Catalogue {
    folder: PathBuf,
    queries: Arc<AtomicU64>,
}

impl Catalogue {
    fn create(folder: PathBuf) -> Result<Self, ShopError> {
        let catalogue = Self { folder, queries: Arc::default() };
        std::fs::create_dir_all(&catalogue.folder)?;
        let style = ProgressStyle::with_template("filling the catalogue {bar:40} {pos}/{len}");
        let bar = ProgressBar::new(u64::from(PRODUCTS));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        for id in bar.wrap_iter(1..=PRODUCTS) {
            let (name, cents) = (format!("Jar no. {id}"), id * 7 % 9_901 + 99);
            catalogue.write(&Product { id, name, cents, stock: id % 40 })?;
        }
        Ok(catalogue)
    }

    /// What a query costs.
    async fn query(&self) {
        self.queries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(LATENCY).await;
    }

    fn read(&self, id: u32) -> Result<Product, ShopError> {
        let text = std::fs::read_to_string(self.folder.join(id.to_string()))
            .map_err(|_| ShopError::NoProduct(id))?;
        let mut lines = text.lines();
        let name = lines.next().unwrap_or_default().to_owned();
        let mut number = || lines.next().and_then(|line| line.parse().ok()).unwrap_or_default();
        Ok(Product { id, name, cents: number(), stock: number() })
    }

    fn read_all(&self, ids: RangeInclusive<u32>) -> Result<Vec<Product>, ShopError> {
        ids.map(|id| self.read(id)).collect()
    }

    fn write(&self, product: &Product) -> Result<(), ShopError> {
        let Product { id, name, cents, stock } = product;
        // Renamed, so that no reader sees half of it.
        let (temporary, path) = (self.folder.join(".new"), self.folder.join(id.to_string()));
        std::fs::write(&temporary, format!("{name}\n{cents}\n{stock}\n"))?;
        Ok(std::fs::rename(temporary, path)?)
    }
}

// --- reading -----------------------------------------------------------------------------------

/// A template key: `product:7`. The catalogue is not part of it.
#[cached(ttl = "5m", key = "product:{id}", tags = ["products"], skip(shop))]
async fn get_product(shop: &Catalogue, id: u32) -> Result<Product, ShopError> {
    shop.query().await;
    shop.read(id)
}

/// An automatic key: the path of the function, and both arguments.
#[cached(ttl = 300, tags = ["products", "searches"], skip(shop))]
async fn search(shop: &Catalogue, text: String, limit: usize) -> Result<Vec<Product>, ShopError> {
    shop.query().await;
    let all = shop.read_all(1..=PRODUCTS)?.into_iter();
    Ok(all.filter(|product| product.name.contains(&text)).take(limit).collect())
}

/// Fresh for 50 ms. For ten more seconds callers get the old value, while one refresh runs.
#[cached(ttl = "50ms", stale = "10s", key = "cheapest", skip(shop))]
async fn cheapest(shop: &Catalogue) -> Result<u32, ShopError> {
    shop.query().await;
    let cents = shop.read_all(1..=PRODUCTS)?.into_iter().map(|product| product.cents);
    Ok(cents.min().unwrap_or_default())
}

/// Sync functions are cached in memory.
#[cached]
fn compound(cents: u64, percent: u64, years: u32) -> u64 {
    if years == 0 {
        return cents;
    }
    let before = compound(cents, percent, years - 1);
    before + before * percent / 100
}

#[derive(Clone)]
struct Shelf {
    shop: Catalogue,
    room: u32,
}

impl Shelf {
    /// A method. The relevant part of `self` is in the key.
    #[cached(ttl = "1m", key = "shelf:{self.room}:page:{page}", tags = ["products"])]
    async fn page(&self, page: u32) -> Result<Vec<Product>, ShopError> {
        self.shop.query().await;
        let first = self.room * 100 + page * 10;
        self.shop.read_all(first..=first + 9)
    }

    #[cached_property(ttl = "1m", key = "shelf:{self.room}:stock", tags = ["products"])]
    async fn stock(&self) -> Result<u32, ShopError> {
        self.shop.query().await;
        let first = self.room * 100;
        Ok(self.shop.read_all(first..=first + 99)?.iter().map(|product| product.stock).sum())
    }
}

// --- changing ----------------------------------------------------------------------------------

/// A typed eviction: a call of the function whose value gets old, checked by the compiler.
#[cache_evict(get_product(shop, id))]
#[cache_evict(key = "cheapest", pattern = "shelf:*", tags = ["searches"])]
async fn set_price(shop: &Catalogue, id: u32, cents: u32) -> Result<(), ShopError> {
    shop.query().await;
    shop.write(&Product { cents, ..shop.read(id)? })
}

/// Write-through: the result becomes the cached value.
#[cache_put(get_product(shop, id))]
async fn restock(shop: &Catalogue, id: u32, by: u32) -> Result<Product, ShopError> {
    shop.query().await;
    let old = shop.read(id)?;
    let new = Product { stock: old.stock + by, ..old };
    shop.write(&new)?;
    Ok(new)
}

// --- the tour ----------------------------------------------------------------------------------

/// The same functions use memory, or memory and Redis; nothing else changes.
async fn install() -> Result<&'static str, Box<dyn std::error::Error>> {
    let (builder, tiers) = match std::env::var("REDIS_URL") {
        Ok(url) => (with_redis(&url).await?, "memory and Redis"),
        Err(_) => (Cache::builder(), "memory"),
    };
    let cache = builder.namespace("quickstart").build()?;
    // Until the notices of other processes arrive, each hit in memory also asks Redis.
    let _ = cache.wait_linked(Duration::from_secs(1)).await;
    cache.install();
    Ok(tiers)
}

#[cfg(feature = "redis")]
async fn with_redis(url: &str) -> Result<larder::Builder, Box<dyn std::error::Error>> {
    Ok(Cache::builder().remote(larder::redis::Redis::connect(url).await?))
}

#[cfg(not(feature = "redis"))]
async fn with_redis(_url: &str) -> Result<larder::Builder, Box<dyn std::error::Error>> {
    Err("REDIS_URL is set: add `--features redis` to the command".into())
}

fn step(title: &str) {
    println!("\n{title}");
}

fn line(what: &str, text: impl std::fmt::Display) {
    println!("    {what:<16} {text}");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::var_os("CATALOGUE").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("larder-quickstart"));
    let shop = Catalogue::create(folder)?;
    let tiers = install().await?;
    line("catalogue", format_args!("{PRODUCTS} products in {}", shop.folder.display()));
    line("a query takes", format_args!("{LATENCY:?}"));
    line("tiers", tiers);

    step("The first call loads, the next calls are hits");
    for call in ["first", "second", "third"] {
        let start = Instant::now();
        let found = get_product(&shop, 7).traced().await;
        let took = start.elapsed();
        line(call, format_args!("{took:>9.1?}  {:?}, from {:?}", found.value?.name, found.source));
    }

    step("1,000 callers of a product that is not cached: one load");
    get_product(&shop, 42).evict().await?;
    let (before, start) = (shop.queries.load(Ordering::Relaxed), Instant::now());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let shop = shop.clone();
        calls.spawn(async move { get_product(&shop, 42).await });
    }
    while let Some(product) = calls.join_next().await {
        product??;
    }
    line("all answered", format_args!("{:>9.1?}", start.elapsed()));
    line("queries", shop.queries.load(Ordering::Relaxed) - before);

    step("A change evicts; the next read is fresh");
    let old = get_product(&shop, 7).await?.cents;
    set_price(&shop, 7, old + 1).await?;
    let new = get_product(&shop, 7).traced().await;
    line("price", format_args!("{old} -> {} cents, {:?}", new.value?.cents, new.source));

    step("A change writes through; the next read is a hit");
    let old = get_product(&shop, 7).await?.stock;
    restock(&shop, 7, 1).await?;
    let new = get_product(&shop, 7).traced().await;
    line("stock", format_args!("{old} -> {}, from {:?}", new.value?.stock, new.source));

    step("Automatic keys, methods, properties, sync functions");
    line("search", format_args!("{} products", search(&shop, "no. 77".into(), 20).await?.len()));
    let shelf = Shelf { shop: shop.clone(), room: 3 };
    let (page, stock) = (shelf.page(2).await?.len(), shelf.stock().await?);
    line("shelf", format_args!("{page} products on the page, {stock} pieces in stock"));
    let euros = compound(10_000, 3, 20) as f64 / 100.0;
    line("interest", format_args!("100.00 becomes {euros:.2} in 20 years"));
    call!(compound(10_000, 3, 20)).evict().await?;

    step("An old value is served while one refresh runs");
    cheapest(&shop).refresh().await?;
    tokio::time::sleep(Duration::from_millis(80)).await;
    let before = shop.queries.load(Ordering::Relaxed);
    for call in ["first", "second", "third"] {
        let (start, read) = (Instant::now(), cheapest(&shop).traced().await);
        line(call, format_args!("{:>9.1?}  from {:?}", start.elapsed(), read.source));
    }
    tokio::time::sleep(Duration::from_millis(40)).await;
    line("refreshes", shop.queries.load(Ordering::Relaxed) - before);

    step("A failed load is shared by its callers, and not cached");
    let (one, two) = tokio::join!(get_product(&shop, 0), get_product(&shop, 0));
    for failed in [one, two].into_iter().filter_map(Result::err) {
        line("error", failed);
    }

    step("Statistics");
    for row in larder::default_cache().stats().to_string().lines() {
        println!("    {row}");
    }
    // With Redis: waits for the writes and evictions that are still in progress.
    larder::default_cache().close().await?;
    Ok(())
}
