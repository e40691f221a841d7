//! `.peek()`: the cached value, if there is one. The function does not run.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    assert_eq!(user(7).peek().await?, None);
    user(7).await;
    println!("    {:?}", user(7).peek().await?);
    kit.expect().loads(1);
    Ok(())
}
