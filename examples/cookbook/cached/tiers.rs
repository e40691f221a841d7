//! `tiers`: which tiers are read and filled. `"remote"`: each read asks the remote tier, so it never has to wait until memory
//! learns of a change in another process. `"memory"`: values of this process, which one call can still share.

use larder::backend::MemoryBackend;
use larder::{Cache, Source, Tiers, cached, testing::Kit};

#[cached(ttl = "1m", tiers = "remote")]
async fn stock(article: u64) -> u64 {
    article
}

#[cached(ttl = "1m", tiers = "memory")]
async fn draft(page: u64) -> u64 {
    page
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    Cache::builder().remote(MemoryBackend::new()).build()?.install();
    stock(7).await;
    assert_eq!(stock(7).traced().await.source, Source::Remote);
    draft(1).await;
    assert_eq!(draft(1).tiers(Tiers::Remote).peek().await?, None);
    println!("    stock is in the remote tier, and draft in memory");
    Ok(())
}
