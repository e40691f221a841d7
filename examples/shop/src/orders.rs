//! Orders: a transaction of the database, with evictions that wait for its commit.

use larder::{cache_evict, cached};
use serde::{Deserialize, Serialize};

use crate::products::Products;
use crate::{Database, ShopError, Tenant};

/// An order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The primary key.
    pub id: i64,
    /// The products, at least one.
    pub lines: Vec<Line>,
}

/// One product of an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The product's id. The name is not copied: `Products::find_many` has it.
    pub product: i64,
    /// The number of pieces.
    pub count: u32,
    /// The price of one when it was ordered.
    pub cents: u32,
}

/// An order that somebody wants to place.
#[derive(Clone, Debug, Deserialize)]
pub struct NewOrder {
    /// Who orders.
    pub customer: String,
    /// The products and their numbers.
    pub lines: Vec<NewLine>,
}

/// One product of it.
#[derive(Clone, Debug, Deserialize)]
pub struct NewLine {
    /// The product's id.
    pub product: i64,
    /// The number of pieces.
    pub count: u32,
}

/// The orders of one tenant.
#[derive(Clone, Debug)]
pub struct Orders {
    database: Database,
    tenant: Tenant,
    products: Products,
}

impl Orders {
    /// The orders of `tenant`.
    pub fn new(database: &Database, tenant: &Tenant) -> Self {
        let products = Products::new(database, tenant);
        Self { database: database.clone(), tenant: tenant.clone(), products }
    }

    /// The last orders of a customer, with their lines: one query with a join, not one for each order.
    #[cached(key = "orders:{customer}", ttl = "5m", cache = self.tenant.cache, skip(self))]
    pub async fn of_customer(&self, customer: &str) -> Result<Vec<Order>, ShopError> {
        let (tenant, customer) = (self.tenant.name.clone(), customer.to_owned());
        let rows: Vec<(i64, Line)> = self
            .database
            .run(move |db| {
                let sql = "SELECT o.id, product, count, cents
                           FROM (SELECT id FROM orders WHERE tenant = ?1 AND customer = ?2
                                 ORDER BY id DESC LIMIT 20) o
                           JOIN lines ON \"order\" = o.id ORDER BY o.id DESC, lines.rowid";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map((tenant, customer), |row| {
                    let line =
                        Line { product: row.get(1)?, count: row.get(2)?, cents: row.get(3)? };
                    Ok((row.get(0)?, line))
                })?;
                rows.collect()
            })
            .await?;
        let mut orders: Vec<Order> = Vec::new();
        for (id, line) in rows {
            match orders.last_mut().filter(|order| order.id == id) {
                Some(order) => order.lines.push(line),
                None => orders.push(Order { id, lines: vec![line] }),
            }
        }
        Ok(orders)
    }

    /// Places an order, and returns its id.
    ///
    /// `Products::take` evicts each product. An eviction before the commit would be too early: another request would load
    /// and cache the old stock again. So `larder::transaction` holds the evictions, and `larder::commit` carries them out
    /// after the commit. If a product is sold out, the database rolls back, and nothing is evicted.
    #[cache_evict(self.of_customer(&order.customer))]
    pub async fn place(&self, order: NewOrder) -> Result<i64, ShopError> {
        if order.lines.is_empty() || order.lines.iter().any(|line| line.count == 0) {
            return Err(ShopError::Invalid("an order has lines, and each has a count".to_owned()));
        }
        larder::transaction(async {
            let mut tx = self.database.begin().await?;
            let (tenant, customer) = (self.tenant.name.clone(), order.customer);
            let id: i64 = tx
                .run(move |db| {
                    let sql = "INSERT INTO orders (tenant, customer) VALUES (?1, ?2) RETURNING id";
                    db.query_row(sql, (tenant, customer), |row| row.get(0))
                })
                .await?;
            for NewLine { product, count } in order.lines {
                let cents = self.products.take(&mut tx, product, count).await?;
                let sql = "INSERT INTO lines VALUES (?1, ?2, ?3, ?4)";
                tx.run(move |db| db.execute(sql, (id, product, count, cents))).await?;
            }
            larder::commit(tx.commit()).await?;
            Ok(id)
        })
        .await
    }
}
