//! `keys`: several entries by their keys.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(keys = ["user:{from}", "user:{to}"])]
async fn transfer(from: u64, to: u64) {
    println!("    {from} gives something to {to}");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    user(8).await;
    transfer(7, 8).await;
    assert!(user(7).peek().await?.is_none() && user(8).peek().await?.is_none());
    Ok(())
}
