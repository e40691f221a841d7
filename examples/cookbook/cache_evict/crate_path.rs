//! `crate`: the path to larder, for macros and crates that export it under another name.

use larder::{cached, testing::Kit};

mod toolkit {
    pub(crate) use larder;
}

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

#[toolkit::larder::cache_evict(user(id), crate = toolkit::larder)]
async fn rename(id: u64) {
    println!("    user {id} has another name");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    user(7).await;
    rename(7).await;
    assert!(user(7).peek().await?.is_none());
    Ok(())
}
