//! `metrics = false`: leaves the calls of a function out of statistics and metrics.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m")]
async fn counted() -> u64 {
    1
}

#[cached(ttl = "1m", metrics = false)]
async fn not_counted() -> u64 {
    2
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    counted().await;
    not_counted().await;
    kit.expect().loads(1);
    println!("    two loads, of which the statistics know one");
    Ok(())
}
