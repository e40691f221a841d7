//! A product with its reviews: relations of an object.

use larder::{cache_evict, cached_property};
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
}

impl ProductPage {
    /// A page for `product`.
    pub fn new(database: &Database, tenant: &Tenant, product: Product) -> Self {
        Self { product, database: database.clone(), tenant: tenant.clone() }
    }

    /// The newest reviews.
    ///
    /// This object lives for one request, so its values have keys, which all requests and all processes share. An object that
    /// lives longer can have its values in itself, without keys and serde: `cell = self.relations`, with a `larder::CachedCell`.
    #[cached_property(key = "product:{self.product.id}:reviews", ttl = "1h", cache = self.tenant.cache)]
    pub async fn reviews(&self) -> Result<Vec<Review>, ShopError> {
        let id = self.product.id;
        self.database
            .run(move |db| {
                let sql =
                    "SELECT stars, text FROM reviews WHERE product = ?1 ORDER BY id DESC LIMIT 10";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement
                    .query_map([id], |row| Ok(Review { stars: row.get(0)?, text: row.get(1)? }))?;
                rows.collect()
            })
            .await
    }

    /// The average of all stars, `None` without a review.
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
