//! `model`: a namespace for the functions that read one kind of thing. All are evicted at once by it.

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", model = "user", op = "get")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cached(ttl = "1m", model = "user", op = "list")]
async fn users(page: u32) -> Vec<String> {
    vec![format!("users of page {page}")]
}

#[cache_evict(model = "user")]
async fn import() {}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    user(7).await;
    users(1).await;
    import().await;
    assert_eq!((user(7).peek().await?, users(1).peek().await?), (None, None));
    println!("    {} and {}", user(7).cache_key()?, users(1).cache_key()?);
    kit.expect().loads(2);
    Ok(())
}
