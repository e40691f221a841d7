//! `op`: the operation of a model that a function is. A mutator can evict one operation only.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", model = "user", op = "get")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cached(ttl = "1m", model = "user", op = "list")]
async fn users(page: u32) -> Vec<String> {
    vec![format!("users of page {page}")]
}

/// A new user is in no entry of `user` yet.
#[cache_evict(model = "user", op = "list")]
async fn create(_name: &str) {}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    users(1).await;
    create("Ada").await;
    assert!(user(7).peek().await?.is_some());
    assert!(users(1).peek().await?.is_none());
    println!("    the lists are evicted, the users are not");
    Ok(())
}
