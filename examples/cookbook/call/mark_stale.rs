//! `mark_stale`: the next call loads, but the value stays for the case that its load fails.

use std::sync::atomic::{AtomicBool, Ordering};

use larder::{cached, testing::Kit};

static DOWN: AtomicBool = AtomicBool::new(false);

#[cached(ttl = "1m", stale_if_error = "1h")]
async fn stock(id: u64) -> Result<u64, String> {
    if DOWN.load(Ordering::Relaxed) { Err("the warehouse does not answer".to_owned()) } else { Ok(id * 10) }
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    stock(7).await?;
    stock(7).mark_stale().await?;
    assert_eq!(stock(7).peek().await?, None);
    DOWN.store(true, Ordering::Relaxed);
    println!("    {:?}", stock(7).await);
    assert_eq!(stock(7).await, Ok(70));
    Ok(())
}
