//! The repository of products: cached reads, one query for many ids, and writes that evict what they make old.

use std::collections::HashMap;

use larder::{cache_evict, cache_put, cached};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use serde::{Deserialize, Serialize};

use crate::database::Transaction;
use crate::{Database, ShopError, Tenant};

/// The number of products on a page of the catalogue.
pub const PAGE: u32 = 20;

/// A row. Serde's traits are for Redis; a cache in memory alone would not need them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// The primary key.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The price.
    pub cents: u32,
    /// The number of pieces that can be ordered.
    pub stock: u32,
}

/// A product without an id.
#[derive(Clone, Debug, Deserialize)]
pub struct NewProduct {
    /// The name.
    pub name: String,
    /// The price.
    pub cents: u32,
    /// The number of pieces.
    pub stock: u32,
}

/// The products of one tenant. Cheap to make, so each request makes one.
#[derive(Clone, Debug)]
pub struct Products {
    database: Database,
    tenant: Tenant,
}

impl Products {
    /// The products of `tenant`.
    pub fn new(database: &Database, tenant: &Tenant) -> Self {
        Self { database: database.clone(), tenant: tenant.clone() }
    }

    /// One product. That an id does not exist is cached, too, but not for long: most such requests come from robots.
    #[cached(
        key = "product:{id}",
        ttl = "10m",
        none_ttl = "10s",
        cache = self.tenant.cache,
        skip(self)
    )]
    pub async fn find(&self, id: i64) -> Result<Option<Product>, ShopError> {
        Ok(self.select(vec![id]).await?.remove(&id))
    }

    /// Many products with one query: only for those that are not cached.
    ///
    /// The key and the type of the values are those of [`find`](Self::find) (with `none_ttl`, both cache an `Option`), so they
    /// share their values, and an eviction of one ends the other.
    #[cached(
        each = "id in ids",
        key = "product:{id}",
        ttl = "10m",
        none_ttl = "10s",
        cache = self.tenant.cache,
        skip(self)
    )]
    pub async fn find_many(&self, ids: &[i64]) -> Result<HashMap<i64, Product>, ShopError> {
        self.select(ids.to_vec()).await
    }

    /// The ids on a page of the catalogue.
    ///
    /// A list of ids is evicted only if a product is added or removed; a list of products would be evicted at each order. The
    /// tag ends all pages with one increment. After `ttl`, callers get the old page at once while one refresh runs.
    #[cached(
        key = "catalogue:{page}",
        ttl = "1m",
        stale = "1m",
        tags = ["catalogue:{self.tenant.name}"],
        cache = self.tenant.cache,
        skip(self)
    )]
    pub async fn page(&self, page: u32) -> Result<Vec<i64>, ShopError> {
        let tenant = self.tenant.name.clone();
        self.database
            .run(move |db| {
                let sql =
                    "SELECT id FROM products WHERE tenant = ?1 ORDER BY id LIMIT ?2 OFFSET ?3";
                let mut statement = db.prepare_cached(sql)?;
                let offset = page.saturating_mul(PAGE);
                let rows = statement.query_map((tenant, PAGE, offset), |row| row.get(0))?;
                rows.collect()
            })
            .await
    }

    /// Adds a product, and stores it as the value of `find`: the page that the client opens next is a hit.
    ///
    /// The `put` also replaces a cached "does not exist". It is safe here, because no other request can change a new row
    /// at the same time. The mutators below evict.
    #[cache_put(self.find(result.id), value = Some(result.clone()))]
    #[cache_evict(tags = ["catalogue:{self.tenant.name}"], cache = self.tenant.cache)]
    pub async fn add(&self, new: NewProduct) -> Result<Product, ShopError> {
        let tenant = self.tenant.name.clone();
        self.database
            .run(move |db| {
                let sql =
                    "INSERT INTO products (tenant, name, cents, stock) VALUES (?1, ?2, ?3, ?4)
                           RETURNING id, name, cents, stock";
                db.query_row(sql, (tenant, new.name, new.cents, new.stock), product)
            })
            .await
    }

    /// Changes a price. Two of these may run at the same time, and the cache does not know in which order the database has
    /// carried them out. So this evicts, and the next read loads.
    #[cache_evict(self.find(id))]
    pub async fn set_price(&self, id: i64, cents: u32) -> Result<(), ShopError> {
        let sql = "UPDATE products SET cents = ?3 WHERE tenant = ?1 AND id = ?2";
        let tenant = self.tenant.name.clone();
        let changed = self.database.run(move |db| db.execute(sql, (tenant, id, cents))).await?;
        if changed == 0 { Err(missing(id)) } else { Ok(()) }
    }

    /// Removes a product.
    #[cache_evict(self.find(id))]
    #[cache_evict(tags = ["catalogue:{self.tenant.name}"], cache = self.tenant.cache)]
    pub async fn remove(&self, id: i64) -> Result<(), ShopError> {
        let sql = "DELETE FROM products WHERE tenant = ?1 AND id = ?2";
        let tenant = self.tenant.name.clone();
        let changed = self.database.run(move |db| db.execute(sql, (tenant, id))).await?;
        if changed == 0 { Err(missing(id)) } else { Ok(()) }
    }

    /// Takes pieces from the stock in the transaction of an order, and returns the price of one.
    ///
    /// It reads the row through `tx`, not through [`find`](Self::find): a decision to sell needs the row, not a copy of it.
    /// In a `larder::transaction` the eviction waits for the commit.
    #[cache_evict(self.find(id))]
    pub async fn take(&self, tx: &mut Transaction, id: i64, count: u32) -> Result<u32, ShopError> {
        let tenant = self.tenant.name.clone();
        let price = tx
            .run(move |db| {
                let sql = "UPDATE products SET stock = stock - ?3
                           WHERE tenant = ?1 AND id = ?2 AND stock >= ?3 RETURNING cents";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query_map((tenant, id, count), |row| row.get(0))?;
                rows.next().transpose()
            })
            .await?;
        price.ok_or_else(|| ShopError::Conflict(format!("there are not {count} of product {id}")))
    }

    /// The query of `find` and `find_many`.
    async fn select(&self, ids: Vec<i64>) -> Result<HashMap<i64, Product>, ShopError> {
        let tenant = self.tenant.name.clone();
        self.database.run(move |db| select(db, tenant, &ids)).await
    }
}

fn select(
    db: &Connection,
    tenant: String,
    ids: &[i64],
) -> Result<HashMap<i64, Product>, rusqlite::Error> {
    let marks = vec!["?"; ids.len()].join(", ");
    let sql =
        format!("SELECT id, name, cents, stock FROM products WHERE tenant = ? AND id IN ({marks})");
    let mut statement = db.prepare_cached(&sql)?;
    let parameters =
        std::iter::once(Value::from(tenant)).chain(ids.iter().map(|id| Value::from(*id)));
    let parameters = params_from_iter(parameters);
    statement.query_map(parameters, |row| product(row).map(|found| (found.id, found)))?.collect()
}

fn product(row: &Row<'_>) -> Result<Product, rusqlite::Error> {
    Ok(Product { id: row.get(0)?, name: row.get(1)?, cents: row.get(2)?, stock: row.get(3)? })
}

/// The error for an id that does not exist.
pub fn missing(id: i64) -> ShopError {
    ShopError::NotFound(format!("product {id}"))
}
