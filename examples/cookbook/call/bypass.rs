//! `.bypass()`: runs the function without the cache: it reads nothing and stores nothing.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    println!("    {}", user(7).bypass().await);
    kit.expect().loads(0).stores(0);
    Ok(())
}
