//! The call whose value the output becomes (write-through). The next read is a hit.

use larder::{cache_put, cached, testing::Kit};

#[cached(ttl = "1m", key = "name:{id}")]
async fn name(id: u64) -> Result<String, String> {
    Err(format!("there is no user {id}"))
}

#[cache_put(name(id))]
async fn rename(id: u64, new: String) -> Result<String, String> {
    println!("    user {id} is now called {new}");
    Ok(new)
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    rename(7, "Ada".to_owned()).await?;
    assert_eq!(name(7).await?, "Ada");
    kit.expect().loads(0).hits(1);
    Ok(())
}
