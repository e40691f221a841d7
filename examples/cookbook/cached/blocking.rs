//! `blocking`: a sync function that uses all tiers, and blocks its thread while it waits for the remote one.

use larder::backend::MemoryBackend;
use larder::{Cache, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}", blocking)]
fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    // A stand-in for Redis.
    Cache::builder().no_memory().remote(MemoryBackend::new()).build()?.install();
    let kit = kit.clone();
    // Code that blocks belongs on a thread of its own.
    let users = tokio::task::spawn_blocking(move || kit.run_sync(|| (user(7), user(7)))).await?;
    println!("    {users:?}");
    Ok(())
}
