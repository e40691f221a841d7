//! `.refresh()`: loads now, and replaces the value. Concurrent refreshes share one load.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    user(7).await;
    println!("    {}", user(7).refresh().await);
    kit.expect().loads(2).stores(2);
    Ok(())
}
