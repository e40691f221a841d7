//! `.ttl(..)`: another time to live for what this call stores.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    user(7).ttl("1h").await;
    kit.advance(std::time::Duration::from_secs(30 * 60));
    user(7).await;
    kit.expect().loads(1).hits(1);
    println!("    fresh after half an hour");
    Ok(())
}
