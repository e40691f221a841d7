//! `stale`: for this time after the `ttl`, callers get the old value at once, while one refresh runs in the background.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Source, cached, testing::Kit};

static VERSION: AtomicU64 = AtomicU64::new(0);

#[cached(ttl = "1m", stale = "10m")]
async fn news() -> u64 {
    VERSION.fetch_add(1, Ordering::Relaxed)
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    news().await;
    kit.advance(Duration::from_secs(120));
    let old = news().traced().await;
    println!("    {:?}: version {}", old.source, old.value);
    assert_eq!((old.source, old.value), (Source::Stale, 0));
    kit.settled().await;
    assert_eq!(news().await, 1);
    kit.expect().loads(2);
    Ok(())
}
