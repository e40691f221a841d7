//! `on = "ok"`: evicts only if the body succeeds. The default evicts always, because a body that fails may have changed something.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", tags = ["users"])]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(user(id), on = "ok")]
async fn rename(id: u64, name: &str) -> Result<(), String> {
    if name.is_empty() { Err(format!("user {id} needs a name")) } else { Ok(()) }
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    println!("    {:?}", rename(7, "").await);
    assert!(user(7).peek().await?.is_some());
    rename(7, "Ada").await?;
    assert!(user(7).peek().await?.is_none());
    Ok(())
}
