//! `jitter`: shortens each `ttl` by a random part, so that values that were loaded together do not expire together.

use std::time::Duration;

use larder::{cached, testing::Kit};

#[cached(ttl = "100s", jitter = "50%")]
async fn product(id: u64) -> String {
    format!("product {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    for id in 0..1_000 {
        product(id).await;
    }
    kit.advance(Duration::from_secs(75));
    for id in 0..1_000 {
        product(id).await;
    }
    let expired = kit.counts().loads - 1_000;
    println!("    after 75 of 50 to 100 seconds, {expired} of 1,000 values have expired");
    assert!((300..700).contains(&expired));
    Ok(())
}
