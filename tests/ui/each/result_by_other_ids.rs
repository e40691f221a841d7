use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key = "user:{id}")]
async fn users(ids: &[u64]) -> HashMap<u32, u64> {
    ids.iter().map(|id| (*id as u32, *id)).collect()
}

fn main() {}
