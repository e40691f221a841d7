//! `.cache(..)`: another cache for this call, by name or by handle.

use larder::{Cache, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    let archive = Cache::builder().namespace("archive").build()?;
    user(7).cache(&archive).await;
    assert_eq!(user(7).peek().await?, None);
    println!("    {} entry in the archive", archive.stats().entries);
    Ok(())
}
