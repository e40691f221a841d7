//! `tags`: all entries that carry one of the tags, in one step, however many there are.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(tags = ["users"])]
async fn import() {
    println!("    all users change");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    user(8).await;
    import().await;
    assert!(user(7).peek().await?.is_none() && user(8).peek().await?.is_none());
    Ok(())
}
