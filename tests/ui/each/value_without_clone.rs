use std::collections::HashMap;

use larder::cached;

struct User;

#[cached(each = "id in ids", key = "user:{id}", local)]
async fn users(ids: &[u64]) -> HashMap<u64, User> {
    ids.iter().map(|id| (*id, User)).collect()
}

fn main() {}
