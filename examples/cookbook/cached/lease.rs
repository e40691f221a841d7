//! `lease`: after this time a load counts as hung, and one of the waiting callers loads instead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{cached, testing::Kit};

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cached(ttl = "1m", lease = "30s")]
async fn report() -> u64 {
    let load = LOADS.fetch_add(1, Ordering::Relaxed);
    if load == 0 {
        std::future::pending::<()>().await; // the first load hangs
    }
    load
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let leader = kit.spawn(async { report().await });
    tokio::task::yield_now().await;
    let waiter = kit.spawn(async { report().await });
    tokio::task::yield_now().await;
    kit.advance(Duration::from_secs(31));
    assert_eq!(waiter.await?, 1);
    println!("    after 30 s the second caller loads");
    leader.abort();
    Ok(())
}
