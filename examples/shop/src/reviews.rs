//! A product with its reviews: relations of an object.

use std::sync::Arc;

use larder::{CachedCell, cache_evict, cached_property};
use serde::{Deserialize, Serialize};

use crate::products::Product;
use crate::{Database, ShopError, Tenant};

/// What a customer says about a product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Review {
    /// One to five.
    pub stars: u8,
    /// The text.
    pub text: String,
}

/// A product for the time of a request.
#[derive(Clone, Debug)]
pub struct ProductPage {
    /// The product.
    pub product: Product,
    database: Database,
    tenant: Tenant,
    /// The values of this object: they end with it, so they need no key, no ttl and no serde.
    relations: CachedCell,
}

impl ProductPage {
    /// A page for `product`.
    pub fn new(database: &Database, tenant: &Tenant, product: Product) -> Self {
        let (database, tenant) = (database.clone(), tenant.clone());
        Self { product, database, tenant, relations: CachedCell::new() }
    }

    /// The newest reviews: one query for this object, however often the request needs them.
    #[cached_property(cell = self.relations)]
    pub async fn reviews(&self) -> Result<Arc<Vec<Review>>, ShopError> {
        let id = self.product.id;
        self.database
            .run(move |db| {
                let sql =
                    "SELECT stars, text FROM reviews WHERE product = ?1 ORDER BY id DESC LIMIT 10";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement
                    .query_map([id], |row| Ok(Review { stars: row.get(0)?, text: row.get(1)? }))?;
                rows.collect::<Result<_, _>>().map(Arc::new)
            })
            .await
    }

    /// The average of all stars, `None` without a review. This one has a key: all requests and all processes share it.
    #[cached_property(key = "product:{self.product.id}:rating", ttl = "1h", cache = self.tenant.cache)]
    pub async fn rating(&self) -> Result<Option<f64>, ShopError> {
        let id = self.product.id;
        let sql = "SELECT avg(stars) FROM reviews WHERE product = ?1";
        self.database.run(move |db| db.query_row(sql, [id], |row| row.get(0))).await
    }

    /// Adds a review.
    #[cache_evict(self.reviews(), self.rating())]
    pub async fn review(&self, review: Review) -> Result<(), ShopError> {
        if !(1..=5).contains(&review.stars) {
            return Err(ShopError::Invalid("a review has one to five stars".to_owned()));
        }
        let id = self.product.id;
        let sql = "INSERT INTO reviews (product, stars, text) VALUES (?1, ?2, ?3)";
        self.database.run(move |db| db.execute(sql, (id, review.stars, review.text))).await?;
        Ok(())
    }
}
