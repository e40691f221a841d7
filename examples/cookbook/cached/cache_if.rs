//! `cache_if`: stores a value only if a condition is true. The condition may use the arguments, too.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", cache_if = |page: &Vec<u64>| page.len() as u64 == size)]
async fn page(number: u64, size: u64) -> Vec<u64> {
    // The last page is not full, and will get more rows.
    (0..100_u64).skip((number * size) as usize).take(size as usize).collect()
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    for number in [0, 0, 3, 3] {
        println!("    page {number}: {} rows", page(number, 30).await.len());
    }
    kit.expect().hits(1).loads(3);
    Ok(())
}
