use std::collections::HashMap;

use larder::cached;

#[cached(each = "id in ids", key = "user:{id}")]
async fn users(ids: &[u64]) -> HashMap<String, u64> {
    ids.iter().map(|id| (id.to_string(), *id)).collect()
}

fn main() {}
