//! `tenant`: evicts the entries of a tenant. (A call may also name its tenant: `user(id).tenant(name)`.)

use larder::{cache_evict, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[cache_evict(user(id), pattern = "users:*", tenant = tenant)]
async fn rename(tenant: &str, id: u64) {
    println!("    renamed {id} of {tenant}");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).tenant("acme").await;
    user(7).tenant("umbrella").await;
    rename("acme", 7).await;
    assert_eq!(user(7).tenant("acme").peek().await?, None);
    assert!(user(7).tenant("umbrella").peek().await?.is_some());
    Ok(())
}
