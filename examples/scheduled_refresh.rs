//! Values that stay fresh while they are in use (`refresh_every`), and reloads of a tag with progress.
//!
//! ```sh
//! cargo run -p examples --example scheduled_refresh      # no server needed; takes three seconds
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder::{Source, cached, default_cache, function};

static REQUESTS: AtomicU64 = AtomicU64::new(0);
/// What one euro costs, in hundredths.
static RATE: AtomicU64 = AtomicU64::new(100);

/// The bank takes a quarter of a second to answer.
async fn bank(currency: &str) -> u64 {
    REQUESTS.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(250)).await;
    RATE.load(Ordering::SeqCst) + currency.len() as u64
}

#[cached(ttl = "1m", refresh_every = "500ms", tags = ["rates"])]
async fn rate(currency: &str) -> u64 {
    bank(currency).await
}

/// Waits, and notes how long the slowest caller waited meanwhile.
async fn read_for(time: Duration) -> Duration {
    let (begin, mut slowest) = (Instant::now(), Duration::ZERO);
    while begin.elapsed() < time {
        let call = Instant::now();
        rate("USD").await;
        slowest = slowest.max(call.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    slowest
}

#[tokio::main]
async fn main() -> Result<(), larder::Error> {
    let first = rate("USD").traced().await;
    assert_eq!((first.value, first.source), (103, Source::Loaded));
    rate("CHF").await;

    RATE.store(120, Ordering::SeqCst);
    let slowest = read_for(Duration::from_millis(1_500)).await;
    println!("the bank was asked {} times meanwhile", REQUESTS.load(Ordering::SeqCst) - 2);
    println!("the slowest caller waited {slowest:?}; the rate is {}", rate("USD").await);
    assert_eq!(rate("USD").await, 123);

    // Now, and not at the next turn: an operator knows that the rates have changed.
    RATE.store(130, Ordering::SeqCst);
    let report = default_cache()
        .refresh_tag("rates")
        .concurrency(4)
        .on_progress(|progress| println!("loaded {} of {:?}", progress.done, progress.total))
        .await?;
    println!("{} loads in {:?}", report.loaded, report.elapsed);
    assert_eq!(rate("USD").traced().await.source, Source::Memory);
    assert_eq!(rate("USD").await, 133);

    // The same for all entries of a function.
    let report = function(rate).refresh()?.await?;
    assert_eq!(report.failures, 0);

    // No one reads any more, so the bank is left alone: one more refresh for the last reads, then none.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let asked = REQUESTS.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(800)).await;
    println!("without readers: {} requests", REQUESTS.load(Ordering::SeqCst) - asked);
    Ok(())
}
