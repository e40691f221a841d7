//! `.evict()`: evicts the value, in all tiers and in all processes.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    println!("    evicted: {}", user(7).evict().await?);
    assert_eq!(user(7).peek().await?, None);
    Ok(())
}
