//! `.key(..)`: another key for this call.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    user(7).key("user:preview").await;
    assert_eq!(user(7).peek().await?, None);
    println!("    {:?}", kit.cache().get::<String>("user:preview").await?);
    Ok(())
}
