//! `all`: everything in the cache.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(all)]
async fn restore_backup() {
    println!("    everything changes");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    restore_backup().await;
    assert!(user(7).peek().await?.is_none());
    Ok(())
}
