//! `when`: a condition on the arguments and on `result`, a reference to the output.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(user(id), when = *result)]
async fn touch(id: u64, name: &str) -> bool {
    name != format!("user {id}") // whether something changed
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    touch(7, "user 7").await;
    assert!(user(7).peek().await?.is_some());
    touch(7, "Ada").await;
    assert!(user(7).peek().await?.is_none());
    println!("    only a change evicts");
    Ok(())
}
