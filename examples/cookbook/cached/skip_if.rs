//! `skip_if`: neither reads nor writes the cache if a condition on the arguments is true.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", skip_if = number > 10)]
async fn page(number: u64) -> u64 {
    number
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    for number in [1, 1, 99, 99] {
        page(number).await;
    }
    kit.expect().hits(1).stores(1);
    println!("    deep pages are rarely read twice, so they do not fill the cache");
    Ok(())
}
