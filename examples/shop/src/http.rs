//! The routes. A handler reads its arguments, asks the repositories, and makes JSON; it knows nothing of caches.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use larder::cached;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::orders::{NewOrder, Orders};
use crate::products::{NewProduct, Product, Products, missing};
use crate::rates::Mood;
use crate::reviews::{ProductPage, Review};
use crate::{App, ShopError, Tenant, health, metrics};

type Answer = Result<Json<Value>, ShopError>;

/// The service.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/catalogue/{page}", get(catalogue))
        .route("/products", post(add_product))
        .route("/products/{id}", get(show_product).delete(remove_product))
        .route("/products/{id}/price", put(set_price))
        .route("/products/{id}/price/{currency}", get(price))
        .route("/products/{id}/reviews", post(review))
        .route("/orders", post(place_order))
        .route("/customers/{name}/orders", get(orders))
        .route("/metrics", get(metrics::scrape))
        .route("/stats", get(metrics::stats))
        .route("/health", get(health::ready))
        .route("/live", get(health::live))
        // For operators: put these behind your authentication.
        .route("/admin/cache", delete(clear))
        .route("/admin/bank/{mood}", put(set_mood))
        .with_state(app)
}

/// A whole answer can be cached, too: the attribute stands on the handler. This one counts rows, which is slow in a large table and
/// need not be exact; so it has no eviction, and everybody gets it at once, a minute old at most.
#[cached(key = "front", ttl = "30s", stale = "30s", cache = tenant.cache, skip_all)]
async fn front(State(app): State<App>, tenant: Tenant) -> Result<String, ShopError> {
    let sql = "SELECT count(*) FROM products WHERE tenant = ?1";
    let name = tenant.name.clone();
    let count: i64 =
        app.database.run(move |db| db.query_row(sql, [name], |row| row.get(0))).await?;
    Ok(format!("{} has {count} products\n", tenant.title))
}

/// A page of the catalogue costs at most two queries: one for the ids, one for all products that are not cached.
async fn catalogue(State(app): State<App>, tenant: Tenant, Path(page): Path<u32>) -> Answer {
    let products = Products::new(&app.database, &tenant);
    let ids = products.page(page).await?;
    let found = products.find_many(&ids).await?;
    let rows: Vec<&Product> = ids.iter().filter_map(|id| found.get(id)).collect();
    Ok(Json(json!({ "page": page, "products": rows })))
}

async fn find(app: &App, tenant: &Tenant, id: i64) -> Result<Product, ShopError> {
    Products::new(&app.database, tenant).find(id).await?.ok_or_else(|| missing(id))
}

async fn show_product(State(app): State<App>, tenant: Tenant, Path(id): Path<i64>) -> Answer {
    let product = find(&app, &tenant, id).await?;
    let page = ProductPage::new(&app.database, &tenant, product);
    let (rating, reviews) = (page.rating().await?, page.reviews().await?);
    Ok(Json(json!({ "product": page.product, "rating": rating, "reviews": reviews })))
}

async fn add_product(
    State(app): State<App>,
    tenant: Tenant,
    Json(new): Json<NewProduct>,
) -> Result<(StatusCode, Json<Product>), ShopError> {
    let product = Products::new(&app.database, &tenant).add(new).await?;
    Ok((StatusCode::CREATED, Json(product)))
}

async fn remove_product(
    State(app): State<App>,
    tenant: Tenant,
    Path(id): Path<i64>,
) -> Result<StatusCode, ShopError> {
    Products::new(&app.database, &tenant).remove(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Price {
    cents: u32,
}

async fn set_price(
    State(app): State<App>,
    tenant: Tenant,
    Path(id): Path<i64>,
    Json(price): Json<Price>,
) -> Result<StatusCode, ShopError> {
    Products::new(&app.database, &tenant).set_price(id, price.cents).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The price in another currency. `quoted_at` shows how old the rate is: see `Bank::rate` for what happens without the bank.
async fn price(
    State(app): State<App>,
    tenant: Tenant,
    Path((id, currency)): Path<(i64, String)>,
) -> Answer {
    let product = find(&app, &tenant, id).await?;
    let rate = app.rates.rate(&currency).await?;
    let cents = (f64::from(product.cents) * rate.per_euro).round();
    Ok(Json(json!({ "currency": currency, "cents": cents, "quoted_at": rate.quoted_at })))
}

async fn review(
    State(app): State<App>,
    tenant: Tenant,
    Path(id): Path<i64>,
    Json(review): Json<Review>,
) -> Result<StatusCode, ShopError> {
    let product = find(&app, &tenant, id).await?;
    ProductPage::new(&app.database, &tenant, product).review(review).await?;
    Ok(StatusCode::CREATED)
}

async fn place_order(
    State(app): State<App>,
    tenant: Tenant,
    Json(order): Json<NewOrder>,
) -> Result<(StatusCode, Json<Value>), ShopError> {
    let id = Orders::new(&app.database, &tenant).place(order).await?;
    Ok((StatusCode::CREATED, Json(json!({ "order": id }))))
}

/// The orders of a customer with the names of all products: one query for the orders, one for the products of all of them.
async fn orders(State(app): State<App>, tenant: Tenant, Path(customer): Path<String>) -> Answer {
    let orders = Orders::new(&app.database, &tenant).of_customer(&customer).await?;
    let ids: Vec<i64> =
        orders.iter().flat_map(|order| &order.lines).map(|line| line.product).collect();
    let products = Products::new(&app.database, &tenant).find_many(&ids).await?;
    let names: HashMap<i64, &str> =
        products.iter().map(|(id, product)| (*id, product.name.as_str())).collect();
    Ok(Json(json!({ "customer": customer, "orders": orders, "names": names })))
}

/// Clears the values of one tenant, in memory and in Redis, in all instances.
async fn clear(tenant: Tenant) -> Result<StatusCode, ShopError> {
    tenant.cache.clear().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_mood(State(app): State<App>, Path(mood): Path<Mood>) -> StatusCode {
    app.bank.set(mood);
    StatusCode::NO_CONTENT
}
