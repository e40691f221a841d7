//! Readiness and liveness of a service with a cache: an axum endpoint, which the example calls
//! while Redis dies and comes back. It ends automatically.
//!
//! ```sh
//! cargo run -p examples --example health        # starts its own redis-server; without one on the PATH: only the outage
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{Router, get};
use larder::redis::Redis;
use larder::{
    Cache, cached,
    health::{Health, Monitor, Status},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[cached(key = "price:{id}", ttl = "10s")]
async fn price(id: u64) -> u64 {
    id * 100
}

/// Ready unless the cache is down, which never happens with a memory tier: a service without Redis
/// is slower, and taking it out of service would make that worse.
async fn ready(State(cache): State<Cache>) -> (StatusCode, Json<Health>) {
    let health = cache.health();
    let status = match health.status {
        Status::Up | Status::Degraded => StatusCode::OK,
        Status::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health))
}

/// Alive: a restart never helps a cache.
async fn live() -> &'static str {
    "alive\n"
}

fn app(cache: Cache) -> Router {
    Router::new().route("/ready", get(ready)).route("/live", get(live)).with_state(cache)
}

/// A `redis-server` that ends with the example; `None` if there is none on the PATH.
fn start_redis(port: u16) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

fn end(redis: &mut Option<Child>) {
    if let Some(mut redis) = redis.take() {
        let _ = redis.kill();
        let _ = redis.wait();
    }
}

/// The result of a probe: the status and the body.
async fn probe(service: SocketAddr, path: &str) -> Result<(u16, String), Failure> {
    let mut stream = TcpStream::connect(service).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {service}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status.ok_or("no status line")?, body.to_owned()))
}

/// Probes until the cache reports the expected state. The service is ready all the time.
async fn until(service: SocketAddr, wanted: &str) -> Result<(), Failure> {
    for _ in 0..150 {
        let (status, body) = probe(service, "/ready").await?;
        assert_eq!(status, 200, "{body}");
        let health: serde_json::Value = serde_json::from_str(&body)?;
        if health["status"] == wanted {
            println!("GET /ready: 200, {}", summary(&health));
            return Ok(());
        }
        // The service goes on working in the meantime.
        assert_eq!(price(7).await, 700);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("the cache did not come to be {wanted}").into())
}

fn summary(health: &serde_json::Value) -> String {
    let (memory, remote) = (&health["memory"], &health["remote"]);
    format!(
        "cache {}: memory {}, {} {}, bus linked: {}, last error: {}",
        health["status"],
        memory["status"],
        remote["backend"],
        remote["status"],
        remote["bus"]["linked"],
        remote["last_error"]["message"],
    )
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
    let mut redis = start_redis(port);
    let has_redis = redis.is_some();
    let story = story(port, &mut redis).await;
    end(&mut redis);
    if !has_redis {
        println!("(There is no redis-server on the PATH: this was the outage only.)");
    }
    story
}

async fn story(port: u16, redis: &mut Option<Child>) -> Result<(), Failure> {
    let tier = Redis::lazy(format!("redis://127.0.0.1:{port}"))?;
    let cache = Cache::builder().namespace("shop").remote(tier).build()?;
    cache.install();

    // Checks every 200 ms (a service would check less often), so that an outage is noticed even
    // without reads.
    let monitor = Monitor::every(Duration::from_millis(200))
        .remote_down_for(Duration::from_millis(500))
        .when_info("memory nearly full", |server| {
            let used = server.ratio("used_memory", "maxmemory").filter(|used| *used > 0.9)?;
            Some(format!("{:.0} % of maxmemory is used", used * 100.0))
        })
        .on_alert(|alert| println!("ALERT: {alert}"));
    let _monitoring = cache.monitor(monitor)?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let service = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app(cache)).await });

    assert_eq!(probe(service, "/live").await?, (200, "alive\n".to_owned()));
    if redis.is_some() {
        until(service, "up").await?;
        println!("-- Redis dies");
        end(redis);
    }
    until(service, "degraded").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (_, body) = probe(service, "/ready").await?;
    println!("GET /ready: 200, {}", summary(&serde_json::from_str(&body)?));
    *redis = start_redis(port);
    if redis.is_some() {
        println!("-- Redis is started again");
        until(service, "up").await?;
    }
    assert_eq!(probe(service, "/live").await?.0, 200);
    Ok(())
}
