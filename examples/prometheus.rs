//! A Prometheus endpoint, which the example scrapes itself; it parses the page.
//!
//!     cargo run -p examples --example prometheus
//!
//! It needs no server, and ends automatically.

use std::error::Error;

use larder::{Cache, cached};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use prometheus_parse::{Scrape, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[cached(key = "user:{id}", ttl = "1m")]
async fn get_user(id: u64) -> Result<String, String> {
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    if id == 0 { Err("no such user".to_owned()) } else { Ok(format!("user {id}")) }
}

/// The recorder of the metrics; installed before the first metric is recorded.
fn install_recorder() -> Result<PrometheusHandle, Box<dyn Error>> {
    let seconds = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &seconds)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    Ok(handle)
}

/// Answers a scrape. A service uses a web framework.
async fn serve(
    listener: TcpListener,
    cache: Cache,
    handle: PrometheusHandle,
) -> std::io::Result<()> {
    loop {
        let (mut connection, _) = listener.accept().await?;
        let mut request = [0; 1024];
        let _ = connection.read(&mut request).await?;
        cache.publish_metrics(); // the only call that larder needs
        let page = handle.render();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            page.len()
        );
        connection.write_all(head.as_bytes()).await?;
        connection.write_all(page.as_bytes()).await?;
    }
}

async fn scrape(address: std::net::SocketAddr) -> Result<String, Box<dyn Error>> {
    let mut connection = TcpStream::connect(address).await?;
    connection
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (_, page) = answer.split_once("\r\n\r\n").ok_or("no page")?;
    Ok(page.to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let handle = install_recorder()?;
    let cache = Cache::builder().build()?;
    cache.install();
    for id in [1, 2, 1, 1, 0] {
        let _ = get_user(id).await;
    }

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener, cache.clone(), handle));
    let page = scrape(address).await?;
    serving.abort();
    println!("{page}");

    let scraped = Scrape::parse(page.lines().map(|line| Ok(line.to_owned())))?;
    let requests = |result: &str| {
        let samples = scraped.samples.iter();
        let wanted = samples.filter(|sample| {
            sample.metric == "larder_requests_total"
                && sample.labels.get("function") == Some("prometheus::get_user")
                && sample.labels.get("result") == Some(result)
        });
        wanted
            .map(|sample| match sample.value {
                Value::Counter(count) => count,
                _ => f64::NAN,
            })
            .sum::<f64>()
    };
    println!("get_user: {} hits, {} misses", requests("memory_hit"), requests("miss"));
    assert_eq!((requests("memory_hit"), requests("miss")), (2.0, 3.0));
    let loads =
        scraped.samples.iter().find(|sample| sample.metric == "larder_load_duration_seconds");
    assert!(matches!(loads.map(|loads| &loads.value), Some(Value::Histogram(_))), "{loads:?}");
    Ok(())
}
