//! `soft`: the value becomes old, but stays for the fail-safe: the next read loads, and returns the old value if its load fails.

use std::sync::atomic::{AtomicBool, Ordering};

use larder::{Source, cache_evict, cached, testing::Kit};

static DOWN: AtomicBool = AtomicBool::new(false);

#[cached(ttl = "1m", key = "stock:{id}", stale_if_error = "1h")]
async fn stock(id: u64) -> Result<u64, String> {
    if DOWN.load(Ordering::Relaxed) { Err("down".to_owned()) } else { Ok(id * 10) }
}

#[cache_evict(stock(id), soft)]
async fn recount(id: u64) {
    println!("    the stock of {id} is counted again");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    stock(7).await?;
    DOWN.store(true, Ordering::Relaxed);
    recount(7).await;
    let answer = stock(7).traced().await;
    assert_eq!((answer.value, answer.source), (Ok(70), Source::FailSafe));
    Ok(())
}
