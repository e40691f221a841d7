//! A catalogue in a real SQLite file, read through `#[cached]`, and changed through
//! `#[cache_evict]` and `#[cache_put]`.
//!
//! ```sh
//! cargo run --example quickstart                                   # memory only, no server
//! REDIS_URL=redis://127.0.0.1/ cargo run --example quickstart      # memory + Redis, same program
//! ```
//!
//! With `REDIS_URL` set, start it twice: the second process finds the values that the first one
//! loaded, and each process sees the evictions of the other.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder::{Cache, cache_evict, cache_put, cached, cached_property, call};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Product {
    id: i64,
    name: String,
    cents: i64,
    stock: i64,
}

/// `Clone`, so that all waiters get the error of a failed load.
#[derive(Clone, Debug, thiserror::Error)]
enum ShopError {
    #[error("there is no product {0}")]
    NoProduct(i64),
    #[error("the catalogue can't be read: {0}")]
    Catalogue(String),
}

impl From<rusqlite::Error> for ShopError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Catalogue(error.to_string())
    }
}

/// The database, and the number of queries so far.
#[derive(Clone)]
struct Catalogue {
    connection: Arc<Mutex<Connection>>,
    queries: Arc<AtomicU64>,
}

const PRODUCTS: i64 = 5_000;

impl Catalogue {
    fn open(path: PathBuf) -> Result<Self, ShopError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE IF NOT EXISTS products
                 (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER, stock INTEGER);",
        )?;
        let filling = connection.transaction()?;
        for id in 1..=PRODUCTS {
            filling.execute(
                "INSERT OR IGNORE INTO products VALUES (?1, ?2, ?3, ?4)",
                (id, format!("Jar no. {id}"), id * 7 % 9_901 + 99, id % 40),
            )?;
        }
        filling.commit()?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self { connection, queries: Arc::default() })
    }

    /// Runs a query outside the async threads, and counts it. It takes some milliseconds longer
    /// than SQLite needs, like a database across a network.
    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, ShopError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::clone(&self.connection);
        let work = move || {
            std::thread::sleep(Duration::from_millis(5));
            query(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let done = tokio::task::spawn_blocking(work).await;
        Ok(done.map_err(|error| ShopError::Catalogue(error.to_string()))??)
    }

    fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }
}

fn product(row: &rusqlite::Row<'_>) -> Result<Product, rusqlite::Error> {
    Ok(Product { id: row.get(0)?, name: row.get(1)?, cents: row.get(2)?, stock: row.get(3)? })
}

// --- reading ---------------------------------------------------------------------------------

/// A template key: `product:7`. The database handle is not part of it.
#[cached(ttl = "5m", key = "product:{id}", tags = ["products"], skip(db))]
async fn get_product(db: &Catalogue, id: i64) -> Result<Product, ShopError> {
    let sql = "SELECT id, name, cents, stock FROM products WHERE id = ?1";
    let found = db.query(move |db| db.query_row(sql, [id], product).optional()).await?;
    found.ok_or(ShopError::NoProduct(id))
}

/// An automatic key: the function's path and both arguments.
#[cached(ttl = 300, tags = ["products", "searches"], skip(db))]
async fn search(db: &Catalogue, text: String, limit: u32) -> Result<Vec<Product>, ShopError> {
    let sql = "SELECT id, name, cents, stock FROM products WHERE name LIKE ?1 ORDER BY id LIMIT ?2";
    db.query(move |db| {
        let mut statement = db.prepare(sql)?;
        statement.query_map((format!("%{text}%"), limit), product)?.collect()
    })
    .await
}

/// Fresh for 50 ms; for another ten seconds the old value is served while one refresh runs.
#[cached(ttl = "50ms", stale = "10s", key = "cheapest", skip(db))]
async fn cheapest(db: &Catalogue) -> Result<Product, ShopError> {
    let sql = "SELECT id, name, cents, stock FROM products ORDER BY cents, id LIMIT 1";
    db.query(move |db| db.query_row(sql, [], product)).await
}

/// Sync functions are cached in memory.
#[cached]
fn compound(cents: i64, percent: u32, years: u32) -> i64 {
    if years == 0 {
        return cents;
    }
    let before = compound(cents, percent, years - 1);
    before + before * i64::from(percent) / 100
}

#[derive(Clone)]
struct Shelf {
    db: Catalogue,
    room: i64,
}

impl Shelf {
    /// A method. The relevant part of `self` is in the key.
    #[cached(ttl = "1m", key = "shelf:{self.room}:page:{page}", tags = ["products"])]
    async fn page(&self, page: i64) -> Result<Vec<Product>, ShopError> {
        let first = self.room * 100 + page * 10;
        let sql = "SELECT id, name, cents, stock FROM products WHERE id BETWEEN ?1 AND ?2";
        let query = move |db: &Connection| {
            db.prepare(sql)?.query_map((first, first + 9), product)?.collect()
        };
        self.db.query(query).await
    }

    #[cached_property(ttl = "1m", key = "shelf:{self.room}:stock", tags = ["products"])]
    async fn stock(&self) -> Result<i64, ShopError> {
        let (first, last) = (self.room * 100, self.room * 100 + 99);
        let sql = "SELECT sum(stock) FROM products WHERE id BETWEEN ?1 AND ?2";
        self.db.query(move |db| db.query_row(sql, (first, last), |row| row.get(0))).await
    }
}

// --- changing --------------------------------------------------------------------------------

/// A typed eviction: a call of the function whose value gets old, checked by the compiler.
#[cache_evict(get_product(db, id))]
#[cache_evict(key = "cheapest", pattern = "shelf:*", tags = ["searches"])]
async fn set_price(db: &Catalogue, id: i64, cents: i64) -> Result<(), ShopError> {
    let sql = "UPDATE products SET cents = ?2 WHERE id = ?1";
    db.query(move |db| db.execute(sql, (id, cents))).await.map(drop)
}

/// Write-through: the result becomes the cached value.
#[cache_put(get_product(db, id))]
async fn restock(db: &Catalogue, id: i64, by: i64) -> Result<Product, ShopError> {
    let sql = "UPDATE products SET stock = stock + ?2 WHERE id = ?1
               RETURNING id, name, cents, stock";
    let found = db.query(move |db| db.query_row(sql, (id, by), product).optional()).await?;
    found.ok_or(ShopError::NoProduct(id))
}

// --- the tour --------------------------------------------------------------------------------

/// With `REDIS_URL` the same functions use memory and Redis; nothing else changes.
async fn install() -> Result<(), Box<dyn std::error::Error>> {
    let builder = Cache::builder().namespace("quickstart");
    let cache = match std::env::var("REDIS_URL") {
        Ok(url) => builder.remote(larder::redis::Redis::connect(&url).await?).build()?,
        Err(_) => builder.build()?,
    };
    // The memory tier serves entries without asking Redis when the bus is connected.
    for _ in 0..200 {
        if cache.is_linked() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{cache:?}\n");
    cache.install();
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::var_os("CATALOGUE").map(PathBuf::from);
    let path = path.unwrap_or_else(|| std::env::temp_dir().join("larder-quickstart.sqlite"));
    println!("catalogue: {} ({PRODUCTS} products)", path.display());
    let db = Catalogue::open(path)?;
    install().await?;

    println!("-- a cold call, then hits");
    for _ in 0..3 {
        let start = Instant::now();
        let found = get_product(&db, 7).traced().await;
        let product = found.value?;
        println!("{:>12?}  {:?} from {:?}", start.elapsed(), product.name, found.source);
    }

    println!("-- 1,000 callers on a cold key");
    get_product(&db, 42).evict().await?;
    let (before, start) = (db.queries(), Instant::now());
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { get_product(&db, 42).await })
        })
        .collect();
    for call in calls {
        call.await??;
    }
    println!(
        "{:>12?}  queries that reached the database: {}",
        start.elapsed(),
        db.queries() - before
    );

    println!("-- a change evicts; the next read is fresh");
    let old = get_product(&db, 7).await?;
    set_price(&db, 7, old.cents + 1).await?;
    let new = get_product(&db, 7).traced().await;
    println!("              {} -> {} cents, from {:?}", old.cents, new.value?.cents, new.source);

    println!("-- a change writes through; the next read is a hit");
    let restocked = restock(&db, 7, 1).await?;
    let read = get_product(&db, 7).traced().await;
    assert_eq!(read.value?, restocked);
    println!("              stock {} from {:?}", restocked.stock, read.source);

    println!("-- automatic keys, methods, properties, sync functions");
    println!("              {} found", search(&db, "no. 77".into(), 20).await?.len());
    let shelf = Shelf { db: db.clone(), room: 3 };
    println!(
        "              {} on the page, {} in stock",
        shelf.page(2).await?.len(),
        shelf.stock().await?
    );
    println!("              100.00 becomes {:.2}", compound(10_000, 3, 20) as f64 / 100.0);
    call!(compound(10_000, 3, 20)).evict().await?;

    println!("-- stale while one refresh runs");
    cheapest(&db).refresh().await?;
    tokio::time::sleep(Duration::from_millis(80)).await;
    let before = db.queries();
    for _ in 0..3 {
        let (start, read) = (Instant::now(), cheapest(&db).traced().await);
        println!("{:>12?}  from {:?}, {:?} old", start.elapsed(), read.source, read.age);
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    println!(
        "              refreshes: {}; now from {:?}",
        db.queries() - before,
        cheapest(&db).traced().await.source
    );

    println!("-- a failing load is shared, and not cached");
    let (one, two) = tokio::join!(get_product(&db, 0), get_product(&db, 0));
    println!("              {:?} / {:?}", one.err(), two.err());

    println!("-- statistics\n{}", larder::default_cache().stats());
    // With Redis: waits for the writes and evictions that are still in progress.
    larder::default_cache().close().await?;
    Ok(())
}
