//! `stale_if_error`: for this time after the `ttl`, callers get the old value if the load fails (fail-safe).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::{Source, cached, testing::Kit};

static DOWN: AtomicBool = AtomicBool::new(false);

#[cached(ttl = "1m", stale_if_error = "1h")]
async fn stock(id: u64) -> Result<u64, String> {
    if DOWN.load(Ordering::Relaxed) { Err("the warehouse does not answer".to_owned()) } else { Ok(id * 10) }
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    stock(7).await?;
    DOWN.store(true, Ordering::Relaxed);
    kit.advance(Duration::from_secs(300));
    let answer = stock(7).traced().await;
    println!("    {:?}: {:?}", answer.source, answer.value);
    assert_eq!((answer.source, answer.value), (Source::FailSafe, Ok(70)));
    kit.advance(Duration::from_secs(3_600));
    assert!(stock(7).await.is_err(), "the window has ended");
    Ok(())
}
