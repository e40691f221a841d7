//! The customers of this service: each request belongs to one of them, and sees only the values of this one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use larder::{Cache, cached};
use serde::{Deserialize, Serialize};

use crate::{App, Database, ShopError};

/// The header that names the tenant. Behind a gateway, let the gateway set it from the token of the request, and remove what
/// the client sent: whoever chooses the header chooses the tenant.
pub const HEADER: &str = "x-tenant";

/// The tenant of a request, with a handle of the cache for its values.
///
/// Every cached function of the shop has this handle as its `cache`. So no function can read the value of another tenant,
/// and no key needs the tenant's name. Only tags do: they belong to the whole cache.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The name: a column of all tables.
    pub name: String,
    /// The title for people.
    pub title: String,
    /// The part of the default cache that belongs to this tenant.
    pub cache: Cache,
}

/// A row of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    title: String,
}

/// Every request calls this, so it should be a hit. Names that do not exist are cached for a short time, too (`none_ttl`):
/// otherwise each request with a wrong name would be a query.
#[cached(key = "tenant:{name}", ttl = "10m", none_ttl = "10s", skip(database))]
async fn find_tenant(database: &Database, name: &str) -> Result<Option<Row>, ShopError> {
    let name = name.to_owned();
    database
        .run(move |db| {
            let mut statement = db.prepare_cached("SELECT title FROM tenants WHERE name = ?1")?;
            let mut rows = statement.query_map([name], |row| Ok(Row { title: row.get(0)? }))?;
            rows.next().transpose()
        })
        .await
}

impl Tenant {
    /// The tenant of this name.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] if there is none.
    pub async fn find(database: &Database, name: &str) -> Result<Self, ShopError> {
        let row = find_tenant(database, name).await?;
        let row = row.ok_or_else(|| ShopError::NotFound(format!("tenant `{name}`")))?;
        // `default_cache()` for each request, not once at the start: in a test this is the cache of the test's kit.
        let cache = larder::default_cache().tenant(name)?;
        Ok(Self { name: name.to_owned(), title: row.title, cache })
    }
}

/// A handler with an argument of type `Tenant` gets the tenant that the header names; `demo` without a header.
impl FromRequestParts<App> for Tenant {
    type Rejection = ShopError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ShopError> {
        let name = parts.headers.get(HEADER).map_or(Ok("demo"), |header| header.to_str());
        let name = name.map_err(|_| ShopError::Invalid(format!("`{HEADER}` is not a name")))?;
        Self::find(&app.database, name).await
    }
}
