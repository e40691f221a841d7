//! `before`: evicts before the body runs, if the body itself must read fresh values.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(user(id), before)]
async fn reload(id: u64) -> String {
    user(id).await
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    println!("    {}", reload(7).await);
    assert!(user(7).peek().await?.is_some(), "loaded by the body");
    Ok(())
}
