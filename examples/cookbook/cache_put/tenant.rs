//! `tenant`: stores the value for a tenant.

use larder::{cache_put, cached, testing::Kit};

#[cached(ttl = "1m", key = "name:{id}")]
async fn name(id: u64) -> String {
    format!("user {id}")
}

#[cache_put(name(id), tenant = tenant)]
async fn rename(tenant: &str, id: u64, new: &str) -> String {
    format!("{new} {id} of {tenant}")
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    rename("acme", 7, "Ada").await;
    println!("    {}, and {} without a tenant", name(7).tenant("acme").await, name(7).await);
    assert_eq!(name(7).tenant("acme").await, "Ada 7 of acme");
    Ok(())
}
