//! `.put(value)`: stores a value as if the function had returned it.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    user(7).put("Ada".to_owned()).await?;
    println!("    {}", user(7).await);
    kit.expect().loads(0).hits(1);
    Ok(())
}
