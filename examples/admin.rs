//! An admin endpoint for all caches of a service: statistics as JSON, one entry, clearing. The example asks it itself.
//!
//!     cargo run -p examples --example admin
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /caches` | all installed caches with their health and statistics, and the sum |
//! | `GET /caches/{name}/{key}` | an entry in each tier, and the parts of its key |
//! | `DELETE /caches/{name}/{key}` | evicts the entry |
//! | `DELETE /caches` | clears all caches |
//!
//! It needs no server, and ends automatically. Whoever reaches such an endpoint can empty the caches: put it behind your
//! authentication.

use std::error::Error;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use larder::{Cache, Key, cached, stats::Stats};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Answer = Result<Json<Value>, (StatusCode, String)>;

#[cached(model = "user", op = "get", ttl = "1m")]
async fn get_user(id: u64) -> String {
    format!("user {id}")
}

#[cached(key = "session:{token}", ttl = "1h", cache = "sessions")]
async fn session(token: &str) -> u64 {
    token.len() as u64
}

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_GATEWAY, error.to_string())
}

/// The default cache is called `default`.
fn find(name: &str) -> Result<Cache, (StatusCode, String)> {
    let is_it = |cache: &Cache| cache.name().unwrap_or("default") == name;
    let missing = || (StatusCode::NOT_FOUND, format!("there is no cache `{name}`"));
    larder::caches().into_iter().find(is_it).ok_or_else(missing)
}

async fn list() -> Answer {
    let caches = larder::caches();
    let total: Stats = caches.iter().map(Cache::stats).sum();
    let each = caches.iter().map(|cache| {
        json!({ "health": cache.health(), "stats": cache.stats(), "functions": cache.stats_by_function() })
    });
    Ok(Json(json!({ "caches": each.collect::<Vec<_>>(), "total": total })))
}

async fn inspect(Path((name, key)): Path<(String, String)>) -> Answer {
    let key: Key = key.parse().map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}")))?;
    let entry = find(&name)?.inspect(&key).await;
    Ok(Json(json!({ "key": key.parts(), "entry": entry })))
}

async fn evict(Path((name, key)): Path<(String, String)>) -> Answer {
    let evicted = find(&name)?.remove(key).await.map_err(failed)?;
    Ok(Json(json!({ "evicted": evicted })))
}

async fn clear() -> Answer {
    larder::clear_all().await.map_err(failed)?;
    Ok(Json(json!({ "cleared": larder::caches().len() })))
}

fn admin() -> Router {
    Router::new()
        .route("/caches", get(list).delete(clear))
        .route("/caches/{name}/{*key}", get(inspect).delete(evict))
}

/// Sends a request, and returns the JSON of the answer.
async fn ask(address: std::net::SocketAddr, request: &str) -> Result<Value, Box<dyn Error>> {
    let mut connection = TcpStream::connect(address).await?;
    let head = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let body = serde_json::from_str(body).map_err(|_| body.to_owned())?;
    println!("{request}\n{body:#}\n");
    Ok(body)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Cache::builder().namespace("shop").build()?.install();
    Cache::builder().name("sessions").namespace("shop/sessions").build()?.install();
    for id in [1, 2, 1, 1] {
        get_user(id).await;
    }
    session("secret").await;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move { axum::serve(listener, admin()).await });

    let all = ask(address, "GET /caches").await?;
    assert_eq!((&all["total"]["requests"], &all["total"]["hit_rate"]), (&json!(5), &json!(0.4)));
    assert_eq!(all["caches"][1]["health"]["cache"], "sessions");

    let user = ask(address, "GET /caches/default/user:get:1,").await?;
    assert_eq!((&user["key"]["model"], &user["key"]["params"][0]), (&json!("user"), &json!("1")));
    assert_eq!(user["entry"]["memory"]["state"], "fresh");

    ask(address, "DELETE /caches/default/user:get:1,").await?;
    let gone = ask(address, "GET /caches/default/user:get:1,").await?;
    assert!(gone["entry"]["memory"].is_null());

    ask(address, "DELETE /caches").await?;
    assert_eq!(session("secret").peek().await?, None);
    assert_eq!(all["total"]["misses"], 3);
    serving.abort();
    Ok(())
}
