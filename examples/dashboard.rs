//! The dashboard of a service with traffic: hit rates, load times, an outage of the remote tier every minute.
//!
//! ```sh
//! cargo run -p examples --example dashboard                  # then open http://127.0.0.1:3000/admin/cache
//! cargo run -p examples --example dashboard -- --port 4000
//! ```
//!
//! It needs no server: the remote tier is in this process, and is away on command. It runs until Ctrl-C. (`all` makes it end.)

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use larder::backend::MemoryBackend;
use larder::dashboard::{Dashboard, Permission};
use larder::testing::{Faults, Faulty};
use larder::{Cache, Memory, cached};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[cached(model = "product", op = "get", ttl = "15s", stale = "10s", stale_if_error = "5m")]
async fn product(id: u64) -> Result<String, String> {
    sleep(millis(4 + id % 17)).await;
    if id % 97 == 13 { Err("the database is busy".to_owned()) } else { Ok(format!("product {id}")) }
}

#[cached(key = "search:{text}:{page}", ttl = "5s", tags = ["products"])]
async fn search(text: &str, page: u64) -> Vec<u64> {
    sleep(millis(30 + page * 25)).await;
    (page..page + text.len() as u64).collect()
}

#[cached(key = "session:{token}", ttl = "30s", cache = "sessions")]
async fn session(token: u64) -> u64 {
    sleep(millis(2)).await;
    token
}

/// A number that looks random: small ones are more frequent.
fn next(state: &mut u64, most: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    let [one, other] = [*state % most, (*state >> 32) % most];
    one.min(other)
}

async fn traffic(worker: u64) {
    let mut state = 0x9e37_79b9 + worker;
    for round in 0_u64.. {
        let busy = (round / 400) % 3;
        for _ in 0..=busy * 2 {
            let _ = product(next(&mut state, 600)).await;
            session(next(&mut state, 3_000)).await;
        }
        if round % 7 == 0 {
            search(["tea", "coffee", "cocoa"][next(&mut state, 3) as usize], next(&mut state, 4))
                .await;
        }
        if round % 50 == 0 {
            let _ = product(next(&mut state, 600)).evict().await;
        }
        sleep(millis(3 + next(&mut state, 8))).await;
    }
}

async fn outages(faults: Faults) {
    loop {
        sleep(Duration::from_secs(50)).await;
        faults.outage(true);
        sleep(Duration::from_secs(7)).await;
        faults.outage(false);
    }
}

/// Everything is permitted to requests for this address. The server listens on it only, but a page of another site could reach
/// it under a name of its own that leads to 127.0.0.1. A real service asks for a session or a password: see docs/dashboard.md.
fn is_local(request: &Parts) -> bool {
    let host = request.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    ["127.0.0.1", "localhost"].contains(&host.split(':').next().unwrap_or_default())
}

fn dashboard() -> Router {
    let dashboard = Dashboard::new().interval(Duration::from_secs(1)).authorize(
        |permission, request| async move {
            match permission {
                Permission::Read | Permission::Change => is_local(&request),
                _ => false,
            }
        },
    );
    Router::new().nest_service("/admin/cache", dashboard.router())
}

async fn ask(address: SocketAddr, path: &str) -> Result<String, Box<dyn Error>> {
    let mut connection = TcpStream::connect(address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let port =
        arguments.iter().position(|text| text == "--port").and_then(|at| arguments.get(at + 1));
    let ends = arguments.iter().any(|text| text == "all");
    let port = if ends { 0 } else { port.map_or(Ok(3000), |port| port.parse())? };

    let store = Faulty::new(MemoryBackend::new());
    let faults = store.faults();
    let memory = Memory::max_entries(400);
    Cache::builder().namespace("shop").memory(memory).remote(store).build()?.install();
    Cache::builder().name("sessions").namespace("shop/sessions").build()?.install();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move { axum::serve(listener, dashboard()).await });
    (0..4).for_each(|worker| drop(tokio::spawn(traffic(worker))));
    tokio::spawn(outages(faults));
    println!("http://{address}/admin/cache");
    if !ends {
        return Ok(serving.await??);
    }

    sleep(Duration::from_secs(2)).await;
    for (path, part) in [
        ("", "<title>larder</title>"),
        ("/api/caches", "\"label\":\"sessions\""),
        ("/api/history", "memory_hits"),
    ] {
        let answer = ask(address, &format!("/admin/cache{path}")).await?;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(part), "{path}");
        println!("{path:12} {} bytes", answer.len());
    }
    Ok(())
}
