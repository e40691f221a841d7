//! `pattern`: all entries whose key matches. An argument in it is escaped: its text is never a wildcard.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(pattern = "user:*")]
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
