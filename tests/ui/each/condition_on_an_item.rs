use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key = "user:{id}", skip_if = id == 7)]
async fn users(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {}
