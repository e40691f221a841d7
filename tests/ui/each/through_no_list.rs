use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key = "user:{id}")]
async fn users(ids: u64) -> HashMap<u64, u64> {
    HashMap::from([(ids, ids)])
}

fn main() {}
