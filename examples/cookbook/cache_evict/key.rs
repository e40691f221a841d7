//! `key`: one entry by its key, for functions that the mutator does not see.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(key = "user:{id}")]
async fn rename(id: u64, name: &str) {
    println!("    user {id} is now called {name}");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    rename(7, "Ada").await;
    assert!(user(7).peek().await?.is_none());
    Ok(())
}
