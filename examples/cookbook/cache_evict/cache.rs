//! `cache`: the cache of the keys, patterns and tags. (A call knows its own cache.)

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", cache = "people")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(pattern = "user:*", cache = "people")]
async fn import() {}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    println!("    {}", user(7).await);
    import().await;
    assert!(user(7).peek().await?.is_none());
    Ok(())
}
