//! `version`: separates values by hand if their meaning changed and their type did not.

use larder::{cached, testing::Kit};

/// In cents since version 2.
#[cached(ttl = "1m", key = "price:{id}", version = 2)]
async fn price(id: u64) -> u64 {
    id * 100
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    // What the release before has stored, in euros.
    kit.cache().insert("price:7", 7_u64).await?;
    assert_eq!(price(7).await, 700);
    println!("    {}", price(7).cache_key()?);
    Ok(())
}
