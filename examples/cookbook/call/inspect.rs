//! `.inspect()`, `.expiry()`, `.cache_key()`: what the cache knows about a call, without running it.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    println!("    {}: {:?}", user(7).cache_key()?, user(7).expiry().await?);
    let found = user(7).inspect().await?;
    println!("    in memory: {:?}", found.memory.map(|entry| (entry.state, entry.bytes)));
    Ok(())
}
