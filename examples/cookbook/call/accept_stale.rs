//! `accept_stale`: takes an old value instead of waiting for a load. An evicted value is never taken.

use std::time::Duration;

use larder::{Source, cached, testing::Kit};

#[cached(ttl = "1m", stale_if_error = "1h")]
async fn stock(id: u64) -> Result<u64, String> {
    Ok(id * 10)
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    stock(7).await?;
    kit.advance(Duration::from_secs(120));
    let answer = stock(7).accept_stale().traced().await;
    println!("    {:?}: {:?}", answer.source, answer.value);
    assert_eq!(answer.source, Source::Stale);
    kit.expect().loads(1);
    stock(7).evict().await?;
    assert_eq!(stock(7).accept_stale().traced().await.source, Source::Loaded);
    Ok(())
}
