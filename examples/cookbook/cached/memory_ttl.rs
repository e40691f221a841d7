//! `memory_ttl`: for how long memory serves a value before it asks the remote tier again. It bounds the age of values if
//! programs without larder write to the store.

use std::time::Duration;

use larder::backend::MemoryBackend;
use larder::{Cache, cached, testing::Kit};

#[cached(ttl = "1h", memory_ttl = "10s")]
async fn setting(name: &str) -> String {
    format!("value of {name}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    // A stand-in for Redis.
    Cache::builder().remote(MemoryBackend::new()).build()?.install();
    setting("colour").await;
    kit.advance(Duration::from_secs(11));
    let source = setting("colour").traced().await.source;
    println!("    after 11 s the value comes from {source:?}, without a load");
    kit.expect().loads(1).remote_hits(1);
    Ok(())
}
