//! `tiers`: the tiers of one call. A put removes the older value from a tier that it leaves out.

use larder::backend::MemoryBackend;
use larder::{Cache, Source, Tiers, cached, testing::Kit};

#[cached(ttl = "1m")]
async fn price(article: u64) -> u64 {
    article
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    Cache::builder().remote(MemoryBackend::new()).build()?.install();
    price(7).put(1).await?;
    price(7).tiers(Tiers::Remote).put(2).await?;
    let read = price(7).traced().await;
    assert_eq!((read.value, read.source), (2, Source::Remote));
    println!("    memory had 1, and forgot it");
    Ok(())
}
