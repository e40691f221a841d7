//! `when`: a condition on the arguments and on `result`. If it is false, the entry is evicted instead.

use larder::{cache_put, cached, testing::Kit};

#[cached(ttl = "1m", key = "name:{id}")]
async fn name(id: u64) -> Result<String, String> {
    Ok(format!("user {id}"))
}

#[cache_put(name(id), when = new.len() < 100)]
async fn rename(id: u64, new: String) -> Result<String, String> {
    println!("    user {id} has a name of {} letters", new.len());
    Ok(new)
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    rename(7, "Ada".to_owned()).await?;
    assert_eq!(name(7).peek().await?.as_deref(), Some("Ada"));
    rename(7, "a".repeat(1_000)).await?;
    assert!(name(7).peek().await?.is_none());
    Ok(())
}
