//! `on = "ok"`: a body that fails leaves the entry. The default evicts it, because the body may have changed something.

use larder::{cache_put, cached, testing::Kit};

#[cached(ttl = "1m", key = "name:{id}")]
async fn name(id: u64) -> Result<String, String> {
    Ok(format!("user {id}"))
}

#[cache_put(name(id), on = "ok")]
async fn rename(id: u64, new: String) -> Result<String, String> {
    if new.is_empty() { Err(format!("user {id} needs a name")) } else { Ok(new) }
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    name(7).await?;
    println!("    {:?}", rename(7, String::new()).await);
    assert!(name(7).peek().await?.is_some());
    Ok(())
}
