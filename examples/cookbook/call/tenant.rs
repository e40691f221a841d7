//! `.tenant(..)`: the entry of a tenant. Tenants do not see each other's values, and each can be cleared at once.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    user(7).tenant("acme").await;
    assert_eq!(user(7).tenant("umbrella").peek().await?, None);
    kit.cache().tenant("acme")?.clear().await?;
    assert_eq!(user(7).tenant("acme").peek().await?, None);
    println!("    the values of acme are gone");
    Ok(())
}
